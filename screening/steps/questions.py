"""The tasks of questions to a cell type's network. A question without an answer is refused before it is a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.record import Json
from screening.errors import InvalidInput
from screening.names import no_such
from screening.steps import taken_over
from screening.steps.first_tasks import first_tasks
from screening.steps.readouts import QUESTIONS
from screening.task import Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["checkpoint_of", "readout_task"]

MISSING = {"finetune": "a GET network trained for the cell type", "attribution": "a gene-by-motif matrix"}
"""What a cell type that begins at a file may lack."""


def readout_task(
    screen: "Screen", kind: str, cell_type: str, inputs: Mapping[str, Json], sources: Mapping[str, Path] | None = None
) -> Task:
    """Return the task that answers a question about a cell type of a screen that has run.

    Parameters
    ----------
    screen : Screen
        The screen, with the settings it ran with.
    kind : str
        One of `QUESTIONS`.
    cell_type : str
        One of the screen's.
    inputs : mapping
        What is asked.
    sources : mapping of str to Path, optional
        Files that the question brings.

    Raises
    ------
    InvalidInput
        No such cell type, its network or attribution is not there yet, it was taken over without what is asked, or it
        has nothing of a name in `inputs`. Nothing has been written then.
    """
    needed = ("atlas", "attribution") if kind == "targets" else ("atlas", "finetune", "attribution")
    tasks = _finished(screen, cell_type, needed, also=["finetune"])
    task = screen.task(
        "readout",
        f"{kind} in {cell_type}",
        inputs={"kind": kind, "cell_type": cell_type, **inputs},
        upstream={role: task.key for role, task in tasks.items()},
        sources=sources,
    )
    answered = screen.store.get(task.key)
    if answered is None or not answered.ok:
        QUESTIONS[kind](_read_only(screen, task))
    return task


def _read_only(screen: "Screen", task: Task) -> Workspace:
    """Return the workspace of a task that is only read: its folder is not made."""
    cpus = screen.resources(task.stage).cpus
    return Workspace(task, screen.store, screen.store.workdir(task.key), cpus, 0.0, lambda done, total: None)


def checkpoint_of(screen: "Screen", cell_type: str) -> Path:
    """Return the checkpoint of a cell type's network.

    Parameters
    ----------
    screen : Screen
        A screen that has run.
    cell_type : str
        One of the screen's.

    Raises
    ------
    InvalidInput
        As `readout_task`.
    """
    record = screen.store.get(_finished(screen, cell_type, ["finetune"], until="finetune")["finetune"].key)
    assert record is not None
    return screen.store.path(record.artifact("model"))


def _finished(
    screen: "Screen", cell_type: str, stages: Sequence[str], *, also: Sequence[str] = (), until: str = "causal"
) -> dict[str, Task]:
    """Return tasks of a cell type that questions read, all of them done; those of `also` where it has them.

    Settings of stages after `until` are not looked at.
    """
    if (source := screen.settings.tf_pairs.source) != "network":
        raise InvalidInput(
            f'the screen has no cell types: tf_pairs.source = "{source}" takes its pairs by name, without a network',
            cure="ask a screen whose pairs come from a network",
        )
    planned = first_tasks(screen, until=until)
    names = sorted({task.subject for task in planned if task.stage in ("finetune", "causal")})
    if cell_type not in names and not taken_over.sections_of(screen, cell_type):
        raise no_such(f"the screen has no cell type {cell_type!r}", cell_type, names)
    known = {task.stage: task for task in planned if task.subject == cell_type or task.stage == "atlas"}
    for stage in stages:
        if stage not in known:
            given = " and ".join(taken_over.sections_of(screen, cell_type))
            raise InvalidInput(
                f"this asks {MISSING[stage]}, which {cell_type} does not have: it begins at its file in {given}",
                cure=f'take "{cell_type}" out of {given} in screen.toml, and run the screen',
            )
    tasks = {stage: known[stage] for stage in dict.fromkeys((*stages, *also)) if stage in known}
    for task in tasks.values():
        record = screen.store.get(task.key)
        if record is None or not record.ok:
            raise InvalidInput(
                f"the {task.stage} of {task.subject} has not run with these settings", cure="screening run SCREEN.TOML"
            )
    return tasks
