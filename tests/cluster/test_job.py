"""`ray job submit`, for real: a head of its own, token authentication, its own port, two pretended GPUs."""

import json
import subprocess

import pytest

from catalog import Catalog
from screening.cli import main
from screening.presets import write_preset

pytestmark = pytest.mark.ray

SMALL = (
    "atlas.n_regions=600",
    "atlas.n_genes=200",
    "pretrain.epochs=1",
    "finetune.epochs=2",
    "tf_pairs.limit=2",
    "segment_pairs.kinds=['low_plddt']",
    "segment_pairs.maximum_length=110",
    "segment_pairs.limit=1",
    "structure.residue_md.production_ns=0.05",
    "structure.residue_md.equilibration_ns=0.01",
    "select.limit=0",
    "resources.structure.gpus=1",
)


@pytest.fixture(scope="module")
def finished(ray_head, tmp_path_factory):
    """The output folder of a screen that ran as a job, and the job's log."""
    folder = tmp_path_factory.mktemp("job")
    work, output = folder / "work", folder / "output"
    write_preset(work)
    overrides = [word for setting in (*SMALL, f"output={output}") for word in ("--set", setting)]
    command = ["ray", "job", "submit", "--address", ray_head.address, "--working-dir", ".", "--"]
    command += ["python", "-m", "screening", "run", "screen.toml", "--cell-type", "simulated B cell", *overrides]
    done = subprocess.run(command, cwd=work, env=ray_head.env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return output, done.stdout


def test_the_job_makes_catalog_and_report(finished):
    output, log = finished
    assert (output / "report.html").stat().st_size > 10_000
    tasks = (
        Catalog(output / "catalog.duckdb").sql("select stage, status, count(*) n from tasks group by all").to_pylist()
    )
    done = {row["stage"] for row in tasks if row["status"] == "ok"}
    assert {"atlas", "pretrain", "finetune", "attribution", "causal", "tf_pairs", "segments", "structure"} <= done
    assert "to go on after an interruption" in log


def test_only_the_cell_type_asked_for_ran(finished):
    output, _ = finished
    rows = (
        Catalog(output / "catalog.duckdb")
        .sql("select distinct subject from tasks where stage = 'finetune'")
        .to_pylist()
    )
    assert rows == [{"subject": "simulated B cell"}]


def test_gpu_need_was_honoured(finished):
    output, _ = finished
    rows = Catalog(output / "catalog.duckdb").sql("select stage, sum(gpu_s) > 0 gpu from attempts group by stage")
    gpu = {row["stage"]: row["gpu"] for row in rows.to_pylist()}
    assert gpu["structure"]
    assert not gpu["atlas"]


def test_run_knows_its_job(finished):
    output, _ = finished
    (run,) = Catalog(output / "catalog.duckdb").sql("select submission_id, status, config from runs").to_pylist()
    assert run["submission_id"].startswith("raysubmit_")
    assert json.loads(run["config"])["atlas"]["n_regions"] == 600


def test_a_job_until_a_stage_needs_no_proteins(ray_head, tmp_path):
    work, output = tmp_path / "work", tmp_path / "output"
    write_preset(work)
    (work / "proteins.fasta").unlink()
    command = ["ray", "job", "submit", "--address", ray_head.address, "--working-dir", ".", "--"]
    command += ["python", "-m", "screening", "run", "screen.toml", "--until", "atlas", "--set", f"output={output}"]
    command += ["--set", "atlas.n_regions=600", "--set", "atlas.n_genes=200"]
    done = subprocess.run(command, cwd=work, env=ray_head.env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "1 tasks run, 0 done before" in done.stdout
    assert f"stopped after atlas, as --until says; next: screening run screen.toml --set output={output}" in done.stdout
    assert Catalog(output / "catalog.duckdb").sql("select stage from tasks").to_pylist() == [{"stage": "atlas"}]


def test_verify_finds_nothing_wrong(finished, monkeypatch, capsys):
    output, _ = finished
    monkeypatch.setattr("sys.argv", ["screening", "catalog", "verify", str(output / "catalog.duckdb")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0, capsys.readouterr().out
