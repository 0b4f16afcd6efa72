"""Counts of peaks per cell (h5ad, 10x matrix folder) or per cell type (a table), summed over the cells of a type."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.h5ad import open_h5ad, sums_by_type
from get_core.chromatin.peaks import Peaks, sort_peaks, whole_number
from get_core.errors import InvalidInput
from get_core.tables import first_repeated
from get_core.text import numbered_lines

__all__ = ["CountTable", "read_h5ad", "read_matrix_folder", "read_pseudobulk"]

PEAK = re.compile(r"(\S+?)[:_-](\d+)[-_](\d+)")
ENTRY = re.compile(r"\s*\d+\s+\d+(\s+\S+)?\s*")
ENTRIES = 1 << 18
"""Entries of a matrix read at a time: some 40 MB of text."""
LARGEST_COUNT = 1e15


@dataclass(frozen=True, eq=False)
class CountTable:
    """Counts of peaks summed over the cells of each type.

    Parameters
    ----------
    peaks : Peaks
        n regions.
    cell_types : tuple of str (c,)
        Names.
    counts : float64 (c, n)
        >= 0.
    cells : tuple of int (c,) or None
        Cells of each type; None for a table of sums, which does not say.
    in_order : bool
        Whether the file's peaks were sorted.
    """

    peaks: Peaks
    cell_types: tuple[str, ...]
    counts: NDArray[np.float64]
    cells: tuple[int, ...] | None
    in_order: bool


def read_pseudobulk(path: str | Path) -> CountTable:
    """Read a table of counts per cell type.

    Parameters
    ----------
    path : str or Path
        Tab-separated, plain or gzipped, with the header ``chrom start end`` and the names of the cell types.

    Returns
    -------
    CountTable

    Raises
    ------
    InvalidInput
        With file and line.
    """
    lines = numbered_lines(path)
    number, line = next(lines, (0, ""))
    if not number:
        raise InvalidInput(f"{path}: the file is empty", cure="begin with the header chrom start end CELL TYPES")
    titles = [title.strip() for title in line.split("\t")]
    names = tuple(titles[3:])
    if titles[:3] != ["chrom", "start", "end"] or not names or "" in names or first_repeated(names) is not None:
        raise InvalidInput(
            f"{path}:{number}: the header is not chrom, start, end and the names of cell types, all different",
            cure="separate by tabs: chrom start end, then one column for each cell type",
        )
    chrom, start, end, origin = [], [], [], []
    counts = []
    for number, line in lines:
        cells = line.split("\t")
        where = f"{path}:{number}"
        if len(cells) != len(titles):
            raise InvalidInput(f"{where}: {len(cells)} columns, but {len(titles)} in the header")
        first, last = whole_number(cells[1], where), whole_number(cells[2], where)
        if last <= first:
            raise InvalidInput(f"{where}: the peak ends at {last}, not after its start {first}")
        chrom.append(cells[0].strip())
        start.append(first)
        end.append(last)
        origin.append(where)
        counts.append([_count(cell, f"{where}: {name}") for cell, name in zip(cells[3:], names, strict=True)])
    if not counts:
        raise InvalidInput(f"{path}: no peak follows the header")
    return _table(path, chrom, start, end, origin, names, np.array(counts, np.float64).T, None)


def read_h5ad(
    path: str | Path, cell_type_column: str, *, cells: Mapping[str, str] | None = None, layer: str = ""
) -> CountTable:
    """Sum the counts of an h5ad file, cells x peaks, over cell types.

    The matrix is read some thousand cells, or columns where it is stored by column, at a time: memory is
    O(peaks x cell types + block).

    Parameters
    ----------
    path : str or Path
        Written by anndata; peaks are named ``chr1:100-200`` or ``chr1-100-200``, or have the columns ``chrom``,
        ``start`` and ``end``. Where ``feature_types`` says which columns are ``Peaks``, the others are passed over.
    cell_type_column : str
        Column of ``obs`` with the cell types; not used with `cells`.
    cells : mapping of str to str, optional
        Barcode to cell type in place of the column.
    layer : str
        See `get_core.chromatin.h5ad.sums_by_type`.

    Returns
    -------
    CountTable

    Raises
    ------
    InvalidInput
        A damaged file, no such column or layer, names that are no regions, values that are no counts.
    """
    if Path(path).name.removesuffix(".gz").endswith(".mtx"):
        raise InvalidInput(
            f"{path}: a matrix without its peaks and barcodes", cure=f"give its folder, {Path(path).parent}"
        )
    with open_h5ad(path) as data:
        sums, names, sizes = sums_by_type(data, cell_type_column, cells, layer=layer)
        kept = data.columns_of("Peaks")
        var, sums = data.var.iloc[kept], sums[:, kept]
        if {"chrom", "start", "end"} <= set(var.columns):
            triples = zip(var["chrom"].astype(str), var["start"].astype(str), var["end"].astype(str), strict=True)
            labels = [f"{chrom}:{start}-{end}" for chrom, start, end in triples]
        else:
            labels = [str(name) for name in var.index]
    if not labels:
        raise InvalidInput(f"{path}: no peak in it", cure="give cells x peaks; feature_types, if there, must say Peaks")
    regions = [_region(label, f"{path}: peak {row + 1}") for row, label in enumerate(labels)]
    chrom, start, end = zip(*regions, strict=True)
    return _table(path, chrom, start, end, [f"{path}: {label}" for label in labels], names, sums, sizes)


def read_matrix_folder(folder: str | Path, cells: Mapping[str, str]) -> CountTable:
    """Sum the counts of a 10x matrix folder over cell types.

    Parameters
    ----------
    folder : str or Path
        With ``matrix.mtx``, ``barcodes.tsv`` and ``peaks.bed`` or ``features.tsv`` (the first column names a peak),
        each also with ``.gz``. Peaks x cells as 10x writes it, or cells x peaks where only that fits the sizes. Of a
        multiome ``features.tsv``, whose third column says which rows are ``Peaks``, the others are passed over.
    cells : mapping of str to str
        Barcode to cell type; other barcodes are passed over.

    Returns
    -------
    CountTable

    Raises
    ------
    InvalidInput
        With file and line: a file is absent, sizes differ, an entry is out of range, no barcode is a cell.
    """
    folder = Path(folder)
    matrix = _member(folder, ("matrix.mtx",))
    barcode_file = _member(folder, ("barcodes.tsv",))
    feature_file = _member(folder, ("peaks.bed", "features.tsv"))
    barcodes = [line.split("\t")[0].strip() for _, line in numbered_lines(barcode_file)]
    chrom, start, end, origin = [], [], [], []
    peak_of: list[int] = []
    for number, line in numbered_lines(feature_file):
        cells_of_line, where = line.split("\t"), f"{feature_file}:{number}"
        if feature_file.name.startswith("features") and len(cells_of_line) > 2 and cells_of_line[2].strip() != "Peaks":
            peak_of.append(-1)
            continue
        peak_of.append(len(chrom))
        label = "{}:{}-{}".format(*cells_of_line[:3]) if feature_file.name.startswith("peaks") else cells_of_line[0]
        one = _region(label, where)
        chrom.append(one[0])
        start.append(one[1])
        end.append(one[2])
        origin.append(where)
    if not chrom:
        raise InvalidInput(
            f"{feature_file}: no peak in it", cure="give a matrix of peaks; a third column must say Peaks, if there"
        )
    names = tuple(dict.fromkeys(cells.values()))
    code = {name: index for index, name in enumerate(names)}
    type_of = np.array([code[cells[name]] if name in cells else -1 for name in barcodes], np.int64)
    if not (type_of >= 0).any():
        raise InvalidInput(
            f"{barcode_file}: none of its barcodes, such as {barcodes[:1]}, is a cell, such as {next(iter(cells))!r}",
            cure="spell barcodes alike in both files; often a suffix such as -1 differs",
        )
    sums = _matrix_sums(matrix, type_of, np.array(peak_of, np.int64), len(names))[:, : len(chrom)]
    sizes = tuple(np.bincount(type_of[type_of >= 0], minlength=len(names)).tolist())
    return _table(feature_file, chrom, start, end, origin, names, sums, sizes)


def _matrix_sums(
    path: Path, type_of: NDArray[np.int64], peak_of: NDArray[np.int64], n_types: int
) -> NDArray[np.float64]:
    """Sum a Matrix Market file of coordinates, entry by entry, over cells by type; -1 is no type and no peak."""
    n_features = len(peak_of)
    banner = next(numbered_lines(path), (1, ""))[1].lower()
    if banner.startswith("%%matrixmarket") and not {"coordinate", "general"} <= set(banner.split()):
        raise InvalidInput(f"{path}:1: {banner[2:80]!r}: not coordinates of a general matrix", cure="write it sparse")
    lines = numbered_lines(path)
    # The banner and its comments begin with %, which numbered_lines passes on.
    number, line = next(((n, text) for n, text in lines if not text.startswith("%")), (1, ""))
    size = line.split()
    if len(size) != 3 or not all(word.isdecimal() for word in size):
        raise InvalidInput(f"{path}:{number}: no line with the numbers of rows, columns and entries", cure="give .mtx")
    rows, columns, entries = map(int, size)
    if (rows, columns) == (n_features, len(type_of)):
        peak_column, cell_column = 0, 1
    elif (columns, rows) == (n_features, len(type_of)):
        peak_column, cell_column = 1, 0
    else:
        raise InvalidInput(
            f"{path}:{number}: {rows} x {columns}, but beside it are {n_features} peaks and {len(type_of)} barcodes"
        )
    sums = np.zeros((n_types, n_features))
    count = 0
    while block := list(islice(lines, ENTRIES)):
        places, values = _entries(path, block)
        outside = np.flatnonzero(((places < 1) | (places > (rows, columns))).any(axis=1))
        if outside.size:
            number, line = block[outside[0]]
            raise InvalidInput(f"{path}:{number}: entry {line[:60]!r} lies outside of {rows} x {columns}")
        count += len(block)
        owner, peak = type_of[places[:, cell_column] - 1], peak_of[places[:, peak_column] - 1]
        used = (owner >= 0) & (peak >= 0)
        np.add.at(sums, (owner[used], peak[used]), values[used])
    if count != entries:
        raise InvalidInput(f"{path}: {count} entries, {entries} announced", cure="copy a truncated file again")
    return sums


def _entries(path: Path, block: list[tuple[int, str]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read lines of row, column and, but for patterns, a count: places (k, 2), from 1 on, and counts (k,)."""
    try:
        table = np.loadtxt([line for _, line in block], np.float64, comments=None, ndmin=2)
    except ValueError:
        table = None
    if table is None or table.shape[1] not in (2, 3) or (table[:, :2] != np.rint(table[:, :2])).any():
        for number, line in block:
            if not ENTRY.fullmatch(line):
                raise InvalidInput(f"{path}:{number}: not an entry: {line[:60]!r}")
            _count((line.split()[2:] or ["1"])[0], f"{path}:{number}")
        raise InvalidInput(f"{path}:{block[0][0]}: of the entries from here on some have a count and some have none")
    values = table[:, 2] if table.shape[1] == 3 else np.ones(len(table))
    odd = np.flatnonzero(~((values >= 0) & (values < LARGEST_COUNT)))
    if odd.size:
        number, line = block[odd[0]]
        _count(line.split()[2], f"{path}:{number}")
    return table[:, :2].astype(np.int64), values


def _member(folder: Path, names: Collection[str]) -> Path:
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise InvalidInput(
        f"{folder}: no {' or '.join(names)} (or .gz)", cure="give the folder with matrix, barcodes and peaks.bed"
    )


def _region(label: str, where: str) -> tuple[str, int, int]:
    match = PEAK.fullmatch(label.strip())
    if match is None:
        raise InvalidInput(f"{where}: {label!r} is not chrom:start-end", cure="name peaks like chr1:100-200")
    start, end = whole_number(match[2], where), whole_number(match[3], where)
    if end <= start:
        raise InvalidInput(f"{where}: {label} does not end after its start")
    return match[1], start, end


def _count(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise InvalidInput(f"{where}: {cell.strip()[:30]!r} is not a number") from None
    if not 0 <= value < LARGEST_COUNT:
        raise InvalidInput(f"{where}: {cell.strip()} is negative or not finite", cure="give counts")
    return value


def _table(
    path: str | Path,
    chrom: Collection[str],
    start: Collection[int],
    end: Collection[int],
    origin: list[str],
    names: tuple[str, ...],
    counts: NDArray[np.float64],
    cells: tuple[int, ...] | None,
) -> CountTable:
    peaks, in_order, repeated = sort_peaks(list(chrom), list(start), list(end), origin)
    if repeated:
        twice = first_repeated([f"{a}:{b}-{c}" for a, b, c in zip(chrom, start, end, strict=True)])
        raise InvalidInput(f"{path}: peak {twice} occurs twice", cure="keep one row of each")
    place = {where: row for row, where in enumerate(origin)}
    order = [place[where] for where in peaks.origin]
    return CountTable(peaks, names, counts[:, order], cells, in_order)
