"""FASTA headers, refusals with file and line, real transcription factors."""

import gzip
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.proteins import Protein, read_fasta


def write(folder: Path, text: str | bytes, name: str = "p.fasta") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_three_header_forms(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        ">Q02548 GENE=PAX5 FAMILY=Paired box; homeobox\nMDLE\nkny\n\n"
        ">sp|P35398-2|RORA_HUMAN Nuclear receptor OS=Homo sapiens OX=9606 GN=RORA PE=1 SV=2\nMES\n"
        ">P05549|TFAP2A\r\nMLW\r\n",
    )
    assert read_fasta(path) == (
        Protein("Q02548", "PAX5", "MDLEKNY", "Paired box; homeobox"),
        Protein("P35398-2", "RORA", "MES", None),
        Protein("P05549", "TFAP2A", "MLW", None),
    )


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b">A GENE=B\nMK\n"))
    assert read_fasta(path)[0].sequence == "MK"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">A|G\nMK\n>A|H\nMK\n", r":3: accession A occurs twice, first in line 1"),
        (">A|G\nMK\n>B|G\nMK\n", r":3: gene G occurs twice, first in line 1"),
        (">A|G\nMK\nMUK\n", r":3 \(A\): 'U' \(selenocysteine\) at position 2 of 3"),
        (">A|G\nMK*\n", r":2 \(A\): '\*' \(stop codon\) at position 3"),
        (">A|G\nM1\n", r":2 \(A\): '1' \(no residue\)"),
        (">A|G\n\n>B|H\nMK\n", r":1: A has no sequence"),
        ("MK\n>A|G\nMK\n", r":1: sequence before the first"),
        (">A\nMK\n", r":1: header '>A' has no gene symbol"),
        (">\nMK\n", r":1: header '>' has no accession"),
        (">a|b|c|d\nMK\n", r":1: header 'a\|b\|c\|d' has no known form"),
        (">../x|G\nMK\n", r":1: accession '../x' is not letters"),
        (">A GENE=G+H\nMK\n", r":1: gene symbol 'G\+H'"),
        ("", "no FASTA record"),
        (b">A|G\nM\xc3\xa9\n", r":2: byte 0xc3 is not ascii text"),
        (gzip.compress(b">A|G\nMK\n" * 9, mtime=0)[:-9], "broken gzip"),
    ],
)
def test_refusals_name_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read_fasta(write(tmp_path, text))
    assert "p.fasta" in str(caught.value)
    assert caught.value.__notes__


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        read_fasta(tmp_path / "absent.fasta")
    with pytest.raises(InvalidInput, match="is a folder"):
        read_fasta(tmp_path)


def test_real_transcription_factors(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/tf_sequences/human_tf_cofactor_sequences.fasta.gz"
    # Two loci of that file share their protein with a neighbour.
    with pytest.raises(InvalidInput, match="accession Q9UBD0 occurs twice"):
        read_fasta(source)
    records = gzip.decompress(source.read_bytes()).decode().split(">")[1:]
    once = {record.split("|", 1)[0]: record for record in records}
    proteins = read_fasta(write(tmp_path, "".join(f">{record}" for record in once.values())))
    assert len(proteins) == 1978
    by_gene = {protein.gene: protein for protein in proteins}
    assert (by_gene["PAX5"].accession, len(by_gene["PAX5"].sequence)) == ("Q02548", 391)
    assert len(by_gene["EP300"].sequence) == 2414


def test_tab_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "proteins.fasta"
    path.write_bytes(b"\xef\xbb\xbf>P1\tGENE=A1 FAMILY=bZIP factors\r\nmask\r\n")
    assert read_fasta(path) == (Protein("P1", "A1", "MASK", "bZIP factors"),)
