"""What a run would do: tasks by stage, what is done already, and what the rest may cost."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from statistics import median

from screening.frontier import Frontier, State
from screening.screen import Screen
from screening.stages import stages_until
from screening.steps.first_tasks import first_tasks
from screening.task import Task

__all__ = ["Plan", "StagePlan", "plan_of", "plan_of_tasks"]

DEFAULT_SECONDS = {
    "atlas": 60.0,
    "pretrain": 60.0,
    "finetune": 60.0,
    "evaluation": 5.0,
    "attribution": 30.0,
    "readout": 30.0,
    "resample": 60.0,
    "causal": 60.0,
    "tf_pairs": 3.0,
    "plddt": 4.0,
    "segments": 1.0,
    "segment_pairs": 1.0,
    "msa": 1.0,
    "structure": 90.0,
    "score": 2.0,
    "select": 1.0,
    "md": 60.0,
    "md_analysis": 5.0,
}
"""Seconds per task on one core of a laptop: orders of magnitude, until the store knows better."""

DEFAULT_MEGABYTES = {"atlas": 5.0, "finetune": 1.0, "pretrain": 1.0, "attribution": 5.0, "structure": 0.5, "md": 5.0}


STATIC = frozenset(
    {"atlas", "pretrain", "finetune", "evaluation", "attribution", "readout", "resample", "causal", "tf_pairs"}
)
"""Stages whose tasks follow from the settings alone."""


@dataclass(frozen=True)
class StagePlan:
    """One stage of a plan.

    Attributes
    ----------
    stage : str
        Its name.
    cached, failed, to_run, blocked : int
        Tasks with a result, with a recorded failure, still to run, and waiting for a failed one.
    open_ended : bool
        Whether more tasks follow from results that do not exist yet.
    seconds_per_task : float
        Median of this store's attempts, or a default.
    measured : bool
        Whether it is the median.
    cpu_hours, gpu_hours : float
        Of the tasks still to run.
    megabytes : float
        Of artifacts still to write.
    """

    stage: str
    cached: int
    failed: int
    to_run: int
    blocked: int
    open_ended: bool
    seconds_per_task: float
    measured: bool
    cpu_hours: float
    gpu_hours: float
    megabytes: float


@dataclass(frozen=True)
class Plan:
    """The stages in data order, and why an estimate is only a default."""

    stages: tuple[StagePlan, ...]
    notes: tuple[str, ...] = ()

    @property
    def to_run(self) -> int:
        """Tasks still to run, as far as they are known."""
        return sum(stage.to_run for stage in self.stages)

    @property
    def open_ended(self) -> bool:
        """Whether more tasks follow from results that do not exist yet."""
        return any(stage.open_ended for stage in self.stages)


def plan_of(screen: Screen, *, until: str | None = None) -> Plan:
    """Plan the whole screen, or its stages up to and including one, without running or writing anything.

    Raises
    ------
    InvalidInput
        An input of the screen is wrong, or there is no stage `until`.
    """
    return plan_of_tasks(screen, list(first_tasks(screen, until=until)), until=until)


def plan_of_tasks(screen: Screen, tasks: list[Task], *, until: str | None = None) -> Plan:
    """Plan some tasks and what follows from them, up to and including a stage."""
    frontier = Frontier(screen, until)
    frontier.add(tasks)
    frontier.gather_if_idle()
    counts = frontier.counts()
    seconds, megabytes = _history(screen)
    rows = []
    left: dict[str, list[Task]] = defaultdict(list)
    for key, task in frontier.tasks.items():
        if frontier.states[key] in (State.READY, State.WAITING):
            left[task.stage].append(task)
    notes = _cost_of_trajectories(screen, left["md"], seconds)
    unfinished: set[str] = set()
    for stage in stages_until(until):
        count = counts[stage.name]
        needs = [screen.resources_of(task) for task in left[stage.name]]
        to_run = len(needs)
        open_ended = stage.name not in STATIC and any(name in unfinished for name in stage.reads)
        if to_run or open_ended:
            unfinished.add(stage.name)
        each = seconds.get(stage.name, DEFAULT_SECONDS[stage.name])
        rows.append(
            StagePlan(
                stage=stage.name,
                cached=count[State.CACHED],
                failed=count[State.FAILED],
                to_run=to_run,
                blocked=count[State.BLOCKED],
                open_ended=open_ended,
                seconds_per_task=each,
                measured=stage.name in seconds,
                cpu_hours=each * sum(task.cpus for task in needs) / 3600,
                gpu_hours=each * sum(task.gpus for task in needs) / 3600,
                megabytes=to_run * megabytes.get(stage.name, DEFAULT_MEGABYTES.get(stage.name, 0.01)),
            )
        )
    return Plan(tuple(rows), (*notes, *_imitated_arithmetic(screen, unfinished)))


def _cost_of_trajectories(screen: Screen, tasks: list[Task], seconds: dict[str, float]) -> tuple[str, ...]:
    """Put in how long the trajectories asked for take; where that was never measured, say so and what measures it.

    The median of earlier trajectories says nothing of longer or larger ones, so it does not stand in for it.
    """
    from screening.dynamics_cost import md_seconds

    if not tasks:
        return ()
    seconds.pop("md", None)
    try:
        seconds["md"] = md_seconds(screen, tasks)
    except ValueError as error:
        return tuple(f"md: {line}" for line in (str(error), *getattr(error, "__notes__", ())))
    return ()


def _imitated_arithmetic(screen: Screen, stages: Collection[str]) -> Iterator[str]:
    """Name the stages that ask for bfloat16 and get processors; what is said of them holds for this machine's."""
    for stage in sorted(stages):
        section = getattr(screen.settings, stage)
        if getattr(section, "precision", None) != "bfloat16":
            continue
        if screen.resources(stage).gpus or getattr(section, "worker_gpus", 0):
            continue
        from get_core.precision import SLOW_BFLOAT16, bfloat16_is_slow

        if bfloat16_is_slow():
            yield f"{stage}: {SLOW_BFLOAT16}, and this machine's has none: --set {stage}.precision=float32"


def _history(screen: Screen) -> tuple[dict[str, float], dict[str, float]]:
    """Return median seconds and megabytes of the tasks in the store, by stage."""
    seconds: dict[str, list[float]] = defaultdict(list)
    megabytes: dict[str, list[float]] = defaultdict(list)
    for record in screen.store.records():
        if record.ok and record.attempts:
            seconds[record.stage].append(record.attempts[-1].wall_s)
            megabytes[record.stage].append(sum(artifact.size_bytes for artifact in record.artifacts) / 1e6)
    return (
        {stage: median(values) for stage, values in seconds.items()},
        {stage: median(values) for stage, values in megabytes.items()},
    )
