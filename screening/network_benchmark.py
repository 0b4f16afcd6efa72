"""A network beside correlation, partial correlation and chance: against known interactions, or planted edges."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.networks import AttributionMatrix
from screening.resources import hint_for

if TYPE_CHECKING:
    from networkx import DiGraph

    from get_core.causal.interactions import Interactions

__all__ = ["against_interactions", "against_planted", "rankings"]

Rows = list[dict[str, object]]


def rankings(graph: "DiGraph", attribution: AttributionMatrix) -> dict[str, NDArray[np.float64]]:
    """Score all pairs of motifs in three ways.

    Parameters
    ----------
    graph : networkx.DiGraph
        Network with all its effects.
    attribution : AttributionMatrix
        What it was made from.

    Returns
    -------
    dict of str to float64 (d, d)
        ``causal`` (effects, ``[i, j]`` of motif j on motif i), ``spearman`` and ``partial`` over the motifs of the
        matrix; where the network was resampled also ``stable``, effects times the share of resamples with the edge.
        Motifs for which a score does not exist, such as constant ones, have 0.
    """
    from get_core.causal import partial_correlation, spearman
    from get_core.causal.correlation import pearson
    from get_core.causal.network import usable_motifs

    number = {motif: i for i, motif in enumerate(attribution.motifs)}
    names = ("causal", "stable", "spearman", "partial")
    scores = {name: np.zeros((len(number), len(number))) for name in names}
    for cause, effect, data in graph.edges(data=True):
        if cause not in number or effect not in number:
            raise InvalidInput(
                f"the network has the edge {cause} -> {effect}, but its matrix lacks one of them",
                cure="screening catalog rebuild",
            )
        scores["causal"][number[effect], number[cause]] = data["weight"]
        scores["stable"][number[effect], number[cause]] = data["weight"] * data.get("bootstrap_prob", 0.0)
    if not scores["stable"].any():
        del scores["stable"]
    finite = np.flatnonzero(np.isfinite(attribution.matrix).all(axis=0))
    scores["spearman"][np.ix_(finite, finite)] = np.nan_to_num(spearman(attribution.matrix[:, finite]), nan=0.0)
    values, kept, _ = usable_motifs(attribution.matrix, attribution.motifs)
    usable = [number[motif] for motif in kept]
    scores["partial"][np.ix_(usable, usable)] = partial_correlation(pearson(values))
    return scores


def against_interactions(
    cell_type: str,
    graph: "DiGraph",
    attribution: AttributionMatrix,
    interactions: "Interactions",
    families: Mapping[str, str],
    *,
    top_percents: Sequence[float],
    seed: int = 0,
) -> Rows:
    """Make the benchmark of Fu et al. 2025 for one network; see `get_core.causal.interaction_benchmark.benchmark`.

    Parameters
    ----------
    cell_type : str
        Name for the rows.
    graph, attribution : see `rankings`
        The network and its matrix.
    interactions : Interactions
        Known interactions between genes.
    families : mapping of gene to str
        DNA-binding domain families for the control.
    top_percents : sequence of float
        Percentages of all motif pairs.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    list of dict
        One for each kind of pairs, families, percentage and ranking; precisions and errors in percent.

    Raises
    ------
    InvalidInput
        Fewer than two motifs have TF genes, or a percentage is out of range.
    """
    from get_core.causal.interaction_benchmark import benchmark
    from get_core.motifs import clusters, genes_of

    known = set(clusters())
    places = [place for place, motif in enumerate(attribution.motifs) if motif in known]
    if len(places) < 2:
        raise InvalidInput(
            f"{cell_type}: {len(places)} of {len(attribution.motifs)} motifs are clusters whose TF genes are known",
            cure="the benchmark needs GET's motif clusters (get_core.motifs.clusters)",
        )
    scores = {name: score[np.ix_(places, places)] for name, score in rankings(graph, attribution).items()}
    genes = [genes_of(attribution.motifs[place]) for place in places]
    found = benchmark(scores, genes, interactions, families, top_percents=top_percents, seed=seed)
    chance = {(row.pairs, row.families): row.result.precision for row in found if row.score == "random"}
    return [
        {
            "cell_type": cell_type,
            "pairs": row.pairs,
            "families": row.families,
            "top_pct": row.top_percent,
            "ranking": row.score,
            "precision_pct": 100 * row.result.precision,
            "se_pct": 100 * row.result.standard_error,
            "x_random": _ratio(row.result.precision, chance[row.pairs, row.families]),
            "n_top": row.result.n_top,
            "n_scored": row.result.n_scored,
            "n_pairs": row.result.n_pairs,
            "n_interacting": row.result.n_interacting,
        }
        for row in found
    ]


def against_planted(
    cell_type: str,
    graph: "DiGraph",
    attribution: AttributionMatrix,
    planted: Sequence[tuple[str, str]],
    order_accuracy: float | None = None,
) -> Rows:
    """Compare the rankings of one network with the edges planted in its simulated cell type.

    Parameters
    ----------
    cell_type : str
        Name for the rows.
    graph, attribution : see `rankings`
        The network and its matrix.
    planted : sequence of (cause, effect)
        The truth.
    order_accuracy : float, optional
        Share of planted edges in causal order, where the order is known.

    Returns
    -------
    list of dict
        One for each ranking, and one for a random ranking.

    Raises
    ------
    InvalidInput
        Nothing was planted.
    """
    from get_core.causal import score_recovery

    if not planted:
        raise InvalidInput(
            f"{cell_type}: no edge was planted in it",
            cure=f"give --interactions FILE with known interactions{hint_for('--interactions')}",
        )
    found = {
        name: score_recovery(score, attribution.motifs, planted) for name, score in rankings(graph, attribution).items()
    }
    rows: Rows = [
        {
            "cell_type": cell_type,
            "ranking": name,
            "auprc": result.auprc,
            "skeleton_auprc": result.skeleton_auprc,
            "precision_at_k": result.precision_at_k,
            "order_accuracy": order_accuracy if name == "causal" else None,
            "k": result.n_true,
            "n_pairs": result.n_pairs,
        }
        for name, result in found.items()
    ]
    some = found["causal"]
    unordered = len({frozenset(edge) for edge in planted})
    rows.append(
        {
            "cell_type": cell_type,
            "ranking": "random",
            "auprc": some.n_true / some.n_pairs,
            "skeleton_auprc": unordered / (some.n_pairs / 2),
            "precision_at_k": some.n_true / some.n_pairs,
            "order_accuracy": 0.5,
            "k": some.n_true,
            "n_pairs": some.n_pairs,
        }
    )
    return rows


def _ratio(precision: float, chance: float) -> float | None:
    return precision / chance if chance else None
