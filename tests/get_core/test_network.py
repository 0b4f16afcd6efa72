"""The named network: direction, selection, dropped motifs, recovery of planted edges."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from get_core.causal import CausalEdge, CausalNetwork, causal_network, recovery
from get_core.causal.edges import TOP_FRACTION, ranked_edges
from get_core.errors import InvalidInput


def chain(n: int = 1500) -> NDArray[np.float64]:
    """x -> y -> z with weights 0.8 and -0.9; columns z, x, y."""
    rng = np.random.default_rng(0)
    x = rng.exponential(size=n)
    y = 0.8 * x + rng.exponential(size=n)
    return np.column_stack([-0.9 * y + rng.exponential(size=n), x, y])


def by_hand(weights: list[tuple[str, str, float]], top_fraction: float, motifs: str = "abcd") -> CausalNetwork:
    """Network with given (cause, effect, weight)."""
    effects = np.zeros((len(motifs), len(motifs)))
    for cause, effect, weight in weights:
        effects[motifs.index(effect), motifs.index(cause)] = weight
    return CausalNetwork(
        motifs=tuple(motifs),
        order=tuple(motifs),
        edges=ranked_edges(effects, tuple(motifs), top_fraction),
        method="direct",
        seed=None,
        n_rows=10,
        top_fraction=top_fraction,
        dropped=(),
    )


@pytest.mark.parametrize("method", ["direct", "ica"])
def test_two_motifs_point_from_cause_to_effect(method) -> None:
    network = causal_network(chain()[:, [2, 1]], ["Y", "X"], method=method)
    (edge,) = network.edges
    assert (edge.cause, edge.effect) == ("X", "Y")
    assert list(network.graph().edges) == [("X", "Y")]
    assert network.order == ("X", "Y")


def test_graph_and_adjacency_agree_on_direction() -> None:
    network = causal_network(chain(), ["Z", "X", "Y"], top_fraction=0.5)
    graph, matrix = network.graph(), network.adjacency()
    assert set(graph.edges) == {("X", "Y"), ("Y", "Z")}
    assert graph["Y"]["Z"]["weight"] == matrix[0, 2] < 0
    assert graph["X"]["Y"]["weight"] == matrix[2, 1] > 0
    assert network.order == ("X", "Y", "Z")
    assert graph.out_degree("X") == 1
    assert graph.in_degree("X") == 0


def test_weights_are_on_the_zscore_scale() -> None:
    values = chain()
    plain = causal_network(values, ["Z", "X", "Y"])
    scaled = causal_network(values * [1e6, 1e-6, -1.0] + 7, ["Z", "X", "Y"])
    np.testing.assert_allclose(scaled.adjacency()[2, 1], -plain.adjacency()[2, 1], atol=1e-9)
    assert plain.adjacency()[2, 1] == pytest.approx(np.corrcoef(values[:, 1], values[:, 2])[0, 1], abs=0.01)
    assert plain.zscore_ddof == 0


def test_recorded_names_and_directions(shared: Path) -> None:
    with np.load(shared / "parity" / "lingam" / "sem5.npz", allow_pickle=False) as file:
        network = causal_network(file["X"], file["columns"].tolist())
        truth = file["B_true"]
        names = file["columns"].tolist()
    expected = {(names[j], names[i]) for i, j in zip(*np.nonzero(truth), strict=True)}
    assert {(edge.cause, edge.effect) for edge in network.edges} == expected
    assert ("RBPJ", "TFAP2/1") in expected
    assert recovery(network, expected).auprc == 1.0


def test_ranks_percentiles_and_ties_by_hand() -> None:
    weights = [("a", "b", 0.5), ("b", "c", -0.9), ("a", "c", -0.5), ("a", "d", 0.1)]
    edges = by_hand(weights, 0.5).edges
    assert edges == (
        CausalEdge("b", "c", -0.9, 1, 100.0, True),
        CausalEdge("a", "b", 0.5, 2, 75.0, True),
        CausalEdge("a", "c", -0.5, 2, 75.0, True),
        CausalEdge("a", "d", 0.1, 4, 25.0, False),
    )


@pytest.mark.parametrize(("fraction", "expected"), [(0.01, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_top_fraction_rounds_up(fraction: float, expected: int) -> None:
    weights = [("a", "b", 0.4), ("b", "c", 0.3), ("a", "c", 0.2), ("a", "d", 0.1)]
    assert len(by_hand(weights, fraction).selected) == expected


def test_top_five_percent_of_a_hundred_edges() -> None:
    assert TOP_FRACTION == 0.05
    motifs = tuple(f"m{number:02d}" for number in range(15))
    effects = np.tril(np.arange(1.0, 226.0).reshape(15, 15), -1)
    edges = ranked_edges(effects, motifs, 0.05)
    assert len(edges) == 105
    assert sum(edge.selected for edge in edges) == 6
    assert sum(edge.selected for edge in ranked_edges(effects[:, ::-1][::-1], motifs, 0.2)) == 21


def test_no_edges_is_a_result() -> None:
    assert by_hand([], 0.05).edges == ()


def test_motifs_that_cannot_be_analysed_are_dropped_with_a_reason() -> None:
    z, x, y = chain().T
    broken = np.where(np.arange(len(x)) < 3, np.nan, x)
    values = np.column_stack([z, x, y, np.zeros(len(x)), 2 * y, broken, x - y])
    network = causal_network(values, ["Z", "X", "Y", "EMPTY", "COPY", "BROKEN", "SUM"])
    assert network.motifs == ("Z", "X", "Y")
    assert dict(network.dropped) == {
        "EMPTY": "constant",
        "COPY": "duplicate of Y",
        "BROKEN": "NaN or infinite in 3 of 1500 rows",
        "SUM": "linear combination of earlier columns",
    }
    assert network.edges == causal_network(chain(), ["Z", "X", "Y"]).edges


@pytest.mark.parametrize("method", ["direct", "ica"])
def test_same_input_same_network(method) -> None:
    first, second = (causal_network(chain(), ["Z", "X", "Y"], method=method, seed=4) for _ in range(2))
    assert first == second
    assert first.seed == (4 if method == "ica" else None)


@pytest.mark.parametrize(
    ("columns", "names", "settings", "message"),
    [
        ([0, 1, 2], ["a", "b"], {}, "2 motifs are named"),
        ([0, 1, 2], ["a", "b", "a"], {}, "more than once: a"),
        ([0, 1, 2], ["a", "b", "c"], {"top_fraction": 0.0}, "outside"),
        ([0, 1, 2], ["a", "b", "c"], {"top_fraction": float("nan")}, "outside"),
        ([0, 1, 2], ["a", "b", "c"], {"method": "pc"}, "unknown causal method"),
        ([0, 0, 0], ["a", "b", "c"], {}, "only 1 of 3 motifs.*b: duplicate of a"),
    ],
)
def test_bad_input_is_refused(columns: list[int], names: list[str], settings: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        causal_network(chain()[:, columns], names, **settings)


@pytest.mark.filterwarnings("ignore:the noise of")
def test_too_few_genes_are_refused_after_dropping() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="real numbers in at least one row"):
        causal_network(np.zeros((0, 3)), ["a", "b", "c"])
    wide = np.column_stack([rng.laplace(size=(4, 2)), np.zeros((4, 6))])
    assert len(causal_network(wide, list("abcdefgh")).dropped) == 6


def test_recovery_by_hand() -> None:
    # Pairs by |effect|: a->b (true), b->a's opposite d->c (false), a->c (true); b->d is true but has no effect.
    network = by_hand([("a", "b", 0.9), ("c", "d", -0.5), ("a", "c", 0.3)], 1.0)
    found = recovery(network, [("a", "b"), ("d", "c"), ("a", "c"), ("b", "d")])
    # Precision at the true edges: 1/1, 2/3, and the two missing ones at the end of all 12 pairs: 4/12.
    assert found.auprc == pytest.approx((1 + 2 / 3 + 2 * 4 / 12) / 4)
    assert found.precision_at_k == 2 / 4
    assert found.recall == 2 / 4
    assert (found.n_true, found.n_pairs, found.reversed) == (4, 12, 1)


def test_recovery_equals_average_precision_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(2)
    motifs = "abcdefgh"
    pairs = [(a, b) for a in motifs for b in motifs if a != b]
    truth = [pair for pair in pairs if rng.random() < 0.3]
    weights = [(a, b, round(float(rng.normal()), 1)) for a, b in pairs if rng.random() < 0.5]
    network = by_hand(weights, 1.0, motifs)
    scores = {(a, b): abs(weight) for a, b, weight in weights}
    expected = average_precision_score([pair in truth for pair in pairs], [scores.get(pair, 0.0) for pair in pairs])
    assert recovery(network, truth).auprc == pytest.approx(expected)


@pytest.mark.parametrize("truth", [[], [("a", "a")], [("a", "unknown")]])
def test_recovery_refuses_truth_it_cannot_score(truth: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput):
        recovery(by_hand([("a", "b", 1.0)], 1.0), truth)
