"""Simulated linear models: the data obey the planted equations."""

import numpy as np
import pytest
from scipy.stats import kurtosis

from get_core.causal.dag import is_acyclic
from get_core.causal.linear_model import LinearModel, simulate_linear
from get_core.errors import InvalidInput


def residuals(model: LinearModel, rows: int = 20_000, seed: int = 0) -> np.ndarray:
    drawn = simulate_linear(model, rows, seed)
    return drawn.values - drawn.values @ drawn.effects.T


def test_effects_follow_the_order_and_the_ranges() -> None:
    model = LinearModel(variables=60, degree=4, weights=(0.2, 0.5))
    drawn = simulate_linear(model, 10, 3)
    assert is_acyclic(drawn.effects)
    place = np.argsort(drawn.order)
    effect, cause = np.nonzero(drawn.effects)
    assert (place[cause] < place[effect]).all()
    size = np.abs(drawn.effects[effect, cause])
    assert size.min() >= 0.2 and size.max() <= 0.5
    # 60 · 4 / 2 = 120 edges are expected, with a standard deviation below 11.
    assert abs(len(effect) - 120) < 40
    assert {-1.0, 1.0} == set(np.sign(drawn.effects[effect, cause]))


@pytest.mark.parametrize(
    ("noise", "excess"), [("laplace", 3.0), ("uniform", -1.2), ("exponential", 6.0), ("gaussian", 0)]
)
def test_noises_are_of_unit_variance_and_their_kind(noise, excess) -> None:
    found = residuals(LinearModel(variables=5, noise=noise))
    np.testing.assert_allclose(found.mean(0), 0, atol=0.04)
    np.testing.assert_allclose(found.var(0), 1, atol=0.07)
    # Excess kurtosis of the distributions (closed form); that of 20,000 exponential numbers varies most.
    assert kurtosis(found, axis=0).mean() == pytest.approx(excess, abs=0.15 * abs(excess) + 0.1)


def test_half_gaussian_is_half() -> None:
    found = np.abs(kurtosis(residuals(LinearModel(variables=20, noise="half_gaussian")), axis=0))
    assert (found < 0.25).sum() == 10


def test_noises_are_independent_unless_there_are_hidden_causes() -> None:
    def largest(**words: int) -> float:
        correlation = np.corrcoef(residuals(LinearModel(variables=12, **words)), rowvar=False)
        return np.abs(correlation - np.eye(12)).max()

    assert largest() < 0.05
    assert largest(latent=3) > 0.1


def test_same_seed_same_data() -> None:
    model = LinearModel(latent=2)
    first, again, other = (simulate_linear(model, 50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize(
    ("model", "rows", "message"),
    [
        (LinearModel(variables=1), 9, "1 variables"),
        (LinearModel(), 0, "0 rows"),
        (LinearModel(variables=4, degree=3.5), 9, "3.5 neighbours"),
        (LinearModel(noise="cauchy"), 9, "unknown noise 'cauchy'"),  # type: ignore[arg-type]
    ],
)
def test_impossible_models_are_refused(model, rows, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        simulate_linear(model, rows, 0)
