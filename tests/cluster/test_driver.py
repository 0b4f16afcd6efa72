import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import pairwise

import duckdb
import pytest
from toy_stages import FakeTime, Recorder, ScriptedExecutor, act, attempt, publish, task, toy_screen

from catalog import Catalog
from screening.cluster import driver
from screening.cluster.executor import Ended, InlineExecutor
from screening.cluster.reporter import Summary
from screening.errors import Failure, FailureKind, InvalidInput
from screening.frontier import State
from screening.settings import ResourceOverride
from screening.task import Resources

pytestmark = pytest.mark.usefixtures("stages")

LOSSES = [
    FailureKind.PREEMPTED,
    FailureKind.NODE_LOST,
    FailureKind.WORKER_LOST,
    FailureKind.OUT_OF_MEMORY,
    FailureKind.DEVICE_ERROR,
    FailureKind.TIMEOUT,
    FailureKind.IO,
    FailureKind.UNEXPECTED,
]


@pytest.fixture
def no_catalog(monkeypatch) -> None:
    """Take everything in and write nothing, where a test is about the loop."""
    monkeypatch.setattr("screening.cluster.feed._bring", lambda batch, screen: None)


def drive(screen, tasks, script, *, reporter=None, run_id="run", **options) -> tuple[Summary, ScriptedExecutor]:
    clock = FakeTime()
    executor = ScriptedExecutor(screen.store, clock, script, **options)
    reporter = reporter or Recorder()
    summary = driver.run(
        screen, tasks, executor, run_id=run_id, resume_command="resume", reporter=reporter, clock=clock
    )
    return summary, executor


def inline(screen, tasks, *, reporter=None, run_id="run") -> Summary:
    executor = InlineExecutor(screen.store.root, run_id, act)
    return driver.run(screen, tasks, executor, run_id=run_id, resume_command="resume", reporter=reporter or Recorder())


def status_of(screen, run_id="run") -> str:
    return next(run.status for run in screen.store.runs() if run.run_id == run_id)


def test_everything_runs_once_and_is_in_the_catalog(tmp_path):
    screen, reporter = toy_screen(tmp_path), Recorder()
    tasks = [task(f"t{n}") for n in range(5)]
    summary = inline(screen, tasks, reporter=reporter)
    assert (summary.executed, summary.cached, summary.failed, summary.behind) == (5, 0, 0, 0)
    assert summary.counts["score"] == Counter({State.DONE: 5})
    assert summary.exit_code == 0
    assert reporter.lines == ["resume"]
    assert reporter.ended
    assert status_of(screen) == "finished"
    rows = Catalog(screen.catalog_path).sql("from runs").to_pylist()
    assert [(row["run_id"], row["status"]) for row in rows] == [("run", "finished")]
    keys = Catalog(screen.catalog_path).sql("select task_key from tasks").column(0).to_pylist()
    assert sorted(keys) == sorted(task.key for task in tasks)


def test_second_run_executes_nothing(tmp_path):
    screen, tasks = toy_screen(tmp_path), [task(f"t{n}") for n in range(3)]
    inline(screen, tasks)
    summary = inline(screen, tasks, run_id="again")
    assert (summary.executed, summary.cached) == (0, 3)
    assert len(list((screen.store.root / "traces").iterdir())) == 3


def test_records_that_a_killed_run_left_out_enter_the_catalog(tmp_path):
    screen, left = toy_screen(tmp_path), task("left")
    publish(screen.store, left, attempt("killed", 2))
    lost = attempt("killed", 1, Failure(FailureKind.NODE_LOST, "gone"))
    screen.store.add_failed_attempt(left.key, "score", "left", lost)
    inline(screen, [left])
    catalog = Catalog(screen.catalog_path)
    assert catalog.sql("select task_key from tasks").num_rows == 1
    statuses = catalog.sql("select status from attempts order by attempt").column(0).to_pylist()
    assert statuses == ["failed", "ok"]


def test_lost_attempts_are_repeated_and_kept(tmp_path):
    screen = toy_screen(tmp_path)
    script = {1: FailureKind.NODE_LOST, 2: FailureKind.PREEMPTED, 3: FailureKind.WORKER_LOST, 4: None}
    summary, executor = drive(screen, [task("a")], lambda task, number: script[number])
    assert [entry[1] for entry in executor.log] == [1, 2, 3, 4]
    assert summary.counts["score"] == Counter({State.DONE: 1})
    kept = [record.attempts[0] for record in screen.store.failed_attempts()]
    assert [(trial.attempt, trial.status, trial.failure) for trial in kept] == [
        (1, "failed", "node_lost"),
        (2, "preempted", "preempted"),
        (3, "failed", "worker_lost"),
    ]
    assert {trial.wall_s for trial in kept} == {1.0}
    rows = Catalog(screen.catalog_path).sql("select attempt, failure from attempts order by attempt").to_pylist()
    assert [row["failure"] for row in rows if row["failure"]] == ["node_lost", "preempted", "worker_lost"]


def test_task_that_ends_three_workers_is_recorded_as_poison(tmp_path):
    screen, bad, good = toy_screen(tmp_path), task("bad"), task("good")
    reporter = Recorder()
    summary, executor = drive(
        screen,
        [bad, good],
        lambda task, number: FailureKind.WORKER_LOST if task.subject == "bad" else None,
        reporter=reporter,
    )
    assert [entry[1] for entry in executor.log if entry[0] == "bad"] == [1, 2, 3]
    record = screen.store.get(bad.key)
    assert record is not None
    assert not record.ok
    assert record.outputs["failure"]["kind"] == "poison"
    assert summary.counts["score"] == Counter({State.DONE: 1, State.FAILED: 1})
    assert status_of(screen) == "finished_with_failures"
    assert any("score bad: 3 attempts failed" in line for line in reporter.lines)
    again, executor = drive(screen, [bad, good], lambda task, number: None, run_id="again")
    assert executor.log == []
    assert again.failed == 1


def test_failure_of_the_machine_leaves_no_record_and_is_tried_by_the_next_run(tmp_path):
    screen, slow = toy_screen(tmp_path), task("slow")
    summary, executor = drive(screen, [slow], lambda task, number: FailureKind.TIMEOUT)
    assert len(executor.log) == 2
    assert summary.failed == 1
    assert screen.store.get(slow.key) is None
    again, _ = drive(screen, [slow], lambda task, number: None, run_id="again")
    assert (again.executed, again.failed) == (1, 0)


def test_memory_is_doubled_until_no_machine_has_it(tmp_path):
    screen = toy_screen(tmp_path, {"score": ResourceOverride(memory_gib=3)})
    reporter = Recorder()
    summary, executor = drive(
        screen,
        [task("big")],
        lambda task, number: FailureKind.OUT_OF_MEMORY,
        reporter=reporter,
        largest_memory_gib=8,
    )
    assert [entry[3] for entry in executor.log] == [3, 6]
    assert summary.failed == 1
    assert any("for more: too big" in line for line in reporter.lines)


def test_input_output_errors_back_off(tmp_path, no_catalog):
    random.seed(7)
    screen = toy_screen(tmp_path)
    _, executor = drive(screen, [task("a")], lambda task, number: FailureKind.IO if number < 5 else None, seconds=0.0)
    starts = [entry[2] for entry in executor.log]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(pauses) == 4
    for pause, middle in zip(pauses, (1, 2, 4, 8), strict=True):
        assert 0.5 * middle <= pause <= 1.5 * middle + 0.1


def test_worker_that_dies_after_publishing_has_done_its_task(tmp_path):
    screen, done = toy_screen(tmp_path), task("a")

    def script(task, number):
        publish(screen.store, task, attempt("run", number))
        return FailureKind.WORKER_LOST

    summary, executor = drive(screen, [done], script)
    assert len(executor.log) == 1
    assert summary.counts["score"] == Counter({State.DONE: 1})
    assert list(screen.store.failed_attempts()) == []


def test_impossible_request_ends_the_run_at_once_with_a_cure(tmp_path):
    screen = toy_screen(tmp_path, {"score": ResourceOverride(gpus=2)})
    reporter = Recorder()
    with pytest.raises(InvalidInput, match="stage score cannot run here: too big") as caught:
        drive(screen, [task("a")], lambda task, number: None, reporter=reporter)
    assert "[resources.score]" in caught.value.__notes__[0]
    assert status_of(screen) == "interrupted"
    assert reporter.ended


def test_broken_stage_is_paused_and_others_go_on(tmp_path, no_catalog):
    screen = toy_screen(tmp_path)
    tasks = [task(f"s{n}") for n in range(100)] + [task(f"m{n}", "structure") for n in range(10)]
    reporter = Recorder()
    summary, executor = drive(
        screen,
        tasks,
        lambda task, number: FailureKind.DEVICE_ERROR if task.stage == "score" else None,
        reporter=reporter,
    )
    scores = [entry for entry in executor.log if entry[0].startswith("s")]
    assert 50 <= len(scores) < 60
    assert summary.counts["structure"] == Counter({State.DONE: 10})
    assert summary.counts["score"][State.READY] >= 30
    assert set(summary.paused) == {"score"}
    assert summary.exit_code == 3
    assert any("paused" in line and "device_error as scripted" in line for line in reporter.lines)


def test_cluster_that_lost_its_machines_is_waited_for(tmp_path, no_catalog):
    class Shrinking(ScriptedExecutor):
        def has_room(self, task, resources: Resources) -> bool:
            return not 2 <= self.clock.now < 8 and super().has_room(task, resources)

    screen, reporter, clock = toy_screen(tmp_path), Recorder(), FakeTime()
    executor = Shrinking(screen.store, clock, lambda task, number: None, slots=1)
    tasks = [task(f"t{n}") for n in range(4)]
    summary = driver.run(screen, tasks, executor, run_id="run", resume_command="", reporter=reporter, clock=clock)
    assert summary.counts["score"] == Counter({State.DONE: 4})
    assert [entry[2] >= 8 for entry in executor.log] == [False, False, True, True]
    assert sum("no machine has room for score" in line for line in reporter.lines) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_stops_the_run_and_keeps_what_is_done(tmp_path, number, code):
    screen, reporter = toy_screen(tmp_path), Recorder()
    tasks = [task(f"t{n}", do="sleep", seconds=0.2) for n in range(50)]
    inline(screen, [])
    reporter.at_update = lambda: os.kill(os.getpid(), number)
    before = signal.getsignal(number)
    start = time.monotonic()
    summary = inline(screen, tasks, reporter=reporter)
    assert time.monotonic() - start < 3
    assert (summary.stopped_by, summary.exit_code) == (number, code)
    assert 1 <= summary.executed < 10
    assert status_of(screen) == "interrupted"
    assert reporter.lines[-1] == "stopped; to go on: resume"
    assert signal.getsignal(number) is before
    assert Catalog(screen.catalog_path).sql("select task_key from tasks").num_rows == summary.executed
    again = inline(screen, tasks[:10], run_id="again")
    assert (again.cached, again.executed) == (summary.executed, 10 - summary.executed)


def test_catalog_held_by_another_program_is_late_and_complete(tmp_path, monkeypatch):
    monkeypatch.setattr("screening.cluster.feed.INTERVAL_S", 0.05)
    monkeypatch.setattr("catalog.connection.WRITE_PATIENCE_S", 0.1)
    monkeypatch.setattr(driver, "FEED_S", 0.05)
    screen, reporter = toy_screen(tmp_path), Recorder()
    inline(screen, [task("first")])
    # A lock counts between processes, so the reader is one.
    code = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); time.sleep(2)"
    )
    reader = subprocess.Popen([sys.executable, "-c", code, str(screen.catalog_path)], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    reader.stdout.readline()
    try:
        tasks = [task(f"t{n}", do="sleep", seconds=0.1) for n in range(10)]
        summary = inline(screen, tasks, reporter=reporter, run_id="again")
    finally:
        reader.kill()
        reader.wait()
    assert summary.behind == 0
    assert sum("the catalog is late" in line for line in reporter.lines) == 1
    assert Catalog(screen.catalog_path).sql("from tasks").num_rows == 11


def test_unusable_catalog_does_not_stop_a_screen(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "FLUSH_PATIENCE_S", 0.5)
    screen, reporter = toy_screen(tmp_path), Recorder()
    screen.catalog_path.write_bytes(b"no database" * 1000)
    summary = inline(screen, [task("a")], reporter=reporter)
    assert summary.executed == 1
    assert summary.behind == 2  # the task and the run
    assert any("rebuild" in line or "late" in line for line in reporter.lines)


def test_full_disk_for_lost_attempts_is_told_and_survived(tmp_path, monkeypatch, no_catalog):
    screen, reporter = toy_screen(tmp_path), Recorder()
    full = [True]
    write = type(screen.store).add_failed_attempt

    def add(store, *arguments):
        if full[0]:
            full[0] = False
            raise OSError(28, "No space left on device")
        write(store, *arguments)

    monkeypatch.setattr(type(screen.store), "add_failed_attempt", add)
    summary, _ = drive(
        screen, [task("a")], lambda task, number: FailureKind.IO if number == 1 else None, reporter=reporter, seconds=5
    )
    assert summary.counts["score"] == Counter({State.DONE: 1})
    assert len(list(screen.store.failed_attempts())) == 1
    assert any("No space left" in line for line in reporter.lines)


def test_old_temporaries_go_and_young_ones_stay(tmp_path):
    screen = toy_screen(tmp_path)
    folder = screen.store.root / "objects" / "ab"
    folder.mkdir(parents=True)
    old, young, other = folder / ".tmp-old", folder / ".tmp-young", folder / "abc.pdb"
    for path in (old, young, other):
        path.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    os.utime(other, (time.time() - 4000,) * 2)
    inline(screen, [])
    assert not old.exists()
    assert young.exists()
    assert other.exists()


class Killed(BaseException):
    """Stands for the death of the driver."""


@pytest.mark.parametrize("death", range(1, 12, 2))
def test_driver_killed_between_attempts_loses_nothing(tmp_path, death, no_catalog):
    screen, tasks = toy_screen(tmp_path), [task(f"t{n}") for n in range(6)]
    ran: Counter[str] = Counter()
    calls = [0]

    class Fragile(ScriptedExecutor):
        def submit(self, task, resources: Resources, attempt: int) -> None:
            calls[0] += 1
            if calls[0] == death:
                raise Killed
            super().submit(task, resources, attempt)

        def wait(self, timeout_s: float) -> list[Ended]:
            calls[0] += 1
            ended = super().wait(timeout_s)
            ran.update(entry.task.subject for entry in ended)
            if calls[0] == death:
                raise Killed
            return ended

    clock = FakeTime()
    executor = Fragile(screen.store, clock, lambda task, number: None)
    with pytest.raises(Killed):
        driver.run(screen, tasks, executor, run_id="r1", resume_command="", reporter=Recorder(), clock=clock)
    assert status_of(screen, "r1") == "interrupted"
    summary, _ = drive(screen, tasks, lambda task, number: None, run_id="r2")
    assert summary.cached == len(ran)
    assert summary.executed == 6 - len(ran)
    third, _ = drive(screen, tasks, lambda task, number: None, run_id="r3")
    assert (third.executed, third.cached) == (0, 6)


@pytest.mark.parametrize("seed", range(60))
def test_simulated_faults_end_in_a_known_state(tmp_path, seed, no_catalog):
    """Invariant of all schedules: healthy tasks have a result, poison is recorded, and a repetition runs neither."""
    chance = random.Random(seed)
    screen = toy_screen(tmp_path)
    tasks = [task(f"t{n}", chance.choice(["structure", "score", "md"])) for n in range(12)]
    poison = {chance.choice(tasks).key}
    faults = {t.key: [chance.choice([*LOSSES, None, None]) for _ in range(2)] for t in tasks}

    def script(task, number):
        if task.key in poison:
            return FailureKind.WORKER_LOST
        # No kind twice, so that no ladder comes to its end.
        past = faults[task.key][:number]
        kind = past[number - 1] if number <= len(past) else None
        return kind if kind is None or past.count(kind) == 1 else None

    summary, executor = drive(screen, tasks, script, slots=chance.randint(1, 6))
    totals = sum(summary.counts.values(), Counter())
    assert totals == Counter({State.DONE: len(tasks) - 1, State.FAILED: 1})
    assert summary.executed == len(executor.log)
    for one in tasks:
        record = screen.store.get(one.key)
        assert record is not None
        assert record.ok == (one.key not in poison)
    lost = summary.executed - (len(tasks) - 1)
    assert len(list(screen.store.failed_attempts())) == lost
    _, executor = drive(screen, tasks, script, run_id="again")
    assert executor.log == []


def test_runs_in_a_thread_without_signal_handlers(tmp_path):
    screen = toy_screen(tmp_path)
    results: list[Summary] = []
    thread = threading.Thread(target=lambda: results.append(inline(screen, [task("a")])))
    thread.start()
    thread.join()
    assert results[0].executed == 1


def test_readers_can_ask_between_batches(tmp_path):
    screen = toy_screen(tmp_path)
    inline(screen, [task("a")])
    with duckdb.connect(str(screen.catalog_path), read_only=True) as connection:
        assert connection.execute("select count(*) from tasks").fetchall() == [(1,)]
