"""DirectLiNGAM against the lingam package itself, its recorded runs, and data whose answer is known."""

import warnings
from pathlib import Path

import lingam
import numpy as np
import pytest
import torch
from lingam.utils import make_prior_knowledge
from numpy.typing import NDArray
from scipy import stats

from get_core.causal.columns import deviations, variance_inflation
from get_core.causal.direct import DirectLiNGAM
from get_core.causal.estimator import UncertainDirections
from get_core.errors import InvalidInput

Matrix = NDArray[np.float64]

VARIANTS = [
    {"dtype": "float64"},
    {"dtype": "float32"},
    {"dtype": "float32", "threads": 2},
    {"dtype": "float64", "device": torch.device("cpu")},
    {"dtype": "float32", "device": torch.device("cpu")},
]


def structural(seed: int) -> Matrix:
    """Return a small random data set: any density, noises of any kind, hidden causes, columns of any scale."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(3, 18))
    n = int(rng.choice([2 * d, 150, 500, 1500]))
    weights = np.tril(rng.random((d, d)) < rng.choice([2 / d, 0.5, 1.0]), -1) * rng.uniform(-1, 1, (d, d))
    draws = [rng.laplace, rng.normal, rng.exponential, rng.logistic, lambda size: rng.standard_t(2, size)]
    kinds = rng.choice([[0] * d, [1] * d, [4] * d, rng.integers(0, 5, d), rng.integers(0, 2, d)])
    x = np.stack([draws[kind](size=n) for kind in kinds])
    x += rng.integers(0, 2) * rng.normal(size=(d, 2)) @ rng.laplace(size=(2, n))
    for i in range(d):
        x[i] += weights[i] @ x
    return (x * 10.0 ** rng.uniform(-1, 1, (d, 1)) + rng.normal(size=(d, 1)))[rng.permutation(d)].T


def toy(n: int = 2000) -> Matrix:
    """x causes y: column 0 is y, column 1 is x."""
    rng = np.random.default_rng(0)
    x = rng.laplace(size=n)
    return np.column_stack([0.8 * x + rng.laplace(size=n), x])


@pytest.fixture(autouse=True)
def _quiet() -> None:
    warnings.simplefilter("ignore", UncertainDirections)


@pytest.mark.parametrize("variant", VARIANTS)
def test_direction_of_a_known_model(variant: dict) -> None:
    fitted = DirectLiNGAM(**variant).fit(toy())
    assert fitted.causal_order_ == [1, 0]
    assert fitted.adjacency_matrix_[0, 1] == pytest.approx(0.8, abs=0.05)
    assert fitted.adjacency_matrix_[1, 0] == 0


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_package(seed: int) -> None:
    values = structural(seed)
    expected = lingam.DirectLiNGAM().fit(values)
    unit = np.divide.outer(deviations(values), deviations(values))
    for variant in VARIANTS if seed < 10 else VARIANTS[:2]:
        found = DirectLiNGAM(**variant).fit(values)
        assert found.causal_order_ == list(expected.causal_order_)
        np.testing.assert_array_equal(found.adjacency_matrix_ != 0, expected.adjacency_matrix_ != 0)
        np.testing.assert_allclose(found.adjacency_matrix_ / unit, expected.adjacency_matrix_ / unit, atol=1e-8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_recorded_run(shared: Path, variant: dict) -> None:
    with np.load(shared / "parity" / "lingam" / "a_laplace_sparse.npz", allow_pickle=False) as recorded:
        found = DirectLiNGAM(**variant).fit(recorded["X"])
        assert found.causal_order_ == recorded["direct_order"].tolist()
        np.testing.assert_allclose(found.adjacency_matrix_, recorded["direct_adj"], atol=1e-8, rtol=0)
        best, second = recorded["step_best"], recorded["step_second"]
    accuracy = 1e-14 if variant["dtype"] == "float64" else 1e-5
    np.testing.assert_allclose(found.search_.scores, np.abs(best), atol=accuracy)
    if "device" in variant:
        np.testing.assert_allclose(found.search_.runners_up, np.abs(second), atol=accuracy)
    else:
        assert (np.asarray(found.search_.runners_up) <= np.abs(second) + accuracy).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_columns_does_not_matter(dtype: str, seed: int) -> None:
    values = structural(seed)
    permutation = np.random.default_rng(seed).permutation(values.shape[1])
    plain = DirectLiNGAM(dtype=dtype).fit(values)
    permuted = DirectLiNGAM(dtype=dtype).fit(values[:, permutation])
    assert permutation[permuted.causal_order_].tolist() == plain.causal_order_
    np.testing.assert_allclose(
        permuted.adjacency_matrix_, plain.adjacency_matrix_[np.ix_(permutation, permutation)], rtol=1e-7, atol=1e-9
    )


def test_scale_and_offset_of_columns_do_not_matter() -> None:
    values = structural(3)
    factor = 10.0 ** np.random.default_rng(0).uniform(-150, 150, values.shape[1])
    plain, scaled = DirectLiNGAM().fit(values), DirectLiNGAM().fit(values * factor)
    assert scaled.causal_order_ == plain.causal_order_
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            scaled.adjacency_matrix_, plain.adjacency_matrix_ * np.divide.outer(factor, factor), rtol=1e-6
        )


def prior_of(values: Matrix, seed: int) -> NDArray[np.int64]:
    """Return prior knowledge that contradicts nothing but the data: paths and absences along a random order."""
    rng = np.random.default_rng(seed)
    d = values.shape[1]
    order = rng.permutation(d)
    prior = np.full((d, d), -1)
    for early in range(d):
        for late in range(early + 1, d):
            cause, effect = order[early], order[late]
            match rng.integers(0, 6):
                case 0:
                    prior[effect, cause] = 1
                case 1:
                    prior[cause, effect] = 0
                case 2:
                    prior[cause, effect] = prior[effect, cause] = 0
    return prior


@pytest.mark.parametrize("seed", range(12))
def test_prior_knowledge_equals_the_packages(seed: int) -> None:
    values = structural(seed)
    prior = prior_of(values, seed)
    expected = lingam.DirectLiNGAM(prior_knowledge=prior).fit(values)
    unit = np.divide.outer(deviations(values), deviations(values))
    for device in ("cpu", torch.device("cpu")):
        found = DirectLiNGAM(prior_knowledge=prior, device=device).fit(values)
        assert found.causal_order_ == list(expected.causal_order_)
        np.testing.assert_allclose(found.adjacency_matrix_ / unit, expected.adjacency_matrix_ / unit, atol=1e-8)


def test_prior_knowledge_of_sources_and_sinks() -> None:
    values = structural(8)
    d = values.shape[1]
    prior = make_prior_knowledge(d, exogenous_variables=[d - 1], sink_variables=[0])
    found = DirectLiNGAM(prior_knowledge=prior).fit(values)
    assert found.causal_order_[0] == d - 1
    assert found.causal_order_[-1] == 0


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ([[0, 1], [1, 0]], "and back"),
        ([[-1, -1, 1], [1, -1, -1], [-1, 1, -1]], "no first variable among 0, 1, 2"),
        ([[0, 2], [-1, 0]], "square matrix of -1, 0 and 1"),
        ([[0, -1]], "square matrix"),
    ],
)
def test_impossible_prior_knowledge_is_refused(prior: list, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        DirectLiNGAM(prior_knowledge=prior)


def test_prior_knowledge_about_other_data_is_refused() -> None:
    with pytest.raises(InvalidInput, match="about 3 variables; the matrix has 2"):
        DirectLiNGAM(prior_knowledge=np.full((3, 3), -1)).fit(toy())


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"effects": "ridge"},
        {"threads": 0},
        {"max_parents": -1},
        {"max_parents": 2, "effects": "least_squares"},
    ],
)
def test_impossible_settings_are_refused(options: dict) -> None:
    with pytest.raises(InvalidInput):
        DirectLiNGAM(**options)


def test_effects_by_least_squares_are_all_there() -> None:
    values = structural(5)
    found = DirectLiNGAM(effects="least_squares").fit(values)
    order = found.causal_order_
    last, before = order[-1], order[:-1]
    design = np.column_stack([values[:, before], np.ones(len(values))])
    expected = np.linalg.lstsq(design, values[:, last], rcond=None)[0][:-1]
    np.testing.assert_allclose(found.adjacency_matrix_[last, before], expected, rtol=1e-7)


def test_no_variable_has_more_causes_than_allowed() -> None:
    values = structural(2)
    assert (DirectLiNGAM().fit(values).adjacency_matrix_ != 0).sum(axis=1).max() > 1
    assert (DirectLiNGAM(max_parents=1).fit(values).adjacency_matrix_ != 0).sum(axis=1).max() == 1


def test_gaussian_noise_is_measured_and_warned_of() -> None:
    rng = np.random.default_rng(0)
    loud = rng.laplace(size=(3000, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # One Gaussian noise is identifiable.
        fitted = DirectLiNGAM().fit(np.column_stack([loud, rng.normal(size=3000)]))
    assert (fitted.noise_gaussian_p_[:4] < 1e-9).all()
    assert fitted.noise_gaussian_p_[4] > 0.01
    assert (fitted.noise_negentropy_[:4] > 10 * fitted.noise_negentropy_[4]).all()
    with pytest.warns(UncertainDirections, match=r"noise of 2 of 6 columns.*columns 4, 5"):
        DirectLiNGAM().fit(np.column_stack([loud, rng.normal(size=(3000, 2))]))


def test_p_of_gaussian_noise_is_uniform() -> None:
    rng = np.random.default_rng(1)
    p = [DirectLiNGAM(dtype="float64").fit(rng.normal(size=(400, 3))).noise_gaussian_p_ for _ in range(100)]
    # The first roots are chosen among three, the last noise is what the search leaves.
    assert stats.kstest(np.ravel(p), "uniform").pvalue > 1e-3


def test_near_copies_are_measured_and_warned_of() -> None:
    rng = np.random.default_rng(2)
    values = rng.laplace(size=(2000, 4))
    values[:, 3] = values[:, 1] + 0.05 * rng.laplace(size=2000)
    with pytest.warns(UncertainDirections, match="2 columns are nearly sums of others.*columns 1, 3"):
        fitted = DirectLiNGAM().fit(values)
    inflation = fitted.variance_inflation_
    others = np.column_stack([values[:, :3], np.ones(2000)])
    left = values[:, 3] - others @ np.linalg.lstsq(others, values[:, 3], rcond=None)[0]
    assert inflation[3] == pytest.approx(values[:, 3].var() / left.var(), rel=1e-6)
    assert inflation[0] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(variance_inflation(np.eye(3)), 1)


@pytest.mark.parametrize("closeness", [1e-1, 1e-2, 1e-3, 1e-4])
def test_near_copies_are_ordered_as_by_the_package(closeness: float) -> None:
    rng = np.random.default_rng(4)
    base = rng.laplace(size=(1000, 3))
    values = np.column_stack([base, base[:, 0] + closeness * rng.laplace(size=1000), base.sum(axis=1)])
    values[:, 4] += closeness * rng.exponential(size=1000)
    expected = lingam.DirectLiNGAM().fit(values)
    for dtype in ("float64", "float32"):
        found = DirectLiNGAM(dtype=dtype).fit(values)
        assert found.causal_order_ == list(expected.causal_order_)
        np.testing.assert_allclose(found.adjacency_matrix_, expected.adjacency_matrix_, atol=1e-8)


def test_columns_that_are_dependent_but_for_rounding_give_finite_effects() -> None:
    rng = np.random.default_rng(6)
    base = rng.laplace(size=(400, 3))
    sums = np.column_stack([base @ [1, 1, 0], base @ [1, -1, 1], base @ [0, 1, 1]])
    for closeness in 10.0 ** -np.arange(3.0, 5.0, 0.25):
        fitted = DirectLiNGAM().fit(np.column_stack([base, sums + closeness * rng.laplace(size=(400, 3))]))
        assert sorted(fitted.causal_order_) == list(range(6))
        assert np.isfinite(fitted.search_.scores).all() and np.isfinite(fitted.adjacency_matrix_).all()


def test_what_the_search_reports() -> None:
    values = structural(0)
    d = values.shape[1]
    search = DirectLiNGAM().fit(values).search_
    assert len(search.scores) == len(search.runners_up) == len(search.gaps) == d - 1
    assert 0 < search.pairs_evaluated <= search.pairs_total == sum(k * (k - 1) // 2 for k in range(2, d + 1))
    with pytest.raises(AttributeError, match="call fit"):
        _ = DirectLiNGAM().search_
