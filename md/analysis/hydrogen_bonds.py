"""Hydrogen bonds between two chains, by a named criterion.

Criteria differ by half as much again on the same frames, so none goes without its name. D is the donor, H its hydrogen,
A the acceptor; donors and acceptors are nitrogen and oxygen.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from md.analysis.solute import Chain, Solute

__all__ = ["CRITERIA", "Criterion", "HydrogenBonds", "hydrogen_bonds"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

Criterion = Literal["baker_hubbard", "wernet_nilsson", "donor_acceptor"]

CRITERIA: dict[Criterion, str] = {
    "baker_hubbard": "H···A < 0.25 nm, angle D-H···A > 120° (Baker & Hubbard 1984, doi 10.1016/0079-6107(84)90007-5)",
    "wernet_nilsson": "D···A < 0.33 nm - 0.000044 nm δ², δ the angle H-D···A in degrees (Wernet et al. 2004, "
    "doi 10.1126/science.1096205)",
    "donor_acceptor": "D···A < 0.35 nm, angle D-H···A > 120°: wide, as HydrogenBondAnalysis of MDAnalysis with these "
    "cutoffs",
}

BAKER_HUBBARD_NM, ANGLE_DEGREES = 0.25, 120.0
WERNET_NM, WERNET_NM_PER_DEGREE2 = 0.33, 0.000044
DONOR_ACCEPTOR_NM = 0.35
LONGEST_BOND_NM = 0.12  # of hydrogen to N or O, so that H···A is at most this longer than D···A


@dataclass(frozen=True, eq=False)
class HydrogenBonds:
    """Hydrogen bonds between two chains.

    Parameters
    ----------
    counts : float64 (n,)
        Hydrogens bonded to an acceptor in each frame; a hydrogen with two acceptors counts twice.
    pairs : int64 (p, 2)
        Donor and acceptor atoms that were ever bonded, most often first.
    occupancy : float64 (p,)
        Share of frames in which a pair is, by any hydrogen.
    """

    counts: Floats
    pairs: Indices
    occupancy: Floats


def hydrogen_bonds(solute: Solute, a: Chain, b: Chain, criterion: Criterion = "baker_hubbard") -> HydrogenBonds:
    """Find the hydrogen bonds between two chains.

    Parameters
    ----------
    solute : Solute
        n frames, with hydrogens.
    a, b : Chain
        Caps are left out.
    criterion : str
        A key of `CRITERIA`.

    Returns
    -------
    HydrogenBonds
    """
    from scipy.spatial import KDTree

    sides = [_polar(solute, chain) for chain in (a, b)]
    reach = BAKER_HUBBARD_NM if criterion == "baker_hubbard" else DONOR_ACCEPTOR_NM + LONGEST_BOND_NM
    counts = np.zeros(len(solute))
    n_atoms = solute.xyz_nm.shape[1]
    seen: list[Indices] = []
    for frame, single in enumerate(solute.xyz_nm):
        xyz = single.astype(np.float64)
        bonded = []
        for (donors, hydrogens, _), (_, _, acceptors) in (sides, sides[::-1]):
            if not len(hydrogens) or not len(acceptors):
                continue
            near = KDTree(xyz[hydrogens]).sparse_distance_matrix(KDTree(xyz[acceptors]), reach, output_type="ndarray")
            donor, hydrogen, acceptor = donors[near["i"]], hydrogens[near["i"]], acceptors[near["j"]]
            held = _is_bond(xyz[donor], xyz[hydrogen], xyz[acceptor], criterion)
            bonded.append(donor[held] * n_atoms + acceptor[held])
        every = np.concatenate([*bonded, np.empty(0, np.int64)])
        counts[frame] = len(every)
        seen.append(np.unique(every))
    codes, times = np.unique(np.concatenate(seen), return_counts=True)
    order = np.argsort(-times, kind="stable")
    return HydrogenBonds(
        counts, np.column_stack(np.divmod(codes[order], n_atoms)).astype(np.int64), times[order] / len(solute)
    )


def _is_bond(d: Floats, h: Floats, a: Floats, criterion: Criterion) -> NDArray[np.bool_]:
    """Return which triples of positions (k, 3) are bonds."""
    match criterion:
        case "baker_hubbard":
            return (np.linalg.norm(a - h, axis=1) < BAKER_HUBBARD_NM) & (_degrees(d - h, a - h) > ANGLE_DEGREES)
        case "wernet_nilsson":
            bend = _degrees(h - d, a - d)
            return np.linalg.norm(a - d, axis=1) < WERNET_NM - WERNET_NM_PER_DEGREE2 * bend**2
        case "donor_acceptor":
            return (np.linalg.norm(a - d, axis=1) < DONOR_ACCEPTOR_NM) & (_degrees(d - h, a - h) > ANGLE_DEGREES)


def _degrees(u: Floats, v: Floats) -> Floats:
    cosine = (u * v).sum(axis=1) / (np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1))
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _polar(solute: Solute, chain: Chain) -> tuple[Indices, Indices, Indices]:
    """Return donors and their hydrogens, one by one, and acceptors of a chain."""
    own = set(chain.atoms.tolist())
    found = []
    for first, second in solute.topology.bonds:
        for heavy, hydrogen in ((first, second), (second, first)):
            if heavy.index in own and heavy.element.symbol in ("N", "O") and hydrogen.element.symbol == "H":
                found.append((heavy.index, hydrogen.index))
    pairs = np.array(found, np.int64).reshape(-1, 2)
    atom = solute.topology.atom
    acceptors = [index for index in chain.atoms.tolist() if atom(index).element.symbol in ("N", "O")]
    return pairs[:, 0], pairs[:, 1], np.array(acceptors, np.int64)
