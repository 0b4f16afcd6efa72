"""A plain map on Ray: results in the order of the jobs, a few jobs ahead of what is taken."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from inspect import isgeneratorfunction
from typing import Any, TypeVar

from get_core.chromatin.jobs import Map
from screening.cluster.job import connect

__all__ = ["map_on_ray"]

J = TypeVar("J")
R = TypeVar("R")

AHEAD = 2
"""Jobs per core that are submitted before their results are taken: cores stay busy, results stay few."""


@contextmanager
def map_on_ray(*, cpus: int | None = None) -> Iterator[Map]:
    """Give a map that runs on Ray.

    On the cluster that ``RAY_ADDRESS`` names, else on a Ray of this machine that starts with the first map and ends
    with the ``with`` block. Files that jobs name must be seen by all workers. The function is sent once for each map,
    with whatever a `functools.partial` binds to it.

    Parameters
    ----------
    cpus : int, optional
        Cores of a Ray of this machine; all by default.

    Yields
    ------
    Map
        An exception of a job is raised where its result is taken, as it was there.
    """
    with ExitStack() as connection:

        def run(function: Callable[[J], R], jobs: Sequence[J]) -> Iterator[R]:
            import ray

            if not ray.is_initialized():
                connection.enter_context(connect(cpus=cpus))
            call, result = _remote(function)
            sent = ray.put(function)
            window = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            waiting: deque = deque()
            for job in jobs:
                waiting.append(call.remote(sent, job))
                if len(waiting) >= window:
                    yield result(waiting.popleft())
            while waiting:
                yield result(waiting.popleft())

        yield run


def _remote(function: Callable[[Any], Any]) -> tuple[Any, Callable[[Any], Any]]:
    """Return what runs a job of a function, and what takes its result."""
    import ray

    if isgeneratorfunction(function):
        return ray.remote(num_cpus=1, num_returns="streaming")(_steps), _results
    return ray.remote(num_cpus=1)(_call), _result


def _call(function: Callable[[Any], Any], job: object) -> Any:
    return function(job)


def _steps(function: Callable[[Any], Iterator[Any]], job: object) -> Iterator[Any]:
    yield from function(job)


def _results(references: Any) -> Any:
    """Take what a generator yields while it still runs."""
    return map(_result, references)


def _result(reference: Any) -> Any:
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        # The job's own exception, with its notes, not Ray's account of it.
        raise error.cause from None
