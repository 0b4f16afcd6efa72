"""The complexes worth simulating → trajectories → analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from catalog.record import Json, Record, Row
from md.platforms import GPU_PLATFORMS
from screening.errors import InvalidInput, Unstable
from screening.sections.dynamics import MdAnalysisSettings, MdStageSettings, SelectSettings
from screening.selection import choose
from screening.task import OutputFile, Resources, Result, Task, Workspace
from screening.trajectory_lengths import earlier_run, group_of

if TYPE_CHECKING:
    from md.analysis import MdAnalysis
    from screening.screen import Screen

__all__ = [
    "after_select",
    "chains_and_termini",
    "gather",
    "md",
    "md_analysis",
    "md_tasks_where",
    "rerun_overrides",
    "resources",
    "select",
    "summary_of_protocol",
]

SIDES = {"complex": "ab", "monomer_a": "a", "monomer_b": "b"}
LEAST_OCCUPANCY = 0.05
"""Share of frames below which a hydrogen bond is no row of the catalog."""


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


def rerun_overrides(ns: float | None, replicas: int | None, preset: str | None = None) -> Sequence[str]:
    """Return the settings that the options of ``screening md`` stand for."""
    overrides = []
    if preset is not None:
        overrides += [f"md.preset={preset}"]
    if ns is not None:
        overrides += [f"md.protocol.production_ps={ns * 1000.0}"]
    if replicas is not None:
        overrides += [f"md.replicas={replicas}"]
    return overrides


def summary_of_protocol(settings: MdStageSettings, tasks: Sequence[Task]) -> str:
    """Return in one line how many complexes the tasks simulate, and what of each."""
    protocol = settings.protocol
    chosen = len({task.upstream["structure"] for task in tasks})
    return (
        f"{chosen} structure{'s' * (chosen > 1)} chosen; of each {', '.join(settings.systems)}, "
        f"{settings.replicas} replica{'s' * (settings.replicas > 1)} of "
        f"{protocol.production_ps / 1000.0:g} ns at {protocol.timestep_fs:g} fs, {protocol.force_field}, "
        f"preset {settings.preset}, platform {protocol.platform}"
    )


def md(workspace: Workspace, settings: MdStageSettings) -> Result:
    """Simulate one system of a complex; an interrupted run goes on at its last sealed segment.

    Where the store has the same run at another length, only what it lacks is simulated.
    """
    from md.errors import Unstable as Exploded
    from md.simulate import run

    system, replica = workspace.text_input("system"), cast(int, workspace.task.inputs["replica"])
    complex_ = workspace.upstream("structure").outputs
    chains, termini = chains_and_termini(complex_, system)
    protocol, store = settings.protocol, workspace.store
    earlier = earlier_run(store, workspace.task)
    try:
        result = run(
            workspace.file("structure", "structure"),
            protocol,
            workspace.folder,
            chains=chains,
            true_termini=termini,
            replica=replica,
            earlier=None if earlier is None else earlier.files(store),
            progress=workspace.progress,
        )
    except Exploded as error:
        raise Unstable(str(error), cure=" ".join(getattr(error, "__notes__", ()))) from error
    store.relate(group_of(workspace.task), workspace.task.key)
    entry = protocol.force_field_entry()
    explicit = entry.water_model is not None
    row = {
        "task_key": workspace.task.key,
        "structure_key": workspace.task.upstream["structure"],
        "system": system,
        "replica": replica,
        "force_field": protocol.force_field,
        "water_model": entry.water,
        "purpose": result.evidence,
        "temperature_k": protocol.temperature_kelvin,
        "pressure_bar": protocol.pressure_bar if explicit else None,
        "ionic_strength_m": protocol.ionic_strength_molar if explicit else None,
        "timestep_fs": protocol.timestep_fs,
        "target_ns": protocol.production_ps / 1000.0,
        "completed_ns": result.completed_ps / 1000.0,
        "taken_from": result.taken_from,
        "taken_over_ns": result.taken_over_ps / 1000.0,
        "seed": protocol.seed,
        "platform": result.platform,
        "ns_per_day": result.ns_per_day or None,
        "n_atoms": result.n_atoms,
    }
    files = [
        OutputFile("topology", result.topology, "chemical/x-pdb"),
        OutputFile("trajectory", result.trajectory, "application/x-xtc"),
        OutputFile("preview", result.preview, "application/x-xtc"),
        OutputFile("log", result.log, "application/json"),
    ]
    if result.state is not None:
        files.append(OutputFile("state", result.state, "application/xml"))
    return Result(
        outputs={
            "n_frames": result.n_frames,
            "n_preview": result.n_preview,
            "trajectory_bytes": result.trajectory_bytes,
            "taken_from": result.taken_from,
            "taken_over_ps": result.taken_over_ps,
            "notes": list(result.notes),
            "titration": [asdict(group) for group in result.titration],
            "findings": [finding.text for finding in result.findings],
            "retries": len(result.retries),
        },
        tables={"md_runs": [row]},
        files=files,
        accelerator=result.accelerator,
    )


def md_analysis(workspace: Workspace, settings: MdAnalysisSettings) -> Result:
    """Measure a trajectory: shape, mobility and what is between the chains."""
    from md.analysis import analyse

    found = analyse(
        workspace.file("md", "topology"),
        workspace.file("md", "trajectory"),
        discard_ps=settings.discard_ps,
        plddt=_plddt(workspace),
        criterion=settings.hydrogen_bonds,
        detect_equilibration=settings.detect_equilibration,
        image_cutoff_nm=settings.image_cutoff_nm,
    )
    arrays: dict[str, Any] = {
        "time_ps": found.time_ps,
        "secondary_structure": found.secondary_structure,
        **found.series,
    }
    files = [_arrays(workspace, "series", arrays)]
    if found.occupancy is not None:
        files.append(_arrays(workspace, "contacts", {"occupancy": found.occupancy}))
    return Result(
        outputs={"n_frames": len(found.time_ps), "n_image_frames": found.n_image_frames},
        tables=_analysis_rows(workspace, found),
        files=files,
    )


def _analysis_rows(workspace: Workspace, found: "MdAnalysis") -> dict[str, list[Row]]:
    """Return the rows of an analysis; residues are numbered as in their full-length proteins."""
    keys: Row = {"task_key": workspace.task.key, "md_key": workspace.task.upstream["md"]}
    complex_ = workspace.upstream("structure").outputs
    starts = {
        name: cast(int, cast(dict[str, Json], complex_[side])["start"]) for side, name in _names(complex_).items()
    }
    first: dict[str, int] = {}
    for residue in found.residues:
        first.setdefault(residue.chain, residue.residue)

    def number(chain: str, residue: int) -> int:
        return starts[chain] + residue - first[chain]

    return {
        "md_metrics": [
            {
                **keys,
                "metric": metric.name,
                "unit": metric.unit,
                "mean": metric.mean,
                "ci_low": metric.ci_low,
                "ci_high": metric.ci_high,
                "standard_error": metric.standard_error,
                "n_eff": metric.n_eff,
                "discarded_ps": found.discarded_ps[metric.name],
                "note": metric.note or None,
            }
            for metric in found.metrics
        ],
        "md_residues": [
            {**keys, **asdict(residue), "residue": number(residue.chain, residue.residue)} for residue in found.residues
        ],
        "md_plddt_correlations": [{**keys, **asdict(row), "note": row.note or None} for row in found.correlations],
        "md_hydrogen_bonds": [
            {
                **keys,
                **asdict(bond),
                "donor_residue": number(bond.donor_chain, bond.donor_residue),
                "acceptor_residue": number(bond.acceptor_chain, bond.acceptor_residue),
            }
            for bond in found.bonds
            if bond.occupancy >= LEAST_OCCUPANCY
        ],
    }


def _arrays(workspace: Workspace, role: str, arrays: Mapping[str, Any]) -> OutputFile:
    path = workspace.folder / f"{role}.npz"
    np.savez_compressed(path, **arrays)
    return OutputFile(role, path, "application/octet-stream")


def _plddt(workspace: Workspace) -> dict[str, list[float]] | None:
    """Return the pLDDT of the simulated structure by chain; None where its backend predicts none."""
    from screening.prediction import read_prediction

    if not workspace.upstream("structure").outputs["has_plddt"]:
        return None
    prediction = read_prediction(workspace.file("structure", "structure"))
    if prediction.plddt is None:
        return None
    values = prediction.plddt
    return {name: values[prediction.chain(index)].tolist() for index, name in enumerate(prediction.chain_ids)}


def chains_and_termini(complex_: Mapping[str, Json], system: str) -> tuple[list[str], dict[str, tuple[bool, bool]]]:
    """Return the chains of a system, and whether the ends of each are its protein's own."""
    name_of = _names(complex_)
    chains = [name_of[side] for side in SIDES[system]]
    return chains, {name_of[side]: _termini(cast(Mapping[str, Json], complex_[side])) for side in SIDES[system]}


def _names(complex_: Mapping[str, Json]) -> dict[str, str]:
    """Return the chains of a structure by the sides of its segment pair."""
    return dict(zip("ba" if complex_["swapped"] else "ab", cast(list[str], complex_["chains"]), strict=True))


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
            upstream = {"md": run.key, "structure": structure}
            tasks += [run, screen.task("md_analysis", name, upstream=upstream)]
    return tasks
