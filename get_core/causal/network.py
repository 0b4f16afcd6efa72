"""The causal network of a cell type: which motif's effect on expression drives which other motif's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix, finite_matrix, standardise, unusable_columns
from get_core.causal.direct import DirectLiNGAM
from get_core.causal.edges import TOP_FRACTION, CausalEdge, directed_graph, effect_matrix, ranked_edges
from get_core.causal.ica import ICALiNGAM
from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["CausalEdge", "CausalNetwork", "Method", "causal_network", "usable_motifs"]

Method = Literal["direct", "ica"]


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
        return effect_matrix(self.edges, self.motifs)

    def graph(self, *, selected_only: bool = False) -> "DiGraph":
        """Return the network with all motifs as nodes and edges from cause to effect; see `directed_graph`.

        Parameters
        ----------
        selected_only : bool
            Leave out the edges beyond the top fraction; the motifs stay.

        Returns
        -------
        networkx.DiGraph
            Node attribute `order`: place in the causal order, 1 for the first. Graph attributes `method`, `n_rows`,
            `top_fraction`, `zscore_ddof` and, where there are any, `seed` and `dropped`.
        """
        graph = directed_graph(self.selected if selected_only else self.edges, self.motifs)
        for place, motif in enumerate(self.order, start=1):
            graph.nodes[motif]["order"] = place
        graph.graph |= {
            "method": self.method,
            "n_rows": self.n_rows,
            "top_fraction": self.top_fraction,
            "zscore_ddof": self.zscore_ddof,
        }
        if self.seed is not None:
            graph.graph["seed"] = self.seed
        if self.dropped:
            graph.graph["dropped"] = "; ".join(f"{motif}: {reason}" for motif, reason in self.dropped)
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
        ``"direct"`` is deterministic; ``"ica"`` is what the paper used.
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
    values, kept, dropped = usable_motifs(matrix, motifs)
    z = standardise(values)
    estimator = DirectLiNGAM() if method == "direct" else ICALiNGAM(random_state=seed)
    estimator.fit(z)
    return CausalNetwork(
        motifs=kept,
        order=tuple(kept[column] for column in estimator.causal_order_),
        edges=ranked_edges(estimator.adjacency_matrix_, kept, top_fraction),
        method=method,
        seed=seed if method == "ica" else None,
        n_rows=len(z),
        top_fraction=top_fraction,
        dropped=dropped,
    )


def usable_motifs(
    matrix: ArrayLike, motifs: Sequence[str]
) -> tuple[Matrix, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Split the motifs of a matrix into those a linear model can use and those it cannot.

    Parameters
    ----------
    matrix : float (n, d)
        One row per gene, one column per motif.
    motifs : sequence of str (d,)
        Unique column names.

    Returns
    -------
    values : float64 (n, k)
        The usable columns, in their order.
    kept : tuple of str (k,)
        Their motifs.
    dropped : tuple of (motif, reason)
        The others: constant, not finite, copies of an earlier motif or sums of earlier ones.

    Raises
    ------
    InvalidInput
        Names that do not fit the columns, or too few usable columns or rows.
    """
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
