"""The complexes worth simulating → trajectories → analysis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from catalog.record import Record
from screening.errors import InvalidInput
from screening.selection import choose
from screening.settings import MdAnalysisSettings, MdStageSettings, SelectSettings
from screening.task import Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["after_select", "gather", "md", "md_analysis", "md_tasks_where", "rerun_overrides", "resources", "select"]

CHAINS = {"complex": ("A", "B"), "monomer_a": ("A",), "monomer_b": ("B",)}
GPU_PLATFORMS = frozenset({"CUDA", "HIP", "OpenCL"})


def resources(settings: MdStageSettings) -> Resources:
    """Return what one trajectory needs: a GPU where the protocol names a platform that runs on one."""
    gpus = 1.0 if settings.protocol.platform in GPU_PLATFORMS else 0.0
    return Resources(cpus=settings.protocol.threads, gpus=gpus, memory_gib=1.5, deadline_s=7 * 24 * 3600.0)


def gather(records: Sequence[Record], screen: "Screen") -> Sequence[Task]:
    """Return the one task that compares all scores."""
    if not records:
        return ()
    upstream = {f"score{number:06d}": record.key for number, record in enumerate(records)}
    return [screen.task("select", screen.settings.select.metric, upstream=upstream)]


def select(workspace: Workspace, settings: SelectSettings) -> Result:
    """Choose the complexes to simulate; every one left out has its reason."""
    outputs = [workspace.upstream(role).outputs for role in workspace.task.upstream]
    values = {str(values["structure"]): cast(float | None, values[settings.metric]) for values in outputs}
    choices = choose(values, metric=settings.metric, minimum=settings.minimum, limit=settings.limit)
    return Result(
        outputs={"selected": [choice.structure for choice in choices if choice.selected]},
        tables={
            "selections": [
                {
                    "task_key": workspace.task.key,
                    "structure_key": choice.structure,
                    "selected": choice.selected,
                    "rank": choice.rank,
                    "reason": choice.reason,
                }
                for choice in choices
            ]
        },
    )


def after_select(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return the trajectories of the selected complexes and their analyses."""
    return [task for key in cast(list[str], record.outputs["selected"]) for task in _tasks_of(key, screen)]


def md_tasks_where(screen: "Screen", where: str) -> Sequence[Task]:
    """Return the trajectories of the complexes that a condition on the view ``hits`` selects.

    Parameters
    ----------
    screen : Screen
        Its settings are those of the new runs.
    where : str
        SQL condition; it is asked of a read-only connection.

    Raises
    ------
    InvalidInput
        No complex meets the condition.
    """
    from catalog import Catalog

    table = Catalog(screen.catalog_path).sql(f"select distinct structure_key from hits where {where} order by 1")
    keys = [str(key) for key in table.column("structure_key").to_pylist()]
    if not keys:
        raise InvalidInput(
            f"no complex in {screen.catalog_path.name} has {where}",
            cure=f'look with: screening catalog sql {screen.catalog_path} "from hits"',
        )
    return [task for key in keys for task in _tasks_of(key, screen)]


def rerun_overrides(ns: float | None, replicas: int | None) -> Sequence[str]:
    """Return the settings that the options of ``screening md`` stand for."""
    overrides = []
    if ns is not None:
        overrides += [f"md.protocol.production_ps={ns * 1000.0}"]
    if replicas is not None:
        overrides += [f"md.replicas={replicas}"]
    return overrides


def md(workspace: Workspace, settings: MdStageSettings) -> Result:
    """Simulate one system of a complex; an interrupted run goes on at its last sealed segment."""
    raise NotImplementedError


def md_analysis(workspace: Workspace, settings: MdAnalysisSettings) -> Result:
    """Measure a trajectory."""
    raise NotImplementedError


def _tasks_of(structure: str, screen: "Screen") -> Sequence[Task]:
    record = screen.store.get(structure)
    if record is None:
        raise InvalidInput(
            f"the record of structure {structure[:12]} is gone", cure="screening catalog rebuild, then run again"
        )
    tasks = []
    settings = screen.settings.md
    for system in settings.systems:
        for replica in range(1, settings.replicas + 1):
            name = f"{record.subject} {system} {replica}"
            run = screen.task(
                "md", name, inputs={"system": system, "replica": replica}, upstream={"structure": structure}
            )
            tasks += [run, screen.task("md_analysis", name, upstream={"md": run.key})]
    return tasks
