"""From an atlas to attribution and evaluation, each stage as a screen runs it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.record import Record
from get_core.atlas import Atlas, Promoters
from screening.execution import execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps import atlas as atlas_step
from screening.task import Resources, Task

SMALL = {
    "atlas": {"source": "simulated", "n_regions": 200, "n_genes": 80},
    "pretrain": {"window": 8, "embed": 16, "layers": 1, "heads": 2, "epochs": 1},
    "finetune": {"epochs": 1},
}


def ran(world: Screen, task: Task) -> Record:
    report = execute(task, world.store.root, "run", 1, Resources())
    assert report.failure is None, report.failure
    record = world.store.get(task.key)
    assert record is not None
    return record


@pytest.fixture
def with_promoters(monkeypatch: pytest.MonkeyPatch) -> Promoters:
    """Give the simulated atlas transcription starts: two of GATA1, one of a gene that is closed somewhere."""
    drawn, tables = atlas_step._simulated(ScreenSettings.model_validate(SMALL).atlas)
    closed = int(np.flatnonzero(drawn.accessibility[0] == 0)[0])
    opened = np.flatnonzero(drawn.accessibility[0] > 0)[:2]
    starts = Promoters(("GATA1", "TAL1", "GATA1"), np.array([opened[0], closed, opened[1]]), np.array([0, 1, 1]))
    monkeypatch.setattr(atlas_step, "_simulated", lambda settings: (replace(drawn, promoters=starts), tables))
    return starts


def chain(folder: Path, **more: dict[str, object]) -> tuple[Screen, list[Task]]:
    sections = {name: SMALL.get(name, {}) | more.get(name, {}) for name in SMALL.keys() | more.keys()}
    world = Screen(ScreenSettings.model_validate(sections), folder, {})
    atlas = world.task("atlas", "screen")
    pretrain = world.task("pretrain", "all", upstream={"atlas": atlas.key})
    names = atlas_step._simulated(world.settings.atlas)[0].cell_types
    tasks, finetuned = [atlas, pretrain], {}
    for name in names[:1] if more.get("only") else names:
        cell_type = {"cell_type": name}
        tuned = world.task("finetune", name, inputs=cell_type, upstream={"atlas": atlas.key, "pretrain": pretrain.key})
        finetuned[f"finetune_{len(finetuned):04d}"] = tuned.key
        tasks.append(tuned)
        tasks.append(
            world.task("attribution", name, inputs=cell_type, upstream={"atlas": atlas.key, "finetune": tuned.key})
        )
    tasks.append(world.task("evaluation", "all", upstream={"atlas": atlas.key, **finetuned}))
    return world, tasks


def test_networks_are_trained_evaluated_and_attributed_by_gene(tmp_path: Path, with_promoters: Promoters) -> None:
    world, tasks = chain(tmp_path, attribution={"rows": "genes"})
    records = {(task.stage, task.subject): ran(world, task) for task in tasks}
    drawn = Atlas.load(world.store.path(next(iter(records["atlas", "screen"].artifacts))))
    first = drawn.cell_types[0]
    attribution = records["attribution", first]
    assert attribution.outputs["n_rows"] == 1
    assert attribution.tables["unattributed_genes"] == [
        {
            "task_key": attribution.key,
            "cell_type_id": first,
            "gene": "TAL1",
            "reason": "no_transcription_start_in_an_open_region",
        }
    ]
    with np.load(world.store.path(attribution.artifacts[0]), allow_pickle=False) as stored:
        assert stored["genes"].tolist() == ["GATA1"]
        assert stored["matrix"].shape == (1, len(drawn.motifs) + 1)
        assert stored["region"].tolist() == with_promoters.region[[0, 2]].tolist()
        assert stored["strand"].tolist() == [0, 1]
    rows = records["evaluation", "all"].tables["evaluations"]
    assert {row["predictor"] for row in rows} == {
        "model",
        "mean_cell_type",
        "nearest_cell_type",
        "tss_accessibility",
    }
    assert {row["scope"] for row in rows} == {"training"}


def test_left_out_chromosomes_are_evaluated_apart(tmp_path: Path) -> None:
    drawn, _ = atlas_step._simulated(ScreenSettings.model_validate(SMALL).atlas)
    left_out = drawn.chrom[-1].item()
    world, tasks = chain(tmp_path, finetune={"epochs": 1, "leave_out": [left_out]})
    record = [ran(world, task) for task in tasks if task.stage != "attribution"][-1]
    rows = record.tables["evaluations"]
    held = [
        row for row in rows if (row["scope"], row["quantity"], row["predictor"]) == ("held_out", "expression", "model")
    ]
    assert held
    promoters = (drawn.expression_labels[:, drawn.chrom == left_out] > 0).any(0).sum()
    assert all(0 < int(str(row["n"])) <= promoters for row in held)


def test_a_stopped_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, tasks = chain(tmp_path, pretrain=SMALL["pretrain"] | {"epochs": 3})
    atlas, pretrain = tasks[:2]
    ran(world, atlas)
    seen: list[int] = []

    def stop(done: int, whole: int) -> None:
        seen.append(done)
        if done == 2 * whole // 3:
            raise MemoryError("the machine is wanted elsewhere")

    report = execute(pretrain, world.store.root, "run", 1, Resources(), stop)
    assert report.failure is not None
    again: list[int] = []
    report = execute(pretrain, world.store.root, "run", 2, Resources(), lambda done, _: again.append(done))
    assert report.failure is None
    assert 1 < again[0] <= seen[-1]


def poison(monkeypatch: pytest.MonkeyPatch, where: Callable[[Atlas], np.ndarray]) -> None:
    """Give the simulated atlas other labels in some places, bool (cell types, regions)."""
    drawn, tables = atlas_step._simulated(ScreenSettings.model_validate(SMALL).atlas)
    labels = drawn.expression_labels
    assert labels is not None
    spoiled = np.where(where(drawn)[:, :, None] & (labels > 0), 6.0, labels).astype(np.float32)
    assert not np.array_equal(spoiled, labels)
    monkeypatch.setattr(atlas_step, "_simulated", lambda settings: (replace(drawn, expression_labels=spoiled), tables))


def trained(folder: Path, **finetune: object) -> Record:
    """Finetune the first cell type's network."""
    world, tasks = chain(folder, finetune={"epochs": 1} | finetune)
    return [ran(world, task) for task in tasks[:3]][-1]


@pytest.mark.parametrize(
    ("finetune", "unseen", "equal"),
    [
        ({"train_on": "others"}, "first", True),
        ({"train_on": "all"}, "first", False),
        ({"train_on": "own"}, "second", True),
        ({"train_on": "all"}, "second", False),
        ({"train_on": "own", "leave_out": True}, "last chromosome", True),
        ({"train_on": "all", "leave_out": True}, "last chromosome", True),
        ({"train_on": "others", "leave_out": True, "patience": 1}, "first", True),
        ({"train_on": "own"}, "last chromosome", False),
    ],
)
def test_what_is_left_out_changes_no_bit_of_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finetune: dict[str, object], unseen: str, equal: bool
) -> None:
    drawn, _ = atlas_step._simulated(ScreenSettings.model_validate(SMALL).atlas)
    # Regions are closed here and there: the published code mistakes their numbers after that, and lets labels through.
    assert (drawn.accessibility == 0).any(axis=1).all()
    last = drawn.chrom == drawn.chrom[-1]
    kept = dict(finetune)
    if kept.pop("leave_out", False):
        kept["leave_out"] = [str(drawn.chrom[-1])]
    before = trained(tmp_path / "before", **kept)

    def places(atlas: Atlas) -> np.ndarray:
        number = np.arange(len(atlas.cell_types))[:, None]
        if unseen == "last chromosome":
            return np.broadcast_to(last, atlas.accessibility.shape)
        return np.broadcast_to(number == (0 if unseen == "first" else 1), atlas.accessibility.shape)

    poison(monkeypatch, places)
    after = trained(tmp_path / "after", **kept)
    network, again = (
        next(file.sha256 for file in record.artifacts if file.role == "model") for record in (before, after)
    )
    assert (network == again) == equal
    assert after.outputs["train_on"] == kept["train_on"]


def test_a_left_out_cell_type_is_held_out_whole(tmp_path: Path) -> None:
    world, tasks = chain(tmp_path, finetune={"epochs": 1, "train_on": "others"})
    record = [ran(world, task) for task in tasks if task.stage != "attribution"][-1]
    rows = record.tables["evaluations"]
    assert {row["scope"] for row in rows} == {"held_out"}
    notes = {row["note"] for row in rows if row["predictor"] in ("nearest_cell_type", "tss_accessibility")}
    assert notes == {"no training entries to choose the cell type by", "no training entries to fit the line to"}
    assert all(row["held_out"] for row in record.tables["predictions"])
