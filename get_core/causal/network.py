"""The causal network of a cell type: which motif's effect on expression drives which other motif's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix, finite_matrix, standardise, unusable_columns
from get_core.causal.direct import DirectLiNGAM
from get_core.causal.ica import ICALiNGAM
from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["CausalEdge", "CausalNetwork", "Method", "causal_network", "estimate_seconds"]

Method = Literal["direct", "ica"]

# Fu et al., Nature 2025 (doi 10.1038/s41586-024-08391-z), Methods: edges with the top 5 % of absolute effects of a
# cell type make its network.
TOP_FRACTION = 0.05


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


@dataclass(frozen=True)
class CausalNetwork:
    """All direct effects that LiNGAM found, strongest first.

    Parameters
    ----------
    motifs : tuple of str
        Analysed motifs, in column order.
    order : tuple of str
        The same motifs from causes to effects.
    edges : tuple of CausalEdge
        Every non-zero effect, by rank, then cause, then effect.
    method : str
        ``"direct"`` or ``"ica"``.
    seed : int or None
        Seed of the ICA; None for the seedless direct method.
    n_rows : int
        Observations (genes).
    top_fraction : float
        Fraction of the edges asked for by selection.
    dropped : tuple of (motif, reason)
        Motifs that could not be analysed.
    zscore_ddof : int
        Columns were divided by the standard deviation with this ddof.
    """

    motifs: tuple[str, ...]
    order: tuple[str, ...]
    edges: tuple[CausalEdge, ...]
    method: Method
    seed: int | None
    n_rows: int
    top_fraction: float
    dropped: tuple[tuple[str, str], ...]
    zscore_ddof: int = 0

    @property
    def selected(self) -> tuple[CausalEdge, ...]:
        """The edges of the top fraction, strongest first."""
        return tuple(edge for edge in self.edges if edge.selected)

    def adjacency(self) -> NDArray[np.float64]:
        """Return effects, float64 (d, d) over `motifs`; ``[i, j]`` is the effect of motif j on motif i."""
        number = {motif: i for i, motif in enumerate(self.motifs)}
        matrix = np.zeros((len(number), len(number)))
        for edge in self.edges:
            matrix[number[edge.effect], number[edge.cause]] = edge.weight
        return matrix

    def graph(self) -> "DiGraph":
        """Return the network with all motifs as nodes and edges from cause to effect.

        Edges carry `weight`, `rank`, `percentile` and `selected`. The reference implementation hands the adjacency
        matrix to networkx without transposing it, which reverses every edge; here the out-degree counts effects.
        """
        import networkx

        graph = networkx.DiGraph()
        graph.add_nodes_from(self.motifs)
        for edge in self.edges:
            graph.add_edge(
                edge.cause,
                edge.effect,
                weight=edge.weight,
                rank=edge.rank,
                percentile=edge.percentile,
                selected=edge.selected,
            )
        return graph


def causal_network(
    matrix: ArrayLike,
    motifs: Sequence[str],
    *,
    method: Method = "direct",
    top_fraction: float = TOP_FRACTION,
    seed: int = 0,
) -> CausalNetwork:
    """Find the causal network of a gene × motif matrix.

    Columns are z-scored (ddof 0). Motifs whose columns are constant, not finite, copies of an earlier motif or sums
    of earlier motifs are dropped with the reason. The top fraction is taken of the non-zero effects, since a zero
    is no edge: the ``ceil(top_fraction · edges)`` largest absolute weights, and every edge that ties with the last
    of them.

    Parameters
    ----------
    matrix : float (n, d)
        One row per gene, one column per motif, for example from `get_core.attribution.gene_by_motif`.
    motifs : sequence of str (d,)
        Unique column names.
    method : {"direct", "ica"}
        ``"direct"`` is deterministic; ``"ica"`` is what the paper used. `estimate_seconds` says how long either
        takes.
    top_fraction : float
        In (0, 1]; the paper takes 0.05.
    seed : int
        Seed of the ICA; without effect on the direct method.

    Returns
    -------
    CausalNetwork

    Raises
    ------
    InvalidInput
        Names that do not fit the columns, settings out of range, or too few usable columns or rows.
    """
    if method not in get_args(Method):
        raise InvalidInput(f"unknown causal method {method!r}", cure='use "direct" or "ica"')
    if not 0 < top_fraction <= 1:
        raise InvalidInput(f"top_fraction {top_fraction} is outside (0, 1]", cure="use 0.05 for the top 5 %")
    values, kept, dropped = _usable(matrix, motifs)
    z = standardise(values)
    estimator = DirectLiNGAM() if method == "direct" else ICALiNGAM(random_state=seed)
    estimator.fit(z)
    return CausalNetwork(
        motifs=kept,
        order=tuple(kept[column] for column in estimator.causal_order_),
        edges=_edges(estimator.adjacency_matrix_, kept, top_fraction),
        method=method,
        seed=seed if method == "ica" else None,
        n_rows=len(z),
        top_fraction=top_fraction,
        dropped=dropped,
    )


def estimate_seconds(n: int, d: int, method: Method = "direct") -> float:
    """Predict the run time of a fit on one core, in seconds.

    Fitted to runs of lingam 1.13 on one thread of an idle 4.2 GHz Xeon (AVX-512) with d from 20 to 283 and n from
    2,000 to 20,000. There the direct search was within 21 % of the model and the effects (both methods) within a
    factor of 2; FastICA converged in 10 to 98 iterations and takes up to 10 times as long where it does not converge.
    Another machine can be twice as slow.

    Parameters
    ----------
    n, d : int
        Observations and variables.
    method : {"direct", "ica"}
        See `causal_network`.

    Returns
    -------
    float
        Seconds; a plan, not a promise.
    """
    size, rows = d / 283, n / 20_000
    # Anchor: 150 s at d = 283, n = 20,000; exponent from 1.5 s at d = 40.
    effects = 150 * size**2.33 * rows
    if method == "direct":
        # d(d² - 1)/3 ordered pairs, each 102 µs plus 56.3 ns per row.
        return d * (d**2 - 1) / 3 * (102e-6 + 56.3e-9 * n) + effects
    # FastICA 0.49, 2.4, 14.2 s and order search 0.35, 2.3, 26.4 s at d = 80, 160, 283 and n = 20,000.
    return 14.2 * size**2.67 * rows + 26.4 * size**3.42 + effects


def _usable(matrix: ArrayLike, motifs: Sequence[str]) -> tuple[Matrix, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the usable columns, their motifs, and the dropped motifs with reasons."""
    names = tuple(str(motif) for motif in motifs)
    # More columns than rows may still be usable once empty motifs are gone, so the row count is checked after that.
    raw = np.asarray(matrix)
    if raw.ndim != 2 or raw.shape[1] != len(names):
        raise InvalidInput(
            f"the matrix has shape {raw.shape}, but {len(names)} motifs are named",
            cure="give one column per motif",
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidInput(f"motifs named more than once: {', '.join(twice)}", cure="give every column its own name")
    if raw.dtype.kind not in "fiub" or not len(raw):
        raise InvalidInput(f"the matrix must hold real numbers in at least one row, not {raw.dtype} {raw.shape}")
    values = raw.astype(np.float64)
    unusable = unusable_columns(values)
    dropped = tuple(
        (names[bad.column], bad.reason if bad.twin is None else f"{bad.reason} of {names[bad.twin]}")
        for bad in unusable
    )
    keep = np.setdiff1d(np.arange(len(names)), [bad.column for bad in unusable])
    if len(keep) < 2:
        reasons = "; ".join(f"{motif}: {reason}" for motif, reason in dropped)
        raise InvalidInput(
            f"only {len(keep)} of {len(names)} motifs can be analysed ({reasons})",
            cure="check that the attribution covers more genes and that the motif scores vary",
        )
    return finite_matrix(values[:, keep]), tuple(names[column] for column in keep), dropped


def _edges(effects: NDArray[np.float64], motifs: tuple[str, ...], top_fraction: float) -> tuple[CausalEdge, ...]:
    """Rank the non-zero effects and mark the top fraction."""
    to, of = np.nonzero(effects)
    found = sorted(
        ((motifs[j], motifs[i], float(effects[i, j])) for i, j in zip(to, of, strict=True)),
        key=lambda edge: (-abs(edge[2]), edge[0], edge[1]),
    )
    total = len(found)
    # The small term keeps 0.07 · 100 = 7.000000000000001 at 7.
    wanted = math.ceil(top_fraction * total - 1e-9)
    weights = np.array([abs(weight) for _, _, weight in found])
    ranks = 1 + np.searchsorted(-weights, -weights, side="left")
    not_above = total - ranks + 1
    return tuple(
        CausalEdge(cause, effect, weight, int(rank), 100.0 * int(below) / total, bool(rank <= wanted))
        for (cause, effect, weight), rank, below in zip(found, ranks, not_above, strict=True)
    )
