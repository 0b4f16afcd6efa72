"""How long trajectories will take: from finished ones of this store, else from a measurement of this machine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from screening.sections.dynamics import MdStageSettings
from screening.task import Task
from screening.trajectory_lengths import remaining

if TYPE_CHECKING:
    from pathlib import Path

    from md.calibration import Calibration
    from md.cost import FinishedRun
    from md.settings import MdSettings
    from screening.screen import Screen

__all__ = ["calibrate_tasks", "finished_runs", "md_seconds"]

THIS_STORE = "the machines of this store"
"""Stands for the device of a run learned from: a record names its host, not its processor."""

MOST_SIZED = 20
"""Trajectories of a plan whose size is worked out; the others are taken to be like them."""


def finished_runs(records: Iterable[Record]) -> "list[FinishedRun]":
    """Return what finished trajectories say about cost.

    Parameters
    ----------
    records : iterable of Record
        Those of other stages are passed over.

    Returns
    -------
    list of FinishedRun
        By the speed of production, which equilibration shares.
    """
    from md.cost import FinishedRun
    from md.machine import Machine

    found = []
    for record in records:
        if record.stage != "md" or not record.ok:
            continue
        software = cast(Mapping[str, str], record.provenance.get("software", {}))
        for row in record.tables.get("md_runs", ()):
            speed, step = cast(float | None, row.get("ns_per_day")), cast(float | None, row.get("timestep_fs"))
            if not speed or not step:
                continue
            platform = str(row["platform"])
            precision = "single" if platform in ("CPU", "Reference") else "mixed"
            machine = Machine(THIS_STORE, platform, precision, 1, str(software.get("openmm", "")))
            steps = round(cast(float, row["completed_ns"]) * 1e6 / step)
            taken = cast(float, row["completed_ns"]) / speed * 86400.0
            found.append(
                FinishedRun(
                    machine,
                    str(row["force_field"]),
                    cast(int, row["n_atoms"]),
                    steps,
                    taken,
                    record.finished_at or "1970-01-01",
                )
            )
    return found


def md_seconds(screen: "Screen", tasks: Sequence[Task]) -> float:
    """Estimate the wall time of one trajectory, on average; what a finished run of another length has is free.

    Parameters
    ----------
    screen : Screen
    tasks : sequence of Task
        Of the stage ``md``, at least one.

    Returns
    -------
    float
        Seconds; minimisation, and what simulations on one GPU take from each other, are not counted.

    Raises
    ------
    NotCalibrated
        Nothing like it has run in this store, and this machine was not measured, or too long ago.
    InvalidInput
        A structure is gone.
    InvalidStructure
        A structure cannot be read.
    """
    from md.cost import default_file, learn, load, seconds

    learned, kept = learn(finished_runs(screen.store.records())), load(default_file())
    total = 0.0
    for task in tasks[:MOST_SIZED]:
        protocol, n_particles = remaining(screen.store, task), _particles(screen, task)
        total += seconds(_measured(learned, kept, protocol, n_particles), n_particles, protocol)
    return total / min(len(tasks), MOST_SIZED)


def _measured(
    learned: "Sequence[Calibration]", kept: "Sequence[Calibration]", protocol: "MdSettings", n_particles: int
) -> "Calibration":
    """Return what the store has learned, else what was measured here."""
    from md.cost import find
    from md.errors import NotCalibrated
    from md.machine import this_machine

    try:
        platform = this_machine(protocol).platform
    except NotCalibrated:  # the head of a cluster need not have the GPUs of its workers
        platform = protocol.platform
    for machine in {each.machine for each in learned if each.machine.platform == platform}:
        with suppress(NotCalibrated):
            return find(learned, machine, protocol.force_field, n_particles)
    return find(kept, this_machine(protocol), protocol.force_field, n_particles)


def calibrate_tasks(screen: "Screen", tasks: Sequence[Task], say: Callable[[str], None]) -> int:
    """Measure what a step costs on this machine, once for each class of size among trajectories.

    Parameters
    ----------
    screen : Screen
    tasks : sequence of Task
        Those of stages other than ``md`` are passed over.
    say : callable
        Takes a line for each measurement.

    Returns
    -------
    int
        Measurements made.

    Raises
    ------
    InvalidStructure
        A structure must not be simulated.
    Unavailable
        The platform does not run here.
    """
    from md.calibration import calibrate
    from md.cost import default_file, keep, size_class
    from md.system import prepare

    smallest: dict[int, Task] = {}
    for task in tasks:
        if task.stage == "md":
            smallest.setdefault(size_class(_particles(screen, task)), task)
    for task in smallest.values():
        protocol = cast(MdStageSettings, task.settings).protocol
        path, chains, termini = _system(screen, task)
        prepared = prepare(path, protocol, chains=chains, true_termini=termini)
        found = calibrate(prepared.system, prepared.positions_nm, protocol)
        keep(default_file(), [found])
        step = found.seconds_per_particle_step * found.n_particles
        where = f"{found.machine.platform} of {found.machine.device}"
        say(
            f"{found.n_particles:,} particles, {found.force_field} on {where}: "
            f"{1000.0 * step:.3g} ms a step, {0.0864 * protocol.timestep_fs / step:.3g} ns a day"
        )
    return len(smallest)


def _particles(screen: "Screen", task: Task) -> int:
    """Return the size of a system before it is built."""
    from md.size import estimate
    from md.structure import read

    path, chains, _ = _system(screen, task)
    return estimate(read(path, chains).positions_nm, cast(MdStageSettings, task.settings).protocol).n_atoms


def _system(screen: "Screen", task: Task) -> "tuple[Path, list[str], dict[str, tuple[bool, bool]]]":
    """Return the file of the structure, the chains of it that are simulated, and which of their ends are cuts."""
    from screening.steps.dynamics import chains_and_termini, structure_record

    record = structure_record(screen, task.upstream["structure"])
    chains, termini = chains_and_termini(cast(Mapping[str, Json], record.outputs), str(task.inputs["system"]))
    return screen.store.path(record.artifact("structure")), chains, termini
