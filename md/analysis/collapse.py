"""Whether a disordered chain collapses when it binds: the same segment in the complex and alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from md.series import Metric

__all__ = ["Difference", "Run", "difference"]


@dataclass(frozen=True)
class Run:
    """One metric of one replica.

    Parameters
    ----------
    completed_ps : float
        Length of its production.
    metric : Metric
        Radius of gyration, end-to-end distance or native contacts of the chain.
    """

    completed_ps: float
    metric: Metric


@dataclass(frozen=True)
class Difference:
    """A metric of a chain in the complex less that of the chain alone.

    Parameters
    ----------
    in_complex, alone, difference, standard_error : float or None
        Means over replicas and their difference, in the metric's unit; None where they cannot be compared.
    z : float or None
        Difference over its standard error; None where that is 0.
    note : str
        Why they cannot be compared.
    """

    in_complex: float | None
    alone: float | None
    difference: float | None
    standard_error: float | None
    z: float | None
    note: str = ""


def difference(in_complex: Sequence[Run], alone: Sequence[Run]) -> Difference:
    """Compare a chain in the complex with the same chain alone.

    Parameters
    ----------
    in_complex, alone : sequence of Run
        Replicas of one metric.

    Returns
    -------
    Difference
        The standard error of each mean is the larger of what the replicas' own errors give, √(Σ se²) / R, and of what
        their spread gives, s / √R: replicas that do not mix are not excused by their small errors. Withheld unless
        both sides have the same length and number of replicas, and no mean of theirs is withheld. The view
        ``md_collapse`` of the catalog is the same rule in SQL.
    """
    if not in_complex or len(in_complex) != len(alone):
        return _withheld(f"{len(in_complex)} replicas of the complex, {len(alone)} of the chain alone")
    lengths = sorted({run.completed_ps for run in (*in_complex, *alone)})
    if len(lengths) > 1:
        return _withheld(f"lengths differ, from {lengths[0]:g} to {lengths[-1]:g} ps")
    sides = [_mean_and_error(runs) for runs in (in_complex, alone)]
    if sides[0] is None or sides[1] is None:
        return _withheld("the mean of a replica is withheld")
    (bound, bound_error), (free, free_error) = sides[0], sides[1]
    error = math.hypot(bound_error, free_error)
    return Difference(bound, free, bound - free, error, (bound - free) / error if error else None)


def _mean_and_error(runs: Sequence[Run]) -> tuple[float, float] | None:
    means, squares = [], 0.0
    for run in runs:
        if run.metric.mean is None or run.metric.standard_error is None:
            return None
        means.append(run.metric.mean)
        squares += run.metric.standard_error**2
    within = math.sqrt(squares) / len(runs)
    between = stdev(means) / math.sqrt(len(means)) if len(means) > 1 else 0.0
    return fmean(means), max(within, between)


def _withheld(reason: str) -> Difference:
    return Difference(None, None, None, None, None, f"withheld: {reason}")
