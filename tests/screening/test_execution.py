import json
from dataclasses import replace

import pytest

import screening.execution
from catalog.record import Attempt, Record
from screening.execution import execute
from screening.task import OutputFile, Resources, Result


def one(toy, **crash):
    toy.crash.update(crash)
    task = toy.first()[0]
    return task, execute(task, toy.screen.store.root, "run-1", 1, Resources())


def test_record_says_what_was_asked_and_what_came(toy):
    task, report = one(toy)
    assert report.failure is None
    record = toy.screen.store.get(task.key)
    assert record.ok and record.outputs == {"value": 1} and record.inputs == {"n": 1}
    assert record.attempts == (report.attempt,)
    assert report.attempt.status == "ok" and report.attempt.wall_s >= 0
    assert record.provenance["software"]["numpy"]


def test_permanent_failure_is_the_record(toy, bad_input):
    task, report = one(toy, n1=bad_input)
    record = toy.screen.store.get(task.key)
    assert report.settled and not record.ok
    assert record.outputs["failure"] == {"kind": "invalid_input", "message": "no such number", "cure": "give another"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError("disk"), "io"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm"), "device_error"),
        (RuntimeError("what"), "unexpected"),
    ],
)
def test_other_failures_leave_no_record_but_a_trace(toy, error, kind):
    task, report = one(toy, n1=error)
    assert not report.settled
    assert toy.screen.store.get(task.key) is None
    (kept,) = toy.screen.store.failed_attempts()
    assert kept.key == task.key and kept.attempts[0].failure == kind


def test_nothing_is_left_of_the_working_folder(toy):
    task, _ = one(toy)
    assert not toy.screen.store.workdir(task.key).exists()


def test_large_tables_become_parquet(toy, monkeypatch):
    import pyarrow.parquet as pq

    import screening.execution

    rows = [{"position": i, "plddt": i / 7} for i in range(501)]
    task = toy.first()[0]

    def run(workspace, settings):
        path = workspace.folder / "hello.txt"
        path.write_text("hello")
        return Result({}, {"residues": rows, "segments": rows[:2]}, [OutputFile("text", path, "text/plain")])

    stage = screening.execution.stage_named("atlas")
    monkeypatch.setattr(
        screening.execution, "stage_named", lambda name: type(stage)("atlas", 1, (), stage.resources, run)
    )
    execute(task, toy.screen.store.root, "run-1", 1, Resources())
    record = toy.screen.store.get(task.key)
    assert record.tables == {"segments": rows[:2]}
    assert toy.screen.store.path(record.artifact("text")).read_text() == "hello"
    assert pq.read_table(toy.screen.store.path(record.artifact("table:residues"))).to_pylist() == rows


def test_record_round_trip_and_torn_file(toy):
    task, _ = one(toy)
    path = toy.screen.store.record_path(task.key)
    record = toy.screen.store.get(task.key)
    assert Record.from_bytes(record.to_bytes(), "here") == record
    path.write_bytes(path.read_bytes()[:-20])
    assert toy.screen.store.get(task.key) is None
    assert path.with_suffix(".corrupt").exists()
    assert isinstance(record.attempts[0], Attempt)
    assert json.loads(record.to_bytes())["record_version"] == 1


def test_not_a_number_is_invalid_output(toy, monkeypatch):
    import screening.execution

    stage = screening.execution.stage_named("atlas")
    nan = type(stage)("atlas", 1, (), stage.resources, lambda workspace, settings: Result({"x": float("nan")}))
    monkeypatch.setattr(screening.execution, "stage_named", lambda name: nan)
    _, report = one(toy)
    assert report.failure.kind == "invalid_output"
    assert not toy.screen.store.get(report.key).ok


def test_of_two_runs_at_the_same_task_the_first_record_stays(toy, monkeypatch):
    """The catalog may have read it already; and a task that is done is not begun."""
    task, stage = toy.first()[0], screening.execution.stage_named("atlas")
    path = toy.screen.store.record_path(task.key)
    seen: list[bytes] = []

    def slow(workspace, settings):
        monkeypatch.setattr(screening.execution, "stage_named", lambda name: stage)
        assert execute(task, toy.screen.store.root, "fast", 1, Resources()).attempt.run_id == "fast"
        seen.append(path.read_bytes())
        return stage.run(workspace, settings)

    monkeypatch.setattr(screening.execution, "stage_named", lambda name: replace(stage, run=slow))
    report = execute(task, toy.screen.store.root, "slow", 1, Resources())
    assert report.settled and report.attempt.run_id == "fast" and path.read_bytes() == seen[0]
    assert toy.ran == ["number:n1", "number:n1"] and not list(toy.screen.store.workdir(task.key).parent.iterdir())
    assert execute(task, toy.screen.store.root, "late", 1, Resources()).attempt.run_id == "fast"
    assert len(toy.ran) == 2 and path.read_bytes() == seen[0]
