"""What can be wrong with the geometry of a protein: wrong hands, cis peptides, clashes, bonds through rings.

Each is a measure of a structure; `md.checks` says which of them is refused.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.structure import Structure, atoms_named, residue_name

if TYPE_CHECKING:
    from openmm.app import Residue, Topology

__all__ = ["cis_peptides", "count_clashes", "d_amino_acids", "pierced_rings"]

Floats = NDArray[np.float64]

CLASH_NM = 0.15  # no two heavy atoms of different residues come closer, but for the peptide bond
OVERLAP_NM = 0.08  # within a residue: the shortest heavy-atom bond, C=O, is 0.123
CIS_DEGREES = 90.0  # omega nearer to 0 than to 180
_RINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "PRO": (("N", "CA", "CB", "CG", "CD"),),
    "HIS": (("CG", "ND1", "CE1", "NE2", "CD2"),),
    "PHE": (("CG", "CD1", "CE1", "CZ", "CE2", "CD2"),),
    "TYR": (("CG", "CD1", "CE1", "CZ", "CE2", "CD2"),),
    "TRP": (("CG", "CD1", "NE1", "CE2", "CD2"), ("CD2", "CE2", "CZ2", "CH2", "CZ3", "CE3")),
}
_LONGEST_BOND_NM = 0.21  # S-S 0.203 (Engh & Huber 1991, doi 10.1107/S0108767391001071)
_WIDEST_RING_NM = 0.15  # centre to corner; benzene 0.139


def d_amino_acids(topology: "Topology", positions_nm: Floats) -> list["Residue"]:
    """Return the residues whose C-alpha has the wrong hand.

    Parameters
    ----------
    topology : Topology
        Any; residues without a CB are passed over.
    positions_nm : float64 (n_atoms, 3)

    Returns
    -------
    list of Residue
    """
    wrong = []
    for residue in topology.residues():
        at = {atom.name: positions_nm[atom.index] for atom in residue.atoms()}
        if not {"N", "CA", "C", "CB"} <= set(at):
            continue
        # Seen with the hydrogen towards the eye, CO, R and N of an L-amino acid run clockwise.
        volume = np.dot(np.cross(at["N"] - at["CA"], at["C"] - at["CA"]), at["CB"] - at["CA"])
        if volume < 0.0:
            wrong.append(residue)
    return wrong


def cis_peptides(topology: "Topology", positions_nm: Floats) -> list["Residue"]:
    """Return the residues whose bond to the residue before is a cis peptide bond.

    Parameters
    ----------
    topology : Topology
        Any; caps count as residues, too.
    positions_nm : float64 (n_atoms, 3)

    Returns
    -------
    list of Residue
    """
    found = []
    for chain in topology.chains():
        residues = [{atom.name: positions_nm[atom.index] for atom in residue.atoms()} for residue in chain.residues()]
        for residue, before, after in zip(list(chain.residues())[1:], residues, residues[1:], strict=False):
            start, end = before.get("CA", before.get("CH3")), after.get("CA", after.get("CH3", after.get("C")))
            if start is None or end is None or "C" not in before or "N" not in after:
                continue
            axis = after["N"] - before["C"]
            u, v = np.cross(before["C"] - start, axis), np.cross(axis, end - after["N"])
            cosine = np.dot(u, v) / np.sqrt(np.dot(u, u) * np.dot(v, v))
            if cosine > np.cos(np.radians(CIS_DEGREES)):
                found.append(residue)
    return found


def count_clashes(structure: Structure) -> tuple[int, float]:
    """Count pairs of heavy atoms that overlap.

    Parameters
    ----------
    structure : Structure

    Returns
    -------
    count : int
        Pairs in different residues within 1.5 Å (but for peptide bonds), or in one residue within 0.8 Å.
    closest_nm : float
        The shortest of those distances; infinite if there are none.
    """
    from scipy.spatial import KDTree

    pairs = KDTree(structure.positions_nm).query_pairs(CLASH_NM, output_type="ndarray")
    atoms = list(structure.topology.atoms())
    peptide = {
        (c.index, n.index)
        for chain in structure.topology.chains()
        for c, n in zip(atoms_named(chain, "C")[:-1], atoms_named(chain, "N")[1:], strict=True)
    }
    count, closest = 0, np.inf
    for i, j in pairs.tolist():
        distance = float(np.linalg.norm(structure.positions_nm[i] - structure.positions_nm[j]))
        bonded = (i, j) in peptide or (j, i) in peptide
        same = atoms[i].residue is atoms[j].residue
        if distance < (OVERLAP_NM if same or bonded else CLASH_NM):
            count, closest = count + 1, min(closest, distance)
    return count, closest


def pierced_rings(structure: Structure) -> list[str]:
    """Name each ring that a bond of another residue passes through.

    Parameters
    ----------
    structure : Structure

    Returns
    -------
    list of str
        ``A:PHE12 by A:LEU30 CB-CG``.
    """
    from scipy.spatial import KDTree

    xyz = structure.positions_nm
    bonds = [(a, b) for a, b in structure.topology.bonds() if np.linalg.norm(xyz[a.index] - xyz[b.index]) < 0.3]
    if not bonds:
        return []
    middles = KDTree([(xyz[a.index] + xyz[b.index]) / 2.0 for a, b in bonds])
    found = []
    for residue, corners in _rings(structure):
        centre = corners.mean(axis=0)
        for index in middles.query_ball_point(centre, _WIDEST_RING_NM + _LONGEST_BOND_NM):
            a, b = bonds[index]
            if residue not in (a.residue, b.residue) and _crosses(xyz[a.index], xyz[b.index], corners):
                found.append(f"{residue_name(residue)} by {residue_name(a.residue)} {a.name}-{b.name}")
    return found


def _rings(structure: Structure) -> Iterator[tuple["Residue", Floats]]:
    for residue in structure.topology.residues():
        at = {atom.name: structure.positions_nm[atom.index] for atom in residue.atoms()}
        for ring in _RINGS.get(residue.name, ()):
            if set(ring) <= set(at):
                yield residue, np.array([at[name] for name in ring])


def _crosses(start: Floats, end: Floats, corners: Floats) -> bool:
    """Whether a segment passes through a polygon that is nearly flat, seen as triangles about its centre."""
    centre = corners.mean(axis=0)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        matrix = np.array([start - end, a - centre, b - centre]).T
        if abs(np.linalg.det(matrix)) > 1e-12:
            t, u, v = np.linalg.solve(matrix, start - centre)
            if 0.0 <= t <= 1.0 and u >= 0.0 and v >= 0.0 and u + v <= 1.0:
                return True
    return False
