"""Peaks: where chromatin is open, from BED and narrowPeak files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.tables import chromosome_ranks
from get_core.text import numbered_lines

__all__ = ["Peaks", "check_shared_names", "overlapping", "read_peaks", "rename_hint", "sort_peaks", "whole_number"]

Ints = NDArray[np.int64]
NOT_DATA = ("track", "browser", "chrom\t", "chr\tstart", "#")
LARGEST = 2**40


@dataclass(frozen=True, eq=False)
class Peaks:
    """n regions, unique, sorted by chromosome in natural order, start and end.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome.
    start, end : int64 (n,)
        0-based, half-open.
    origin : tuple of str (n,)
        ``file:line`` or name of each, for messages.
    """

    chrom: NDArray[np.str_]
    start: Ints
    end: Ints
    origin: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start)

    def name(self, row: int) -> str:
        """Return ``chrom:start-end`` of one."""
        return f"{self.chrom[row]}:{self.start[row]}-{self.end[row]}"

    def runs(self) -> dict[str, slice]:
        """Return the rows of each chromosome."""
        if not len(self):
            return {}
        edges = np.concatenate([[0], np.flatnonzero(self.chrom[1:] != self.chrom[:-1]) + 1, [len(self)]])
        return {str(self.chrom[a]): slice(int(a), int(b)) for a, b in pairwise(edges)}

    def take(self, rows: NDArray) -> "Peaks":
        """Return some of them, by ascending rows or a mask."""
        index = np.arange(len(self))[rows]
        return Peaks(
            self.chrom[index], self.start[index], self.end[index], tuple(self.origin[row] for row in index.tolist())
        )


def read_peaks(paths: Sequence[str | Path], *, chromosomes: Collection[str] = ()) -> tuple[Peaks, tuple[str, ...]]:
    """Read peaks of one file as they are, of several files merged.

    Parameters
    ----------
    paths : sequence of str or Path
        BED or narrowPeak, plain or gzipped: chromosome, start (0-based) and end lead each line. With several files,
        peaks that share at least one base become one, from the first start to the last end.
    chromosomes : collection of str
        Keep only these; all by default.

    Returns
    -------
    Peaks
        Sorted.
    tuple of str
        What was done to them: sorted, repeated ones dropped, merged, left out.

    Raises
    ------
    InvalidInput
        With file and line: not a region, ends before it starts, no peak at all.
    """
    chrom: list[str] = []
    start: list[int] = []
    end: list[int] = []
    origin: list[str] = []
    for path in paths:
        before = len(chrom)
        for number, line in numbered_lines(path):
            if line.lower().startswith(NOT_DATA):
                continue
            cells = line.split("\t") if "\t" in line else line.split()
            if len(cells) < 3:
                raise InvalidInput(f"{path}:{number}: {len(cells)} columns, a peak has at least 3", cure="give BED")
            where = f"{path}:{number}"
            first, last = whole_number(cells[1], where), whole_number(cells[2], where)
            if last <= first:
                raise InvalidInput(f"{where}: the peak ends at {last}, not after its start {first}")
            chrom.append(cells[0].strip())
            start.append(first)
            end.append(last)
            origin.append(where)
        if len(chrom) == before:
            raise InvalidInput(f"{path}: no peak in it", cure="give BED or narrowPeak: chromosome, start, end")
    notes = []
    peaks, in_order, repeated = sort_peaks(chrom, start, end, origin)
    if not in_order:
        notes.append("peaks were not sorted: sorted by chromosome (chr2 before chr10), start and end")
    if len(paths) > 1:
        merged = _merged(peaks)
        notes.append(f"{len(chrom)} peaks of {len(paths)} files merged into {len(merged)}")
        peaks = merged
    elif repeated:
        notes.append(f"{repeated} repeated peaks dropped")
    if chromosomes:
        kept = np.isin(peaks.chrom, list(chromosomes))
        if not kept.all():
            notes.append(f"{int((~kept).sum())} peaks on other chromosomes than those chosen left out")
        if not kept.any():
            raise InvalidInput(
                f"{paths[0]}: no peak on {', '.join(sorted(chromosomes))}",
                cure=f"the peaks lie on {', '.join(list(peaks.runs())[:8])}",
            )
        peaks = peaks.take(kept)
    return peaks, tuple(notes)


def sort_peaks(
    chrom: Sequence[str], start: Sequence[int], end: Sequence[int], origin: Sequence[str]
) -> tuple[Peaks, bool, int]:
    """Sort peaks and drop repeated ones.

    Parameters
    ----------
    chrom, start, end, origin : sequences (n,)
        As in `Peaks`, in any order.

    Returns
    -------
    Peaks
        Of repeated ones the first.
    bool
        Whether they were in order.
    int
        How many were dropped.
    """
    chroms, starts, ends = np.array(chrom, np.str_), np.array(start, np.int64), np.array(end, np.int64)
    rank = chromosome_ranks(chroms)
    order = np.lexsort((ends, starts, rank))
    keys = np.stack([rank, starts, ends])[:, order]
    new = np.concatenate([[True], (np.diff(keys, axis=1) != 0).any(axis=0)])
    kept = order[new]
    in_order = bool((np.diff(kept) > 0).all())
    names = tuple(str(origin[row]) for row in kept.tolist())
    return Peaks(chroms[kept], starts[kept], ends[kept], names), in_order, len(order) - len(kept)


def overlapping(start: Ints, end: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Find which intervals overlap which regions of the same chromosome.

    Parameters
    ----------
    start, end : int64 (n,)
        Regions sorted by start and end; they may overlap one another.
    first, last : int64 (k,)
        Intervals [first, last), in any order.

    Returns
    -------
    interval, region : int64 (p,)
        Every pair that shares a base.
    """
    # No region before the first whose end, or that of a region before it, is past `first` can reach the interval.
    reach = np.maximum.accumulate(end) if len(end) else end
    low = np.searchsorted(reach, first, side="right")
    high = np.searchsorted(start, last, side="left")
    count = np.maximum(high - low, 0)
    interval = np.repeat(np.arange(len(first)), count)
    offset = np.arange(len(interval)) - np.repeat(np.cumsum(count) - count, count)
    region = np.repeat(low, count) + offset
    meets = end[region] > first[interval]
    return interval[meets], region[meets]


def check_shared_names(
    names: Collection[str], what: str, others: Collection[str], other: str, *, all_needed: bool = False
) -> None:
    """Refuse two files that name chromosomes differently.

    Parameters
    ----------
    names, others : collection of str
        Chromosomes of either file.
    what, other : str
        What the files are, for the message.
    all_needed : bool
        Whether each of `names` must be in `others`; otherwise one of them suffices.

    Raises
    ------
    InvalidInput
        They share none, or some are absent; the cure names both spellings.
    """
    absent = [name for name in names if name not in set(others)]
    if not absent or (len(absent) < len(names) and not all_needed):
        return
    shown, known = ", ".join(sorted(absent)[:5]), ", ".join(sorted(others)[:5])
    cure = rename_hint(absent[0], others) or f"use files of one assembly: {other} has {known}"
    if len(absent) < len(names):
        raise InvalidInput(f"{what} lie on {shown}, which {other} lacks", cure=f"{cure}, or leave them out")
    raise InvalidInput(f"{what} and {other} share no chromosome: {shown} against {known}", cure=cure)


def rename_hint(name: str, others: Collection[str]) -> str:
    """Return how to spell a chromosome as others do; empty where that would not help."""
    plain = name.removeprefix("chr")
    plain = "M" if plain in ("M", "MT") else plain
    spelled = {f"chr{plain}", plain, "MT" if plain == "M" else plain} - {name}
    same = sorted(spelled & set(others))
    return f"one file says {name}, the other {same[0]}: rename the chromosomes in one of them" if same else ""


def whole_number(cell: str, where: str) -> int:
    """Read a coordinate.

    Raises
    ------
    InvalidInput
        Not a whole number from 0 on; `where` names the place.
    """
    text = cell.strip()
    if not (text.isascii() and text.isdecimal() and int(text[:14]) < LARGEST and len(text) < 14):
        raise InvalidInput(f"{where}: {text[:30]!r} is not a coordinate, a whole number from 0 on")
    return int(text)


def _merged(peaks: Peaks) -> Peaks:
    chrom: list[str] = []
    origin: list[str] = []
    start, end = [], []
    for name, rows in peaks.runs().items():
        first, reach = peaks.start[rows], np.maximum.accumulate(peaks.end[rows])
        begins = np.concatenate([[0], np.flatnonzero(first[1:] >= reach[:-1]) + 1])
        last = np.concatenate([begins[1:] - 1, [len(first) - 1]])
        chrom += [name] * len(begins)
        start.append(first[begins])
        end.append(reach[last])
        origin += [peaks.origin[rows.start + row] for row in begins.tolist()]
    return Peaks(np.array(chrom, np.str_), np.concatenate(start), np.concatenate(end), tuple(origin))
