"""Where the lines of each chromosome lie in a file that bgzip compressed and tabix indexed.

Both formats are those of the SAM/BAM and tabix specifications (https://samtools.github.io/hts-specs): a BGZF file is a
row of gzip members of at most 64 KiB of text each, whose extra field "BC" holds their size; a virtual offset is the
place of a member times 2¹⁶ plus a place in its text; the index keeps, in the pseudo-bin 37450 of each chromosome, the
virtual offsets of its first line and of what follows its last one, and the number of its lines.
"""

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from get_core.errors import InvalidInput

__all__ = ["Span", "index_of", "is_bgzf", "open_span", "spans"]

PSEUDO_BIN = 37450
HEADER = struct.Struct("<12s2sHH")
"""Of a BGZF member as bgzip writes it: gzip's own, "BC", 2, and its size less one."""

MEMBER_BYTES = 1 << 16
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Span:
    """The lines of one chromosome.

    Attributes
    ----------
    chrom : str
        Chromosome.
    begin, end : int
        Virtual offsets of the first line and of what follows the last.
    n_lines : int
        How many there are.
    """

    chrom: str
    begin: int
    end: int
    n_lines: int

    @property
    def n_bytes(self) -> int:
        """Compressed size, to a member."""
        return (self.end >> 16) - (self.begin >> 16)


def index_of(path: Path) -> Path:
    """Return where tabix puts the index of a file."""
    return path.with_name(path.name + ".tbi")


def is_bgzf(path: Path) -> bool:
    """Return whether bgzip compressed a file."""
    with path.open("rb") as raw:
        head = raw.read(HEADER.size)
    return len(head) == HEADER.size and head[:2] == b"\x1f\x8b" and HEADER.unpack(head)[1] == b"BC"


def spans(path: Path) -> tuple[Span, ...]:
    """Read where the chromosomes of a file lie, from the index beside it.

    Parameters
    ----------
    path : Path
        Compressed with bgzip; the index is ``FILE.tbi``.

    Returns
    -------
    tuple of Span
        In file order. Together they hold every line but comments before the first: this is checked.

    Raises
    ------
    InvalidInput
        There is no index, or it is not that of this file; the cure makes one.
    """
    index = index_of(path)
    if not is_bgzf(path):
        raise InvalidInput(f"{path}: not compressed with bgzip", cure=f"bgzip it, then tabix -p bed {path.name}")
    if not index.is_file():
        raise InvalidInput(f"{path}: no index {index.name} beside it", cure=f"tabix -p bed {path}")
    try:
        found = _read_index(index)
        fits = bool(found) and _fits(path, found)
    except (OSError, EOFError, ValueError, struct.error, zlib.error):
        fits, found = False, ()
    if not fits:
        raise foreign_index(path)
    return found


def foreign_index(path: Path) -> InvalidInput:
    """Return what to raise where the index turns out not to be that of the file."""
    return InvalidInput(f"{index_of(path)}: not the index of {path.name} as it is", cure=f"tabix -f -p bed {path}")


def open_span(path: Path, span: Span) -> BinaryIO:
    """Open the text of one chromosome.

    Reading raises OSError, EOFError or zlib.error on a damaged file.
    """
    return io.BufferedReader(_Text(path, span.begin, span.end), READ_BYTES)


def _read_index(index: Path) -> tuple[Span, ...]:
    with gzip.open(index, "rb") as packed:
        data = packed.read()
    if data[:4] != b"TBI\x01":
        raise ValueError("not a tabix index")
    n_names, name_bytes = struct.unpack_from("<i24xi", data, 4)
    place = 36 + name_bytes
    names = data[36:place].split(b"\0")[:n_names]
    found = []
    for name in names:
        (n_bins,) = struct.unpack_from("<i", data, place)
        place += 4
        for _ in range(n_bins):
            number, n_chunks = struct.unpack_from("<Ii", data, place)
            if number == PSEUDO_BIN:
                begin, end, n_lines = struct.unpack_from("<3Q", data, place + 8)
                found.append(Span(name.decode(), begin, end, n_lines))
            place += 8 + 16 * n_chunks
        (n_windows,) = struct.unpack_from("<i", data, place)
        place += 4 + 8 * n_windows
    if len(found) != n_names:
        raise ValueError("chromosomes without their extent")
    return tuple(sorted(found, key=lambda span: span.begin))


def _fits(path: Path, found: tuple[Span, ...]) -> bool:
    """Say whether the chromosomes follow each other without a gap, from the first line to the end of the file."""
    if any(one.end != other.begin for one, other in pairwise(found)):
        return False
    with io.BufferedReader(_Text(path, 0, found[0].begin)) as before:
        comments = all(line.startswith(b"#") or not line.strip() for line in before)
    with io.BufferedReader(_Text(path, found[-1].end, None)) as after:
        return comments and not after.read(1)


class _Text(io.RawIOBase):
    """Text between two virtual offsets, member by member; None is the end of the file."""

    def __init__(self, path: Path, begin: int, end: int | None) -> None:
        self._file = path.open("rb")
        self._place, skipped = divmod(begin, MEMBER_BYTES)
        self._file.seek(self._place)
        self._end = end
        self._left = memoryview(b"")
        self._skipped = skipped

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        while not self._left:
            member = self._member()
            if member is None:
                return 0
            self._left, self._skipped = member[self._skipped :], 0
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _member(self) -> memoryview | None:
        """Return the text of the next member, up to the end; None where there is no more."""
        inside = MEMBER_BYTES
        if self._end is not None:
            last, inside = divmod(self._end, MEMBER_BYTES)
            if self._place > last or (self._place == last and not inside):
                return None
            inside = inside if self._place == last else MEMBER_BYTES
        head = self._file.read(HEADER.size)
        if not head and self._end is None:
            return None
        if len(head) < HEADER.size:
            raise EOFError("the file ends early")
        gzipped, field, _, size = HEADER.unpack(head)
        if gzipped[:2] != b"\x1f\x8b" or field != b"BC":
            raise OSError("no bgzip member where one should begin")
        text = zlib.decompress(head + self._file.read(size + 1 - len(head)), zlib.MAX_WBITS | 16)
        self._place += size + 1
        return memoryview(text)[:inside]
