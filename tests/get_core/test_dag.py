"""Order, acyclicity and total effects against networkx and sums over paths."""

from math import prod

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from get_core.causal.dag import is_acyclic, topological_order, total_effects
from get_core.errors import InvalidInput


def random_effects(seed: int, *, cyclic: bool = False) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 9))
    effects = rng.uniform(-2, 2, (d, d)) * (rng.random((d, d)) < 0.4)
    if not cyclic:
        order = rng.permutation(d)
        effects = np.tril(effects, -1)[np.ix_(order, order)]
    return effects


def graph_of(effects: NDArray) -> networkx.DiGraph:
    return networkx.from_numpy_array(effects.T, create_using=networkx.DiGraph)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_acyclic_and_ordered_as_networkx_says(seed: int, cyclic: bool) -> None:
    effects = random_effects(seed, cyclic=cyclic)
    graph = graph_of(effects)
    expected = networkx.is_directed_acyclic_graph(graph)
    assert is_acyclic(effects) is expected
    order = list(networkx.lexicographical_topological_sort(graph)) if expected else None
    assert topological_order(effects) == order


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_total_effect_is_the_sum_over_paths(seed: int) -> None:
    effects = random_effects(seed)
    total = total_effects(effects)
    graph = graph_of(effects)
    for cause in graph:
        for effect in graph:
            paths = networkx.all_simple_edge_paths(graph, cause, effect) if cause != effect else ()
            expected = sum(prod(effects[j, i] for i, j in path) for path in paths)
            assert total[effect, cause] == pytest.approx(expected, abs=1e-12)


def test_total_effect_of_a_chain_and_its_shortcut() -> None:
    # 0 → 1 (2), 1 → 2 (3), 0 → 2 (0.5): the total effect of 0 on 2 is 0.5 + 2 · 3.
    effects = np.array([[0, 0, 0], [2.0, 0, 0], [0.5, 3.0, 0]])
    np.testing.assert_array_equal(total_effects(effects), [[0, 0, 0], [2, 0, 0], [6.5, 3, 0]])


def test_a_cycle_has_no_total_effect() -> None:
    with pytest.raises(InvalidInput, match="cycle"):
        total_effects([[0, 0.5], [0.5, 0]])


def test_an_effect_on_itself_is_a_cycle() -> None:
    assert not is_acyclic(np.eye(3))
    assert topological_order(np.eye(3)) is None
