"""TF pairs worked out by hand."""

import math

import pytest

from get_core.causal import CausalEdge
from get_core.tf_pairs import DroppedPair, DropReason, PairKind, choose_tf_pairs, pair_kind, with_cofactors

GENES_OF = {
    "PAX/1": ["PAX6", "PAX5"],
    "PAX/2": ["PAX5"],
    "NR/17": ["ESR1", "PPARG"],
    "NR/19": ["RORC", "RORA"],
    "ZFX": ["ZFX"],
    "NRF1": ["NRF1"],
    "LONE": [],
}
ACCESSIONS = {
    "PAX5": "Q02548",
    "PAX6": "P26367",
    "ESR1": "P03372",
    "PPARG": "P37231",
    "RORA": "P35398",
    "RORC": "P51449",
    "ZFX": "P17010",
    "NRF1": "Q16656",
}
FAMILIES = {
    "PAX5": "Paired box",
    "ESR1": "Nuclear receptor",
    "PPARG": "Nuclear receptor",
    "RORA": "Nuclear receptor",
    "NRF1": "Unknown",
    "ZFX": "Unknown",
}
EXPRESSION = {"PAX5": 2.0, "PAX6": 1.0, "ESR1": 1.5, "PPARG": 0.5, "RORA": 0.7, "RORC": 0.7, "ZFX": 1.1, "NRF1": 0.9}


def edge(cause: str, effect: str, weight: float = 0.5, *, selected: bool = True) -> CausalEdge:
    return CausalEdge(cause, effect, weight, rank=1, percentile=100.0, selected=selected)


def choose(*edges: CausalEdge, expression=EXPRESSION, accessions=ACCESSIONS, **settings):
    return choose_tf_pairs(edges, expression, GENES_OF, FAMILIES, accessions, **settings)


def test_highest_expressed_tf_stands_for_each_motif() -> None:
    result = choose(edge("PAX/1", "NR/17", -0.4))
    assert dict(result.chosen) == {"PAX/1": "PAX5", "NR/17": "ESR1"}
    assert dict(result.expression) == {"PAX5": 2.0, "ESR1": 1.5}
    (pair,) = result.pairs
    # P03372 (ESR1) sorts before Q02548 (PAX5), so the effect's gene comes first.
    assert (pair.gene_a, pair.accession_a) == ("ESR1", "P03372")
    assert (pair.gene_b, pair.accession_b) == ("PAX5", "Q02548")
    assert (pair.cause_motif, pair.effect_motif, pair.effect) == ("PAX/1", "NR/17", -0.4)
    assert pair.kind is PairKind.INTER_FAMILY
    assert result.dropped == ()


def test_equal_expression_is_decided_by_the_alphabet() -> None:
    assert choose(edge("NR/19", "ZFX")).chosen["NR/19"] == "RORA"


def test_kinds() -> None:
    kinds = {
        (pair.gene_a, pair.gene_b): pair.kind
        for pair in choose(edge("PAX/1", "PAX/2"), edge("NR/17", "NR/19"), edge("ZFX", "NRF1")).pairs
    }
    assert kinds == {
        ("PAX5", "PAX5"): PairKind.HOMODIMER,
        ("ESR1", "RORA"): PairKind.INTRA_FAMILY,
        ("ZFX", "NRF1"): PairKind.INTER_FAMILY,
    }


@pytest.mark.parametrize("family", ["", "Unknown", "unknown ", "not_classified"])
def test_unknown_families_are_not_a_family(family: str) -> None:
    families = {"ZFX": family, "NRF1": family}
    result = choose_tf_pairs([edge("ZFX", "NRF1")], EXPRESSION, GENES_OF, families, ACCESSIONS)
    assert result.pairs[0].kind is PairKind.INTER_FAMILY
    assert choose_tf_pairs([edge("ZFX", "NRF1")], EXPRESSION, GENES_OF, {}, ACCESSIONS).pairs[0].kind == "inter_family"


def test_one_pair_keeps_all_edges_that_led_to_it() -> None:
    weak, strong, back = edge("PAX/1", "ZFX", 0.2), edge("ZFX", "PAX/2", -0.9), edge("ZFX", "PAX/1", 0.4)
    result = choose(weak, edge("NR/17", "ZFX", 0.5), strong, back)
    first, second = result.pairs
    assert {first.gene_a, first.gene_b} == {"ZFX", "PAX5"}
    assert first.origins == (strong, back, weak)
    assert (first.cause_motif, first.effect_motif, first.effect) == ("ZFX", "PAX/2", -0.9)
    assert {second.gene_a, second.gene_b} == {"ESR1", "ZFX"}


def test_edges_that_were_not_selected_leave_no_trace() -> None:
    result = choose(edge("PAX/1", "ZFX", selected=False), edge("LONE", "ZFX", selected=False))
    assert (result.pairs, result.dropped, dict(result.chosen)) == ((), (), {})


@pytest.mark.parametrize(
    ("motif", "expression", "accessions", "reason", "detail"),
    [
        ("LONE", EXPRESSION, ACCESSIONS, DropReason.MOTIF_WITHOUT_TF, "LONE"),
        ("NO SUCH", EXPRESSION, ACCESSIONS, DropReason.MOTIF_WITHOUT_TF, "NO SUCH"),
        ("NRF1", {"ZFX": 1.0}, ACCESSIONS, DropReason.TF_WITHOUT_EXPRESSION, "NRF1: no expression of NRF1"),
        ("NRF1", {"ZFX": 1.0, "NRF1": math.nan}, ACCESSIONS, DropReason.TF_WITHOUT_EXPRESSION, "NRF1"),
        ("NRF1", {"ZFX": 1.0, "NRF1": 0.0}, ACCESSIONS, DropReason.TF_NOT_EXPRESSED, "NRF1 is at 0, not above 0"),
        ("NRF1", EXPRESSION, {"ZFX": "P17010"}, DropReason.TF_WITHOUT_SEQUENCE, "no sequence of NRF1"),
        ("NRF1", EXPRESSION, {"ZFX": "P17010", "NRF1": ""}, DropReason.TF_WITHOUT_SEQUENCE, "no sequence of NRF1"),
    ],
)
def test_every_dropped_edge_has_its_reason(
    motif: str, expression: dict[str, float], accessions: dict[str, str], reason: DropReason, detail: str
) -> None:
    for cause, effect in ((motif, "ZFX"), ("ZFX", motif)):
        result = choose(edge(cause, effect), expression=expression, accessions=accessions)
        assert result.pairs == ()
        (dropped,) = result.dropped
        assert isinstance(dropped, DroppedPair)
        assert (dropped.cause_motif, dropped.effect_motif, dropped.reason) == (cause, effect, reason)
        assert detail in dropped.detail
        assert dict(result.chosen) == {"ZFX": "ZFX"}


def test_both_failures_are_told_and_the_cause_gives_the_reason() -> None:
    (dropped,) = choose(edge("NRF1", "LONE"), accessions={}).dropped
    assert dropped.reason is DropReason.TF_WITHOUT_SEQUENCE
    assert "NRF1" in dropped.detail
    assert "LONE" in dropped.detail


def test_minimum_expression_is_exclusive() -> None:
    assert choose(edge("ZFX", "PAX/1"), minimum_expression=1.1).dropped[0].reason is DropReason.TF_NOT_EXPRESSED
    assert len(choose(edge("ZFX", "PAX/1"), minimum_expression=1.09).pairs) == 1


def test_a_tf_without_sequence_is_not_replaced_by_a_weaker_one() -> None:
    result = choose(edge("NR/17", "ZFX"), accessions={"PPARG": "P37231", "ZFX": "P17010"})
    assert result.pairs == ()
    assert result.dropped[0].reason is DropReason.TF_WITHOUT_SEQUENCE
    assert "ESR1" in result.dropped[0].detail


def test_reasons_are_a_closed_list() -> None:
    assert [reason.value for reason in DropReason] == [
        "motif_without_tf",
        "tf_without_expression",
        "tf_not_expressed",
        "tf_without_sequence",
    ]


EP300 = {"EP300": "Q09472"}


def test_cofactor_joins_both_tfs_of_negative_edges_only() -> None:
    """PAX5 (Q02548) -| ESR1 (P03372) is negative, RORA (P35398) -> ZFX (P17010) positive."""
    pairs = choose(edge("PAX/1", "NR/17", -0.4), edge("NR/19", "ZFX", 0.9)).pairs
    *given, first, second = with_cofactors(pairs, EP300)
    assert given == list(pairs)
    assert (first.gene_a, first.gene_b, first.accession_a, first.accession_b) == ("ESR1", "EP300", "P03372", "Q09472")
    # Q02548 (PAX5) sorts before Q09472 (EP300).
    assert (second.gene_a, second.gene_b) == ("PAX5", "EP300")
    for pair in (first, second):
        assert pair.kind is PairKind.COFACTOR
        assert pair.origins == (edge("PAX/1", "NR/17", -0.4),)
        assert (pair.cause_motif, pair.effect_motif, pair.effect) == ("PAX/1", "NR/17", -0.4)


def test_cofactor_pairs_gather_their_edges_strongest_first() -> None:
    weak, strong, positive = edge("PAX/1", "ZFX", -0.2), edge("NR/17", "PAX/2", -0.7), edge("ZFX", "PAX/1", 0.9)
    pairs = choose(weak, strong, positive).pairs
    added = {(pair.gene_a, pair.gene_b): pair for pair in with_cofactors(pairs, EP300)[len(pairs) :]}
    assert list(added) == [("ESR1", "EP300"), ("PAX5", "EP300"), ("ZFX", "EP300")]
    assert added["PAX5", "EP300"].origins == (strong, weak)
    assert added["ZFX", "EP300"].origins == (weak,)


def test_a_cofactor_mediates_nothing_where_it_is_a_factor_itself() -> None:
    """ZFX is a factor of the first edge; between PAX5 and ESR1 it may mediate; its pair with PAX5 is there."""
    direct, bridged = edge("ZFX", "PAX/1", -0.5), edge("PAX/2", "NR/17", -0.3)
    found = {(p.gene_a, p.gene_b): p for p in with_cofactors(choose(direct, bridged).pairs, {"ZFX": "P17010"})}
    assert set(found) == {("ZFX", "PAX5"), ("ESR1", "PAX5"), ("ESR1", "ZFX")}
    assert (found["ZFX", "PAX5"].kind, found["ZFX", "PAX5"].origins) == (PairKind.INTER_FAMILY, (direct, bridged))
    assert (found["ESR1", "ZFX"].kind, found["ESR1", "ZFX"].origins) == (PairKind.COFACTOR, (bridged,))


def test_without_cofactors_or_negative_edges_nothing_is_added() -> None:
    pairs = choose(edge("PAX/1", "NR/17", 0.4), edge("PAX/1", "PAX/2", 0.3)).pairs
    assert with_cofactors(pairs, {}) == with_cofactors(pairs, EP300) == pairs
    (homodimer,) = choose(edge("PAX/1", "PAX/2", -0.3)).pairs
    assert [(p.gene_a, p.gene_b) for p in with_cofactors([homodimer], EP300)] == [("PAX5", "PAX5"), ("PAX5", "EP300")]


def test_kind_of_two_proteins() -> None:
    assert pair_kind("P1", "P1", "", "Ets") is PairKind.HOMODIMER
    assert pair_kind("P1", "P2", "Ets ", "Ets") is PairKind.INTRA_FAMILY
    assert pair_kind("P1", "P2", "Unknown", "Unknown") is PairKind.INTER_FAMILY
