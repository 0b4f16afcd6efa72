"""What the steps hand to the stages that follow."""

import json
from pathlib import Path

import pytest

from catalog.record import Record
from md.errors import Unstable
from screening.execution import execute
from screening.prediction import read_prediction
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.complexes import after_segment_pairs
from screening.task import Resources

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


def imported_scores(shared: Path, tmp_path: Path, *, swapped: bool) -> dict:
    """Run structure and score of barnase and barstar, as a screen with the backend `imported` does."""
    source = shared / "parity" / "interfaces"
    folder = tmp_path / "predictions"
    folder.mkdir()
    for path in source.glob("barnase_barstar_*"):
        (folder / path.name).write_bytes(path.read_bytes())
    structure = next(folder.glob("*.pdb.gz"))
    barnase, barstar = read_prediction(structure).sequences
    sides = [
        {"accession": "P00648", "gene": "barnase", "start": 40, "end": 39 + len(barnase), "sequence": barnase},
        {"accession": "P11540", "gene": "barstar", "start": 2, "end": 1 + len(barstar), "sequence": barstar},
    ]
    sides = [side | {"kind": "high_plddt", "protein_length": 200} for side in sides]
    a, b = reversed(sides) if swapped else sides
    asked = Record("k", "segment_pairs", 1, "pair", "ok", {}, {}, {}, outputs={"pairs": [{"a": a, "b": b}]})
    world = screen(tmp_path, structure={"backend": "imported", "predictions": "predictions"})
    for task in after_segment_pairs(asked, world):
        report = execute(task, world.store.root, "run", 1, Resources())
        assert report.failure is None, report.failure
    return dict(world.store.get(task.key).outputs)


def test_imported_prediction_is_found_by_its_sequences_and_scored(shared, tmp_path):
    expected = json.loads((shared / "parity" / "interfaces" / "expected.json").read_text())
    (values,) = (value for name, value in expected.items() if name.startswith("barnase"))
    found = imported_scores(shared, tmp_path, swapped=False)
    ipsae = values["colabfold163_interface_scores_pae15"]["ipsae"]
    assert found["n_contacts"] == values["plain"]["A-B"]["n_contacts_cb8"]
    assert found["ipsae_ab"] == pytest.approx(ipsae["A-B"], abs=1e-3)
    assert found["ipsae_ba"] == pytest.approx(ipsae["B-A"], abs=1e-3)
    assert found["iptm"] == values["native"]["iptm"]


def test_chains_in_the_other_order_swap_the_directional_scores(shared, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight = imported_scores(shared, tmp_path / "a", swapped=False)
    swapped = imported_scores(shared, tmp_path / "b", swapped=True)
    assert straight["ipsae_ab"] != straight["ipsae_ba"]
    other = {"_a": "_b", "_b": "_a", "_ab": "_ba", "_ba": "_ab"}
    for name, value in straight.items():
        end = next((end for end in other if name.endswith(end)), "")
        if name != "structure":
            assert swapped[name.removesuffix(end) + other.get(end, "")] == value, name


def test_pair_without_a_prediction_is_unsupported(tmp_path, record):
    (tmp_path / "predictions").mkdir()
    world = screen(tmp_path, structure={"backend": "imported", "predictions": "predictions"})
    structure, _ = after_segment_pairs(record, world)
    report = execute(structure, world.store.root, "run", 1, Resources())
    assert report.failure.kind == "unsupported"
    assert "no prediction with these two sequences" in report.failure.message


@pytest.mark.parametrize(
    ("system", "swapped", "chains"),
    [
        ("complex", False, ["C", "D"]),
        ("complex", True, ["D", "C"]),
        ("monomer_a", False, ["C"]),
        ("monomer_a", True, ["D"]),
    ],
)
def test_dynamics_take_the_chains_of_the_file_and_their_own_termini(tmp_path, monkeypatch, system, swapped, chains):
    asked = {}

    def run(structure, protocol, workdir, **words):
        asked.update(words)
        raise Unstable("blew up", cure="look at it")

    monkeypatch.setattr("md.simulate.run", run)
    world = screen(tmp_path)
    (tmp_path / "x.pdb").write_text("x")
    files = (world.store.put(tmp_path / "x.pdb", "structure", "chemical/x-pdb"),)
    outputs = {"a": A, "b": B, "chains": ["C", "D"], "swapped": swapped}
    world.store.publish(Record("ab" * 32, "structure", 1, "pair", "ok", {}, {}, {}, outputs, artifacts=files))
    task = world.task("md", "pair", inputs={"system": system, "replica": 2}, upstream={"structure": "ab" * 32})
    report = execute(task, world.store.root, "run", 1, Resources())
    assert report.failure.kind == "unstable"
    assert asked["chains"] == chains
    # A is residues 3-6 of 9 and B residues 1-4 of 9: only B has a terminus of its protein.
    expected = [(False, False), (True, False)][: len(chains)]
    assert asked["true_termini"] == dict(zip(chains, expected, strict=True))
    assert asked["replica"] == 2
