"""Fragments of single cells, counted in peaks as they are read."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.peaks import Peaks, check_shared_names, overlapping
from get_core.errors import InvalidInput
from get_core.text import numbered_lines

if TYPE_CHECKING:
    import pyarrow

__all__ = ["FragmentCounts", "count_fragments", "read_cells"]

BLOCK_BYTES = 1 << 24
"""Text read at a time: about 400,000 fragments; their arrays take some 100 MB."""

HEADERS = ("barcode", "cell", "cell_id", "cell_barcode", "index")
PENDING = 4_000_000
"""Pairs of peak and cell kept between two sums where counts of a cell are capped: 64 MB."""


@dataclass(frozen=True, eq=False)
class FragmentCounts:
    """Insertions in peaks.

    Parameters
    ----------
    counts : int64 (c, n)
        Tn5 insertions of each cell type in each peak.
    n_fragments, n_matched : int
        Fragments in the files, and those whose barcode is a cell.
    barcodes_seen : int
        Cells with at least one fragment.
    """

    counts: NDArray[np.int64]
    n_fragments: int
    n_matched: int
    barcodes_seen: int


def read_cells(path: str | Path) -> dict[str, str]:
    """Read which cell is of which type.

    Parameters
    ----------
    path : str or Path
        Tab-separated: barcode and cell type lead each line; a header that begins with ``barcode`` or ``cell`` is
        passed over.

    Returns
    -------
    dict of str to str
        Barcode to cell type, in file order.

    Raises
    ------
    InvalidInput
        With file and line: a line without a type, or a barcode that occurs twice.
    """
    cells: dict[str, str] = {}
    for row, (number, line) in enumerate(numbered_lines(path)):
        parts = [part.strip() for part in line.split("\t")]
        if row == 0 and parts[0].lower() in HEADERS:
            continue
        if len(parts) < 2 or not (parts[0] and parts[1]):
            raise InvalidInput(f"{path}:{number}: not a barcode and a cell type", cure="separate the two by a tab")
        if parts[0] in cells:
            raise InvalidInput(
                f"{path}:{number}: barcode {parts[0]} occurs twice",
                cure="give the cells of each library barcodes of their own, for example with a suffix",
            )
        cells[parts[0]] = parts[1]
    if not cells:
        raise InvalidInput(f"{path}: no cell in it")
    return cells


def count_fragments(
    paths: Sequence[str | Path],
    peaks: Peaks,
    cells: Mapping[str, str],
    cell_types: Sequence[str],
    *,
    cell_ceiling: int | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> FragmentCounts:
    """Count the insertions of each cell type in each peak.

    A fragment [start, end) is two Tn5 insertions, the base at `start` and the base at `end - 1`; each counts in every
    peak it lies in, once however many duplicates the fifth column names. The order of the file does not matter.
    Memory is O(peaks x cell types + block); with `cell_ceiling` also O(pairs of peak and cell with a count).

    Parameters
    ----------
    paths : sequence of str or Path
        10x fragments, plain or gzipped: chromosome, start (0-based), end, barcode.
    peaks : Peaks
        Where to count.
    cells : mapping of str to str
        Barcode to cell type; others are passed over.
    cell_types : sequence of str
        Which cell types to count, in this order.
    cell_ceiling : int, optional
        Insertions of one cell in one peak count up to this many; ArchR uses 4 (its `addPeakMatrix`). No limit by
        default.
    block_bytes : int
        Text read at a time.

    Returns
    -------
    FragmentCounts

    Raises
    ------
    InvalidInput
        A damaged file or one without fragments, other chromosomes than the peaks', no barcode that is a cell.
    """
    import pyarrow as pa

    barcodes = [barcode for barcode, cell_type in cells.items() if cell_type in set(cell_types)]
    number = {name: index for index, name in enumerate(cell_types)}
    type_of = np.array([number[cells[barcode]] for barcode in barcodes], np.int64)
    known, runs = pa.array(barcodes, pa.string()), peaks.runs()
    counts = np.zeros((len(peaks), len(cell_types)), np.int64)
    capped = _Capped(len(barcodes))
    seen = np.zeros(len(barcodes), bool)
    chromosomes: set[str] = set()
    total = matched = 0
    strange = ""
    for chrom, start, end, barcode in _blocks(paths, block_bytes):
        total += len(start)
        cell = _positions(barcode, known)
        strange = strange or (str(barcode[int(np.argmin(cell))]) if (cell < 0).any() else "")
        matched += int((cell >= 0).sum())
        seen[cell[cell >= 0]] = True
        names = chrom.dictionary_encode()
        codes, values = np.asarray(names.indices), names.dictionary.to_pylist()
        chromosomes.update(values)
        for code, name in enumerate(values):
            rows = runs.get(name)
            if rows is None:
                continue
            of_it = (codes == code) & (cell >= 0)
            place = np.concatenate([start[of_it], end[of_it] - 1])
            who = np.tile(cell[of_it], 2)
            insertion, region = overlapping(peaks.start[rows], peaks.end[rows], place, place + 1)
            region = region + rows.start
            if cell_ceiling is None:
                flat = np.bincount(
                    (region - rows.start) * len(cell_types) + type_of[who[insertion]],
                    minlength=(rows.stop - rows.start) * len(cell_types),
                )
                counts[rows] += flat.reshape(-1, len(cell_types))
            else:
                capped.add(region, who[insertion])
    if not total:
        raise InvalidInput(f"{paths[0]}: no fragment in it")
    check_shared_names(list(runs), "peaks", list(chromosomes), f"the fragments {paths[0]}")
    if not matched:
        raise InvalidInput(
            f"{paths[0]}: none of its barcodes, such as {strange!r}, is a cell, such as {next(iter(cells))!r}",
            cure="spell barcodes alike in both files; often a suffix such as -1 or a sample's prefix differs",
        )
    if cell_ceiling is not None:
        region, who, count = capped.pairs()
        np.add.at(counts, (region, type_of[who]), np.minimum(count, cell_ceiling))
    return FragmentCounts(counts.T.copy(), total, matched, int(seen.sum()))


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


def _blocks(
    paths: Sequence[str | Path], block_bytes: int
) -> Iterator[tuple["pyarrow.Array", NDArray[np.int64], NDArray[np.int64], "pyarrow.Array"]]:
    """Yield (chromosomes, starts, ends, barcodes) of a few hundred thousand fragments at a time."""
    import pyarrow as pa
    from pyarrow import csv

    types = {"f0": pa.string(), "f1": pa.int64(), "f2": pa.int64(), "f3": pa.string()}
    for path in paths:
        skipped = _comment_lines(path)
        row = skipped
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        try:
            with gzip.open(path, "rb") if zipped else open(path, "rb") as stream:
                reader = csv.open_csv(
                    stream,
                    read_options=csv.ReadOptions(
                        use_threads=False,
                        block_size=block_bytes,
                        skip_rows=skipped,
                        autogenerate_column_names=True,
                    ),
                    parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
                    convert_options=csv.ConvertOptions(
                        column_types=types, include_columns=list(types), strings_can_be_null=False
                    ),
                )
                for batch in reader:
                    chrom, first, last, barcode = (batch.column(index) for index in range(4))
                    start, end = np.asarray(first.fill_null(-1)), np.asarray(last.fill_null(-1))
                    odd = np.flatnonzero((start < 0) | (end <= start))
                    if odd.size:
                        raise InvalidInput(
                            f"{path}:{row + int(odd[0]) + 1}: {chrom[int(odd[0])]}:{start[odd[0]]}-{end[odd[0]]} is "
                            "not a fragment: start and end must be whole numbers, the end after the start"
                        )
                    row += len(start)
                    yield cast("pyarrow.Array", chrom), start, end, cast("pyarrow.Array", barcode)
        except InvalidInput:
            raise
        except StopIteration:
            continue
        except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, EOFError, ValueError) as error:
            raise InvalidInput(
                f"{path}: after line {row}: cannot be read as fragments: {str(error)[:200]}",
                cure="a line is chromosome, start, end, barcode, count, separated by tabs; copy a truncated file again",
            ) from error


def _comment_lines(path: str | Path) -> int:
    """Count the lines before the first fragment; an empty file has none."""
    first = next(numbered_lines(path), None)
    if first is None:
        raise InvalidInput(f"{path}: no fragment in it")
    return first[0] - 1
