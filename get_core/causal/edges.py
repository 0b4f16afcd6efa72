"""Effects of motifs on motifs: ranked, the strongest selected, as a graph that points from cause to effect."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["TOP_FRACTION", "CausalEdge", "directed_graph", "effect_matrix", "n_selected", "ranked_edges"]

TOP_FRACTION = 0.05
"""The top 5 % of absolute effects make the network of a cell type (Fu et al., Nature 2025,
doi 10.1038/s41586-024-08391-z, Methods)."""


@dataclass(frozen=True)
class CausalEdge:
    """One direct effect.

    Parameters
    ----------
    cause, effect : str
        Motifs; the arrow runs from `cause` to `effect`.
    weight : float
        Standard deviations by which `effect` moves per standard deviation of `cause`; never 0.
    rank : int
        1 for the largest absolute weight; equal absolute weights share the smaller rank (1, 2, 2, 4).
    percentile : float
        Share of the network's edges, in percent, whose absolute weight is at most this one's; 100 for rank 1.
    selected : bool
        Whether the edge is among the top fraction.
    """

    cause: str
    effect: str
    weight: float
    rank: int
    percentile: float
    selected: bool


def n_selected(fraction: float, total: int) -> int:
    """Return how many of `total` the top `fraction` is, at least: rounded up."""
    # The small term keeps 0.07 · 100 = 7.000000000000001 at 7.
    return math.ceil(fraction * total - 1e-9)


def ranked_edges(
    effects: NDArray[np.float64], motifs: Sequence[str], top_fraction: float = TOP_FRACTION
) -> tuple[CausalEdge, ...]:
    """Rank the non-zero effects and mark the top fraction.

    Parameters
    ----------
    effects : float64 (d, d)
        ``[i, j]`` is the effect of motif j on motif i.
    motifs : sequence of str (d,)
        Names of rows and columns.
    top_fraction : float
        In (0, 1]. Selected are the ``ceil(top_fraction · edges)`` largest absolute effects and every edge that ties
        with the last of them.

    Returns
    -------
    tuple of CausalEdge
        By rank, then cause, then effect.
    """
    to, of = np.nonzero(effects)
    found = sorted(
        ((motifs[j], motifs[i], float(effects[i, j])) for i, j in zip(to.tolist(), of.tolist(), strict=True)),
        key=lambda edge: (-abs(edge[2]), edge[0], edge[1]),
    )
    total = len(found)
    wanted = n_selected(top_fraction, total)
    weights = np.array([abs(weight) for _, _, weight in found])
    ranks = 1 + np.searchsorted(-weights, -weights, side="left")
    not_above = total - ranks + 1
    return tuple(
        CausalEdge(cause, effect, weight, int(rank), 100.0 * int(below) / total, bool(rank <= wanted))
        for (cause, effect, weight), rank, below in zip(found, ranks, not_above, strict=True)
    )


def effect_matrix(edges: Iterable[CausalEdge], motifs: Sequence[str]) -> NDArray[np.float64]:
    """Return the effects as a matrix, the inverse of `ranked_edges`.

    Parameters
    ----------
    edges : iterable of CausalEdge
        The effects.
    motifs : sequence of str (d,)
        Names of rows and columns.

    Returns
    -------
    float64 (d, d)
        ``[i, j]`` is the effect of motif j on motif i; 0 where there is no edge.
    """
    number = {motif: i for i, motif in enumerate(motifs)}
    matrix = np.zeros((len(number), len(number)))
    for edge in edges:
        matrix[number[edge.effect], number[edge.cause]] = edge.weight
    return matrix


def directed_graph(edges: Iterable[CausalEdge], motifs: Iterable[str] = ()) -> "DiGraph":
    """Return effects as a networkx graph whose edges run from cause to effect.

    The reference implementation hands the adjacency matrix to networkx without transposing it, which reverses every
    edge; here successors are effects and the out-degree counts them.

    Parameters
    ----------
    edges : iterable of CausalEdge
        The effects.
    motifs : iterable of str
        Nodes that are there with or without an edge; the motifs of the edges are added.

    Returns
    -------
    networkx.DiGraph
        Edges carry `weight`, `rank`, `percentile` and `selected`.
    """
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(motifs)
    for edge in edges:
        graph.add_edge(
            edge.cause,
            edge.effect,
            weight=edge.weight,
            rank=edge.rank,
            percentile=edge.percentile,
            selected=edge.selected,
        )
    return graph
