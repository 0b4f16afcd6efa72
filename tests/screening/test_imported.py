"""Finding predictions by folder layout and by sequence."""

import json
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.folding.imported import (
    PredictionFiles,
    find_predictions,
    index_predictions,
    prediction_files,
    predictions,
)

LETTERS = {"G": "GLY", "A": "ALA", "L": "LEU"}


def pdb(*chains: str) -> str:
    lines = []
    for chain, sequence in zip("ABC", chains, strict=False):
        for number, letter in enumerate(sequence, start=1):
            for name in ("CA",) if letter == "G" else ("CA", "CB"):
                place = f"{name}  {LETTERS[letter]} {chain}{number:>4}"
                lines += [f"ATOM      1  {place}       0.000   0.000   0.000  1.00 80.00\n"]
    return "".join(lines)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def scores(length: int) -> str:
    return json.dumps({"pae": [[1.0] * length] * length, "iptm": 0.5, "ptm": 0.6})


@pytest.fixture
def colabfold(tmp_path: Path) -> Path:
    folder = tmp_path / "colabfold"
    for job, chains in {"x_y": ("GA", "L"), "z": ("LL", "A")}.items():
        for rank in (1, 2):
            stem = f"rank_{rank:03}_alphafold2_multimer_v3_model_{rank + 2}_seed_000"
            write(
                folder,
                **{
                    f"{job}_unrelaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_relaxed_{stem}__pdb": pdb(*chains),
                    f"{job}_scores_{stem}__json": scores(3),
                },
            )
    write(folder, config__json="{}", x_y__a3m=">x\nGA\n")
    return folder


def test_colabfold_folder(colabfold: Path) -> None:
    found = find_predictions(colabfold)
    suffix = "rank_001_alphafold2_multimer_v3_model_3_seed_000"
    assert found == tuple(
        PredictionFiles(
            colabfold / f"{job}_unrelaxed_{suffix}.pdb", pae=colabfold / f"{job}_scores_{suffix}.json", confidence=None
        )
        for job in ("x_y", "z")
    )
    assert found[0].read().iptm == 0.5
    assert [prediction_files(files.structure) for files in found] == list(found)
    (colabfold / f"z_unrelaxed_{suffix}.pdb").unlink()
    assert find_predictions(colabfold)[1].structure.name == f"z_relaxed_{suffix}.pdb"


def test_alphafold_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        unrelaxed_model_1_multimer_v3_pred_0__pdb=pdb("GA", "L"),
        unrelaxed_model_2_multimer_v3_pred_0__pdb=pdb("GA", "L"),
        relaxed_model_2_multimer_v3_pred_0__pdb=pdb("GA", "L"),
        pae_model_2_multimer_v3_pred_0__json=json.dumps([{"predicted_aligned_error": [[2.0] * 3] * 3}]),
        ranked_0__pdb=pdb("GA", "L"),
        iptm_ptm__json=json.dumps({"model_2_multimer_v3_pred_0": {"iptm": 0.25, "ptm": 0.5}}),
        ranking_debug__json=json.dumps({"order": ["model_2_multimer_v3_pred_0", "model_1_multimer_v3_pred_0"]}),
    )
    (files,) = find_predictions(tmp_path)
    assert files.structure.name == "unrelaxed_model_2_multimer_v3_pred_0.pdb"
    prediction = files.read()
    assert prediction.iptm == 0.25
    assert prediction.pae is not None
    (tmp_path / "ranking_debug.json").write_text("[]")
    with pytest.raises(InvalidInput, match=r"ranking_debug\.json"):
        find_predictions(tmp_path)


def test_plain_files_and_their_scores(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "a__pdb": pdb("GA", "L"),
            "a__json": scores(3),
            "AF-P1-F1-model_v4__pdb": pdb("GAL"),
            "AF-P1-F1-predicted_aligned_error_v4__json": scores(3),
            "b_model_0__pdb": pdb("GA", "L"),
            "pae_b_model_0__json": scores(3),
            "confidence_b_model_0__json": '{"iptm": 0.1}',
        },
    )
    found = {files.structure.name: files for files in find_predictions(tmp_path)}
    assert {name: files.pae.name if files.pae else None for name, files in found.items()} == {
        "a.pdb": "a.json",
        "AF-P1-F1-model_v4.pdb": "AF-P1-F1-predicted_aligned_error_v4.json",
        "b_model_0.pdb": "pae_b_model_0.json",
    }
    assert found["b_model_0.pdb"].confidence == tmp_path / "confidence_b_model_0.json"


def test_lookup_by_sequence(colabfold: Path) -> None:
    write(colabfold, monomer__pdb=pdb("GAL"), zz_copy__pdb=pdb("GA", "L"))
    done: list[tuple[int, int]] = []
    index = index_predictions([colabfold], progress=lambda *at: done.append(at))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    forward, backward = index.find("GA", "L"), index.find("L", "GA")
    assert forward is not None
    assert backward is not None
    assert forward.files.structure.name.startswith("x_y_unrelaxed_rank_001")
    assert (forward.swapped, backward.swapped) == (False, True)
    assert forward.files == backward.files
    assert index.find("GA", "A") is None
    assert [(files.structure.name, chains) for files, chains in index.other] == [("monomer.pdb", 1)]
    again = index_predictions([*sorted(colabfold.glob("*.pdb")), colabfold])
    assert again.find("GA", "L") is not None
    assert index_predictions([colabfold, colabfold]).by_sequences == index.by_sequences


def test_bulk_import_names_the_broken_file(colabfold: Path) -> None:
    read = predictions([colabfold])
    assert [prediction.sequences for prediction in read] == [("GA", "L"), ("LL", "A")]
    assert all(prediction.pae is not None for prediction in read)
    write(colabfold, broken__cif="nonsense")
    with pytest.raises(InvalidInput, match=r"broken\.cif"):
        predictions([colabfold])
    with pytest.raises(InvalidInput, match=r"broken\.cif"):
        index_predictions([colabfold])
    with pytest.raises(InvalidInput, match="no such file or folder"):
        predictions([colabfold / "absent"])
    with pytest.raises(InvalidInput, match="no such folder"):
        find_predictions(colabfold / "absent")


def test_recorded_folder(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    found = find_predictions(folder)
    assert [files.structure.name.split("_")[0] for files in found] == ["barnase", "unrelaxed"]
    assert all(files.pae for files in found)
    read = predictions([folder])
    assert [prediction.iptm for prediction in read] == [0.92, pytest.approx(0.9369155168533325)]
    assert read[0].sequences == read[1].sequences
