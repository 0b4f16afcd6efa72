"""The compiled loops of the bead dynamics: forces, energies and steps of CALVADOS 2 beads, on one core.

Pairs are evaluated row by row and from both sides, so that the innermost loop only loads and sums and the compiler
vectorises it; a block of consecutive beads that lies beyond the cutoff is passed over. Arguments are those of
`screening.folding.bead_dynamics.Beads`, positions and forces are (3, n).

Imported inside functions only: it compiles on first use, and the result is cached beside this file.
"""

import math

import numpy as np

from get_core.jit import jit
from screening.folding.calvados import CHARGE_CUTOFF_NM, EPSILON, STICKY_CUTOFF_NM

__all__ = ["charge_energy", "integrate", "set_forces", "spring_energy", "sticky_energy"]

BLOCK = 12
"""Consecutive beads that are passed over together."""
FLOOR_NM2 = 1e-4
"""Least squared distance: keeps a bead's own distance out of the quotients; no pair of beads comes near it."""

# No "nnan" and no "ninf": a simulation that blows up must be seen. The cache knows when this file changes, not when the
# constants imported above do: they are compiled in.
_compiled = jit("reassoc", "contract", "nsz", "arcp")


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
def set_forces(x, f, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box):
    """Set the forces of all interactions.

    Parameters
    ----------
    x : float64 (3, n)
        Positions, nm.
    f : float64 (3, n)
        Set to the forces, kJ/mol/nm.
    sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box
        As in `Beads`.
    """
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
def integrate(
    x, v, kicks, dt_per_mass, half, damping, noise, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box
):
    """Take a step of the middle scheme (Zhang et al. 2019, doi 10.1021/acs.jpca.9b02771) for each of the kicks.

    Parameters
    ----------
    x, v : float64 (3, n)
        Positions, nm, and velocities, nm/ps; moved in place.
    kicks : float64 (steps, 3, n)
        Standard normal numbers.
    dt_per_mass : float64 (n,)
        Timestep over mass, ps/dalton.
    half : float
        Half the timestep, ps.
    damping : float
        What friction leaves of a velocity in a step.
    noise : float64 (n,)
        Velocity that a kick of 1 adds, nm/ps.
    sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box
        As in `Beads`.
    """
    n = x.shape[1]
    f = np.empty((3, n))
    for step in range(kicks.shape[0]):
        set_forces(x, f, sigma6, stickiness, charged, coulomb, kappa, bonded, bonds, box)
        for axis in range(3):
            for i in range(n):
                before = v[axis, i] + dt_per_mass[i] * f[axis, i]
                after = damping * before + noise[i] * kicks[step, axis, i]
                x[axis, i] += half * (before + after)
                v[axis, i] = after


@_compiled
def spring_energy(x, bonded, bonds):
    """Return the energy of the springs, kJ/mol; `x` is float64 (3, n), nm, the rest as in `Beads`."""
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
def sticky_energy(x, sigma6, stickiness, box):
    """Return the Ashbaugh-Hatch energy, kJ/mol, zero at the cutoff; `x` is float64 (3, n), nm, others as in `Beads`."""
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
def charge_energy(x, coulomb, kappa, box):
    """Return the Debye-Hückel energy, kJ/mol, zero at the cutoff; `x` is float64 (3, m), nm, of the charged beads."""
    shift = math.exp(-kappa * CHARGE_CUTOFF_NM) / CHARGE_CUTOFF_NM
    total = 0.0
    for i in range(x.shape[1]):
        for j in range(i):
            r2 = _squared_distance(x, i, j, box)
            if r2 < CHARGE_CUTOFF_NM**2:
                r = math.sqrt(r2)
                total += coulomb[i, j] * (math.exp(-kappa * r) / r - shift)
    return total
