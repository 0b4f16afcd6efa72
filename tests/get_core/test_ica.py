"""ICA-LiNGAM against recorded runs of R's pcalg and of lingam 1.13, its order search against lingam's own."""

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from get_core.causal import ICALiNGAM
from get_core.causal.columns import standardise
from get_core.causal.dag import is_acyclic
from get_core.causal.ica import mean_over_permutations, prune_by_resampling, search_causal_order
from get_core.causal.linear_model import LinearModel, simulate_linear
from get_core.errors import InvalidInput


def toy(n: int = 2000, seed: int = 0) -> NDArray[np.float64]:
    """x causes y: column 0 is y, column 1 is x."""
    rng = np.random.default_rng(seed)
    x = rng.laplace(size=n)
    return np.column_stack([0.8 * x + rng.laplace(size=n), x])


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, NDArray]:
    with np.load(shared / "parity" / "lingam" / "a_laplace_sparse.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def sem5(shared: Path) -> dict[str, NDArray]:
    with np.load(shared / "parity" / "lingam" / "sem5.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("prune", ["resample", "lasso"])
def test_cause_and_effect_of_two_variables(prune) -> None:
    fitted = ICALiNGAM(prune=prune).fit(toy())
    assert fitted.causal_order_ == [1, 0]
    assert fitted.adjacency_matrix_[0, 1] == pytest.approx(0.8, abs=0.05)
    assert fitted.adjacency_matrix_[1, 0] == 0
    assert fitted.converged_


def test_twenty_variables_equal_pcalg(recorded) -> None:
    # The order is the same, and then resampling has no randomness left: far closer than pcalg's runs are to each other.
    fitted = ICALiNGAM(random_state=0).fit(standardise(recorded["X"]))
    theirs = recorded["r_pcalg_Bpruned_on_zscores"]
    assert fitted.causal_order_ == recorded["r_pcalg_order"].tolist()
    np.testing.assert_allclose(fitted.adjacency_matrix_, theirs, atol=1e-8, rtol=0)
    np.testing.assert_array_equal(fitted.adjacency_matrix_ != 0, theirs != 0)


@pytest.mark.parametrize("seed", range(4))
def test_five_variables_equal_pcalg_within_its_spread(sem5, seed) -> None:
    ours = ICALiNGAM(random_state=seed).fit(standardise(sem5["X"])).adjacency_matrix_
    for run in sem5["official_runs"]:
        np.testing.assert_allclose(ours, run, atol=0.06, rtol=0)
        np.testing.assert_array_equal(np.abs(ours) > 0.1, np.abs(run) > 0.1)


def test_mean_of_three_permutations_equals_the_published_average(sem5) -> None:
    ours = mean_over_permutations(standardise(sem5["X"]), runs=3, seed=1)
    np.testing.assert_allclose(ours, sem5["official_average"], atol=0.06, rtol=0)


def test_lasso_equals_recorded_run_of_lingam(recorded) -> None:
    fitted = ICALiNGAM(random_state=0, prune="lasso").fit(recorded["X"])
    assert fitted.causal_order_ == recorded["ica_order"].tolist()
    np.testing.assert_allclose(fitted.adjacency_matrix_, recorded["ica_adj"], atol=1e-8, rtol=0)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_order_search_equals_the_scan_of_lingam(seed: int) -> None:
    import lingam

    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 16))
    effects = rng.normal(size=(d, d)) * np.exp(rng.normal(scale=2, size=(d, d)))
    np.fill_diagonal(effects, 0)
    scan = lingam.ICALiNGAM()._estimate_causal_order(effects.copy())
    assert search_causal_order(effects) == [int(variable) for variable in scan]


def test_order_search_finds_a_planted_order_under_small_disturbances() -> None:
    drawn = simulate_linear(LinearModel(variables=283), 1, 0)
    disturbed = drawn.effects + np.random.default_rng(1).normal(scale=0.01, size=(283, 283))
    place = np.argsort(search_causal_order(disturbed))
    effect, cause = np.nonzero(drawn.effects)
    assert (place[cause] < place[effect]).all()


def regressions_by_piece(values: NDArray, order: list[int], pieces: list[slice]) -> NDArray:
    """Least squares of every variable on all before it, piece by piece."""
    d = values.shape[1]
    found = np.zeros((len(pieces), d, d))
    for number, piece in enumerate(pieces):
        x = values[piece] - values[piece].mean(0)
        for place, target in enumerate(order[1:], start=1):
            found[number, target, order[:place]] = np.linalg.lstsq(x[:, order[:place]], x[:, target], rcond=None)[0]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_pruning_keeps_the_effects_that_reach_their_deviation(seed: int) -> None:
    values = simulate_linear(LinearModel(variables=6, degree=4, weights=(0.05, 0.3)), 603, seed).values
    order = [3, 0, 5, 1, 4, 2]
    # 603 rows in 10 contiguous pieces: the first three have 61 rows, the others 60.
    ends = [0, *np.cumsum([61] * 3 + [60] * 7)]
    by_piece = regressions_by_piece(values, order, [slice(a, b) for a, b in pairwise(ends)])
    mean, deviation = by_piece.mean(0), by_piece.std(0, ddof=1)
    expected = np.where(np.abs(mean) >= deviation, mean, 0)
    np.testing.assert_allclose(prune_by_resampling(values, order), expected, atol=1e-10)


def test_pieces_that_cannot_be_used_are_left_out_and_said() -> None:
    values = simulate_linear(LinearModel(variables=3, degree=2), 300, 0).values
    values[60:90, 1] = 0.0
    ends = [slice(30 * k, 30 * k + 30) for k in range(10) if k != 2]
    by_piece = regressions_by_piece(values, [0, 1, 2], ends)
    with pytest.warns(UserWarning, match="1 of 10 pieces"):
        found = prune_by_resampling(values, [0, 1, 2])
    kept = found != 0
    assert kept.any()
    np.testing.assert_allclose(found[kept], by_piece.mean(0)[kept], atol=1e-10)


def test_pruning_needs_enough_usable_pieces() -> None:
    values = simulate_linear(LinearModel(variables=3, degree=2), 300, 0).values
    with pytest.raises(InvalidInput, match="every piece needs more than 3 rows"):
        prune_by_resampling(values[:39], [0, 1, 2])
    values[30:, 1] = 0.0
    with pytest.raises(InvalidInput, match="in 9 of 10 pieces"):
        prune_by_resampling(values, [0, 1, 2])


def test_no_convergence_is_said() -> None:
    values = simulate_linear(LinearModel(variables=8, noise="gaussian"), 500, 0).values
    with pytest.warns(UserWarning, match="did not converge in 3 iterations"):
        fitted = ICALiNGAM(max_iterations=3).fit(values)
    assert not fitted.converged_ and fitted.n_iter_ == 3
    assert is_acyclic(fitted.adjacency_matrix_)


def test_reproducible_at_any_number_of_threads() -> None:
    from threadpoolctl import threadpool_limits

    # Half of the noises Gaussian: here a bare lingam.ICALiNGAM changes edges from one BLAS thread to two.
    values = simulate_linear(LinearModel(variables=30, noise="half_gaussian"), 5000, 0).values
    fits = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fits.append(ICALiNGAM(random_state=5, max_iterations=200).fit(values))
    assert fits[0].causal_order_ == fits[1].causal_order_
    np.testing.assert_array_equal(fits[0].adjacency_matrix_, fits[1].adjacency_matrix_)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown pruning 'none'"):
        ICALiNGAM(prune="none")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="0 runs"):
        mean_over_permutations(toy(), runs=0)


@pytest.mark.parametrize(("scale", "offset"), [(1e200, 0), (1e-200, 0), (1, 1e9)])
def test_columns_that_rounding_spoils_are_refused(scale: float, offset: float) -> None:
    # At this distance from 0 scikit-learn's FastICA warns, goes on, and turns cause and effect round.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInput, match="FastICA fails"):
            ICALiNGAM().fit(toy() * scale + offset)
