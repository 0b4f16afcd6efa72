"""Segments: a protein cut into high- and low-pLDDT stretches.

The default is the rule in the Methods of Fu et al. (doi 10.1101/2023.09.24.559168): smooth pLDDT over 10 residues,
divide by the protein's own maximum, call residues below 0.6 low, merge low regions that are closer than 30 residues,
and call the rest high. The authors' published code differs from it in several ways; ``compat="proscope"`` reproduces
that code.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from screening.errors import InvalidInput

__all__ = [
    "FULL_LENGTH",
    "HIGH",
    "LOW",
    "LOW_BELOW",
    "MERGE_CLOSER_THAN",
    "PROSCOPE_MINIMUM_LENGTH",
    "SMOOTHING_RESIDUES",
    "Segment",
    "SegmentKind",
    "relative_plddt",
    "segment",
    "segment_relative",
]

SegmentKind = Literal["high_plddt", "low_plddt", "full_length"]
HIGH: SegmentKind = "high_plddt"
LOW: SegmentKind = "low_plddt"
FULL_LENGTH: SegmentKind = "full_length"
"""A whole protein that was not cut, whatever its pLDDT."""

SMOOTHING_RESIDUES = 10
"""Width of the moving average (Methods of doi 10.1101/2023.09.24.559168)."""
LOW_BELOW = 0.6
"""Low is below this fraction of the protein's highest smoothed pLDDT (same source)."""
MERGE_CLOSER_THAN = 30
"""Low regions with fewer high residues than this between them are one region (same source)."""
PROSCOPE_MINIMUM_LENGTH = 30
"""Shortest low run and shortest segment that the authors' code keeps (proscope commit 7522390; not in the paper)."""

_BEFORE = SMOOTHING_RESIDUES // 2


@dataclass(frozen=True)
class Segment:
    """A stretch of one protein.

    Attributes
    ----------
    start, end : int
        Residue range, 1-based inclusive.
    kind : str
        ``"high_plddt"``, ``"low_plddt"`` or ``"full_length"``.
    """

    start: int
    end: int
    kind: SegmentKind

    @property
    def length(self) -> int:
        """Number of residues."""
        return self.end - self.start + 1


def segment(plddt: ArrayLike, *, compat: Literal["proscope"] | None = None) -> list[Segment]:
    """Cut a protein into segments by its pLDDT.

    Parameters
    ----------
    plddt : array_like, shape (L,)
        pLDDT per residue, 0-100. Only the ratio to the protein's maximum matters.
    compat : {"proscope"}, optional
        Reproduce the authors' code instead of the paper's rule: ends damped by zero padding, the last residue of a low
        run lost, short low runs dropped irregularly, segments shorter than 30 residues merged into a neighbour.

    Returns
    -------
    list of Segment
        In order; every residue is in exactly one.

    Raises
    ------
    InvalidInput
        Not one finite non-negative number per residue, all zero, or, with ``compat``, no low region left (the authors'
        code fails there, too).
    """
    return segment_relative(relative_plddt(plddt, compat=compat), compat=compat)


def relative_plddt(plddt: ArrayLike, *, compat: Literal["proscope"] | None = None) -> NDArray[np.float64]:
    """Smooth pLDDT and divide it by its maximum.

    Parameters
    ----------
    plddt : array_like, shape (L,)
        pLDDT per residue, 0-100.
    compat : {"proscope"}, optional
        Divide by the full window also at the ends, where part of it lies outside the protein; a protein shorter than
        the window then gets `SMOOTHING_RESIDUES` values.

    Returns
    -------
    ndarray, shape (L,), float64
        Mean over residues i-5 to i+4, as far as they exist, over the largest such mean; 0 to 1.

    Raises
    ------
    InvalidInput
        As `segment`.
    """
    values = _checked(plddt)
    window = np.ones(SMOOTHING_RESIDUES)
    if compat == "proscope":
        smooth = np.convolve(values, window / SMOOTHING_RESIDUES, mode="same")
    else:
        inside = slice(_BEFORE - 1, _BEFORE - 1 + len(values))
        counts = np.convolve(np.ones(len(values)), window)[inside]
        smooth = np.convolve(values, window)[inside] / counts
    if smooth.max() <= 0:
        raise InvalidInput("pLDDT is 0 in every residue, so the relative threshold is undefined")
    return smooth / smooth.max()


def segment_relative(relative: ArrayLike, *, compat: Literal["proscope"] | None = None) -> list[Segment]:
    """Cut a protein by its smoothed, relative pLDDT.

    Parameters
    ----------
    relative : array_like, shape (L,)
        What `relative_plddt` returns, 0 to 1.
    compat : {"proscope"}, optional
        As in `segment`. The authors' segments carry no label; here each gets the kind of most of its residues.

    Returns
    -------
    list of Segment
        In order; every residue is in exactly one.

    Raises
    ------
    InvalidInput
        As `segment`.
    """
    values = _checked(relative)
    low = values < LOW_BELOW
    if compat == "proscope":
        breaks = _proscope_breaks(_proscope_low_runs(low), len(low))
        return [
            Segment(start + 1, end, LOW if 2 * low[start:end].sum() > end - start else HIGH)
            for start, end in pairwise(breaks)
        ]
    if compat is not None:
        raise InvalidInput(f"compat={compat!r} is unknown", cure="use None or 'proscope'")
    low = _merged(low)
    starts = np.flatnonzero(np.diff(low, prepend=not low[0]))
    ends = np.append(starts[1:], len(low))
    return [Segment(int(s) + 1, int(e), LOW if low[s] else HIGH) for s, e in zip(starts, ends, strict=True)]


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(f"pLDDT must be one number per residue, not an array of shape {array.shape}")
    if not np.isfinite(array).all() or array.min() < 0:
        where = int(np.flatnonzero(~(np.isfinite(array) & (array >= 0)))[0])
        raise InvalidInput(
            f"pLDDT of residue {where + 1} of {array.size} is {array[where]}, not a number from 0 to 100"
        )
    return array


def _merged(low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the gaps between low residues that are shorter than `MERGE_CLOSER_THAN`."""
    merged = low.copy()
    at = np.flatnonzero(low)
    for before, after in pairwise(at):
        if after - before - 1 < MERGE_CLOSER_THAN:
            merged[before:after] = True
    return merged


def _proscope_low_runs(low: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Low runs of the authors' code, 0-based; the end is exclusive and, but for one-residue runs, one short."""
    runs: list[tuple[int, int]] = []
    for i in map(int, np.flatnonzero(low)):
        if runs and i - runs[-1][1] < MERGE_CLOSER_THAN:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i + 1))
    kept: list[tuple[int, int]] = []
    dropped_one = False
    for run in runs:
        # The authors drop short runs from the list they are walking along, so whatever follows a dropped run is not
        # looked at and stays.
        dropped_one = not dropped_one and run[1] - run[0] < PROSCOPE_MINIMUM_LENGTH
        if not dropped_one:
            kept.append(run)
    return kept


def _proscope_breaks(runs: list[tuple[int, int]], length: int) -> list[int]:
    """Segment borders of the authors' code, 0-based, from 0 to the length."""
    if not runs:
        raise InvalidInput(
            "no low-pLDDT region of 30 residues or more; the authors' code fails on such a protein",
            cure="use the default rule (compat=None), which returns the protein as one segment",
        )
    breaks = sorted({0, length, *(border for run in runs for border in run)})
    i = 0
    while i + 1 < len(breaks):
        if breaks[i + 1] - breaks[i] >= PROSCOPE_MINIMUM_LENGTH or len(breaks) == 2:
            i += 1
        elif i + 2 < len(breaks):
            del breaks[i + 1]
        else:
            del breaks[i]
            i -= 1
    return breaks
