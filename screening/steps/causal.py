"""LiNGAM on a cell type's attribution matrix, and the TF pairs of its strongest edges."""

import hashlib
from collections.abc import Mapping
from typing import cast

import numpy as np

from catalog.record import Json, Row
from screening.errors import InvalidInput
from screening.proteins import read_fasta
from screening.sections.network import CausalSettings, TfPairSettings
from screening.steps.atlas import atlas_of
from screening.task import OutputFile, Resources, Result, Workspace

__all__ = ["resources", "run", "tf_pairs"]

ACCESSIBILITY = "Accessibility"


def resources(settings: CausalSettings) -> Resources:
    """Return what the search of the causal order needs."""
    return Resources(cpus=1, memory_gib=2.0, deadline_s=24 * 3600.0)


def run(workspace: Workspace, settings: CausalSettings) -> Result:
    """Fit the network of a cell type; with a simulated atlas, compare it with what was planted."""
    from get_core.causal import causal_network, recovery

    cell_type = workspace.text_input("cell_type")
    with np.load(workspace.file("attribution", "attribution"), allow_pickle=False) as arrays:
        matrix, names = arrays["matrix"].astype(np.float64), arrays["motifs"].tolist()
    if not settings.accessibility:
        keep = [column for column, name in enumerate(names) if name != ACCESSIBILITY]
        matrix, names = matrix[:, keep], [names[column] for column in keep]
    network = causal_network(
        matrix, names, method=settings.method, top_fraction=settings.top_fraction, seed=settings.seed
    )
    path = workspace.folder / "network.npz"
    np.savez_compressed(path, adjacency=network.adjacency(), motifs=np.array(network.motifs))
    key = workspace.task.key
    edges: list[Row] = [
        {
            "task_key": key,
            "cell_type_id": cell_type,
            "cause_motif": edge.cause,
            "effect_motif": edge.effect,
            "effect": edge.weight,
            "abs_effect_pct": edge.percentile,
            "bootstrap_prob": None,
            "selected": edge.selected,
            "method": network.method,
        }
        for edge in network.edges
    ]
    tables = {"causal_edges": edges}
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
            )
        ]
    return Result(
        outputs={
            "edges": [
                {"cause": e.cause, "effect": e.effect, "weight": e.weight, "rank": e.rank, "percentile": e.percentile}
                for e in network.selected
            ],
            "n_edges": len(network.edges),
            "n_rows": network.n_rows,
            "dropped_motifs": [{"motif": motif, "reason": reason} for motif, reason in network.dropped],
        },
        tables=tables,
        files=[OutputFile("network", path, "application/octet-stream")],
    )


def tf_pairs(workspace: Workspace, settings: TfPairSettings) -> Result:
    """Let the highest-expressed TF of each motif stand for it; every edge without a pair has its reason."""
    from get_core.causal import CausalEdge
    from get_core.motifs import genes_of
    from get_core.tf_pairs import choose_tf_pairs

    cell_type = workspace.text_input("cell_type")
    atlas = atlas_of(workspace)
    if not atlas.genes:
        raise InvalidInput(
            "the atlas has no gene expression, by which TFs are chosen", cure="give atlas.expression in screen.toml"
        )
    edges = [
        CausalEdge(
            str(edge["cause"]),
            str(edge["effect"]),
            cast(float, edge["weight"]),
            cast(int, edge["rank"]),
            cast(float, edge["percentile"]),
            True,
        )
        for edge in cast(list[Mapping[str, Json]], workspace.upstream("causal").outputs["edges"])
    ]
    proteins = {protein.gene: protein for protein in read_fasta(workspace.source("proteins"))}
    expression = dict(zip(atlas.genes, atlas.gene_expression[atlas.cell_types.index(cell_type)].tolist(), strict=True))
    genes = {motif: genes_of(motif) for edge in edges for motif in (edge.cause, edge.effect) if motif != ACCESSIBILITY}
    found = choose_tf_pairs(
        edges,
        expression,
        genes,
        {gene: protein.family or "" for gene, protein in proteins.items()},
        {gene: protein.accession for gene, protein in proteins.items()},
        minimum_expression=settings.minimum_expression,
    )
    kept = found.pairs if settings.limit is None else found.pairs[: settings.limit]
    used = {gene: proteins[gene] for pair in found.pairs for gene in (pair.gene_a, pair.gene_b)}
    key = workspace.task.key
    dropped: list[Row] = [
        {
            "task_key": key,
            "cell_type_id": cell_type,
            "cause_motif": drop.cause_motif,
            "effect_motif": drop.effect_motif,
            "reason": drop.reason.value,
            "detail": drop.detail,
        }
        for drop in found.dropped
    ]
    dropped += [
        {
            "task_key": key,
            "cell_type_id": cell_type,
            "cause_motif": pair.cause_motif,
            "effect_motif": pair.effect_motif,
            "reason": "beyond_limit",
            "detail": f"{pair.gene_a}+{pair.gene_b} is not among the {settings.limit} strongest pairs",
        }
        for pair in found.pairs[len(kept) :]
    ]
    return Result(
        outputs={
            "pairs": [
                {
                    "gene_a": pair.gene_a,
                    "gene_b": pair.gene_b,
                    "accession_a": pair.accession_a,
                    "accession_b": pair.accession_b,
                    "kind": pair.kind.value,
                }
                for pair in kept
            ],
            "proteins": [
                {"accession": protein.accession, "gene": protein.gene, "sequence": protein.sequence}
                for protein in sorted(
                    {used[gene] for pair in kept for gene in (pair.gene_a, pair.gene_b)}, key=lambda p: p.accession
                )
            ],
        },
        tables={
            "tf_pairs": [
                {
                    "pair_id": f"{pair.accession_a}+{pair.accession_b}",
                    "uniprot_a": pair.accession_a,
                    "uniprot_b": pair.accession_b,
                    "kind": pair.kind.value,
                }
                for pair in kept
            ],
            "pair_origins": [
                {
                    "pair_id": f"{pair.accession_a}+{pair.accession_b}",
                    "cell_type_id": cell_type,
                    "edge_task_key": workspace.task.upstream["causal"],
                    "cause_motif": edge.cause,
                    "effect_motif": edge.effect,
                }
                for pair in kept
                for edge in pair.origins
            ],
            "dropped_pairs": dropped,
            "proteins": [
                {
                    "uniprot_ac": protein.accession,
                    "gene": protein.gene,
                    "length": len(protein.sequence),
                    "sequence": protein.sequence,
                    "sequence_sha256": hashlib.sha256(protein.sequence.encode()).hexdigest(),
                    "tf_family": protein.family,
                }
                for protein in sorted(used.values(), key=lambda p: p.accession)
            ],
            "motif_choices": [
                {
                    "task_key": key,
                    "cell_type_id": cell_type,
                    "motif_id": motif,
                    "gene": gene,
                    "uniprot_ac": proteins[gene].accession,
                    "expression": found.expression[gene],
                    "unit": atlas.expression_unit,
                }
                for motif, gene in sorted(found.chosen.items())
            ],
            "motif_tfs": [
                {"motif_id": motif, "uniprot_ac": proteins[gene].accession}
                for motif, genes_of_motif in sorted(genes.items())
                for gene in genes_of_motif
                if gene in proteins
            ],
        },
    )
