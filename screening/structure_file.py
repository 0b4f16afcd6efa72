"""Structure files of complexes, PDB and mmCIF: protein residues in file order, whatever numbers they carry.

Residues are counted by their order, never by (chain, number): a chain made of overlapping regions of a protein repeats
numbers, and each of its residues has a row of its own in the predicted aligned error. Coordinates are in angstrom.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.atom_columns import AtomColumns, read_atom_columns
from screening.errors import InvalidInput
from screening.proteins import AMINO_ACIDS

__all__ = ["THREE_LETTERS", "Atoms", "StructureFile", "read_structure"]

# fmt: off
THREE_LETTERS = (
    "ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS", "ILE", "LYS", "LEU",
    "MET", "ASN", "PRO", "GLN", "ARG", "SER", "THR", "VAL", "TRP", "TYR",
)
# fmt: on
"""Names of the 20 standard residues, in the order of `screening.proteins.AMINO_ACIDS`."""

# Modified residues of the Chemical Component Dictionary and the residues they derive from.
_MODIFIED = {"MSE": "M", "SEP": "S", "TPO": "T", "PTR": "Y", "ALY": "K", "MLZ": "K", "MLY": "K", "M3L": "K", "HYP": "P"}
_STANDARD = frozenset(THREE_LETTERS)
_ONE_LETTER = dict(zip(THREE_LETTERS, AMINO_ACIDS, strict=True)) | _MODIFIED
_NUCLEOTIDES = frozenset({"A", "C", "G", "U", "DA", "DC", "DG", "DT", "N", "DN"})
_BACKBONE = frozenset({"N", "CA", "C"})


@dataclass(frozen=True, eq=False)
class Atoms:
    """Heavy atoms of the protein residues, in file order.

    Attributes
    ----------
    names : tuple of str, length N
        Atom names, e.g. ``CA``.
    residue : ndarray, shape (N,), int64
        Index of the residue that each atom belongs to, ascending.
    xyz_angstrom : ndarray, shape (N, 3), float64
        Coordinates in the frame of the file.
    b_factor : ndarray, shape (N,), float64
        As in the file.
    """

    names: tuple[str, ...]
    residue: NDArray[np.int64]
    xyz_angstrom: NDArray[np.float64]
    b_factor: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StructureFile:
    """What a structure file says about its L protein residues.

    Attributes
    ----------
    chain_ids : tuple of str
        Protein chains in file order.
    all_chain_ids : tuple of str
        The same with chains of nucleic acids and ligands, as score files count them.
    sequences : tuple of str
        One-letter sequence of each protein chain; a modified residue is the one it derives from.
    chain_index : ndarray, shape (L,), int64
        Index into `chain_ids`.
    residue_names : tuple of str, length L
        Three-letter names as in the file.
    residue_number : ndarray, shape (L,), int64
        As in the file.
    ca, cb : ndarray, shape (L,), int64
        Index into `atoms` of the CA, and of the CB (CA for glycine).
    atoms : Atoms
        Their heavy atoms.
    token : ndarray, shape (L,), int64
        Row of each residue in a predicted aligned error over `n_tokens` tokens: a standard residue or nucleotide is
        one, a modified residue or ligand one for each heavy atom, of which CA stands for the residue (AlphaFold 3,
        doi 10.1038/s41586-024-07487-w).
    n_tokens : int
        Tokens of all chains.
    """

    chain_ids: tuple[str, ...]
    all_chain_ids: tuple[str, ...]
    sequences: tuple[str, ...]
    chain_index: NDArray[np.int64]
    residue_names: tuple[str, ...]
    residue_number: NDArray[np.int64]
    ca: NDArray[np.int64]
    cb: NDArray[np.int64]
    atoms: Atoms
    token: NDArray[np.int64]
    n_tokens: int

    @property
    def lengths(self) -> str:
        """Chains and their numbers of residues, for messages: ``A 110 + B 89``."""
        return " + ".join(f"{name} {len(seq)}" for name, seq in zip(self.chain_ids, self.sequences, strict=True))


@dataclass(frozen=True)
class _Residue:
    chain: str
    number: str
    name: str
    record: str
    atoms: dict[str, int]

    @property
    def is_protein(self) -> bool:
        if self.name in _STANDARD and self.record == "ATOM":
            return True
        if self.name in _ONE_LETTER:
            return self.name in _MODIFIED or self.atoms.keys() >= _BACKBONE
        # A residue with a backbone belongs to a protein chain: to leave it out would shorten the chain unseen.
        return self.atoms.keys() >= _BACKBONE or (self.record == "ATOM" and self.name not in _NUCLEOTIDES)

    @property
    def n_tokens(self) -> int:
        return 1 if self.name in _STANDARD or self.name in _NUCLEOTIDES else len(self.atoms)


def read_structure(path: Path) -> StructureFile:
    """Read the first model of a structure file.

    Parameters
    ----------
    path : Path
        PDB or mmCIF, told apart by suffix, plain or gzipped. Of alternative locations the first is taken; hydrogens,
        nucleic acids and ligands are left out.

    Returns
    -------
    StructureFile
        Residues in file order.

    Raises
    ------
    InvalidInput
        A file that is missing, broken or of an unknown format; a residue that is no standard one, has no CA or, unless
        glycine, no CB; a chain that is not consecutive; numbers that are none or not finite.
    """
    columns = read_atom_columns(path)
    residues = _residues(columns)
    proteins = [residue for residue in residues if residue.is_protein]
    if not proteins:
        raise InvalidInput(f"{path}: holds no protein atoms")
    chain_ids = tuple(dict.fromkeys(residue.chain for residue in proteins))
    place_of = {chain: index for index, chain in enumerate(chain_ids)}
    chain_index = np.array([place_of[residue.chain] for residue in proteins], dtype=np.int64)
    if (np.diff(chain_index) < 0).any():
        raise InvalidInput(f"{path}: the residues of a chain are not consecutive", cure="sort the file by chain")
    letters = np.array([_letter(residue, path) for residue in proteins])
    values = columns.numbers()
    kept = [atom for residue in proteins for atom in residue.atoms.values()]
    sizes = [len(residue.atoms) for residue in proteins]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    order = [list(residue.atoms) for residue in proteins]
    tokens = np.cumsum([0] + [residue.n_tokens for residue in residues])
    first_token = [start for start, residue in zip(tokens, residues, strict=False) if residue.is_protein]
    ca = np.array([names.index("CA") for names in order], dtype=np.int64)
    cb = [names.index(_anchor(residue)) for names, residue in zip(order, proteins, strict=True)]
    return StructureFile(
        chain_ids=chain_ids,
        all_chain_ids=tuple(dict.fromkeys(residue.chain for residue in residues)),
        sequences=tuple("".join(letters[chain_index == k]) for k in range(len(chain_ids))),
        chain_index=chain_index,
        residue_names=tuple(residue.name for residue in proteins),
        residue_number=np.array([_integer(residue, columns) for residue in proteins], dtype=np.int64),
        ca=starts + ca,
        cb=starts + np.array(cb, dtype=np.int64),
        atoms=Atoms(
            names=tuple(name for names in order for name in names),
            residue=np.repeat(np.arange(len(proteins)), sizes),
            xyz_angstrom=values[kept, :3],
            b_factor=values[kept, 3],
        ),
        token=np.array(first_token, dtype=np.int64) + np.where([r.n_tokens > 1 for r in proteins], ca, 0),
        n_tokens=int(tokens[-1]),
    )


def _residues(atoms: AtomColumns) -> list[_Residue]:
    """Group heavy atoms into residues; one begins where the numbers change, or where an atom's name comes again."""
    residues: list[_Residue] = []
    last = None
    keys = zip(atoms.chain, atoms.number, atoms.residue, atoms.label_number, strict=True)
    seen: dict[str, int] = {}
    for i, (key, name, alternative) in enumerate(zip(keys, atoms.name, atoms.alternative, strict=True)):
        if name.lstrip("0123456789").startswith(("H", "D")):
            continue
        if key != last or (name in seen and not alternative):
            seen, last = {}, key
            residues.append(_Residue(key[0], key[1], key[2], atoms.record[i], seen))
        seen.setdefault(name, i)
    return residues


def _letter(residue: _Residue, path: Path) -> str:
    place = f"{path}: residue {residue.name} {residue.number} of chain {residue.chain}"
    if residue.name not in _ONE_LETTER:
        raise InvalidInput(f"{place} is no standard residue", cure="model it as the residue it derives from")
    for atom in ("CA", _anchor(residue)):
        if atom not in residue.atoms:
            raise InvalidInput(f"{place} has no {atom} atom", cure="give a structure with backbone and CB atoms")
    return _ONE_LETTER[residue.name]


def _anchor(residue: _Residue) -> str:
    """Atom that stands for the side chain."""
    return "CA" if residue.name == "GLY" else "CB"


def _integer(residue: _Residue, atoms: AtomColumns) -> int:
    try:
        return int(residue.number)
    except ValueError:
        raise InvalidInput(
            f"{atoms.where(residue.atoms['CA'])}: residue number {residue.number!r} is no integer",
            cure="renumber the chain without insertion codes",
        ) from None
