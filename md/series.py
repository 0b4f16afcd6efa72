"""Means of correlated time series: what to leave out, how many samples the rest is worth, how sure one can be."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Equilibration",
    "Metric",
    "block_standard_error",
    "equilibration",
    "statistical_inefficiency",
    "summarise",
]

MINIMUM_SAMPLES = 5
"""Independent samples below which a mean is withheld."""

CONFIDENCE = 0.95
"""Of the interval, two-sided."""

STARTS = 50
"""Places tried for the end of equilibration, at equal intervals."""


@dataclass(frozen=True)
class Metric:
    """A mean over a trajectory.

    Parameters
    ----------
    name, unit : str
        What it is.
    mean, ci_low, ci_high : float or None
        Mean and 95 % confidence interval; None where there are too few independent samples.
    standard_error : float or None
        Of the mean, by blocks.
    n_eff : float
        Independent samples.
    n_discarded : int
        Samples left out at the start, as equilibration.
    note : str
        Why the mean is withheld, or a caveat; empty where there is none.
    """

    name: str
    unit: str
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    standard_error: float | None
    n_eff: float
    n_discarded: int = 0
    note: str = ""


@dataclass(frozen=True)
class Equilibration:
    """Where a series stops remembering its start.

    Parameters
    ----------
    start : int
        First sample to keep.
    inefficiency : float
        Statistical inefficiency of what is kept.
    n_eff : float
        Independent samples kept: the most that any start leaves.
    """

    start: int
    inefficiency: float
    n_eff: float


def statistical_inefficiency(values: ArrayLike) -> float:
    """Return how many successive samples of a series are worth one independent sample.

    Parameters
    ----------
    values : float (n,)
        Samples at equal intervals.

    Returns
    -------
    float
        g = 1 + 2 Σ (1 - t/n) C(t), summed until the autocorrelation C first falls to zero, at least 1 and at most n
        (Chodera et al. 2007, doi 10.1021/ct0502864). A constant series has g = n.
    """
    series = np.asarray(values, np.float64)
    n = len(series)
    if n < 2 or is_constant(series):
        return float(max(n, 1))
    deviation = series - series.mean()
    size = 2 ** (2 * n - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(deviation, size)) ** 2, size)[: n - 1]
    correlation = products / (n - np.arange(n - 1)) / np.mean(deviation**2)
    stop = np.flatnonzero(correlation[1:] <= 0.0)
    lags = np.arange(1, 1 + (stop[0] if len(stop) else n - 2))
    return float(np.clip(1.0 + 2.0 * np.sum(correlation[lags] * (1.0 - lags / n)), 1.0, n))


def equilibration(values: ArrayLike) -> Equilibration:
    """Find how much to leave out at the start of a series so that the most independent samples are left.

    Parameters
    ----------
    values : float (n,)
        Samples at equal intervals.

    Returns
    -------
    Equilibration
        By Chodera 2016, doi 10.1021/acs.jctc.5b00784, at up to 50 starts. A constant series is kept whole.
    """
    series = np.asarray(values, np.float64)
    n = len(series)
    best = Equilibration(0, float(max(n, 1)), min(n, 1))
    for start in np.unique(np.linspace(0, max(n - MINIMUM_SAMPLES, 0), STARTS).astype(int)):
        g = statistical_inefficiency(series[start:])
        if (n - start) / g > best.n_eff:
            best = Equilibration(int(start), g, (n - start) / g)
    return best


def block_standard_error(values: ArrayLike, n_blocks: int) -> float:
    """Return the standard error of the mean of a correlated series, from the means of its blocks.

    Parameters
    ----------
    values : float (n,)
        Samples at equal intervals; what is left over by whole blocks is left out at the start.
    n_blocks : int
        At least 2 and at most n; blocks should be longer than the series remembers.

    Returns
    -------
    float
        Sample standard deviation of the blocks' means over √n_blocks (Flyvbjerg & Petersen 1989,
        doi 10.1063/1.457480).
    """
    series = np.asarray(values, np.float64)
    length = len(series) // n_blocks
    means = series[len(series) - n_blocks * length :].reshape(n_blocks, length).mean(axis=1)
    return float(np.std(means, ddof=1)) / math.sqrt(n_blocks)


def summarise(name: str, unit: str, values: NDArray[np.floating], *, detect: bool = True, note: str = "") -> Metric:
    """Take the mean of a series with its confidence interval, or withhold it.

    Parameters
    ----------
    name, unit : str
        What the series is.
    values : float (n,)
        Samples at equal intervals.
    detect : bool
        Leave out equilibration at the start.
    note : str
        A caveat to keep with it.

    Returns
    -------
    Metric
        Student's interval over blocks of about two independent samples each, at least 5 of them.
    """
    from scipy import special

    n = len(values)
    if detect:
        found = equilibration(values)
    else:
        g = statistical_inefficiency(values)
        found = Equilibration(0, g, n / g)
    kept = np.asarray(values, np.float64)[found.start :]
    if found.n_eff < MINIMUM_SAMPLES:
        reason = f"withheld: {n} frames are worth {found.n_eff:.1f} independent samples, fewer than {MINIMUM_SAMPLES}"
        if n and is_constant(kept):
            reason += f" (constant at {kept[0]:g})"
        notes = "; ".join(filter(None, (reason, note)))
        return Metric(name, unit, None, None, None, None, found.n_eff, found.start, notes)
    n_blocks = max(MINIMUM_SAMPLES, int(found.n_eff / 2.0))
    error = block_standard_error(kept, n_blocks)
    mean, width = float(np.mean(kept)), error * float(special.stdtrit(n_blocks - 1.0, (1.0 + CONFIDENCE) / 2.0))
    return Metric(name, unit, mean, mean - width, mean + width, error, found.n_eff, found.start, note)


def is_constant(series: NDArray[np.float64]) -> bool:
    """Return whether a series varies by no more than rounding."""
    return float(np.var(series)) <= 1e-12 * max(1.0, float(np.mean(series**2)))
