"""Steps of a simulation with a look at the energy, and what is done where it blows up.

Every random number comes from a seed derived from the run's own, the replica, the phase and the attempt, so that a
repeated phase repeats its numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from md.errors import Unstable
from md.settings import MdSettings
from md.system import PreparedSystem

if TYPE_CHECKING:
    from openmm import Context, State, System

__all__ = [
    "GAS_CONSTANT",
    "Retry",
    "Tick",
    "advance",
    "degrees_of_freedom",
    "hottest_kinetic",
    "solute_names",
    "with_retries",
]

_CHECK_EVERY = 1000  # steps between looks at the energy
_HOT = 3.0  # kinetic temperature over the thermostat's at which a run is called unstable
GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K, CODATA 2018

T = TypeVar("T")
Tick = Callable[[float], None]


@dataclass(frozen=True)
class Retry:
    """One attempt that blew up and was repeated with half its step.

    Parameters
    ----------
    phase : str
        ``equilibration`` or ``segment <number>``.
    timestep_fs : float
        The step that failed.
    reason : str
        When, and the atoms under the largest force.
    """

    phase: str
    timestep_fs: float
    reason: str


def solute_names(prepared: PreparedSystem) -> tuple[str, ...]:
    """Name each atom of the solute as ``chain:residue number atom``, for messages.

    Parameters
    ----------
    prepared : PreparedSystem

    Returns
    -------
    tuple of str
    """
    return tuple(
        f"{atom.residue.chain.id}:{atom.residue.name}{atom.residue.id} {atom.name}"
        for atom in prepared.topology.atoms()
        if atom.index < prepared.n_solute
    )


def with_retries(
    phase: str, attempt: Callable[[float, int], T], settings: MdSettings, replica: int
) -> tuple[T, tuple[Retry, ...]]:
    """Try a phase, each time with half the step.

    Parameters
    ----------
    phase : str
        Its name, for seeds and messages.
    attempt : callable
        (step in fs, seed) -> result; raises Unstable where it blows up.
    settings : MdSettings
    replica : int
        1-based.

    Returns
    -------
    result : T
    retries : tuple of Retry
        What failed before.

    Raises
    ------
    Unstable
        Every step size failed.
    """
    failed: list[Retry] = []
    timestep_fs = settings.timestep_fs
    for number in range(settings.retries + 1):
        try:
            result = attempt(timestep_fs, settings.derived_seed(replica, f"{phase}, attempt {number}"))
        except Unstable as error:
            failed.append(Retry(phase, timestep_fs, str(error)))
            timestep_fs /= 2.0
        else:
            return result, tuple(failed)
    steps = ", ".join(f"{retry.timestep_fs:g}" for retry in failed)
    raise Unstable(
        f"{phase} is unstable with steps of {steps} fs; {failed[-1].reason}",
        cure="inspect those atoms in topology.pdb; a longer equilibration or another model of the pair may help",
    )


def advance(context: "Context", n_steps: int, names: tuple[str, ...], hottest: float, tick: Tick) -> "State":
    """Take steps and look at the energy every thousand.

    Parameters
    ----------
    context : Context
    n_steps : int
    names : tuple of str
        Of the solute's atoms, for messages.
    hottest : float
        Kinetic energy above which a run is unstable (`hottest_kinetic`), kJ/mol.
    tick : callable
        Told the time of the context, ps.

    Returns
    -------
    State
        With positions and energy: an energy costs as much as a step, so it is not asked for twice.

    Raises
    ------
    Unstable
        The energy is not finite or the system too hot; with the atoms under the largest forces.
    """
    import openmm

    last_good = context.getState(positions=True)
    for done in range(0, n_steps, _CHECK_EVERY):
        try:
            context.getIntegrator().step(min(_CHECK_EVERY, n_steps - done))
            state = context.getState(energy=True, positions=True)
        except openmm.OpenMMException as error:
            if "nan" not in str(error).lower():
                raise
            raise Unstable(_describe(context, last_good, names)) from error
        kinetic, potential = (float(e._value) for e in (state.getKineticEnergy(), state.getPotentialEnergy()))
        if not (np.isfinite(potential) and kinetic < hottest):
            raise Unstable(_describe(context, last_good, names))
        last_good = state
        tick(float(state.getTime()._value))
    return last_good


def hottest_kinetic(system: "System", settings: MdSettings) -> float:
    """Return the kinetic energy at which a run is called unstable.

    Parameters
    ----------
    system : System
    settings : MdSettings

    Returns
    -------
    float
        kJ/mol, three times that of the thermostat.
    """
    return _HOT * settings.temperature_kelvin * degrees_of_freedom(system) * GAS_CONSTANT / 2.0


def degrees_of_freedom(system: "System") -> int:
    """Return the number of degrees of freedom.

    Parameters
    ----------
    system : System

    Returns
    -------
    int
        Three for each particle with mass, less constraints, less three where the centre of mass is kept at rest.
    """
    import openmm

    masses = [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    n_mobile = int(np.count_nonzero(masses))
    at_rest = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    return 3 * n_mobile - system.getNumConstraints() - 3 * at_rest


def _describe(context: "Context", last_good: "State", names: tuple[str, ...]) -> str:
    context.setPositions(last_good.getPositions())
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    size = np.linalg.norm(forces, axis=1)
    worst = np.argsort(size)[::-1][:3]
    atoms = ", ".join(f"{names[i] if i < len(names) else f'solvent atom {i}'} {size[i]:.0f}" for i in worst.tolist())
    time_ps = last_good.getTime()._value
    return f"last sound at {time_ps:.3f} ps; largest forces there, kJ/mol/nm: {atoms}"
