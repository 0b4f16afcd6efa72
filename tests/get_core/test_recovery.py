"""Recovery of planted edges by rankings with and without direction, on toys worked out by hand and a simulation."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from get_core.causal import CausalNetwork, causal_network, partial_correlation, recovery, score_recovery, spearman
from get_core.causal.correlation import pearson
from get_core.causal.edges import ranked_edges
from get_core.causal.recovery import average_precision
from get_core.errors import InvalidInput


def network_of(weights: dict[str, float], order: str, dropped: str = "") -> CausalNetwork:
    """Network of edges written as ``"ab"`` for a -> b."""
    motifs = "".join(sorted(order))
    effects = np.zeros((len(motifs), len(motifs)))
    for (cause, effect), weight in weights.items():
        effects[motifs.index(effect), motifs.index(cause)] = weight
    return CausalNetwork(
        motifs=tuple(motifs),
        order=tuple(order),
        edges=ranked_edges(effects, motifs, 1.0),
        method="direct",
        seed=None,
        n_rows=10,
        top_fraction=1.0,
        dropped=tuple((motif, "constant") for motif in dropped),
    )


def test_order_accuracy_by_hand() -> None:
    network = network_of({"ca": 0.5}, "cab", dropped="z")
    # c before a: right; b before a: wrong; z was dropped: wrong. c before b: right, though it has no effect.
    found = recovery(network, [("c", "a"), ("b", "a"), ("z", "a"), ("c", "b")])
    assert found.order_accuracy == 2 / 4
    assert found.recall == 1 / 4
    assert recovery(network, [("a", "c")]).order_accuracy == 0


def test_direction_counts_for_edges_and_not_for_the_skeleton() -> None:
    right = recovery(network_of({"ab": 0.9, "bc": 0.5}, "abc"), [("a", "b"), ("b", "c")])
    wrong = recovery(network_of({"ba": 0.9, "cb": 0.5}, "cba"), [("a", "b"), ("b", "c")])
    assert (right.auprc, right.skeleton_auprc, right.precision_at_k, right.reversed) == (1, 1, 1, 0)
    # Both true edges tie with the two other pairs without an effect, behind the two wrong ones: 2 of 6.
    assert wrong.auprc == pytest.approx(2 / 6)
    assert (wrong.skeleton_auprc, wrong.precision_at_k, wrong.reversed) == (1, 0, 2)
    assert (right.order_accuracy, wrong.order_accuracy) == (1, 0)


def test_symmetric_scores_by_hand() -> None:
    scores = np.array([[1.0, 0.9, np.nan], [0.9, 1.0, -0.5], [np.nan, -0.5, 1.0]])
    found = score_recovery(scores, "abc", [("a", "b"), ("c", "b")])
    # a-b both ways tie (1 of 2), then b-c both ways (2 of 4).
    assert found.auprc == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found.skeleton_auprc == 1.0
    assert found.precision_at_k == 1 / 2
    assert (found.n_true, found.n_pairs) == (2, 6)


def test_average_precision_equals_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, truth = rng.integers(0, 6, 40) / 5, rng.random(40) < 0.3
        truth[0] = True
        assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))


def test_causal_beats_correlation_where_direction_is_known() -> None:
    # x1 -> x2 -> ... -> x6 and two common causes; exponential noise.
    rng = np.random.default_rng(1)
    n, d = 3000, 8
    weights = np.zeros((d, d))
    for cause in range(5):
        weights[cause + 1, cause] = 0.8
    weights[[1, 3], 6] = weights[[2, 4], 7] = 0.6
    truth = [(f"m{j}", f"m{i}") for i, j in np.argwhere(weights)]
    values = rng.exponential(size=(n, d)) @ np.linalg.inv(np.eye(d) - weights).T
    motifs = [f"m{i}" for i in range(d)]
    causal = recovery(causal_network(values, motifs), truth)
    correlated = score_recovery(spearman(values), motifs, truth)
    partial = score_recovery(partial_correlation(pearson(values)), motifs, truth)
    assert (causal.auprc, causal.order_accuracy) == (1.0, 1.0)
    # Without direction the true edge ties with its opposite: precision cannot pass 1/2.
    assert correlated.auprc <= 0.5 and partial.auprc <= 0.5
    assert correlated.skeleton_auprc > causal.n_true / (causal.n_pairs / 2)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.zeros((2, 2)), [], "at least one"),
        (np.zeros((2, 2)), [("a", "a")], "does not join"),
        (np.zeros((2, 2)), [("a", "x")], "does not join"),
        (np.zeros((3, 3)), [("a", "b")], "do not fit"),
    ],
)
def test_bad_truth_is_refused(scores: np.ndarray, truth: list, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        score_recovery(scores, "ab", truth)
