"""`screening md` at another length: the store gives what a finished run has, and only the rest is simulated."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from catalog import Catalog
from catalog.record import Record
from catalog.store import Store
from md import production
from screening.execution import execute
from screening.plan import plan_of_tasks
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.task import Resources, Task
from screening.trajectory_lengths import earlier_run, group_of, remaining, summary_of_earlier

ROOT = Path(__file__).resolve().parents[2]
PAIR = ROOT / "tests" / "md" / "capped_pair.pdb"
STRUCTURE = "ab" * 32
PROTOCOL = {
    "equilibration_ps": 0.4,
    "checkpoint_interval_ps": 0.4,
    "frame_interval_ps": 0.1,
    "minimise_iterations": 20,
}


def world(folder: Path, ps: float, **protocol: object) -> Screen:
    """A screen with one finished structure and a length of trajectories."""
    settings = {"md": {"systems": ["monomer_b"], "protocol": {**PROTOCOL, "production_ps": ps, **protocol}}}
    screen = Screen(ScreenSettings.model_validate(settings), folder, {})
    if screen.store.get(STRUCTURE) is None:
        lines = [
            line
            for line in PAIR.read_text().splitlines()
            if line.startswith(("ATOM", "TER")) and line[17:20] not in ("ACE", "NME")
        ]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "s.pdb").write_text("\n".join([*lines, "END", ""]))
        side = {"accession": "P11111", "start": 101, "end": 108, "protein_length": 300}
        outputs = {"a": side, "b": side, "chains": ["A", "B"], "swapped": False, "has_plddt": False}
        files = (screen.store.put(folder / "s.pdb", "structure", "chemical/x-pdb"),)
        screen.store.publish(Record(STRUCTURE, "structure", 1, "pair", "ok", {}, {}, {}, outputs, artifacts=files))
    return screen


def task_of(screen: Screen, replica: int = 1) -> Task:
    inputs = {"system": "monomer_b", "replica": replica}
    return screen.task("md", "pair monomer_b 1", inputs=inputs, upstream={"structure": STRUCTURE})


def simulated(folder: Path, ps: float, **words) -> Record:
    screen = world(folder, ps)
    task = task_of(screen)
    report = execute(task, screen.store.root, "run", 1, Resources(), **words)
    assert report.failure is None, report.failure
    record = screen.store.get(task.key)
    assert record is not None
    return record


def sums(record: Record) -> dict[str, str]:
    return {artifact.role: artifact.sha256 for artifact in record.artifacts}


@pytest.fixture
def segments(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    real = production.produce

    def counted(system, names, state_xml, number, *others):
        seen.append(number)
        return real(system, names, state_xml, number, *others)

    monkeypatch.setattr(production, "produce", counted)
    return seen


def test_a_longer_run_simulates_the_rest_and_ends_in_the_same_bits(tmp_path: Path, segments: list[int]):
    whole = simulated(tmp_path / "whole", 1.6)
    assert segments == [1, 2, 3, 4]
    short = simulated(tmp_path / "s", 0.8)
    store = world(tmp_path / "s", 0.8).store
    before = store.record_path(short.key).read_bytes()
    segments.clear()
    long = simulated(tmp_path / "s", 1.6)
    assert segments == [3, 4]
    assert sums(long) == sums(whole) and set(sums(long)) == {"topology", "trajectory", "preview", "state", "log"}
    assert long.key == whole.key  # what a task is does not depend on what was there
    assert (long.outputs["taken_from"], long.outputs["taken_over_ps"]) == (short.key, 0.8)
    assert (whole.outputs["taken_from"], whole.outputs["taken_over_ps"]) == (None, 0.0)
    assert store.record_path(short.key).read_bytes() == before
    assert all(store.path(artifact).exists() for artifact in short.artifacts)
    first, all_ = (store.path(record.artifact("trajectory")).read_bytes() for record in (short, long))
    assert all_[: len(first)] == first
    assert not any((store.root / "work").iterdir())
    catalog = Catalog(world(tmp_path / "s", 1.6).catalog_path)
    catalog.rebuild(store)
    lengths = catalog.sql("select completed_ns from md_runs order by 1").column("completed_ns").to_pylist()
    assert lengths == pytest.approx([0.0008, 0.0016])


def test_a_shorter_run_simulates_nothing(tmp_path: Path, segments: list[int]):
    long = simulated(tmp_path / "s", 1.6)
    segments.clear()
    short = simulated(tmp_path / "s", 0.8)
    assert segments == []
    own = simulated(tmp_path / "own", 0.8)
    assert sums(short) == {role: value for role, value in sums(own).items() if role != "state"}
    assert short.outputs["taken_from"] == long.key
    assert short.tables["md_runs"][0]["ns_per_day"] is None
    segments.clear()
    further = simulated(tmp_path / "s", 2.0)  # from the long one: the short one has no end to go on from
    assert segments == [5] and further.outputs["taken_from"] == long.key


def test_the_trajectory_of_a_short_run_can_be_removed_and_made_again_of_the_long_one(
    tmp_path: Path, segments: list[int]
):
    short = simulated(tmp_path, 0.8)
    simulated(tmp_path, 1.6)
    segments.clear()
    store = world(tmp_path, 0.8).store
    store.path(short.artifact("trajectory")).unlink()
    again = simulated(tmp_path, 0.8)
    assert segments == []
    assert again.key == short.key
    assert sums(again) == {role: value for role, value in sums(short).items() if role != "state"}


AT_A_LENGTH = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from test_trajectory_lengths import simulated
simulated(Path(sys.argv[1]), float(sys.argv[2]))
"""


def at_a_length(folder: Path, ps: float) -> subprocess.Popen:
    """Simulate in a process of its own."""
    code = AT_A_LENGTH.format(root=str(ROOT), tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code, str(folder), str(ps)], stderr=subprocess.PIPE, text=True)


def test_killed_by_the_system_in_an_extension_it_goes_on(tmp_path: Path, segments: list[int]):
    whole = simulated(tmp_path / "whole", 3.2)
    short = simulated(tmp_path / "s", 0.8)
    store = world(tmp_path / "s", 3.2).store
    segments.clear()
    with at_a_length(tmp_path / "s", 3.2) as process:
        deadline = time.monotonic() + 120.0
        while not (store.workdir(whole.key) / "segment_0003").exists() and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert store.get(whole.key) is None
    store.record_path(short.key).unlink()  # what was taken over is the new run's own
    assert sums(simulated(tmp_path / "s", 3.2)) == sums(whole)
    assert segments and min(segments) > 3 and max(segments) == 8


def test_two_lengths_at_once_leave_each_other_alone(tmp_path: Path):
    processes = [at_a_length(tmp_path / "s", ps) for ps in (0.8, 1.6)]
    for process in processes:
        _, errors = process.communicate(timeout=160)
        assert process.returncode == 0, errors
    for ps in (0.8, 1.6):
        record = world(tmp_path / "s", ps).store.get(task_of(world(tmp_path / "s", ps)).key)
        assert record is not None
        own = sums(simulated(tmp_path / f"own {ps}", ps))
        assert sums(record) in (own, {role: value for role, value in own.items() if role != "state"})


def test_a_damaged_artifact_costs_the_time_but_not_the_result(tmp_path: Path, segments: list[int]):
    short = simulated(tmp_path / "s", 0.4)
    path = world(tmp_path / "s", 0.4).store.path(short.artifact("state"))
    path.write_bytes(path.read_bytes()[:-2] + b"?\n")
    segments.clear()
    long = simulated(tmp_path / "s", 0.8)
    assert segments == [1, 2]
    assert long.outputs["taken_from"] is None
    assert any("is not the file it wrote" in str(note) for note in long.outputs["notes"])  # pyright: ignore
    assert sums(long)["trajectory"] == sums(simulated(tmp_path / "whole", 0.8))["trajectory"]


def test_the_group_is_all_but_the_length_and_the_machine(tmp_path: Path):
    group = group_of(task_of(world(tmp_path, 0.8)))
    assert group_of(task_of(world(tmp_path, 1.6))) == group
    assert group_of(task_of(world(tmp_path, 0.8, platform="CUDA"))) == group
    others = [task_of(world(tmp_path, 0.8), replica=2), task_of(world(tmp_path, 0.8, seed=2))]
    others.append(task_of(world(tmp_path, 0.8, checkpoint_interval_ps=0.8)))
    assert len({group, *map(group_of, others)}) == 4


def test_the_plan_counts_what_remains(tmp_path: Path):
    screen = world(tmp_path, 0.8)
    short = simulated(tmp_path, 0.8)
    longer, shorter = world(tmp_path, 2.4), world(tmp_path, 0.4)
    task = task_of(longer)
    earlier = earlier_run(screen.store, task)
    assert earlier is not None and (earlier.record.key, earlier.ps) == (short.key, 0.8)
    rest = remaining(screen.store, task)
    assert (rest.equilibration_ps, rest.production_ps) == (0.0, pytest.approx(1.6))
    assert remaining(screen.store, task_of(shorter)).production_ps == 0.0
    said = "1 of 2 go on from finished runs of another length: 0.004 of 0.0048 ns to simulate"
    assert summary_of_earlier(screen.store, [task, task_of(longer, replica=2)]) == said
    assert summary_of_earlier(screen.store, [task_of(screen)]) == ""
    (stage,) = (stage for stage in plan_of_tasks(longer, [task]).stages if stage.stage == "md")
    row = short.tables["md_runs"][0]
    assert stage.measured
    # Size is an estimate before the system is built, so the seconds are those of so many particles.
    per_ps = 86.4 / row["ns_per_day"]  # pyright: ignore
    assert 3600.0 * stage.cpu_hours == pytest.approx(1.6 * per_ps, rel=0.3)


HOLDER = """
import sys, time
from pathlib import Path
from catalog.store import Store
with Store(Path(sys.argv[1])).claimed("k"):
    print("held", flush=True)
    time.sleep(600)
"""


class Claimant(Thread):
    """Claims a task, and holds it until it may leave."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self.store, self.entered, self.leave = store, Event(), Event()
        self.start()

    def run(self) -> None:
        with self.store.claimed("k"):
            self.entered.set()
            self.leave.wait(60)


def test_another_process_at_the_same_task_is_waited_for_even_if_it_is_killed(tmp_path: Path):
    store = Store(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        second = Claimant(store)
        assert not second.entered.wait(0.5)
    finally:
        process.kill()
        process.communicate()
    assert second.entered.wait(60)
    second.leave.set()
    second.join(60)
    assert not any((tmp_path / "work").iterdir())


def test_one_at_a_time_though_the_file_of_a_claim_goes_with_it(tmp_path: Path):
    """Who waits at a file that its holder then removes must not hold that one while the next makes another."""
    store = Store(tmp_path)
    with store.claimed("k"):
        second = Claimant(store)
        assert not second.entered.wait(0.5)
    assert second.entered.wait(60)
    third = Claimant(store)
    assert not third.entered.wait(0.5)
    second.leave.set()
    assert third.entered.wait(60)
    third.leave.set()
    for each in (second, third):
        each.join(60)
    assert not any((tmp_path / "work").iterdir())


def test_what_another_run_has_done_meanwhile_is_not_done_again(tmp_path: Path, segments: list[int]):
    screen = world(tmp_path, 0.4)
    task = task_of(screen)
    reports = []
    with screen.store.claimed(task.key):
        waiting = Thread(target=lambda: reports.append(execute(task, screen.store.root, "second", 1, Resources())))
        waiting.start()
        done = Record(task.key, "md", 1, "x", "ok", {}, {}, {}, attempts=simulated(tmp_path / "other", 0.4).attempts)
        segments.clear()
        screen.store.publish(done)
    waiting.join(60)
    assert segments == []
    assert reports[0].failure is None and reports[0].attempt == done.attempts[0]
    assert screen.store.get(task.key) == done


def test_complex_and_monomers_have_equal_lengths_and_replicas_and_each_is_extended_by_itself(tmp_path: Path):
    from screening.steps.dynamics import after_select

    def tasks(ps: float, replicas: int) -> dict[tuple, Task]:
        base = world(tmp_path, ps)
        md = base.settings.md.model_copy(
            update={"systems": ("complex", "monomer_a", "monomer_b"), "replicas": replicas}
        )
        screen = Screen(base.settings.model_copy(update={"md": md}), tmp_path, {})
        selected = Record("cd" * 32, "select", 1, "x", "ok", {}, {}, {}, {"selected": [STRUCTURE]})
        return {
            (task.inputs["system"], task.inputs["replica"]): task
            for task in after_select(selected, screen)
            if task.stage == "md"
        }

    short, long = tasks(0.8, 2), tasks(1.6, 3)
    assert set(long) == {(system, r) for system in ("complex", "monomer_a", "monomer_b") for r in (1, 2, 3)}
    assert {task.settings.protocol.production_ps for task in long.values()} == {1.6}  # pyright: ignore
    assert len({group_of(task) for task in long.values()}) == 9
    assert all(group_of(task) == group_of(long[name]) for name, task in short.items())
    assert not {task.key for task in short.values()} & {task.key for task in long.values()}
