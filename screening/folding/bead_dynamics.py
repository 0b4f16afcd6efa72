"""Langevin dynamics of CALVADOS 2 beads, compiled for one core.

The energy is that of `screening.folding.calvados.build_system`, the reference that the tests compare it with. All
arithmetic is in double precision and no random number is drawn here: the same input gives the same bits on the same
machine. Imported inside functions only: the loops (`screening.folding.bead_kernels`) compile on first use.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.folding.bead_kernels import charge_energy, integrate, set_forces, spring_energy, sticky_energy
from screening.folding.calvados import Chain, Solution, springs

__all__ = ["Beads", "advance", "beads_of", "between_chains", "energies", "forces"]


@dataclass(frozen=True)
class Beads:
    """Parameters of all chains as the kernel takes them; n beads.

    Attributes
    ----------
    masses_dalton : ndarray, shape (n,), float64
        Bead masses.
    sigma6 : ndarray, shape (n, n), float64
        Sixth power of the pair's diameter, nm^6; zero for excluded pairs and on the diagonal.
    stickiness : ndarray, shape (n, n), float64
        The pair's lambda; zero where `sigma6` is.
    charged : ndarray, shape (m,), int64
        Beads with a charge.
    coulomb : ndarray, shape (m, m), float64
        Product of the charges times Bjerrum length and thermal energy, kJ nm/mol; zero for excluded pairs.
    kappa : float
        Inverse Debye length, 1/nm.
    bonded : ndarray, shape (b, 2), int64
        Beads of each spring.
    bonds : ndarray, shape (b, 2), float64
        Length, nm, and force constant, kJ/mol/nm^2, of each spring.
    box_nm : float
        Edge of the periodic cube.
    """

    masses_dalton: NDArray[np.float64]
    sigma6: NDArray[np.float64]
    stickiness: NDArray[np.float64]
    charged: NDArray[np.int64]
    coulomb: NDArray[np.float64]
    kappa: float
    bonded: NDArray[np.int64]
    bonds: NDArray[np.float64]
    box_nm: float


def beads_of(chains: Sequence[Chain], solution: Solution, box_nm: float) -> Beads:
    """Lay out chains for the kernel.

    Parameters
    ----------
    chains : sequence of Chain
        Their beads follow each other in this order.
    solution : Solution
        Temperature, salt and pH.
    box_nm : float
        Edge of the cube, at least twice the longest cutoff.

    Returns
    -------
    Beads
        The same interactions as `screening.folding.calvados.build_system`.
    """
    diameters = np.concatenate([chain.diameters_nm() for chain in chains])
    stickiness = np.concatenate([chain.stickiness() for chain in chains])
    charges = np.concatenate([chain.charges(solution.ph) for chain in chains])
    strings = springs(chains)
    bonded = np.array([(i, j) for i, j, _, _ in strings], np.int64).reshape(-1, 2)
    interacting = ~np.eye(len(diameters), dtype=bool)
    interacting[bonded[:, 0], bonded[:, 1]] = interacting[bonded[:, 1], bonded[:, 0]] = False
    charged = np.flatnonzero(charges)
    strength = solution.bjerrum_length_nm * solution.thermal_energy
    return Beads(
        masses_dalton=np.concatenate([chain.masses_dalton() for chain in chains]),
        sigma6=np.where(interacting, ((diameters[:, None] + diameters) / 2) ** 6, 0.0),
        stickiness=np.where(interacting, (stickiness[:, None] + stickiness) / 2, 0.0),
        charged=charged,
        coulomb=np.where(interacting, strength * charges[:, None] * charges, 0.0)[np.ix_(charged, charged)],
        kappa=1 / solution.debye_length_nm,
        bonded=bonded,
        bonds=np.array([(length, constant) for _, _, length, constant in strings], np.float64).reshape(-1, 2),
        box_nm=box_nm,
    )


def between_chains(beads: Beads, length_a: int) -> Beads:
    """Keep only the interactions of the first `length_a` beads with the others."""
    first = np.arange(len(beads.masses_dalton)) < length_a
    across = first[:, None] != first
    return Beads(
        masses_dalton=beads.masses_dalton,
        sigma6=np.where(across, beads.sigma6, 0.0),
        stickiness=np.where(across, beads.stickiness, 0.0),
        charged=beads.charged,
        coulomb=np.where(across[np.ix_(beads.charged, beads.charged)], beads.coulomb, 0.0),
        kappa=beads.kappa,
        bonded=beads.bonded[:0],
        bonds=beads.bonds[:0],
        box_nm=beads.box_nm,
    )


def energies(beads: Beads, positions_nm: NDArray[np.float64]) -> tuple[float, float, float]:
    """Evaluate the potential energy.

    Parameters
    ----------
    beads : Beads
        Parameters.
    positions_nm : ndarray, shape (n, 3), float64
        Chains whole.

    Returns
    -------
    tuple of float
        Springs, Ashbaugh-Hatch and Debye-Hückel, kJ/mol.
    """
    x = np.ascontiguousarray(positions_nm.T, np.float64)
    bonds = spring_energy(x, beads.bonded, beads.bonds)
    sticky = sticky_energy(x, beads.sigma6, beads.stickiness, beads.box_nm)
    charges = np.ascontiguousarray(x[:, beads.charged])
    return bonds, sticky, charge_energy(charges, beads.coulomb, beads.kappa, beads.box_nm)


def forces(beads: Beads, positions_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate the forces.

    Parameters
    ----------
    beads : Beads
        Parameters.
    positions_nm : ndarray, shape (n, 3), float64
        Chains whole.

    Returns
    -------
    ndarray, shape (n, 3), float64
        kJ/mol/nm.
    """
    result = np.empty((3, len(positions_nm)))
    x = np.ascontiguousarray(positions_nm.T, np.float64)
    set_forces(x, result, *_parameters(beads))
    return result.T.copy()


def advance(
    beads: Beads,
    positions_nm: NDArray[np.float64],
    velocities: NDArray[np.float64],
    kicks: NDArray[np.float64],
    timestep_ps: float,
    friction_per_ps: float,
    thermal_energy: float,
) -> None:
    """Integrate in place; positions and velocities are C-contiguous.

    Parameters
    ----------
    beads : Beads
        Parameters.
    positions_nm, velocities : ndarray, shape (3, n), float64
        State; velocities in nm/ps. On return the velocities belong to the middle of the last step, where their
        variance is that of the temperature.
    kicks : ndarray, shape (steps, 3, n), float64
        Standard normal numbers.
    timestep_ps, friction_per_ps, thermal_energy : float
        Step, Langevin friction and gas constant times temperature (kJ/mol).

    Notes
    -----
    The middle scheme of Zhang et al. 2019, doi 10.1021/acs.jpca.9b02771, as OpenMM's ``LangevinMiddleIntegrator``: kick
    by the force, half a drift, heat bath, half a drift.
    """
    damping = math.exp(-friction_per_ps * timestep_ps)
    noise = np.sqrt((1 - damping**2) * thermal_energy / beads.masses_dalton)
    integrate(
        positions_nm,
        velocities,
        kicks,
        timestep_ps / beads.masses_dalton,
        timestep_ps / 2,
        damping,
        noise,
        *_parameters(beads),
    )


def _parameters(beads: Beads) -> tuple[object, ...]:
    return (
        beads.sigma6,
        beads.stickiness,
        beads.charged,
        beads.coulomb,
        beads.kappa,
        beads.bonded,
        beads.bonds,
        beads.box_nm,
    )
