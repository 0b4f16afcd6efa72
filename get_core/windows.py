"""Windows of neighbouring regions: what the GET network sees at once.

A window never crosses a chromosome border, so holding out whole chromosomes can leak nothing between training and
validation. Windows are row numbers into one feature matrix; the features of a window are gathered batch by batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

__all__ = ["FeatureWindows", "WindowBatch", "Windows", "around", "leave_out", "tile"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of `r` consecutive regions of one chromosome.

    Parameters
    ----------
    index : int64 (w, r)
        Rows of the feature matrix, ascending in each window.
    focus : int64 (w,)
        Position inside the window of the region that is asked about.
    strand : int64 (w,)
        Strand that is asked about: 0 is plus, 1 is minus. 0 for models with one output.
    skipped : int64 (k,)
        Rows that got no window because their chromosome has fewer than `r` regions.
    """

    index: Ints
    focus: Ints
    strand: Ints
    skipped: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        for name, ndim in (("index", 2), ("focus", 1), ("strand", 1), ("skipped", 1)):
            array = np.asarray(getattr(self, name))
            if array.ndim != ndim or (array.size and not np.issubdtype(array.dtype, np.integer)):
                raise InvalidInput(
                    f"Windows.{name} must be an integer array of {ndim} dimensions, not {array.dtype} {array.shape}"
                )
            object.__setattr__(self, name, array.astype(np.int64))
        if not len(self.index) == len(self.focus) == len(self.strand):
            raise InvalidInput(
                f"Windows: {len(self.index)} windows, but {len(self.focus)} focus positions and "
                f"{len(self.strand)} strands"
            )
        if len(self) and self.index.min() < 0:
            raise InvalidInput("Windows.index holds negative rows")
        outside = np.flatnonzero((self.focus < 0) | (self.focus >= self.length))
        if outside.size:
            raise InvalidInput(
                f"Windows.focus[{outside[0]}] is {self.focus[outside[0]]}, outside a window of {self.length} regions"
            )
        odd = np.flatnonzero((self.strand != 0) & (self.strand != 1))
        if odd.size:
            raise InvalidInput(
                f"Windows.strand[{odd[0]}] is {self.strand[odd[0]]}",
                cure="write strands as 0 (plus) and 1 (minus)",
            )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def length(self) -> int:
        """Regions per window."""
        return self.index.shape[1]

    @property
    def rows(self) -> Ints:
        """Rows of the focus regions, int64 (w,)."""
        return self.index[np.arange(len(self)), self.focus]

    def __getitem__(self, which: slice | NDArray[np.bool_] | Ints) -> "Windows":
        return Windows(self.index[which], self.focus[which], self.strand[which])

    def over(self, features: ArrayLike) -> "FeatureWindows":
        """Bind the windows to a feature matrix, float (n, F)."""
        return FeatureWindows(np.asarray(features), self)


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """Gathered windows: `x` float32 (b, r, F), `focus` int64 (b,), `strand` int64 (b,)."""

    x: Floats
    focus: Ints
    strand: Ints


@dataclass(frozen=True, eq=False)
class FeatureWindows:
    """Windows over a feature matrix, gathered lazily so that memory stays bounded by the batch.

    Parameters
    ----------
    features : float32 (n, F)
        One row per region.
    windows : Windows
        Rows of `features`.
    """

    features: Floats
    windows: Windows

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", np.asarray(self.features, np.float32))
        if self.features.ndim != 2:
            raise InvalidInput(f"the feature matrix must be (regions, features), not {self.features.shape}")
        bad = np.flatnonzero(~np.isfinite(self.features).all(axis=1))
        if bad.size:
            raise InvalidInput(
                f"{bad.size} regions have features that are not finite, the first in row {bad[0]}",
                cure="drop those regions, or set features without any motif to 0",
            )
        if len(self.windows) and self.windows.index.max() >= len(self.features):
            raise InvalidInput(
                f"the windows reach row {self.windows.index.max()}, the matrix has {len(self.features)} rows",
                cure="build the windows from the chromosomes of this very matrix",
            )

    def __len__(self) -> int:
        return len(self.windows)

    def batches(self, size: int) -> Iterator[WindowBatch]:
        """Yield the windows in order, `size` at a time; raises InvalidInput for a size below 1."""
        if size < 1:
            raise InvalidInput(f"a batch of {size} windows is empty")
        for start in range(0, len(self), size):
            part = self.windows[start : start + size]
            yield WindowBatch(self.features[part.index], part.focus, part.strand)


def around(chrom: ArrayLike, rows: ArrayLike, strand: ArrayLike, length: int) -> Windows:
    """Build one window around each focus row.

    The focus lies in the middle (position ``length // 2``, as in the reference) except near a chromosome end, where
    the window is shifted inwards and the focus moves with it. So every window has exactly `length` regions of one
    chromosome. Focus rows on a chromosome with fewer regions get no window and are listed in `skipped`.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome of every region; the regions of a chromosome are adjacent and sorted by position.
    rows : int (w,)
        Focus rows.
    strand : int (w,) or int
        Strand of each focus, 0 plus, 1 minus.
    length : int
        Regions per window (the paper uses 200).

    Returns
    -------
    Windows
        In the order of `rows`, less the skipped ones.

    Raises
    ------
    InvalidInput
        Unsorted chromosomes, or rows outside the matrix.
    """
    first, last = _runs(chrom, length)
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
        raise InvalidInput(f"focus rows must be a list of integers, not {rows.dtype} {rows.shape}")
    rows = rows.astype(np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= len(first)):
        raise InvalidInput(f"focus rows run from {rows.min()} to {rows.max()}; there are {len(first)} regions")
    strand = np.broadcast_to(np.asarray(strand), rows.shape)
    fits = last[rows] - first[rows] >= length
    kept = rows[fits]
    start = np.clip(kept - length // 2, first[kept], last[kept] - length)
    return Windows(start[:, None] + np.arange(length), kept - start, strand[fits], rows[~fits])


def tile(chrom: ArrayLike, length: int, step: int) -> Windows:
    """Cover every chromosome with windows, for training and prediction.

    Windows start every `step` regions; the last one of a chromosome ends at its last region. Regions of
    chromosomes shorter than `length` are listed in `skipped`.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome of every region; the regions of a chromosome are adjacent and sorted by position.
    length : int
        Regions per window.
    step : int
        Regions between window starts, at most `length` so that no region is left out.

    Returns
    -------
    Windows
        Ordered by start; the focus is the middle and the strand 0.

    Raises
    ------
    InvalidInput
        Unsorted chromosomes, or a step outside 1 to `length`.
    """
    first, last = _runs(chrom, length)
    if not 1 <= step <= length:
        raise InvalidInput(
            f"a step of {step} cannot cover regions by windows of {length}", cure=f"use a step from 1 to {length}"
        )
    starts: list[Ints] = []
    for lo, hi in zip(*(np.unique(edge) for edge in (first, last)), strict=True):
        if hi - lo >= length:
            starts.append(np.minimum(np.arange(lo, hi - length + step, step), hi - length))
    start = np.concatenate([np.empty(0, np.int64), *starts])
    return Windows(
        start[:, None] + np.arange(length),
        np.full(len(start), length // 2),
        np.zeros(len(start), np.int64),
        np.flatnonzero(last - first < length),
    )


def leave_out(windows: Windows, chrom: ArrayLike, held_out: Sequence[str]) -> tuple[Windows, Windows]:
    """Split windows into those off and those on the held-out chromosomes.

    Parameters
    ----------
    windows : Windows
        Windows over regions of `chrom`.
    chrom : str (n,)
        Chromosome of every region.
    held_out : sequence of str
        Chromosomes kept for validation.

    Returns
    -------
    training, validation : Windows
        No region lies in both.

    Raises
    ------
    InvalidInput
        A held-out chromosome that no region has, a window over two chromosomes, or nothing left on one side.
    """
    names = np.asarray(chrom)
    absent = [name for name in held_out if name not in set(names.tolist())]
    if absent:
        raise InvalidInput(
            f"held-out chromosomes {', '.join(absent)} have no region",
            cure=f"choose among {', '.join(sorted(set(names.tolist())))}",
        )
    held = np.isin(names, list(held_out))[windows.index]
    mixed = np.flatnonzero(held.any(axis=1) != held.all(axis=1))
    if mixed.size:
        raise InvalidInput(f"window {mixed[0]} lies on held-out and on training chromosomes at once")
    validation = np.asarray(held.all(axis=1))
    if validation.all() or not validation.any():
        raise InvalidInput(
            f"holding out {', '.join(held_out)} leaves {int((~validation).sum())} training and "
            f"{int(validation.sum())} validation windows"
        )
    return windows[~validation], windows[validation]


def _runs(chrom: ArrayLike, length: int) -> tuple[Ints, Ints]:
    """First row and one past the last row of each region's chromosome, int64 (n,) each."""
    if length < 1:
        raise InvalidInput(f"a window of {length} regions is empty")
    names = np.asarray(chrom)
    if names.ndim != 1:
        raise InvalidInput(f"chromosomes must be one name per region, not an array of shape {names.shape}")
    if not len(names):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    borders = np.flatnonzero(names[1:] != names[:-1]) + 1
    edges = np.concatenate([[0], borders, [len(names)]])
    if len(np.unique(names)) != len(edges) - 1:
        raise InvalidInput(
            "the regions of a chromosome are not adjacent", cure="sort the regions by chromosome and position"
        )
    sizes = np.diff(edges)
    return np.repeat(edges[:-1], sizes), np.repeat(edges[1:], sizes)
