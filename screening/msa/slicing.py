"""The alignment of a segment, cut out of the alignment of its full-length protein."""

import numpy as np

from screening.errors import InvalidInput
from screening.msa.a3m import Msa, parse_a3m

__all__ = ["cut", "has_residue", "slice_a3m", "slice_msa"]

_NO_COLUMN_RESIDUE = "-abcdefghijklmnopqrstuvwxyz"


def slice_a3m(text: str | Msa, start: int, end: int) -> str:
    """Cut a segment out of an alignment.

    Rows keep their order and their headers. A row without a residue in the columns of the segment is left out, and so
    is one that repeats an earlier row letter by letter. The slice over the full length is therefore the alignment
    itself where nothing repeats, and a slice of a slice is the slice.

    Parameters
    ----------
    text : str or Msa
        Alignment of the full-length protein, in the a3m format or read already.
    start, end : int
        Residue range, 1-based inclusive.

    Returns
    -------
    str
        In the a3m format; the first row is the segment's sequence.

    Raises
    ------
    InvalidInput
        No such range in the query, or text that is no a3m of one protein.
    """
    msa = parse_a3m(text) if isinstance(text, str) else text
    return slice_msa(msa, start, end).to_text()


def slice_msa(msa: Msa, start: int, end: int) -> Msa:
    """Cut a segment out of an alignment, as `slice_a3m`.

    Parameters
    ----------
    msa : Msa
        Of the full-length protein.
    start, end : int
        Residue range, 1-based inclusive.

    Returns
    -------
    Msa
        Without empty and repeated rows.

    Raises
    ------
    InvalidInput
        No such range in the query.
    """
    segment = cut(msa, start, end)
    first: dict[str, str] = {}
    for row, name in zip(segment.rows, segment.names, strict=True):
        first.setdefault(row, name)
    kept = {row: name for row, name in first.items() if has_residue(row)}
    return Msa(tuple(kept.values()), tuple(kept))


def cut(msa: Msa, start: int, end: int) -> Msa:
    """Cut every row, so that row i of the result is row i of the alignment.

    Parameters
    ----------
    msa : Msa
        Of the full-length protein.
    start, end : int
        Residue range, 1-based inclusive.

    Returns
    -------
    Msa
        Of the same depth. An insertion stays where columns of the segment stand on both of its sides, as in a3mcat and
        FragFold; at a cut it has no residue to follow or precede.

    Raises
    ------
    InvalidInput
        No such range in the query.
    """
    if not 1 <= start <= end <= len(msa.query):
        raise InvalidInput(f"{start}-{end} is not a residue range of an alignment of {len(msa.query)} columns")
    first = start - 1
    row, column = msa.insertions
    # An insertion after `column` columns shifts the text of all columns from `column` on by one.
    begins = first + np.bincount(row[column <= first], minlength=msa.depth)
    ends = end + np.bincount(row[column < end], minlength=msa.depth)
    spans = zip(msa.rows, begins.tolist(), ends.tolist(), strict=True)
    return Msa(msa.names, tuple([text[i:j] for text, i, j in spans]))


def has_residue(row: str) -> bool:
    """Return whether a residue stands in a column; inserted ones do not count, as in ColabFold's reader."""
    return bool(row.strip(_NO_COLUMN_RESIDUE))
