"""Files as STRING publishes them, a few lines of each by hand."""

import gzip
from pathlib import Path

import pytest

from get_core.causal.string_links import HIGH_CONFIDENCE, read_string
from get_core.errors import InvalidInput

LINKS = """protein1 protein2 combined_score
9606.ENSP1 9606.ENSP2 900
9606.ENSP2 9606.ENSP1 900
9606.ENSP3 9606.ENSP1 700
9606.ENSP3 9606.ENSP2 699
"""
NAMES = """#string_protein_id\tpreferred_name\tprotein_size\tannotation
9606.ENSP1\tZFX\t805\tZinc finger X-chromosomal protein
9606.ENSP2\tGATA1\t413\tErythroid transcription factor
9606.ENSP3\tTAL1\t331\t
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    links, names = tmp_path / "links.txt.gz", tmp_path / "info.txt"
    links.write_bytes(gzip.compress(LINKS.encode()))
    names.write_text(NAMES)
    return links, names


def test_links_by_gene(files: tuple[Path, Path]) -> None:
    found = read_string(*files)
    assert HIGH_CONFIDENCE == 700
    assert found.pairs == {("GATA1", "ZFX"), ("TAL1", "ZFX")}
    assert found.n_lines == 3
    assert ("GATA1", "TAL1") in read_string(*files, minimum_score=0).pairs


@pytest.mark.parametrize(
    ("links", "names", "fault"),
    [
        (LINKS.replace(" 900", ""), NAMES, "links.txt:2: not two proteins and a score"),
        (LINKS, NAMES.replace("9606.ENSP3", "9606.ENSP4"), "links.txt:4: protein 9606.ENSP3 has no name"),
        (LINKS, NAMES.replace("\t", " "), "info.txt:2: no protein and name"),
        (LINKS, "#only a header\n", "names no protein"),
        (LINKS[:33], NAMES, "no link has a score of 700"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, links: str, names: str, fault: str) -> None:
    (tmp_path / "links.txt").write_text(links)
    (tmp_path / "info.txt").write_text(names)
    with pytest.raises(InvalidInput, match=fault) as raised:
        read_string(tmp_path / "links.txt", tmp_path / "info.txt")
    assert raised.value.__notes__
