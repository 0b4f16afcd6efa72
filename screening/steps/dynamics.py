"""The complexes worth simulating → trajectories."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from md.platforms import GPU_PLATFORMS
from screening.errors import InvalidInput, Unstable
from screening.sections.dynamics import MdStageSettings, SelectSettings
from screening.selection import choose
from screening.task import OutputFile, Resources, Result, Task, Workspace
from screening.trajectory_lengths import earlier_run, group_of

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = [
    "after_select",
    "chain_names",
    "chains_and_termini",
    "gather",
    "md",
    "md_tasks_where",
    "rerun_overrides",
    "resources",
    "select",
    "structure_record",
    "summary_of_protocol",
]

SIDES = {"complex": "ab", "monomer_a": "a", "monomer_b": "b"}
NEEDED = frozenset({"a", "b", "chains", "swapped"})
"""Outputs of a structure that say which chain is which segment."""


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
        There is no condition, no complex meets it, or one that does cannot be simulated (`structure_record`).
    """
    from catalog import Catalog

    if not where.strip():
        raise InvalidInput("--where is empty: no complex is chosen", cure='choose, for example: --where "pdockq > 0.5"')
    table = Catalog(screen.catalog_path).sql(f"select distinct structure_key from hits where (\n{where}\n) order by 1")
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


def structure_record(screen: "Screen", key: str) -> Record:
    """Return the record of a structure that is to be simulated.

    Parameters
    ----------
    screen : Screen
    key : str
        Of the structure.

    Raises
    ------
    InvalidInput
        It is gone, or an earlier release made it and did not note what a simulation needs.
    """
    record = screen.store.get(key)
    if record is None:
        raise InvalidInput(
            f"the record of structure {key[:12]} is gone", cure="screening catalog rebuild, then run again"
        )
    if lacking := sorted(NEEDED - set(record.outputs)):
        raise InvalidInput(
            f"structure {key[:12]} ({record.subject}) is of an earlier release, without {', '.join(lacking)}",
            cure=f"make it anew with `screening run`, then add to the condition: and structure_key <> '{key}'",
        )
    return record


def chains_and_termini(complex_: Mapping[str, Json], system: str) -> tuple[list[str], dict[str, tuple[bool, bool]]]:
    """Return the chains of a system, and whether the ends of each are its protein's own."""
    name_of = chain_names(complex_)
    chains = [name_of[side] for side in SIDES[system]]
    return chains, {name_of[side]: _termini(cast(Mapping[str, Json], complex_[side])) for side in SIDES[system]}


def chain_names(complex_: Mapping[str, Json]) -> dict[str, str]:
    """Return the chains of a structure by the sides of its segment pair."""
    return dict(zip("ba" if complex_["swapped"] else "ab", cast(list[str], complex_["chains"]), strict=True))


def _termini(segment: Mapping[str, Json]) -> tuple[bool, bool]:
    """Return whether a segment's ends are its protein's own."""
    return segment["start"] == 1, segment["end"] == segment["protein_length"]


def _tasks_of(structure: str, screen: "Screen") -> Sequence[Task]:
    record = structure_record(screen, structure)
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
