"""What the steps hand to the stages that follow."""

from pathlib import Path

import pytest

from catalog.record import Record
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.complexes import SWAPPED, after_segment_pairs

A = {
    "accession": "P1",
    "gene": "A",
    "start": 3,
    "end": 6,
    "kind": "high_plddt",
    "sequence": "ACDE",
    "protein_length": 9,
}
B = {"accession": "P2", "gene": "B", "start": 1, "end": 4, "kind": "low_plddt", "sequence": "GGSG", "protein_length": 9}


@pytest.fixture
def record() -> Record:
    return Record("k", "segment_pairs", 1, "A+B", "ok", {}, {}, {}, outputs={"pairs": [{"a": A, "b": B}]})


def screen(folder: Path, **sections) -> Screen:
    return Screen(ScreenSettings.model_validate(sections), folder, {})


def test_a_pair_has_one_structure_and_one_score(record, tmp_path):
    structure, score = after_segment_pairs(record, screen(tmp_path))
    assert (structure.stage, score.stage) == ("structure", "score")
    assert structure.subject == "P1:3-6+P2:1-4"
    assert score.upstream == {"structure": structure.key}
    assert "gene" not in structure.inputs["a"]


def test_same_segments_from_another_cell_type_are_the_same_task(record, tmp_path):
    other = Record("other", "segment_pairs", 1, "A+B", "ok", {}, {}, {}, outputs=record.outputs)
    first, second = (after_segment_pairs(each, screen(tmp_path)) for each in (record, other))
    assert [task.key for task in first] == [task.key for task in second]


def test_confident_segment_gets_its_monomer_and_the_other_none(record, tmp_path):
    folder = tmp_path / "af"
    folder.mkdir()
    for accession in ("P1", "P2"):
        (folder / f"AF-{accession}-F1-model_v4.pdb").write_text(accession)
    settings = {"plddt": {"source": "files", "folder": "af"}}
    structure, _ = after_segment_pairs(record, screen(tmp_path, **settings))
    assert list(structure.sources) == ["monomer_a"]
    assert "monomer_a_sha256" in structure.inputs
    without, _ = after_segment_pairs(record, screen(tmp_path))
    assert structure.key != without.key


def test_swapping_twice_changes_nothing():
    assert all(SWAPPED[SWAPPED[name]] == name for name in SWAPPED)
