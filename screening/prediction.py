"""Predicted structures of complexes: one type, whatever program wrote the files.

Structures are PDB or mmCIF, predicted aligned errors (PAE) JSON or npz, plain or gzipped. Frames are the file's
own, coordinates in angstrom; PAE is indexed [aligned residue, scored residue], in angstrom.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.confidences import Confidences, checked_pae, checked_plddt, read_confidences
from screening.errors import InvalidInput
from screening.proteins import AMINO_ACIDS
from screening.text_file import read_text

__all__ = ["Prediction", "read_prediction", "structure_suffix"]

# fmt: off
_THREE_LETTERS = (
    "ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS", "ILE", "LYS", "LEU",
    "MET", "ASN", "PRO", "GLN", "ARG", "SER", "THR", "VAL", "TRP", "TYR",
)
# fmt: on
_ONE_LETTER = dict(zip(_THREE_LETTERS, AMINO_ACIDS, strict=True)) | {"MSE": "M"}
_PDB_SUFFIXES = (".pdb", ".ent")
_MMCIF_SUFFIXES = (".cif", ".mmcif")


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted structure with the confidences that came with it.

    Attributes
    ----------
    source : Path
        The structure file.
    chain_ids : tuple of str, length C
        In file order.
    sequences : tuple of str, length C
        One-letter sequence of each chain.
    chain_index : ndarray, shape (L,), int64
        Index into `chain_ids` of each residue.
    residue_number : ndarray, shape (L,), int64
        As in the file; usually from 1 in each chain, so a segment's place in its protein must be kept elsewhere.
    plddt : ndarray, shape (L,), float64, or None
        pLDDT of the CA atom, 0-100; None where the B factors mean something else.
    ca_angstrom : ndarray, shape (L, 3), float64
        CA atoms.
    cb_angstrom : ndarray, shape (L, 3), float64
        CB atoms, CA for glycine.
    pae : ndarray, shape (L, L), float32, or None
        Predicted aligned error in angstrom, row = aligned, column = scored.
    iptm, ptm : float or None
        As the program gave them.
    """

    source: Path
    chain_ids: tuple[str, ...]
    sequences: tuple[str, ...]
    chain_index: NDArray[np.int64]
    residue_number: NDArray[np.int64]
    plddt: NDArray[np.float64] | None
    ca_angstrom: NDArray[np.float64]
    cb_angstrom: NDArray[np.float64]
    pae: NDArray[np.float32] | None = None
    iptm: float | None = None
    ptm: float | None = None

    def chain(self, index: int) -> slice:
        """Residues of one chain, as a slice of every per-residue array."""
        first = sum(len(sequence) for sequence in self.sequences[:index])
        return slice(first, first + len(self.sequences[index]))


class _Atom(NamedTuple):
    where: str
    record: str
    name: str
    residue: str
    chain: str
    number: str
    x: str
    y: str
    z: str
    b_factor: str


def read_prediction(
    structure: Path,
    pae: Path | NDArray[np.floating] | None = None,
    *,
    confidence: Path | None = None,
    has_plddt: bool = True,
    plddt_maximum: float = 100.0,
) -> Prediction:
    """Read a predicted structure and its confidences.

    Parameters
    ----------
    structure : Path
        PDB or mmCIF file, told apart by suffix; only its first model and first alternative locations are read.
    pae : Path or ndarray of shape (L, L), optional
        File as for `read_confidences`, or the PAE itself in angstrom, row = aligned, column = scored.
    confidence : Path, optional
        JSON file with ``iptm`` and ``ptm``, at its top level or below the model's name, where `pae` has none.
    has_plddt : bool, optional
        False where the B factors are no pLDDT.
    plddt_maximum : float, optional
        pLDDT of a perfect residue in this file: 100, or 1 for programs that write fractions.

    Returns
    -------
    Prediction
        Chains in file order.

    Raises
    ------
    InvalidInput
        A file that is missing, broken or of an unknown format; a residue that is no standard one, has no CA or, unless
        glycine, no CB; numbers that are not finite or out of range; a PAE or pLDDT of another number of residues.
    """
    residues = _residues(structure)
    chain_of = [chain for chain, _, _ in residues]
    chain_ids = tuple(dict.fromkeys(chain_of))
    index = np.array([chain_ids.index(chain) for chain in chain_of], dtype=np.int64)
    if (np.diff(index) < 0).any():
        raise InvalidInput(f"{structure}: the residues of a chain are not consecutive", cure="Sort the file by chain.")
    letters: list[str] = []
    ca, cb = np.empty((len(residues), 3)), np.empty((len(residues), 3))
    b_factors = np.empty(len(residues))
    numbers = np.empty(len(residues), dtype=np.int64)
    for i, ((chain, number, name), atoms) in enumerate(residues.items()):
        place = f"{structure}: residue {name} {number} of chain {chain}"
        if name not in _ONE_LETTER:
            raise InvalidInput(f"{place} is no standard residue", cure="Model it as the residue it derives from.")
        letters.append(_ONE_LETTER[name])
        anchor = "CA" if letters[-1] == "G" else "CB"
        for atom in ("CA", anchor):
            if atom not in atoms:
                raise InvalidInput(f"{place} has no {atom} atom", cure="Give a structure with backbone and CB atoms.")
        ca[i], cb[i] = _floats(atoms["CA"])[:3], _floats(atoms[anchor])[:3]
        b_factors[i] = _floats(atoms["CA"])[3]
        numbers[i] = _integer(atoms["CA"])
    sequences = tuple(
        "".join(letter for letter, at in zip(letters, index, strict=True) if at == k) for k in range(len(chain_ids))
    )
    plddt = checked_plddt(b_factors, plddt_maximum, f"{structure}: B factors") if has_plddt else None
    confidences = _confidences_of(pae, len(residues))
    other = read_confidences(confidence, model=_model_name(structure)) if confidence else Confidences()
    return Prediction(
        source=structure,
        chain_ids=chain_ids,
        sequences=sequences,
        chain_index=index,
        residue_number=numbers,
        plddt=plddt,
        ca_angstrom=ca,
        cb_angstrom=cb,
        pae=confidences.pae,
        iptm=other.iptm if confidences.iptm is None else confidences.iptm,
        ptm=other.ptm if confidences.ptm is None else confidences.ptm,
    )


def structure_suffix(path: Path) -> str | None:
    """Suffix of a structure file.

    Parameters
    ----------
    path : Path
        Any path; it need not exist.

    Returns
    -------
    str or None
        E.g. ``".cif.gz"``; None where the suffix is no structure's.
    """
    suffixes = path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]
    if suffixes and suffixes[0].lower() in _PDB_SUFFIXES + _MMCIF_SUFFIXES:
        return "".join(suffixes)
    return None


def _confidences_of(pae: Path | NDArray[np.floating] | None, length: int) -> Confidences:
    if pae is None:
        return Confidences()
    if isinstance(pae, Path):
        where, confidences = str(pae), read_confidences(pae)
    else:
        where = "the given PAE"
        confidences = Confidences(pae=checked_pae(np.asarray(pae), where))
    if confidences.pae is None:
        raise InvalidInput(f"{where}: holds no PAE", cure="Name the file with the PAE, or none.")
    if len(confidences.pae) != length:
        raise InvalidInput(f"{where}: PAE of {len(confidences.pae)} residues for a structure of {length}")
    if confidences.plddt is not None and len(confidences.plddt) != length:
        raise InvalidInput(f"{where}: pLDDT of {len(confidences.plddt)} residues for a structure of {length}")
    return confidences


def _residues(path: Path) -> dict[tuple[str, str, str], dict[str, _Atom]]:
    """Group CA and CB atoms by (chain, residue number, residue name), in file order."""
    suffix = structure_suffix(path)
    if suffix is None:
        raise InvalidInput(
            f"{path}: not a structure file by its suffix",
            cure="Use .pdb, .ent, .cif or .mmcif, each with or without .gz.",
        )
    atoms = _pdb_atoms(path) if suffix.lower().startswith(_PDB_SUFFIXES) else _mmcif_atoms(path)
    residues: dict[tuple[str, str, str], dict[str, _Atom]] = {}
    for atom in atoms:
        if atom.record == "ATOM" or atom.residue == "MSE":
            known = residues.setdefault((atom.chain, atom.number, atom.residue), {})
            if atom.name in ("CA", "CB"):
                known.setdefault(atom.name, atom)
    if not residues:
        raise InvalidInput(f"{path}: holds no protein atoms")
    return residues


def _pdb_atoms(path: Path) -> Iterator[_Atom]:
    """Atoms of the first model, by the columns of the PDB format 3.3."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        record = line[:6].strip()
        if record == "ENDMDL":
            return
        if record in ("ATOM", "HETATM"):
            yield _Atom(
                where=f"{path}:{number}",
                record=record,
                name=line[12:16].strip(),
                residue=line[17:20].strip(),
                chain=line[21:22].strip() or "_",
                number=line[22:27].strip(),
                x=line[30:38],
                y=line[38:46],
                z=line[46:54],
                b_factor=line[60:66],
            )


def _mmcif_atoms(path: Path) -> Iterator[_Atom]:
    """Atoms of the first model, by item name; a row may run over several lines."""
    from Bio.PDB.MMCIF2Dict import MMCIF2Dict

    try:
        items = MMCIF2Dict(io.StringIO(read_text(path)))
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"{path}: broken mmCIF ({error})", cure="Copy or write it again.") from None

    def column(*names: str) -> list[str]:
        for name in names:
            if f"_atom_site.{name}" in items:
                return items[f"_atom_site.{name}"]
        raise InvalidInput(f"{path}: mmCIF without _atom_site.{names[0]}", cure="Give the file with its coordinates.")

    columns = [
        column("group_PDB"),
        column("label_atom_id"),
        column("label_comp_id"),
        column("auth_asym_id", "label_asym_id"),
        column("auth_seq_id", "label_seq_id"),
        column("Cartn_x"),
        column("Cartn_y"),
        column("Cartn_z"),
        column("B_iso_or_equiv"),
    ]
    models = items.get("_atom_site.pdbx_PDB_model_num", ["1"] * len(columns[0]))
    if len({len(values) for values in (*columns, models)}) != 1:
        raise InvalidInput(f"{path}: the last row of _atom_site is incomplete", cure="Copy or write it again.")
    for row, (model, *fields) in enumerate(zip(models, *columns, strict=True), start=1):
        if model == models[0]:
            yield _Atom(f"{path}: row {row} of _atom_site", *fields)


def _floats(atom: _Atom) -> tuple[float, float, float, float]:
    try:
        x, y, z, b_factor = (float(text) for text in (atom.x, atom.y, atom.z, atom.b_factor))
    except ValueError:
        raise InvalidInput(f"{atom.where}: a coordinate or B factor is no number") from None
    if not np.isfinite((x, y, z, b_factor)).all():
        raise InvalidInput(f"{atom.where}: a coordinate or B factor is not finite")
    return x, y, z, b_factor


def _integer(atom: _Atom) -> int:
    try:
        return int(atom.number)
    except ValueError:
        raise InvalidInput(
            f"{atom.where}: residue number {atom.number!r} is no integer",
            cure="Renumber the chain without insertion codes.",
        ) from None


def _model_name(structure: Path) -> str:
    """Name that AlphaFold gives a model in its summaries, e.g. ``model_1_multimer_v3_pred_0``."""
    stem = structure.name.removesuffix(structure_suffix(structure) or "")
    return stem.removeprefix("unrelaxed_").removeprefix("relaxed_")
