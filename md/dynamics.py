"""The OpenMM side of a run: contexts, minimisation, equilibration, one production segment.

Nothing here knows about folders. Every random number comes from a seed derived from the run's own, the replica,
the phase and the attempt, so that a repeated phase repeats its numbers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure, Unstable
from md.settings import MdSettings
from md.system import PreparedSystem

if TYPE_CHECKING:
    from openmm import Context, CustomExternalForce, State, System

__all__ = ["Equilibrated", "Produced", "Retry", "equilibrate", "produce", "solute_names"]

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
        How far minimisation moved the solute's heavy atoms, after superposition on the input.
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


def equilibrate(prepared: PreparedSystem, settings: MdSettings, replica: int, tick: Tick) -> Equilibrated:
    """Minimise, then warm with heavy atoms restrained for the first half and free for the second.

    Parameters
    ----------
    prepared : PreparedSystem
        Not changed.
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
        If minimisation does not end at a finite energy, or equilibration blows up with every step size tried.
    """
    names = solute_names(prepared)
    heavy = [
        atom.index
        for atom in prepared.topology.atoms()
        if atom.index < prepared.n_solute and atom.element.symbol != "H"
    ]
    before, after, minimised, platform = _minimise(prepared, settings)

    def attempt(timestep_fs: float, seed: int) -> str:
        system = copy.deepcopy(prepared.system)
        system.addForce(_restraint(heavy, minimised, periodic=system.usesPeriodicBoundaryConditions()))
        context = _context(system, settings, seed, timestep_fs)
        context.setPositions(minimised)
        context.setVelocitiesToTemperature(settings.temperature_kelvin, seed)
        context.setParameter("restraint", settings.restraint)
        n_steps = round(settings.equilibration_ps * 1000.0 / timestep_fs)
        _advance(context, n_steps // 2, names, settings, tick)
        context.setParameter("restraint", 0.0)
        _advance(context, n_steps - n_steps // 2, names, settings, tick)
        context.setTime(0.0)
        return _state_xml(context)

    state_xml, retries = _with_retries("equilibration", attempt, settings, replica)
    rmsd_nm = _superposed_rmsd_nm(minimised[heavy], prepared.positions_nm[heavy])
    return Equilibrated(state_xml, platform, before, after, rmsd_nm, retries)


def produce(
    system: "System",
    names: tuple[str, ...],
    state_xml: str,
    segment: int,
    settings: MdSettings,
    replica: int,
    tick: Tick,
) -> Produced:
    """Run one production segment from a State.

    Parameters
    ----------
    system : System
        As prepared; not changed.
    names : tuple of str
        Of the solute's atoms, which come first.
    state_xml : str
        Serialised State that the segment before ended with.
    segment : int
        1-based.
    settings : MdSettings
    replica : int
        1-based.
    tick : callable
        Told how many ps of this segment are done.

    Returns
    -------
    Produced

    Raises
    ------
    Unstable
        If it blows up with every step size tried.
    """
    import openmm

    start = openmm.XmlSerializer.deserialize(state_xml)

    def attempt(timestep_fs: float, seed: int) -> Produced:
        context = _context(copy.deepcopy(system), settings, seed, timestep_fs)
        context.setState(start)
        begin_ps = _time_ps(context)
        frames, boxes, energies = [], [], []
        for _ in range(settings.frames_per_segment):
            n_steps = round(settings.frame_interval_ps * 1000.0 / timestep_fs)
            _advance(context, n_steps, names, settings, lambda now_ps: tick(now_ps - begin_ps))
            state = context.getState(positions=True, energy=True)
            frames.append(state.getPositions(asNumpy=True)._value[: len(names)].astype(np.float32))
            periodic = system.usesPeriodicBoundaryConditions()
            box = state.getPeriodicBoxVectors(asNumpy=True)._value if periodic else np.zeros((3, 3))
            boxes.append(box.astype(np.float32))
            energies.append(float(state.getPotentialEnergy()._value))
        platform = context.getPlatform().getName()
        return Produced(_state_xml(context), platform, np.array(frames), np.array(boxes), tuple(energies), ())

    produced, retries = _with_retries(f"segment {segment}", attempt, settings, replica)
    return replace(produced, retries=retries)


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


def _minimise(prepared: PreparedSystem, settings: MdSettings) -> tuple[float, float, NDArray[np.float64], str]:
    import openmm

    context = _context(copy.deepcopy(prepared.system), settings, 1, settings.timestep_fs)
    context.setPositions(prepared.positions_nm)
    before = float(context.getState(energy=True).getPotentialEnergy()._value)
    openmm.LocalEnergyMinimizer.minimize(
        context,
        settings.minimise_tolerance,  # pyright: ignore[reportArgumentType]
        settings.minimise_iterations,
    )
    state = context.getState(energy=True, positions=True)
    after = float(state.getPotentialEnergy()._value)
    positions = np.array(state.getPositions(asNumpy=True)._value)
    if not (np.isfinite(after) and np.isfinite(positions).all()):
        raise Unstable(
            f"minimisation went from {before:g} to {after:g} kJ/mol",
            cure="look for overlapping atoms in the input, or for a ring with a bond through it",
        )
    return before, after, positions, context.getPlatform().getName()


def _with_retries(
    phase: str, attempt: Callable[[float, int], T], settings: MdSettings, replica: int
) -> tuple[T, tuple[Retry, ...]]:
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


def _advance(context: "Context", n_steps: int, names: tuple[str, ...], settings: MdSettings, tick: Tick) -> None:
    import openmm

    system = context.getSystem()
    n_mobile = sum(system.getParticleMass(i)._value > 0.0 for i in range(system.getNumParticles()))
    freedom = 3 * n_mobile - system.getNumConstraints() - 3
    limit = _HOT * settings.temperature_kelvin * freedom * _GAS_CONSTANT / 2.0
    last_good = context.getState(positions=True)
    for done in range(0, n_steps, _CHECK_EVERY):
        try:
            context.getIntegrator().step(min(_CHECK_EVERY, n_steps - done))
            state = context.getState(energy=True, positions=True)
        except openmm.OpenMMException as error:
            if "nan" not in str(error).lower():
                raise
            raise Unstable(_describe(context, last_good, names)) from error
        kinetic, potential = state.getKineticEnergy()._value, state.getPotentialEnergy()._value
        if not (np.isfinite(potential) and kinetic < limit):
            raise Unstable(_describe(context, last_good, names))
        last_good = state
        tick(float(state.getTime()._value))


def _describe(context: "Context", last_good: "State", names: tuple[str, ...]) -> str:
    context.setPositions(last_good.getPositions())
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    size = np.linalg.norm(forces, axis=1)
    worst = np.argsort(size)[::-1][:3]
    atoms = ", ".join(f"{names[i] if i < len(names) else f'solvent atom {i}'} {size[i]:.0f}" for i in worst.tolist())
    time_ps = last_good.getTime()._value
    return f"last sound at {time_ps:.3f} ps; largest forces there, kJ/mol/nm: {atoms}"


def _context(system: "System", settings: MdSettings, seed: int, timestep_fs: float) -> "Context":
    import openmm

    if system.usesPeriodicBoundaryConditions():
        barostat = openmm.MonteCarloBarostat(settings.pressure_bar, settings.temperature_kelvin, _BAROSTAT_INTERVAL)
        barostat.setRandomNumberSeed(seed)
        system.addForce(barostat)
    last: Exception | None = None
    for name in _AUTO if settings.platform == "auto" else (settings.platform,):
        integrator = openmm.LangevinMiddleIntegrator(
            settings.temperature_kelvin,
            settings.friction_per_ps,
            timestep_fs / 1000.0,
        )
        integrator.setRandomNumberSeed(seed)
        try:
            platform = openmm.Platform.getPlatformByName(name)
            return openmm.Context(system, integrator, platform, _properties(name, settings))
        except openmm.OpenMMException as error:
            last = error
    raise InvalidStructure(
        f"platform {settings.platform} does not run here: {last}",
        cure='set platform = "CPU", or install openmm[cuda12] on a machine with a GPU',
    )


def _properties(platform: str, settings: MdSettings) -> dict[str, str]:
    deterministic = {"DeterministicForces": "true" if settings.deterministic else "false"}
    match platform:
        case "CPU":
            return {"Threads": str(settings.threads), **deterministic}
        case "CUDA" | "HIP":
            return {"Precision": "mixed", **deterministic}
        case "OpenCL":
            return {"Precision": "mixed"}
        case _:
            return {}


def _restraint(atoms: list[int], positions_nm: NDArray[np.float64], *, periodic: bool) -> "CustomExternalForce":
    import openmm

    square = "periodicdistance(x, y, z, x0, y0, z0)^2" if periodic else "(x-x0)^2 + (y-y0)^2 + (z-z0)^2"
    force = openmm.CustomExternalForce(f"0.5 * restraint * ({square})")
    force.addGlobalParameter("restraint", 0.0)
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for index in atoms:
        force.addParticle(index, positions_nm[index].tolist())
    return force


def _superposed_rmsd_nm(moved: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    a, b = moved - moved.mean(axis=0), reference - reference.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    s[-1] *= np.sign(np.linalg.det(u @ vt))  # a rotation, not a reflection: Kabsch 1976
    return float(np.sqrt(max(0.0, (a**2).sum() + (b**2).sum() - 2.0 * s.sum()) / len(a)))


def _state_xml(context: "Context") -> str:
    import openmm

    return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True))


def _time_ps(context: "Context") -> float:
    return float(context.getState().getTime()._value)
