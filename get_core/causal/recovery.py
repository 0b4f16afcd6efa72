"""How well a network finds the planted edges of simulated data."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from get_core.causal.network import CausalNetwork
from get_core.errors import InvalidInput

__all__ = ["Recovery", "recovery"]


@dataclass(frozen=True)
class Recovery:
    """Agreement of a network with the truth.

    Parameters
    ----------
    auprc : float
        Average precision over all ordered motif pairs ranked by absolute effect. A random ranking scores
        `n_true` / `n_pairs`.
    precision_at_k : float
        Share of true edges among the `n_true` strongest effects; missing effects count as wrong.
    recall : float
        Share of true edges with a non-zero effect in the right direction.
    n_true, n_pairs : int
        True edges and all ordered pairs of different motifs.
    reversed : int
        True edges whose opposite direction has the larger absolute effect.
    """

    auprc: float
    precision_at_k: float
    recall: float
    n_true: int
    n_pairs: int
    reversed: int


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
    truth = set(truth_edges)
    if not truth:
        raise InvalidInput("recovery needs at least one true edge")
    motifs = {*network.motifs, *(motif for motif, _ in network.dropped)}
    for cause, effect in sorted(truth):
        if cause not in motifs or effect not in motifs or cause == effect:
            raise InvalidInput(f"the true edge {cause} -> {effect} does not join two motifs of the network")
    weight = {(edge.cause, edge.effect): abs(edge.weight) for edge in network.edges}
    n_pairs = len(motifs) * (len(motifs) - 1)
    return Recovery(
        auprc=_average_precision(network, truth, n_pairs),
        precision_at_k=sum((e.cause, e.effect) in truth for e in network.edges[: len(truth)]) / len(truth),
        recall=sum(edge in weight for edge in truth) / len(truth),
        n_true=len(truth),
        n_pairs=n_pairs,
        reversed=sum(weight.get((b, a), 0.0) > weight.get((a, b), 0.0) for a, b in truth),
    )


def _average_precision(network: CausalNetwork, truth: set[tuple[str, str]], n_pairs: int) -> float:
    """Mean precision at the true edges, tied pairs taken together."""
    hits = seen = 0
    area = 0.0
    for _, tied in groupby(network.edges, key=lambda edge: edge.rank):
        members = list(tied)
        gained = sum((edge.cause, edge.effect) in truth for edge in members)
        hits, seen = hits + gained, seen + len(members)
        area += gained * hits / seen
    # The pairs without an effect come last, all at once: precision there is that of a random ranking.
    area += (len(truth) - hits) * len(truth) / n_pairs
    return area / len(truth)
