"""One cell type's attribution on several pretended GPUs: parts run in actors that load the network once each."""

import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy_stages
from toy_stages import Recorder

from catalog.store import Store
from screening.cluster import driver
from screening.cluster.job import connect
from screening.execution import Report, execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.attribution_parts import tasks
from screening.task import Progress, Resources, Task

pytestmark = pytest.mark.ray

CELL_TYPE = "simulated B cell"
SMALL = {
    "atlas": {"source": "simulated", "n_regions": 300, "n_genes": 80},
    "pretrain": {"window": 8, "embed": 16, "layers": 1, "heads": 2, "epochs": 1},
    "finetune": {"epochs": 1},
    "attribution": {"batch_size": 4},
}


def watched(
    task: Task, store_root: Path, run_id: str, attempt: int, resources: Resources, progress: Progress | None = None, /
) -> Report:
    """Run a task once two processes have one, and leave a line for every network and atlas that its process loads."""
    import get_core.atlas
    import get_core.checkpoints

    for owner, name in ((get_core.checkpoints, "load_get"), (get_core.atlas.Atlas, "load")):
        if not hasattr(getattr(owner, name), "watched"):
            setattr(owner, name, _told(getattr(owner, name), name, store_root))
    seats = store_root / "seats"
    seats.mkdir(exist_ok=True)
    (seats / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(seats.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    return execute(task, store_root, run_id, attempt, resources, progress)


def _told(load, name: str, folder: Path):
    @functools.wraps(load)
    def told(*words):
        with (folder / "loads.txt").open("a") as log:
            log.write(f"{os.getpid()} {name}\n")
        return load(*words)

    told.watched = True  # pyright: ignore[reportFunctionMemberAccess]
    return told


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(Path(toy_stages.__file__).parent))  # workers import this module, too
        with connect(cpus=2, gpus=2):
            yield


def screen(folder: Path, parts: int, gpus: float) -> Screen:
    sections = SMALL | {"attribution": {"batch_size": 4, "parts": parts}, "resources": {"attribution": {"gpus": gpus}}}
    return Screen(ScreenSettings.model_validate(sections), folder, {})


def test_parts_of_a_cell_type_run_in_two_actors_that_load_once(tmp_path: Path) -> None:
    from screening.cluster.pool import RayExecutor

    world = screen(tmp_path, parts=8, gpus=1)
    atlas = world.task("atlas", "screen")
    pretrain = world.task("pretrain", "all", upstream={"atlas": atlas.key})
    upstream = {"atlas": atlas.key, "pretrain": pretrain.key}
    finetune = world.task("finetune", CELL_TYPE, inputs={"cell_type": CELL_TYPE}, upstream=upstream)
    for task in (atlas, pretrain, finetune):
        assert execute(task, world.store.root, "before", 1, Resources()).failure is None
    planned = tasks(world, CELL_TYPE, {"atlas": atlas.key, "finetune": finetune.key})
    executor = RayExecutor(world.store.root, "run", watched)
    try:
        summary = driver.run(world, planned, executor, run_id="run", resume_command="", reporter=Recorder())
    finally:
        executor.close()
    assert (summary.executed, summary.failed) == (9, 0)
    records = {task.key: Store(tmp_path / "store").get(task.key) for task in planned}
    actors = {record.provenance["pid"] for record in records.values() if record is not None}
    assert len(actors) == 2 and os.getpid() not in actors
    loads = [line.split() for line in (world.store.root / "loads.txt").read_text().splitlines()]
    assert sorted(map(tuple, loads)) == sorted((str(pid), name) for pid in actors for name in ("load", "load_get"))

    whole = records[planned[-1].key]
    assert whole is not None
    alone = screen(tmp_path / "alone", parts=1, gpus=0)
    for task in (atlas, pretrain, finetune):
        record = world.store.get(task.key)
        assert record is not None
        for artifact in record.artifacts:
            alone.store.put(world.store.path(artifact), artifact.role, artifact.media_type)
        alone.store.publish(record)
    (undivided,) = tasks(alone, CELL_TYPE, {"atlas": atlas.key, "finetune": finetune.key})
    assert undivided.key == whole.key
    assert execute(undivided, alone.store.root, "run", 1, Resources()).failure is None
    expected = alone.store.get(undivided.key)
    assert expected is not None
    with (
        np.load(world.store.path(whole.artifact("attribution")), allow_pickle=False) as found,
        np.load(alone.store.path(expected.artifact("attribution")), allow_pickle=False) as told,
    ):
        np.testing.assert_array_equal(found["matrix"], told["matrix"])
        assert len(found["matrix"]) > 32
