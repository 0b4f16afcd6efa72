"""The backbone of a chain from its C-alphas, by dynamic programming.

A trans peptide group is rigid and spans two C-alphas, so its rotation about their axis is the one unknown (Purisima &
Scheraga 1984, doi 10.1002/bip.360230706). The geometry of a residue depends only on the two groups it joins; hence the
best set of rotations, by N-CA-C angle and Ramachandran plot, is found exactly by dynamic programming over a grid.
"""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["CA_DISTANCE", "backbone", "dihedral", "extend"]

# Engh & Huber 2001, International Tables for Crystallography F, ch. 18.3, doi 10.1107/97809553602060000695.
CA_C, C_N, N_CA, C_O = 1.525, 1.336, 1.459, 1.229
"""Backbone bond lengths, Angstrom."""
CA_C_N, C_N_CA, CA_C_O, N_CA_C = (math.radians(x) for x in (117.2, 121.7, 120.1, 111.0))
"""Backbone angles, radians."""
N_CA_C_SPREAD = math.radians(2.7)
"""Standard deviation of the N-CA-C angle (same source)."""

RAMACHANDRAN: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "general": ((-63, -43, 12, 0.45), (-115, 132, 28, 0.30), (-68, 145, 17, 0.22), (57, 42, 14, 0.03)),
    "G": (
        (-63, -43, 15, 0.22), (63, 43, 20, 0.28), (-75, 165, 25, 0.20), (80, -170, 25, 0.20),
        (180, 180, 30, 0.10),
    ),
    "P": ((-63, -33, 14, 0.40), (-67, 147, 14, 0.60)),
}  # fmt: skip
"""Basins as (phi, psi, width, weight), degrees: round Gaussians over the favoured regions of Lovell et al. 2003,
doi 10.1002/prot.10286, for general residues, glycine and proline."""
RAMACHANDRAN_FLOOR = 1e-4
"""Density, relative to the largest weight, of what lies outside all basins."""

ANGLE_GRID = 72
"""Rotations tried per peptide group: every 5 degrees."""
CA_DISTANCE = 3.80
"""Of consecutive C-alphas in a trans peptide, Angstrom; follows from the constants above to 0.02."""


def backbone(ca_angstrom: NDArray[np.float64], sequence: str) -> NDArray[np.float64]:
    """Place N, C and O of one chain.

    Parameters
    ----------
    ca_angstrom : ndarray, shape (L, 3), float64
        C-alphas of consecutive residues, about 3.8 Angstrom apart.
    sequence : str
        L standard residues.

    Returns
    -------
    ndarray, shape (L, 4, 3), float64
        N, CA, C, O. All peptides are trans.
    """
    in_plane = _peptide_plane()
    grid = np.arange(ANGLE_GRID) * 2 * math.pi / ANGLE_GRID
    groups = np.stack([_place(a, b, in_plane, grid) for a, b in pairwise(ca_angstrom)])

    best = np.zeros(ANGLE_GRID)
    choices = []
    for i in range(1, len(sequence) - 1):
        before, after = groups[i - 1], groups[i]
        cost = best[:, None] + _junction_cost(before, ca_angstrom[i], after, sequence[i])
        choices.append(np.argmin(cost, axis=0))
        best = cost.min(axis=0)
    path = [int(np.argmin(best))]
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    chosen = groups[np.arange(len(groups)), path[::-1]]

    atoms = np.empty((len(sequence), 4, 3))
    atoms[:, 1] = ca_angstrom
    atoms[:-1, 2], atoms[1:, 0], atoms[:-1, 3] = chosen[:, 0], chosen[:, 1], chosen[:, 2]
    # The ends have no second peptide group: extended conformation.
    atoms[0, 0] = extend(atoms[1, 0], atoms[0, 2], atoms[0, 1], N_CA, N_CA_C, math.radians(145))
    atoms[-1, 2] = extend(atoms[-2, 2], atoms[-1, 0], atoms[-1, 1], CA_C, N_CA_C, math.radians(-68))
    atoms[-1, 3] = extend(atoms[-1, 0], atoms[-1, 1], atoms[-1, 2], C_O, CA_C_O, math.radians(-35))
    return atoms


def _peptide_plane() -> NDArray[np.float64]:
    """C, N and O of a trans peptide, shape (3, 2), with CA at (0, 0) and the next CA at (1, 0) times `CA_DISTANCE`."""
    c = np.array([0.0, 0.0, 0.0])
    ca = np.array([CA_C, 0.0, 0.0])
    n = C_N * np.array([math.cos(CA_C_N), math.sin(CA_C_N), 0.0])
    following = extend(ca, c, n, N_CA, C_N_CA, math.pi)
    o = C_O * np.array([math.cos(CA_C_O), -math.sin(CA_C_O), 0.0])
    along = following - ca
    along /= np.linalg.norm(along)
    across = np.array([-along[1], along[0], 0.0])
    return np.array([[(atom - ca) @ along, (atom - ca) @ across] for atom in (c, n, o)])


def _place(
    ca: NDArray[np.float64], following: NDArray[np.float64], in_plane: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """C, N, O of the group from `ca` to `following` at each rotation, shape (grid, 3, 3)."""
    along = following - ca
    length = float(np.linalg.norm(along))
    along = along / length
    side = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    side /= np.linalg.norm(side)
    across = np.cos(grid)[:, None] * side + np.sin(grid)[:, None] * np.cross(along, side)
    stretch = length / CA_DISTANCE
    atoms = ca + (in_plane[:, :1] * stretch * along)[None] + in_plane[None, :, 1:] * across[:, None]
    return np.asarray(atoms, np.float64)


def _junction_cost(
    before: NDArray[np.float64], ca: NDArray[np.float64], after: NDArray[np.float64], residue: str
) -> NDArray[np.float64]:
    """Negative log-probability of the residue between two groups, shape (grid before, grid after)."""
    n, c, following_n = before[:, 1] - ca, after[:, 0] - ca, after[:, 1] - ca
    cosine = (n @ c.T) / np.outer(np.linalg.norm(n, axis=1), np.linalg.norm(c, axis=1))
    strain = (np.arccos(np.clip(cosine, -1, 1)) - N_CA_C) / N_CA_C_SPREAD
    phi = np.degrees(dihedral(before[:, None, 0] - ca, n[:, None], np.zeros(3), c[None]))
    psi = np.degrees(dihedral(n[:, None], np.zeros(3), c[None], following_n[None]))
    density = np.full(phi.shape, RAMACHANDRAN_FLOOR)
    for phi0, psi0, width, weight in RAMACHANDRAN.get(residue, RAMACHANDRAN["general"]):
        d_phi, d_psi = ((x + 180) % 360 - 180 for x in (phi - phi0, psi - psi0))
        density += weight * np.exp(-(d_phi**2 + d_psi**2) / (2 * width**2))
    return strain**2 / 2 - np.log(density)


def dihedral(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure torsions about the bond b-c.

    Parameters
    ----------
    a, b, c, d : ndarray, shape (..., 3), float64
        Positions; broadcast against each other.

    Returns
    -------
    ndarray, shape (...), float64
        Radians, IUPAC sign, -pi to pi.
    """
    axis = c - b
    axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    first, second = np.cross(b - a, axis), np.cross(axis, d - c)
    return np.arctan2(np.sum(np.cross(first, second) * axis, axis=-1), np.sum(first * second, axis=-1))


def extend(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], length: float, angle: float, torsion: float
) -> NDArray[np.float64]:
    """Place the atom bonded to c by internal coordinates.

    Parameters
    ----------
    a, b, c : ndarray, shape (3,), float64
        Three atoms in a row.
    length, angle, torsion : float
        Bond to c, angle at c and torsion about b-c; radians.

    Returns
    -------
    ndarray, shape (3,), float64
        Position.
    """
    back = (b - c) / np.linalg.norm(b - c)
    normal = np.cross(b - a, c - b)
    normal /= np.linalg.norm(normal)
    toward = np.cross(normal, back)
    return c + length * (
        math.cos(angle) * back - math.sin(angle) * (math.cos(torsion) * toward - math.sin(torsion) * normal)
    )
