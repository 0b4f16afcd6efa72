"""One training in several processes, under Ray Train."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from screening.cluster.job import connect
from screening.cluster.replicas import execute_together
from screening.execution import execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.task import Resources

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connect(cpus=3):
            yield


def world(folder: Path, **pretrain: object) -> Screen:
    sections = {
        "atlas": {"source": "simulated", "n_regions": 300, "n_genes": 80},
        "pretrain": {"window": 8, "embed": 16, "layers": 1, "heads": 2, "epochs": 3, "batch_size": 6, **pretrain},
    }
    return Screen(ScreenSettings.model_validate(sections), folder, {})


def test_two_processes_train_the_network_of_one(tmp_path: Path, local_ray: None) -> None:
    alone, both = world(tmp_path / "a"), world(tmp_path / "b", workers=2)
    models, losses = [], []
    for screen, run in ((alone, execute), (both, execute_together)):
        atlas = screen.task("atlas", "screen")
        assert execute(atlas, screen.store.root, "run", 1, Resources()).failure is None
        task = screen.task("pretrain", "all", upstream={"atlas": atlas.key})
        report = run(task, screen.store.root, "run", 1, Resources())
        assert report.failure is None, report.failure
        record = screen.store.get(task.key)
        assert record is not None
        models.append(load_file(screen.store.path(record.artifact("model"))))
        losses.append([row["value"] for row in record.tables["training_metrics"]])
        assert not screen.store.workdir(task.key).exists() or not any(screen.store.workdir(task.key).iterdir())
    assert task.key == alone.task("pretrain", "all", upstream={"atlas": atlas.key}).key
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    # One block has no stochastic depth, so only rounding differs.
    for name, value in models[0].items():
        torch.testing.assert_close(models[1][name], value, rtol=0, atol=1e-4)


def test_a_failure_in_a_process_keeps_its_kind_and_cure(tmp_path: Path, local_ray: None) -> None:
    screen = world(tmp_path, workers=2, leave_out=["chrNone"])
    atlas = screen.task("atlas", "screen")
    execute(atlas, screen.store.root, "run", 1, Resources())
    task = screen.task("pretrain", "all", upstream={"atlas": atlas.key})
    report = execute_together(task, screen.store.root, "run", 1, Resources())
    assert report.failure is not None
    assert report.failure.kind == "invalid_input"
    assert "have no region" in report.failure.message
    assert "choose among" in report.failure.cure
    shutil.rmtree(screen.store.root)
