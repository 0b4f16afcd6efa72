"""Effects from correlations against the lingam package's regressions on the observations."""

import numpy as np
import pytest
from lingam.utils import predict_adaptive_lasso
from numpy.typing import NDArray
from sklearn.linear_model import LassoLarsIC, LinearRegression

from get_core.causal.columns import standardise
from get_core.causal.lasso import LAST_PENALTY, MOST_KNOTS, direct_effects

Matrix = NDArray[np.float64]


def data(d: int, n: int, seed: int) -> Matrix:
    """Return correlated columns: sparse or dense causes, one noise in three heavy-tailed, sometimes a hidden cause."""
    rng = np.random.default_rng(seed)
    density = rng.choice([1, 3, d]) / d
    weights = np.tril(rng.random((d, d)) < density, -1) * rng.normal(size=(d, d))
    x = np.where(np.arange(d)[:, None] % 3, rng.normal(size=(d, n)), rng.standard_t(3, size=(d, n)))
    x += rng.normal(size=(d, 1)) * rng.laplace(size=n) * rng.integers(0, 2)
    for i in range(d):
        x[i] += weights[i] @ x
    return standardise(x[rng.permutation(d)].T)


def correlations(z: Matrix) -> Matrix:
    return z.T @ z / len(z)


@pytest.mark.parametrize("seed", range(40))
def test_adaptive_lasso_equals_lingams(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 24))
    n = int(rng.choice([d + 1, d + 3, 3 * d, 200, 1000]))
    z = data(d, max(n, d + 1), seed)
    order = rng.permutation(d).tolist()
    found = direct_effects(correlations(z), order, len(z))
    for position in range(1, d):
        predictors, target = order[:position], order[position]
        expected = predict_adaptive_lasso(z, predictors, target)
        np.testing.assert_array_equal(found[target, predictors] != 0, expected != 0)
        np.testing.assert_allclose(found[target, predictors], expected, atol=1e-8)
    np.testing.assert_array_equal(found[np.ix_(order, order)][np.triu_indices(d)], 0)


def test_paths_with_drops_are_compared_too() -> None:
    # The sweep above means something only if some paths lose a predictor on the way.
    drops = 0
    for seed in range(40):
        z = data(20, 60, seed)
        x, y = z[:, :-1], z[:, -1]
        path = LassoLarsIC(criterion="bic").fit(x * np.abs(LinearRegression().fit(x, y).coef_), y)
        drops += path.n_iter_ > x.shape[1]
        expected = predict_adaptive_lasso(z, list(range(19)), 19)
        np.testing.assert_allclose(direct_effects(correlations(z), list(range(20)), 60)[19, :19], expected, atol=1e-8)
    assert drops >= 3


def test_least_squares_keeps_every_effect() -> None:
    z = data(8, 100, 0)
    order = [3, 0, 7, 1, 2, 6, 5, 4]
    found = direct_effects(correlations(z), order, 100, sparse=False)
    for position in range(1, 8):
        expected = np.linalg.lstsq(z[:, order[:position]], z[:, order[position]], rcond=None)[0]
        np.testing.assert_allclose(found[order[position], order[:position]], expected, atol=1e-12)


def test_forbidden_effects_are_not_predictors() -> None:
    z = data(9, 300, 1)
    allowed = np.random.default_rng(0).random((9, 9)) < 0.6
    order = list(range(9))
    found = direct_effects(correlations(z), order, 300, allowed=allowed)
    assert not found[~allowed].any()
    for target in range(1, 9):
        predictors = [cause for cause in range(target) if allowed[target, cause]]
        if predictors:
            np.testing.assert_allclose(
                found[target, predictors], predict_adaptive_lasso(z, predictors, target), atol=1e-8
            )


@pytest.mark.parametrize("most", [0, 1, 2, 5, 30])
def test_no_more_parents_than_asked_for(most: int) -> None:
    z = data(16, 500, 7)
    capped = direct_effects(correlations(z), list(range(16)), 500, max_parents=most)
    free = direct_effects(correlations(z), list(range(16)), 500)
    parents = (free != 0).sum(axis=1)
    assert (capped != 0).sum(axis=1).max() <= most
    np.testing.assert_array_equal(capped[parents <= most], free[parents <= most])
    assert most >= 16 or parents.max() > most


def test_limits_are_scikit_learns() -> None:
    assert np.finfo(np.float32).eps == LAST_PENALTY
    assert LassoLarsIC().max_iter == MOST_KNOTS
