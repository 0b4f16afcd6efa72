"""Read a predicted protein structure and refuse, with numbers, what must not be simulated.

OpenMM bonds residues that follow one another in a file however far apart they are, and the minimiser then
welds the ends together; PDBFixer replaces residues it does not know. So everything is looked at before
either of them sees the structure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure

if TYPE_CHECKING:
    from openmm.app import Chain, Residue, Topology

__all__ = ["Structure", "check", "count_clashes", "read"]

BACKBONE = ("N", "CA", "C", "O")
LONGEST_PEPTIDE_BOND_NM = 0.20  # ideal 0.1335 (Engh & Huber 1991); 0.38 is the gap of one lost residue
CLASH_NM = 0.15  # no two heavy atoms of different residues come closer, but for the peptide bond
OVERLAP_NM = 0.08  # within a residue: the shortest heavy-atom bond, C=O, is 0.123
RESIDUES = frozenset(
    {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"}
    | {"LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"}
)


@dataclass(frozen=True)
class Structure:
    """Heavy atoms of a protein.

    Parameters
    ----------
    topology : Topology
        Chains with their identifiers and residue numbers, without hydrogens.
    positions_nm : ndarray (n_atoms, 3), float64
    source : Path
        The file it came from, for messages.
    """

    topology: "Topology"
    positions_nm: NDArray[np.float64]
    source: Path


def read(path: Path, chains: Sequence[str] | None = None) -> Structure:
    """Read the first model of a PDB or mmCIF file, without its hydrogens.

    Parameters
    ----------
    path : Path
        ``.pdb``, ``.ent``, ``.cif`` or ``.mmcif``.
    chains : sequence of str, optional
        Keep only these chains; all by default.

    Returns
    -------
    Structure

    Raises
    ------
    InvalidStructure
        If the file cannot be read or lacks a chain that is asked for.
    """
    from openmm import unit
    from openmm.app import Modeller, PDBFile, PDBxFile

    readers = {".pdb": PDBFile, ".ent": PDBFile, ".cif": PDBxFile, ".mmcif": PDBxFile}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidStructure(f"{path}: not one of {', '.join(readers)}")
    try:
        file = reader(str(path))
    except OSError as error:
        raise InvalidStructure(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # OpenMM's parsers raise whatever the bad line provokes
        raise InvalidStructure(f"{path}: not a readable structure file ({error})") from error
    if file.topology.getNumAtoms() == 0:
        raise InvalidStructure(f"{path}: no atoms")
    modeller = Modeller(file.topology, file.positions)
    present = [chain.id for chain in modeller.topology.chains()]
    if chains is not None:
        if unknown := sorted(set(chains) - set(present)):
            raise InvalidStructure(f"{path}: no chain {', '.join(unknown)}; it has {', '.join(map(str, present))}")
        modeller.delete([chain for chain in modeller.topology.chains() if chain.id not in chains])
    modeller.delete([a for a in modeller.topology.atoms() if a.element is None or a.element.symbol in ("H", "D")])
    positions = np.array(modeller.positions.value_in_unit(unit.angstrom), dtype=np.float64).reshape(-1, 3) / 10.0
    return Structure(modeller.topology, positions, path)


def check(structure: Structure, *, max_clashes: int) -> int:
    """Refuse a structure that would be simulated wrongly.

    Parameters
    ----------
    structure : Structure
    max_clashes : int
        How many clashes minimisation may be left to resolve.

    Returns
    -------
    int
        Number of clashes.

    Raises
    ------
    InvalidStructure
        On empty, repeated or long chain names, residues other than the twenty, missing backbone atoms, coordinates
        that are not finite, chain breaks, D-amino acids, or too many clashes.
    """
    where = structure.source
    chains = list(structure.topology.chains())
    if not chains or any(not list(chain.residues()) for chain in chains):
        raise InvalidStructure(f"{where}: a chain without residues")
    names = Counter(str(chain.id) for chain in chains)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise InvalidStructure(f"{where}: chain {', '.join(repeated)} occurs more than once")
    if bad := [name for name in names if len(name) != 1 or not name.isalnum()]:
        raise InvalidStructure(
            f"{where}: chain {', '.join(map(repr, bad))}: names must be one letter or digit to survive in PDB files"
        )
    unknown = [residue for residue in structure.topology.residues() if residue.name not in RESIDUES]
    if unknown:
        raise InvalidStructure(
            f"{where}: {len(unknown)} residues that are not among the twenty: {_list(unknown)}",
            cure="remove water and ligands; replace modified residues by their parents where that is meant",
        )
    _check_backbone(structure)
    if not np.isfinite(structure.positions_nm).all():
        broken = [
            atom for atom in structure.topology.atoms() if not np.isfinite(structure.positions_nm[atom.index]).all()
        ]
        raise InvalidStructure(
            f"{where}: {len(broken)} atoms without finite coordinates, first {broken[0].name} of "
            f"{_name(broken[0].residue)}"
        )
    for chain in chains:
        _check_continuity(chain, structure)
    _check_handedness(structure)
    clashes, closest_nm = count_clashes(structure)
    if clashes > max_clashes:
        raise InvalidStructure(
            f"{where}: {clashes} clashes of heavy atoms (closest {10 * closest_nm:.2f} Å), more than max_clashes = "
            f"{max_clashes}: minimisation cannot be trusted to resolve them",
            cure="use another model of this pair, or raise max_clashes and inspect the minimised structure",
        )
    return clashes


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


def _check_backbone(structure: Structure) -> None:
    lacking = [
        residue
        for residue in structure.topology.residues()
        if not set(BACKBONE) <= {atom.name for atom in residue.atoms()}
    ]
    if lacking:
        raise InvalidStructure(
            f"{structure.source}: {len(lacking)} residues lack backbone atoms (N, CA, C, O): {_list(lacking)}",
            cure="residue-level and CA-only models must be rebuilt to all atoms first",
        )


def _check_continuity(chain: "Chain", structure: Structure) -> None:
    cure = "give each unbroken stretch a chain name of its own, or use a model of the whole segment"
    residues = list(chain.residues())
    numbers: list[int] = []
    for residue in residues:
        if not residue.id.lstrip("-").isdigit() or residue.insertionCode.strip():
            number = f"{residue.id}{residue.insertionCode.strip()}"
            raise InvalidStructure(f"{structure.source}: chain {chain.id}: residue number {number!r} is not an integer")
        numbers.append(int(residue.id))
    carbons, nitrogens = _named(chain, "C"), _named(chain, "N")
    for i in range(len(residues) - 1):
        ends = f"{_name(residues[i])} and {_name(residues[i + 1])}"
        between = f"{structure.source}: chain {chain.id} breaks between {ends}"
        if numbers[i + 1] != numbers[i] + 1:
            raise InvalidStructure(f"{between}: numbers jump by {numbers[i + 1] - numbers[i]}, not 1", cure=cure)
        vector = structure.positions_nm[carbons[i].index] - structure.positions_nm[nitrogens[i + 1].index]
        if (distance := float(np.linalg.norm(vector))) > LONGEST_PEPTIDE_BOND_NM:
            raise InvalidStructure(
                f"{between}: C-N is {10 * distance:.2f} Å, more than {10 * LONGEST_PEPTIDE_BOND_NM:.1f}", cure=cure
            )


def _check_handedness(structure: Structure) -> None:
    wrong = []
    for residue in structure.topology.residues():
        at = {atom.name: structure.positions_nm[atom.index] for atom in residue.atoms()}
        if "CB" not in at:
            continue
        # Seen with the hydrogen towards the eye, CO, R and N of an L-amino acid run clockwise.
        volume = np.dot(np.cross(at["N"] - at["CA"], at["C"] - at["CA"]), at["CB"] - at["CA"])
        if volume < 0.0:
            wrong.append(residue)
    if wrong:
        raise InvalidStructure(
            f"{structure.source}: {len(wrong)} residues are D-amino acids: {_list(wrong)}",
            cure="use another model: dynamics cannot turn a chiral centre over",
        )


def _named(chain: "Chain", name: str) -> list:
    return [next(atom for atom in residue.atoms() if atom.name == name) for residue in chain.residues()]


def _name(residue: "Residue") -> str:
    return f"{residue.chain.id}:{residue.name}{residue.id}"


def _list(residues: "Sequence[Residue]", most: int = 5) -> str:
    shown = ", ".join(_name(residue) for residue in residues[:most])
    return shown + (", ..." if len(residues) > most else "")
