"""The two tables a user writes: regions with their DNA and accessibility, and gene expression."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = [
    "Expression",
    "Regions",
    "chromosome_ranks",
    "first_repeated",
    "read_cell_types",
    "read_expression",
    "read_regions",
]

REGION_COLUMNS = ("chrom", "start", "end", "sequence")

# IUPAC nucleotide codes; get_core.motifs.scan never matches the ambiguous ones.
NOT_DNA = re.compile("[^ACGTRYSWKMBDHVN]", re.IGNORECASE)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts chr2 before chr10, and numbers before letters."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def chromosome_ranks(chrom: NDArray[np.str_]) -> NDArray[np.int64]:
    """Give the place of each region's chromosome in natural order.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome of each region.

    Returns
    -------
    int64 (n,)
        chr2 before chr10, numbers before letters.
    """
    names, index = np.unique(chrom, return_inverse=True)
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=lambda i: _natural(str(names[i])))] = np.arange(len(names))
    return rank[index]


def first_repeated(names: Sequence[str]) -> str | None:
    """Return the first name that has occurred before, None when all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


@dataclass(frozen=True, eq=False)
class Regions:
    """A table of n regions with their DNA, sorted by chromosome in natural order, start and end.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome.
    start, end : int64 (n,)
        0-based, half-open.
    sequences : tuple of str (n,)
        The DNA to scan; it need not span the whole region.
    cell_types : tuple of str (c,)
        Names.
    accessibility : float32 (c, n)
        >= 0.
    """

    chrom: NDArray[np.str_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    sequences: tuple[str, ...]
    cell_types: tuple[str, ...]
    accessibility: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Expression:
    """A table of the expression of g genes in c cell types.

    Parameters
    ----------
    genes : tuple of str (g,)
        Symbols.
    cell_types : tuple of str (c,)
        Names.
    values : float32 (c, g)
        >= 0.
    """

    genes: tuple[str, ...]
    cell_types: tuple[str, ...]
    values: NDArray[np.float32]


def read_cell_types(path: str | Path) -> tuple[str, ...]:
    """Read only the names of the cell types from the header of a table of regions.

    Parameters
    ----------
    path : str or Path
        As for `read_regions`.

    Returns
    -------
    tuple[str, ...]
        In column order.

    Raises
    ------
    InvalidInput
        The header is wrong.
    """
    return _header(path, REGION_COLUMNS, numbered_lines(path))


def read_regions(path: str | Path) -> Regions:
    """Read a table of regions.

    Parameters
    ----------
    path : str or Path
        Tab-separated, plain or gzipped. The header is ``chrom start end sequence`` and the names of the cell types,
        whose columns hold the accessibility: 0 is closed. Lines that start with ``#`` are skipped.

    Returns
    -------
    Regions
        Sorted, whatever the order in the file.

    Raises
    ------
    InvalidInput
        With file and line.
    """
    lines = numbered_lines(path)
    cell_types = _header(path, REGION_COLUMNS, lines)
    seen: dict[tuple[str, int, int], int] = {}
    sequences, levels = [], []
    for number, cells in _rows(path, lines, len(REGION_COLUMNS) + len(cell_types)):
        chrom, start, end, sequence = cells[:4]
        if not (chrom and re.fullmatch("[0-9]{1,18}", start) and re.fullmatch("[0-9]{1,18}", end)):
            raise InvalidInput(f"{path}:{number}: {chrom}:{start}-{end} is not a chromosome and two whole numbers")
        region = (chrom, int(start), int(end))
        if region[2] <= region[1]:
            raise InvalidInput(f"{path}:{number}: the region ends at {end}, not after its start {start}")
        if region in seen:
            raise InvalidInput(
                f"{path}:{number}: {chrom}:{start}-{end} is already on line {seen[region]}", cure="Remove one of them."
            )
        illegal = NOT_DNA.search(sequence)
        if illegal or not sequence:
            fault = f"has {illegal[0]!r} at position {illegal.start() + 1}" if illegal else "is empty"
            raise InvalidInput(f"{path}:{number}: the sequence {fault}", cure="Use A, C, G, T, or N for unknown bases.")
        seen[region] = number
        sequences.append(sequence)
        levels.append(_numbers(path, number, cells[4:], cell_types))
    if not seen:
        raise InvalidInput(f"{path}: no region follows the header")
    chrom, start, end = (np.array(column) for column in zip(*seen, strict=True))
    order = np.lexsort((end, start, chromosome_ranks(chrom)))
    accessibility = np.array(levels, np.float32)[order].T.copy()
    closed = np.flatnonzero(accessibility.max(axis=1) == 0)
    if closed.size:
        raise InvalidInput(
            f"{path}: {cell_types[closed[0]]} has no accessible region", cure="Remove its column, or fill it."
        )
    sorted_sequences = tuple(sequences[row] for row in order)
    return Regions(chrom[order], start[order], end[order], sorted_sequences, cell_types, accessibility)


def read_expression(path: str | Path) -> Expression:
    """Read a table of gene expression.

    Parameters
    ----------
    path : str or Path
        Tab-separated, plain or gzipped. The header is ``gene`` and the names of the cell types.

    Returns
    -------
    Expression
        Genes in file order.

    Raises
    ------
    InvalidInput
        With file and line.
    """
    lines = numbered_lines(path)
    cell_types = _header(path, ("gene",), lines)
    seen: dict[str, int] = {}
    values = []
    for number, cells in _rows(path, lines, 1 + len(cell_types)):
        gene = cells[0]
        if not gene:
            raise InvalidInput(f"{path}:{number}: a row without a gene")
        if gene in seen:
            raise InvalidInput(
                f"{path}:{number}: {gene} is already on line {seen[gene]}", cure="Keep one row of each gene."
            )
        seen[gene] = number
        values.append(_numbers(path, number, cells[1:], cell_types))
    if not seen:
        raise InvalidInput(f"{path}: no gene follows the header")
    return Expression(tuple(seen), cell_types, np.array(values, np.float32).T.copy())


def _header(path: str | Path, required: tuple[str, ...], lines: Iterator[tuple[int, str]]) -> tuple[str, ...]:
    """Check the header and return the cell types it names."""
    number, line = next(lines, (0, ""))
    if not number:
        raise InvalidInput(f"{path}: the file is empty", cure=f"Begin with the header {' '.join(required)} CELL TYPES.")
    cells = [cell.strip() for cell in line.split("\t")]
    for place, name in enumerate(required):
        if cells[place : place + 1] != [name]:
            raise InvalidInput(
                f"{path}:{number}: column {place + 1} must be {name!r}",
                cure=f"Separate by tabs: {' '.join(required)}, then one column per cell type.",
            )
    cell_types = tuple(cells[len(required) :])
    repeated = first_repeated(cell_types)
    if not cell_types or "" in cell_types or repeated is not None:
        fault = f"two columns are called {repeated!r}" if repeated else "a cell type has no name"
        raise InvalidInput(f"{path}:{number}: {fault if cell_types else 'no column of a cell type'}")
    return cell_types


def _rows(path: str | Path, lines: Iterator[tuple[int, str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != width:
            raise InvalidInput(f"{path}:{number}: {len(cells)} columns, but {width} in the header")
        yield number, cells


def _numbers(path: str | Path, number: int, cells: list[str], cell_types: tuple[str, ...]) -> list[float]:
    values = []
    for cell, cell_type in zip(cells, cell_types, strict=True):
        try:
            value = float(cell)
        except ValueError:
            raise InvalidInput(f"{path}:{number}: {cell_type}: {cell!r} is not a number") from None
        # The limit also keeps NaN out, and infinity once stored as float32.
        if not 0 <= value < 1e30:
            raise InvalidInput(f"{path}:{number}: {cell_type}: {cell} is negative or not finite")
        values.append(value)
    return values
