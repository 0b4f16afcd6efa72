"""Fragments of single cells, counted in peaks as they are read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.fragment_blocks import BLOCK_BYTES, Piece
from get_core.chromatin.fragment_jobs import Cells, CountJob, Tally, count_pieces
from get_core.chromatin.jobs import Map, Progress
from get_core.chromatin.peaks import Peaks, check_shared_names
from get_core.chromatin.tabix import spans
from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["FragmentCounts", "count_fragments", "read_cells"]

HEADERS = ("barcode", "cell", "cell_id", "cell_barcode", "index")
COUNTING = "counting fragments"


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
    notes : tuple of str
        Files that could not be read chromosome by chromosome, why, and what mends it.
    """

    counts: NDArray[np.int64]
    n_fragments: int
    n_matched: int
    barcodes_seen: int
    notes: tuple[str, ...] = ()


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
    map: Map = map,
    progress: Progress | None = None,
) -> FragmentCounts:
    """Count the insertions of each cell type in each peak.

    A fragment [start, end) is two Tn5 insertions, the base at `start` and the base at `end - 1`; each counts in every
    peak it lies in, once however many duplicates the fifth column names. The order of the file does not matter.

    A file with its tabix index beside it is counted one chromosome to a job, any other in one job. With `cell_ceiling`
    a cell may have fragments in several files, so a job takes a chromosome of all files, or, where one file has no
    index, all of them. The counts do not depend on it, nor on `map`.
    Memory of a job: its peaks x cell types x 8 bytes, one byte for each cell, and some 100 MB for a block; with
    `cell_ceiling` also 16 bytes for each pair of peak and cell with a count.

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
    map : callable, optional
        What runs the jobs; the built-in `map` runs them here, one after the other.
    progress : callable, optional
        Called with bytes read, as stored, after each block, of jobs in their order; at the end with all there are.

    Returns
    -------
    FragmentCounts

    Raises
    ------
    InvalidInput
        A damaged file or one without fragments, other chromosomes than the peaks', no barcode that is a cell.
    """
    import pyarrow as pa

    wanted, number = set(cell_types), {name: index for index, name in enumerate(cell_types)}
    barcodes = [barcode for barcode, cell_type in cells.items() if cell_type in wanted]
    type_of = np.array([number[cells[barcode]] for barcode in barcodes], np.int64)
    known = Cells(pa.array(barcodes, pa.string()), type_of, len(cell_types))
    jobs, notes = _jobs([Path(path).absolute() for path in paths], peaks, together=cell_ceiling is not None)
    count = partial(count_pieces, cells=known, cell_ceiling=cell_ceiling, block_bytes=block_bytes)
    rows, counts = peaks.runs(), np.zeros((len(peaks), len(cell_types)), np.int64)
    seen, chromosomes = np.zeros(len(barcodes), bool), set[str]()
    n_fragments = n_matched = 0
    strange = ""
    for job, found in _followed(jobs, map(count, jobs), progress or (lambda what, done, total: None)):
        for name, part in job.rows().items():
            counts[rows[name]] += found.counts[part]
        seen |= found.seen
        chromosomes |= found.chromosomes
        n_fragments += found.n_fragments
        n_matched += found.n_matched
        strange = strange or found.strange
    check_shared_names(list(rows), "peaks", list(chromosomes), f"the fragments {paths[0]}")
    if not n_matched:
        raise InvalidInput(
            f"{paths[0]}: none of its barcodes, such as {strange!r}, is a cell, such as {next(iter(cells))!r}",
            cure="spell barcodes alike in both files; often a suffix such as -1 or a sample's prefix differs",
        )
    return FragmentCounts(counts.T.copy(), n_fragments, n_matched, int(seen.sum()), notes)


def _jobs(paths: Sequence[Path], peaks: Peaks, *, together: bool) -> tuple[list[CountJob], tuple[str, ...]]:
    """Cut the files into jobs, the largest first; `together` keeps a chromosome of all files in one."""
    pieces, notes = _pieces(paths)
    regions = {name: (peaks.start[rows], peaks.end[rows]) for name, rows in peaks.runs().items()}
    if together and any(piece.span is None for piece in pieces):
        return [CountJob(tuple(Piece(path) for path in paths), regions)], notes
    groups: dict[object, list[Piece]] = {}
    for number, piece in enumerate(pieces):
        groups.setdefault(piece.span.chrom if together and piece.span else number, []).append(piece)
    jobs = []
    for group in groups.values():
        span = group[0].span
        near = {name: region for name, region in regions.items() if span is None or name == span.chrom}
        jobs.append(CountJob(tuple(group), near))
    return sorted(jobs, key=lambda job: -job.n_bytes), notes


def _pieces(paths: Sequence[Path]) -> tuple[list[Piece], tuple[str, ...]]:
    """Cut files at their chromosomes; those that cannot be cut stay whole, with a note."""
    pieces: list[Piece] = []
    notes: list[str] = []
    for path in paths:
        try:
            pieces += [Piece(path, span) for span in spans(path)]
        except OSError as error:
            raise InvalidInput(f"{path}: cannot be read: {error.strerror}", cure="check the path") from None
        except InvalidInput as error:
            pieces.append(Piece(path))
            notes.append(f"fragments counted in one piece: {error}; to share them out: {error.__notes__[0]}")
    return pieces, tuple(notes)


def _followed(
    jobs: Sequence[CountJob], counted: Iterable[Iterator[int | Tally]], progress: Progress
) -> Iterator[tuple[CountJob, Tally]]:
    """Give each job with what it found; tell how much has been read."""
    done, total = 0, sum(job.n_bytes for job in jobs)
    progress(COUNTING, 0, total)
    for job, steps in zip(jobs, counted, strict=True):
        for step in steps:
            if isinstance(step, Tally):
                yield job, step
            else:
                progress(COUNTING, done + step, total)
        done += job.n_bytes
        progress(COUNTING, done, total)
