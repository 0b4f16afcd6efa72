"""Whether an all-atom model is sound: hands, peptide bonds, strain and clashes."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.folding.backbone import dihedral

if TYPE_CHECKING:
    from openmm import app

__all__ = ["RebuildReport", "check_model", "chiral_centres"]

CLASH = 1.5
"""Heavy atoms that are not bonded nor share a neighbour are farther apart than this, Angstrom."""
LONGEST_PEPTIDE_BOND = 1.5
"""C-N, Angstrom; 1.33 is ideal (Engh & Huber 1991, doi 10.1107/S0108767391001071)."""
WORST_BOND = 0.25
"""Most that a bond may differ from its length in the force field, Angstrom."""
CIS_DEGREES = 120.0
"""A peptide bond whose omega is nearer to 0 than this is no longer trans."""
_BETA_ARM = {"ILE": "CG1", "THR": "OG1"}


@dataclass(frozen=True)
class RebuildReport:
    """Quality of a rebuilt model.

    Attributes
    ----------
    ca_rmsd_angstrom : float
        Between the trace and the model.
    wrong_chirality : tuple of str
        Centres that are not as in the L-residue, as ``CHAIN:NUMBER ATOM``.
    cis_peptides : tuple of str
        Residues whose peptide bond to the next one is more than 60 degrees from trans.
    longest_peptide_bond_angstrom : float
        Largest C-N distance.
    worst_bond_angstrom : float
        Largest deviation of a bond from its length in the force field.
    closest_angstrom : float
        Smallest distance of heavy atoms more than two bonds apart.
    """

    ca_rmsd_angstrom: float
    wrong_chirality: tuple[str, ...]
    cis_peptides: tuple[str, ...]
    longest_peptide_bond_angstrom: float
    worst_bond_angstrom: float
    closest_angstrom: float

    @property
    def problems(self) -> str:
        """What is wrong with the model; empty if nothing is."""
        found = []
        if self.wrong_chirality:
            found.append(f"wrong chirality: {', '.join(self.wrong_chirality)}")
        if self.cis_peptides:
            found.append(f"cis peptide after {', '.join(self.cis_peptides)}")
        if self.longest_peptide_bond_angstrom > LONGEST_PEPTIDE_BOND:
            found.append(f"peptide bond of {self.longest_peptide_bond_angstrom:.2f} Angstrom")
        if self.worst_bond_angstrom > WORST_BOND:
            found.append(f"bond strained by {self.worst_bond_angstrom:.2f} Angstrom")
        if self.closest_angstrom < CLASH:
            found.append(f"heavy atoms {self.closest_angstrom:.2f} Angstrom apart")
        return "; ".join(found)


def chiral_centres(topology: "app.Topology") -> list[tuple[int, int, int, int]]:
    """Return each chiral centre with three of its arms: C-alphas, and C-betas of Ile and Thr.

    Parameters
    ----------
    topology : openmm.app.Topology

    Returns
    -------
    list of (int, int, int, int)
        Atoms: the centre, and its arms in the order that gives them a positive volume in an L-residue.
    """
    centres = []
    for residue in topology.residues():
        atoms = {atom.name: atom.index for atom in residue.atoms()}
        for names in (("CA", "N", "C", "CB"), ("CB", "CA", _BETA_ARM.get(residue.name, ""), "CG2")):
            if all(name in atoms for name in names):
                a, b, c, d = (atoms[name] for name in names)
                centres.append((a, b, c, d))
    return centres


def check_model(
    topology: "app.Topology",
    positions_angstrom: NDArray[np.float64],
    bonds: list[tuple[int, int, float]],
    ca_angstrom: NDArray[np.float64],
) -> RebuildReport:
    """Measure the quality of a model.

    Parameters
    ----------
    topology : openmm.app.Topology
        With hydrogens or without.
    positions_angstrom : ndarray, shape (atoms, 3), float64
        Positions.
    bonds : list of (int, int, float)
        Bonded atoms and the lengths, Angstrom, that they should have.
    ca_angstrom : ndarray, shape (residues, 3), float64
        The trace the model was built on.

    Returns
    -------
    RebuildReport
        All quality measures.
    """
    atoms_of = list(topology.atoms())
    wrong = []
    for centre in chiral_centres(topology):
        first, second, third = positions_angstrom[list(centre[1:])] - positions_angstrom[centre[0]]
        # Seen from hydrogen, CO, R and N of an L-residue follow each other clockwise: this product is positive, and
        # the arms of the C-betas are in the order that makes it positive for them.
        if np.dot(np.cross(first, second), third) < 0:
            atom = atoms_of[centre[0]]
            wrong.append(f"{atom.residue.chain.id}:{atom.residue.id} {atom.name}")
    cis, longest, ca = [], 0.0, []
    for chain in topology.chains():
        residues = list(chain.residues())
        at = [{atom.name: positions_angstrom[atom.index] for atom in residue.atoms()} for residue in residues]
        ca += [atoms["CA"] for atoms in at]
        for index, (residue, atoms) in enumerate(zip(residues, at, strict=True)):
            label = f"{chain.id}:{residue.id}"
            if index + 1 < len(at):
                following = at[index + 1]
                longest = max(longest, float(np.linalg.norm(following["N"] - atoms["C"])))
                omega = dihedral(atoms["CA"], atoms["C"], following["N"], following["CA"])
                if abs(math.degrees(float(omega))) < CIS_DEGREES:
                    cis.append(label)
    deviations = [abs(np.linalg.norm(positions_angstrom[i] - positions_angstrom[j]) - d) for i, j, d in bonds]
    return RebuildReport(
        ca_rmsd_angstrom=float(np.sqrt(np.mean(np.sum((np.array(ca) - ca_angstrom) ** 2, axis=1)))),
        wrong_chirality=tuple(wrong),
        cis_peptides=tuple(cis),
        longest_peptide_bond_angstrom=longest,
        worst_bond_angstrom=float(max(deviations)),
        closest_angstrom=_closest_heavy(topology, positions_angstrom),
    )


def _closest_heavy(topology: "app.Topology", positions: NDArray[np.float64]) -> float:
    """Smallest distance of heavy atoms more than two bonds apart, Angstrom; at most 3."""
    from scipy.spatial import KDTree

    heavy = [atom.index for atom in topology.atoms() if atom.element.symbol != "H"]
    neighbours: dict[int, set[int]] = {atom.index: set() for atom in topology.atoms()}
    for bond in topology.bonds():
        neighbours[bond.atom1.index].add(bond.atom2.index)
        neighbours[bond.atom2.index].add(bond.atom1.index)
    closest = 3.0
    for a, b in KDTree(positions[heavy]).query_pairs(closest):
        i, j = heavy[a], heavy[b]
        if j not in neighbours[i] and not neighbours[i] & neighbours[j]:
            closest = min(closest, float(np.linalg.norm(positions[i] - positions[j])))
    return closest
