"""Alignments: real ones read whole, broken ones refused with their line."""

import gzip
import json
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.msa import parse_a3m, query_only, read_a3m, read_msa

TEXT = ">query some words\nMKVL\n>hit1\tx\nM-VaaL\n>hit2\nMK\nVX\n"


def test_rows_by_hand(tmp_path: Path) -> None:
    msa = read_a3m(TEXT, "MKVL")
    assert msa.names == ("query some words", "hit1\tx", "hit2")
    assert msa.rows == ("MKVL", "M-VaaL", "MKVX")
    assert (msa.depth, msa.query) == (3, "MKVL")
    assert msa.to_text() == ">query some words\nMKVL\n>hit1\tx\nM-VaaL\n>hit2\nMKVX\n"
    path = tmp_path / "m.a3m"
    path.write_bytes(gzip.compress(b"#4\t1\n" + TEXT.encode()))
    assert read_a3m(path, "MKVL") == msa
    assert read_a3m(msa.to_text(), "MKVL") == msa


def test_query_only() -> None:
    msa = query_only("MKVL")
    assert (msa.depth, msa.rows, msa.to_text()) == (1, ("MKVL",), ">query\nMKVL\n")
    with pytest.raises(InvalidInput, match="'X'"):
        query_only("MKX")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "m.a3m: no alignment row"),
        ("MKVL\n", ":1: text before"),
        (">q\nMKVL\n>h\nMK.L\n", r":4: '\.' in column 3 is no residue or gap"),
        (">q\nMKVL\n>h\nMK\x00L\n", r":4: .* in column 3"),
        (">q\nMKVA\n", ":1: the first row has 'A' at position 4, the query 'L'"),
        (">q\nMKV\n", ":1: the first row has 3 characters, the query 4 residues"),
        (">q\nMKVL\n>h x\nMKaL\n", ":3: row 'h' has 3 columns, the query 4 residues"),
        (">q\nMKVL\n>h\n>i\nMKVL\n", ":3: row 'h' has 0 columns"),
        ("#4,3\t1,1\n>101\t102\nMKVLAAA\n", ":1: an alignment of several chains"),
        ("#4\t2\n>101\nMKVL\n", r":1: an alignment of several chains \(4 residues, 2 copies\)"),
    ],
)
def test_refusals_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.a3m"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_a3m(path, "MKVL")
    assert "m.a3m" in str(caught.value)


def test_letters_of_hits_and_of_the_query(tmp_path: Path) -> None:
    text = ">q\nMKVL\n>h\nUXBZ\n>i\nJO-xzL\n"
    assert parse_a3m(text) == read_a3m(text, "MKVL")
    assert parse_a3m(text).rows == ("MKVL", "UXBZ", "JO-xzL")
    for letter, meaning in {
        "U": "selenocysteine",
        "X": "unknown residue",
        "B": "Asp or Asn",
        "Z": "Glu or Gln",
    }.items():
        with pytest.raises(InvalidInput, match=rf"m.a3m:1: the first row.*'{letter}' \({meaning}\) at position 2"):
            parse_a3m(f">q\nM{letter}VL\n", "m.a3m")


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.a3m.gz"
    path.write_bytes(gzip.compress(TEXT.encode() * 50)[:-20])
    with pytest.raises(InvalidInput, match=r"m\.a3m\.gz: broken gzip"):
        read_msa(path, "MKVL")


def test_columns_and_insertions_by_hand() -> None:
    msa = parse_a3m(">q\nMKVL\n>h\nabM-VLc\n>i\nMKVL\n>j\nMKzBZ\n")
    assert [bytes(row).decode() for row in msa.columns] == ["MKVL", "M-VL", "MKVL", "MKDE"]
    assert list(zip(*(part.tolist() for part in msa.insertions), strict=True)) == [(1, 0), (1, 0), (1, 4), (3, 2)]


def test_real_alignments_are_read_whole(shared: Path) -> None:
    files = sorted((shared / "parity/msas").glob("*.a3m.gz"))
    assert len(files) == 8
    for path in files:
        body = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line[0] != "#"]
        msa = read_a3m(path, body[1])
        assert msa.depth == sum(line.startswith(">") for line in body)
        assert read_a3m(msa.to_text(), body[1]) == msa


@pytest.mark.parametrize(("chain", "which"), [("A", 0), ("B", 1)])
def test_real_alignments_belong_to_their_query(shared: Path, chain: str, which: int) -> None:
    folder = shared / "parity/msas"
    queries = json.loads((folder / "colabfold_3G5O.query.json").read_text())
    path = folder / f"colabfold_3G5O_{chain}.unpaired.a3m.gz"
    assert read_a3m(path, queries[which]).query == queries[which]
    with pytest.raises(InvalidInput, match="the first row has"):
        read_a3m(path, queries[1 - which])
