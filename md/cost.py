"""What a trajectory costs on this machine: measured once, kept, and not guessed.

A step costs about so much per particle, but what depends on the machine, the platform, the force field and the size of
the system: each of these is measured by a short run of a prepared system (`md.calibration`), or learned from finished
runs (`learn`). An estimate without such a measurement is refused, not made up.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

from md.calibration import Calibration
from md.errors import NotCalibrated
from md.machine import MEASURE, Machine
from md.settings import MdSettings

__all__ = ["FinishedRun", "default_file", "find", "keep", "learn", "load", "measured", "seconds", "size_class"]

STALE_DAYS = 180
"""Drivers, clocks and neighbours of a machine change; after half a year it is measured again."""

FORMAT = 1


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


def size_class(n_particles: int) -> int:
    """Return the class of a system's size: k for 2ᵏ to 2ᵏ⁺¹ - 1 particles."""
    return n_particles.bit_length() - 1


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
        raise NotCalibrated(f"what a step costs was never measured: {wanted}", code="uncalibrated", cure=MEASURE)
    latest = max(fitting, key=lambda each: (each.machine.openmm == machine.openmm, each.date))
    if latest.machine.openmm != machine.openmm:
        raise NotCalibrated(
            f"what a step costs was measured with OpenMM {latest.machine.openmm}, this is {machine.openmm}: {wanted}",
            code="stale_calibration",
            cure=MEASURE,
        )
    age = ((today or datetime.now(UTC).date()) - date.fromisoformat(latest.date[:10])).days
    if age > STALE_DAYS:
        raise NotCalibrated(
            f"what a step costs was measured {age} days ago, more than {STALE_DAYS}: {wanted}",
            code="stale_calibration",
            cure=MEASURE,
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


def default_file() -> Path:
    """Return where this user's measurements are kept."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "screening" / "md_cost.json"


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
            cure=f"delete it, then {MEASURE}",
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
