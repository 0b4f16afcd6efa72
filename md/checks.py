"""Refuse, by name and with numbers, what must not be simulated.

OpenMM bonds residues that follow one another in a file however far apart they are, and the minimiser then
welds the ends together; PDBFixer replaces residues it does not know. So everything is looked at before
either of them sees the structure. docs/dynamics.md lists the names.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure
from md.structure import Structure

if TYPE_CHECKING:
    from openmm.app import Atom, Chain, Residue, Topology

__all__ = ["check", "cis_peptides", "count_clashes", "d_amino_acids", "pierced_rings", "residue_name"]

Floats = NDArray[np.float64]

BACKBONE = ("N", "CA", "C", "O")
LONGEST_PEPTIDE_BOND_NM = 0.20  # ideal 0.1335 (Engh & Huber 1991); 0.38 is the gap of one lost residue
CLASH_NM = 0.15  # no two heavy atoms of different residues come closer, but for the peptide bond
OVERLAP_NM = 0.08  # within a residue: the shortest heavy-atom bond, C=O, is 0.123
CIS_DEGREES = 90.0  # omega nearer to 0 than to 180
RESIDUES = frozenset(
    {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"}
    | {"LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"}
)
_SOLVENT = frozenset({"HOH", "WAT", "SOL", "NA", "CL", "K"})
_RINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "PRO": (("N", "CA", "CB", "CG", "CD"),),
    "HIS": (("CG", "ND1", "CE1", "NE2", "CD2"),),
    "PHE": (("CG", "CD1", "CE1", "CZ", "CE2", "CD2"),),
    "TYR": (("CG", "CD1", "CE1", "CZ", "CE2", "CD2"),),
    "TRP": (("CG", "CD1", "NE1", "CE2", "CD2"), ("CD2", "CE2", "CZ2", "CH2", "CZ3", "CE3")),
}
_LONGEST_BOND_NM = 0.21  # S-S 0.203 (Engh & Huber 1991)
_WIDEST_RING_NM = 0.15  # centre to corner; benzene 0.139


def check(structure: Structure, *, max_clashes: int) -> list[str]:
    """Refuse a structure that would be simulated wrongly.

    Parameters
    ----------
    structure : Structure
    max_clashes : int
        How many clashes minimisation may be left to resolve.

    Returns
    -------
    list of str
        What is unusual but allowed: clashes, cis prolines.

    Raises
    ------
    InvalidStructure
        With the codes ``empty_chain``, ``chain_name``, ``unknown_residue``, ``missing_backbone``, ``not_finite``,
        ``residue_number``, ``chain_break``, ``d_amino_acid``, ``cis_peptide``, ``clash``, ``pierced_ring``.
    """
    chains = list(structure.topology.chains())
    _check_residues(structure)
    _check_chains(chains, structure)
    _check_finite(structure)
    for chain in chains:
        _check_continuity(chain, structure)
    if wrong := d_amino_acids(structure.topology, structure.positions_nm):
        raise InvalidStructure(
            f"{structure.source}: {len(wrong)} residues are D-amino acids: {_list(wrong)}",
            code="d_amino_acid",
            cure="use another model: dynamics cannot turn a chiral centre over",
        )
    cis = cis_peptides(structure.topology, structure.positions_nm)
    if odd := [residue for residue in cis if residue.name != "PRO"]:
        raise InvalidStructure(
            f"{structure.source}: {len(odd)} peptide bonds are cis, before {_list(odd)}",
            code="cis_peptide",
            cure="use another model: dynamics does not turn a peptide bond over in the time that is simulated",
        )
    clashes, closest_nm = count_clashes(structure)
    if clashes > max_clashes:
        raise InvalidStructure(
            f"{structure.source}: {clashes} clashes of heavy atoms (closest {10 * closest_nm:.2f} Å), more than "
            f"max_clashes = {max_clashes}: minimisation cannot be trusted to resolve them",
            code="clash",
            cure="use another model of this pair, or raise max_clashes and inspect the minimised structure",
        )
    if pierced := pierced_rings(structure):
        raise InvalidStructure(
            f"{structure.source}: {len(pierced)} rings have a bond through them: {'; '.join(pierced[:5])}",
            code="pierced_ring",
            cure="use another model: no minimiser takes the bond out again",
        )
    notes = [f"{clashes} clashes of heavy atoms in the input, closest {10 * closest_nm:.2f} Å"] if clashes else []
    return notes + ([f"cis peptide bonds before {_list(cis, len(cis))}"] if cis else [])


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
        for c, n in zip(_named(chain, "C")[:-1], _named(chain, "N")[1:], strict=True)
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


def residue_name(residue: "Residue") -> str:
    """Return ``chain:NAMEnumber``.

    Parameters
    ----------
    residue : Residue

    Returns
    -------
    str
    """
    return f"{residue.chain.id}:{residue.name}{residue.id}"


def _check_chains(chains: "Sequence[Chain]", structure: Structure) -> None:
    names = Counter(str(chain.id) for chain in chains)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise InvalidStructure(
            f"{structure.source}: chain {', '.join(repeated)} occurs more than once", code="chain_name"
        )
    if bad := [name for name in names if len(name) != 1 or not name.isalnum()]:
        raise InvalidStructure(
            f"{structure.source}: chain {', '.join(map(repr, bad))}: names must be one letter or digit to survive in "
            "PDB files",
            code="chain_name",
        )


def _check_residues(structure: Structure) -> None:
    residues = list(structure.topology.residues())
    if not residues or any(not list(chain.residues()) for chain in structure.topology.chains()):
        raise InvalidStructure(f"{structure.source}: a chain without residues", code="empty_chain")
    # Before chain names: water and ligands often repeat the name of a chain.
    if unknown := [residue for residue in residues if residue.name not in RESIDUES]:
        kinds = Counter(residue.name for residue in unknown)
        solvent = sum(count for name, count in kinds.items() if name in _SOLVENT)
        raise InvalidStructure(
            f"{structure.source}: {len(unknown)} residues that are not among the twenty: {_list(unknown)} "
            f"(kinds: {', '.join(f'{name} × {count}' for name, count in sorted(kinds.items()))})",
            code="unknown_residue",
            cure="remove water and ions"
            if solvent == len(unknown)
            else "remove ligands; replace modified residues (SEP, TPO, MSE, SEC ...) by their parents where that is "
            "meant, and unknown ones (UNK) by what they are",
        )
    lacking = [r for r in residues if not set(BACKBONE) <= {atom.name for atom in r.atoms()}]
    if lacking:
        raise InvalidStructure(
            f"{structure.source}: {len(lacking)} residues lack backbone atoms (N, CA, C, O): {_list(lacking)}",
            code="missing_backbone",
            cure="residue-level and CA-only models must be rebuilt to all atoms first",
        )


def _check_finite(structure: Structure) -> None:
    if not np.isfinite(structure.positions_nm).all():
        broken = [
            atom for atom in structure.topology.atoms() if not np.isfinite(structure.positions_nm[atom.index]).all()
        ]
        raise InvalidStructure(
            f"{structure.source}: {len(broken)} atoms without finite coordinates, first {broken[0].name} of "
            f"{residue_name(broken[0].residue)}",
            code="not_finite",
        )


def _check_continuity(chain: "Chain", structure: Structure) -> None:
    cure = "give each unbroken stretch a chain name of its own, or use a model of the whole segment"
    residues = list(chain.residues())
    numbers: list[int] = []
    for residue in residues:
        if not residue.id.lstrip("-").isdigit() or residue.insertionCode.strip():
            number = f"{residue.id}{residue.insertionCode.strip()}"
            raise InvalidStructure(
                f"{structure.source}: chain {chain.id}: residue number {number!r} is not an integer",
                code="residue_number",
            )
        numbers.append(int(residue.id))
    carbons, nitrogens = _named(chain, "C"), _named(chain, "N")
    for i in range(len(residues) - 1):
        ends = f"{residue_name(residues[i])} and {residue_name(residues[i + 1])}"
        between = f"{structure.source}: chain {chain.id} breaks between {ends}"
        if numbers[i + 1] != numbers[i] + 1:
            jump = numbers[i + 1] - numbers[i]
            raise InvalidStructure(f"{between}: numbers jump by {jump}, not 1", code="chain_break", cure=cure)
        vector = structure.positions_nm[carbons[i].index] - structure.positions_nm[nitrogens[i + 1].index]
        if (distance := float(np.linalg.norm(vector))) > LONGEST_PEPTIDE_BOND_NM:
            raise InvalidStructure(
                f"{between}: C-N is {10 * distance:.2f} Å, more than {10 * LONGEST_PEPTIDE_BOND_NM:.1f}",
                code="chain_break",
                cure=cure,
            )


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


def _named(chain: "Chain", name: str) -> list["Atom"]:
    return [next(atom for atom in residue.atoms() if atom.name == name) for residue in chain.residues()]


def _list(residues: "Sequence[Residue]", most: int = 5) -> str:
    shown = ", ".join(map(residue_name, residues[:most]))
    return shown + (", ..." if len(residues) > most else "")
