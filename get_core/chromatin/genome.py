"""The DNA of regions, from an indexed FASTA file."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from get_core.chromatin.peaks import Peaks, check_shared_names
from get_core.errors import InvalidInput

__all__ = ["Genome", "check_on_genome"]


class Genome:
    """An open FASTA file.

    Only the bases asked for are read. The index ``FILE.fai`` is made where it is absent: beside the file, else, where
    that folder cannot be written, in a temporary one that goes with the object.

    Parameters
    ----------
    path : str or Path
        Plain, or compressed with bgzip.
    index : Path, optional
        Where the index lies already; not looked for elsewhere while it is there.

    Raises
    ------
    InvalidInput
        No such file, no FASTA, an index that is older than the file, or a compression without random access.
    """

    def __init__(self, path: str | Path, *, index: Path | None = None) -> None:
        from pyfaidx import Faidx

        self.path = Path(path)
        self._temporary: Path | None = None
        cure = "screening fetch hg38, or give the FASTA file of your assembly"
        if not self.path.is_file():
            raise InvalidInput(f"{self.path}: no such file", cure=cure)
        with self.path.open("rb") as raw:
            head = raw.read(18)
        zipped = head[:2] == b"\x1f\x8b"
        # The extra field "BC" of the first member is what bgzip writes and gzip does not (SAM specification, 4.1).
        if zipped and head[12:14] != b"BC":
            raise InvalidInput(
                f"{self.path}: gzip allows no random access", cure=f"gunzip -k {self.path}, or compress it with bgzip"
            )
        if not zipped and head[:1] != b">":
            raise InvalidInput(f"{self.path}:1: not FASTA: it does not begin with '>'", cure=cure)
        if index is None or not index.is_file():
            index = self.path.with_name(self.path.name + ".fai")
        if index.exists() and index.stat().st_mtime < self.path.stat().st_mtime:
            raise InvalidInput(f"{index}: older than {self.path.name}", cure=f"rm {index}; it is made again")
        if not index.exists() and not os.access(self.path.parent, os.W_OK):
            self._temporary = Path(tempfile.mkdtemp(prefix="genome-index-"))
            index = self._temporary / index.name
        self.index = index
        try:
            self._fasta = Faidx(str(self.path), indexname=str(index), rebuild=False, build_index=True)
            self.lengths: Mapping[str, int] = {name: record.rlen for name, record in self._fasta.index.items()}
        except Exception as error:
            # pyfaidx raises its own types and plain ones on uneven lines, repeated names and damaged blocks.
            self._remove_index()
            raise InvalidInput(
                f"{self.path}: cannot be indexed: {type(error).__name__}: {error}",
                cure="lines of a sequence must be of one length, names must differ",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; an index in a temporary folder goes."""
        self._fasta.close()
        self._remove_index()

    def _remove_index(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def sequence(self, chrom: str, start: int, end: int) -> str:
        """Return the bases of a region, 0-based and half-open, in capitals.

        Raises
        ------
        InvalidInput
            The region does not lie on the chromosome, or the file is shorter than its index says.
        """
        length = self.lengths.get(chrom)
        if length is None or not 0 <= start < end <= length:
            raise InvalidInput(
                f"{self.path}: {chrom}:{start}-{end} is not on it"
                + (f": {chrom} has {length} bases" if length else f": no sequence {chrom}"),
                cure="use the genome that the peaks were called on",
            )
        try:
            bases = str(self._fasta.fetch(chrom, start + 1, end))
        except Exception as error:
            raise InvalidInput(
                f"{self.path}: {chrom}:{start}-{end} cannot be read: {type(error).__name__}: {error}",
                cure="copy or fetch the file again, and remove its .fai",
            ) from error
        if len(bases) != end - start:
            raise InvalidInput(
                f"{self.path}: {len(bases)} bases at {chrom}:{start}-{end}", cure="copy the file again, remove its .fai"
            )
        return bases.upper()


def check_on_genome(peaks: Peaks, lengths: Mapping[str, int], genome: str | Path) -> None:
    """Refuse peaks that are not on the chromosomes of a genome.

    Parameters
    ----------
    peaks : Peaks
        Regions.
    lengths : mapping of str to int
        Bases of each chromosome.
    genome : str or Path
        For the message.

    Raises
    ------
    InvalidInput
        Naming the first such peak, where it came from, and how many there are.
    """
    check_shared_names(list(peaks.runs()), "peaks", list(lengths), f"the genome {genome}", all_needed=True)
    size = np.concatenate([np.full(rows.stop - rows.start, lengths[name]) for name, rows in peaks.runs().items()])
    off = np.flatnonzero(peaks.end > size)
    if off.size:
        row = int(off[0])
        raise InvalidInput(
            f"{peaks.origin[row]}: {peaks.name(row)} reaches past {peaks.chrom[row]}, which has {size[row]} bases in "
            f"{genome}; {off.size} peaks do",
            cure="use the genome that the peaks were called on, such as hg38 for peaks in hg38",
        )
