"""How long work is cut up, run elsewhere and followed."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Map", "Note", "Progress"]

J = TypeVar("J", contravariant=True)
R = TypeVar("R", covariant=True)

Note = Callable[[str], None]
"""Called with what is being done."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Map(Protocol):
    """As the built-in `map`: results in the order of the jobs, wherever they run.

    The function and the jobs are pickled where that is another process. Of a generator function each result is an
    iterator, and what it yields can be taken while the job still runs: so a long job tells how far it is.
    """

    def __call__(self, function: Callable[[J], R], jobs: Sequence[J], /) -> Iterable[R]:
        """Run a function over jobs."""
        ...
