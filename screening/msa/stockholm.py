"""Alignments in the Stockholm format, as HMMER writes them, turned into rows of a3m.

The format: a line ``# STOCKHOLM 1.0``, then blocks of lines ``NAME ALIGNED``, annotation lines ``#=GF``, ``#=GS``,
``#=GR`` and ``#=GC``, and ``//`` at the end (HMMER User's Guide; Pfam).
"""

import re
from typing import NamedTuple

import numpy as np

from screening.errors import InvalidInput

__all__ = ["STOCKHOLM", "StockholmRows", "parse_stockholm"]

STOCKHOLM = "# STOCKHOLM"
_END = "//"
_NOT_ALIGNED = re.compile(r"[^A-Za-z.-]")


class StockholmRows(NamedTuple):
    """Rows of an alignment relative to its first sequence.

    Attributes
    ----------
    names : tuple of str, length N
        Name and description of each sequence.
    rows : tuple of str, length N
        In a3m: upper case and ``-`` in the columns of the first sequence, lower case between them.
    lines : tuple of int, length N
        Line where each sequence begins, 1-based.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...]
    lines: tuple[int, ...]


def parse_stockholm(text: str, name: str) -> StockholmRows:
    """Read a Stockholm alignment; its first sequence is the query, whose residues are the columns.

    Parameters
    ----------
    text : str
        Content of the file.
    name : str
        What to call it in messages.

    Returns
    -------
    StockholmRows
        In file order; a description (``#=GS NAME DE``) follows its name, so that the species can be read from it.

    Raises
    ------
    InvalidInput
        No header, no terminator, text after it, a line without name and sequence, a character that is no residue or
        gap, or a sequence of another length than the first. Each names the line.
    """
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines, start=1) if line.strip()), 1)
    if not lines or not lines[first - 1].startswith(STOCKHOLM):
        raise InvalidInput(f"{name}:{first}: not '# STOCKHOLM 1.0'", cure="give a Stockholm file")
    parts: dict[str, list[str]] = {}
    starts: dict[str, int] = {}
    descriptions: dict[str, str] = {}
    ended = 0
    for number, line in enumerate(lines[first:], start=first + 1):
        fields = line.split(maxsplit=3 if line.startswith("#=GS") else 1)
        if not fields:
            continue
        if ended:
            raise InvalidInput(
                f"{name}:{number}: text after the '//' of line {ended}", cure="give one alignment per file"
            )
        if fields[0] == _END:
            ended = number
        elif fields[0] == "#=GS" and len(fields) == 4 and fields[2] == "DE":
            descriptions[fields[1]] = fields[3].strip()
        elif not line.startswith("#"):
            if len(fields) != 2:
                raise InvalidInput(f"{name}:{number}: no sequence after '{fields[0]}'", cure="copy the file again")
            aligned = fields[1].strip()
            if bad := _NOT_ALIGNED.search(aligned):
                raise InvalidInput(f"{name}:{number}: {bad[0]!r} is no residue or gap", cure="give a protein alignment")
            starts.setdefault(fields[0], number)
            parts.setdefault(fields[0], []).append(aligned)
    if not ended:
        raise InvalidInput(f"{name}:{len(lines)}: ends without '//': truncated", cure="copy or search it again")
    if not parts:
        raise InvalidInput(f"{name}: no alignment row", cure="search again, or use the query alone")
    return _as_a3m(parts, starts, descriptions, name)


def _as_a3m(
    parts: dict[str, list[str]], starts: dict[str, int], descriptions: dict[str, str], name: str
) -> StockholmRows:
    rows = ["".join(blocks).upper().replace(".", "-") for blocks in parts.values()]
    for row, (label, line) in zip(rows, starts.items(), strict=True):
        if len(row) != len(rows[0]):
            raise InvalidInput(
                f"{name}:{line}: '{label}' has {len(row)} aligned characters, the first sequence {len(rows[0])}",
                cure="copy or search it again; every block must hold every sequence",
            )
    letters = np.frombuffer("".join(rows).encode("ascii"), dtype=np.uint8).reshape(len(rows), -1)
    gap = letters == ord("-")
    inserted = np.broadcast_to(gap[0], letters.shape)
    kept = ~(inserted & gap)
    flat = np.where(inserted, letters | 0x20, letters)[kept].tobytes().decode("ascii")
    ends = np.cumsum(kept.sum(axis=1)).tolist()
    names = tuple(f"{label} {descriptions[label]}" if label in descriptions else label for label in parts)
    return StockholmRows(
        names,
        tuple(flat[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)),
        tuple(starts.values()),
    )
