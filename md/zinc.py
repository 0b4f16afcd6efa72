"""C2H2 zinc fingers: predictions lack the zinc, and without it a finger unfolds.

Where the four ligands of a motif stand round one point, zinc is put there and held by harmonic bonds. Elsewhere
the finger's C-alpha atoms can be held to one another, so that it keeps its fold as a body, and the record says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.residues import CAPS, ONE_LETTER

if TYPE_CHECKING:
    from openmm import HarmonicBondForce
    from openmm.app import Residue, Topology

__all__ = ["Finger", "add_zinc", "bonds_to_zinc", "elastic_network", "find_fingers", "motifs", "variants"]

Floats = NDArray[np.float64]

# PROSITE PS00028: C-x(2,4)-C-x(3)-[LIVMFYWC]-x(8)-H-x(3,5)-H.
_CYS_GAPS, _HIS_GAPS = (2, 3, 4), (3, 4, 5)
_MIDDLE, _CORE = 12, "LIVMFYWC"  # residues between the second Cys and the first His; what the fourth of them is
_CORE_AT = 3

# Within 0.002 nm of the target distances of Harding 2001, Acta Cryst. D57, 401: 0.231 and 0.203.
ZINC_SULPHUR_NM, ZINC_NITROGEN_NM = 0.233, 0.205
STIFFNESS = 33_472.0  # kJ/mol/nm², 80 kcal/mol/Å²: stiff as a bond of the force field, soft enough for 4 fs
SULPHURS_NM = (0.30, 0.45)  # distance of the two SG round a zinc: 0.38 in a tetrahedron
ANGLES_DEGREES = (80.0, 140.0)  # between any two ligands, seen from the zinc: 109.5 in a tetrahedron
LARGEST_MISFIT_NM = 0.04  # root mean square over the four ligands

NETWORK_CUTOFF_NM, NETWORK_STIFFNESS = 0.9, 500.0  # Periole et al. 2009, doi 10.1021/ct9002114


@dataclass(frozen=True)
class Finger:
    """One motif in a structure.

    Parameters
    ----------
    chain : str
        Chain of the structure.
    ligands : tuple of int
        Residue numbers of Cys, Cys, His, His.
    nitrogens : tuple of str
        ``NE2`` or ``ND1`` of the two His, the one that faces the zinc.
    zinc_nm : tuple of float or None
        Where the zinc belongs; None where the four ligands do not stand round one point.
    misfit_nm : float
        Root mean square of the distances from that point less their ideals.
    """

    chain: str
    ligands: tuple[int, int, int, int]
    nitrogens: tuple[str, str]
    zinc_nm: tuple[float, float, float] | None
    misfit_nm: float

    @property
    def name(self) -> str:
        """The finger in one word, for messages."""
        return f"{self.chain}:{self.ligands[0]}-{self.ligands[-1]}"


def motifs(sequence: str) -> Iterator[tuple[int, int, int, int]]:
    """Find PS00028.

    Parameters
    ----------
    sequence : str
        One letter a residue.

    Yields
    ------
    tuple of int
        0-based places of Cys, Cys, His, His; all ways to read each motif.
    """
    for first, cys, his in product(range(len(sequence)), _CYS_GAPS, _HIS_GAPS):
        second = first + cys + 1
        third = second + _MIDDLE + 1
        fourth = third + his + 1
        if fourth >= len(sequence):
            continue
        if "".join(sequence[i] for i in (first, second, third, fourth)) == "CCHH" and (
            sequence[second + _CORE_AT + 1] in _CORE
        ):
            yield first, second, third, fourth


def find_fingers(topology: "Topology", positions_nm: Floats) -> tuple[Finger, ...]:
    """Find the motifs of a structure and where their zinc belongs.

    Parameters
    ----------
    topology : Topology
        Heavy atoms at least.
    positions_nm : float64 (n_atoms, 3)

    Returns
    -------
    tuple of Finger
        One for each first Cys: the way to read the motif that fits best.
    """
    found = []
    for chain in topology.chains():
        residues = [residue for residue in chain.residues() if residue.name in ONE_LETTER]
        best: dict[int, Finger] = {}
        for places in motifs("".join(ONE_LETTER[residue.name] for residue in residues)):
            finger = _fit([residues[i] for i in places], positions_nm)
            if finger.misfit_nm < best.get(places[0], finger).misfit_nm or places[0] not in best:
                best[places[0]] = finger
        found += [best[place] for place in sorted(best)]
    return tuple(found)


def variants(fingers: Sequence[Finger]) -> dict[tuple[str, str], str]:
    """Return the protonation of the ligands of placed zincs.

    Parameters
    ----------
    fingers : sequence of Finger
        Those with a zinc.

    Returns
    -------
    dict of (chain, residue number) to str
        As `Modeller.addHydrogens` takes them. ``CYX`` without its bond to another sulphur is the thiolate.
    """
    found = {}
    for finger in fingers:
        for number in finger.ligands[:2]:
            found[finger.chain, str(number)] = "CYX"
        for number, nitrogen in zip(finger.ligands[2:], finger.nitrogens, strict=True):
            found[finger.chain, str(number)] = "HID" if nitrogen == "NE2" else "HIE"
    return found


def add_zinc(
    topology: "Topology", positions_nm: Floats, fingers: Sequence[Finger]
) -> tuple["Topology", NDArray[np.float64]]:
    """Put zincs at the ends of their chains.

    Parameters
    ----------
    topology : Topology
    positions_nm : float64 (n_atoms, 3)
    fingers : sequence of Finger
        Those with a zinc.

    Returns
    -------
    topology : Topology
        A copy; residues ``ZN`` follow the last residue of the chain, with numbers from there on.
    positions_nm : float64 (n_atoms + n_fingers, 3)
    """
    from openmm.app import Element, Topology

    zinc = Element.getBySymbol("Zn")
    made, positions, atoms = Topology(), [], {}
    for chain in topology.chains():
        new_chain = made.addChain(chain.id)
        last = 0
        for residue in chain.residues():
            new_residue = made.addResidue(residue.name, new_chain, residue.id, residue.insertionCode)
            last = int(residue.id)
            for atom in residue.atoms():
                atoms[atom] = made.addAtom(atom.name, atom.element, new_residue)
                positions.append(positions_nm[atom.index])
        own = [finger for finger in fingers if finger.chain == chain.id]
        for number, finger in enumerate(own, start=last + 1):
            made.addAtom("ZN", zinc, made.addResidue("ZN", new_chain, str(number)))
            positions.append(np.array(finger.zinc_nm))
    for bond in topology.bonds():
        made.addBond(atoms[bond[0]], atoms[bond[1]], bond.type, bond.order)
    return made, np.array(positions)


def bonds_to_zinc(topology: "Topology", fingers: Sequence[Finger]) -> "HarmonicBondForce":
    """Return the force that holds each zinc to its ligands.

    Parameters
    ----------
    topology : Topology
        As simulated, with its zincs.
    fingers : sequence of Finger
        Those that `add_zinc` was given.

    Returns
    -------
    HarmonicBondForce
        Zn-S 2.33 Å, Zn-N 2.05 Å.
    """
    import openmm

    force = openmm.HarmonicBondForce()
    force.setName("ZincBonds")
    index = {(a.residue.chain.id, a.residue.id, a.name): a.index for a in topology.atoms()}
    zincs: dict[str, list[int]] = {}
    for atom in topology.atoms():
        if atom.residue.name == "ZN":
            zincs.setdefault(atom.residue.chain.id, []).append(atom.index)
    for chain, atoms in zincs.items():
        own = [finger for finger in fingers if finger.chain == chain]
        for zinc, finger in zip(atoms, own, strict=True):
            names = ("SG", "SG", *finger.nitrogens)
            for number, name in zip(finger.ligands, names, strict=True):
                length = ZINC_SULPHUR_NM if name == "SG" else ZINC_NITROGEN_NM
                force.addBond(zinc, index[chain, str(number), name], length, STIFFNESS)
    return force


def elastic_network(topology: "Topology", positions_nm: Floats, fingers: Sequence[Finger]) -> "HarmonicBondForce":
    """Return springs between the C-alpha atoms of each finger, as long as they are in the model.

    Parameters
    ----------
    topology : Topology
    positions_nm : float64 (n_atoms, 3)
    fingers : sequence of Finger
        Those without a zinc.

    Returns
    -------
    HarmonicBondForce
        The finger moves as a body and keeps its fold.
    """
    import openmm

    force = openmm.HarmonicBondForce()
    force.setName("FingerNetwork")
    for finger in fingers:
        alpha = [
            atom.index
            for atom in topology.atoms()
            if atom.name == "CA"
            and atom.residue.chain.id == finger.chain
            and atom.residue.name not in CAPS
            and finger.ligands[0] <= int(atom.residue.id) <= finger.ligands[-1]
        ]
        for i, j in combinations(alpha, 2):
            distance = float(np.linalg.norm(positions_nm[i] - positions_nm[j]))
            if distance < NETWORK_CUTOFF_NM:
                force.addBond(i, j, distance, NETWORK_STIFFNESS)
    return force


def _fit(residues: "Sequence[Residue]", positions_nm: Floats) -> Finger:
    """Find the point whose distances to the four ligands are the ideal ones as nearly as can be."""
    from scipy.optimize import least_squares

    at = [{atom.name: positions_nm[atom.index] for atom in residue.atoms()} for residue in residues]
    chain = residues[0].chain.id
    first, second, third, fourth = (int(residue.id) for residue in residues)
    numbers = first, second, third, fourth
    ideal = np.array([ZINC_SULPHUR_NM] * 2 + [ZINC_NITROGEN_NM] * 2)
    best = Finger(chain, numbers, ("NE2", "NE2"), None, float("inf"))
    if not all(_has_ligand(atoms, cys=i < 2) for i, atoms in enumerate(at)):
        return best
    for near, far in product(("NE2", "ND1"), repeat=2):
        ligands = np.array([at[0]["SG"], at[1]["SG"], at[2][near], at[3][far]])
        found = least_squares(lambda x, own=ligands: np.linalg.norm(own - x, axis=1) - ideal, ligands.mean(axis=0))
        misfit = float(np.sqrt(np.mean(found.fun**2)))
        if misfit < best.misfit_nm:
            apart = float(np.linalg.norm(ligands[0] - ligands[1]))
            sound = misfit < LARGEST_MISFIT_NM and SULPHURS_NM[0] <= apart <= SULPHURS_NM[1]
            sound = sound and _is_four_fold(ligands - found.x)
            point = (float(found.x[0]), float(found.x[1]), float(found.x[2])) if sound else None
            best = Finger(chain, numbers, (near, far), point, misfit)
    return best


def _is_four_fold(directions: Floats) -> bool:
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    angles = [np.degrees(np.arccos(np.clip(np.dot(a, b), -1.0, 1.0))) for a, b in combinations(unit, 2)]
    return ANGLES_DEGREES[0] <= min(angles) and max(angles) <= ANGLES_DEGREES[1]


def _has_ligand(atoms: Mapping[str, Floats], *, cys: bool) -> bool:
    return "SG" in atoms if cys else {"NE2", "ND1"} <= set(atoms)
