"""The OpenMM side of a run: contexts, steps with a look at the energy, retries, one production segment.

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
from md.platforms import device_name
from md.settings import MdSettings
from md.system import PreparedSystem

if TYPE_CHECKING:
    from openmm import Context, State, System

__all__ = [
    "GAS_CONSTANT",
    "Produced",
    "Retry",
    "Tick",
    "advance",
    "degrees_of_freedom",
    "hottest_kinetic",
    "make_context",
    "produce",
    "solute_names",
    "state_xml_of",
    "with_retries",
]

_CHECK_EVERY = 1000  # steps between looks at the energy
_BAROSTAT_INTERVAL = 25  # steps; OpenMM's default
_HOT = 3.0  # kinetic temperature over the thermostat's at which a run is called unstable
GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K, CODATA 2018
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
class Produced:
    """One production segment.

    Parameters
    ----------
    state_xml : str
        Serialised State after the last step.
    platform : str
        The platform that ran it.
    accelerator : str or None
        Name of the GPU; None on the processor.
    frames_nm : ndarray (n_frames, n_solute, 3), float32
    boxes_nm : ndarray (n_frames, 3, 3), float32
        Zero for a system without a box.
    potential_kj_mol : tuple of float
        At each frame.
    retries : tuple of Retry
    """

    state_xml: str
    platform: str
    accelerator: str | None
    frames_nm: NDArray[np.float32]
    boxes_nm: NDArray[np.float32]
    potential_kj_mol: tuple[float, ...]
    retries: tuple[Retry, ...]


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
        context = make_context(copy.deepcopy(system), settings, seed, timestep_fs)
        context.setState(start)
        begin_ps = _time_ps(context)
        hottest = hottest_kinetic(system, settings)
        frames, boxes, energies = [], [], []
        for _ in range(settings.frames_per_segment):
            n_steps = round(settings.frame_interval_ps * 1000.0 / timestep_fs)
            state = advance(context, n_steps, names, hottest, lambda now_ps: tick(now_ps - begin_ps))
            xyz = np.asarray(state.getPositions(asNumpy=True)._value)  # pyright: ignore[reportAttributeAccessIssue]
            frames.append(xyz[: len(names)].astype(np.float32))
            periodic = system.usesPeriodicBoundaryConditions()
            box = state.getPeriodicBoxVectors(asNumpy=True)._value if periodic else np.zeros((3, 3))
            boxes.append(box.astype(np.float32))
            energies.append(float(state.getPotentialEnergy()._value))  # pyright: ignore[reportArgumentType]
        ran_on = context.getPlatform().getName(), device_name(context)
        return Produced(state_xml_of(context), *ran_on, np.array(frames), np.array(boxes), tuple(energies), ())

    produced, retries = with_retries(f"segment {segment}", attempt, settings, replica)
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


def _describe(context: "Context", last_good: "State", names: tuple[str, ...]) -> str:
    context.setPositions(last_good.getPositions())
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    size = np.linalg.norm(forces, axis=1)
    worst = np.argsort(size)[::-1][:3]
    atoms = ", ".join(f"{names[i] if i < len(names) else f'solvent atom {i}'} {size[i]:.0f}" for i in worst.tolist())
    time_ps = last_good.getTime()._value
    return f"last sound at {time_ps:.3f} ps; largest forces there, kJ/mol/nm: {atoms}"


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


def make_context(
    system: "System", settings: MdSettings, seed: int, timestep_fs: float, *, pressure: bool = True
) -> "Context":
    """Make a Context on the wanted platform.

    Parameters
    ----------
    system : System
        Of a box: gets a barostat, unless `pressure` is False.
    settings : MdSettings
    seed : int
        Of the thermostat and the barostat.
    timestep_fs : float
    pressure : bool

    Returns
    -------
    Context

    Raises
    ------
    InvalidStructure
        ``platform``: it does not run here.
    """
    import openmm

    if pressure and system.usesPeriodicBoundaryConditions():
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
        code="platform",
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


def state_xml_of(context: "Context") -> str:
    """Return positions, velocities and box as XML.

    Parameters
    ----------
    context : Context

    Returns
    -------
    str
    """
    import openmm

    return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True))


def _time_ps(context: "Context") -> float:
    return float(context.getState().getTime()._value)
