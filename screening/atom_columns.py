"""The atoms of PDB and mmCIF files, as columns of text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.text_file import read_text

__all__ = ["AtomColumns", "read_atom_columns", "structure_suffix"]

_NO_VALUE = frozenset({"", ".", "?"})
_PDB_SUFFIXES = (".pdb", ".ent")
_MMCIF_SUFFIXES = (".cif", ".mmcif")
_CIF_VALUE = re.compile(r"""'(?:[^'\n]|'(?=\S))*'|"(?:[^"\n]|"(?=\S))*"|\S+""")
_CIF_HEADER = re.compile(
    r"^loop_\s+(?P<items>(?=_atom_site\.)(?:(?:_atom_site\.\S+|#[^\n]*)\s+)+)", re.MULTILINE | re.IGNORECASE
)
_CIF_COMMENT = re.compile(r"^#.*$", re.MULTILINE)
_CIF_END = re.compile(r"^(?:_|loop_|data_|save_)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class AtomColumns:
    """Atoms of the first model of a structure file as columns of text, N atoms each.

    Attributes
    ----------
    path : Path
        The file.
    place : str
        How the place of an atom in it is written, with ``{}`` for its row.
    rows : sequence of int
        Line, or row of ``_atom_site``, counted from 1.
    record : sequence of str
        ``ATOM`` or ``HETATM``.
    name, alternative, residue, chain : sequence of str
        Atom name, alternative location, residue name, chain.
    number : sequence of str
        Residue number with its insertion code.
    label_number : sequence of str
        mmCIF's own number, which tells ligands of one author's number apart; empty in PDB.
    x, y, z, b_factor : sequence of str
        Coordinates in angstrom, and B factor.
    """

    path: Path
    place: str
    rows: Sequence[int]
    record: Sequence[str]
    name: Sequence[str]
    alternative: Sequence[str]
    residue: Sequence[str]
    chain: Sequence[str]
    number: Sequence[str]
    label_number: Sequence[str]
    x: Sequence[str]
    y: Sequence[str]
    z: Sequence[str]
    b_factor: Sequence[str]

    def where(self, atom: int) -> str:
        """Return file and place of an atom, for messages."""
        return f"{self.path}{self.place.format(self.rows[atom])}"

    def numbers(self) -> NDArray[np.float64]:
        """Return coordinates and B factors, float64 (N, 4).

        Raises
        ------
        InvalidInput
            One is no number or not finite.
        """
        columns = (self.x, self.y, self.z, self.b_factor)
        try:
            values = np.array([[*map(float, column)] for column in columns]).T
        except ValueError:
            atom = next(i for i in range(len(self.x)) if not all(_is_number(column[i]) for column in columns))
            raise InvalidInput(f"{self.where(atom)}: a coordinate or B factor is no number") from None
        if not np.isfinite(values).all():
            atom = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise InvalidInput(f"{self.where(atom)}: a coordinate or B factor is not finite")
        return values


def read_atom_columns(path: Path) -> AtomColumns:
    """Read the atoms of the first model.

    Parameters
    ----------
    path : Path
        PDB or mmCIF, told apart by suffix, plain or gzipped.

    Returns
    -------
    AtomColumns
        In file order.

    Raises
    ------
    InvalidInput
        Another suffix, no such file, or an mmCIF file without complete atoms.
    """
    suffix = structure_suffix(path)
    if suffix is None:
        raise InvalidInput(
            f"{path}: not a structure file by its suffix",
            cure="use .pdb, .ent, .cif or .mmcif, each with or without .gz",
        )
    return _read_pdb(path) if suffix.lower().startswith(_PDB_SUFFIXES) else _read_mmcif(path)


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


def _read_pdb(path: Path) -> AtomColumns:
    """Atoms by the columns of the PDB format 3.3."""
    rows: list[int] = []
    lines: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            rows.append(number)
            lines.append(line)
        elif line.startswith("ENDMDL"):
            break
    return AtomColumns(
        path=path,
        place=":{}",
        rows=rows,
        record=[line[:6].rstrip() for line in lines],
        name=[line[12:16].strip() for line in lines],
        alternative=[line[16:17].strip() for line in lines],
        residue=[line[17:20].strip() for line in lines],
        chain=[line[21:22].strip() or "_" for line in lines],
        number=[line[22:27].strip() for line in lines],
        label_number=[""] * len(lines),
        x=[line[30:38] for line in lines],
        y=[line[38:46] for line in lines],
        z=[line[46:54] for line in lines],
        b_factor=[line[60:66] for line in lines],
    )


def _read_mmcif(path: Path) -> AtomColumns:
    """Atoms by item name; a row may run over several lines."""
    text = read_text(path) + "\n"
    header = _CIF_HEADER.search(text)
    if header is None:
        raise InvalidInput(f"{path}: mmCIF without a loop of _atom_site", cure="give the file with its coordinates")
    names = _CIF_COMMENT.sub("", header["items"]).split()
    end = _CIF_END.search(text, header.end())
    body = _CIF_COMMENT.sub("", text[header.end() : end.start() if end else len(text)])
    # The common case has no quoted value, and then splitting at white space is several times faster.
    values = _CIF_VALUE.findall(body) if "'" in body or '"' in body else body.split()
    if len(values) % len(names):
        raise InvalidInput(f"{path}: the last row of _atom_site is incomplete", cure="copy or write it again")
    items = {name.removeprefix("_atom_site."): values[k :: len(names)] for k, name in enumerate(names)}
    models = items.get("pdbx_PDB_model_num")
    rows = [i for i, model in enumerate(models) if model == models[0]] if models else range(len(values) // len(names))

    def column(*candidates: str, default: str | None = None) -> Sequence[str]:
        for name in candidates:
            if name in items:
                found = items[name]
                return found if len(rows) == len(found) else [found[i] for i in rows]
        if default is None:
            raise InvalidInput(
                f"{path}: mmCIF without _atom_site.{candidates[0]}", cure="give the file with its coordinates"
            )
        return [default] * len(rows)

    numbers, insertions = column("auth_seq_id", "label_seq_id"), column("pdbx_PDB_ins_code", default="?")
    return AtomColumns(
        path=path,
        place=": row {} of _atom_site",
        rows=[row + 1 for row in rows],
        record=column("group_PDB"),
        name=[name.strip("'\"") if name[0] in "'\"" else name for name in column("label_atom_id")],
        alternative=["" if value in _NO_VALUE else value for value in column("label_alt_id", default="")],
        residue=column("label_comp_id"),
        chain=column("auth_asym_id", "label_asym_id"),
        number=[n if code in _NO_VALUE else n + code for n, code in zip(numbers, insertions, strict=True)],
        label_number=column("label_seq_id", default=""),
        x=column("Cartn_x"),
        y=column("Cartn_y"),
        z=column("Cartn_z"),
        b_factor=column("B_iso_or_equiv"),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
