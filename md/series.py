"""Means of correlated time series: how many samples they are worth, and how sure one can be."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Metric", "statistical_inefficiency", "summarise"]

MINIMUM_SAMPLES = 5
"""Independent samples below which a mean is withheld."""

CONFIDENCE = 0.95
"""Of the interval, two-sided."""


@dataclass(frozen=True)
class Metric:
    """A mean over a trajectory.

    Parameters
    ----------
    name, unit : str
        What it is.
    mean, ci_low, ci_high : float or None
        Mean and 95 % confidence interval; None where there are too few independent samples.
    n_eff : float
        Independent samples.
    note : str
        Why the mean is withheld; empty where it is not.
    """

    name: str
    unit: str
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n_eff: float
    note: str = ""


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
    deviation = series - series.mean()
    variance = float(np.mean(deviation**2))
    if n < 2 or variance <= 1e-12 * max(1.0, float(np.mean(series**2))):
        return float(max(n, 1))
    g = 1.0
    for lag in range(1, n - 1):
        correlation = float(np.mean(deviation[:-lag] * deviation[lag:])) / variance
        if correlation <= 0.0:
            break
        g += 2.0 * correlation * (1.0 - lag / n)
    return min(max(g, 1.0), float(n))


def summarise(name: str, unit: str, values: NDArray[np.floating]) -> Metric:
    """Take the mean of a series with its confidence interval, or withhold it.

    Parameters
    ----------
    name, unit : str
        What the series is.
    values : float (n,)
        Samples at equal intervals.

    Returns
    -------
    Metric
        Student's interval by the number of independent samples, n / `statistical_inefficiency`.
    """
    from scipy import special

    n = len(values)
    n_eff = n / statistical_inefficiency(values) if n else 0.0
    if n_eff < MINIMUM_SAMPLES:
        note = f"withheld: {n} frames are worth {n_eff:.1f} independent samples, fewer than {MINIMUM_SAMPLES}"
        return Metric(name, unit, None, None, None, n_eff, note)
    mean = float(np.mean(values))
    width = float(special.stdtrit(n_eff - 1.0, (1.0 + CONFIDENCE) / 2.0))
    error = width * float(np.std(values, ddof=1)) / math.sqrt(n_eff)
    return Metric(name, unit, mean, mean - error, mean + error, n_eff)
