"""LiNGAM estimators against recorded runs of lingam 1.13 and of R's pcalg, and on input they must refuse."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from get_core.causal import DirectLiNGAM, ICALiNGAM
from get_core.causal.columns import standardise, unusable_columns
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


@pytest.mark.parametrize("estimator", [DirectLiNGAM(), ICALiNGAM(random_state=0)])
def test_cause_and_effect_of_two_variables(estimator: DirectLiNGAM | ICALiNGAM) -> None:
    fitted = estimator.fit(X=toy())  # the argument is called as in the package lingam
    assert fitted is estimator
    assert fitted.causal_order_ == [1, 0]
    assert fitted.adjacency_matrix_[0, 1] == pytest.approx(0.8, abs=0.05)
    assert fitted.adjacency_matrix_[1, 0] == 0


def test_direct_equals_recorded_run(recorded: dict[str, NDArray]) -> None:
    fitted = DirectLiNGAM().fit(recorded["X"])
    assert fitted.causal_order_ == recorded["direct_order"].tolist()
    np.testing.assert_allclose(fitted.adjacency_matrix_, recorded["direct_adj"], atol=1e-8, rtol=0)


@pytest.mark.parametrize("estimator", [DirectLiNGAM(), ICALiNGAM(random_state=3)])
def test_pcalg_runs_on_five_variables(estimator: DirectLiNGAM | ICALiNGAM, sem5: dict[str, NDArray]) -> None:
    ours = estimator.fit(standardise(sem5["X"])).adjacency_matrix_
    for run in sem5["official_runs"]:
        np.testing.assert_allclose(ours, run, atol=0.06, rtol=0)
        np.testing.assert_array_equal(np.abs(ours) > 0.1, np.abs(run) > 0.1)


def test_direct_ignores_the_order_of_columns(sem5: dict[str, NDArray]) -> None:
    permutation = np.array([3, 1, 4, 0, 2])
    plain = DirectLiNGAM().fit(sem5["X"])
    permuted = DirectLiNGAM().fit(sem5["X"][:, permutation])
    assert [int(permutation[column]) for column in permuted.causal_order_] == plain.causal_order_
    np.testing.assert_allclose(
        permuted.adjacency_matrix_, plain.adjacency_matrix_[np.ix_(permutation, permutation)], atol=1e-10
    )


def test_results_are_read_only_and_input_is_untouched() -> None:
    values = toy()
    before = values.copy()
    fitted = DirectLiNGAM().fit(values)
    np.testing.assert_array_equal(values, before)
    with pytest.raises(ValueError, match="read-only"):
        fitted.adjacency_matrix_[0, 0] = 1
    with pytest.raises(AttributeError):
        fitted.adjacency_matrix_ = np.zeros((2, 2))  # type: ignore[misc]
    fitted.causal_order_.reverse()
    assert fitted.causal_order_ == [1, 0]


def test_unfitted_estimator_says_so() -> None:
    with pytest.raises(AttributeError, match="call fit"):
        _ = ICALiNGAM().causal_order_


def columns(*extra: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([toy(200), *extra])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (columns(np.full(200, 0.1)), "column 2: constant"),
        (columns(toy(200)[:, 0]), "column 2: duplicate of column 0"),
        (columns(5 - 3 * toy(200)[:, 1]), "column 2: duplicate of column 1"),
        (columns(toy(200).sum(axis=1)), "column 2: linear combination"),
        (columns(np.where(np.arange(200) == 7, np.nan, 1.0)), "column 2: NaN or infinite in 1 of 200 rows"),
        (columns(np.full(200, np.inf)), "column 2: NaN or infinite in 200 of 200 rows"),
        (toy(2), "2 observations cannot tell 2 variables apart"),
        (toy()[:, :1], "at least two variables"),
        (toy()[:, 0], "1-dimensional"),
        (np.array([["a", "b"]] * 5), "real numbers"),
        (toy() * 1j, "real numbers"),
    ],
)
def test_unusable_input_is_named(values: NDArray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        DirectLiNGAM().fit(values)
    assert getattr(caught.value, "__notes__", []) or "two variables" in message


def test_what_remains_after_dropping_has_full_rank() -> None:
    rng = np.random.default_rng(0)
    base = rng.laplace(size=(300, 4))
    values = np.column_stack([base, -base[:, 0], base[:, 1] + base[:, 2], base[:, 3] * 1e9, np.zeros(300)])
    unusable = [bad.column for bad in unusable_columns(values)]
    assert unusable == [4, 5, 6, 7]
    assert np.linalg.matrix_rank(np.delete(values, unusable, axis=1)) == 4


def test_near_copies_are_kept() -> None:
    rng = np.random.default_rng(0)
    x = rng.laplace(size=500)
    assert unusable_columns(np.column_stack([x, x + 1e-3 * rng.laplace(size=500)])) == ()


def test_standardise_is_population_zscore_at_any_scale() -> None:
    values = toy(50)
    expected = (values - values.mean(0)) / values.std(0, ddof=0)
    np.testing.assert_allclose(standardise(values), expected, atol=1e-12)
    np.testing.assert_allclose(standardise(values * [1e200, 1e-200]), expected, atol=1e-12)
