"""Hours of trajectories in a plan: learned from the store, measured here, or refused with the command that measures."""

from dataclasses import replace
from pathlib import Path

import pytest

from catalog.record import Record
from md.cost import default_file, find, load
from md.machine import this_machine
from md.settings import MdSettings
from screening.dynamics_cost import THIS_STORE, calibrate_tasks, finished_runs, md_seconds
from screening.plan import plan_of_tasks
from screening.screen import Screen
from screening.settings import ScreenSettings

PAIR = Path(__file__).parents[1] / "md" / "capped_pair.pdb"
STRUCTURE = "ab" * 32


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    screen = Screen(ScreenSettings.model_validate({}), tmp_path, {})
    lines = [line for line in PAIR.read_text().splitlines() if line.startswith(("ATOM", "TER"))]
    (tmp_path / "s.pdb").write_text("\n".join([*lines, "END", ""]))
    side = {"accession": "P11111", "start": 101, "end": 110, "protein_length": 300}
    outputs = {"a": side, "b": side, "chains": ["A", "B"], "swapped": False, "has_plddt": False}
    files = (screen.store.put(tmp_path / "s.pdb", "structure", "chemical/x-pdb"),)
    screen.store.publish(Record(STRUCTURE, "structure", 1, "pair", "ok", {}, {}, {}, outputs, artifacts=files))
    return screen


def trajectory(world: Screen, ns: float = 0.01):
    protocol = world.settings.md.protocol.model_copy(update={"production_ps": 1000.0 * ns})
    settings = world.settings.md.model_copy(update={"protocol": protocol})
    task = world.task(
        "md", f"{ns}", inputs={"system": "complex", "replica": 1, "ns": ns}, upstream={"structure": STRUCTURE}
    )
    return replace(task, settings=settings)


def finished(key: str, ns_per_day: float | None, n_atoms: int = 300) -> Record:
    row = {
        "task_key": key, "platform": "CPU", "force_field": "ff14sb-obc2", "timestep_fs": 4.0, "completed_ns": 2.0,
        "ns_per_day": ns_per_day, "n_atoms": n_atoms,
    }  # fmt: skip
    provenance = {"software": {"openmm": "8.6.1"}}
    done = "2999-01-01T00:00:00+00:00"
    return Record(key, "md", 1, "x", "ok", {}, {}, {}, {}, {"md_runs": [row]}, provenance=provenance, finished_at=done)


def test_without_a_measurement_the_plan_refuses_and_names_the_cure(world: Screen):
    planned = plan_of_tasks(world, [trajectory(world)])
    stage = next(stage for stage in planned.stages if stage.stage == "md")
    assert (stage.to_run, stage.measured) == (1, False)
    assert "never measured" in planned.notes[0] and "[uncalibrated]" in planned.notes[0]
    assert "--calibrate" in planned.notes[1]
    assert plan_of_tasks(world, []).notes == ()


def test_hours_follow_the_length_asked_for(world: Screen):
    world.store.publish(finished("cd" * 32, 86.4))
    short, long = trajectory(world, 0.01), trajectory(world, 10.0)
    # 86.4 ns a day at 4 fs are 4 ms a step for 300 particles; the 318 of this pair take 318/300 of that.
    heavy = sum(line.startswith("ATOM") and line[76:78].strip() != "H" for line in PAIR.read_text().splitlines())
    steps = (2.0 + 10_000.0) * 1000.0 / 4.0
    assert md_seconds(world, [long]) == pytest.approx(steps * 0.004 * 2 * heavy / 300, rel=1e-6)
    assert md_seconds(world, [short, long]) < md_seconds(world, [long])
    planned = plan_of_tasks(world, [long])
    stage = next(stage for stage in planned.stages if stage.stage == "md")
    assert stage.measured and planned.notes == ()
    assert stage.cpu_hours == pytest.approx(md_seconds(world, [long]) / 3600.0)


def test_finished_runs_by_hand():
    failed = replace(finished("ef" * 32, 10.0), status="failed")
    other = replace(finished("01" * 32, 10.0), stage="md_analysis")
    (run,) = finished_runs([finished("cd" * 32, 86.4), finished("02" * 32, None), failed, other])
    assert (run.n_particles, run.steps) == (300, 500_000)
    assert run.seconds == pytest.approx(2000.0)
    assert (run.machine.device, run.machine.platform, run.machine.openmm) == (THIS_STORE, "CPU", "8.6.1")


def test_calibration_measures_once_for_each_size(world: Screen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("md.calibration.CALIBRATION_STEPS", 20)
    said: list[str] = []
    assert calibrate_tasks(world, [trajectory(world, 0.01), trajectory(world, 0.02)], said.append) == 1
    assert "ms a step" in said[0] and "ff14sb-obc2 on CPU" in said[0]
    (kept,) = load(default_file())
    machine = this_machine(MdSettings.smoke())
    assert find([kept], machine, "ff14sb-obc2", kept.n_particles) == kept
    assert md_seconds(world, [trajectory(world)]) > 0.0
