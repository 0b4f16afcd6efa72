"""Multiple sequence alignments of one protein, in the a3m format.

A column is a character that is no lower-case letter; lower-case letters are residues inserted relative to the query.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.msa.stockholm import STOCKHOLM, parse_stockholm
from screening.msa.taxonomy import taxon
from screening.proteins import check_sequence
from screening.text_file import read_text

__all__ = ["GAP", "Insertions", "Msa", "parse_a3m", "query_only", "read_a3m", "read_msa"]

GAP = ord("-")

_A3M_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"
_INSERTED = b"abcdefghijklmnopqrstuvwxyz"
# How AlphaFold reads the ambiguous letters: ``HHBLITS_AA_TO_ID`` of alphafold/common/residue_constants.py.
_READ_AS = bytes.maketrans(b"BZU", b"DEC")
_NOT_A3M = re.compile(r"[^A-Za-z-]")
_COLABFOLD_LENGTHS = re.compile(r"#([\d,]+)\t([\d,]+)")


class Insertions(NamedTuple):
    """The residues of an alignment that stand in no column, in the order of rows and positions.

    Attributes
    ----------
    row : (K,) int64
        Row of each inserted residue.
    column : (K,) int64
        Columns of that row before it: 0 precedes the first column.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]


@dataclass(frozen=True)
class Msa:
    """An alignment; row 0 is the query without gaps.

    Attributes
    ----------
    names : tuple of str, length N
        Header of each row, without ``>``.
    rows : tuple of str, length N
        Aligned rows; each has as many columns as the query has residues.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Number of rows, the query included."""
        return len(self.rows)

    @property
    def query(self) -> str:
        """Sequence that the alignment belongs to."""
        return self.rows[0]

    @cached_property
    def columns(self) -> NDArray[np.uint8]:
        """Residues and gaps without insertions, (N, L) ASCII codes, with B, Z and U read as D, E and C; made once."""
        aligned = "".join(self.rows).encode("ascii").translate(_READ_AS, _INSERTED)
        return np.frombuffer(aligned, dtype=np.uint8).reshape(self.depth, len(self.query))

    @cached_property
    def insertions(self) -> Insertions:
        """Where the lower-case letters are; made once."""
        return _insertions(self.rows, len(self.query))

    @cached_property
    def taxa(self) -> tuple[str, ...]:
        """Species of each row (`screening.msa.taxonomy.taxon`), empty for the query; made once."""
        return ("", *map(taxon, self.names[1:]))

    def take(self, indices: Sequence[int]) -> "Msa":
        """Return the alignment of some of the rows.

        Parameters
        ----------
        indices : sequence of int
            Rows to take, in the order wanted; row 0 must come first for the result to be the query's alignment.

        Returns
        -------
        Msa
            ``len(indices)`` rows.
        """
        return Msa(tuple(map(self.names.__getitem__, indices)), tuple(map(self.rows.__getitem__, indices)))

    def to_text(self) -> str:
        """Write as a3m, one line per row.

        Returns
        -------
        str
            Ends with a newline.
        """
        return "".join(f">{name}\n{row}\n" for name, row in zip(self.names, self.rows, strict=True))


def query_only(sequence: str, name: str = "query") -> Msa:
    """Make the alignment of a protein without homologues.

    Parameters
    ----------
    sequence : str
        The 20 standard residues.
    name : str, optional
        Header of the row.

    Returns
    -------
    Msa
        One row.

    Raises
    ------
    InvalidInput
        Another letter in the sequence.
    """
    check_sequence(sequence, name)
    return Msa((name,), (sequence,))


def read_msa(path: Path, query: str) -> Msa:
    """Read the alignment of one protein from a file, a3m or Stockholm, whatever it is called.

    Parameters
    ----------
    path : Path
        File, plain or gzipped; Stockholm is known by its first line.
    query : str
        Sequence that the first row must be.

    Returns
    -------
    Msa
        Rows in file order.

    Raises
    ------
    InvalidInput
        As `read_a3m` and `screening.msa.stockholm.parse_stockholm`.
    """
    text = read_text(path)
    if not text.lstrip().startswith(STOCKHOLM):
        return _checked(text, query, str(path))
    alignment = parse_stockholm(text, str(path))
    _check_query(alignment.rows[0], query, f"{path}:{alignment.lines[0]}")
    return Msa(alignment.names, alignment.rows)


def read_a3m(source: Path | str, query: str) -> Msa:
    """Read the alignment of one protein.

    Parameters
    ----------
    source : Path or str
        File, plain or gzipped, or the text itself.
    query : str
        Sequence that the first row must be.

    Returns
    -------
    Msa
        Rows in file order; ColabFold's line of lengths is left out.

    Raises
    ------
    InvalidInput
        No rows, text before the first header, a header without a row, a character that is no letter or gap, another
        query, a row with another number of columns, or an alignment of several chains. Each names the line.
    """
    return (
        _checked(read_text(source), query, str(source))
        if isinstance(source, Path)
        else _checked(source, query, "a3m text")
    )


def parse_a3m(text: str, name: str = "a3m text") -> Msa:
    """Read an alignment whose first row says which protein it belongs to.

    Parameters
    ----------
    text : str
        Content of an a3m file.
    name : str, optional
        What to call it in messages.

    Returns
    -------
    Msa
        Rows in file order.

    Raises
    ------
    InvalidInput
        As `read_a3m`; the first row must hold the 20 standard residues only. U, X, B and Z may stand in the others.
    """
    return _checked(text, None, name)


def _checked(text: str, query: str | None, name: str) -> Msa:
    numbers, names, rows = _records(text, name)
    if not rows:
        raise InvalidInput(f"{name}: no alignment row", cure="search again, or use the query alone")
    _check_letters(text, rows, name)
    if query is None:
        check_sequence(rows[0], f"{name}:{numbers[0]}: the first row, the query,")
        query = rows[0]
    _check_query(rows[0], query, f"{name}:{numbers[0]}")
    columns = _column_counts(rows)
    for i in np.flatnonzero(columns != len(query))[:1]:
        raise InvalidInput(
            f"{name}:{numbers[i]}: row '{names[i].split(maxsplit=1)[0] if names[i] else ''}' has {columns[i]} columns, "
            f"the query {len(query)} residues",
            cure="give the alignment of this very sequence; gaps are '-', insertions lower case",
        )
    return Msa(tuple(names), tuple(rows))


def _records(text: str, name: str) -> tuple[list[int], list[str], list[str]]:
    """Split a3m text into lines of the headers (1-based), headers and rows."""
    numbers: list[int] = []
    names: list[str] = []
    rows: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith(">"):
            numbers.append(number)
            names.append(line[1:])
            rows.append("")
        elif line.startswith("#"):
            _refuse_complex(line, f"{name}:{number}")
        elif line and not rows:
            raise InvalidInput(f"{name}:{number}: text before the first '>' header", cure="give an a3m file")
        elif line:
            rows[-1] += line
    return numbers, names, rows


def _check_letters(text: str, rows: Sequence[str], name: str) -> None:
    """Refuse anything but letters and gaps; lines are only searched where there is something to find."""
    joined = "".join(rows)
    if joined.isascii() and not joined.encode("ascii").translate(None, _A3M_LETTERS):
        return
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line and line[0] not in ">#" and (bad := _NOT_A3M.search(line)):
            raise InvalidInput(
                f"{name}:{number}: {bad[0]!r} in column {bad.start() + 1} is no residue or gap",
                cure="a3m holds letters and '-' only; convert other formats first",
            )


def _column_counts(rows: Sequence[str]) -> NDArray[np.int64]:
    characters = np.frombuffer("".join(rows).encode("ascii"), dtype=np.uint8)
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    inserted = np.searchsorted(np.cumsum(lengths), np.flatnonzero(characters >= ord("a")), side="right")
    return lengths - np.bincount(inserted, minlength=len(rows))


def _insertions(rows: Sequence[str], n_columns: int) -> Insertions:
    longer = [i for i, row in enumerate(rows) if len(row) > n_columns]
    characters = np.frombuffer("".join([rows[i] for i in longer]).encode("ascii"), dtype=np.uint8)
    at = np.flatnonzero(characters >= ord("a"))
    # All columns of the rows before and of this row precede an inserted residue, and so do the inserted ones.
    ends = np.cumsum([len(rows[i]) for i in longer], dtype=np.int64)
    which = np.searchsorted(ends, at, side="right")
    return Insertions(np.array(longer, dtype=np.int64)[which], at - np.arange(len(at)) - which * n_columns)


def _refuse_complex(line: str, where: str) -> None:
    lengths = _COLABFOLD_LENGTHS.match(line)
    if lengths and ("," in lengths[1] or lengths[2] != "1"):
        raise InvalidInput(
            f"{where}: an alignment of several chains ({lengths[1]} residues, {lengths[2]} copies)",
            cure="give one alignment per protein; they are paired here",
        )


def _check_query(row: str, query: str, where: str) -> None:
    if row == query:
        return
    if len(row) != len(query):
        raise InvalidInput(
            f"{where}: the first row has {len(row)} characters, the query {len(query)} residues",
            cure="give the alignment of this very sequence (isoforms differ)",
        )
    at = next(i for i, (x, y) in enumerate(zip(row, query, strict=True)) if x != y)
    raise InvalidInput(
        f"{where}: the first row has {row[at]!r} at position {at + 1}, the query {query[at]!r}",
        cure="give the alignment of this very sequence (isoforms differ)",
    )
