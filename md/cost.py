"""What a trajectory costs on this machine: measured once, kept, and not guessed.

A step costs about so much per particle, but what depends on the machine, the platform, the force field and the size of
the system: each of these is measured by a short run of a prepared system (`calibrate`), or learned from finished
runs (`learn`). An estimate without such a measurement is refused, not made up.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.platforms import device_name
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm import System

__all__ = [
    "Calibration",
    "FinishedRun",
    "Machine",
    "NotCalibrated",
    "calibrate",
    "default_file",
    "find",
    "keep",
    "learn",
    "load",
    "measured",
    "seconds",
    "size_class",
    "this_machine",
]

CALIBRATION_STEPS = 2000
CALIBRATION_SECONDS = 20.0
"""A calibration ends after so many steps or seconds, whichever is first."""

WARM_UP_STEPS, CHUNK_STEPS = 20, 20
STALE_DAYS = 180
"""Drivers, clocks and neighbours of a machine change; after half a year it is measured again."""

FORMAT = 1
CURE = 'measure it: screening md SCREEN.TOML --where "CONDITION" --calibrate'
_GPU_FIRST = ("CUDA", "HIP")  # of platform = "auto", before the CPU


@dataclass(frozen=True)
class Machine:
    """What runs the steps.

    Parameters
    ----------
    device : str
        Name of the GPU, or model of the processor.
    platform : str
        OpenMM platform.
    precision : str
        ``mixed`` or ``single``.
    threads : int
        Of the CPU platform; 1 on others.
    openmm : str
        Version.
    """

    device: str
    platform: str
    precision: str
    threads: int
    openmm: str


@dataclass(frozen=True)
class Calibration:
    """One measurement.

    Parameters
    ----------
    machine : Machine
    force_field : str
    n_particles : int
        Of the system measured, water and virtual sites included.
    seconds_per_particle_step : float
        Wall time.
    steps : int
        Steps measured.
    date : str
        ISO 8601, UTC.
    """

    machine: Machine
    force_field: str
    n_particles: int
    seconds_per_particle_step: float
    steps: int
    date: str


@dataclass(frozen=True)
class FinishedRun:
    """What a finished trajectory says about cost.

    Parameters
    ----------
    machine : Machine
    force_field : str
    n_particles : int
    steps : int
    seconds : float
        Wall time of those steps.
    date : str
        ISO 8601.
    """

    machine: Machine
    force_field: str
    n_particles: int
    steps: int
    seconds: float
    date: str


class NotCalibrated(ValueError):
    """No measurement of this machine, platform, force field and size, or an old one.

    Parameters
    ----------
    message : str
        What was looked for.
    code : str
        ``uncalibrated``, ``stale_calibration`` or ``damaged_calibration``; it ends the message.
    """

    def __init__(self, message: str, *, code: str, cure: str = CURE) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.add_note(cure)


def size_class(n_particles: int) -> int:
    """Return the class of a system's size: k for 2ᵏ to 2ᵏ⁺¹ - 1 particles."""
    return n_particles.bit_length() - 1


def default_file() -> Path:
    """Return where this user's measurements are kept."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "screening" / "md_cost.json"


def this_machine(settings: MdSettings) -> Machine:
    """Return what would run a protocol here.

    Parameters
    ----------
    settings : MdSettings
        Its platform and threads.

    Returns
    -------
    Machine

    Raises
    ------
    NotCalibrated
        ``uncalibrated``: the platform does not run here.
    """
    import openmm

    wanted = (*_GPU_FIRST, "CPU") if settings.platform == "auto" else (settings.platform,)
    for name in wanted:
        try:
            platform = openmm.Platform.getPlatformByName(name)
            if name in ("CPU", "Reference"):
                return _machine(name, _processor(), settings)
            system = openmm.System()
            system.addParticle(1.0)
            context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
            return _machine(name, device_name(context) or name, settings)
        except openmm.OpenMMException:
            continue
    raise NotCalibrated(
        f"platform {settings.platform} does not run on this machine",
        code="uncalibrated",
        cure=f"on one where it does, {CURE}",
    )


def calibrate(
    system: "System",
    positions_nm: NDArray[np.float64],
    settings: MdSettings,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Calibration:
    """Measure what a step of a prepared system costs here.

    Parameters
    ----------
    system : System
        As `md.system.prepare` makes it.
    positions_nm : float64 (n, 3)
    settings : MdSettings
        Platform, threads, time step, temperature and pressure.
    clock : callable
        Seconds.

    Returns
    -------
    Calibration
        Of at most 2,000 steps and about 20 seconds, after 100 steps of minimisation and 20 to warm up.

    Raises
    ------
    NotCalibrated
        ``uncalibrated``: the platform does not run here.
    """
    import openmm

    machine = this_machine(settings)
    copied = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    if copied.usesPeriodicBoundaryConditions():
        copied.addForce(openmm.MonteCarloBarostat(settings.pressure_bar, settings.temperature_kelvin))
    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature_kelvin, settings.friction_per_ps, settings.timestep_fs / 1000.0
    )
    platform = openmm.Platform.getPlatformByName(machine.platform)
    precision = {"Precision": "mixed"} if machine.precision == "mixed" else {}
    threads = {"Threads": str(settings.threads)} if machine.platform == "CPU" else {}
    context = openmm.Context(copied, integrator, platform, {**precision, **threads})
    context.setPositions(positions_nm)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=100)
    context.setVelocitiesToTemperature(settings.temperature_kelvin, 1)

    def advance(steps: int) -> None:
        integrator.step(steps)
        context.getState(getEnergy=True)  # a GPU is done only when it is asked

    advance(WARM_UP_STEPS)
    done, began = 0, clock()
    while done < CALIBRATION_STEPS and clock() - began < CALIBRATION_SECONDS:
        advance(CHUNK_STEPS)
        done += CHUNK_STEPS
    taken, n_particles = clock() - began, copied.getNumParticles()
    today = datetime.now(UTC).date().isoformat()
    return Calibration(machine, settings.force_field, n_particles, taken / done / n_particles, done, today)


def learn(runs: Iterable[FinishedRun]) -> list[Calibration]:
    """Turn finished runs into measurements.

    Parameters
    ----------
    runs : iterable of FinishedRun
        Those without a step or a particle say nothing and are passed over.

    Returns
    -------
    list of Calibration
        One for each machine, force field and class of size: the median, of the latest date.
    """
    alike: dict[tuple[Machine, str, int], list[FinishedRun]] = defaultdict(list)
    for run in runs:
        if run.steps > 0 and run.n_particles > 0 and run.seconds > 0.0:
            alike[run.machine, run.force_field, size_class(run.n_particles)].append(run)
    return [
        Calibration(
            machine=machine,
            force_field=force_field,
            n_particles=round(median(run.n_particles for run in group)),
            seconds_per_particle_step=median(run.seconds / run.steps / run.n_particles for run in group),
            steps=sum(run.steps for run in group),
            date=max(run.date for run in group),
        )
        for (machine, force_field, _), group in alike.items()
    ]


def find(
    calibrations: Iterable[Calibration],
    machine: Machine,
    force_field: str,
    n_particles: int,
    *,
    today: date | None = None,
) -> Calibration:
    """Return the latest measurement that fits.

    Parameters
    ----------
    calibrations : iterable of Calibration
    machine : Machine
    force_field : str
    n_particles : int
        The class of this size is looked for.
    today : date, optional

    Returns
    -------
    Calibration

    Raises
    ------
    NotCalibrated
        ``uncalibrated``: there is none. ``stale_calibration``: it is older than 180 days, or of another OpenMM.
    """
    wanted = f"{force_field} with {n_particles:,} particles on {machine.platform} of {machine.device}"
    fitting = [
        each
        for each in calibrations
        if each.force_field == force_field
        and size_class(each.n_particles) == size_class(n_particles)
        and (each.machine.device, each.machine.platform) == (machine.device, machine.platform)
        and (each.machine.precision, each.machine.threads) == (machine.precision, machine.threads)
    ]
    if not fitting:
        raise NotCalibrated(f"what a step costs was never measured: {wanted}", code="uncalibrated")
    latest = max(fitting, key=lambda each: (each.machine.openmm == machine.openmm, each.date))
    if latest.machine.openmm != machine.openmm:
        raise NotCalibrated(
            f"what a step costs was measured with OpenMM {latest.machine.openmm}, this is {machine.openmm}: {wanted}",
            code="stale_calibration",
        )
    age = ((today or datetime.now(UTC).date()) - date.fromisoformat(latest.date[:10])).days
    if age > STALE_DAYS:
        raise NotCalibrated(
            f"what a step costs was measured {age} days ago, more than {STALE_DAYS}: {wanted}", code="stale_calibration"
        )
    return latest


def seconds(calibration: Calibration, n_particles: int, settings: MdSettings) -> float:
    """Estimate the wall time of a trajectory.

    Parameters
    ----------
    calibration : Calibration
    n_particles : int
    settings : MdSettings
        Its lengths and time step; minimisation is not counted.

    Returns
    -------
    float
        Seconds.
    """
    steps = (settings.equilibration_ps + settings.production_ps) * 1000.0 / settings.timestep_fs
    return calibration.seconds_per_particle_step * n_particles * steps


def load(path: Path) -> list[Calibration]:
    """Read the measurements that were kept.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    list of Calibration

    Raises
    ------
    NotCalibrated
        ``damaged_calibration``: the file is not what `keep` writes.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        if body["format"] != FORMAT:
            raise ValueError(f"format {body['format']}, not {FORMAT}")
        found = [Calibration(**{**each, "machine": Machine(**each["machine"])}) for each in body["calibrations"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise NotCalibrated(
            f"{path}: not a file of measured costs ({error})",
            code="damaged_calibration",
            cure=f"delete it, then {CURE}",
        ) from error
    return found


def measured() -> list[Calibration]:
    """Return this user's measurements, for where an estimate can do without: none where their file is damaged."""
    try:
        return load(default_file())
    except NotCalibrated:
        return []


def keep(path: Path, new: Sequence[Calibration]) -> None:
    """Add measurements to those kept; of each machine, force field and class of size the newest stays.

    Parameters
    ----------
    path : Path
        Replaced when all is written; its folder is made.
    new : sequence of Calibration
    """
    latest: dict[tuple[Machine, str, int], Calibration] = {}
    for each in [*load(path), *new]:
        latest[each.machine, each.force_field, size_class(each.n_particles)] = each
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(f"{path.name}.{os.getpid()}.part")
    body = {"format": FORMAT, "calibrations": [asdict(each) for each in latest.values()]}
    working.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    working.replace(path)


def _machine(platform: str, device: str, settings: MdSettings) -> Machine:
    from importlib.metadata import version

    on_cpu = platform in ("CPU", "Reference")
    return Machine(
        device, platform, "single" if on_cpu else "mixed", settings.threads if on_cpu else 1, version("openmm")
    )


def _processor() -> str:
    """Return the model of the processor."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
