"""Which tasks exist, which can run and which are settled: the state of a run, without Ray and without a clock."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from catalog.record import Record
from screening.screen import Screen
from screening.stages import STAGES, stage_named, stages_until
from screening.task import Task

__all__ = ["Frontier", "State"]


class State(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    CACHED = "cached"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"


SETTLED = frozenset({State.CACHED, State.DONE, State.FAILED, State.BLOCKED})
WITH_RESULT = frozenset({State.CACHED, State.DONE})


@dataclass
class Frontier:
    """The tasks of a screen and their states.

    Tasks are known by their keys before they run, so a task is made as soon as the tasks it reads exist. The ready task
    of the latest stage comes first: complete rows appear early, and a screen that is stopped leaves a usable catalog.

    Parameters
    ----------
    screen : Screen
        The screen; its store says which tasks have results.
    until : str, optional
        The last stage; tasks of later ones are passed over, as if nothing followed. All stages by default.

    Raises
    ------
    InvalidInput
        There is no stage `until`.
    """

    screen: Screen
    until: str | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    _missing: dict[str, int] = field(default_factory=dict)
    _dependents: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ready: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    _gathered: set[str] = field(default_factory=set)
    _records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._wanted = frozenset(stage.name for stage in stages_until(self.until))

    def add(self, tasks: Iterable[Task]) -> None:
        """Add tasks, and all that follow from results in the store; those known already are passed over."""
        for task in tasks:
            if task.key in self.tasks or task.stage not in self._wanted:
                continue
            self.tasks[task.key] = task
            record = self.screen.store.get(task.key)
            if record is not None:
                self._settle(task, record, State.CACHED if record.ok else State.FAILED)
                continue
            missing = 0
            blocked = False
            for key in set(task.upstream.values()):
                state = self._state_of(key)
                if state not in SETTLED:
                    missing += 1
                    self._dependents[key].append(task.key)
                blocked = blocked or state in (State.FAILED, State.BLOCKED)
            if blocked:
                self._block(task.key)
            elif missing:
                self.states[task.key], self._missing[task.key] = State.WAITING, missing
            else:
                self._make_ready(task.key)

    def take(self, fits: Callable[[Task], bool]) -> Task | None:
        """Return the first ready task that fits, now running; None where none does."""
        for stage in reversed(STAGES):
            queue = self._ready[stage.name]
            if queue and fits(self.tasks[queue[0]]):
                key = queue.popleft()
                self.states[key] = State.RUNNING
                return self.tasks[key]
        return None

    def requeue(self, key: str) -> None:
        """Make a running task ready again, behind the others of its stage."""
        self._make_ready(key)

    def finish(self, key: str) -> Record | None:
        """Settle a running task by what the store has of it.

        Returns
        -------
        Record or None
            None where the task failed without a record.
        """
        record = self.screen.store.get(key)
        if record is None:
            self._fail(key)
        else:
            self._settle(self.tasks[key], record, State.DONE if record.ok else State.FAILED)
        return record

    def gather_if_idle(self) -> bool:
        """Let stages that gather have their turn where nothing else is left.

        Returns
        -------
        bool
            Whether everything is settled: the run is over.
        """
        while all(state in SETTLED for state in self.states.values()):
            if not self._gather():
                return True
        return False

    def counts(self) -> Mapping[str, Counter[State]]:
        """Return how many tasks of each stage are in each state, stages in data order."""
        table: dict[str, Counter[State]] = {stage.name: Counter() for stage in STAGES}
        for key, state in self.states.items():
            table[self.tasks[key].stage][state] += 1
        return table

    def _state_of(self, key: str) -> State:
        """Return where a task stands that another reads; one of an earlier run is known to the store alone."""
        if key not in self.states and (record := self.screen.store.get(key)) is not None:
            return State.CACHED if record.ok else State.FAILED
        return self.states.get(key, State.WAITING)

    def _gather(self) -> bool:
        """Let the next gathering stage make its tasks; False where all have."""
        for stage in STAGES:
            if stage.gathers is not None and stage.name in self._wanted and stage.name not in self._gathered:
                self._gathered.add(stage.name)
                records = [record for name in stage.reads for record in self._records[name]]
                self.add(stage.gathers(sorted(records, key=lambda record: record.key), self.screen))
                return True
        return False

    def _settle(self, task: Task, record: Record, state: State) -> None:
        self.states[task.key] = state
        if state not in WITH_RESULT:
            self._fail(task.key)
            return
        self._records[task.stage].append(record)
        for first, follow in stage_named(task.stage).follow.items():
            if first in self._wanted:  # else it would ask for inputs of stages to come
                self.add(follow(record, self.screen))
        for key in self._dependents.pop(task.key, ()):
            self._missing[key] -= 1
            if self._missing[key] == 0 and self.states[key] is State.WAITING:
                self._make_ready(key)

    def _fail(self, key: str) -> None:
        self.states[key] = State.FAILED
        for dependent in self._dependents.pop(key, ()):
            self._block(dependent)

    def _block(self, key: str) -> None:
        if self.states.get(key) is State.BLOCKED:
            return
        self.states[key] = State.BLOCKED
        for dependent in self._dependents.pop(key, ()):
            self._block(dependent)

    def _make_ready(self, key: str) -> None:
        self.states[key] = State.READY
        self._ready[self.tasks[key].stage].append(key)
