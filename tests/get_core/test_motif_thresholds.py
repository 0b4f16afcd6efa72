"""Thresholds against the enumeration of all words and against plain convolution."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from get_core.motif_thresholds import loss_limits

BACKGROUND = np.array([0.2977, 0.2023, 0.2023, 0.2977])


def limits_of(matrices: list[np.ndarray], most: list[int], p_value: float) -> list[int]:
    ends = np.cumsum([0] + [len(matrix) for matrix in matrices])
    limits = np.empty(len(matrices), np.int64)
    loss_limits(np.concatenate(matrices).astype(np.int32), ends, np.array(most), p_value, BACKGROUND, limits)
    return limits.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3, 40, 1000]), st.floats(1e-4, 0.9), st.integers(0, 2000))
def test_the_limit_is_the_highest_loss_within_the_p_value(seed: int, scale: int, p_value: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = [rng.integers(0, scale, (width, 4)) for width in rng.integers(1, 6, 3)]
    matrices = [matrix - matrix.min(axis=1, keepdims=True) for matrix in matrices]
    for matrix, limit in zip(matrices, limits_of(matrices, [most] * 3, p_value), strict=True):
        chance = Counter()
        for word in product(range(4), repeat=len(matrix)):
            chance[int(matrix[np.arange(len(matrix)), word].sum())] += BACKGROUND[list(word)].prod()

        def tail(lost: int, chance: Counter = chance) -> float:
            return sum(value for loss, value in chance.items() if loss <= lost)

        assert -1 <= limit <= most
        assert tail(limit) <= p_value * (1 + 2e-9)
        highest = min(most, sum(matrix.max(axis=1)))
        assert limit == highest or tail(limit + 1) > p_value * (1 - 2e-9)


def test_wide_matrices_have_the_limit_of_the_whole_distribution() -> None:
    # All sums of up to 30 columns, none left out because it is above what may be lost.
    rng = np.random.default_rng(1)
    matrices = [np.rint(-256 * np.log(rng.dirichlet([0.5] * 4, width) + 0.003)).astype(int) for width in range(6, 31)]
    matrices = [matrix - matrix.min(axis=1, keepdims=True) for matrix in matrices]
    expected = []
    for matrix in matrices:
        chance = np.ones(1)
        for column in matrix:
            spread = np.zeros((4, column.max() + 1))
            spread[range(4), column] = BACKGROUND
            chance = np.convolve(chance, spread.sum(axis=0))
        expected.append(int(np.searchsorted(np.cumsum(chance), 1e-4 * (1 + 1e-9), side="right")) - 1)
    assert limits_of(matrices, [10**6] * len(matrices), 1e-4) == expected
    assert limits_of(matrices, [200] * len(matrices), 1e-4) == [min(200, limit) for limit in expected]


@pytest.mark.parametrize("most", [-5, -1, 0])
def test_a_matrix_without_a_positive_score_has_no_limit_above_it(most: int) -> None:
    assert limits_of([np.array([[0, 1, 2, 3]])], [most], 0.9) == [max(most, -1)]
