"""Slices of alignments: by hand, as a3mcat cut them, and what must hold for any alignment."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.msa import Msa, parse_a3m, slice_a3m, slice_msa
from screening.msa.slicing import cut

COLUMNS = 7
TEXT = """\
>query
MKVLDEF
>one
M-VaaLD-F
>two
---LD--
>three
MKcV----
>four words
-----dEF
>five
xMKVLDEFy
"""

insertion = st.text("acx", max_size=2)


@st.composite
def alignments(draw: st.DrawFn) -> Msa:
    query = draw(st.text("ACDEFG", min_size=COLUMNS, max_size=COLUMNS))
    rows = [query]
    for _ in range(draw(st.integers(0, 8))):
        letters = draw(st.text("ACX-", min_size=COLUMNS, max_size=COLUMNS))
        gaps = draw(st.lists(insertion, min_size=COLUMNS + 1, max_size=COLUMNS + 1))
        rows.append("".join(a + b for a, b in zip(gaps, [*letters, ""], strict=True)))
    return Msa(tuple(f"r{i}" for i in range(len(rows))), tuple(rows))


ranges = st.tuples(st.integers(1, COLUMNS), st.integers(1, COLUMNS)).map(lambda pair: (min(pair), max(pair)))


def cut_letter_by_letter(row: str, start: int, end: int) -> str:
    """Walk a row with a column counter, as a3mcat and FragFold do."""
    column, kept = 0, ""
    for letter in row:
        if letter.islower():
            kept += letter if start - 1 < column < end else ""
        else:
            kept += letter if start - 1 <= column < end else ""
            column += 1
    return kept


def test_by_hand():
    # "aa" stands between columns 3 and 4, "c" between 2 and 3, "d" between 5 and 6.
    assert slice_a3m(TEXT, 3, 4) == ">query\nVL\n>one\nVaaL\n>two\n-L\n>three\nV-\n"
    # The cut goes through "aa": it precedes the first column and is left out, and the row repeats the query then.
    assert slice_a3m(TEXT, 4, 5) == ">query\nLD\n"
    # "d" follows the last column of 1-5 and precedes the first of 6-7; nothing of row four is left in 1-5.
    assert slice_a3m(TEXT, 1, 5) == ">query\nMKVLD\n>one\nM-VaaLD\n>two\n---LD\n>three\nMKcV--\n"
    assert slice_a3m(TEXT, 6, 7) == ">query\nEF\n>one\n-F\n"


def test_full_length_is_the_alignment_but_for_what_hangs_over_its_ends():
    full = ">q\nMKVL\n>h\tx\nM-aVL\n>i\n--V-\n"
    assert slice_a3m(full, 1, 4) == full
    assert slice_a3m(full + ">again\nMKVL\n>overhang\naMKV-b\n>empty\n--a--\n", 1, 4) == full + ">overhang\nMKV-\n"


@pytest.mark.parametrize(("start", "end"), [(0, 3), (3, 2), (1, 8), (-2, 3)])
def test_no_such_range(start, end):
    with pytest.raises(InvalidInput, match=f"{start}-{end} is not a residue range of an alignment of 7 columns"):
        slice_a3m(TEXT, start, end)


@pytest.mark.parametrize(("name", "start", "end"), [("A0A024R1R8[0:40]", 1, 40), ("A0A024R1R8[10:64]", 11, 64)])
def test_as_a3mcat(shared: Path, name, start, end):
    folder = shared / "parity/msas"
    expected = json.loads((folder / "expected_slicing.json").read_text())["slices"][name]
    msa = parse_a3m(
        gzip.decompress((folder / "alphapulldown_A0A024R1R8.mmseqs_colabfold.a3m.gz").read_bytes()).decode()
    )
    raw = cut(msa, start, end)
    assert raw.query == expected["query"]
    hits = list(zip(raw.names[1:], raw.rows[1:], strict=True))
    assert len(hits) == expected["n_rows"]
    assert sum(bool(re.search("[a-z]", row)) for _, row in hits) == expected["rows_with_insertions"]
    assert sum(not re.search("[A-Z]", row) for _, row in hits) == expected["all_gap_rows"]
    text = "".join(f"{header}\n{row}\n" for header, row in hits)
    assert hashlib.sha256(text.encode()).hexdigest() == expected["sha256"]
    # The slice is these rows with each sequence once.
    first = {row: header for header, row in reversed([(raw.names[0], raw.query), *hits])}
    sliced = slice_msa(msa, start, end)
    assert dict(zip(sliced.rows, sliced.names, strict=True)) == first
    assert sliced.rows == tuple(dict.fromkeys(raw.rows))


@settings(deadline=None)
@given(alignments(), ranges)
def test_is_the_rule_applied_letter_by_letter(msa, segment):
    expected: dict[str, str] = {}
    for name, row in zip(msa.names, msa.rows, strict=True):
        kept = cut_letter_by_letter(row, *segment)
        if re.search("[A-Z]", kept):
            expected.setdefault(kept, name)
    sliced = slice_msa(msa, *segment)
    assert sliced == Msa(tuple(expected.values()), tuple(expected))
    assert sliced.query == msa.query[segment[0] - 1 : segment[1]]
    width = segment[1] - segment[0] + 1
    assert sliced.columns.shape == (sliced.depth, width)
    assert parse_a3m(sliced.to_text()) == sliced


@settings(deadline=None)
@given(alignments(), ranges, st.data())
def test_slice_of_a_slice_is_the_slice(msa, outer, data):
    width = outer[1] - outer[0] + 1
    inner = data.draw(st.tuples(st.integers(1, width), st.integers(1, width)).map(lambda pair: (min(pair), max(pair))))
    direct = slice_msa(msa, outer[0] + inner[0] - 1, outer[0] + inner[1] - 1)
    assert slice_msa(slice_msa(msa, *outer), *inner) == direct


@settings(deadline=None)
@given(alignments(), ranges, st.randoms(use_true_random=False))
def test_order_of_hits_is_kept_whatever_it_is(msa, segment, random):
    hits = list(range(1, msa.depth))
    random.shuffle(hits)
    shuffled = slice_msa(msa.take([0, *hits]), *segment)
    assert set(shuffled.rows) == set(slice_msa(msa, *segment).rows)
    places = [[0, *hits].index(int(name[1:])) for name in shuffled.names]
    assert places == sorted(places)
    assert shuffled.names[0] == "r0"
