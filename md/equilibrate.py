"""From prepared coordinates to a system that is fit to start production."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.context import make_context, state_xml_of
from md.defects import cis_peptides, d_amino_acids
from md.dynamics import (
    GAS_CONSTANT,
    Retry,
    Tick,
    advance,
    degrees_of_freedom,
    hottest_kinetic,
    solute_names,
    with_retries,
)
from md.errors import NotEquilibrated
from md.minimise import Minimised, minimise
from md.quality import Finding, Samples, assess, refuse
from md.settings import MdSettings
from md.structure import residue_name
from md.system import PreparedSystem

if TYPE_CHECKING:
    from openmm import Context, CustomExternalForce, System

__all__ = ["Equilibrated", "equilibrate"]

_SAMPLES = 200  # of temperature, energy and density in each phase of equilibration
_DALTON_PER_NM3 = 1.66053906660e-3  # g/mL, CODATA 2018


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
    findings : tuple of Finding
        What the quality gate looked at.
    retries : tuple of Retry
    """

    state_xml: str
    platform: str
    energy_input_kj_mol: float
    energy_minimised_kj_mol: float
    minimised_rmsd_nm: float
    findings: tuple[Finding, ...]
    retries: tuple[Retry, ...]


def equilibrate(prepared: PreparedSystem, settings: MdSettings, replica: int, tick: Tick) -> Equilibrated:
    """Minimise, then warm with heavy atoms held: half at constant volume, half at constant pressure.

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
    NotEquilibrated
        If minimisation turned a chiral centre or a peptide bond over (``d_amino_acid``, ``cis_peptide``), or a number
        is not sound and ``settings.quality_gate`` is ``fail`` (`md.quality.assess`).
    """
    names = solute_names(prepared)
    heavy = [
        atom.index
        for atom in prepared.topology.atoms()
        if atom.index < prepared.n_solute and atom.element is not None and atom.element.symbol != "H"
    ]
    minimised, platform = _minimise(prepared, settings, heavy)
    _refuse_turned(prepared, minimised.positions_nm)
    held_at = minimised.positions_nm

    def attempt(timestep_fs: float, seed: int) -> tuple[str, Samples, float]:
        n_steps = round(settings.equilibration_ps * 1000.0 / timestep_fs)
        system = _held(prepared.system, heavy, held_at)
        context = make_context(system, settings, seed, timestep_fs, pressure=False)
        context.setParameter("restraint", settings.restraint)
        context.setPositions(held_at)
        context.setVelocitiesToTemperature(settings.temperature_kelvin, seed)
        samples = _sampled(context, n_steps // 2, names, settings, tick)
        if system.usesPeriodicBoundaryConditions():
            state = context.getState(positions=True, velocities=True)
            context = make_context(_held(prepared.system, heavy, held_at), settings, seed, timestep_fs)
            context.setState(state)
            context.setParameter("restraint", settings.restraint)
        rest = _sampled(context, n_steps - n_steps // 2, names, settings, tick)
        end = np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)
        context.setTime(0.0)
        samples = rest if system.usesPeriodicBoundaryConditions() else _joined(samples, rest)
        return state_xml_of(context), samples, _superposed_rmsd_nm(end[heavy], held_at[heavy])

    (state_xml, samples, moved_nm), retries = with_retries("equilibration", attempt, settings, replica)
    findings = assess(
        samples,
        target_kelvin=settings.temperature_kelvin,
        max_force=minimised.max_force,
        force_limit=settings.minimise_max_force,
        rmsd_nm=moved_nm,
    )
    if settings.quality_gate == "fail":
        refuse(findings)
    return Equilibrated(
        state_xml=state_xml,
        platform=platform,
        energy_input_kj_mol=minimised.energy_before_kj_mol,
        energy_minimised_kj_mol=minimised.energy_after_kj_mol,
        minimised_rmsd_nm=_superposed_rmsd_nm(held_at[heavy], prepared.positions_nm[heavy]),
        findings=findings,
        retries=retries,
    )


def _minimise(prepared: PreparedSystem, settings: MdSettings, heavy: list[int]) -> tuple[Minimised, str]:
    system = _held(prepared.system, heavy, prepared.positions_nm)
    context = make_context(system, settings, 1, settings.timestep_fs, pressure=False)
    context.setParameter("restraint", settings.restraint)
    context.setPositions(prepared.positions_nm)
    minimised = minimise(
        context,
        tolerance=settings.minimise_tolerance,
        max_force=settings.minimise_max_force,
        iterations=settings.minimise_iterations,
    )
    return minimised, context.getPlatform().getName()


def _refuse_turned(prepared: PreparedSystem, positions_nm: NDArray[np.float64]) -> None:
    """Refuse a minimisation that got rid of a strain by turning a centre or a peptide bond over."""
    for code, what, find in (
        ("d_amino_acid", "residues into D-amino acids", d_amino_acids),
        ("cis_peptide", "peptide bonds over", cis_peptides),
    ):
        before = {residue.index for residue in find(prepared.topology, prepared.positions_nm)}
        turned = [r for r in find(prepared.topology, positions_nm) if r.index not in before]
        if turned:
            raise NotEquilibrated(
                f"minimisation turned {len(turned)} {what}: {', '.join(map(residue_name, turned[:5]))}",
                code=code,
                cure="the input is strained there: use another model",
            )


def _held(system: "System", atoms: list[int], positions_nm: NDArray[np.float64]) -> "System":
    """Return a copy of a system with its restraint, which is off until the parameter ``restraint`` is set."""
    held = copy.deepcopy(system)
    held.addForce(_restraint(atoms, positions_nm, periodic=system.usesPeriodicBoundaryConditions()))
    return held


def _sampled(context: "Context", n_steps: int, names: tuple[str, ...], settings: MdSettings, tick: Tick) -> Samples:
    """Advance and look at the temperature, the energy and the density on the way."""
    system = context.getSystem()
    freedom, hottest = degrees_of_freedom(system), hottest_kinetic(system, settings)
    mass = sum(system.getParticleMass(i)._value for i in range(system.getNumParticles()))
    edges = np.linspace(0, n_steps, min(_SAMPLES, n_steps) + 1).astype(int)
    rows = []
    for n in np.diff(edges).tolist():
        state = advance(context, n, names, hottest, tick)
        looked = (state.getKineticEnergy(), state.getPotentialEnergy(), state.getPeriodicBoxVolume())
        kinetic, potential, volume = (float(q._value) for q in looked)  # pyright: ignore[reportArgumentType]
        density = mass * _DALTON_PER_NM3 / volume
        rows.append((2.0 * kinetic / (freedom * GAS_CONSTANT), potential, density))
    temperature, potential, density = np.array(rows, np.float64).reshape(-1, 3).T
    periodic = system.usesPeriodicBoundaryConditions()
    return Samples(temperature, potential, density if periodic else np.empty(0))


def _joined(first: Samples, second: Samples) -> Samples:
    return Samples(
        np.r_[first.temperature_kelvin, second.temperature_kelvin],
        np.r_[first.potential_kj_mol, second.potential_kj_mol],
        np.r_[first.density_g_ml, second.density_g_ml],
    )


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
