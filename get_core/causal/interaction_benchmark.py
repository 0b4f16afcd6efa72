"""Do strong motif pairs interact? Precision of the top pairs of a network against a table of known interactions.

The benchmark of Fu et al., Nature 2025 (doi 10.1038/s41586-024-08391-z): every ordered pair of the 282 motif clusters
(282 · 281 = 79,242) is ranked by the strength of its effect, and the share of the top pairs is counted whose TFs are
known to interact. A ranking without direction has every pair twice in it and so reaches only half as many pairs, the
stronger half; counting each unordered pair once, by the stronger of its directions, is fair to all rankings.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.interactions import Interactions, interacting_motifs, related_motifs
from get_core.errors import InvalidInput

__all__ = ["RANDOM", "BenchmarkRow", "Precision", "benchmark", "precision_at_top"]

RANDOM = "random"
DRAWS = 10_000
"""Bootstrap draws: the standard error itself is then known to about 1 %, 1/sqrt(2 · draws)."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Precision:
    """Share of the highest-ranked motif pairs that interact.

    Parameters
    ----------
    precision : float
        0 to 1. Pairs that tie for the last places count in proportion, as if the tie were broken at random.
    standard_error : float
        Bootstrap over the motif pairs chosen (both directions of a pair carry one label and are drawn together); for
        a random ranking the standard deviation of such a draw (hypergeometric).
    n_top : int
        Pairs chosen.
    n_scored : int
        How many of them have a score above 0; the rest are chosen at random among those without.
    n_pairs, n_interacting : int
        All pairs ranked, and those that interact.
    """

    precision: float
    standard_error: float
    n_top: int
    n_scored: int
    n_pairs: int
    n_interacting: int


@dataclass(frozen=True)
class BenchmarkRow:
    """One line of the benchmark.

    Parameters
    ----------
    score : str
        Name of the ranking, or ``"random"``.
    pairs : str
        ``"ordered"``, as in the paper, or ``"unordered"``: each pair once, by the stronger of its directions.
    families : str
        ``"all"``, or ``"different"`` where pairs of related motif clusters are left out of the ranking.
    top_percent : float
        Percentage of the pairs chosen.
    result : Precision
        What came out.
    """

    score: str
    pairs: str
    families: str
    top_percent: float
    result: Precision


def precision_at_top(
    scores: ArrayLike,
    truth: ArrayLike,
    top_percent: float,
    *,
    counted: ArrayLike | None = None,
    ordered: bool = True,
    seed: int = 0,
) -> Precision:
    """Count how many of the strongest pairs are true.

    Parameters
    ----------
    scores : float (d, d)
        The strongest first, by absolute value; NaN as 0; the diagonal is left out.
    truth : bool (d, d)
        Symmetric.
    top_percent : float
        In (0, 100]: ``round(top_percent / 100 · pairs)`` pairs are chosen, at least one.
    counted : bool (d, d), optional
        Symmetric: the pairs that are ranked; all by default.
    ordered : bool
        Rank (i, j) and (j, i) apart; else each pair once, by the larger score.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Precision

    Raises
    ------
    InvalidInput
        Arrays that do not fit, a percentage out of range, or no pair to rank.
    """
    strength = np.nan_to_num(np.abs(np.asarray(scores, np.float64)), nan=0.0)
    true = np.asarray(truth, bool)
    ranked = ~np.eye(len(true), dtype=bool) & (True if counted is None else np.asarray(counted, bool))
    if not (strength.shape == true.shape == ranked.shape) or strength.ndim != 2:
        raise InvalidInput(f"scores {strength.shape} and truth {true.shape} are not of one square shape")
    if (true != true.T).any() or (ranked != ranked.T).any():
        raise InvalidInput("truth and the pairs counted must be symmetric: interactions have no direction")
    if not ordered:
        strength, ranked = np.maximum(strength, strength.T), np.triu(ranked)
    n_top = _n_top(top_percent, int(ranked.sum()))
    last = -np.partition(-strength[ranked], n_top - 1)[n_top - 1]
    ahead, tied = ranked & (strength > last), ranked & (strength == last)
    chosen = ahead + tied * ((n_top - ahead.sum()) / tied.sum())
    # Both directions of a pair are one observation with one label, in the bootstrap drawn or left together.
    upper = np.triu(np.ones_like(ranked), 1)
    weight, label = (chosen + chosen.T)[upper], true[upper]
    weight, label = weight[weight > 0], label[weight > 0]
    return Precision(
        precision=float(weight @ label / weight.sum()),
        standard_error=_bootstrap_error(weight, label, seed),
        n_top=n_top,
        n_scored=n_top if last > 0 else int(ahead.sum()),
        n_pairs=int(ranked.sum()),
        n_interacting=int((ranked & true).sum()),
    )


def benchmark(
    scores: Mapping[str, ArrayLike],
    genes_of: Sequence[Sequence[str]],
    interactions: Interactions,
    families: Mapping[str, str],
    *,
    top_percents: Sequence[float] = (1.0, 5.0),
    seed: int = 0,
) -> tuple[BenchmarkRow, ...]:
    """Compare rankings of motif pairs with known interactions, and with a random ranking.

    Parameters
    ----------
    scores : mapping of str to float (d, d)
        Name of each ranking to its scores, ``[i, j]`` for motif j as a cause of motif i; symmetric without direction.
    genes_of : sequence of sequence of str (d,)
        TF genes of each motif cluster; a cluster without genes interacts with nothing.
    interactions : Interactions
        What is known.
    families : mapping of gene to str
        DNA-binding domain families, for the control.
    top_percents : sequence of float
        Percentages of the pairs; the paper takes 1 for the agnostic network.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    tuple of BenchmarkRow
        By pairs, families, percentage, and score in the order given, ``random`` last.

    Raises
    ------
    InvalidInput
        Arrays that do not fit, or a percentage out of range.
    """
    true = interacting_motifs(genes_of, interactions)
    different = ~related_motifs(genes_of, families)
    found = []
    for pairs, (name_of_counted, counted) in itertools.product(
        ("ordered", "unordered"), (("all", np.ones_like(true)), ("different", different))
    ):
        ordered = pairs == "ordered"
        ranked = counted & ~np.eye(len(true), dtype=bool)
        ranked = ranked if ordered else np.triu(ranked)
        if not ranked.any():
            continue
        for percent in top_percents:
            results = {
                name: precision_at_top(score, true, percent, counted=counted, ordered=ordered, seed=seed)
                for name, score in scores.items()
            }
            results[RANDOM] = _random(true, ranked, percent)
            found += [BenchmarkRow(name, pairs, name_of_counted, percent, each) for name, each in results.items()]
    return tuple(found)


def _random(true: Flags, ranked: Flags, percent: float) -> Precision:
    n_pairs, n_true = int(ranked.sum()), int((ranked & true).sum())
    n_top = _n_top(percent, n_pairs)
    share = n_true / n_pairs
    # Variance of the hypergeometric distribution.
    variance = share * (1 - share) / n_top * (n_pairs - n_top) / max(n_pairs - 1, 1)
    return Precision(share, float(np.sqrt(variance)), n_top, 0, n_pairs, n_true)


def _n_top(percent: float, n_pairs: int) -> int:
    if not 0 < percent <= 100:
        raise InvalidInput(f"the top {percent} % is outside (0, 100]", cure="use 1 or 5")
    if not n_pairs:
        raise InvalidInput("there is no pair of motifs to rank")
    return max(1, round(percent / 100 * n_pairs))


def _bootstrap_error(weight: NDArray[np.float64], label: Flags, seed: int) -> float:
    """Return the standard deviation of the precision over draws of as many pairs with replacement."""
    # Pairs of one weight and label are alike, so their numbers in a draw are multinomial: a handful of counts, not
    # thousands of pairs.
    kinds, number = np.unique(np.column_stack([weight, label]), axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(weight), number / len(weight), size=DRAWS)
    return float(((draws @ (kinds[:, 0] * kinds[:, 1])) / (draws @ kinds[:, 0])).std(ddof=1))
