"""Correlated series against closed forms of the first-order autoregressive process."""

import numpy as np
import pytest

from md.series import block_standard_error, equilibration, statistical_inefficiency, summarise


def autoregressive(n: int, memory: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n)
    x = np.empty(n)
    x[0] = noise[0] / np.sqrt(1.0 - memory**2)
    for i in range(1, n):
        x[i] = memory * x[i - 1] + noise[i]
    return x


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8, 0.9])
def test_inefficiency_of_an_autoregressive_process(memory: float):
    # C(t) = memory^t, so 1 + 2 sum C = (1 + memory) / (1 - memory).
    found = np.mean([statistical_inefficiency(autoregressive(20_000, memory, seed)) for seed in range(4)])
    assert found == pytest.approx((1.0 + memory) / (1.0 - memory), rel=0.15)


def test_a_constant_is_one_sample_and_a_repeated_series_is_worth_less():
    assert statistical_inefficiency(np.full(50, 0.3)) == 50.0
    x = autoregressive(2000, 0.0, 1)
    assert statistical_inefficiency(np.repeat(x, 5)) == pytest.approx(5.0 * statistical_inefficiency(x), rel=0.1)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    metrics = [summarise("x", "nm", 3.0 + autoregressive(1000, 0.8, seed)) for seed in range(200)]
    covered = [m.ci_low <= 3.0 <= m.ci_high for m in metrics if m.ci_low is not None and m.ci_high is not None]
    assert len(covered) == 200
    assert 0.88 <= np.mean(covered) <= 0.99  # a naive interval covers 49 %


def test_a_mean_is_withheld_below_five_independent_samples():
    metric = summarise("rg", "nm", np.linspace(1.0, 2.0, 100))
    assert (metric.mean, metric.ci_low, metric.ci_high) == (None, None, None)
    assert metric.n_eff < 5.0
    assert "withheld: 100 frames are worth" in metric.note
    assert summarise("rg", "nm", autoregressive(1000, 0.0, 3)).note == ""


@pytest.mark.parametrize("seed", range(4))
def test_equilibration_is_found_where_it_was_put(seed: int):
    x = autoregressive(2000, 0.5, seed)
    drifting = x + 8.0 * np.exp(-np.arange(2000) / 80.0)
    found = equilibration(drifting)
    assert 120 <= found.start <= 700
    assert equilibration(x).start <= 500
    assert abs(summarise("x", "nm", drifting).mean) < abs(summarise("x", "nm", drifting, detect=False).mean or np.inf)


def test_block_error_in_closed_form():
    # The mean of a long autoregressive series has variance 1 / ((1 - memory)^2 n).
    errors = [block_standard_error(autoregressive(20_000, 0.8, seed), 100) for seed in range(5)]
    assert np.mean(errors) == pytest.approx(5.0 / np.sqrt(20_000), rel=0.12)
    assert block_standard_error([9.0, 1.0, 1.0, 3.0, 3.0], 2) == pytest.approx(1.0)  # the first sample is left over
