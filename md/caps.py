"""Acetyl and N-methylamide caps where a segment was cut out of its protein.

A cut leaves charged ends that the protein does not have; in a disordered segment they bend everything near
them. The caps take the place of the neighbouring residues' peptide groups, so their atoms can be computed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.structure import Structure

if TYPE_CHECKING:
    from openmm import unit
    from openmm.app import Chain, Residue, Topology

__all__ = ["cap", "place"]

# Ideal geometry of the peptide group, nm and degrees: Engh & Huber 1991, doi 10.1107/S0108767391001071.
_C_N, _C_O, _C_CA, _N_CA = 0.1329, 0.1231, 0.1525, 0.1458
_C_N_CA, _CA_C_N, _O_C_N = 121.7, 116.2, 123.0
_PHI_CHOICES = tuple(range(-180, 180, 15))


def place(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    length: float,
    angle: float,
    dihedral: float,
) -> NDArray[np.float64]:
    """Put an atom d at a given distance, angle and dihedral from three others.

    Parameters
    ----------
    a, b, c : ndarray (3,)
        Positions in nm.
    length : float
        |c - d|, nm.
    angle : float
        b-c-d, degrees.
    dihedral : float
        a-b-c-d, degrees.

    Returns
    -------
    ndarray (3,)
    """
    theta, phi = np.radians(angle), np.radians(dihedral)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, along)
    direction = -np.cos(theta) * along + np.sin(theta) * np.cos(phi) * across + np.sin(theta) * np.sin(phi) * normal
    return c + length * direction


def cap(structure: Structure, true_termini: Mapping[str, tuple[bool, bool]]) -> Structure:
    """Add ACE before and NME after each chain whose end is a cut.

    Parameters
    ----------
    structure : Structure
        Checked: every residue has its backbone.
    true_termini : mapping of chain to (bool, bool)
        Whether the chain's first and last residues are the protein's own ends, which stay charged. A chain
        that is not named has been cut at both.

    Returns
    -------
    Structure
        The caps have the numbers before and after the chain's own; OXT is gone where NME is.
    """
    from openmm.app import Topology

    topology = Topology()
    positions: list[NDArray[np.float64]] = []
    for chain in structure.topology.chains():
        true_start, true_end = true_termini.get(chain.id, (False, False))
        residues = list(chain.residues())
        new_chain = topology.addChain(chain.id)
        if not true_start:
            atoms = _acetyl(_backbone(residues[0], structure), structure.positions_nm)
            positions += _add(topology, new_chain, "ACE", int(residues[0].id) - 1, atoms)
        for residue in residues:
            new_residue = topology.addResidue(residue.name, new_chain, residue.id)
            for atom in residue.atoms():
                if atom.name == "OXT" and residue is residues[-1] and not true_end:
                    continue
                topology.addAtom(atom.name, atom.element, new_residue)
                positions.append(structure.positions_nm[atom.index])
        if not true_end:
            atoms = _methylamide(_backbone(residues[-1], structure))
            positions += _add(topology, new_chain, "NME", int(residues[-1].id) + 1, atoms)
    topology.createStandardBonds()
    topology.createDisulfideBonds(_quantity(positions))
    return Structure(topology, np.array(positions), structure.source)


def _acetyl(
    backbone: dict[str, NDArray[np.float64]], others: NDArray[np.float64]
) -> list[tuple[str, str, NDArray[np.float64]]]:
    n, ca, c = backbone["N"], backbone["CA"], backbone["C"]
    best: list[tuple[str, str, NDArray[np.float64]]] = []
    best_room = -np.inf
    # Only phi is free, so take the roomiest; the residue's own first atoms are bonded to the cap.
    far = others[np.linalg.norm(others - n, axis=1) > 1.01 * _N_CA]
    for phi in _PHI_CHOICES:
        carbonyl = place(c, ca, n, _C_N, _C_N_CA, phi)
        methyl = place(ca, n, carbonyl, _C_CA, _CA_C_N, 180.0)
        oxygen = place(ca, n, carbonyl, _C_O, _O_C_N, 0.0)
        group = [("CH3", "C", methyl), ("C", "C", carbonyl), ("O", "O", oxygen)]
        room = min(float(np.linalg.norm(far - at, axis=1).min()) for _, _, at in group)
        if room > best_room:
            best, best_room = group, room
    return best


def _methylamide(backbone: dict[str, NDArray[np.float64]]) -> list[tuple[str, str, NDArray[np.float64]]]:
    n, ca, c, o = (backbone[name] for name in ("N", "CA", "C", "O"))
    # The carbonyl oxygen is there already and fixes the plane: nitrogen lies opposite to it.
    psi = _dihedral(n, ca, c, o) + 180.0
    nitrogen = place(n, ca, c, _C_N, _CA_C_N, psi)
    return [("N", "N", nitrogen), ("C", "C", place(ca, c, nitrogen, _N_CA, _C_N_CA, 180.0))]


def _dihedral(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]) -> float:
    axis = (c - b) / np.linalg.norm(c - b)
    v = (a - b) - np.dot(a - b, axis) * axis
    w = (d - c) - np.dot(d - c, axis) * axis
    return float(np.degrees(np.arctan2(np.dot(np.cross(axis, v), w), np.dot(v, w))))


def _backbone(residue: "Residue", structure: Structure) -> dict[str, NDArray[np.float64]]:
    return {atom.name: structure.positions_nm[atom.index] for atom in residue.atoms()}


def _add(
    topology: "Topology",
    chain: "Chain",
    name: str,
    number: int,
    atoms: Sequence[tuple[str, str, NDArray[np.float64]]],
) -> list[NDArray[np.float64]]:
    from openmm.app import Element

    residue = topology.addResidue(name, chain, str(number))
    for atom_name, symbol, _ in atoms:
        topology.addAtom(atom_name, Element.getBySymbol(symbol), residue)
    return [position for _, _, position in atoms]


def _quantity(positions: Sequence[NDArray[np.float64]]) -> "unit.Quantity":
    from openmm import Vec3, unit

    return unit.Quantity([Vec3(*(10.0 * position).tolist()) for position in positions], unit.angstrom)
