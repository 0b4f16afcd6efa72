"""Charges across an interface: which pairs attract and which repel.

This is a definition of this platform's own, on formal charges instead of a potential: it needs no Poisson-Boltzmann
solver, and it is not the electrostatic complementarity of McCoy et al. 1997 (doi 10.1006/jmbi.1997.0987). Charges at
pH 7.4: Asp and Glu -1, Lys and Arg +1, all others 0, histidine among them (its side chain's pKa in water is near 6.5,
so it is mostly neutral). Termini are not counted, because those of a segment do not exist in its protein; a modified
residue has the charge of the one it derives from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.interface import distances
from screening.structure_file import Atoms

__all__ = ["BJERRUM_ANGSTROM", "CHARGES", "PH", "InterfaceCharges", "charged_atoms", "interface_charges"]

PH = 7.4
"""pH that the charges stand for."""

CHARGES = {"D": -1, "E": -1, "K": 1, "R": 1}
"""Formal charge of a side chain in elementary charges; 0 for every other residue."""

CHARGED_ATOMS = {"D": ("OD1", "OD2"), "E": ("OE1", "OE2"), "K": ("NZ",), "R": ("NE", "NH1", "NH2")}
"""Atoms that share the charge (atom names of the PDB)."""

_BEARERS = frozenset(name for names in CHARGED_ATOMS.values() for name in names)

BJERRUM_ANGSTROM = 7.15
"""Bjerrum length of water at 298.15 K, e^2 / (4 pi eps0 78.4 kB T): nearer than this two elementary charges attract or
repel each other by more than kB T."""


@dataclass(frozen=True)
class InterfaceCharges:
    """Charges of an interface.

    Attributes
    ----------
    n_opposite, n_like : int
        Pairs of charged residues across the interface, nearest charged atoms within the Bjerrum length, whose charges
        are opposite or alike.
    charge_a, charge_b : int
        Net charge of the interface residues of either chain, elementary charges.
    complementarity : float or None
        (n_opposite - n_like) / (n_opposite + n_like), which is minus the sum of the charge products over those pairs
        divided by the sum of their absolute values: 1 where all attract, -1 where all repel. None without such a pair.
    """

    n_opposite: int
    n_like: int
    charge_a: int
    charge_b: int
    complementarity: float | None


def interface_charges(
    sequence_a: str,
    sequence_b: str,
    atoms: Atoms,
    a: slice,
    b: slice,
    contacts: NDArray[np.bool_],
) -> InterfaceCharges:
    """Count attracting and repelling pairs of charged residues.

    Parameters
    ----------
    sequence_a, sequence_b : str
        One-letter sequences of La and Lb residues.
    atoms : Atoms
        Heavy atoms of the complex; a charged residue without its charged atoms takes part in no pair.
    a, b : slice
        Residues of the two chains in the complex.
    contacts : ndarray, shape (La, Lb), bool
        Residue pairs in contact, which say what the interface residues are.

    Returns
    -------
    InterfaceCharges
        Counts and net charges are 0 where there are none.
    """
    owner_a, xyz_a = charged_atoms(sequence_a, atoms, a)
    owner_b, xyz_b = charged_atoms(sequence_b, atoms, b)
    i, j = np.nonzero(distances(xyz_a, xyz_b) <= BJERRUM_ANGSTROM)
    pairs = np.unique(np.stack([owner_a[i], owner_b[j]]), axis=1)
    charge_a, charge_b = _charges(sequence_a), _charges(sequence_b)
    products = charge_a[pairs[0]] * charge_b[pairs[1]]
    opposite, like = int((products < 0).sum()), int((products > 0).sum())
    return InterfaceCharges(
        n_opposite=opposite,
        n_like=like,
        charge_a=int(charge_a @ contacts.any(axis=1)),
        charge_b=int(charge_b @ contacts.any(axis=0)),
        complementarity=(opposite - like) / (opposite + like) if opposite + like else None,
    )


def charged_atoms(sequence: str, atoms: Atoms, chain: slice) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms that bear the charges of a chain.

    Parameters
    ----------
    sequence : str
        One-letter sequence of the chain, length L.
    atoms : Atoms
        Heavy atoms of the complex.
    chain : slice
        Residues of the chain in the complex.

    Returns
    -------
    residue : ndarray, shape (n,), int64
        Index of each atom's residue in the chain.
    xyz_angstrom : ndarray, shape (n, 3), float64
        Coordinates.
    """
    first, last = np.searchsorted(atoms.residue, (chain.start, chain.stop))
    owner = atoms.residue[first:last] - chain.start
    names = enumerate(atoms.names[first:last])
    # Most atoms bear no charge in any residue, and to look that up first is several times faster.
    chosen = [k for k, name in names if name in _BEARERS and name in CHARGED_ATOMS.get(sequence[owner[k]], ())]
    return owner[chosen], atoms.xyz_angstrom[first:last][chosen]


def _charges(sequence: str) -> NDArray[np.int64]:
    return np.array([CHARGES.get(letter, 0) for letter in sequence], dtype=np.int64)
