"""From causal edges between motifs to pairs of transcription factors that may touch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from get_core.causal.network import CausalEdge

__all__ = [
    "UNKNOWN_FAMILIES",
    "DropReason",
    "DroppedPair",
    "PairKind",
    "TfPair",
    "TfPairs",
    "choose_tf_pairs",
    "pair_kind",
    "with_cofactors",
]

# How motif and TF tables write that no DNA-binding domain family is known (Lambert et al. 2018,
# doi 10.1016/j.cell.2018.01.029: "Unknown"; Vierstra motif clusters v1.0: "not_classified").
UNKNOWN_FAMILIES = frozenset({"", "unknown", "not_classified"})


class PairKind(StrEnum):
    """How the two proteins of a pair are related."""

    HOMODIMER = "homodimer"
    INTRA_FAMILY = "intra_family"
    INTER_FAMILY = "inter_family"
    COFACTOR = "cofactor"


class DropReason(StrEnum):
    """Why an edge gives no pair."""

    MOTIF_WITHOUT_TF = "motif_without_tf"
    TF_WITHOUT_EXPRESSION = "tf_without_expression"
    TF_NOT_EXPRESSED = "tf_not_expressed"
    TF_WITHOUT_SEQUENCE = "tf_without_sequence"


@dataclass(frozen=True)
class TfPair:
    """Two proteins, ``accession_a <= accession_b``; the order says nothing about cause and effect.

    Parameters
    ----------
    gene_a, gene_b : str
        Symbols of the genes of `accession_a` and `accession_b`.
    accession_a, accession_b : str
        UniProt accessions, ascending.
    kind : PairKind
        Homodimer for one protein with itself; intra-family for equal, known DNA-binding domain families; cofactor for
        a TF and the protein that may mediate between it and another TF (`with_cofactors`).
    cause_motif, effect_motif : str
        Motifs of the strongest edge behind the pair.
    effect : float
        Weight of that edge.
    origins : tuple of CausalEdge
        All edges behind the pair, strongest first.
    """

    gene_a: str
    gene_b: str
    accession_a: str
    accession_b: str
    kind: PairKind
    cause_motif: str
    effect_motif: str
    effect: float
    origins: tuple[CausalEdge, ...]


@dataclass(frozen=True)
class DroppedPair:
    """A selected edge that gives no pair; `detail` names the motif and the gene."""

    cause_motif: str
    effect_motif: str
    reason: DropReason
    detail: str


@dataclass(frozen=True)
class TfPairs:
    """Pairs of a cell type.

    Parameters
    ----------
    pairs : tuple of TfPair
        By strength of the strongest edge, then accessions.
    dropped : tuple of DroppedPair
        One for each selected edge without a pair, strongest first.
    chosen : mapping of motif to gene
        The TF that stands for each motif of the selected edges, if it is expressed and has a sequence.
    expression : mapping of gene to float
        Expression of the chosen TFs, in the unit it was given.
    """

    pairs: tuple[TfPair, ...]
    dropped: tuple[DroppedPair, ...]
    chosen: Mapping[str, str]
    expression: Mapping[str, float]


def choose_tf_pairs(
    edges: Sequence[CausalEdge],
    expression: Mapping[str, float],
    genes_of: Mapping[str, Sequence[str]],
    families: Mapping[str, str],
    accessions: Mapping[str, str],
    *,
    minimum_expression: float = 0.0,
) -> TfPairs:
    """Let the highest-expressed TF of each motif cluster stand for it (Fu et al. 2025, Methods) and pair them.

    Parameters
    ----------
    edges : sequence of CausalEdge
        Edges of one cell type; those that are not `selected` are ignored.
    expression : mapping of gene to float
        Expression of the cell type, in any unit that grows with it, such as log10(TPM + 1). NaN counts as absent.
    genes_of : mapping of motif to genes
        TF genes of every motif cluster.
    families : mapping of gene to str
        DNA-binding domain family; a missing or unknown family equals no other.
    accessions : mapping of gene to str
        UniProt accessions of the genes whose sequence is known.
    minimum_expression : float
        A TF is expressed where its expression is above (not at) this value, in the unit of `expression`.

    Returns
    -------
    TfPairs
        Equal expression is decided by the alphabet. The highest-expressed TF is never replaced by a lower one
        because it lacks a sequence. When both motifs of an edge fail, the cause's reason is given.
    """
    selected = sorted((edge for edge in edges if edge.selected), key=_strength)
    motifs = {motif for edge in selected for motif in (edge.cause, edge.effect)}
    outcome = {motif: _choose(motif, expression, genes_of, accessions, minimum_expression) for motif in sorted(motifs)}
    origins: dict[tuple[str, str], list[CausalEdge]] = {}
    genes: dict[tuple[str, str], tuple[str, str]] = {}
    dropped: list[DroppedPair] = []
    for edge in selected:
        cause, effect = outcome[edge.cause], outcome[edge.effect]
        failed = [choice for choice in (cause, effect) if isinstance(choice, _NoChoice)]
        if failed:
            detail = "; ".join(dict.fromkeys(choice.detail for choice in failed))
            dropped.append(DroppedPair(edge.cause, edge.effect, failed[0].reason, detail))
        elif isinstance(cause, str) and isinstance(effect, str):
            (accession_a, gene_a), (accession_b, gene_b) = sorted((accessions[g], g) for g in (cause, effect))
            pair = (accession_a, accession_b)
            genes.setdefault(pair, (gene_a, gene_b))
            origins.setdefault(pair, []).append(edge)
    chosen = {motif: choice for motif, choice in outcome.items() if isinstance(choice, str)}
    pairs = [
        _pair_of(key, genes[key], pair_kind(*key, *(families.get(gene, "") for gene in genes[key])), tuple(found))
        for key, found in origins.items()
    ]
    return TfPairs(
        pairs=tuple(sorted(pairs, key=lambda pair: (-abs(pair.effect), pair.accession_a, pair.accession_b))),
        dropped=tuple(dropped),
        chosen=chosen,
        expression={gene: float(expression[gene]) for gene in sorted(set(chosen.values()))},
    )


def with_cofactors(pairs: Sequence[TfPair], cofactors: Mapping[str, str]) -> tuple[TfPair, ...]:
    """Add the pairs of a cofactor with both TFs of each edge of negative effect.

    Two factors whose motifs depend negatively on each other may compete for one cofactor instead of touching: the GET
    paper folds EP300 against SNAI1 and against RELA (Fu et al. 2025, doi 10.1038/s41586-024-08391-z).

    Parameters
    ----------
    pairs : sequence of TfPair
        Pairs of TFs with their edges.
    cofactors : mapping of gene to str
        UniProt accessions of the cofactors.

    Returns
    -------
    tuple of TfPair
        The given pairs, then the new ones by strength of the strongest negative edge, then accessions. A pair that was
        given keeps its kind and gets the edges it mediates behind its own. A cofactor that stands for a motif of an
        edge itself mediates nothing there.
    """
    mediated: dict[tuple[str, str], list[CausalEdge]] = {}
    genes: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in pairs:
        negative = [edge for edge in pair.origins if edge.weight < 0]
        factors = {pair.accession_a: pair.gene_a, pair.accession_b: pair.gene_b}
        for cofactor, accession in cofactors.items():
            if accession in factors:
                continue
            for factor in factors:
                (first, gene_a), (second, gene_b) = sorted(((factor, factors[factor]), (accession, cofactor)))
                genes[first, second] = (gene_a, gene_b)
                mediated.setdefault((first, second), []).extend(negative)
    found = {key: tuple(sorted(edges, key=_strength)) for key, edges in mediated.items() if edges}
    given = [
        replace(pair, origins=pair.origins + found.pop((pair.accession_a, pair.accession_b), ())) for pair in pairs
    ]
    added = [_pair_of(key, genes[key], PairKind.COFACTOR, edges) for key, edges in found.items()]
    return (*given, *sorted(added, key=lambda pair: (_strength(pair.origins[0]), pair.accession_a, pair.accession_b)))


def pair_kind(accession_a: str, accession_b: str, family_a: str, family_b: str) -> PairKind:
    """Return how two proteins are related; an unknown DNA-binding domain family equals no other."""
    if accession_a == accession_b:
        return PairKind.HOMODIMER
    if family_a.strip() == family_b.strip() and family_a.strip().lower() not in UNKNOWN_FAMILIES:
        return PairKind.INTRA_FAMILY
    return PairKind.INTER_FAMILY


def _strength(edge: CausalEdge) -> tuple[float, str, str]:
    """Return what edges are sorted by: the strongest first, then names."""
    return -abs(edge.weight), edge.cause, edge.effect


@dataclass(frozen=True)
class _NoChoice:
    reason: DropReason
    detail: str


def _choose(
    motif: str,
    expression: Mapping[str, float],
    genes_of: Mapping[str, Sequence[str]],
    accessions: Mapping[str, str],
    minimum_expression: float,
) -> str | _NoChoice:
    """Return the TF gene that stands for a motif, or why there is none."""
    genes = sorted(set(genes_of.get(motif, ())))
    if not genes:
        return _NoChoice(DropReason.MOTIF_WITHOUT_TF, f"{motif}: no TF gene is known for this motif cluster")
    measured = [gene for gene in genes if not math.isnan(expression.get(gene, math.nan))]
    if not measured:
        return _NoChoice(DropReason.TF_WITHOUT_EXPRESSION, f"{motif}: no expression of {', '.join(genes)}")
    best = max(measured, key=lambda gene: expression[gene])
    if expression[best] <= minimum_expression:
        return _NoChoice(
            DropReason.TF_NOT_EXPRESSED,
            f"{motif}: its highest TF {best} is at {expression[best]:g}, not above {minimum_expression:g}",
        )
    if not accessions.get(best):
        return _NoChoice(DropReason.TF_WITHOUT_SEQUENCE, f"{motif}: no sequence of {best}")
    return best


def _pair_of(
    accessions: tuple[str, str], genes: tuple[str, str], kind: PairKind, origins: tuple[CausalEdge, ...]
) -> TfPair:
    strongest = origins[0]
    return TfPair(
        gene_a=genes[0],
        gene_b=genes[1],
        accession_a=accessions[0],
        accession_b=accessions[1],
        kind=kind,
        cause_motif=strongest.cause,
        effect_motif=strongest.effect,
        effect=strongest.weight,
        origins=origins,
    )
