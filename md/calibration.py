"""What a step costs here, measured by a short run of a prepared system."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.context import make_context
from md.machine import Machine, machine_of
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm import System

__all__ = ["Calibration", "calibrate"]

CALIBRATION_STEPS = 2000
CALIBRATION_SECONDS = 20.0
"""A calibration ends after so many steps or seconds, whichever is first."""

MINIMISE_STEPS, WARM_UP_STEPS, CHUNK_STEPS = 100, 20, 20


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
        As `md.system.prepare` makes it; not changed.
    positions_nm : float64 (n, 3)
    settings : MdSettings
        The protocol: the steps are those of its production.
    clock : callable
        Seconds.

    Returns
    -------
    Calibration
        Of at most 2,000 steps and about 20 seconds, after 100 steps of minimisation and 20 to warm up.

    Raises
    ------
    Unavailable
        ``platform``: it does not run here.
    """
    import openmm

    context = make_context(copy.deepcopy(system), settings, 1, settings.timestep_fs)
    context.setPositions(positions_nm)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=MINIMISE_STEPS)
    context.setVelocitiesToTemperature(settings.temperature_kelvin, 1)

    def advance(steps: int) -> None:
        context.getIntegrator().step(steps)
        context.getState(getEnergy=True)  # a GPU is done only when it is asked

    advance(WARM_UP_STEPS)
    done, began = 0, clock()
    while done < CALIBRATION_STEPS and clock() - began < CALIBRATION_SECONDS:
        advance(CHUNK_STEPS)
        done += CHUNK_STEPS
    taken, n_particles = clock() - began, system.getNumParticles()
    return Calibration(
        machine=machine_of(context, settings),
        force_field=settings.force_field,
        n_particles=n_particles,
        seconds_per_particle_step=taken / done / n_particles,
        steps=done,
        date=datetime.now(UTC).date().isoformat(),
    )
