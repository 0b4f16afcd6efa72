"""Langevin dynamics of CALVADOS 2 beads, compiled for one core.

The energy is that of `screening.folding.calvados.build_system`, the reference that the tests compare it with. Pairs are
evaluated row by row and from both sides, so that the innermost loop only loads and sums and the compiler vectorises it;
a block of consecutive beads that lies beyond the cutoff is passed over. All arithmetic is in double precision and no
random number is drawn here: the same input gives the same bits on the same machine.

Imported inside functions only: it compiles on first use, and the result is cached beside this file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from get_core.jit import jit
from screening.folding.calvados import CHARGE_CUTOFF_NM, EPSILON, STICKY_CUTOFF_NM, Chain, Solution, springs

__all__ = ["Beads", "advance", "beads_of", "between_chains", "energies", "forces"]

BLOCK = 12
"""Consecutive beads that are passed over together."""
FLOOR_NM2 = 1e-4
"""Least squared distance: keeps a bead's own distance out of the quotients; no pair of beads comes near it."""

# No "nnan" and no "ninf": a simulation that blows up must be seen. The cache knows when this file changes, not when the
# constants imported above do: they are compiled in.
_compiled = jit("reassoc", "contract", "nsz", "arcp")


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
    bonds = _spring_energy(x, beads.bonded, beads.bonds)
    sticky = _sticky_energy(x, beads.sigma6, beads.stickiness, beads.box_nm)
    charges = np.ascontiguousarray(x[:, beads.charged])
    return bonds, sticky, _charge_energy(charges, beads.coulomb, beads.kappa, beads.box_nm)


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
    _forces(x, result, *_parameters(beads))
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
    _advance(
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


@_compiled
def _spheres(x, spheres):
    """Enclose each block of beads; rows are the centre and the radius."""
    n = x.shape[1]
    for block in range(spheres.shape[1]):
        start, end = block * BLOCK, min(block * BLOCK + BLOCK, n)
        for axis in range(3):
            spheres[axis, block] = x[axis, start:end].sum() / (end - start)
        r2 = 0.0
        for i in range(start, end):
            dx, dy, dz = x[0, i] - spheres[0, block], x[1, i] - spheres[1, block], x[2, i] - spheres[2, block]
            r2 = max(r2, dx * dx + dy * dy + dz * dz)
        spheres[3, block] = math.sqrt(r2)


@_compiled
def _stretches(spheres, block, cutoff, box, n, found):
    """Find the runs of blocks that may hold a bead within the cutoff of one block; returns how many."""
    count, open_ = 0, False
    for other in range(spheres.shape[1]):
        dx, dy, dz = (
            spheres[0, block] - spheres[0, other],
            spheres[1, block] - spheres[1, other],
            spheres[2, block] - spheres[2, other],
        )
        dx -= box * np.rint(dx / box)
        dy -= box * np.rint(dy / box)
        dz -= box * np.rint(dz / box)
        reach = cutoff + spheres[3, block] + spheres[3, other]
        near = dx * dx + dy * dy + dz * dz < reach * reach
        if near and not open_:
            found[count, 0] = other * BLOCK
        if not near and open_:
            found[count, 1] = other * BLOCK
            count += 1
        open_ = near
    if open_:
        found[count, 1] = n
        count += 1
    return count


@_compiled
def _sticky_row(xi, yi, zi, x, y, z, sigma6, stickiness, box):
    """Sum the Ashbaugh-Hatch forces of a stretch of beads on one bead, over 24 epsilon."""
    per_box = 1 / box
    fx, fy, fz = 0.0, 0.0, 0.0
    for j in range(x.size):
        dx, dy, dz = xi - x[j], yi - y[j], zi - z[j]
        dx -= box * np.rint(dx * per_box)
        dy -= box * np.rint(dy * per_box)
        dz -= box * np.rint(dz * per_box)
        r2 = max(dx * dx + dy * dy + dz * dz, FLOOR_NM2)
        per_r2 = 1 / r2
        u = sigma6[j] * per_r2 * per_r2 * per_r2
        attraction = stickiness[j]
        scale = 1.0 if u > 0.5 else attraction
        g = scale * u * (2 * u - 1) * per_r2
        g = g if r2 < STICKY_CUTOFF_NM**2 else 0.0
        fx += g * dx
        fy += g * dy
        fz += g * dz
    return fx, fy, fz


@_compiled
def _sticky_forces(x, sigma6, stickiness, box, spheres, found, f):
    """Set the Ashbaugh-Hatch forces."""
    n = x.shape[1]
    x_, y_, z_ = x[0], x[1], x[2]
    _spheres(x, spheres)
    for block in range(spheres.shape[1]):
        count = _stretches(spheres, block, STICKY_CUTOFF_NM, box, n, found)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, n)):
            fx, fy, fz = 0.0, 0.0, 0.0
            for k in range(count):
                start, end = found[k, 0], found[k, 1]
                gx, gy, gz = _sticky_row(
                    x_[i],
                    y_[i],
                    z_[i],
                    x_[start:end],
                    y_[start:end],
                    z_[start:end],
                    sigma6[i, start:end],
                    stickiness[i, start:end],
                    box,
                )
                fx += gx
                fy += gy
                fz += gz
            f[0, i] = 24 * EPSILON * fx
            f[1, i] = 24 * EPSILON * fy
            f[2, i] = 24 * EPSILON * fz


@_compiled
def _exp_minus(y):
    """Exponential of -y for y up to about 13, to 1e-10: a Taylor polynomial of y/64 and six squarings vectorise."""
    t = y * (-1 / 64)
    e = 1 + t * (1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * (1 + t / 6 * (1 + t / 7 * (1 + t / 8)))))))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@_compiled
def _charge_row(xi, yi, zi, x, y, z, coulomb, kappa, box):
    """Sum the Debye-Hückel forces of a stretch of charged beads on one."""
    per_box = 1 / box
    fx, fy, fz = 0.0, 0.0, 0.0
    for j in range(x.size):
        dx, dy, dz = xi - x[j], yi - y[j], zi - z[j]
        dx -= box * np.rint(dx * per_box)
        dy -= box * np.rint(dy * per_box)
        dz -= box * np.rint(dz * per_box)
        r2 = max(dx * dx + dy * dy + dz * dz, FLOOR_NM2)
        r = math.sqrt(r2)
        g = coulomb[j] * _exp_minus(kappa * r) * (kappa * r + 1) / (r2 * r)
        g = g if r2 < CHARGE_CUTOFF_NM**2 else 0.0
        fx += g * dx
        fy += g * dy
        fz += g * dz
    return fx, fy, fz


@_compiled
def _add_charge_forces(x, beads, coulomb, kappa, box, spheres, found, f):
    """Add the Debye-Hückel forces; `x` holds the charged beads only."""
    n = x.shape[1]
    x_, y_, z_ = x[0], x[1], x[2]
    _spheres(x, spheres)
    for block in range(spheres.shape[1]):
        count = _stretches(spheres, block, CHARGE_CUTOFF_NM, box, n, found)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, n)):
            for k in range(count):
                start, end = found[k, 0], found[k, 1]
                fx, fy, fz = _charge_row(
                    x_[i], y_[i], z_[i], x_[start:end], y_[start:end], z_[start:end], coulomb[i, start:end], kappa, box
                )
                f[0, beads[i]] += fx
                f[1, beads[i]] += fy
                f[2, beads[i]] += fz


@_compiled
def _add_spring_forces(x, bonded, bonds, f):
    for index in range(bonded.shape[0]):
        i, j = bonded[index, 0], bonded[index, 1]
        dx, dy, dz = x[0, i] - x[0, j], x[1, i] - x[1, j], x[2, i] - x[2, j]
        r = math.sqrt(dx * dx + dy * dy + dz * dz)
        g = bonds[index, 1] * (bonds[index, 0] / r - 1)
        f[0, i] += g * dx
        f[1, i] += g * dy
        f[2, i] += g * dz
        f[0, j] -= g * dx
        f[1, j] -= g * dy
        f[2, j] -= g * dz


@_compiled
def _forces(x, f, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box):
    n, m = x.shape[1], charged.size
    blocks = (n + BLOCK - 1) // BLOCK
    spheres, found = np.empty((4, blocks)), np.empty((blocks, 2), np.int64)
    _sticky_forces(x, sigma6, stickiness, box, spheres, found, f)
    if m > 1:
        q = np.empty((3, m))
        for k in range(m):
            for axis in range(3):
                q[axis, k] = x[axis, charged[k]]
        _add_charge_forces(q, charged, coulomb, kappa, box, spheres[:, : (m + BLOCK - 1) // BLOCK], found, f)
    _add_spring_forces(x, bonded, bonds, f)


@_compiled
def _advance(
    x, v, kicks, dt_per_mass, half, damping, noise, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box
):
    n = x.shape[1]
    f = np.empty((3, n))
    for step in range(kicks.shape[0]):
        _forces(x, f, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box)
        for axis in range(3):
            for i in range(n):
                before = v[axis, i] + dt_per_mass[i] * f[axis, i]
                after = damping * before + noise[i] * kicks[step, axis, i]
                x[axis, i] += half * (before + after)
                v[axis, i] = after


@_compiled
def _spring_energy(x, bonded, bonds):
    total = 0.0
    for index in range(bonded.shape[0]):
        i, j = bonded[index, 0], bonded[index, 1]
        dx, dy, dz = x[0, i] - x[0, j], x[1, i] - x[1, j], x[2, i] - x[2, j]
        total += bonds[index, 1] / 2 * (math.sqrt(dx * dx + dy * dy + dz * dz) - bonds[index, 0]) ** 2
    return total


@_compiled
def _squared_distance(x, i, j, box):
    total = 0.0
    for axis in range(3):
        d = x[axis, i] - x[axis, j]
        d -= box * np.rint(d / box)
        total += d * d
    return total


@_compiled
def _sticky_energy(x, sigma6, stickiness, box):
    total = 0.0
    for i in range(x.shape[1]):
        for j in range(i):
            r2 = _squared_distance(x, i, j, box)
            if r2 < STICKY_CUTOFF_NM**2:
                u, u_cutoff, lam = sigma6[i, j] / r2**3, sigma6[i, j] / STICKY_CUTOFF_NM**6, stickiness[i, j]
                inner = 4 * u * (u - 1)
                total += (inner + 1 - lam if u > 0.5 else lam * inner) - lam * 4 * u_cutoff * (u_cutoff - 1)
    return EPSILON * total


@_compiled
def _charge_energy(x, coulomb, kappa, box):
    shift = math.exp(-kappa * CHARGE_CUTOFF_NM) / CHARGE_CUTOFF_NM
    total = 0.0
    for i in range(x.shape[1]):
        for j in range(i):
            r2 = _squared_distance(x, i, j, box)
            if r2 < CHARGE_CUTOFF_NM**2:
                r = math.sqrt(r2)
                total += coulomb[i, j] * (math.exp(-kappa * r) / r - shift)
    return total
