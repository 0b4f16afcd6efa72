"""Tasks on Ray: plain tasks for the processor, supervised actors for GPUs."""

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import ray
from ray import exceptions
from ray.actor import ActorHandle

from screening.cluster.capacity import Capacity, ray_capacity, ray_demand
from screening.cluster.executor import Ended, TaskFunction
from screening.cluster.replicas import execute_together
from screening.cluster.worker import Message, Progressed, Seat, Started, messages_of, thread_limits
from screening.errors import Failure, FailureKind, failure_of
from screening.execution import Report
from screening.task import Resources, Task

__all__ = ["RayExecutor", "loss_of"]

WINDOW = 2
"""Processor tasks in flight, as a multiple of what the cluster runs at once, so that a freed core finds work."""

TASKS_PER_ACTOR = 200
"""After these an actor makes place for a new process: what native libraries leak is given back."""

IDLE_S = 60.0
"""An actor without work gives its GPU back after this time, so that an autoscaler can stop the machine."""

YIELD_S = 5.0
"""It does so after this time where processor tasks wait for a core, such as the one it holds."""

CAPACITY_AGE_S = 2.0
FAILED_STARTS = 5


@dataclass(eq=False)
class Flight:
    """An attempt that Ray has."""

    task: Task
    resources: Resources
    attempt: int
    messages: "ray.ObjectRefGenerator"
    lost_before: frozenset[str]
    worker: "Worker | None" = None
    started: Started | None = None
    clock: float = 0.0
    progress: tuple[int, int] | None = None

    @property
    def place(self) -> Started | None:
        return self.started or (self.worker.started if self.worker else None)

    @property
    def overdue(self) -> bool:
        return self.started is not None and time.monotonic() - self.clock > self.resources.deadline_s


Kind = tuple[str, Resources]
"""Actors serve one stage with one size of request."""


@dataclass(eq=False)
class Worker:
    """An actor of a GPU stage."""

    kind: Kind
    actor: ActorHandle
    ready: "ray.ObjectRef"
    started: Started | None = None
    flight: Flight | None = None
    tasks: int = 0
    idle_since: float = 0.0

    @property
    def gpus(self) -> float:
        return self.kind[1].gpus


@dataclass
class RayExecutor:
    """Runs tasks on the cluster this process is connected to.

    A stage without GPUs runs as plain Ray tasks. A stage with GPUs runs in actors, one for each GPU at most, which are
    made on demand, keep what they have loaded, and are ended when another stage needs the GPU, when they misbehave and
    when their work is done. Ray itself repeats nothing: what follows a failure is up to `screening.cluster.retry`.

    Parameters
    ----------
    store_root : Path
        The store, under the same path on all machines.
    run_id : str
        The run the attempts belong to.
    function : TaskFunction
        What is done with a task.
    """

    store_root: Path
    run_id: str
    function: TaskFunction = execute_together
    _flights: dict["ray.ObjectRefGenerator", Flight] = field(default_factory=dict)
    _workers: list[Worker] = field(default_factory=list)
    _queues: dict[Kind, deque[tuple[Task, int]]] = field(default_factory=lambda: defaultdict(deque))
    _ended: list[Ended] = field(default_factory=list)
    _failed_starts: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    _known: Capacity = field(default_factory=ray_capacity)
    _known_since: float = field(default_factory=time.monotonic)

    def unplaceable(self, resources: Resources) -> str | None:
        """Return why no machine of the cluster can ever run such a task; None where one can."""
        return self._capacity().refusal(resources)

    def has_room(self, task: Task, resources: Resources) -> bool:
        """Return whether a core is free or will be soon; for a GPU stage, whether an actor is free or can be made."""
        if resources.gpus:
            kind = (task.stage, resources)
            return self._unclaimed(kind) > 0 or self._can_make(kind)
        busy = sum(flight.resources.cpus for flight in self._flights.values() if flight.worker is None)
        return not busy or busy + resources.cpus <= WINDOW * self._capacity().total("CPU")

    def submit(self, task: Task, resources: Resources, attempt: int) -> None:
        """Start an attempt at a task."""
        if not resources.gpus:
            remote = ray.remote(messages_of).options(
                **_options(resources), num_returns="streaming", max_retries=0, retry_exceptions=False, name=task.stage
            )
            messages = remote.remote(self.function, task, self.store_root, self.run_id, attempt, resources)
            self._flights[messages] = Flight(task, resources, attempt, messages, _lost_nodes())
            return
        self._queues[task.stage, resources].append((task, attempt))
        self._provide()

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return attempts that ended, as soon as there is one or the time is over."""
        until = time.monotonic() + timeout_s
        while True:
            self._end_overdue()
            self._retire_idle()
            self._provide()
            if self._ended:
                ended, self._ended = self._ended, []
                return ended
            left = until - time.monotonic()
            if left <= 0:
                return []
            self._listen(min(left, 0.5))

    def progress(self) -> Mapping[str, tuple[int, int]]:
        """Return steps done and steps in all of the tasks that have told them, by key."""
        return {flight.task.key: flight.progress for flight in self._flights.values() if flight.progress}

    def close(self) -> None:
        """End what runs: tasks are cancelled and actors killed."""
        for flight in self._flights.values():
            if flight.worker is None:
                ray.cancel(flight.messages, force=True)
        for worker in self._workers:
            ray.kill(worker.actor)
        self._flights.clear()
        self._workers.clear()
        self._queues.clear()

    def _capacity(self) -> Capacity:
        if time.monotonic() - self._known_since > CAPACITY_AGE_S:
            self._known, self._known_since = ray_capacity(), time.monotonic()
        return self._known

    # listening

    def _listen(self, timeout_s: float) -> None:
        starting = {worker.ready: worker for worker in self._workers if worker.started is None}
        sources = [*self._flights, *starting]
        if not sources:
            time.sleep(timeout_s)
            return
        if not ray.wait(sources, num_returns=1, timeout=timeout_s)[0]:
            return
        for source in ray.wait(sources, num_returns=len(sources), timeout=0)[0]:
            if source in starting:
                self._hear_ready(starting[source])
            else:
                self._hear(self._flights[source])

    def _hear_ready(self, worker: Worker) -> None:
        try:
            worker.started = ray.get(worker.ready)
        except exceptions.RayError as error:
            self._workers.remove(worker)
            self._after_failed_start(worker.kind, loss_of(error, node_alive=False))
            return
        worker.idle_since = time.monotonic()
        self._failed_starts[worker.kind] = 0

    def _after_failed_start(self, kind: Kind, loss: Failure) -> None:
        """End the tasks that wait for actors of a kind where these never start."""
        self._failed_starts[kind] += 1
        if self._failed_starts[kind] < FAILED_STARTS:
            return
        self._failed_starts[kind] = 0
        queue = self._queues[kind]
        why = Failure(loss.kind, f"{FAILED_STARTS} actors in a row did not start; the last one: {loss.message}")
        while queue:
            task, attempt = queue.popleft()
            self._ended.append(Ended(task, attempt, None, why))

    def _hear(self, flight: Flight) -> None:
        try:
            message = cast(Message, ray.get(next(flight.messages)))
        except (exceptions.RayError, StopIteration) as error:
            self._end(flight, None, loss_of(error, node_alive=self._outlived(flight)))
            return
        match message:
            case Started():
                flight.started, flight.clock = message, time.monotonic()
            case Progressed():
                flight.progress = (message.done, message.total)
            case Report():
                self._end(flight, message, None)
            case Failure():
                self._end(flight, None, message)

    def _outlived(self, flight: Flight) -> bool:
        """Return whether the machine of a lost worker lives; any machine, where the worker had not told its own."""
        lost = _lost_nodes()
        return flight.place.node_id not in lost if flight.place else lost <= flight.lost_before

    def _end(self, flight: Flight, report: Report | None, loss: Failure | None) -> None:
        del self._flights[flight.messages]
        host = flight.place.host if flight.place else ""
        wall_s = time.monotonic() - flight.clock if flight.started else 0.0
        self._ended.append(Ended(flight.task, flight.attempt, report, loss, host, wall_s))
        worker = flight.worker
        if worker is None:
            return
        worker.flight, worker.idle_since = None, time.monotonic()
        # After any failure of the process or the GPU, the next task deserves a fresh process.
        if report is None or not report.settled or worker.tasks >= TASKS_PER_ACTOR:
            self._retire(worker)

    def _end_overdue(self) -> None:
        for flight in [flight for flight in self._flights.values() if flight.overdue]:
            seconds = flight.resources.deadline_s
            stage = flight.task.stage
            cure = f"if it needs longer: --set resources.{stage}.deadline_s={4 * seconds:g}"
            if flight.worker is None:
                ray.cancel(flight.messages, force=True)
            message = f"{stage} {flight.task.subject}: not finished after {seconds:g} s, its deadline"
            self._end(flight, None, Failure(FailureKind.TIMEOUT, message, cure))

    # the actors

    def _unclaimed(self, kind: Kind) -> int:
        """Return how many actors of a kind are free for a further task; below zero, how many tasks lack one."""
        free = sum(worker.flight is None for worker in self._workers if worker.kind == kind)
        return free - len(self._queues[kind])

    def _can_make(self, kind: Kind) -> bool:
        """Return whether there is a GPU for one more actor, counting those of idle actors of other stages."""
        capacity = self._capacity()
        held = sum(worker.gpus for worker in self._workers if worker.kind == kind or not self._is_spare(worker))
        alike = sum(worker.kind == kind for worker in self._workers)
        return alike < capacity.slots(kind[1]) and held + kind[1].gpus <= capacity.total("GPU") + 1e-6

    def _is_spare(self, worker: Worker) -> bool:
        return worker.flight is None and self._unclaimed(worker.kind) > 0

    def _provide(self) -> None:
        """Make the actors that queued tasks lack, and give tasks to those that are free."""
        for kind in list(self._queues):
            while self._unclaimed(kind) < 0 and self._can_make(kind):
                self._make(kind)
        for worker in self._workers:
            queue = self._queues[worker.kind]
            if queue and worker.started is not None and worker.flight is None:
                self._assign(worker, *queue.popleft())

    def _make(self, kind: Kind) -> None:
        resources = kind[1]
        free = self._capacity().total("GPU") - sum(worker.gpus for worker in self._workers)
        for worker in list(self._workers):
            if free + 1e-6 >= resources.gpus:
                break
            if worker.kind != kind and self._is_spare(worker):
                free += worker.gpus
                self._retire(worker)
        remote = ray.remote(Seat).options(**_options(resources), max_restarts=0, max_task_retries=0, max_concurrency=1)
        actor = cast(ActorHandle, remote.remote(self.function, self.store_root, self.run_id))
        self._workers.append(Worker(kind, actor, actor.ready.remote(), idle_since=time.monotonic()))

    def _assign(self, worker: Worker, task: Task, attempt: int) -> None:
        resources = worker.kind[1]
        messages = worker.actor.run.options(num_returns="streaming").remote(task, attempt, resources)
        worker.flight = self._flights[messages] = Flight(task, resources, attempt, messages, _lost_nodes(), worker)
        worker.tasks += 1

    def _retire(self, worker: Worker) -> None:
        ray.kill(worker.actor)
        self._workers.remove(worker)

    def _retire_idle(self) -> None:
        now = time.monotonic()
        waiting = any(flight.worker is None and flight.started is None for flight in self._flights.values())
        patience = YIELD_S if waiting else IDLE_S
        for worker in list(self._workers):
            if self._is_spare(worker) and now - worker.idle_since > patience:
                self._retire(worker)


def loss_of(error: BaseException, *, node_alive: bool) -> Failure:
    """Classify the loss of a worker.

    Parameters
    ----------
    error : BaseException
        What Ray raised in place of an answer.
    node_alive : bool
        Whether the machine of the worker still runs.

    Returns
    -------
    Failure
        A worker that died on a living machine counts against the task (`worker_lost`); one whose machine is gone does
        not (`node_lost`, `preempted`).
    """
    message = " ".join(str(error).split()) or type(error).__name__
    match error:
        case exceptions.OutOfMemoryError():
            kind = FailureKind.OUT_OF_MEMORY
        case exceptions.RayTaskError():
            return failure_of(error.cause if isinstance(error.cause, Exception) else error)
        case exceptions.RayActorError() if error.preempted:
            kind = FailureKind.PREEMPTED
        case exceptions.NodeDiedError() | exceptions.LocalRayletDiedError():
            kind = FailureKind.NODE_LOST
        case exceptions.RuntimeEnvSetupError():
            kind = FailureKind.IO
        case exceptions.RayActorError() | exceptions.WorkerCrashedError() | exceptions.TaskCancelledError():
            kind = FailureKind.WORKER_LOST if node_alive else FailureKind.NODE_LOST
        case _:
            kind = FailureKind.UNEXPECTED
            message = f"{type(error).__name__}: {message}"
    return Failure(kind, message[:2000])


def _lost_nodes() -> frozenset[str]:
    return frozenset(node["NodeID"] for node in ray.nodes() if not node["Alive"])


def _options(resources: Resources) -> dict:
    demand = ray_demand(resources)
    return {
        "num_cpus": demand["CPU"],
        "num_gpus": resources.gpus,
        "memory": int(demand["memory"]),
        "runtime_env": {"env_vars": thread_limits(resources.cpus)},
    }
