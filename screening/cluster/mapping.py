"""A plain map on Ray: results in the order of the jobs, a few jobs ahead of what is taken."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from screening.cluster.job import connect

__all__ = ["map_on_ray"]

J = TypeVar("J")
R = TypeVar("R")

AHEAD = 2
"""Jobs per core that are submitted before their results are taken: cores stay busy, results stay few."""


def map_on_ray(function: Callable[[J], R], jobs: Sequence[J], *, cpus: int | None = None) -> Iterator[R]:
    """Run a function over jobs on Ray, as the built-in `map`.

    On the cluster that ``RAY_ADDRESS`` names, else on a Ray of this machine for as long as the results are taken. Files
    that jobs name must be seen by all workers.

    Parameters
    ----------
    function : callable
        Importable by the workers.
    jobs : sequence
        Its arguments.
    cpus : int, optional
        Cores of a Ray of this machine; all by default.

    Yields
    ------
    object
        Results in the order of `jobs`; an exception of a job is raised here as it was there.
    """
    with connect(cpus=cpus):
        import ray

        remote = ray.remote(num_cpus=1)(function)
        window = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque = deque()
        for job in jobs:
            waiting.append(remote.remote(job))
            if len(waiting) >= window:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def _result(reference: Any) -> Any:
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        # The job's own exception, with its notes, not Ray's account of it.
        raise error.cause from None
