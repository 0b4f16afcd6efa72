"""The OpenMM side of a run: contexts, minimisation, equilibration, one production segment.

Nothing here knows about folders. Every random number comes from a seed derived from the run's own, the replica,
the phase and the attempt, so that a repeated phase repeats its numbers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from md.errors import Unstable
from md.settings import SMALLEST_STEP_FS, MdSettings

if TYPE_CHECKING:
    from openmm import Context, CustomExternalForce, Platform, System
    from openmm.app import Topology

__all__ = ["Equilibrated", "Produced", "Retry", "equilibrate", "produce"]

_CHECK_EVERY = 1000  # steps between looks at the energy
_BAROSTAT_INTERVAL = 25  # steps; OpenMM's default
_HOT = 3.0  # kinetic temperature over the thermostat's at which a run is called unstable
_GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K, CODATA 2018
_AUTO = ("CUDA", "HIP", "CPU")

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


@dataclass(frozen=True)
class Equilibrated:
    """Where production starts.

    Parameters
    ----------
    state_xml : str
        Serialised State: positions, velocities, box; time 0.
    platform : str
        The platform that ran it.
    energy_input_kj_mol, energy_minimised_kj_mol : float
        Potential energy before and after minimisation.
    minimised_rmsd_nm : float
        How far minimisation moved the heavy atoms of the solute, after superposition on the input.
    retries : tuple of Retry
    """

    state_xml: str
    platform: str
    energy_input_kj_mol: float
    energy_minimised_kj_mol: float
    minimised_rmsd_nm: float
    retries: tuple[Retry, ...]


@dataclass(frozen=True)
class Produced:
    """One production segment.

    Parameters
    ----------
    state_xml : str
        Serialised State after the last step.
    platform : str
        The platform that ran it.
    frames_nm : ndarray (n_frames, n_solute, 3), float32
    boxes_nm : ndarray (n_frames, 3, 3), float32
        Zero for a system without a box.
    potential_kj_mol : tuple of float
        At each frame.
    retries : tuple of Retry
    """

    state_xml: str
    platform: str
    frames_nm: NDArray[np.float32]
    boxes_nm: NDArray[np.float32]
    potential_kj_mol: tuple[float, ...]
    retries: tuple[Retry, ...]


def equilibrate(
    system: "System",
    topology: "Topology",
    positions_nm: NDArray[np.float64],
    n_solute: int,
    settings: MdSettings,
    replica: int,
    tick: Tick,
) -> Equilibrated:
    """Minimise, then warm with heavy atoms restrained for the first half and free for the second.

    Parameters
    ----------
    system : System
        As prepared; not changed.
    topology : Topology
        Of the whole system.
    positions_nm : ndarray (n_atoms, 3)
    n_solute : int
        Atoms of the solute, which come first and are the ones restrained.
    settings : MdSettings
    replica : int
        1-based.
    tick : callable
        Told how many ps of this phase are done.

    Returns
    -------
    Equilibrated

    Raises
    ------
    Unstable
        If it blows up with every step size tried, or the input's energy stays infinite.
    """
    import openmm
    from openmm import unit

    heavy = [
        atom.index
        for atom in topology.atoms()
        if atom.index < n_solute and atom.element is not None and atom.element.symbol != "H"
    ]
    restrained = copy.deepcopy(system)
    restraint = _restraint(heavy, positions_nm, periodic=system.usesPeriodicBoundaryConditions())
    restrained.addForce(restraint)

    def attempt(timestep_fs: float, number: int) -> Equilibrated:
        seed = settings.derived_seed(replica, f"equilibration, attempt {number}")
        context = _context(restrained, topology, settings, seed, timestep_fs)
        context.setPositions(positions_nm * unit.nanometer)
        before = _energy(context)
        openmm.LocalEnergyMinimizer.minimize(
            context, settings.minimise_tolerance, settings.minimise_iterations
        )
        after = _energy(context)
        minimised = _positions(context)
        if not (np.isfinite(after) and np.isfinite(minimised).all()):
            raise Unstable(f"minimisation ended at {after:g} kJ/mol from {before:g}")
        for k, index in enumerate(heavy):
            restraint_in_context(context).setParticleParameters(k, index, minimised[index])
        restraint_in_context(context).updateParametersInContext(context)
        context.setVelocitiesToTemperature(settings.temperature_kelvin, seed)
        n_steps = round(settings.equilibration_ps * 1000.0 / timestep_fs)
        context.setParameter("restraint", settings.restraint)
        done = _advance(context, topology, n_steps // 2, 0, timestep_fs, settings, tick)
        context.setParameter("restraint", 0.0)
        _advance(context, topology, n_steps - n_steps // 2, done, timestep_fs, settings, tick)
        return Equilibrated(
            state_xml=_handover(context, system, topology, settings),
            platform=context.getPlatform().getName(),
            energy_input_kj_mol=before,
            energy_minimised_kj_mol=after,
            minimised_rmsd_nm=_superposed_rmsd(minimised[heavy], positions_nm[heavy]),
            retries=(),
        )

    def restraint_in_context(context: "Context") -> "CustomExternalForce":
        forces = context.getSystem().getForces()
        return next(force for force in forces if isinstance(force, openmm.CustomExternalForce))

    result, retries = _with_retries("equilibration", attempt, settings)
    return Equilibrated(**{**result.__dict__, "retries": retries})
