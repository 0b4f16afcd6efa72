"""The correlation network against scipy, against regressions, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from get_core.causal import CorrelationNetwork, causal_network, correlation_network, partial_correlation, spearman
from get_core.causal.correlation import _ranked, pearson
from get_core.errors import InvalidInput


def tied(n: int = 700, d: int = 12) -> NDArray[np.float64]:
    """Heavy tails, a third zeros, one column of a few whole numbers, dependence between neighbours."""
    rng = np.random.default_rng(0)
    values = rng.standard_t(2, size=(n, d))
    values[:, 1:] += 0.5 * values[:, :-1]
    values[rng.random((n, d)) < 0.3] = 0.0
    values[:, 3] = np.round(values[:, 3])
    return values


def test_spearman_equals_scipy() -> None:
    ours = spearman(tied())
    np.testing.assert_allclose(ours, stats.spearmanr(tied()).statistic, rtol=0, atol=1e-12)
    assert (ours == ours.T).all()
    assert (np.diag(ours) == 1).all()


@given(arrays(np.float64, (9, 4), elements=st.integers(-3, 3).map(float) | st.floats(-1e300, 1e300)))
def test_ranks_equal_scipy(values: NDArray[np.float64]) -> None:
    np.testing.assert_array_equal(_ranked(values.T), stats.rankdata(values.T, axis=1))


def test_ranks_by_hand() -> None:
    assert _ranked(np.array([[3.0, 1.0, 3.0, 2.0, 3.0]])).tolist() == [[4.0, 1.0, 4.0, 2.0, 4.0]]


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_pearson_equals_numpy_at_any_scale(scale: float) -> None:
    np.testing.assert_allclose(pearson(tied() * scale), np.corrcoef(tied().T), rtol=0, atol=1e-12)


def test_constant_column_correlates_with_nothing() -> None:
    values = tied(50, 4)
    values[:, 2] = 7.0
    found = spearman(values)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    rest = np.delete(values, 2, axis=1)
    np.testing.assert_allclose(found[np.ix_([0, 1, 3], [0, 1, 3])], spearman(rest), atol=1e-15)


def test_partial_correlation_is_that_of_residuals() -> None:
    values = tied()
    found = partial_correlation(pearson(values))
    others = np.column_stack([np.ones(len(values)), values[:, 2:]])
    residuals = values[:, :2] - others @ np.linalg.lstsq(others, values[:, :2], rcond=None)[0]
    assert found[0, 1] == pytest.approx(np.corrcoef(residuals.T)[0, 1], abs=1e-10)
    assert (found == found.T).all()


def test_partial_correlation_of_a_chain_by_hand() -> None:
    # x -> y -> z with correlations 0.6 and 0.5: r(x, z | y) = (0.3 - 0.6·0.5) / ... = 0.
    chain = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.5], [0.3, 0.5, 1.0]])
    found = partial_correlation(chain)
    assert found[0, 2] == pytest.approx(0.0, abs=1e-15)
    assert found[0, 1] == pytest.approx((0.6 - 0.3 * 0.5) / np.sqrt((1 - 0.3**2) * (1 - 0.5**2)))


def test_singular_correlation_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be inverted"):
        partial_correlation(np.ones((3, 3)))


def by_hand(fraction: float) -> CorrelationNetwork:
    """Four rows of ranks: r(a,b) = 1 - 6·2/60 = 0.8, r(a,c) = -0.8, r(b,c) = -0.6."""
    values = np.array([[1, 2, 4], [2, 1, 3], [3, 3, 1], [4, 4, 2]], float)
    return correlation_network(values, "abc", top_fraction=fraction)


def test_pairs_that_tie_with_the_last_are_selected_as_well() -> None:
    network = by_hand(0.05)
    assert [(edge.motif_a, edge.motif_b, edge.rank) for edge in network.edges] == [
        ("a", "b", 1),
        ("a", "c", 1),
        ("b", "c", 3),
    ]
    assert [round(edge.correlation, 12) for edge in network.edges] == [0.8, -0.8, -0.6]
    assert len(network.selected) == 2
    assert len(by_hand(1.0).selected) == 3
    assert set(network.graph(selected_only=True).edges) == {("a", "b"), ("a", "c")}
    assert network.graph().number_of_edges() == 3


def test_same_motifs_as_in_the_causal_network() -> None:
    rng = np.random.default_rng(1)
    x, y, z = rng.exponential(size=(3, 400))
    values = np.column_stack([x, y + x, np.zeros(400), 2 * x, z])
    names = ["X", "Y", "EMPTY", "COPY", "Z"]
    for measure in ("spearman", "partial"):
        network = correlation_network(values, names, measure=measure)
        assert network.motifs == causal_network(values, names).motifs == ("X", "Y", "Z")
        assert dict(network.dropped) == {"EMPTY": "constant", "COPY": "duplicate of X"}
        assert (network.edges[0].motif_a, network.edges[0].motif_b) == ("X", "Y")


@pytest.mark.parametrize(
    ("settings", "message"), [({"measure": "kendall"}, "unknown correlation"), ({"top_fraction": 0.0}, "outside")]
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        correlation_network(tied(), [f"m{i}" for i in range(12)], **settings)


@pytest.mark.parametrize(("values", "message"), [(np.zeros(4), "shape"), ([[1.0, np.nan]], "column 1 is not finite")])
def test_unusable_values_are_refused(values: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        spearman(values)  # pyright: ignore[reportArgumentType]
