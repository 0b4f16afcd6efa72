"""Multiple sequence alignments of one protein, in the a3m format.

A column is a character that is no lower-case letter; lower-case letters are residues inserted relative to the query.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from screening.errors import InvalidInput
from screening.proteins import check_sequence
from screening.text_file import read_text

__all__ = ["Msa", "query_only", "read_a3m"]

_NOT_A3M = re.compile(r"[^A-Za-z-]")
_INSERTION = re.compile("[a-z]+")
_COLABFOLD_LENGTHS = re.compile(r"#([\d,]+)\t([\d,]+)")


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
    name = str(source) if isinstance(source, Path) else "a3m text"
    text = read_text(source) if isinstance(source, Path) else source
    records: list[tuple[int, str, list[str]]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith(">"):
            records.append((number, line[1:], []))
        elif line.startswith("#"):
            _refuse_complex(line, f"{name}:{number}")
        elif line and not records:
            raise InvalidInput(f"{name}:{number}: text before the first '>' header", cure="Give an a3m file.")
        elif line:
            if bad := _NOT_A3M.search(line):
                raise InvalidInput(
                    f"{name}:{number}: {bad[0]!r} in column {bad.start() + 1} is no residue or gap",
                    cure="a3m holds letters and '-' only; convert other formats first.",
                )
            records[-1][2].append(line)
    if not records:
        raise InvalidInput(f"{name}: no alignment row", cure="Search again, or use the query alone.")
    rows = tuple("".join(parts) for _, _, parts in records)
    _check_query(rows[0], query, f"{name}:{records[0][0]}")
    for (number, header, _), row in zip(records, rows, strict=True):
        columns = len(_INSERTION.sub("", row))
        if columns != len(query):
            raise InvalidInput(
                f"{name}:{number}: row '{header.split(maxsplit=1)[0] if header else ''}' has {columns} columns, "
                f"the query {len(query)} residues",
                cure="Give the alignment of this very sequence; gaps are '-', insertions lower case.",
            )
    return Msa(tuple(header for _, header, _ in records), rows)


def _refuse_complex(line: str, where: str) -> None:
    lengths = _COLABFOLD_LENGTHS.match(line)
    if lengths and ("," in lengths[1] or lengths[2] != "1"):
        raise InvalidInput(
            f"{where}: an alignment of several chains ({lengths[1]} residues, {lengths[2]} copies)",
            cure="Give one alignment per protein; they are paired here.",
        )


def _check_query(row: str, query: str, where: str) -> None:
    if row == query:
        return
    if len(row) != len(query):
        raise InvalidInput(f"{where}: the first row has {len(row)} characters, the query {len(query)} residues")
    at = next(i for i, (x, y) in enumerate(zip(row, query, strict=True)) if x != y)
    raise InvalidInput(
        f"{where}: the first row has {row[at]!r} at position {at + 1}, the query {query[at]!r}",
        cure="Give the alignment of this very sequence (isoforms differ).",
    )
