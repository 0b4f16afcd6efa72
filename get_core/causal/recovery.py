"""How well a network finds the planted edges of simulated data, and how well a ranking without direction does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.network import CausalNetwork
from get_core.errors import InvalidInput

__all__ = ["Recovery", "ScoreRecovery", "average_precision", "recovery", "score_recovery"]


@dataclass(frozen=True)
class ScoreRecovery:
    """Agreement of a ranking of motif pairs with the truth.

    Parameters
    ----------
    auprc : float
        Average precision over all ordered motif pairs ranked by absolute score. A random ranking scores
        `n_true` / `n_pairs`; one without direction cannot reach 1.
    skeleton_auprc : float
        The same over unordered pairs, by the larger score of both directions: what is left when direction is not asked.
    precision_at_k : float
        Share of true edges among the `n_true` highest scores. Pairs that tie for the last places count in proportion;
        a score of 0 says no edge and counts as wrong.
    n_true, n_pairs : int
        True edges and all ordered pairs of different motifs.
    """

    auprc: float
    skeleton_auprc: float
    precision_at_k: float
    n_true: int
    n_pairs: int


@dataclass(frozen=True)
class Recovery(ScoreRecovery):
    """Agreement of a causal network with the truth; see `ScoreRecovery`.

    Parameters
    ----------
    recall : float
        Share of true edges with a non-zero effect in the right direction.
    reversed : int
        True edges whose opposite direction has the larger absolute effect.
    order_accuracy : float
        Share of true edges whose cause comes before its effect in the causal order; an edge of a dropped motif counts
        as wrong. A random order scores 0.5.
    """

    recall: float
    reversed: int
    order_accuracy: float


def recovery(network: CausalNetwork, truth_edges: Iterable[tuple[str, str]]) -> Recovery:
    """Compare a network with the edges planted in simulated data.

    Every ordered pair of motifs is ranked by its absolute effect; pairs without an effect tie at the end. Motifs that
    the network dropped stay in the count, without effects.

    Parameters
    ----------
    network : CausalNetwork
        What was found.
    truth_edges : iterable of (cause, effect)
        What was planted.

    Returns
    -------
    Recovery

    Raises
    ------
    InvalidInput
        No true edge, or one that names a motif unknown to the network or a motif's effect on itself.
    """
    motifs = (*network.motifs, *(motif for motif, _ in network.dropped))
    known = len(network.motifs)
    strength = np.zeros((len(motifs), len(motifs)))
    strength[:known, :known] = np.abs(network.adjacency())
    found = score_recovery(strength, motifs, truth := list(truth_edges))
    true = _truth_matrix(motifs, truth)
    place = dict(zip(network.order, range(known), strict=True))
    in_order = sum(a in place and b in place and place[a] < place[b] for a, b in set(truth))
    return Recovery(
        auprc=found.auprc,
        skeleton_auprc=found.skeleton_auprc,
        precision_at_k=found.precision_at_k,
        n_true=found.n_true,
        n_pairs=found.n_pairs,
        recall=float((strength[true] > 0).mean()),
        reversed=int((strength.T[true] > strength[true]).sum()),
        order_accuracy=in_order / found.n_true,
    )


def score_recovery(scores: ArrayLike, motifs: Sequence[str], truth_edges: Iterable[tuple[str, str]]) -> ScoreRecovery:
    """Compare scores of motif pairs, such as correlations, with the edges planted in simulated data.

    Parameters
    ----------
    scores : float (d, d)
        ``[i, j]`` for motif j as a cause of motif i; a symmetric matrix for a score without direction. The absolute
        value counts, NaN as 0, the diagonal not at all.
    motifs : sequence of str (d,)
        Names of rows and columns.
    truth_edges : iterable of (cause, effect)
        What was planted.

    Returns
    -------
    ScoreRecovery

    Raises
    ------
    InvalidInput
        No true edge, or one that names an unknown motif or a motif's effect on itself; scores that do not fit.
    """
    strength = np.nan_to_num(np.abs(np.asarray(scores, np.float64)), nan=0.0)
    if strength.shape != (len(motifs), len(motifs)):
        raise InvalidInput(f"scores of shape {strength.shape} do not fit {len(motifs)} motifs")
    true = _truth_matrix(motifs, truth_edges)
    pairs = ~np.eye(len(motifs), dtype=bool)
    above = np.triu(pairs)
    either = np.maximum(strength, strength.T)
    return ScoreRecovery(
        auprc=average_precision(strength[pairs], true[pairs]),
        skeleton_auprc=average_precision(either[above], (true | true.T)[above]),
        precision_at_k=_precision_at(strength[pairs], true[pairs], int(true.sum())),
        n_true=int(true.sum()),
        n_pairs=int(pairs.sum()),
    )


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean precision at the true items of a ranking, tied items taken together.

    Parameters
    ----------
    scores : float (n,)
        The highest first.
    truth : bool (n,)
        At least one True.

    Returns
    -------
    float
        In (0, 1]; as `sklearn.metrics.average_precision_score`.
    """
    values, right = np.asarray(scores, np.float64), np.asarray(truth, bool)
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(right[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    gained = np.diff(hits[last_of_tie], prepend=0)
    return float((gained * hits[last_of_tie] / (last_of_tie + 1)).sum() / hits[-1])


def _precision_at(strength: NDArray[np.float64], true: NDArray[np.bool_], k: int) -> float:
    last = -np.partition(-strength, k - 1)[k - 1]
    ahead, tied = strength > last, strength == last
    share = 0.0 if last == 0 else (k - ahead.sum()) / tied.sum()
    return float((true[ahead].sum() + share * true[tied].sum()) / k)


def _truth_matrix(motifs: Sequence[str], truth_edges: Iterable[tuple[str, str]]) -> NDArray[np.bool_]:
    """Return [effect, cause] of the true edges."""
    number = {motif: i for i, motif in enumerate(motifs)}
    true = np.zeros((len(motifs), len(motifs)), bool)
    for cause, effect in truth_edges:
        if cause not in number or effect not in number or cause == effect:
            raise InvalidInput(f"the true edge {cause} -> {effect} does not join two motifs of the network")
        true[number[effect], number[cause]] = True
    if not true.any():
        raise InvalidInput("recovery needs at least one true edge")
    return true
