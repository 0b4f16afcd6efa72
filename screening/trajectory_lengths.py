"""One trajectory at several lengths: which finished run a longer or shorter one goes on from.

A task's key holds its length, so each length is a task and a record of its own. What is simulated does not depend on
it: tasks that differ in nothing else are one group of the store, and a task takes over what another of its group has.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from catalog.store import Store
from screening.keys import canonical_json
from screening.sections.dynamics import MdStageSettings
from screening.task import Task

if TYPE_CHECKING:
    from md.extension import Earlier
    from md.settings import MdSettings

__all__ = ["EarlierRun", "earlier_run", "group_of", "remaining", "summary_of_earlier"]


@dataclass(frozen=True)
class EarlierRun:
    """A finished run that another goes on from.

    Attributes
    ----------
    record : Record
        Its record.
    ps : float
        Length of its production.
    """

    record: Record
    ps: float

    def files(self, store: Store) -> "Earlier":
        """Return what it left."""
        from md.extension import Earlier

        places = {artifact.role: store.path(artifact) for artifact in self.record.artifacts}
        sum_ = self.record.artifact("log").sha256
        return Earlier(self.record.key, places["log"], places["trajectory"], places.get("state"), sum_)


def group_of(task: Task) -> str:
    """Return what names a trajectory at any length.

    Parameters
    ----------
    task : Task
        Of the stage ``md``.

    Returns
    -------
    str
        SHA-256, hexadecimal, of all that its key is made of but for the length.
    """
    from screening.stages import stage_named

    settings = dict(cast(dict[str, Json], task.settings.determining()["protocol"]))
    del settings["production_ps"]
    parts: list[Json] = [task.stage, stage_named(task.stage).version, dict(task.inputs), dict(task.upstream), settings]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def earlier_run(store: Store, task: Task) -> EarlierRun | None:
    """Return the finished run of another length that leaves the least to simulate.

    Parameters
    ----------
    store : Store
    task : Task
        Of the stage ``md``.

    Returns
    -------
    EarlierRun or None
        The shortest that is longer, since it leaves nothing to simulate; else the longest whose end was kept. None
        where this is the first length.
    """
    wanted = _protocol(task).production_ps
    runs = [
        EarlierRun(record, cast(float, cast(dict[str, Json], record.settings["protocol"])["production_ps"]))
        for record in store.related(group_of(task))
        if record.key != task.key and {"log", "trajectory"} <= {artifact.role for artifact in record.artifacts}
    ]
    if longer := [run for run in runs if run.ps > wanted]:
        return min(longer, key=lambda run: run.ps)
    ends = [run for run in runs if any(artifact.role == "state" for artifact in run.record.artifacts)]
    return max(ends, key=lambda run: run.ps, default=None)


def remaining(store: Store, task: Task) -> "MdSettings":
    """Return the protocol of what is still to be simulated.

    Parameters
    ----------
    store : Store
    task : Task
        Of the stage ``md``.

    Returns
    -------
    MdSettings
        The task's own, with only the lengths that no earlier run has.
    """
    protocol, earlier = _protocol(task), earlier_run(store, task)
    if earlier is None:
        return protocol
    rest = max(0.0, protocol.production_ps - earlier.ps)
    return protocol.model_copy(update={"equilibration_ps": 0.0, "production_ps": rest})


def summary_of_earlier(store: Store, tasks: Sequence[Task]) -> str:
    """Return in one line what of some trajectories is there already.

    Parameters
    ----------
    store : Store
    tasks : sequence of Task
        Those of other stages, and those that are finished, are passed over.

    Returns
    -------
    str
        Empty where nothing is.
    """
    new = [task for task in tasks if task.stage == "md" and store.get(task.key) is None]
    going_on = [task for task in new if earlier_run(store, task) is not None]
    if not going_on:
        return ""
    total = sum(_protocol(task).production_ps for task in new) / 1000.0
    left = sum(remaining(store, task).production_ps for task in new) / 1000.0
    there = f"{len(going_on)} of {len(new)} go on from finished runs of another length"
    return f"{there}: {left:g} of {total:g} ns to simulate"


def _protocol(task: Task) -> "MdSettings":
    return cast(MdStageSettings, task.settings).protocol
