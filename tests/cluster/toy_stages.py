"""Tasks that do what their inputs say, and a screen of them."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalog.record import Attempt, Record
from catalog.store import Store
from screening.cluster.executor import Ended
from screening.errors import Failure, FailureKind
from screening.execution import Report
from screening.frontier import State
from screening.screen import Screen
from screening.sections.complexes import ScoreSettings
from screening.settings import ResourceOverride, ScreenSettings
from screening.task import Resources, Result, Stage, Task


def task(subject: str, stage: str = "score", /, **inputs) -> Task:
    """A task with a key of its own."""
    return Task(f"{abs(hash((stage, subject))):064x}"[:64], stage, subject, inputs, {}, ScoreSettings())


def attempt(run_id: str, number: int, failure: Failure | None = None) -> Attempt:
    kind = failure.kind.value if failure else None
    status = "failed" if failure else "ok"
    return Attempt(
        run_id, number, status, kind, failure and failure.message, None, "n", None, "2026-01-01T00:00:00", 1, 1, 0, 0
    )


def publish(store: Store, task: Task, trial: Attempt, outputs: Mapping = {}) -> Report:
    store.publish(
        Record(task.key, task.stage, 1, task.subject, "ok", task.inputs, task.upstream, {}, outputs, attempts=(trial,))
    )
    return Report(task.key, None, trial)


def act(
    task: Task,
    store_root: Path,
    run_id: str,
    number: int,
    resources: Resources,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Leave a trace, then do what the input `do` says, and publish where and how that was."""
    began = time.time()
    trace = store_root / "traces" / f"{task.subject}-{number}"
    trace.parent.mkdir(parents=True, exist_ok=True)
    trace.touch()
    do = task.inputs.get("do")
    if do == "sleep":
        for step in range(10):
            if progress:
                progress(step, 10)
            time.sleep(float(str(task.inputs["seconds"])) / 10)
    if do == "die" and number <= int(str(task.inputs["times"])):
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "fail":
        failure = Failure(FailureKind(str(task.inputs["kind"])), "as asked")
        return Report(task.key, failure, attempt(run_id, number, failure))
    if do == "raise":
        raise OSError(28, "No space left on device")
    where = {
        "pid": os.getpid(),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "memory_gib": resources.memory_gib,
        "began": began,
        "ended": time.time(),
    }
    return publish(Store(store_root), task, attempt(run_id, number), where)


@dataclass
class Recorder:
    """A reporter that keeps what it is told."""

    lines: list[str] = field(default_factory=list)
    running: dict[str, tuple[int, int]] = field(default_factory=dict)
    ended: bool = False
    at_update: Callable[[], None] = lambda: None

    def start(self, resume_command: str) -> None:
        self.lines.append(resume_command)

    def update(self, counts: Mapping[str, Counter[State]], running: Mapping[str, tuple[int, int]]) -> None:
        self.running.update(running)
        self.at_update()

    def note(self, text: str) -> None:
        self.lines.append(text)

    def end(self) -> None:
        self.ended = True


@dataclass
class FakeTime:
    """A clock that only waiting moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ScriptedExecutor:
    """Ends every attempt as a script says: given task and attempt, a kind of loss, or None for a result."""

    store: Store
    clock: FakeTime
    script: Callable[[Task, int], FailureKind | None]
    slots: int = 4
    seconds: float = 1.0
    largest_memory_gib: float = 1e9
    log: list[tuple[str, int, float, float]] = field(default_factory=list)
    _flights: list[tuple[Task, int]] = field(default_factory=list)

    def unplaceable(self, resources: Resources) -> str | None:
        return "too big" if resources.memory_gib > self.largest_memory_gib or resources.gpus > 1 else None

    def has_room(self, task: Task, resources: Resources) -> bool:
        return len(self._flights) < self.slots

    def submit(self, task: Task, resources: Resources, attempt: int) -> None:
        assert self.has_room(task, resources)
        self.log.append((task.subject, attempt, self.clock.now, resources.memory_gib))
        self._flights.append((task, attempt))

    def wait(self, timeout_s: float) -> list[Ended]:
        if not self._flights:
            self.clock.now += max(timeout_s, 0.01)
            return []
        self.clock.now += self.seconds
        task, number = self._flights.pop(0)
        kind = self.script(task, number)
        if kind is not None:
            return [Ended(task, number, None, Failure(kind, f"{kind} as scripted"), "node", self.seconds)]
        return [Ended(task, number, publish(self.store, task, attempt("run", number)), None, "node", self.seconds)]

    def progress(self) -> Mapping[str, tuple[int, int]]:
        return {}

    def close(self) -> None:
        self._flights.clear()


def toy_screen(folder: Path, resources: Mapping[str, ResourceOverride] = {}) -> Screen:
    return Screen(ScreenSettings(resources=dict(resources)), folder, {})


def toy_stages() -> Sequence[Stage]:
    """Stages that only lend their names: what is done is up to the executor."""

    def never(workspace: object, settings: object) -> Result:
        raise AssertionError("the executor runs its own function")

    return tuple(Stage(name, 1, (), lambda settings: Resources(), never) for name in ("structure", "score", "md"))
