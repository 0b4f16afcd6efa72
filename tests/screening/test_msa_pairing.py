"""Pairs of rows: by hand, as AlphaFold-Multimer's own functions make them, and what must hold for any alignments."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.msa import Msa, pair_a3m, parse_a3m, taxon
from screening.msa.pairing import similarity


def real(shared: Path, name: str) -> Msa:
    return parse_a3m(
        gzip.decompress((shared / f"parity/msas/alphapulldown_{name}.uniprot.a3m.gz").read_bytes()).decode()
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("sp|Q8K003|TMA7_MOUSE/1-64 [subseq from] Protein 7 OS=Mus musculus OX=10090 GN=Tma7 PE=1 SV=1", "10090"),
        ("UniRef90_Q62448/1-64 Factor n=1 Tax=Mus musculus TaxID=10090 RepID=IF4G2_MOUSE", "10090"),
        ("UniRef100_A0A1V5I8X2_1852923\t120\t0.4", "1852923"),
        ("UniRef100_UPI0000F2DDEA_9606", "9606"),
        ("sp|P0C2L1|A3X1_LOXLA", "LOXLA"),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE/12-90", "FUNHE"),
        ("tr|A0A146SKV9_1|A0A146SKV9_FUNHE_3", "FUNHE"),
        ("UniRef100_A0A8C6HBZ0\t113\t0.890", ""),
        ("UPI0005E84748\t109", ""),
        ("query FOX=12 TaxID=", ""),
        ("sp|P0C2L1|A3X1_TOOLONG", ""),
        ("", ""),
    ],
)
def test_species(header, expected):
    assert taxon(header) == expected


@pytest.mark.parametrize(
    "description",
    ["tr|A0A146SKV9|A0A146SKV9_FUNHE", "sp|P0C2L1|A3X1_LOXLA/1-9 x", "sp|P0C2L1_1|A3X1_LOXLA", "x|P0C2L1|A_B"],
)
def test_entry_names_as_alphafold_reads_them(description):
    identifiers = pytest.importorskip("alphafold.data.msa_identifiers")
    assert taxon(description) == identifiers.get_identifiers(description).species_id


A = """\
>queryA
MKVL
>a1 OX=1
AAVL
>a2 OX=2
MKVL
>a3 OX=1
MKVA
>a4 OX=3
MKVL
>a5 OX=1
MKvvVL
>a6
MKVL
"""
B = """\
>queryB OX=1
GGHH
>b1 OX=2
GAAA
>b2 OX=1
GGAA
>b3 OX=2
GGHA
>b4 OX=9
GGHH
>b5 OX=1
GGHA
"""


def test_by_hand():
    # Species 1: A has rows 5 (4 equal columns), 3 (3), 1 (2); B has rows 5 (3), 2 (2): pairs (5, 5), (3, 2).
    # Species 2: A has row 2; B has rows 3 (3 equal), 1 (1): pair (2, 3). Products: 25, 6, 6; of equal ones, species 1
    # comes first. The query's own species tag and species 3 and 9 take no part.
    paired = pair_a3m(A, B)
    assert paired.indices == ((0, 0), (3, 2), (2, 3), (5, 5))
    assert paired.a.names == ("queryA", "a3 OX=1", "a2 OX=2", "a5 OX=1")
    assert paired.b.rows == ("GGHH", "GGAA", "GGHA", "GGHA")
    assert paired.depth == 4


def test_ambiguous_letters_count_as_alphafold_reads_them():
    assert similarity(parse_a3m(">q\nDECA\n>h\nBZUX\n>i\nNQCA\n")).tolist() == [4, 3, 2]


def test_a_species_of_over_600_rows_is_left_out():
    def many(n: int) -> str:
        return ">q\nMK\n" + "".join(f">r{i} OX=7\nMK\n" for i in range(n)) + ">last OX=8\nMA\n"

    assert pair_a3m(many(601), ">p\nGG\n>x OX=7\nGG\n>y OX=8\nGA\n").indices == ((0, 0), (602, 2))
    assert pair_a3m(many(600), ">p\nGG\n>x OX=7\nGG\n>y OX=8\nGA\n").indices == ((0, 0), (1, 1), (601, 2))


def test_without_a_common_species_only_the_queries_pair():
    assert pair_a3m(">q\nMK\n>h OX=1\nMK\n", ">p\nGG\n>x OX=2\nGG\n>y\nGG\n").indices == ((0, 0),)
    assert pair_a3m(">q\nMK\n", ">p\nGG\n").indices == ((0, 0),)


def test_a_protein_pairs_with_itself_row_by_row():
    assert pair_a3m(A, A).indices == tuple((i, i) for i in range(7))


def test_slices_lose_pairs_without_residues_on_either_side():
    a = ">q\nMKVL\n>h OX=1\nMK--\n>i OX=2\n--VL\n>j OX=3\nMKVL\n>k OX=4\nMKVA\n"
    b = ">p\nGGHH\n>x OX=1\nGGHH\n>y OX=2\nGG--\n>z OX=3\n--HH\n>w OX=4\nA-HH\n"
    paired = pair_a3m(a, b)
    assert [pair[0] for pair in paired.indices] == [0, 1, 2, 3, 4]
    first = paired.sliced((1, 2), (3, 4))
    # h+x repeats the query pair, i has nothing in 1-2, y nothing in 3-4, and z and w repeat it too.
    assert (first.indices, first.a.rows, first.b.rows) == (((0, 0),), ("MK",), ("HH",))
    second = paired.sliced((3, 4), (1, 2))
    assert second.indices == ((0, 0), (4, 4))
    assert (second.a.rows, second.b.rows) == (("VL", "VA"), ("GG", "A-"))
    with pytest.raises(InvalidInput, match="4-5 is not a residue range"):
        paired.sliced((4, 5), (1, 2))


@pytest.mark.parametrize("pair", ["TEST+A0A024R1R8", "TEST+A0A075B6L2"])
def test_expected_pairs_of_real_alignments(shared: Path, pair):
    document = json.loads((shared / "parity/msas/expected_pairing.json").read_text())
    expected = document["pairs"][pair]
    a, b = (real(shared, name) for name in pair.split("+"))
    for name, msa in zip(pair.split("+"), (a, b), strict=True):
        assert msa.depth == document["inputs"][name]["rows"]
        assert sum(map(bool, msa.taxa)) == document["inputs"][name]["rows_with_taxon"]
        assert len(set(msa.taxa) - {""}) == document["inputs"][name]["distinct_taxa"]
    paired = pair_a3m(a, b)
    assert paired.depth == expected["n_paired_rows"]
    assert len((set(a.taxa) & set(b.taxa)) - {""}) == expected["n_common_taxa"]
    rows = zip(paired.a.names, paired.b.names, strict=True)
    found = [[x.split()[0], y.split()[0], taxon(x), taxon(y)] for x, y in rows][: len(expected["first"])]
    assert found == expected["first"]
    assert all(a.taxa[i] == b.taxa[j] for i, j in paired.indices)


def alphafold_rows(a: Msa, b: Msa) -> np.ndarray:
    """Pair with the installed AlphaFold-Multimer."""
    msa_pairing = pytest.importorskip("alphafold.data.msa_pairing")
    constants = pytest.importorskip("alphafold.common.residue_constants")
    codes = np.zeros(256, dtype=int)
    for letter, code in constants.HHBLITS_AA_TO_ID.items():
        codes[ord(letter)] = code
    features = [
        {
            "msa_all_seq": codes[np.array([list(row.encode()) for row in aligned(msa)])],
            "msa_species_identifiers_all_seq": np.array([b"", *(taxon(n).encode() for n in msa.names[1:])], object),
        }
        for msa in (a, b)
    ]
    return msa_pairing.reorder_paired_rows(msa_pairing.pair_sequences(features))


def aligned(msa: Msa) -> list[str]:
    return ["".join(letter for letter in row if not letter.islower()) for row in msa.rows]


def what_is_paired(a: Msa, b: Msa, rows: Iterable[tuple[int, int]]) -> Counter:
    """Count the pairs by species and similarity of both rows.

    AlphaFold sorts by an unstable algorithm, so this is what does not depend on its order of ties.
    """
    equal = []
    for msa in (a, b):
        found = aligned(msa)
        equal.append([sum(x == y for x, y in zip(row, found[0], strict=True)) for row in found])
    return Counter((a.taxa[i], equal[0][i], equal[1][j]) for i, j in rows)


@pytest.mark.parametrize("pair", ["TEST+A0A024R1R8", "TEST+A0A075B6L2", "A0A024R1R8+A0A075B6L2"])
def test_all_pairs_of_real_alignments_as_alphafold(shared: Path, pair):
    a, b = (real(shared, name) for name in pair.split("+"))
    ours = pair_a3m(a, b).indices
    assert what_is_paired(a, b, ours) == what_is_paired(a, b, alphafold_rows(a, b))
    products = [i * j for i, j in ours]
    assert products == sorted(products)


species = st.sampled_from(["", " OX=1", " OX=2", " OX=3"])


@st.composite
def alignments(draw: st.DrawFn, name: str, query: str) -> Msa:
    hits = draw(st.lists(st.tuples(species, st.text("MKA-", min_size=4, max_size=4)), max_size=14))
    return Msa(("q", *(f"{name}{i}{tag}" for i, (tag, _) in enumerate(hits))), (query, *(row for _, row in hits)))


@settings(deadline=None)
@given(alignments("a", "MKKM"), alignments("b", "KKAA"))
def test_what_holds_for_any_two(a, b):
    paired = pair_a3m(a, b)
    assert paired.indices[0] == (0, 0)
    left, right = zip(*paired.indices, strict=True)
    assert len(set(left)) == len(left) and len(set(right)) == len(right)
    assert all(a.taxa[i] == b.taxa[j] != "" for i, j in paired.indices[1:])
    counts = [Counter(msa.taxa) for msa in (a, b)]
    assert paired.depth == 1 + sum(min(count[name] for count in counts) for name in ("1", "2", "3"))
    mirrored = pair_a3m(b, a)
    assert {(j, i) for i, j in mirrored.indices} == set(paired.indices)
    sliced = paired.sliced((2, 3), (1, 4))
    assert set(sliced.indices) <= set(paired.indices) and sliced.indices[0] == (0, 0)
    assert all(len(x) == 2 and len(y) == 4 for x, y in zip(sliced.a.rows, sliced.b.rows, strict=True))


@settings(deadline=None, max_examples=25)
@given(alignments("a", "MKKM"), alignments("b", "KKAA"))
def test_as_alphafold_for_any_two(a, b):
    assert what_is_paired(a, b, pair_a3m(a, b).indices) == what_is_paired(a, b, alphafold_rows(a, b))
