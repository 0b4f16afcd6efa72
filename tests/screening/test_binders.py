"""The benchmark of homodimers on constructed cases whose areas can be worked out by hand."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog import Catalog
from catalog.record import Record
from screening.binders import LARGEST_PAE_ANGSTROM, Homodimer, benchmark, binder_score, read_interactions
from screening.cli import app
from screening.errors import InvalidInput


def homodimers(**scores: float) -> list[Homodimer]:
    return [Homodimer(gene, "bZIP" if gene[0] == "B" else "HMG", score) for gene, score in scores.items()]


FAMILIES = {"B1": "bZIP", "B2": "bZIP", "B3": "bZIP", "B4": "bZIP", "H1": "HMG"}
PAIRS = frozenset({frozenset(("B1", "B2")), frozenset(("B3", "H1")), frozenset(("B4",))})


def test_a_low_pae_raises_the_score() -> None:
    assert LARGEST_PAE_ANGSTROM == 31.75
    assert binder_score(0.5, 0.0) == 0.5
    assert binder_score(0.5, 2.0) > binder_score(0.5, 20.0) > 0
    assert binder_score(0.5, 31.75) == binder_score(0.5, 32.0) == 0.0
    assert binder_score(0.6, 5.0) > binder_score(0.5, 5.0)


def test_perfect_reversed_and_mixed() -> None:
    # B1 and B2 bind each other; B3 only outside its family, B4 only itself: no intra-family binders.
    perfect = benchmark(homodimers(B1=0.9, B2=0.8, B3=0.3, B4=0.2), FAMILIES, PAIRS)
    assert (perfect.n, perfect.n_binders, perfect.auroc, perfect.aupr) == (4, 2, 1.0, 1.0)
    worst = benchmark(homodimers(B1=0.1, B2=0.2, B3=0.8, B4=0.9), FAMILIES, PAIRS)
    assert worst.auroc == 0.0
    assert worst.aupr == pytest.approx((1 / 3 + 2 / 4) / 2)
    # Order B1 + B3 - B2 + B4 -: three of the four (binder, other) pairs are in order; precision 1 and 2/3 at the hits.
    mixed = benchmark(homodimers(B1=0.9, B3=0.8, B2=0.7, B4=0.1), FAMILIES, PAIRS)
    assert (mixed.auroc, mixed.aupr) == (0.75, pytest.approx((1 + 2 / 3) / 2))
    ties = benchmark(homodimers(B1=0.5, B2=0.5, B3=0.5, B4=0.5), FAMILIES, PAIRS)
    assert (ties.auroc, ties.aupr) == (0.5, 0.5)


def test_those_that_cannot_be_compared_are_left_out() -> None:
    found = benchmark([*homodimers(B1=0.9, H1=0.4), Homodimer("X", "", 0.2)], FAMILIES, PAIRS)
    assert (found.n, found.n_binders, found.skipped) == (1, 1, ("H1", "X"))
    assert found.auroc is found.aupr is None


def test_tables(tmp_path: Path, shared: Path) -> None:
    real = read_interactions(shared / "data/tf_interactions/irefindex14_tf_pairs.tsv")
    assert frozenset(("AATF", "AR")) in real
    path = tmp_path / "i.tsv"
    for text, message in (
        ("", r"i\.tsv:1: no columns gene_a and gene_b"),
        ("gene_a\tgene_b\n", "no interaction in it"),
        ("gene_a\tgene_b\nX\n", r"i\.tsv:2: 1 fields, the header has 2"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=message):
            read_interactions(path)


def test_command(tmp_path: Path) -> None:
    scores = {"B1": (0.7, 2.0), "B2": (0.6, 3.0), "B3": (0.7, 25.0), "B4": (0.1, 5.0)}
    tables: dict[str, list] = {name: [] for name in ("proteins", "segments", "segment_pairs", "structures", "scores")}
    for n, (gene, (pdockq, pae)) in enumerate(scores.items()):
        key = f"{n:064d}"
        segment = {"segment_id": gene, "uniprot_ac": gene, "seq_start": 1, "seq_end": 9, "kind": "full_length"}
        tables["proteins"].append({"uniprot_ac": gene, "gene": gene, "tf_family": "bZIP"})
        tables["segments"].append(segment)
        tables["segment_pairs"].append({"segment_pair_id": key, "segment_a": gene, "segment_b": gene})
        tables["structures"].append({"task_key": key, "segment_pair_id": key, "weights": "w"})
        tables["scores"].append({"task_key": key, "structure_key": key, "pdockq": pdockq, "min_ipae": pae})
    path, table = tmp_path / "catalog.duckdb", tmp_path / "i.tsv"
    table.write_text("gene_a\tgene_b\nB1\tB2\n")
    done = "2026-01-01T00:00:00Z"
    Catalog(path).ingest(
        [Record("f" * 64, "score", 2, "s", "ok", {}, {}, {}, tables=tables, finished_at=done)], store_root=tmp_path
    )
    result = CliRunner().invoke(app, ["benchmark-binders", str(path), "--interactions", str(table)])
    assert result.exit_code == 0, result.output
    assert "4 homodimers, 2 of TFs that bind in their family" in result.output
    assert "AUROC 1.000, AUPR 1.000" in result.output
    screen = tmp_path / "screen.toml"
    screen.write_text('name = "dimers"\n')
    again = CliRunner().invoke(app, ["benchmark-binders", str(screen), "--interactions", str(table)])
    assert (again.exit_code, again.output) == (0, result.output)
