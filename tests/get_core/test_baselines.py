import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr

from get_core.baselines import from_accessibility, mean_cell_type, nearest_cell_type
from get_core.errors import InvalidInput
from get_core.evaluation import across_cell_types

VALUES = np.array([[1.0, 2.0, 3.0, 9.0], [2.0, 4.0, 6.0, 0.0], [3.0, 1.0, 0.0, 5.0]])
KNOWN = np.array([True, True, True, False])


def test_mean_of_the_others() -> None:
    np.testing.assert_array_equal(mean_cell_type(VALUES, 0), [2.5, 2.5, 3.0, 2.5])
    changed = VALUES.copy()
    changed[0] = 77
    np.testing.assert_array_equal(mean_cell_type(changed, 0), mean_cell_type(VALUES, 0))


def test_nearest_looks_at_known_entries_only() -> None:
    predicted, nearest = nearest_cell_type(VALUES, 0, KNOWN)
    assert nearest == 1
    np.testing.assert_array_equal(predicted, VALUES[1])
    changed = VALUES.copy()
    changed[0, 3] = -1000
    assert nearest_cell_type(changed, 0, KNOWN)[1] == 1
    assert nearest_cell_type(VALUES, 0, np.array([False, False, True, True]))[1] == 2


def test_a_constant_cell_type_is_never_nearest() -> None:
    values = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [3.0, 2.0, 1.5]])
    assert nearest_cell_type(values, 0, np.ones(3, bool))[1] == 2


@given(st.integers(0, 2**32 - 1))
def test_line_is_least_squares(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.random(20), generator.random(20)
    known = np.arange(20) < 12
    fit = linregress(x[known], y[known])
    np.testing.assert_allclose(from_accessibility(x, y, known), fit.intercept + fit.slope * x, atol=1e-9)


def test_line_on_constant_accessibility_is_the_mean() -> None:
    known = np.array([True, True, False])
    np.testing.assert_array_equal(from_accessibility(np.ones(3), [1.0, 3.0, 50.0], known), [2.0, 2.0, 2.0])


def test_per_gene_correlation() -> None:
    generator = np.random.default_rng(0)
    observed, predicted = generator.random((6, 5)), generator.random((6, 5))
    observed[:, 3] = 2.0
    found = across_cell_types(observed, predicted)
    for gene in (0, 1, 2, 4):
        assert found[gene] == pytest.approx(pearsonr(observed[:, gene], predicted[:, gene])[0])
    assert np.isnan(found[3])
    assert np.isnan(across_cell_types(observed[:2], predicted[:2])).all()


def test_a_gene_that_is_high_everywhere_is_no_merit() -> None:
    # Ordered rightly in each cell type, wrongly over them.
    observed = np.array([[1.0, 10.0], [2.0, 11.0], [3.0, 12.0]])
    assert across_cell_types(observed, observed[::-1]).tolist() == pytest.approx([-1, -1])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: mean_cell_type(VALUES[:1], 0),
        lambda: mean_cell_type(VALUES, 3),
        lambda: nearest_cell_type(VALUES, 0, np.zeros(4, bool)),
        lambda: from_accessibility(VALUES[0], VALUES[1], np.zeros(4, bool)),
        lambda: across_cell_types(VALUES, VALUES[:2]),
        lambda: across_cell_types(VALUES * np.nan, VALUES),
    ],
)
def test_refusals(ask) -> None:
    with pytest.raises(InvalidInput):
        ask()
