"""Where tasks run: the interface of the driver to Ray, and the executor that needs nothing but this process."""

import platform
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from screening.errors import Failure, failure_of
from screening.execution import Report, execute
from screening.task import Progress, Resources, Task

__all__ = ["Ended", "Executor", "InlineExecutor", "TaskFunction"]


class TaskFunction(Protocol):
    """What is done with a task, normally `screening.execution.execute`."""

    def __call__(
        self,
        task: Task,
        store_root: Path,
        run_id: str,
        attempt: int,
        resources: Resources,
        progress: Progress | None = None,
        /,
    ) -> Report:
        """Run the task and publish its record."""
        ...


@dataclass(frozen=True)
class Ended:
    """The end of an attempt.

    Attributes
    ----------
    task : Task
        The task.
    attempt : int
        As submitted.
    report : Report or None
        What the worker said.
    loss : Failure or None
        Why the worker said nothing; None where it did.
    node : str
        Host name, empty where the attempt never started.
    wall_s : float
        Seconds since the attempt started.
    """

    task: Task
    attempt: int
    report: Report | None
    loss: Failure | None = None
    node: str = ""
    wall_s: float = 0.0


class Executor(Protocol):
    """Runs tasks somewhere."""

    def unplaceable(self, resources: Resources) -> str | None:
        """Return why no machine can ever run such a task; None where one can."""
        ...

    def has_room(self, task: Task, resources: Resources) -> bool:
        """Return whether the task may be submitted: it runs at once or soon."""
        ...

    def submit(self, task: Task, resources: Resources, attempt: int) -> None:
        """Start an attempt at a task."""
        ...

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return attempts that ended, as soon as there is one or the time is over."""
        ...

    def progress(self) -> Mapping[str, tuple[int, int]]:
        """Return steps done and steps in all of the tasks that run, by key."""
        ...

    def close(self) -> None:
        """End what runs."""
        ...


@dataclass
class InlineExecutor:
    """Runs one task at a time in this process.

    Parameters
    ----------
    store_root : Path
        The store.
    run_id : str
        The run the attempts belong to.
    function : TaskFunction
        What is done with a task.
    """

    store_root: Path
    run_id: str
    function: TaskFunction = execute
    _waiting: deque[tuple[Task, Resources, int]] = field(default_factory=deque)

    def unplaceable(self, resources: Resources) -> str | None:
        """Return None: this process tries anything."""
        return None

    def has_room(self, task: Task, resources: Resources) -> bool:
        """Return whether nothing waits."""
        return not self._waiting

    def submit(self, task: Task, resources: Resources, attempt: int) -> None:
        """Keep a task for `wait`."""
        self._waiting.append((task, resources, attempt))

    def wait(self, timeout_s: float) -> list[Ended]:
        """Run the task that waits, however long it takes; sleep where there is none."""
        if not self._waiting:
            time.sleep(timeout_s)
            return []
        task, resources, attempt = self._waiting.popleft()
        start = time.monotonic()
        report = loss = None
        try:
            report = self.function(task, self.store_root, self.run_id, attempt, resources)
        except Exception as error:  # what goes wrong outside the stage function, such as a full disk
            loss = failure_of(error)
        return [Ended(task, attempt, report, loss, platform.node(), time.monotonic() - start)]

    def progress(self) -> Mapping[str, tuple[int, int]]:
        """Return nothing: while a task runs, nobody asks."""
        return {}

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
