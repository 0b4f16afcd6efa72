"""The interaction benchmark on toys counted by hand, and against closed forms."""

import math

import numpy as np
import pytest

from get_core.causal.interaction_benchmark import RANDOM, benchmark, precision_at_top
from get_core.errors import InvalidInput
from get_core.motifs import clusters, genes_of
from tests.get_core.interaction_toys import GENES, KNOWN, symmetric


def test_number_of_ordered_pairs_is_that_of_the_paper() -> None:
    assert len(clusters()) * (len(clusters()) - 1) == 79_242
    rows = benchmark({}, [genes_of(cluster) for cluster in clusters()], KNOWN, {})
    everything = [(row.pairs, row.result.n_pairs, row.result.n_top) for row in rows if row.families == "all"]
    assert everything == [
        ("ordered", 79_242, 792),
        ("ordered", 79_242, 3962),
        ("unordered", 39_621, 396),
        ("unordered", 39_621, 1981),
    ]


def test_precision_by_hand() -> None:
    # Ordered pairs by |score|: 0->1 (true), 2->0 (false), 1->0 (true), then nine without a score, of which 2 true.
    scores = np.zeros((4, 4))
    scores[1, 0], scores[0, 2], scores[0, 1] = -0.9, 0.5, 0.4
    truth = symmetric(4, (0, 1), (2, 3))

    def top(k: int):
        return precision_at_top(scores, truth, 100 * k / 12)

    assert [top(k).precision for k in (1, 2, 3)] == pytest.approx([1, 1 / 2, 2 / 3])
    # The fourth place is drawn from the nine others: 2/9 of a hit.
    assert top(4).precision == pytest.approx((2 + 2 / 9) / 4)
    assert top(12).precision == pytest.approx(4 / 12)
    assert (top(2).n_scored, top(4).n_scored, top(4).n_top) == (2, 3, 4)
    assert (top(1).n_pairs, top(1).n_interacting) == (12, 4)
    assert precision_at_top(np.nan * scores, truth, 50).precision == pytest.approx(4 / 12)


def test_pairs_left_out_are_not_ranked() -> None:
    scores = np.zeros((4, 4))
    scores[1, 0], scores[0, 2] = 0.9, 0.5
    truth = symmetric(4, (0, 1), (2, 3))
    found = precision_at_top(scores, truth, 10, counted=~symmetric(4, (0, 1)))
    assert (found.precision, found.n_top, found.n_pairs, found.n_interacting) == (0.0, 1, 10, 2)


def test_standard_error_of_two_pairs_by_enumeration() -> None:
    # Two pairs drawn from {hit, miss}: precision 0, 1/2, 1 with probability 1/4, 1/2, 1/4: variance 1/8.
    scores = np.zeros((4, 4))
    scores[1, 0], scores[2, 0] = 0.9, 0.8
    found = precision_at_top(scores, symmetric(4, (0, 1)), 100 * 2 / 12)
    assert found.precision == 0.5
    assert found.standard_error == pytest.approx(math.sqrt(1 / 8), rel=0.03)
    assert found == precision_at_top(scores, symmetric(4, (0, 1)), 100 * 2 / 12)


def test_both_directions_of_a_pair_are_one_observation() -> None:
    # 40 unordered pairs, 10 of them true: sqrt(p(1-p)/40), whether one direction is chosen or both.
    rng = np.random.default_rng(0)
    d = 60
    upper = np.argwhere(np.triu(np.ones((d, d)), 1))
    pairs = upper[rng.choice(len(upper), 40, replace=False)]
    truth = symmetric(d, *map(tuple, pairs[:10]))
    expected = math.sqrt(0.25 * 0.75 / 40)
    one_way, both_ways = np.zeros((d, d)), np.zeros((d, d))
    for i, j in pairs:
        one_way[i, j] = both_ways[i, j] = both_ways[j, i] = 1.0
    for scores, k in ((one_way, 40), (both_ways, 80)):
        found = precision_at_top(scores, truth, 100 * k / (d * (d - 1)))
        assert (found.n_top, found.precision) == (k, 0.25)
        assert found.standard_error == pytest.approx(expected, rel=0.03)


def test_benchmark_lines_and_random() -> None:
    scores = np.zeros((4, 4))
    scores[1, 0] = 0.9
    rows = {
        (row.pairs, row.families, row.score): row.result
        for row in benchmark({"causal": scores}, GENES, KNOWN, {}, top_percents=(25.0,))
    }
    assert list(rows) == [
        (pairs, families, score)
        for pairs in ("ordered", "unordered")
        for families in ("all", "different")
        for score in ("causal", RANDOM)
    ]
    chance = rows["ordered", "all", RANDOM]
    assert chance.precision == pytest.approx(4 / 12)
    # Hypergeometric: 3 of 12 drawn, 4 of them true.
    assert chance.standard_error == pytest.approx(math.sqrt(4 / 12 * 8 / 12 / 3 * 9 / 11))
    other = rows["ordered", "different", RANDOM]
    assert (other.n_pairs, other.precision) == (10, pytest.approx(2 / 10))
    # Two of six unordered pairs: the one with a score, which is true, and one of five others, of which one is true.
    assert rows["unordered", "all", "causal"].precision == pytest.approx((1 + 1 / 5) / 2)
    assert rows["unordered", "all", RANDOM].n_interacting == 2


def test_unordered_pairs_count_once_by_the_stronger_direction() -> None:
    scores = np.zeros((4, 4))
    scores[1, 0], scores[0, 1], scores[2, 0], scores[3, 2] = 0.9, -0.8, 0.7, 0.6
    truth = symmetric(4, (0, 1))

    def top(k: int, ordered: bool):
        return precision_at_top(scores, truth, 100 * k / (12 if ordered else 6), ordered=ordered)

    assert [top(k, True).precision for k in (1, 2, 3, 4)] == pytest.approx([1, 1, 2 / 3, 2 / 4])
    assert [top(k, False).precision for k in (1, 2, 3)] == pytest.approx([1, 1 / 2, 1 / 3])
    assert (top(2, False).n_pairs, top(2, False).n_top, top(2, False).n_interacting) == (6, 2, 1)


def test_symmetric_scores_do_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 30))
    scores += scores.T
    truth = np.abs(scores) + rng.exponential(size=(30, 30)) > 3
    truth |= truth.T
    both, once = (precision_at_top(scores, truth, 10, ordered=ordered) for ordered in (True, False))
    assert both.n_top == 2 * once.n_top - 1 or both.n_top == 2 * once.n_top
    assert both.precision == pytest.approx(once.precision, abs=1 / once.n_top)
    assert both.standard_error == pytest.approx(once.standard_error, rel=0.05)


def test_all_pairs_related_leaves_no_control() -> None:
    rows = benchmark({"causal": np.zeros((2, 2))}, [["A"], ["A", "B"]], KNOWN, {})
    assert {row.families for row in rows} == {"all"}


@pytest.mark.parametrize(
    ("scores", "truth", "percent", "message"),
    [
        (np.zeros((3, 3)), symmetric(4), 1.0, "square shape"),
        (np.zeros((3, 3)), np.triu(np.ones((3, 3), bool), 1), 1.0, "symmetric"),
        (np.zeros((3, 3)), symmetric(3), 0.0, "outside"),
        (np.zeros((3, 3)), symmetric(3), math.nan, "outside"),
        (np.zeros((1, 1)), symmetric(1), 1.0, "no pair"),
    ],
)
def test_bad_benchmarks_are_refused(scores, truth, percent: float, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        precision_at_top(scores, truth, percent)
