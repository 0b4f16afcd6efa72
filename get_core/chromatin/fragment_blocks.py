"""Fragments as arrays, a block of text at a time: of a whole file, or of one chromosome of an indexed one."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.tabix import Span, foreign_index, open_span
from get_core.errors import InvalidInput
from get_core.text import numbered_lines

if TYPE_CHECKING:
    import pyarrow

__all__ = ["BLOCK_BYTES", "Block", "Piece", "blocks"]

BLOCK_BYTES = 1 << 22
"""Text read at a time, about 100,000 fragments: with what is read ahead and the arrays some 140 MB."""


@dataclass(frozen=True)
class Piece:
    """What is read in one go.

    Attributes
    ----------
    path : Path
        10x fragments, plain or gzipped.
    span : Span or None
        One chromosome of it; None is the whole file.
    """

    path: Path
    span: Span | None = None

    @property
    def n_bytes(self) -> int:
        """Size as stored."""
        return self.path.stat().st_size if self.span is None else self.span.n_bytes


@dataclass(frozen=True, eq=False)
class Block:
    """Some fragments.

    Attributes
    ----------
    chrom, barcode : pyarrow string array (k,)
        Chromosome and barcode.
    start, end : int64 (k,)
        0-based, half-open; 0 <= start < end.
    place : int
        Bytes of the piece read so far, as stored.
    """

    chrom: "pyarrow.Array"
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    barcode: "pyarrow.Array"
    place: int


def blocks(piece: Piece, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Read fragments.

    Parameters
    ----------
    piece : Piece
        What to read.
    block_bytes : int
        Text read at a time.

    Yields
    ------
    Block

    Raises
    ------
    InvalidInput
        A line that is no fragment, a damaged file, or an index that belongs to another file.
    """
    import pyarrow as pa

    row = skipped = 0 if piece.span is not None else _comment_lines(piece.path)
    try:
        # Arrow reads in a thread of its own meanwhile: a buffer of Python would give places that go back.
        with open(piece.path, "rb", buffering=0) as raw, _text(piece, raw) as stream:
            for batch in _reader(stream, skipped, block_bytes):
                chrom, first, last, barcode = (batch.column(index) for index in range(4))
                start, end = np.asarray(first.fill_null(-1)), np.asarray(last.fill_null(-1))
                odd = np.flatnonzero((start < 0) | (end <= start))
                if odd.size:
                    raise InvalidInput(
                        f"{_where(piece, row + int(odd[0]) + 1)}: {chrom[int(odd[0])]}:{start[odd[0]]}-{end[odd[0]]} "
                        "is not a fragment: start and end must be whole numbers, the end after the start"
                    )
                row += len(start)
                place = raw.tell() if piece.span is None else piece.n_bytes * row // max(piece.span.n_lines, 1)
                yield Block(cast("pyarrow.Array", chrom), start, end, cast("pyarrow.Array", barcode), place)
    except InvalidInput:
        raise
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, EOFError, ValueError, zlib.error) as error:
        beginning = f"{piece.path}: at the beginning{'' if piece.span is None else f' of {piece.span.chrom}'}"
        where = f"{_where(piece, row)}: after this line" if row else beginning
        raise InvalidInput(
            f"{where}: cannot be read as fragments: {str(error)[:200]}",
            cure="a line is chromosome, start, end, barcode, count, separated by tabs; copy a truncated file again",
        ) from error
    if piece.span is not None and row != piece.span.n_lines:
        raise foreign_index(piece.path)


def _reader(stream: BinaryIO, skipped: int, block_bytes: int) -> "Iterator[pyarrow.RecordBatch]":
    import pyarrow as pa
    from pyarrow import csv

    types = {"f0": pa.string(), "f1": pa.int64(), "f2": pa.int64(), "f3": pa.string()}
    try:
        yield from csv.open_csv(
            stream,
            read_options=csv.ReadOptions(
                use_threads=False, block_size=block_bytes, skip_rows=skipped, autogenerate_column_names=True
            ),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(types), strings_can_be_null=False
            ),
        )
    except StopIteration:
        return


def _text(piece: Piece, raw: FileIO) -> BinaryIO:
    if piece.span is not None:
        return open_span(piece.path, piece.span)
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw) if zipped else raw)


def _where(piece: Piece, row: int) -> str:
    return f"{piece.path}:{row}" if piece.span is None else f"{piece.path}: line {row} of {piece.span.chrom}"


def _comment_lines(path: Path) -> int:
    """Count the lines before the first fragment."""
    first = next(numbered_lines(path), None)
    if first is None:
        raise InvalidInput(f"{path}: no fragment in it")
    return first[0] - 1
