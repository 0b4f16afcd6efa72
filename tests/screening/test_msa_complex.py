"""Alignments of complexes: by hand, and read back with ColabFold's own reader."""

import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.msa import Msa, complex_a3m, complex_msa, pair_a3m, parse_a3m, query_only, read_msa, slice_msa

A = parse_a3m(">A\nMKVLDE\n>a1 OX=1\tx\nMKaVLDA\n>a2 OX=2\n---LDE\n>a3\nMAVLDE\n")
B = parse_a3m(">B\nGGHHW\n>b1 OX=1\nGGHHA\n>b2 OX=3\nG-HH-\n")


@pytest.fixture(scope="module")
def colabfold() -> ModuleType:
    saved = {name: os.environ.get(name) for name in ("TF_FORCE_UNIFIED_MEMORY", "XLA_PYTHON_CLIENT_MEM_FRACTION")}
    module = pytest.importorskip("colabfold.batch")
    for name, value in saved.items():  # the import sets these for GPUs
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
    return module


def read_back(colabfold: ModuleType, text: str) -> tuple:
    unpaired, paired, sequences, copies, _ = colabfold.unserialize_msa([text], "")
    return unpaired, paired, sequences, copies


def test_by_hand():
    assert complex_msa(A, B, (1, 6), (3, 5)) == (
        "#6,3\t1,1\n"
        ">101\t102\nMKVLDEHHW\n"
        ">a1\tb1\nMKaVLDAHHA\n"
        ">101\nMKVLDE---\n"
        ">a2 OX=2\n---LDE---\n"
        ">a3\nMAVLDE---\n"
        ">102\n------HHW\n"
        ">b2 OX=3\n------HH-\n"
    )


def test_pairing_none_pairs_the_queries_only():
    text = complex_msa(A, B, (4, 6), (1, 2), pairing="none")
    assert text == ("#3,2\t1,1\n>101\t102\nLDEGG\n>101\nLDE--\n>a1 OX=1\tx\nLDA--\n>102\n---GG\n>b2 OX=3\n---G-\n")


def test_the_block_may_be_made_once_for_two_proteins():
    paired = pair_a3m(A, B)
    for segments in (((1, 3), (2, 4)), ((2, 6), (1, 5))):
        assert complex_msa(A, B, *segments, paired=paired) == complex_msa(A, B, *segments)
    with pytest.raises(InvalidInput, match="other proteins"):
        complex_msa(B, A, (1, 2), (1, 2), paired=paired)


def test_two_chains_of_one_sequence_are_a_homodimer(colabfold):
    text = complex_msa(A, A, (4, 6), (4, 6))
    assert text == "#3\t2\n>101\nLDE\n>a1 OX=1\tx\nLDA\n" == complex_a3m(slice_msa(A, 4, 6))
    unpaired, paired, sequences, copies = read_back(colabfold, text)
    assert (sequences, copies) == (["LDE"], [2])
    assert unpaired == [">101\nLDE\n>a1 OX=1\tx\nLDA\n"]
    assert paired == [">101\nLDE\n", ">102\nLDE\n"]
    # A repeat: other residues of the protein, the same sequence.
    repeat = parse_a3m(">R\nMKMK\n>h\nMKMA\n")
    assert complex_msa(repeat, repeat, (1, 2), (3, 4)).startswith("#2\t2\n>101\nMK\n")


def test_two_segments_of_one_protein_pair_row_by_row(colabfold):
    text = complex_msa(A, A, (1, 2), (4, 6))
    unpaired, paired, sequences, copies = read_back(colabfold, text)
    assert (sequences, copies) == (["MK", "LDE"], [1, 1])
    # Row a1 has residues on both sides, a2 only in 4-6, and a3's pair is MA + LDE.
    assert paired == [">101\nMK\n>a1\nMK\n>a3\nMA\n", ">102\nLDE\n>a1\nLDA\n>a3\nLDE\n"]
    assert unpaired == [">101\nMK\n", ">102\nLDE\n"]


def test_no_common_species_and_query_only(colabfold):
    other = parse_a3m(">B\nGGHHW\n>b2 OX=3\nG-HH-\n")
    unpaired, paired, _, _ = read_back(colabfold, complex_msa(A, other, (1, 6), (1, 5)))
    assert paired == [">101\nMKVLDE\n", ">102\nGGHHW\n"]
    assert unpaired == [A.to_text().replace(">A\n", ">101\n"), other.to_text().replace(">B\n", ">102\n")]
    alone = complex_msa(query_only("MKVLDE"), query_only("GGHHW"), (1, 3), (4, 5))
    assert alone == "#3,2\t1,1\n>101\t102\nMKVHW\n>101\nMKV--\n>102\n---HW\n"
    assert read_back(colabfold, alone)[2:] == (["MKV", "HW"], [1, 1])


def test_caps_count_what_is_left():
    rows = "".join(f">a{i} OX={i}\n{'ACDEFGHIKL'[i % 10]}{'ACDEFGHIKL'[i // 10]}VL\n" for i in range(1, 90))
    a = parse_a3m(">A\nMKVL\n" + rows)
    b = parse_a3m(">B\nGGHH\n" + rows.replace("VL\n", "HH\n"))
    lines = complex_msa(a, b, (1, 4), (1, 4), max_rows=20).splitlines()[2::2]
    paired = [line for line in lines if "-" not in line]
    assert len(paired) == 10
    for side in (slice(0, 4), slice(4, 8)):
        unpaired = [line[side] for line in lines if "-" in line and line[side] != "----"]
        assert len(unpaired) == 11  # the query and ten others: twenty rows but for the query's second one
        assert not {line[side] for line in paired[1:]} & set(unpaired)
    assert len(complex_msa(a, a, (1, 4), (1, 4), max_rows=20).splitlines()) == 1 + 2 * 20
    with pytest.raises(InvalidInput, match="max_rows = 1"):
        complex_msa(a, b, (1, 4), (1, 4), max_rows=1)


def test_refusals():
    with pytest.raises(InvalidInput, match="one sequence"):
        complex_a3m(A, A)
    with pytest.raises(InvalidInput, match="no paired rows"):
        complex_a3m(A, None, pair_a3m(A, A))
    with pytest.raises(InvalidInput, match="other sequences"):
        complex_a3m(slice_msa(A, 1, 3), B, pair_a3m(A, B))


def test_real_alignments_come_back_from_colabfold(colabfold, shared: Path):
    folder = shared / "parity/msas"
    msas = []
    for name in ("TEST", "A0A075B6L2"):
        path = folder / f"alphapulldown_{name}.uniprot.a3m.gz"
        msas.append(read_msa(path, {"TEST": TEST, "A0A075B6L2": TRGV}[name]))
    segments = ((5, 50), (20, 119))
    unpaired, paired, sequences, copies = read_back(colabfold, complex_msa(*msas, *segments))
    assert (sequences, copies) == ([TEST[4:50], TRGV[19:119]], [1, 1])
    block = pair_a3m(*msas).sliced(*segments)
    for side, number, text, rest, msa, segment in zip("ab", (101, 102), paired, unpaired, msas, segments, strict=True):
        rows = getattr(block, side)
        back = parse_a3m(text)
        assert back.rows == rows.rows
        assert back.names == (str(number), *(name.split()[0] for name in rows.names[1:]))
        expected = slice_msa(msa, *segment)
        kept = [i for i, row in enumerate(expected.rows) if i == 0 or row not in rows.rows]
        assert parse_a3m(rest).rows == expected.take(kept).rows
        assert parse_a3m(rest).names[1:] == expected.take(kept).names[1:]


TEST = "MESAIAEGGASRFSASSGGGGSRGAPQHYPKTAGNSEFLGKTPGQNAQKWIPARSTRRDDNSAA"
TRGV = (
    "MPLVVAVIFFSLWVFALGQLEQPEISISRPANKSAHISWKASIQGFSSKIIHWYWQKPNKGLEYLLHVFLTISAQDCSGGKTKKLEVSKNAHTSTSTLKIKFLEKE"
    "DEVVYHCACWIRH"
)

letters = st.text("ACX-", min_size=4, max_size=4)
hits = st.lists(st.tuples(st.sampled_from(["", " OX=1", " OX=2"]), letters, st.text("ac", max_size=2)), max_size=8)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hits, hits, st.tuples(st.integers(1, 2), st.integers(3, 4)), st.tuples(st.integers(1, 2), st.integers(3, 4)))
def test_any_complex_comes_back_from_colabfold(colabfold, hits_a, hits_b, segment_a, segment_b):
    a, b = (
        Msa(
            (name, *(f"{name}{i}{tag}" for i, (tag, _, _) in enumerate(found))),
            (query, *(row[:2] + inserted + row[2:] for _, row, inserted in found)),
        )
        for name, query, found in (("A", "MKVL", hits_a), ("B", "GGHH", hits_b))
    )
    unpaired, paired, sequences, copies = read_back(colabfold, complex_msa(a, b, segment_a, segment_b))
    block = pair_a3m(a, b).sliced(segment_a, segment_b)
    assert (sequences, copies) == (
        [a.query[segment_a[0] - 1 : segment_a[1]], b.query[segment_b[0] - 1 : segment_b[1]]],
        [1, 1],
    )
    for back, rows in zip(paired, (block.a, block.b), strict=True):
        assert parse_a3m(back).rows == rows.rows
    for back, msa, segment, rows in zip(unpaired, (a, b), (segment_a, segment_b), (block.a, block.b), strict=True):
        assert set(parse_a3m(back).rows) | set(rows.rows) == set(slice_msa(msa, *segment).rows)
