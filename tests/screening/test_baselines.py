"""Rise of pLDDT through the stages of a screen and the views of the catalog, against numbers by hand."""

from math import sqrt
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.record import Record
from screening.execution import execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.complexes import after_segment_pairs
from screening.task import Resources


def pdb(plddt_a: list[float], plddt_b: list[float]) -> str:
    """Two chains of glycine; only the first residues of both touch."""
    lines = []
    for chain, y, values in (("A", 0.0, plddt_a), ("B", 5.0, plddt_b)):
        for number, b in enumerate(values, start=1):
            x = (number - 1) * 20.0
            place = f"CA  GLY {chain}{number:>4}    {x:8.3f}{y * (1 if number == 1 else 100):8.3f}{0:8.3f}"
            lines.append(f"ATOM      1  {place}  1.00{b:6.2f}\n")
    return "".join(lines)


def record(key: str, stage: str, outputs: dict, upstream: dict | None = None) -> Record:
    return Record(key * 64, stage, 1, stage, "ok", {}, upstream or {}, {}, outputs, finished_at="2026-01-01T00:00:00Z")


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    """Protein P (6 residues, pLDDT 40) whose residues 3-5 are folded with a segment of Q (pLDDT 90)."""
    settings = ScreenSettings.model_validate(
        {"name": "x", "structure": {"backend": "imported", "predictions": "predictions"}}
    )
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/pq.pdb").write_text(pdb([60.0, 45.0, 45.0], [80.0, 90.0]))
    made = Screen(settings, tmp_path, {})
    for key, accession, length, plddt in (("1", "P", 6, 40.0), ("2", "Q", 2, 90.0)):
        outputs = {"accession": accession, "sequence": "G" * length, "plddt": [plddt] * length}
        made.store.publish(record(key, "plddt", outputs | {"source": f"AF-{accession}.cif", "proxy": False}))
        made.store.publish(record({"1": "3", "2": "4"}[key], "segments", {}, {"plddt": key * 64}))
    return made


def asked() -> Record:
    def side(accession: str, start: int, end: int, length: int) -> dict:
        text = {"accession": accession, "gene": accession, "start": start, "end": end, "kind": "low_plddt"}
        return text | {"sequence": "G" * (end - start + 1), "protein_length": length}

    pairs = [{"a": side("P", 3, 5, 6), "b": side("Q", 1, 2, 2)}]
    return record("5", "segment_pairs", {"pairs": pairs}, {"segments_a": "3" * 64, "segments_b": "4" * 64})


def test_rows_of_a_score(screen: Screen) -> None:
    structure, score = after_segment_pairs(asked(), screen)
    assert dict(score.upstream) == {"structure": structure.key, "plddt_a": "1" * 64, "plddt_b": "2" * 64}
    for task in (structure, score):
        report = execute(task, screen.store.root, "run", 1, Resources())
        assert report.failure is None, report.failure
    found = screen.store.get(score.key)
    assert found is not None
    a, b = found.tables["induced_folding"]
    assert (a["chain"], a["segment_id"], a["partner_id"]) == ("A", "P:3-5", "Q:1-2")
    assert (a["baseline_kind"], a["baseline_source"], a["baseline_key"]) == ("monomer", "AF-P.cif", "1" * 64)
    assert (a["plddt_alone"], a["plddt_in_complex"], a["delta_mean"], a["delta_median"]) == (40.0, 50.0, 10.0, 5.0)
    assert a["fraction_risen"] == pytest.approx(1 / 3)
    assert (a["n_interface"], a["interface_delta_mean"], a["interface_fraction_risen"]) == (1, 20.0, 1.0)
    assert (b["delta_mean"], b["interface_delta_mean"]) == (-5.0, -10.0)
    assert (found.outputs["delta_plddt_a"], found.outputs["delta_plddt_b"]) == (10.0, -5.0)


def test_without_a_baseline_the_reason_is_recorded(screen: Screen) -> None:
    lone = record("5", "segment_pairs", asked().outputs)  # type: ignore[arg-type]
    structure, score = after_segment_pairs(lone, screen)
    for task in (structure, score):
        assert execute(task, screen.store.root, "run", 1, Resources()).failure is None
    found = screen.store.get(score.key)
    assert found is not None
    (row,) = found.tables["scores"]
    assert row["delta_plddt_a"] is None
    assert "no pLDDT of the protein alone: delta_plddt is NULL" in str(row["null_reason"])


def test_a_simulated_structure_has_no_baseline(screen: Screen) -> None:
    simulated = Screen(ScreenSettings.model_validate({"name": "x"}), screen.folder, {})
    score = after_segment_pairs(asked(), simulated)[-1]
    assert list(score.upstream) == ["structure"]


def test_z_scores_over_partners(tmp_path: Path) -> None:
    """Segment S with partners of rises 1, 2 and 6; segment T with two partners only."""
    rises = [("S", "X", 1.0), ("S", "Y", 2.0), ("S", "Z", 6.0), ("T", "X", 4.0), ("T", "Y", 9.0)]
    rows, structures = [], []
    for n, (segment, partner, rise) in enumerate(rises):
        key = f"{n:064d}"
        structures.append(
            {"task_key": key, "segment_pair_id": key, "backend": "colabfold", "model_name": "m", "weights": "w"}
        )
        rows.append(
            {
                "task_key": key,
                "structure_key": key,
                "chain": "A",
                "segment_id": segment,
                "partner_id": partner,
                "baseline_key": "k",
                "baseline_kind": "monomer",
                "delta_mean": rise,
                "n_interface": 1,
                "interface_delta_mean": rise,
            }
        )
    random = {**structures[0], "task_key": "r", "weights": "random"}
    rows.append({**rows[0], "task_key": "r", "structure_key": "r", "partner_id": "W", "delta_mean": 99.0})
    segments = [
        {"segment_id": name, "uniprot_ac": name, "seq_start": 1, "seq_end": 9, "kind": kind}
        for name, kind in (("S", "low_plddt"), ("T", "high_plddt"))
    ]
    tables = {"structures": [*structures, random], "induced_folding": rows, "segments": segments}
    catalog = Catalog(tmp_path / "catalog.duckdb")
    catalog.ingest(
        [Record("f" * 64, "score", 2, "s", "ok", {}, {}, {}, tables=tables, finished_at="2026-01-01T00:00:00Z")],
        store_root=tmp_path,
    )
    found = catalog.sql("select segment_id, partner_id, n_partners, z from induced_folding_z order by all").to_pylist()
    mean, sd = 3.0, sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2)
    assert [(row["segment_id"], row["partner_id"], row["n_partners"]) for row in found] == [
        ("S", "X", 3),
        ("S", "Y", 3),
        ("S", "Z", 3),
        ("T", "X", 2),
        ("T", "Y", 2),
    ]
    assert [row["z"] for row in found[:3]] == pytest.approx([(rise - mean) / sd for rise in (1.0, 2.0, 6.0)])
    assert found[3]["z"] is found[4]["z"] is None
    folding = catalog.sql("select partner_id from folding_upon_binding").column(0).to_pylist()
    assert folding == ["Z", "Y", "X"]
