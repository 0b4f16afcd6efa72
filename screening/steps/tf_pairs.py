"""Pairs of proteins to screen: of the TFs behind a cell type's strongest edges, or asked for by name."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Row
from get_core.features import ACCESSIBILITY
from screening.errors import InvalidInput
from screening.protein_pairs import named_proteins, pairs_by_name
from screening.proteins import Protein, read_fasta
from screening.sections.network import TfPairSettings
from screening.steps.atlas import atlas_of
from screening.task import Result, Workspace

if TYPE_CHECKING:
    from get_core.causal import CausalEdge
    from get_core.tf_pairs import PairKind, TfPair, TfPairs

__all__ = ["run"]


def run(workspace: Workspace, settings: TfPairSettings) -> Result:
    """Give the pairs of a cell type's network, of all homodimers or of a table."""
    return _of_network(workspace, settings) if settings.source == "network" else _by_name(workspace, settings)


def _by_name(workspace: Workspace, settings: TfPairSettings) -> Result:
    """Give the pairs that were asked for; no edge and no cell type is their origin."""
    from get_core.tf_pairs import pair_kind

    table = workspace.source("pairs") if settings.source == "table" else None
    pairs = pairs_by_name(settings, workspace.source("proteins"), table)
    rows = [_pair(p.a, p.b, pair_kind(p.a.accession, p.b.accession, p.a.family or "", p.b.family or "")) for p in pairs]
    proteins = [protein for pair in pairs for protein in (pair.a, pair.b)]
    return Result(
        outputs={"pairs": [*rows], "proteins": _sequences(proteins)},
        tables={"tf_pairs": _pair_rows(rows), "proteins": _protein_rows(proteins)},
    )


def _of_network(workspace: Workspace, settings: TfPairSettings) -> Result:
    """Let the highest-expressed TF of each motif stand for it; every edge without a pair has its reason."""
    from get_core.motifs import genes_of
    from get_core.tf_pairs import choose_tf_pairs, with_cofactors

    cell_type = workspace.text_input("cell_type")
    atlas = atlas_of(workspace)
    if not atlas.genes:
        raise InvalidInput(
            "the atlas has no gene expression, by which TFs are chosen", cure="give atlas.expression in screen.toml"
        )
    edges = _edges(workspace)
    known = read_fasta(workspace.source("proteins"))
    proteins = {protein.gene: protein for protein in known}
    cofactors = named_proteins(settings.cofactors, known, "tf_pairs.cofactors")
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
    strongest = found.pairs if settings.limit is None else found.pairs[: settings.limit]
    kept = with_cofactors(strongest, {protein.gene: protein.accession for protein in cofactors})
    used = [proteins[gene] for pair in kept for gene in (pair.gene_a, pair.gene_b)]
    beyond = [proteins[gene] for pair in found.pairs[len(strongest) :] for gene in (pair.gene_a, pair.gene_b)]
    key = workspace.task.key
    rows = [_pair(proteins[pair.gene_a], proteins[pair.gene_b], pair.kind) for pair in kept]
    return Result(
        outputs={"pairs": [*rows], "proteins": _sequences(used)},
        tables={
            "tf_pairs": _pair_rows(rows),
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
            "dropped_pairs": _dropped_rows(found, found.pairs[len(strongest) :], key, cell_type, settings.limit),
            "proteins": _protein_rows([*used, *beyond]),
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


def _edges(workspace: Workspace) -> "list[CausalEdge]":
    """Return the selected edges of the cell type's network."""
    from get_core.causal import CausalEdge

    return [
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


def _dropped_rows(
    found: "TfPairs", beyond: "Sequence[TfPair]", key: str, cell_type: str, limit: int | None
) -> list[Row]:
    """Return the reason of each selected edge that gives no pair to be screened."""
    reasons = [(drop.cause_motif, drop.effect_motif, drop.reason.value, drop.detail) for drop in found.dropped]
    reasons += [
        (
            pair.cause_motif,
            pair.effect_motif,
            "beyond_limit",
            f"{pair.gene_a}+{pair.gene_b} is not among the {limit} strongest pairs",
        )
        for pair in beyond
    ]
    return [
        {
            "task_key": key,
            "cell_type_id": cell_type,
            "cause_motif": cause,
            "effect_motif": effect,
            "reason": reason,
            "detail": detail,
        }
        for cause, effect, reason, detail in reasons
    ]


def _pair(a: Protein, b: Protein, kind: "PairKind") -> dict[str, Json]:
    """Return what the next stages read of a pair."""
    return {
        "gene_a": a.gene,
        "gene_b": b.gene,
        "accession_a": a.accession,
        "accession_b": b.accession,
        "kind": kind.value,
    }


def _pair_rows(pairs: Sequence[Mapping[str, Json]]) -> list[Row]:
    return [
        {
            "pair_id": f"{pair['accession_a']}+{pair['accession_b']}",
            "uniprot_a": pair["accession_a"],
            "uniprot_b": pair["accession_b"],
            "kind": pair["kind"],
        }
        for pair in pairs
    ]


def _sequences(proteins: Iterable[Protein]) -> list[Json]:
    """Return what the next stages read of each protein, by accession."""
    return [
        {"accession": protein.accession, "gene": protein.gene, "sequence": protein.sequence}
        for protein in _each_once(proteins)
    ]


def _protein_rows(proteins: Iterable[Protein]) -> list[Row]:
    return [
        {
            "uniprot_ac": protein.accession,
            "gene": protein.gene,
            "length": len(protein.sequence),
            "sequence": protein.sequence,
            "sequence_sha256": hashlib.sha256(protein.sequence.encode()).hexdigest(),
            "tf_family": protein.family,
        }
        for protein in _each_once(proteins)
    ]


def _each_once(proteins: Iterable[Protein]) -> list[Protein]:
    return [protein for _, protein in sorted({protein.accession: protein for protein in proteins}.items())]
