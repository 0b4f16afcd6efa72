"""Attribution in parts: what is planned, that any number of parts gives the same bits, that nothing is done twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.record import Record
from screening.errors import InvalidOutput
from screening.execution import execute
from screening.screen import Screen
from screening.sections.chromatin import AttributionSettings
from screening.settings import ScreenSettings
from screening.steps import chromatin
from screening.steps.attribution_parts import place_of, tasks
from screening.task import Resources, Task, Workspace

SMALL = {
    "cell_types": ["simulated B cell"],
    "atlas": {"source": "simulated", "n_regions": 200, "n_genes": 80},
    "pretrain": {"window": 8, "embed": 16, "layers": 1, "heads": 2, "epochs": 1},
    "finetune": {"epochs": 1},
}
CELL_TYPE = "simulated B cell"


def screen(folder: Path, **attribution: object) -> Screen:
    return Screen(ScreenSettings.model_validate(SMALL | {"attribution": attribution}), folder, {})


def ran(world: Screen, task: Task) -> Record:
    report = execute(task, world.store.root, "run", 1, Resources())
    assert report.failure is None, report.failure
    record = world.store.get(task.key)
    assert record is not None
    return record


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    """A screen whose network is trained."""
    world = screen(tmp_path_factory.mktemp("screen"))
    atlas = world.task("atlas", "screen")
    pretrain = world.task("pretrain", "all", upstream={"atlas": atlas.key})
    for task in (atlas, pretrain, finetune_of(world)):
        ran(world, task)
    return world


def finetune_of(world: Screen) -> Task:
    atlas = world.task("atlas", "screen")
    pretrain = world.task("pretrain", "all", upstream={"atlas": atlas.key})
    upstream = {"atlas": atlas.key, "pretrain": pretrain.key}
    return world.task("finetune", CELL_TYPE, inputs={"cell_type": CELL_TYPE}, upstream=upstream)


def upstream_of(world: Screen) -> dict[str, str]:
    return {"atlas": world.task("atlas", "screen").key, "finetune": finetune_of(world).key}


@pytest.fixture
def forgetting(trained: Screen) -> Iterator[Screen]:
    """The trained screen; its attributions are gone afterwards."""
    before = trained.store.keys()
    yield trained
    for key in trained.store.keys() - before:
        trained.store.record_path(key).unlink()


def matrix(world: Screen, record: Record) -> dict[str, np.ndarray]:
    with np.load(world.store.path(record.artifact("attribution")), allow_pickle=False) as stored:
        return dict(stored)


@given(st.integers(0, 500), st.integers(1, 40), st.integers(1, 70))
def test_parts_cover_all_rows_once_and_are_cut_between_batches(count: int, parts: int, size: int) -> None:
    places = []
    for number in range(parts):
        inputs = {"part": number, "parts": parts, "batch_size": size}
        place = place_of(Task("k", "attribution", "s", inputs, {}, AttributionSettings()), count)
        assert place is not None and (place.start % size == 0 or place.start == count)
        places.append(place)
    assert [row for place in places for row in range(count)[place]] == list(range(count))
    batches = [-(-(place.stop - place.start) // size) for place in places]
    assert max(batches) - min(batches) <= 1


def test_a_task_that_is_no_part_has_no_place() -> None:
    assert place_of(Task("k", "attribution", "s", {}, {}, AttributionSettings()), 10) is None


def test_the_number_of_parts_is_in_their_keys_alone(tmp_path: Path) -> None:
    upstream = {"atlas": "a", "finetune": "f"}
    (whole,) = tasks(screen(tmp_path), "toy", upstream)
    *three, gathering = tasks(screen(tmp_path, parts=3), "toy", upstream)
    assert gathering.key == whole.key and set(gathering.upstream) == {*upstream, "part0000", "part0001", "part0002"}
    assert len({task.key for task in (*three, whole)}) == 4
    assert len({tasks(screen(tmp_path, parts=3, batch_size=size), "toy", upstream)[0].key for size in (8, 9)}) == 2
    assert (
        len(
            {
                tasks(screen(tmp_path, parts=3, method=name), "toy", upstream)[0].key
                for name in ("gradient", "deep_lift")
            }
        )
        == 2
    )


@pytest.mark.parametrize(
    ("parts", "settings"),
    [
        (2, {"rows": "genes", "batch_size": 7}),
        (5, {"rows": "promoters", "batch_size": 16}),
        (3, {"rows": "promoters", "batch_size": 16, "method": "integrated_gradients"}),
        (40, {"rows": "promoters", "batch_size": 64}),
    ],
)
def test_parts_give_the_bits_of_the_whole(forgetting: Screen, parts: int, settings: dict) -> None:
    world = screen(forgetting.folder, **settings)
    whole = ran(world, tasks(world, CELL_TYPE, upstream_of(world))[0])
    world.store.record_path(whole.key).unlink()
    divided = screen(forgetting.folder, parts=parts, **settings)
    planned = tasks(divided, CELL_TYPE, upstream_of(divided))
    assert len(planned) == parts + 1
    again = [ran(divided, task) for task in planned][-1]
    assert again.key == whole.key
    assert again.outputs == whole.outputs
    assert again.tables == whole.tables
    expected, found = matrix(world, whole), matrix(divided, again)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_a_result_that_is_there_needs_no_parts(forgetting: Screen) -> None:
    ran(forgetting, tasks(forgetting, CELL_TYPE, upstream_of(forgetting))[0])
    again = tasks(screen(forgetting.folder, parts=4), CELL_TYPE, upstream_of(forgetting))
    assert len(again) == 1


def test_parts_of_other_rows_are_refused(forgetting: Screen) -> None:
    world = screen(forgetting.folder, parts=2, batch_size=16)
    first, second, whole = tasks(world, CELL_TYPE, upstream_of(world))
    for task in (first, second):
        ran(world, task)
    twice = replace(whole, upstream={**whole.upstream, "part0001": first.key})
    report = execute(twice, world.store.root, "run", 1, Resources())
    assert report.failure is not None and report.failure.kind == InvalidOutput.kind
    assert "the parts hold" in report.failure.message


def test_only_an_actor_keeps_its_network_and_one_at_a_time(forgetting: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    import get_core.checkpoints

    loads: list[Path] = []
    load = get_core.checkpoints.load_get
    monkeypatch.setattr(get_core.checkpoints, "load_get", lambda path: (loads.append(path), load(path))[1])
    chromatin._kept_network.cache_clear()
    task = tasks(forgetting, CELL_TYPE, upstream_of(forgetting))[0]

    def network(gpus: float) -> object:
        workspace = Workspace(task, forgetting.store, forgetting.folder, 1, gpus, lambda done, total: None)
        return chromatin.network_of(workspace, "cpu")

    assert network(0) is not network(0)
    assert len(loads) == 2
    kept = network(1)
    assert network(1) is kept
    assert len(loads) == 3
    other = forgetting.folder / "other.safetensors"
    other.write_bytes(loads[0].read_bytes())
    chromatin._kept_network(other, "cpu")
    assert network(1) is not kept
    assert len(loads) == 5
    chromatin._kept_network.cache_clear()
