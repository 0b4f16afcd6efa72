"""Side chains on a backbone: ideal residues turned about chi1 and chi2 until they clash least.

The ideal residues are the templates that PDBFixer ships. They are laid on N, CA and C, which fixes the L configuration.
The staggered positions of chi1 and chi2 (Ponder & Richards 1987, doi 10.1016/0022-2836(87)90358-5) are the candidates,
chosen one residue at a time in a few sweeps. It gives a start for a minimisation, not a prediction of rotamers.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["SideChain", "place_side_chains"]

CLEARANCE = 3.4
"""Angstrom; heavy atoms of different residues closer than this cost, about twice the radius of carbon
(Bondi 1964, doi 10.1021/j100785a001)."""
SWEEPS = 4
"""Passes over all residues; the choice rarely changes after the second."""
STAGGERED = (0.0, 2 * np.pi / 3, -2 * np.pi / 3)
"""Turns from the template, which is staggered itself, radians."""


@dataclass(frozen=True)
class SideChain:
    """Atoms of one residue beyond its backbone.

    Attributes
    ----------
    names : tuple of str
        Atom names, CB first; empty for glycine.
    positions_angstrom : ndarray, shape (atoms, 3), float64
        Positions.
    """

    names: tuple[str, ...]
    positions_angstrom: NDArray[np.float64]


@dataclass(frozen=True)
class _Template:
    """A residue in its own frame; `turns` are (axis start, axis end, atoms moved) of chi1 and chi2, as indices."""

    names: tuple[str, ...]
    frame: NDArray[np.float64]
    positions: NDArray[np.float64]
    turns: tuple[tuple[int, int, tuple[int, ...]], ...]


def place_side_chains(residues: list[str], backbone: NDArray[np.float64]) -> list[SideChain]:
    """Choose a conformer for every residue.

    Parameters
    ----------
    residues : list of str
        Three-letter names of all residues of all chains.
    backbone : ndarray, shape (residues, 4, 3), float64
        N, CA, C, O, Angstrom.

    Returns
    -------
    list of SideChain
        In the same order; the same input gives the same output.
    """
    templates = [_template(name) for name in residues]
    conformers = [_conformers(t, atoms) for t, atoms in zip(templates, backbone, strict=True)]
    fixed = backbone.reshape(-1, 3)
    owner = np.repeat(np.arange(len(residues)), 4)
    against_fixed = [_overlaps(c, fixed[owner != i]) for i, c in enumerate(conformers)]
    chosen = [int(np.argmin(cost)) for cost in against_fixed]
    for _ in range(SWEEPS):
        before = list(chosen)
        for i, candidates in enumerate(conformers):
            if len(candidates) > 1:
                others = np.concatenate([conformers[j][chosen[j]] for j in range(len(residues)) if j != i])
                chosen[i] = int(np.argmin(against_fixed[i] + _overlaps(candidates, others)))
        if chosen == before:
            break
    return [SideChain(t.names, c[k]) for t, c, k in zip(templates, conformers, chosen, strict=True)]


def _overlaps(candidates: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of squared intrusions into `CLEARANCE`, shape (candidates,)."""
    if candidates.shape[1] == 0 or len(others) == 0:
        return np.zeros(len(candidates))
    centre = candidates.mean(axis=(0, 1))
    reach = np.linalg.norm(candidates - centre, axis=-1).max() + CLEARANCE
    near = others[np.linalg.norm(others - centre, axis=1) < reach]
    distances = np.linalg.norm(candidates[:, :, None] - near, axis=-1)
    return np.sum(np.maximum(0.0, CLEARANCE - distances) ** 2, axis=(1, 2))


def _conformers(template: _Template, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
    """All staggered conformers on one backbone, shape (conformers, atoms, 3)."""
    ours, theirs = _frame(*atoms[:3]), _frame(*template.frame)
    # Index 0 is CA, so that chi1's axis and the side chain are one array.
    start = np.vstack([template.frame[1], template.positions]) - template.frame[1]
    conformers = [start @ theirs @ ours.T + atoms[1]]
    for axis_start, axis_end, moved in template.turns:
        turned = []
        for positions in conformers:
            axis = positions[axis_end] - positions[axis_start]
            for angle in STAGGERED:
                new = positions.copy()
                arms = positions[list(moved)] - positions[axis_end]
                new[list(moved)] = positions[axis_end] + arms @ _rotation(axis, angle).T
                turned.append(new)
        conformers = turned
    return np.array(conformers)[:, 1:]


def _frame(n: NDArray[np.float64], ca: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal axes, as columns, that bisect the N-CA-C angle."""
    first, second = (v / np.linalg.norm(v) for v in (n - ca, c - ca))
    x = (first + second) / np.linalg.norm(first + second)
    z = np.cross(first, second) / np.linalg.norm(np.cross(first, second))
    return np.column_stack([x, np.cross(z, x), z])


def _rotation(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Rotation matrix by Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@cache
def _template(residue: str) -> _Template:
    import pdbfixer
    from openmm import app, unit

    file = Path(pdbfixer.__file__).parent / "templates" / f"{residue}.pdb"
    pdb = app.PDBFile(str(file))
    positions = dict(
        zip(
            (atom.name for atom in pdb.topology.atoms()),
            np.array(pdb.positions.value_in_unit(unit.angstrom)),
            strict=True,
        )
    )
    names = ("CA", *(name for name in positions if name not in ("N", "CA", "C", "O", "OXT")))
    bonded: dict[str, set[str]] = {name: set() for name in names}
    for first, second in ((bond[0].name, bond[1].name) for bond in pdb.topology.bonds()):
        if first in bonded and second in bonded:
            bonded[first].add(second)
            bonded[second].add(first)
    turns = []
    start, end = "CA", "CB"
    for _ in range(2):
        moved = _beyond(bonded, start, end)
        # Proline's ring closes through N, which is no atom of the side chain.
        if not moved or residue == "PRO":
            break
        turns.append((names.index(start), names.index(end), tuple(sorted(names.index(name) for name in moved))))
        start, end = end, min(bonded[end] - {start}, key=lambda name: (-len(bonded[name]), name))
    return _Template(
        names[1:],
        np.array([positions[name] for name in ("N", "CA", "C")]),
        np.array([positions[name] for name in names[1:]]).reshape(-1, 3),
        tuple(turns),
    )


def _beyond(bonded: dict[str, set[str]], start: str, end: str) -> set[str]:
    """Atoms that turn with the bond from `start` to `end`; none if it lies in a ring or leads nowhere."""
    reached, pending = set[str](), [name for name in bonded.get(end, ()) if name != start]
    while pending:
        name = pending.pop()
        if name == start:
            return set()
        if name not in reached and name != end:
            reached.add(name)
            pending.extend(bonded[name] - {end})
    return reached
