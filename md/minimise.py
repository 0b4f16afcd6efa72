"""Minimise until no atom feels a large force, and say so only if that is true.

OpenMM's forces include those on virtual sites, which it has handed on to the atoms already, and those along
constrained bonds, which the constraints take up. The largest of them all never falls below a few thousand in a
perfect box of water. So massless particles are left out and the part along constraints is projected away.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import Unstable

if TYPE_CHECKING:
    from openmm import Context, System

__all__ = ["Minimised", "minimise", "unconstrained_forces"]

Floats = NDArray[np.float64]

PAPER_ITERATIONS = 50_000  # Fu et al. 2025, Methods
_ROUND = 500  # iterations between looks at the forces
_HELD = 200  # iterations with heavy atoms held, for added hydrogens and water
_TIGHTER = 0.5  # of the tolerance, where a round ended with a large force on a few atoms


@dataclass(frozen=True)
class Minimised:
    """A minimised system.

    Parameters
    ----------
    positions_nm : float64 (n_atoms, 3)
    energy_before_kj_mol, energy_after_kj_mol : float
        Potential energy, restraints left out.
    max_force : float
        Largest force that an atom is free to follow, kJ/mol/nm.
    atom : int
        The atom it is on.
    iterations : int
        At most this many were done.
    """

    positions_nm: Floats
    energy_before_kj_mol: float
    energy_after_kj_mol: float
    max_force: float
    atom: int
    iterations: int


def minimise(context: "Context", *, tolerance: float, max_force: float, iterations: int) -> Minimised:
    """Minimise, first with the context's restraint on, then without.

    Parameters
    ----------
    context : Context
        With positions, and with a global parameter ``restraint`` (kJ/mol/nm²).
    tolerance : float
        Root-mean-square force at which a round stops, kJ/mol/nm.
    max_force : float
        Largest force at which to stop, kJ/mol/nm.
    iterations : int
        Upper bound; 0 for the paper's 50,000.

    Returns
    -------
    Minimised
        Whether its `max_force` is small enough is for the caller to judge.

    Raises
    ------
    Unstable
        Energy or positions are not finite.
    """
    system = context.getSystem()
    held_by = context.getParameter("restraint")
    context.setParameter("restraint", 0.0)
    before = _energy(context)
    budget = iterations or PAPER_ITERATIONS
    used = min(_HELD, budget // 4)
    if used:
        context.setParameter("restraint", held_by)
        _relax(context, tolerance, used)
        context.setParameter("restraint", 0.0)
    energy, largest, atom = np.inf, np.inf, -1
    while used < budget:
        count = min(_ROUND, budget - used)
        _relax(context, tolerance, count)
        used += count
        forces = np.linalg.norm(unconstrained_forces(context, system), axis=1)
        atom, now = int(np.argmax(forces)), _energy(context)
        largest = float(forces[atom])
        if not np.isfinite(now) or largest < max_force or abs(energy - now) < 1e-6 * abs(now):
            energy = now
            break
        energy, tolerance = now, tolerance * _TIGHTER
    positions = np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)
    if not (np.isfinite(energy) and np.isfinite(positions).all()):
        raise Unstable(
            f"minimisation went from {before:g} to {energy:g} kJ/mol",
            code="minimisation",
            cure="look for overlapping atoms in the input",
        )
    return Minimised(positions, before, energy, largest, atom, used)


def unconstrained_forces(context: "Context", system: "System") -> Floats:
    """Return the forces that atoms are free to follow.

    Parameters
    ----------
    context : Context
        With positions that satisfy the constraints.
    system : System
        Its own.

    Returns
    -------
    float64 (n_atoms, 3)
        kJ/mol/nm; zero for massless particles, and without the part along constraints: F - Jᵀ (J Jᵀ)⁻¹ J F, J the
        gradients of the constraints.
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import spsolve

    state = context.getState(positions=True, forces=True)
    xyz, forces = (np.array(q._value) for q in (state.getPositions(asNumpy=True), state.getForces(asNumpy=True)))
    massless = np.array([system.getParticleMass(i)._value == 0.0 for i in range(system.getNumParticles())])
    forces[massless] = 0.0
    count = system.getNumConstraints()
    if not count:
        return forces
    pairs = np.array([system.getConstraintParameters(i)[:2] for i in range(count)])
    along = xyz[pairs[:, 0]] - xyz[pairs[:, 1]]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    rows = np.repeat(np.arange(count), 6)
    columns = (3 * pairs[:, :, None] + np.arange(3)).reshape(-1)
    values = np.stack([along, -along], axis=1).reshape(-1)
    gradients = csc_matrix((values, (rows, columns)), shape=(count, forces.size))
    multipliers = spsolve((gradients @ gradients.T).tocsc(), gradients @ forces.reshape(-1))
    return forces - (gradients.T @ multipliers).reshape(-1, 3)


def _relax(context: "Context", tolerance: float, iterations: int) -> None:
    import openmm

    openmm.LocalEnergyMinimizer.minimize(context, tolerance, iterations)  # pyright: ignore[reportArgumentType]


def _energy(context: "Context") -> float:
    return float(context.getState(energy=True).getPotentialEnergy()._value)
