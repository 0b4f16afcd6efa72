"""A cell type's causal network: LiNGAM on its attribution matrix, or a network that is there already."""

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from catalog.record import Json, Row
from screening.sections.network import CausalSettings, ResampleSettings
from screening.steps import taken_over
from screening.steps.atlas import atlas_of
from screening.steps.resampling import attributed_motifs, stability_of
from screening.task import OutputFile, Resources, Result, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from get_core.causal import CausalEdge, CausalNetwork
    from get_core.causal.stability import Stability

__all__ = ["resources", "run"]

STABILITY_ARRAYS = ("probability", "sign_agreement", "mean_effect", "mean_total_effect", "before", "unusable")


def resources(settings: CausalSettings | ResampleSettings) -> Resources:
    """Return what the search of the causal order needs, for the network and for a block of resamples."""
    return Resources(cpus=1, memory_gib=2.0, deadline_s=24 * 3600.0)


def run(workspace: Workspace, settings: CausalSettings) -> Result:
    """Fit the network of a cell type and say how stable it is; a simulated one is compared with what was planted.

    One that is taken over from a file is neither fitted nor compared.
    """
    from get_core.causal import causal_network, recovery

    if taken_over.is_taken_over(workspace.task):
        return _taken_over(workspace)
    cell_type = workspace.text_input("cell_type")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        network = causal_network(
            *attributed_motifs(workspace, accessibility=settings.accessibility),
            method=settings.method,
            top_fraction=settings.top_fraction,
            seed=settings.seed,
        )
    stability = stability_of(workspace, network.motifs)
    path = workspace.folder / "network.npz"
    arrays = {"adjacency": network.adjacency(), "motifs": np.array(network.motifs)}
    if stability is not None:
        arrays |= {name: getattr(stability, name) for name in STABILITY_ARRAYS}
    np.savez_compressed(path, **arrays)
    key = workspace.task.key
    tables = {"causal_edges": _edge_rows(network, stability, key, cell_type)}
    if stability is not None:
        tables["network_stability"] = [
            {"task_key": key, "cell_type_id": cell_type, "metric": metric, "value": _known(value)}
            for metric, value in (
                ("resamples", stability.resamples),
                ("order_entropy", stability.order_entropy),
                ("consensus_acyclic", stability.consensus_is_acyclic()),
                ("motifs_unusable", (stability.unusable > 0).sum()),
            )
        ]
    truth = [
        (str(row["cause_motif"]), str(row["effect_motif"]))
        for row in workspace.upstream("atlas").tables.get("truth_edges", ())
        if row["cell_type_id"] == cell_type
    ]
    if truth:
        found = recovery(network, truth)
        tables["network_recovery"] = [
            {"task_key": key, "cell_type_id": cell_type, "metric": metric, "value": float(value)}
            for metric, value in (
                ("auprc", found.auprc),
                ("auprc_random", found.n_true / found.n_pairs),
                ("precision_at_k", found.precision_at_k),
                ("recall", found.recall),
                ("n_true", found.n_true),
                ("reversed", found.reversed),
                ("order_accuracy", found.order_accuracy),
            )
        ]
    return Result(
        outputs={
            "edges": _selected(network.edges),
            "n_edges": len(network.edges),
            "n_rows": network.n_rows,
            "zscore_ddof": network.zscore_ddof,
            "dropped_motifs": [{"motif": motif, "reason": reason} for motif, reason in network.dropped],
            "warnings": [str(warning.message) for warning in caught],
        },
        tables=tables,
        files=[OutputFile("network", path, "application/octet-stream")],
    )


def _taken_over(workspace: Workspace) -> Result:
    """Keep a network that is there already, from cause to effect; what its list cannot tell is NULL."""
    network = taken_over.network_of(workspace, atlas_of(workspace).motifs)
    path = workspace.folder / "network.npz"
    np.savez_compressed(path, adjacency=network.adjacency(), motifs=np.array(network.motifs))
    notes = [*network.notes, "total effects are NULL: the list does not say whether it has every effect"]
    row = taken_over.row_of(workspace, notes)
    edges: list[Row] = [
        {
            "task_key": workspace.task.key,
            "cell_type_id": workspace.text_input("cell_type"),
            "cause_motif": edge.cause,
            "effect_motif": edge.effect,
            "effect": edge.weight,
            "abs_effect_pct": edge.percentile,
            "selected": edge.selected,
            "method": "taken_over",
        }
        for edge in network.edges
    ]
    return Result(
        outputs={
            "edges": _selected(network.edges),
            "n_edges": len(network.edges),
            "n_rows": None,
            "zscore_ddof": None,
            "dropped_motifs": [],
            "warnings": [],
            "notes": [*notes],
        },
        tables={"causal_edges": edges, "taken_over": [row]},
        files=[OutputFile("network", path, "application/octet-stream")],
    )


def _selected(edges: "Iterable[CausalEdge]") -> list[Json]:
    """Return the selected edges as the choice of TF pairs reads them."""
    return [
        {"cause": e.cause, "effect": e.effect, "weight": e.weight, "rank": e.rank, "percentile": e.percentile}
        for e in edges
        if e.selected
    ]


def _edge_rows(network: "CausalNetwork", stability: "Stability | None", key: str, cell_type: str) -> list[Row]:
    """Return the edges for the catalog; what the bootstrap says of them is NULL without one."""
    from get_core.causal.dag import total_effects

    number = {motif: column for column, motif in enumerate(network.motifs)}
    total = total_effects(network.adjacency())
    rows: list[Row] = []
    for edge in network.edges:
        place = number[edge.effect], number[edge.cause]
        rows.append(
            {
                "task_key": key,
                "cell_type_id": cell_type,
                "cause_motif": edge.cause,
                "effect_motif": edge.effect,
                "effect": edge.weight,
                "total_effect": float(total[place]),
                "abs_effect_pct": edge.percentile,
                "bootstrap_prob": None if stability is None else _known(stability.probability[place]),
                "sign_agreement": None if stability is None else _known(stability.sign_agreement[place]),
                "bootstrap_effect": None if stability is None else _known(stability.mean_effect[place]),
                "selected": edge.selected,
                "method": network.method,
            }
        )
    return rows


def _known(value: float) -> float | None:
    """Return a number, or None for not-a-number."""
    return None if math.isnan(value) else float(value)
