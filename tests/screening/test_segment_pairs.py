"""Enumeration of segment pairs and their names."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.proteins import Protein
from screening.segment_pairs import Dropped, ProteinSegment, SegmentPair, parse_name, protein_segments, segment_pairs
from screening.segments import HIGH, LOW, Segment

PAX5 = Protein("Q02548", "PAX5", "ACDEFGHIKL" * 4)
RORA = Protein("P35398", "RORA", "MNPQRSTVWY" * 3)
PAX5_PARTS = protein_segments(PAX5, [Segment(1, 15, HIGH), Segment(16, 30, LOW), Segment(31, 40, HIGH)])
RORA_PARTS = protein_segments(RORA, [Segment(1, 20, LOW), Segment(21, 30, HIGH)])


def test_segments_carry_their_piece_of_the_sequence() -> None:
    assert "".join(part.sequence for part in PAX5_PARTS) == PAX5.sequence
    assert PAX5_PARTS[1].name == "Q02548:16-30"
    assert PAX5_PARTS[1].length == 15
    with pytest.raises(InvalidInput, match="not inside Q02548"):
        protein_segments(PAX5, [Segment(30, 41, HIGH)])
    with pytest.raises(InvalidInput, match="does not span"):
        ProteinSegment("Q02548", "PAX5", 1, 4, HIGH, "ACD")


def test_every_segment_meets_every_segment_in_canonical_order() -> None:
    forward = segment_pairs(PAX5_PARTS, RORA_PARTS, homodimer=False)
    assert forward == segment_pairs(RORA_PARTS, PAX5_PARTS, homodimer=False)
    assert [pair.name for pair in forward.pairs] == [
        f"P35398:{rora}+Q02548:{pax}" for rora in ("1-20", "21-30") for pax in ("1-15", "16-30", "31-40")
    ]
    assert forward.dropped == ()


def test_homodimer_pairs_occur_once() -> None:
    pairs = segment_pairs(PAX5_PARTS, PAX5_PARTS, homodimer=True).pairs
    assert [(pair.a, pair.b) for pair in pairs] == list(combinations_with_replacement(PAX5_PARTS, 2))


def test_what_is_left_out_has_a_reason() -> None:
    result = segment_pairs(
        PAX5_PARTS, RORA_PARTS, homodimer=False, minimum_segment_length=12, maximum_length=34, kinds=(HIGH, LOW)
    )
    assert result.pairs == ()
    assert set(result.dropped) == {
        Dropped("Q02548:31-40", "10 residues, fewer than 12"),
        Dropped("P35398:21-30", "10 residues, fewer than 12"),
        Dropped("P35398:1-20+Q02548:1-15", "35 residues, more than 34"),
        Dropped("P35398:1-20+Q02548:16-30", "35 residues, more than 34"),
    }
    only_low = segment_pairs(PAX5_PARTS, RORA_PARTS, homodimer=False, kinds=(LOW,))
    assert [pair.name for pair in only_low.pairs] == ["P35398:1-20+Q02548:16-30"]
    assert Dropped("Q02548:1-15", "kind high_plddt is not asked for") in only_low.dropped
    limited = segment_pairs(PAX5_PARTS, RORA_PARTS, homodimer=False, limit=2)
    assert len(limited.pairs) == 2
    assert [reason for _, reason in limited.dropped] == ["beyond the limit of 2 pairs"] * 4


def test_contradictions_are_refused() -> None:
    with pytest.raises(InvalidInput, match="homodimer=True contradicts"):
        segment_pairs(PAX5_PARTS, RORA_PARTS, homodimer=True)
    with pytest.raises(InvalidInput, match="homodimer=False contradicts"):
        segment_pairs(PAX5_PARTS, PAX5_PARTS, homodimer=False)
    with pytest.raises(InvalidInput, match="must be one protein"):
        segment_pairs(PAX5_PARTS + RORA_PARTS, RORA_PARTS, homodimer=False)
    with pytest.raises(InvalidInput, match="not in order"):
        SegmentPair(PAX5_PARTS[0], RORA_PARTS[0])


ranges = st.builds(
    lambda accession, start, extra: (accession, start, start + extra),
    st.from_regex(r"[A-Z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
    st.integers(1, 5000),
    st.integers(0, 3),
)


@given(ranges, ranges)
def test_names_read_back(one: tuple[str, int, int], two: tuple[str, int, int]) -> None:
    parts = sorted(
        (ProteinSegment(acc, "G", start, end, LOW, "A" * (end - start + 1)) for acc, start, end in (one, two)),
        key=lambda part: part.range,
    )
    pair = SegmentPair(*parts)
    assert parse_name(pair.name) == (pair.a.range, pair.b.range)


@pytest.mark.parametrize(
    "bad", ["", "Q02548:1-5", "A:1-5+B:5-1", "A:0-5+B:1-2", "A:1-5+B:1-2+C:1-2", "../A:1-2+B:1-2", "A:1-2+B:1-2\n"]
)
def test_what_is_no_name(bad: str) -> None:
    with pytest.raises(InvalidInput, match="no segment pair"):
        parse_name(bad)
