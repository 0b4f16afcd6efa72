"""One job of counting fragments: some pieces of files, the peaks they may lie in, and what was found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.fragment_blocks import Block, Piece, blocks
from get_core.chromatin.peaks import overlapping
from get_core.chromatin.tabix import foreign_index

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Cells", "CountJob", "Tally", "count_pieces"]

PENDING = 4_000_000
"""Pairs of peak and cell kept between two sums where counts of a cell are capped: 64 MB."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Who is counted.

    Attributes
    ----------
    barcodes : pyarrow string array (k,)
        Barcodes, each once.
    type_of : int64 (k,)
        The cell type of each, from 0 on.
    n_types : int
        How many cell types there are.
    """

    barcodes: "pyarrow.Array"
    type_of: NDArray[np.int64]
    n_types: int


@dataclass(frozen=True, eq=False)
class CountJob:
    """Pieces of files that one process counts.

    Attributes
    ----------
    pieces : tuple of Piece
        What to read.
    regions : mapping of str to (start, end)
        Peaks of the chromosomes of the pieces, int64 (n,), as in `Peaks`.
    """

    pieces: tuple[Piece, ...]
    regions: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]

    @property
    def n_bytes(self) -> int:
        """Size as stored."""
        return sum(piece.n_bytes for piece in self.pieces)

    def rows(self) -> dict[str, slice]:
        """Return the rows of each chromosome among all regions of the job."""
        sizes = [len(start) for start, _ in self.regions.values()]
        ends = accumulate(sizes)
        return {name: slice(end - size, end) for name, size, end in zip(self.regions, sizes, ends, strict=True)}


@dataclass(eq=False)
class Tally:
    """What a job found.

    Attributes
    ----------
    counts : int64 (n, c)
        Tn5 insertions in each region of the job.
    seen : bool (k,)
        Which cells have a fragment.
    n_fragments, n_matched : int
        Fragments, and those whose barcode is a cell.
    chromosomes : set of str
        Where fragments lie.
    strange : str
        A barcode that is no cell, if there is one.
    """

    counts: NDArray[np.int64]
    seen: NDArray[np.bool_]
    n_fragments: int = 0
    n_matched: int = 0
    chromosomes: set[str] = field(default_factory=set)
    strange: str = ""


def count_pieces(job: CountJob, *, cells: Cells, cell_ceiling: int | None, block_bytes: int) -> Iterator[int | Tally]:
    """Count what a job names, and tell after each block how far it is.

    Parameters
    ----------
    job : CountJob
        What to read.
    cells, cell_ceiling, block_bytes
        As in `get_core.chromatin.fragments.count_fragments`.

    Yields
    ------
    int
        Bytes read so far, as stored.
    Tally
        At the end.

    Raises
    ------
    InvalidInput
        A damaged file, or an index that belongs to another.
    """
    rows = job.rows()
    shape = (sum(len(start) for start, _ in job.regions.values()), cells.n_types)
    found = Tally(np.zeros(shape, np.int64), np.zeros(len(cells.type_of), bool))
    counts = found.counts.reshape(-1)
    capped = None if cell_ceiling is None else _Capped(len(cells.type_of))
    before = 0
    for piece in job.pieces:
        for block in blocks(piece, block_bytes):
            codes, names = _chromosomes(block, piece)
            cell = _positions(block.barcode, cells.barcodes)
            known = cell >= 0
            found.chromosomes.update(names)
            found.n_fragments += len(cell)
            found.n_matched += int(known.sum())
            found.seen[cell[known]] = True
            if not found.strange and not known.all():
                found.strange = str(block.barcode[int(np.argmin(known))])
            for code, name in enumerate(names):
                if name not in rows:
                    continue
                of_it = known & (codes == code)
                place = np.concatenate([block.start[of_it], block.end[of_it] - 1])
                insertion, region = overlapping(*job.regions[name], place, place + 1)
                owner = np.tile(cell[of_it], 2)[insertion]
                if capped is not None:
                    capped.add(region + rows[name].start, owner)
                else:
                    np.add.at(counts, (region + rows[name].start) * cells.n_types + cells.type_of[owner], 1)
            yield before + block.place
        before += piece.n_bytes
    if capped is not None and cell_ceiling is not None:
        region, owner, count = capped.pairs()
        np.add.at(found.counts, (region, cells.type_of[owner]), np.minimum(count, cell_ceiling))
    yield found


def _chromosomes(block: Block, piece: Piece) -> tuple[NDArray[np.int32], list[str]]:
    """Return the chromosomes of a block, and which of them each fragment lies on."""
    names = block.chrom.dictionary_encode()
    values = names.dictionary.to_pylist()
    if piece.span is not None and values != [piece.span.chrom]:
        raise foreign_index(piece.path)
    return np.asarray(names.indices), values


class _Capped:
    """Counts of pairs of peak and cell, summed now and then so that they stay few."""

    def __init__(self, n_cells: int) -> None:
        self._n_cells = max(n_cells, 1)
        self._keys = np.empty(0, np.int64)
        self._counts = np.empty(0, np.int64)
        self._new: list[NDArray[np.int64]] = []
        self._pending = 0

    def add(self, region: NDArray[np.int64], cell: NDArray[np.int64]) -> None:
        self._new.append(region * self._n_cells + cell)
        self._pending += len(region)
        if self._pending > PENDING:
            self._sum()

    def _sum(self) -> None:
        fresh = np.concatenate([np.empty(0, np.int64), *self._new])
        keys, place = np.unique(np.concatenate([self._keys, fresh]), return_inverse=True)
        weights = np.concatenate([self._counts, np.ones(len(fresh), np.int64)])
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, weights)
        self._keys, self._counts, self._new, self._pending = keys, counts, [], 0

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        self._sum()
        region, cell = np.divmod(self._keys, self._n_cells)
        return region, cell, self._counts


def _positions(barcode: "pyarrow.Array", known: "pyarrow.Array") -> NDArray[np.int64]:
    """Return the place of each barcode among the known ones, -1 for others."""
    import pyarrow.compute as pc

    found = pc.index_in(barcode, value_set=known)  # pyright: ignore[reportAttributeAccessIssue]
    return np.asarray(found.fill_null(-1)).astype(np.int64)
