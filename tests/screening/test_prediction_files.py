"""Finding predictions by the folders and names that programs write."""

import json
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.prediction_files import PredictionFiles, files_of, find_predictions, prediction_files
from tests.screening.predictions import pdb, scores, write


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


def test_alphafold3_folder(tmp_path: Path) -> None:
    job = tmp_path / "job"
    for folder, stem in ((job, "job"), (job / "seed-1_sample-0", "job_seed-1_sample-0"), (job / "seed-1_sample-1", "")):
        prefix = f"{stem}_" if stem else ""
        write(
            folder,
            **{
                f"{prefix}model__cif": "",
                f"{prefix}confidences__json": "{}",
                f"{prefix}summary_confidences__json": "{}",
            },
        )
    write(job, job_data__json="{}", ranking_scores__csv="")
    best = PredictionFiles(job / "job_model.cif", job / "job_confidences.json", job / "job_summary_confidences.json")
    assert find_predictions(tmp_path) == (best,)
    best.structure.unlink()
    samples = find_predictions(tmp_path)
    assert [(files.structure.name, files.pae and files.pae.name) for files in samples] == [
        ("job_seed-1_sample-0_model.cif", "job_seed-1_sample-0_confidences.json"),
        ("model.cif", "confidences.json"),
    ]
    assert samples[1].confidence == job / "seed-1_sample-1" / "summary_confidences.json"


def test_alphafold_server_and_boltz_write_the_best_as_number_0(tmp_path: Path) -> None:
    for k in (0, 1, 10):
        names = (f"fold_x_model_{k}__cif", f"fold_x_full_data_{k}__json", f"fold_x_summary_confidences_{k}__json")
        write(tmp_path / "server", **dict.fromkeys(names, "{}"))
        names = (
            f"y_model_{k}__cif",
            f"pae_y_model_{k}__npz",
            f"confidence_y_model_{k}__json",
            f"plddt_y_model_{k}__npz",
        )
        write(tmp_path / "boltz/predictions/y", **dict.fromkeys(names, "{}"))
    boltz, server = find_predictions(tmp_path)
    assert [path and path.name for path in (server.structure, server.pae, server.confidence)] == [
        "fold_x_model_0.cif",
        "fold_x_full_data_0.json",
        "fold_x_summary_confidences_0.json",
    ]
    assert [path and path.name for path in (boltz.structure, boltz.pae, boltz.confidence)] == [
        "y_model_0.cif",
        "pae_y_model_0.npz",
        "confidence_y_model_0.json",
    ]


def test_files_and_folders_once_each(colabfold: Path) -> None:
    found = files_of([*sorted(colabfold.glob("*unrelaxed*rank_001*.pdb")), colabfold, colabfold])
    assert found == list(find_predictions(colabfold))
    with pytest.raises(InvalidInput, match="no such file or folder"):
        files_of([colabfold / "absent"])
    with pytest.raises(InvalidInput, match="no such folder"):
        find_predictions(colabfold / "absent")


def test_recorded_folder(shared: Path) -> None:
    folder = shared / "parity/interfaces"
    found = find_predictions(folder)
    assert [files.structure.name.split("_")[0] for files in found] == ["barnase", "unrelaxed"]
    assert all(files.pae for files in found)
    read = [files.read() for files in found]
    assert [prediction.iptm for prediction in read] == [0.92, pytest.approx(0.9369155168533325)]
    assert read[0].sequences == read[1].sequences
