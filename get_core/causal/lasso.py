"""Direct effects given a causal order, from correlations alone: nested regressions and the adaptive lasso by BIC.

Each variable is regressed on the variables before it. The adaptive lasso (Zou, J. Am. Stat. Assoc. 101, 1418-1429
(2006)) scales predictors by their absolute least-squares coefficients; its path is followed from knot to knot by
least-angle regression with drops (Efron et al., Ann. Stat. 32, 407-499 (2004)); the knot with the smallest Bayesian
information criterion (noise variance of the full regression; degrees of freedom: non-zero coefficients) says which
predictors stay; these are regressed on once more. This is what the `lingam` package computes with scikit-learn's
LassoLarsIC, without its passes over the observations.
"""

import math

import numpy as np
from numpy.typing import NDArray

from get_core.jit import jit

__all__ = ["direct_effects"]

Floats = NDArray[np.float64]

# scikit-learn's limits, kept for equal results: the path ends at this penalty (float32's epsilon) and after so many
# knots (default of LassoLarsIC).
LAST_PENALTY = 2.0**-23
MOST_KNOTS = 500


def direct_effects(
    correlation: Floats,
    order: list[int],
    n: int,
    *,
    allowed: NDArray[np.bool_] | None = None,
    sparse: bool = True,
    max_parents: int | None = None,
) -> Floats:
    """Estimate the direct effects between standardised variables.

    Parameters
    ----------
    correlation : float64 (d, d)
        Correlations, positive definite.
    order : list of int (d,)
        Causes before effects.
    n : int
        Observations behind the correlations, n > d.
    allowed : bool (d, d), optional
        ``[i, j]`` where j may have an effect on i; everything by default.
    sparse : bool
        Adaptive lasso; otherwise every allowed predecessor has its least-squares effect.
    max_parents : int, optional
        Knots with more non-zero coefficients are not considered by the lasso.

    Returns
    -------
    float64 (d, d)
        ``[i, j]`` is the effect of j on i in standard deviations.
    """
    size = len(correlation)
    may = np.ones((size, size), bool) if allowed is None else allowed
    most = size if max_parents is None else max_parents
    effects = np.zeros((size, size))
    for position in range(1, size):
        target = order[position]
        predictors = np.array([cause for cause in order[:position] if may[target, cause]], dtype=np.intp)
        if not len(predictors):
            continue
        among = correlation[np.ix_(predictors, predictors)]
        effects[target, predictors] = _regress(among, correlation[predictors, target].copy(), n, sparse, most)
    return effects


@jit("reassoc", "contract")
def _append(factor, size, row, diagonal):
    """Add a row to a Cholesky factor; return the square of its new diagonal element, not positive on failure."""
    new = factor[size]
    for i in range(size):
        old = factor[i]
        rest = row[i]
        for t in range(i):
            rest -= old[t] * new[t]
        new[i] = rest / old[i]
    left = diagonal
    for t in range(size):
        left -= new[t] * new[t]
    new[size] = math.sqrt(max(left, 0.0))
    return left


@jit("reassoc", "contract")
def _solve(factor, size, values):
    """Solve in place for the matrix of a Cholesky factor."""
    for i in range(size):
        row = factor[i]
        rest = values[i]
        for t in range(i):
            rest -= row[t] * values[t]
        values[i] = rest / row[i]
    for i in range(size - 1, -1, -1):
        row = factor[i]
        value = values[i] / row[i]
        values[i] = value
        for t in range(i):
            values[t] -= value * row[t]


@jit("contract")
def _delete(factor, size, index):
    """Remove a row and column from a Cholesky factor by Givens rotations."""
    for i in range(index, size - 1):
        for t in range(i + 2):
            factor[i, t] = factor[i + 1, t]
        a, b = factor[i, i], factor[i, i + 1]
        radius = math.hypot(a, b)
        cosine, sine = a / radius, b / radius
        factor[i, i] = radius
        for k in range(i + 1, size - 1):
            a, b = factor[k + 1, i], factor[k + 1, i + 1]
            factor[k + 1, i] = cosine * a + sine * b
            factor[k + 1, i + 1] = cosine * b - sine * a


@jit("reassoc", "contract")
def _least_squares(correlation, target, columns, count, factor, row):
    """Return coefficients of the first `count` of `columns`, and the share of variance that they leave."""
    for k in range(count):
        for t in range(k):
            row[t] = correlation[columns[k], columns[t]]
        _append(factor, k, row, 1.0)
    coefficients = np.empty(count)
    for k in range(count):
        coefficients[k] = target[columns[k]]
    left = _append(factor, count, coefficients, 1.0)
    _solve(factor, count, coefficients)
    return coefficients, left


@jit("reassoc", "contract")
def _regress(correlation, target, n, sparse, max_parents):
    """Return the coefficients of one target on all its predictors."""
    size = len(target)
    factor = np.empty((size + 1, size + 1))
    row = np.empty(size + 1)
    full, left = _least_squares(correlation, target, np.arange(size), size, factor, row)
    if not sparse:
        return full
    support = _best_knot(correlation, target, np.abs(full), left, n, max_parents, factor, row)
    columns = np.flatnonzero(support)
    result = np.zeros(size)
    if columns.size:
        refit, _ = _least_squares(correlation, target, columns, columns.size, factor, row)
        result[columns] = refit
    return result


@jit("reassoc", "contract")
def _best_knot(correlation, target, weights, left, n, max_parents, factor, row):
    """Follow the lasso path of the weighted predictors; return which are non-zero where the BIC is smallest.

    All quantities are per observation: residual sums of squares are shares of the target's variance.
    """
    size = len(target)
    noise = left / (n - size - 1)
    price = math.log(n)
    active = np.empty(size, np.int64)
    inside = np.zeros(size, np.bool_)
    coefficients = np.zeros(size)  # of the weighted predictors
    pull = weights * target  # their covariance with the residual
    towards = np.zeros(size)
    slope = np.empty(size)
    support = np.zeros(size, np.bool_)
    best = 1.0 / noise
    count = 0
    dropped, side = -1, 0.0
    joining = int(np.argmax(np.abs(pull)))
    penalty = abs(pull[joining])
    for _ in range(MOST_KNOTS):
        if penalty <= LAST_PENALTY or (joining < 0 and dropped < 0):
            break
        if joining >= 0:
            for t in range(count):
                row[t] = correlation[joining, active[t]] * weights[joining] * weights[active[t]]
            if not _append(factor, count, row, weights[joining] ** 2) > 0:
                break
            towards[joining] = 1.0 if pull[joining] > 0 else -1.0
            active[count] = joining
            inside[joining] = True
            count += 1
        # The direction in which the covariances of all active predictors shrink alike.
        direction = np.empty(count)
        for t in range(count):
            direction[t] = towards[active[t]]
        _solve(factor, count, direction)
        slope[:] = 0.0
        for t in range(count):
            push = direction[t] * weights[active[t]]
            line = correlation[active[t]]
            for k in range(size):
                slope[k] += push * line[k]
        length, joining = penalty, -1
        for k in range(size):
            if inside[k]:
                continue
            slope[k] *= weights[k]
            # A predictor that has just left touches the limit on its own side at length 0.
            if not (k == dropped and side > 0):
                reach = (penalty - pull[k]) / (1 - slope[k])
                if 0 < reach < length:
                    length, joining = reach, k
            if not (k == dropped and side < 0):
                reach = (penalty + pull[k]) / (1 + slope[k])
                if 0 < reach < length:
                    length, joining = reach, k
        leaving = -1
        for t in range(count):
            reach = -coefficients[active[t]] / direction[t]
            if 0 < reach < length:
                length, leaving = reach, t
        penalty -= length
        explained, nonzero = 0.0, count
        for t in range(count):
            k = active[t]
            coefficients[k] += length * direction[t]
            if t == leaving:
                coefficients[k] = 0.0
                nonzero -= 1
            pull[k] = penalty * towards[k]
            explained += coefficients[k] * (weights[k] * target[k] + pull[k])
        for k in range(size):
            if not inside[k]:
                pull[k] -= length * slope[k]
        criterion = (1.0 - explained) / noise + price * nonzero
        if criterion < best and nonzero <= max_parents:
            best = criterion
            support[:] = False
            for t in range(count):
                support[active[t]] = t != leaving
        dropped = -1
        if leaving >= 0:
            joining, dropped = -1, active[leaving]
            side = towards[dropped]
            inside[dropped] = False
            _delete(factor, count, leaving)
            for t in range(leaving, count - 1):
                active[t] = active[t + 1]
            count -= 1
    return support
