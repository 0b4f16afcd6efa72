"""Pairs that are asked for by name."""

import gzip
from pathlib import Path

import pytest
from pydantic import ValidationError

from screening.errors import InvalidInput
from screening.protein_pairs import homodimers, named_proteins, read_pairs
from screening.proteins import Protein
from screening.sections.network import TfPairSettings

PROTEINS = (Protein("Q04206", "RELA", "MDE"), Protein("O95863", "SNAI1", "MPR"), Protein("Q09472", "EP300", "MAE"))


def names(pairs) -> list[tuple[str, str]]:
    return [(pair.a.gene, pair.b.gene) for pair in pairs]


def test_every_protein_with_itself() -> None:
    assert names(homodimers(PROTEINS)) == [("RELA", "RELA"), ("SNAI1", "SNAI1"), ("EP300", "EP300")]
    assert names(homodimers(PROTEINS, ["EP300", "Q04206", "RELA"])) == [("EP300", "EP300"), ("RELA", "RELA")]


def test_unknown_name_is_an_error_with_similar_ones() -> None:
    with pytest.raises(InvalidInput, match=r"tf_pairs.genes: .*'SNAIL1'; similar: SNAI1") as caught:
        homodimers(PROTEINS, ["SNAIL1"])
    assert "GENE=SNAIL1" in caught.value.__notes__[0]
    with pytest.raises(InvalidInput, match="here: ") as caught:
        named_proteins(["X"], PROTEINS, "here")
    assert "similar" not in str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_table_of_genes_and_accessions(tmp_path: Path, compressed: bool) -> None:
    text = "# mine\n\ngene_a\tgene_b\nSNAI1\tRELA\nQ09472\tRELA\nRELA\tSNAI1\nRELA\tRELA\n"
    path = tmp_path / "pairs.tsv"
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    # Ascending accessions; the third line is the first again.
    assert names(read_pairs(path, PROTEINS)) == [("SNAI1", "RELA"), ("RELA", "EP300"), ("RELA", "RELA")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SNAI1\tRELA\nSNAI1\tRELB\n", r"pairs.tsv:2: .*'RELB'; similar: RELA"),
        ("SNAI1 RELA\n", r"pairs.tsv:1: not two names"),
        ("SNAI1\tRELA\t0.4\n", r"pairs.tsv:1: not two names"),
        ("SNAI1\t\n", r"pairs.tsv:1: not two names"),
        ("SNAI1\tRELA\ngene_a\tgene_b\n", r"pairs.tsv:2: .*'gene_a'"),
        ("# nothing\n", r"pairs.tsv: no pair"),
        ("", r"pairs.tsv: no pair"),
    ],
)
def test_bad_tables_are_told_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_pairs(path, PROTEINS)


@pytest.mark.parametrize(
    ("values", "owner"),
    [
        ({"source": "homodimers", "limit": 3}, "network"),
        ({"source": "table", "cofactors": ["EP300"]}, "network"),
        ({"genes": ["RELA"]}, "homodimers"),
        ({"source": "homodimers", "pairs": "x.tsv"}, "table"),
    ],
)
def test_settings_of_another_source_are_refused(values: dict, owner: str) -> None:
    with pytest.raises(ValidationError, match=f'belongs to source = "{owner}"'):
        TfPairSettings.model_validate(values)


def test_only_settings_of_the_source_enter_the_key() -> None:
    """Those of a network without cofactors are the ones that keys always had."""
    assert TfPairSettings().determining() == {"minimum_expression": 0.0, "limit": None}
    with_cofactor = TfPairSettings(cofactors=("EP300", "CREBBP")).determining()
    assert with_cofactor == {"minimum_expression": 0.0, "limit": None, "cofactors": ["CREBBP", "EP300"]}
    asked = TfPairSettings(source="homodimers", genes=("B", "A"), minimum_expression=2.0)
    assert asked.determining() == {"source": "homodimers", "genes": ["A", "B"]}
    assert TfPairSettings(source="table", pairs=Path("x")).determining() == {"source": "table"}
