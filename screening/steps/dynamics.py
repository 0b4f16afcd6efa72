"""The complexes worth simulating → trajectories → analysis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from catalog.record import Json, Record
from screening.errors import InvalidInput, Unstable
from screening.sections.dynamics import MdAnalysisSettings, MdStageSettings, SelectSettings
from screening.selection import choose
from screening.task import OutputFile, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["after_select", "gather", "md", "md_analysis", "md_tasks_where", "rerun_overrides", "resources", "select"]

SIDES = {"complex": "ab", "monomer_a": "a", "monomer_b": "b"}
GPU_PLATFORMS = frozenset({"CUDA", "HIP", "OpenCL"})


def resources(settings: MdStageSettings) -> Resources:
    """Return what one trajectory needs: a GPU where the protocol names a platform that runs on one."""
    gpus = 1.0 if settings.protocol.platform in GPU_PLATFORMS else 0.0
    return Resources(cpus=settings.protocol.threads, gpus=gpus, memory_gib=1.5, deadline_s=7 * 24 * 3600.0)


def gather(records: Sequence[Record], screen: "Screen") -> Sequence[Task]:
    """Return the one task that compares all scores; none where nothing is to be selected."""
    if not records or screen.settings.select.limit == 0:
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
    from md.errors import Unstable as Exploded
    from md.simulate import run

    system, replica = workspace.text_input("system"), cast(int, workspace.task.inputs["replica"])
    complex_ = workspace.upstream("structure").outputs
    names = cast(list[str], complex_["chains"])
    name_of = dict(zip("ba" if complex_["swapped"] else "ab", names, strict=True))
    chains = [name_of[side] for side in SIDES[system]]
    termini = {name_of[side]: _termini(cast(Mapping[str, Json], complex_[side])) for side in SIDES[system]}
    protocol = settings.protocol
    try:
        result = run(
            workspace.file("structure", "structure"),
            protocol,
            workspace.folder,
            chains=chains,
            true_termini=termini,
            replica=replica,
            progress=workspace.progress,
        )
    except Exploded as error:
        raise Unstable(str(error), cure=" ".join(getattr(error, "__notes__", ()))) from error
    row = {
        "task_key": workspace.task.key,
        "structure_key": workspace.task.upstream["structure"],
        "system": system,
        "replica": replica,
        "force_field": protocol.force_field,
        "water_model": "OBC2 implicit"
        if protocol.force_field.endswith("obc2")
        else protocol.force_field.split("-")[-1],
        "purpose": result.evidence,
        "temperature_k": protocol.temperature_kelvin,
        "pressure_bar": None if protocol.force_field.endswith("obc2") else protocol.pressure_bar,
        "ionic_strength_m": None if protocol.force_field.endswith("obc2") else protocol.ionic_strength_molar,
        "timestep_fs": protocol.timestep_fs,
        "target_ns": protocol.production_ps / 1000.0,
        "completed_ns": result.completed_ps / 1000.0,
        "seed": protocol.seed,
        "platform": result.platform,
        "ns_per_day": result.ns_per_day or None,
        "n_atoms": result.n_atoms,
    }
    return Result(
        outputs={"n_frames": result.n_frames, "notes": list(result.notes), "retries": len(result.retries)},
        tables={"md_runs": [row]},
        files=[
            OutputFile("topology", result.topology, "chemical/x-pdb"),
            OutputFile("trajectory", result.trajectory, "application/x-xtc"),
            OutputFile("state", result.state, "application/xml"),
        ],
        accelerator=result.platform if result.platform in GPU_PLATFORMS else None,
    )


def md_analysis(workspace: Workspace, settings: MdAnalysisSettings) -> Result:
    """Measure a trajectory: shape, mobility, contacts and hydrogen bonds between the chains."""
    from md.analysis import analyse

    found = analyse(
        workspace.file("md", "topology"), workspace.file("md", "trajectory"), discard_ps=settings.discard_ps
    )
    path = workspace.folder / "series.npz"
    arrays: dict[str, Any] = {"time_ps": found.time_ps, **found.series}
    np.savez_compressed(path, **arrays)
    files = [OutputFile("series", path, "application/octet-stream")]
    if found.occupancy is not None:
        contacts = workspace.folder / "contacts.npz"
        np.savez_compressed(contacts, occupancy=found.occupancy)
        files.append(OutputFile("contacts", contacts, "application/octet-stream"))
    key, md_key = workspace.task.key, workspace.task.upstream["md"]
    return Result(
        outputs={"n_frames": len(found.time_ps)},
        tables={
            "md_metrics": [
                {
                    "task_key": key,
                    "md_key": md_key,
                    "metric": metric.name,
                    "unit": metric.unit,
                    "mean": metric.mean,
                    "ci_low": metric.ci_low,
                    "ci_high": metric.ci_high,
                    "n_eff": metric.n_eff,
                    "note": metric.note or None,
                }
                for metric in found.metrics
            ],
            "md_residues": [
                {
                    "task_key": key,
                    "md_key": md_key,
                    "chain": residue.chain,
                    "residue": residue.residue,
                    "rmsf_nm": residue.rmsf_nm,
                }
                for residue in found.residues
            ],
        },
        files=files,
    )


def _termini(segment: Mapping[str, Json]) -> tuple[bool, bool]:
    """Return whether a segment's ends are its protein's own."""
    return segment["start"] == 1, segment["end"] == segment["protein_length"]


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
