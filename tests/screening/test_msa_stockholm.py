"""Stockholm alignments: by hand, as Biopython writes them, and broken ones refused with their line."""

import gzip
import io
from pathlib import Path

import pytest
from Bio.Align import MultipleSeqAlignment
from Bio.AlignIO import write
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from screening.errors import InvalidInput
from screening.msa import read_msa

TEXT = """\
# STOCKHOLM 1.0
#=GF ID query
#=GS hit1/3-9 DE [subseq from] Protein OS=Homo sapiens OX=9606 GN=X

query         MK..V
hit1/3-9      MKaaV
#=GR hit1/3-9 PP 99899
hit2          -.G.V
#=GC RF       xx..x

query         LD-E.
hit1/3-9      L-.-.
hit2          LDYEw
//
"""


def test_by_hand(tmp_path: Path):
    path = tmp_path / "q.sto.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    msa = read_msa(path, "MKVLDE")
    assert msa.names == ("query", "hit1/3-9 [subseq from] Protein OS=Homo sapiens OX=9606 GN=X", "hit2")
    assert msa.rows == ("MKVLDE", "MKaaVL--", "--gVLDyEw")
    assert msa.taxa == ("", "9606", "")


def test_what_biopython_writes(tmp_path: Path):
    rows = ["MK--VLDE", "MKAA-LDE", "-K-GVL--"]
    out = io.StringIO()
    records = [SeqRecord(Seq(row), id=f"s{i}", description=f"s{i} text OX={i}") for i, row in enumerate(rows)]
    write(MultipleSeqAlignment(records), out, "stockholm")
    path = tmp_path / "x.txt"
    path.write_text(out.getvalue())
    msa = read_msa(path, "MKVLDE")
    assert msa.rows == ("MKVLDE", "MKaa-LDE", "-KgVL--")
    assert msa.taxa[1:] == ("1", "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("//\n", ""), r"q.sto:13: ends without '//': truncated"),
        (TEXT + TEXT, r"q.sto:15: text after the '//' of line 14"),
        (TEXT.replace("hit2          LDYEw", "hit2          LDYE"), r"q.sto:8: 'hit2' has 9 aligned characters, .* 10"),
        (TEXT.replace("hit2          -.G.V", "hit2"), r"q.sto:8: no sequence after 'hit2'"),
        (TEXT.replace("-.G.V", "-.1.V"), r"q.sto:8: '1' is no residue or gap"),
        ("# STOCKHOLM 1.0\n//\n", "q.sto: no alignment row"),
        (TEXT.replace("MK..V", "MK..A"), r"q.sto:5: the first row has 'A' at position 3, the query 'V'"),
    ],
)
def test_refusals_name_file_and_line(tmp_path: Path, text, message):
    path = tmp_path / "q.sto"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_msa(path, "MKVLDE")
