"""Everything about Ray that needs no jobs API: one local Ray of 2 cores and 2 pretended GPUs for the whole module."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_stages
from toy_stages import Recorder, act, task, toy_screen

from catalog.store import Store
from screening.cluster import driver
from screening.cluster.executor import Ended
from screening.cluster.job import connect
from screening.errors import FailureKind, InvalidInput
from screening.frontier import State
from screening.settings import ResourceOverride
from screening.task import Resources, Task

pytestmark = pytest.mark.ray

CPU = Resources(cpus=1, memory_gib=0.2)
GPU = Resources(cpus=1, gpus=1, memory_gib=0.2)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        # the pretended GPUs are not in the machine, and the toys are not installed where workers look
        patch.setenv("PYTHONPATH", str(Path(toy_stages.__file__).parent))
        with connect(cpus=2, gpus=2):
            yield


@pytest.fixture
def executor(tmp_path):
    from screening.cluster.pool import RayExecutor

    executor = RayExecutor(tmp_path, "run", act)
    yield executor
    executor.close()


def outputs(folder: Path, task: Task) -> dict:
    record = Store(folder).get(task.key)
    assert record is not None
    return dict(record.outputs)


def run_all(executor, tasks: list[Task], resources: Resources, within_s: float = 60.0) -> list[Ended]:
    """Submit as room comes, wait for all."""
    waiting, ended = list(tasks), []
    until = time.monotonic() + within_s
    while len(ended) < len(tasks):
        while waiting and executor.has_room(waiting[0], resources):
            executor.submit(waiting.pop(0), resources, 1)
        ended += executor.wait(0.5)
        assert time.monotonic() < until, f"{len(ended)} of {len(tasks)} ended"
    return ended


def kill_when_it_runs(executor, folder: Path, subject: str, attempt: int = 1) -> None:
    """Kill the actor of a task once it has left its trace."""
    while not (folder / "traces" / f"{subject}-{attempt}").exists():
        assert executor.wait(0.1) == []
    [flight] = [flight for flight in executor._flights.values() if flight.task.subject == subject]
    os.kill(flight.started.pid, signal.SIGKILL)


def test_processor_tasks_run_in_workers_with_their_threads(executor, tmp_path):
    tasks = [task(f"t{n}") for n in range(6)]
    ended = run_all(executor, tasks, CPU)
    assert all(entry.report is not None and entry.loss is None and entry.node for entry in ended)
    results = [outputs(tmp_path, one) for one in tasks]
    assert {result["threads"] for result in results} == {"1"}
    assert os.getpid() not in {result["pid"] for result in results}
    assert not any(result["gpu"] for result in results)
    assert executor._workers == []


def test_window_is_twice_the_cores(executor):
    task_ = task("a")
    for n in range(4):
        assert executor.has_room(task_, CPU)
        executor.submit(task(f"s{n}", do="sleep", seconds=5), CPU, 1)
    assert not executor.has_room(task_, CPU)


def test_gpu_tasks_share_two_actors_one_gpu_each(executor, tmp_path):
    tasks = [task(f"g{n}", "structure", do="sleep", seconds=0.2) for n in range(8)]
    run_all(executor, tasks, GPU)
    results = [outputs(tmp_path, one) for one in tasks]
    gpus = {result["pid"]: result["gpu"] for result in results}
    assert sorted(gpus.values()) == ["0", "1"]
    for one in results:
        at_once = [other for other in results if other["began"] <= one["began"] < other["ended"]]
        assert len(at_once) <= 2
        assert len({other["gpu"] for other in at_once}) == len(at_once)


def test_stages_hand_gpus_on(executor, tmp_path):
    first = [task(f"s{n}", "structure") for n in range(4)]
    run_all(executor, first, GPU)
    assert {worker.kind[0] for worker in executor._workers} == {"structure"}
    second = [task(f"m{n}", "md") for n in range(4)]
    run_all(executor, second, GPU)
    assert "md" in {worker.kind[0] for worker in executor._workers}
    assert len(executor._workers) <= 2
    run_all(executor, [task("s9", "structure")], GPU)


def test_idle_actors_leave_their_cores_to_processor_tasks(executor):
    run_all(executor, [task(f"s{n}", "structure", do="sleep", seconds=1) for n in range(4)], GPU)
    assert len(executor._workers) == 2  # one for each of the two cores
    run_all(executor, [task("c0"), task("c1")], CPU, within_s=40)


def test_progress_is_told(executor):
    executor.submit(task("slow", do="sleep", seconds=4), CPU, 1)
    until = time.monotonic() + 60
    while not executor.progress():
        assert executor.wait(0.2) == []
        assert time.monotonic() < until
    [(done, total)] = executor.progress().values()
    assert total == 10
    assert 0 <= done < 10


def test_killed_actor_is_replaced_and_the_task_completes(executor, tmp_path):
    victim = task("victim", "structure", do="sleep", seconds=3)
    executor.submit(victim, GPU, 1)
    kill_when_it_runs(executor, tmp_path, "victim")
    ended = []
    while not ended:
        ended = executor.wait(1)
    assert ended[0].loss is not None
    assert ended[0].loss.kind is FailureKind.WORKER_LOST
    assert ended[0].wall_s > 0
    assert executor._workers == []
    again = task("victim", "structure")
    run_all(executor, [again], GPU)
    assert outputs(tmp_path, again)["gpu"] in ("0", "1")


def test_deadline_ends_a_hanging_task(executor, tmp_path):
    for resources in (CPU, GPU):
        stuck = task(f"stuck{resources.gpus}", "structure", do="sleep", seconds=60)
        short = Resources(resources.cpus, resources.gpus, resources.memory_gib, deadline_s=1.0)
        [ended] = run_all(executor, [stuck], short)
        assert ended.loss is not None
        assert ended.loss.kind is FailureKind.TIMEOUT
        assert "deadline" in ended.loss.message
        assert 1.0 <= ended.wall_s <= 2.0
    # both workers are gone: their cores and GPUs are free again
    run_all(executor, [task(f"after{n}", "structure") for n in range(2)], GPU)


def test_failure_around_the_task_is_classified(executor):
    [ended] = run_all(executor, [task("raises", do="raise")], CPU)
    assert ended.report is None
    assert ended.loss is not None
    assert ended.loss.kind is FailureKind.IO


def test_impossible_request_is_refused(executor):
    assert "2 GPU" not in str(executor.unplaceable(GPU))
    assert executor.unplaceable(GPU) is None
    assert "3 GPU" in str(executor.unplaceable(Resources(gpus=3)))
    assert "CPU" in str(executor.unplaceable(Resources(cpus=64)))


@pytest.mark.usefixtures("stages")
def test_whole_run_with_killers_and_a_poison(executor, tmp_path):
    """The real loop on real workers: two stages, tasks that kill their worker once, one that always does."""
    gpu, cpu = ResourceOverride(gpus=1, memory_gib=0.2), ResourceOverride(memory_gib=0.2)
    screen = toy_screen(tmp_path, {"structure": gpu, "score": cpu})
    from screening.cluster.pool import RayExecutor

    executor = RayExecutor(screen.store.root, "run", act)
    tasks = [
        *(task(f"c{n}", "score") for n in range(6)),
        *(task(f"g{n}", "structure") for n in range(6)),
        task("once", "structure", do="die", times=1),
        task("once-cpu", "score", do="die", times=1),
        task("poison", "structure", do="die", times=99),
    ]
    try:
        summary = driver.run(screen, tasks, executor, run_id="run", resume_command="resume", reporter=Recorder())
    finally:
        executor.close()
    assert summary.counts["score"][State.DONE] == 7
    assert summary.counts["structure"][State.DONE] == 7
    assert summary.counts["structure"][State.FAILED] == 1
    record = screen.store.get(tasks[-1].key)
    assert record is not None
    assert record.outputs["failure"]["kind"] == "poison"
    assert summary.executed == 15 + 2 + 2
    assert sorted(r.subject for r in screen.store.failed_attempts()) == [
        "once",
        "once-cpu",
        "poison",
        "poison",
        "poison",
    ]


@pytest.mark.usefixtures("stages")
def test_run_that_cannot_be_placed_fails_fast(executor, tmp_path):
    screen = toy_screen(tmp_path, {"structure": ResourceOverride(gpus=4)})
    start = time.monotonic()
    with pytest.raises(InvalidInput, match="asks for 4 GPU; no node of this cluster offers more than 2 GPU"):
        driver.run(screen, [task("a", "structure")], executor, run_id="run", resume_command="", reporter=Recorder())
    assert time.monotonic() - start < 10


def test_address_of_another_kind_is_explained(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with pytest.raises(InvalidInput, match="inside the cluster") as caught, connect():
        pass
    assert "ray job submit" in caught.value.__notes__[0]


def test_packages_are_found_from_a_checkout(tmp_path):
    """Workers import the packages from where the driver did, whatever its folder and without an installation."""
    code = (
        "import ray; from screening.cluster.job import connect\n"
        "@ray.remote\ndef where():\n    import catalog, md, get_core, screening; return screening.__file__\n"
        "with connect(cpus=1):\n    print(ray.get(where.remote()))\n"
    )
    root = Path(driver.__file__).parents[2]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    program = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**env, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert program.returncode == 0, program.stderr
    assert Path(program.stdout.split()[-1]).parents[1] == root
