"""The loop of a run: ready tasks to the executor, ended ones to the frontier, records to the catalog."""

import heapq
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from catalog.record import Attempt, Record
from screening.cluster.bookkeeping import failed_record, lost_attempt, remove_temporaries, run_record, utc_now
from screening.cluster.executor import Ended, Executor
from screening.cluster.feed import Feed
from screening.cluster.reporter import Reporter, Summary
from screening.cluster.retry import Circuit, GiveUp, Retry, decide
from screening.errors import Failure, FailureKind, InvalidInput
from screening.frontier import Frontier, State
from screening.screen import Screen
from screening.task import Resources, Task

__all__ = ["run"]

POLL_S = 0.5
FEED_S = 2.0
FLUSH_PATIENCE_S = 15.0
STOP_PATIENCE_S = 1.5
"""A job that is told to stop has three seconds in all."""

RECORDED = frozenset({State.CACHED, State.DONE, State.FAILED})


def run(
    screen: Screen,
    tasks: Iterable[Task],
    executor: Executor,
    *,
    run_id: str,
    resume_command: str,
    reporter: Reporter,
    until: str | None = None,
    submission_id: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Run tasks and all that follow from them.

    Parameters
    ----------
    screen : Screen
        The screen.
    tasks : iterable of Task
        Where to begin.
    executor : Executor
        Where to run; its owner closes it.
    run_id : str
        Name of the run.
    resume_command : str
        What goes on where this run stops.
    reporter : Reporter
        Shows the run.
    until : str, optional
        The last stage to run; all by default.
    submission_id : str, optional
        Ray job this runs in.
    clock : callable
        Seconds that only grow.

    Returns
    -------
    Summary
        Also after SIGINT and SIGTERM, which stop the run within two seconds: what has ended is kept, tasks that ran
        begin anew with the next run. A second signal raises KeyboardInterrupt.

    Raises
    ------
    InvalidInput
        A task asks for more than any machine of the executor has, or there is no stage `until`.
    """
    reporter.start(resume_command)
    try:
        with _signals() as received:
            summary = _Loop(screen, executor, run_id, reporter, clock, until).drive(tasks, submission_id, received)
    finally:
        reporter.end()
    if summary.stopped_by is not None:
        reporter.note(f"stopped; to go on: {resume_command}")
    return summary


@dataclass
class _Loop:
    """State of one run."""

    screen: Screen
    executor: Executor
    run_id: str
    reporter: Reporter
    clock: Callable[[], float]
    until: str | None
    circuit: Circuit = field(default_factory=Circuit)
    submitted: set[str] = field(default_factory=set)
    attempts: Counter[str] = field(default_factory=Counter)
    history: dict[str, list[FailureKind]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, float] = field(default_factory=dict)
    later: list[tuple[float, str]] = field(default_factory=list)
    placeable: set[Resources] = field(default_factory=set)
    unsaved: list[tuple[Task, Attempt]] = field(default_factory=list)
    executed: int = 0
    stalled: bool = False
    shown: float = float("-inf")
    fed: float = float("-inf")

    def __post_init__(self) -> None:
        self.frontier = Frontier(self.screen, self.until)
        self.feed = Feed(self.screen, self.reporter.note, self.clock)

    def drive(self, tasks: Iterable[Task], submission_id: str | None, received: list[int]) -> Summary:
        """Go round until nothing is left or a signal is received; write down the beginning and the end."""
        start = self.clock()
        store = self.screen.store
        remove_temporaries(store)
        record = run_record(self.screen, self.run_id, submission_id)
        store.put_run(record)
        self.feed.run(record)
        for attempt in store.failed_attempts():
            self.feed.failed(attempt)
        status = "interrupted"
        try:
            self.frontier.add(tasks)
            while not received and self._round():
                pass
            if not received:
                totals = self._totals()
                clean = not (totals[State.FAILED] or totals[State.BLOCKED] or self.circuit.paused)
                status = "finished" if clean else "finished_with_failures"
        finally:
            record = replace(record, status=status, finished_at=utc_now())
            store.put_run(record)
            self.feed.run(record)
            self._save_attempts()
            self._feed_settled()
            behind = self.feed.flush(STOP_PATIENCE_S if status == "interrupted" else FLUSH_PATIENCE_S)
        if behind:
            self.reporter.note(f"{behind} records are in the store but not yet in the catalog; the next run adds them")
        totals = self._totals()
        return Summary(
            run_id=self.run_id,
            counts=self.frontier.counts(),
            executed=self.executed,
            cached=totals[State.CACHED],
            failed=totals[State.FAILED],
            blocked=totals[State.BLOCKED],
            wall_s=self.clock() - start,
            paused=self.circuit.paused,
            behind=behind,
            stopped_by=received[0] if received else None,
        )

    def _round(self) -> bool:
        """Submit, wait, settle; False where nothing is left to do."""
        while self.later and self.later[0][0] <= self.clock():
            self.frontier.requeue(heapq.heappop(self.later)[1])
        self._submit()
        if not self.submitted and not self.later:
            if self.frontier.gather_if_idle():
                return False
            self._submit()
            if not self.submitted and not self._awaits_machines():
                return False  # what is left is of a paused stage, or waits for one
        pause = POLL_S
        if not self.submitted:
            pause = max(0.0, min(POLL_S, self.later[0][0] - self.clock())) if self.later else POLL_S
        for ended in self.executor.wait(pause):
            self._settle(ended)
        self._tell()
        return True

    def _submit(self) -> None:
        while (task := self.frontier.take(self._fits)) is not None:
            self.attempts[task.key] += 1
            self.submitted.add(task.key)
            self.executor.submit(task, self._resources(task), self.attempts[task.key])

    def _awaits_machines(self) -> bool:
        """Return whether tasks could run if the executor had room, as when a cluster has lost its last GPU."""
        waiting = [stage for stage, states in self.frontier.counts().items() if states[State.READY]]
        stages = [stage for stage in waiting if stage not in self.circuit.paused]
        if stages and not self.stalled:
            self.reporter.note(f"no machine has room for {', '.join(stages)}: waiting until one comes back")
        self.stalled = bool(stages)
        return self.stalled

    def _fits(self, task: Task) -> bool:
        if task.stage in self.circuit.paused:
            return False
        resources = self._resources(task)
        if resources not in self.placeable:
            if reason := self.executor.unplaceable(resources):
                raise InvalidInput(
                    f"stage {task.stage} cannot run here: {reason}",
                    cure=f"ask for less in [resources.{task.stage}] of screen.toml, or use a cluster that has it",
                )
            self.placeable.add(resources)
        return self.executor.has_room(task, resources)

    def _resources(self, task: Task) -> Resources:
        declared = self.screen.resources_of(task)
        return replace(declared, memory_gib=declared.memory_gib * self.memory.get(task.key, 1.0))

    def _settle(self, ended: Ended) -> None:
        task, key = ended.task, ended.task.key
        self.submitted.remove(key)
        self.executed += 1
        if ended.report is not None:
            failure, attempt, settled = ended.report.failure, ended.report.attempt, ended.report.settled
        elif ended.loss is not None and self.screen.store.get(key) is None:
            failure, settled = ended.loss, False
            attempt = lost_attempt(ended, failure, self.run_id, self._resources(task))
            self.unsaved.append((task, attempt))
        else:  # the worker died between publishing the record and saying so
            failure, attempt, settled = None, None, True
        if self.circuit.record(task.stage, failure):
            top = self.circuit.paused[task.stage]
            self.reporter.note(f"stage {task.stage} is paused: too many attempts failed: {told(top)}")
        if settled or failure is None or attempt is None:
            self.frontier.finish(key)
            return
        self.feed.failed(failed_try(task, attempt))
        self._answer(task, failure, attempt)

    def _answer(self, task: Task, failure: Failure, attempt: Attempt) -> None:
        """Try a task again or end it."""
        key = task.key
        answer = decide(failure, self.history[key])
        self.history[key].append(failure.kind)
        if isinstance(answer, Retry):
            self.memory[key] = self.memory.get(key, 1.0) * answer.memory_factor
            reason = self.executor.unplaceable(self._resources(task)) if answer.memory_factor > 1 else None
            if reason is None:
                self._again(key, answer.delay_s)
                return
            answer = GiveUp(replace(failure, message=f"{failure.message}; and for more: {reason}"))
        self.reporter.note(f"{self._name(key)}: {told(answer.failure)}")
        if answer.failure.kind.permanent:
            try:
                self.screen.store.publish(failed_record(task, answer.failure, attempt))
            except OSError as error:  # it ends without a record, and the next run tries it again
                self.reporter.note(f"{self._name(key)}: its record cannot be written: {error}")
        self.frontier.finish(key)

    def _again(self, key: str, delay_s: float) -> None:
        if delay_s:
            # Spread, so that tasks that failed together do not come back together.
            heapq.heappush(self.later, (self.clock() + delay_s * random.uniform(0.5, 1.5), key))
        else:
            self.frontier.requeue(key)

    def _tell(self) -> None:
        """Bring the store, the catalog and the user up to date."""
        now = self.clock()
        if now - self.fed >= FEED_S:
            self.fed = now
            self._save_attempts()
            self._feed_settled()
            self.feed.tick()
        if now - self.shown >= POLL_S:
            self.shown = now
            steps = self.executor.progress()
            running = {self._name(key): steps.get(key, (0, 0)) for key in self.submitted}
            self.reporter.update(self.frontier.counts(), running)

    def _save_attempts(self) -> None:
        try:
            while self.unsaved:
                task, attempt = self.unsaved[-1]
                self.screen.store.add_failed_attempt(task.key, task.stage, task.subject, attempt)
                self.unsaved.pop()
        except OSError as error:  # a full disk: these follow when there is room
            self.reporter.note(f"the store cannot be written: {error}")

    def _feed_settled(self) -> None:
        self.feed.settled(key for key, state in self.frontier.states.items() if state in RECORDED)

    def _name(self, key: str) -> str:
        task = self.frontier.tasks[key]
        return f"{task.stage} {task.subject}"

    def _totals(self) -> Counter[State]:
        return sum(self.frontier.counts().values(), Counter())


def told(failure: Failure) -> str:
    """Return a failure and its cure, if it has one, as a line for the user."""
    return f"{failure.message}; next: {failure.cure}" if failure.cure else failure.message


def failed_try(task: Task, attempt: Attempt) -> Record:
    """Return an attempt in the form in which `Store.failed_attempts` gives it."""
    return Record(
        task.key, task.stage, 0, task.subject, "failed", {}, {}, {}, attempts=(attempt,), finished_at=attempt.started_at
    )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM for the loop to see; the second one interrupts whatever runs."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
