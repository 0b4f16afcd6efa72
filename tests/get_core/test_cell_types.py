"""Networks of a whole atlas: each as alone, the pooled one from a fair and repeatable draw, failures as values."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from get_core.causal import FailedNetwork, atlas_networks, causal_network, pooled_rows
from get_core.causal.cell_types import AGNOSTIC_ROWS
from get_core.causal.network import CausalNetwork
from get_core.errors import InvalidInput

MOTIFS = ["Z", "X", "Y", "EMPTY"]


def chain(seed: int, n: int = 800) -> NDArray[np.float64]:
    """x -> y -> z; columns as MOTIFS."""
    rng = np.random.default_rng(seed)
    x = rng.exponential(size=n)
    y = 0.8 * x + rng.exponential(size=n)
    return np.column_stack([-0.9 * y + rng.exponential(size=n), x, y, np.zeros(n)])


class Loaded(Mapping[str, NDArray[np.float64]]):
    """Matrices that are made on access, and a count of how many were."""

    def __init__(self, seeds: dict[str, int]) -> None:
        self.seeds, self.loads = seeds, 0

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        self.loads += 1
        return chain(self.seeds[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.seeds)

    def __len__(self) -> int:
        return len(self.seeds)


def test_each_cell_type_as_alone_and_all_together() -> None:
    matrices = {"K562": chain(0), "HepG2": chain(1), "broken": np.zeros((5, 4)), "narrow": np.ones((9, 2))}
    seen: list[tuple[int, int]] = []
    found = atlas_networks(
        matrices, MOTIFS, sample=700, seed=3, progress=lambda done, total: seen.append((done, total))
    )
    assert list(found.networks) == ["K562", "HepG2"]
    for name, network in found.networks.items():
        assert network == causal_network(matrices[name], MOTIFS)
        assert network.dropped == (("EMPTY", "constant"),)
        assert network.zscore_ddof == 0
        assert [(edge.cause, edge.effect) for edge in network.edges] == [("Y", "Z"), ("X", "Y")]
    assert set(found.failed) == {"broken", "narrow"}
    assert "only 0 of 4 motifs" in found.failed["broken"].message
    assert found.failed["broken"].cure
    assert "4 motifs are named" in found.failed["narrow"].message
    assert isinstance(found.agnostic, CausalNetwork)
    assert found.agnostic.n_rows == 700
    del matrices["narrow"]
    assert found.agnostic == causal_network(pooled_rows(matrices, sample=700, seed=3).matrix, MOTIFS)
    assert seen == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_agnostic_failure_is_a_value() -> None:
    found = atlas_networks({"a": np.zeros((5, 4))}, MOTIFS)
    assert isinstance(found.agnostic, FailedNetwork)
    assert not found.networks
    only_narrow = atlas_networks({"a": np.zeros((5, 2))}, MOTIFS)
    assert isinstance(only_narrow.agnostic, FailedNetwork)
    assert "none at all" in only_narrow.agnostic.message


def test_draw_is_without_replacement_seeded_and_independent_of_order() -> None:
    matrices = {name: chain(seed) for name, seed in (("b", 0), ("a", 1), ("c", 2))}
    first = pooled_rows(matrices, sample=1000, seed=5)
    again = pooled_rows(dict(reversed(matrices.items())), sample=1000, seed=5)
    np.testing.assert_array_equal(first.matrix, again.matrix)
    assert list(first.rows) == ["a", "b", "c"]
    assert first.n_available == 2400
    np.testing.assert_array_equal(first.matrix, np.concatenate([matrices[n][rows] for n, rows in first.rows.items()]))
    for rows in first.rows.values():
        assert len(set(rows.tolist())) == len(rows)
        # Hypergeometric: mean 333.3, standard deviation 11.4.
        assert abs(len(rows) - 1000 / 3) < 6 * 11.4
    assert not np.array_equal(first.matrix, pooled_rows(matrices, sample=1000, seed=6).matrix)


def test_all_rows_are_taken_where_there_are_no_more() -> None:
    assert AGNOSTIC_ROWS == 50_000
    matrices = {"a": chain(0, 30), "b": chain(1, 20)}
    pooled = pooled_rows(matrices)
    np.testing.assert_array_equal(pooled.matrix, np.concatenate([matrices["a"], matrices["b"]]))
    assert pooled.rows["b"].tolist() == list(range(20))


def test_matrices_may_be_loaded_on_access() -> None:
    loaded = Loaded({"a": 0, "b": 1})
    found = atlas_networks(loaded, MOTIFS, sample=500)
    assert found == atlas_networks({"a": chain(0), "b": chain(1)}, MOTIFS, sample=500)
    assert loaded.loads <= 10


def test_bad_calls_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no cell type"):
        atlas_networks({}, MOTIFS)
    with pytest.raises(InvalidInput, match="a sample of 0 rows"):
        pooled_rows({"a": chain(0)}, sample=0)
    with pytest.raises(InvalidInput, match=r"b \(9, 2\)"):
        pooled_rows({"a": chain(0, 20), "b": np.zeros((9, 2))})
