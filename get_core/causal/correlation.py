"""The correlation network, the undirected yardstick beside the causal one: Spearman and partial correlation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix
from get_core.causal.edges import TOP_FRACTION, n_selected
from get_core.causal.network import usable_motifs
from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from networkx import Graph

__all__ = [
    "CorrelationEdge",
    "CorrelationNetwork",
    "Measure",
    "correlation_network",
    "partial_correlation",
    "pearson",
    "spearman",
]

Measure = Literal["spearman", "partial"]


@dataclass(frozen=True)
class CorrelationEdge:
    """Two motifs whose columns go together.

    Parameters
    ----------
    motif_a, motif_b : str
        In column order; the order says nothing about cause and effect.
    correlation : float
        In [-1, 1].
    rank : int
        1 for the largest absolute correlation; equal ones share the smaller rank.
    selected : bool
        Whether the pair is among the top fraction.
    """

    motif_a: str
    motif_b: str
    correlation: float
    rank: int
    selected: bool


@dataclass(frozen=True)
class CorrelationNetwork:
    """All pairs of motifs by the strength of their correlation.

    Parameters
    ----------
    motifs : tuple of str (d,)
        Analysed motifs, in column order.
    edges : tuple of CorrelationEdge
        All d(d - 1)/2 pairs, by rank, then column order.
    measure : str
        ``"spearman"`` or ``"partial"``.
    n_rows : int
        Observations (genes).
    top_fraction : float
        Fraction of the pairs asked for by selection.
    dropped : tuple of (motif, reason)
        Motifs that could not be analysed, the same ones as in the causal network.
    """

    motifs: tuple[str, ...]
    edges: tuple[CorrelationEdge, ...]
    measure: Measure
    n_rows: int
    top_fraction: float
    dropped: tuple[tuple[str, str], ...]

    @property
    def selected(self) -> tuple[CorrelationEdge, ...]:
        """The pairs of the top fraction, strongest first."""
        return tuple(edge for edge in self.edges if edge.selected)

    def graph(self, *, selected_only: bool = False) -> "Graph":
        """Return an undirected graph of all motifs, float `weight` on its edges.

        Parameters
        ----------
        selected_only : bool
            Leave out the pairs beyond the top fraction; the motifs stay.
        """
        import networkx

        graph = networkx.Graph(method=self.measure, n_rows=self.n_rows, top_fraction=self.top_fraction)
        graph.add_nodes_from(self.motifs)
        for edge in self.selected if selected_only else self.edges:
            graph.add_edge(edge.motif_a, edge.motif_b, weight=edge.correlation, rank=edge.rank, selected=edge.selected)
        return graph


def pearson(values: ArrayLike) -> NDArray[np.float64]:
    """Correlate all columns with one matrix product.

    Parameters
    ----------
    values : float (n, d)
        Finite.

    Returns
    -------
    float64 (d, d)
        Exactly symmetric; NaN in rows and columns of constants, 1 elsewhere on the diagonal.
    """
    return _correlated(_variables(values))


def spearman(values: ArrayLike) -> NDArray[np.float64]:
    """Correlate the ranks of all columns with one matrix product; the same as `scipy.stats.spearmanr`.

    Parameters
    ----------
    values : float (n, d)
        Finite.

    Returns
    -------
    float64 (d, d)
        Exactly symmetric; NaN in rows and columns of constants, 1 elsewhere on the diagonal.
    """
    return _correlated(_ranked(_variables(values)))


def partial_correlation(correlation: ArrayLike) -> NDArray[np.float64]:
    """Correlation of each pair that all other columns leave over, from the inverse P of the correlation matrix.

    Parameters
    ----------
    correlation : float (d, d)
        Of full rank, such as `pearson` of the columns that `usable_motifs` keeps.

    Returns
    -------
    float64 (d, d)
        ``-P[i, j] / sqrt(P[i, i] P[j, j])``, exactly symmetric, 1 on the diagonal.

    Raises
    ------
    InvalidInput
        The matrix has no inverse or holds NaN.
    """
    matrix = np.asarray(correlation, np.float64)
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise InvalidInput(
            "the correlation matrix cannot be inverted: a column is constant or follows from the others",
            cure="leave such columns out, as get_core.causal.usable_motifs does",
        ) from None
    inverse_factor = np.linalg.solve(factor, np.eye(len(matrix)))
    precision = inverse_factor.T @ inverse_factor
    scale = np.sqrt(np.diag(precision))
    partial = -np.clip(precision / np.outer(scale, scale), -1.0, 1.0)
    partial = (partial + partial.T) / 2
    np.fill_diagonal(partial, 1.0)
    return partial


def correlation_network(
    matrix: ArrayLike,
    motifs: Sequence[str],
    *,
    measure: Measure = "spearman",
    top_fraction: float = TOP_FRACTION,
) -> CorrelationNetwork:
    """Rank all pairs of motifs of a gene × motif matrix by their absolute correlation.

    The same motifs are dropped as by `causal_network`, so the two networks can be compared. The top fraction is the
    ``ceil(top_fraction · pairs)`` largest absolute correlations and every pair that ties with the last of them.

    Parameters
    ----------
    matrix : float (n, d)
        One row per gene, one column per motif.
    motifs : sequence of str (d,)
        Unique column names.
    measure : {"spearman", "partial"}
        Rank correlation, or Pearson correlation given all other motifs.
    top_fraction : float
        In (0, 1].

    Returns
    -------
    CorrelationNetwork

    Raises
    ------
    InvalidInput
        Names that do not fit the columns, settings out of range, or too few usable columns or rows.
    """
    if measure not in get_args(Measure):
        raise InvalidInput(f"unknown correlation {measure!r}", cure='use "spearman" or "partial"')
    if not 0 < top_fraction <= 1:
        raise InvalidInput(f"top_fraction {top_fraction} is outside (0, 1]", cure="use 0.05 for the top 5 %")
    values, kept, dropped = usable_motifs(matrix, motifs)
    found = spearman(values) if measure == "spearman" else partial_correlation(pearson(values))
    first, second = np.triu_indices(len(kept), 1)
    strength = found[first, second]
    order = np.argsort(-np.abs(strength), kind="stable")
    falling = -np.abs(strength[order])
    ranks = 1 + np.searchsorted(falling, falling, side="left")
    wanted = n_selected(top_fraction, len(order))
    return CorrelationNetwork(
        motifs=kept,
        edges=tuple(
            CorrelationEdge(kept[first[k]], kept[second[k]], float(strength[k]), int(rank), bool(rank <= wanted))
            for k, rank in zip(order, ranks, strict=True)
        ),
        measure=measure,
        n_rows=len(values),
        top_fraction=top_fraction,
        dropped=dropped,
    )


def _variables(values: ArrayLike) -> Matrix:
    """Return a finite matrix (n, d) with one variable per row, (d, n), in memory order."""
    raw = np.asarray(values, np.float64)
    if raw.ndim != 2 or not len(raw):
        raise InvalidInput(f"the matrix must be (observations, variables), not of shape {raw.shape}")
    bad = np.flatnonzero(~np.isfinite(raw).all(axis=0))
    if bad.size:
        raise InvalidInput(
            f"column {bad[0]} is not finite in every row",
            cure="leave such columns out, as get_core.causal.usable_motifs does",
        )
    return np.ascontiguousarray(raw.T)


def _ranked(rows: Matrix) -> Matrix:
    """Rank each row from 1, ties sharing their mean rank."""
    order = np.argsort(rows, axis=1)
    ranks = np.empty_like(rows)
    for row, places, out in zip(rows, order, ranks, strict=True):
        starts = np.concatenate([[0], 1 + np.flatnonzero(np.diff(row[places])), [len(row)]])
        # Places start + 1 to end share their mean.
        out[places] = np.repeat((starts[:-1] + starts[1:] + 1) / 2, np.diff(starts))
    return ranks


def _correlated(rows: Matrix) -> Matrix:
    """Correlate each row with each; see `pearson`."""
    varies = np.ptp(rows, axis=1) > 0
    # Dividing by the largest value first keeps squares of very large or very small numbers finite.
    centred = rows[varies] / np.abs(rows[varies]).max(axis=1, keepdims=True)
    centred -= centred.mean(axis=1, keepdims=True)
    centred /= np.sqrt(np.einsum("ij,ij->i", centred, centred))[:, None]
    product = np.clip(centred @ centred.T, -1.0, 1.0)
    product = (product + product.T) / 2
    np.fill_diagonal(product, 1.0)
    correlation = np.full((len(rows), len(rows)), np.nan)
    correlation[np.ix_(varies, varies)] = product
    return correlation
