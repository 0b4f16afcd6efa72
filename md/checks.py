"""Refuse, by name and with numbers, what must not be simulated.

OpenMM bonds residues that follow one another in a file however far apart they are, and the minimiser then
welds the ends together; PDBFixer replaces residues it does not know. So everything is looked at before
either of them sees the structure. docs/dynamics.md lists the names.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from md.defects import cis_peptides, count_clashes, d_amino_acids, pierced_rings
from md.errors import InvalidStructure
from md.residues import CAPS, ONE_LETTER
from md.structure import Structure, atoms_named, residue_name

if TYPE_CHECKING:
    from openmm.app import Chain, Residue

__all__ = ["check"]

BACKBONE = ("N", "CA", "C", "O")
LONGEST_PEPTIDE_BOND_NM = 0.20  # ideal 0.1335 (Engh & Huber 1991); 0.38 is the gap of one lost residue
LONGEST_BOND_NM = 0.25  # within a residue; the longest is C-S, 0.181 (ibid.)
RESOLUTION_NM = 1e-4  # of a coordinate in a PDB file
LOWEST_NUMBER, HIGHEST_NUMBER = -999, 9999  # of a residue in a PDB file: four columns
CHAIN_NAME, WHOLE_NUMBER = re.compile("[A-Za-z0-9]"), re.compile("-?[0-9]+")
SOLVENT = frozenset({"HOH", "WAT", "SOL", "NA", "CL", "K"})
MODIFIED = frozenset({"MSE", "SEC", "SEP", "TPO", "PTR", "ALY", "MLY", "M3L", "CSO", "HYP"})


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
        ``residue_number``, ``chain_break``, ``long_bond``, ``same_place``, ``d_amino_acid``, ``cis_peptide``,
        ``clash``, ``pierced_ring``.
    """
    chains = list(structure.topology.chains())
    _check_residues(structure)
    _check_chains(chains, structure)
    _check_finite(structure)
    for chain in chains:
        _check_numbers(chain, structure)
        _check_continuity(chain, structure)
    _check_bonds(structure)
    clashes, closest_nm = count_clashes(structure)
    if closest_nm < RESOLUTION_NM:
        raise InvalidStructure(
            f"{structure.source}: two of its heavy atoms are in the same place, where no force has a direction",
            code="same_place",
            cure="use another model; a chain that was read twice, or written without coordinates, looks like this",
        )
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


def _check_chains(chains: "Sequence[Chain]", structure: Structure) -> None:
    names = Counter(str(chain.id) for chain in chains)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise InvalidStructure(
            f"{structure.source}: chain {', '.join(repeated)} occurs more than once",
            code="chain_name",
            cure="give each chain, and each stretch between two TER records, a name of its own",
        )
    if bad := [name for name in names if not CHAIN_NAME.fullmatch(name)]:
        raise InvalidStructure(
            f"{structure.source}: chain {', '.join(map(repr, bad))}: names must be one letter or digit to survive in "
            "PDB files",
            code="chain_name",
            cure="rename the chains of the file, or keep those that have such names: chains = [...]",
        )


def _check_residues(structure: Structure) -> None:
    residues = list(structure.topology.residues())
    if not residues or any(not list(chain.residues()) for chain in structure.topology.chains()):
        raise InvalidStructure(
            f"{structure.source}: a chain without residues", code="empty_chain", cure="remove it from the file"
        )
    # Before chain names: water and ligands often repeat the name of a chain.
    if unknown := [residue for residue in residues if residue.name not in ONE_LETTER]:
        kinds = Counter(residue.name for residue in unknown)
        raise InvalidStructure(
            f"{structure.source}: {len(unknown)} residues that are not among the twenty: {_list(unknown)} "
            f"(kinds: {', '.join(f'{name} × {count}' for name, count in sorted(kinds.items()))})",
            code="unknown_residue",
            cure=_cure_of(kinds),
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
            cure="use another model",
        )


def _check_numbers(chain: "Chain", structure: Structure) -> None:
    """Refuse numbers that are not integers, or that PDB files, in which all that follows is kept, have no room for."""
    numbers = []
    for residue in chain.residues():
        number = f"{residue.id}{residue.insertionCode.strip()}"
        if not WHOLE_NUMBER.fullmatch(number):
            raise InvalidStructure(
                f"{structure.source}: chain {chain.id}: residue number {number!r} is not an integer",
                code="residue_number",
                cure="renumber the chain by integers, without insertion codes",
            )
        numbers.append(int(number))
    low, high = min(numbers), max(numbers)
    if low <= LOWEST_NUMBER or high >= HIGHEST_NUMBER:
        raise InvalidStructure(
            f"{structure.source}: chain {chain.id} is numbered from {low} to {high}: with a cap at each end that must "
            f"be within {LOWEST_NUMBER} to {HIGHEST_NUMBER}, which is what PDB files have room for",
            code="residue_number",
            cure="renumber the chain, e.g. from 1",
        )


def _check_continuity(chain: "Chain", structure: Structure) -> None:
    stretches = "give each unbroken stretch a chain name of its own, or use a model of the whole segment"
    carbons, nitrogens = atoms_named(chain, "C"), atoms_named(chain, "N")
    for c, n in zip(carbons, nitrogens[1:], strict=False):
        between = f"{structure.source}: chain {chain.id} breaks between {_list([c.residue, n.residue], joint=' and ')}"
        jump = int(n.residue.id) - int(c.residue.id)
        distance = float(np.linalg.norm(structure.positions_nm[c.index] - structure.positions_nm[n.index]))
        bonded = distance <= LONGEST_PEPTIDE_BOND_NM
        if jump != 1:
            raise InvalidStructure(
                f"{between}: numbers jump by {jump}, not 1" + f", though C-N is {10 * distance:.2f} Å" * bonded,
                code="chain_break",
                cure="no residue is missing there: renumber the chain without the gap" if bonded else stretches,
            )
        if not bonded:
            raise InvalidStructure(
                f"{between}: C-N is {10 * distance:.2f} Å, more than {10 * LONGEST_PEPTIDE_BOND_NM:.1f}",
                code="chain_break",
                cure=stretches,
            )


def _check_bonds(structure: Structure) -> None:
    """Refuse residues that are torn: minimisation would pull them together through whatever is between."""
    for a, b in structure.topology.bonds():
        distance = float(np.linalg.norm(structure.positions_nm[a.index] - structure.positions_nm[b.index]))
        if a.residue is b.residue and distance > LONGEST_BOND_NM:
            raise InvalidStructure(
                f"{structure.source}: {a.name}-{b.name} of {residue_name(a.residue)} is {10 * distance:.2f} Å long, "
                f"more than {10 * LONGEST_BOND_NM:.1f}",
                code="long_bond",
                cure="use another model; coordinates are to be in Å",
            )


def _cure_of(kinds: Iterable[str]) -> str:
    """Return what to do about residues that are not among the twenty."""
    cures = {
        "remove water and ions": SOLVENT,
        "remove caps and zinc: cut ends are capped again, and C2H2 fingers get their zinc": CAPS | {"NH2", "ZN"},
        "replace modified residues by their parents where that is meant (MSE by MET, SEP by SER ...)": MODIFIED,
    }
    said = [cure for cure, names in cures.items() if not names.isdisjoint(kinds)]
    if not all(any(kind in names for names in cures.values()) for kind in kinds):
        said.append("remove ligands and nucleic acids, and replace unknown residues (UNK) by what they are")
    return "; ".join(said)


def _list(residues: "Sequence[Residue]", most: int = 5, joint: str = ", ") -> str:
    shown = joint.join(map(residue_name, residues[:most]))
    return shown + (", ..." if len(residues) > most else "")
