"""The far side of Ray: what a worker process does with a task, and what it tells while it does."""

import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from screening.cluster.executor import TaskFunction
from screening.errors import Failure, failure_of
from screening.execution import Report
from screening.task import Resources, Task

__all__ = ["Message", "Progressed", "Seat", "Started", "messages_of", "thread_limits"]

PROGRESS_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Started:
    """A worker process has taken the task up.

    Attributes
    ----------
    node_id : str
        Ray's name of the machine.
    host : str
        Host name.
    pid : int
        Process.
    """

    node_id: str
    host: str
    pid: int


@dataclass(frozen=True)
class Progressed:
    """Steps done and steps in all."""

    done: int
    total: int


Message = Started | Progressed | Report | Failure


def thread_limits(cpus: int) -> dict[str, str]:
    """Return the environment that keeps numerical libraries to the granted cores; they read it when they are loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENMM_CPU_THREADS")
    return dict.fromkeys(names, str(cpus))


def messages_of(
    function: TaskFunction, task: Task, store_root: Path, run_id: str, attempt: int, resources: Resources
) -> Iterator[Message]:
    """Run a task in a thread and tell how it goes.

    The first message says where the task runs, so that the driver can start the clock of its deadline and can tell a
    lost machine from a lost worker; the last one is the report, or the failure that kept it from being made.

    Parameters
    ----------
    function : TaskFunction
        What is done with the task.
    task, store_root, run_id, attempt, resources
        Its arguments.

    Yields
    ------
    Message
        `Started`, any number of `Progressed`, then `Report` or `Failure`.
    """
    yield _here()
    messages: SimpleQueue[Message] = SimpleQueue()
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PROGRESS_INTERVAL_S:
            told = now
            messages.put(Progressed(done, total))

    def body() -> None:
        try:
            messages.put(function(task, store_root, run_id, attempt, resources, tell))
        except BaseException as error:  # also SystemExit: silence would be taken for work
            messages.put(failure_of(error))

    Thread(target=body, name=task.stage, daemon=True).start()
    while True:
        message = messages.get()
        yield message
        if not isinstance(message, Progressed):
            return


class Seat:
    """The actor of a GPU stage: a process that keeps its GPU, weights and compiled shapes from task to task."""

    def __init__(self, function: TaskFunction, store_root: Path, run_id: str) -> None:
        self.function, self.store_root, self.run_id = function, store_root, run_id

    def ready(self) -> Started:
        """Return where the actor runs."""
        return _here()

    def run(self, task: Task, attempt: int, resources: Resources) -> Iterator[Message]:
        """Run a task, as `messages_of` does."""
        yield from messages_of(self.function, task, self.store_root, self.run_id, attempt, resources)


def _here() -> Started:
    import ray

    return Started(ray.get_runtime_context().get_node_id(), platform.node(), os.getpid())
