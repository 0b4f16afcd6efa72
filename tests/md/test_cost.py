"""Costs: found, refused, learned and kept."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from md.calibration import Calibration
from md.cost import FinishedRun, default_file, find, keep, learn, load, seconds, size_class
from md.errors import NotCalibrated
from md.machine import Machine
from md.settings import MdSettings

GPU = Machine("NVIDIA H100", "CUDA", "mixed", 1, "8.6.1")
TODAY = date(2026, 6, 1)
MEASURED = Calibration(GPU, "a99sb-disp", 50_000, 2e-8, 2000, "2026-05-01")


def test_hours_of_a_run_by_hand():
    # 100.2 ns at 2 fs are 50.1 million steps; 40,000 particles at 20 ns each: 0.8 ms a step, 11.1 hours.
    assert seconds(MEASURED, 40_000, MdSettings()) == pytest.approx(50.1e6 * 0.8e-3)
    assert seconds(MEASURED, 40_000, MdSettings.fast()) == pytest.approx(50.1e6 * 0.4e-3)


def test_the_latest_that_fits_is_found():
    older = replace(MEASURED, seconds_per_particle_step=9e-8, date="2026-01-05")
    other = replace(MEASURED, machine=replace(GPU, device="NVIDIA L40S"), date="2026-05-30")
    assert find([older, MEASURED, other], GPU, "a99sb-disp", 60_000, today=TODAY) == MEASURED
    assert [size_class(n) for n in (1, 2, 3, 4, 32_767, 32_768, 65_535)] == [0, 1, 1, 2, 14, 15, 15]


@pytest.mark.parametrize(
    ("machine", "force_field", "n_particles"),
    [
        (GPU, "a99sb-disp", 90_000),
        (GPU, "ff19sb-opc", 50_000),
        (replace(GPU, device="NVIDIA L40S"), "a99sb-disp", 50_000),
        (replace(GPU, platform="OpenCL"), "a99sb-disp", 50_000),
        (replace(GPU, precision="single"), "a99sb-disp", 50_000),
        (replace(GPU, threads=2), "a99sb-disp", 50_000),
    ],
)
def test_what_was_not_measured_is_refused(machine: Machine, force_field: str, n_particles: int):
    with pytest.raises(NotCalibrated, match=r"never measured.*\[uncalibrated\]") as refused:
        find([MEASURED], machine, force_field, n_particles, today=TODAY)
    assert "--calibrate" in refused.value.__notes__[0]


def test_what_is_stale_is_refused():
    with pytest.raises(NotCalibrated, match=r"with OpenMM 8.6.1, this is 9.0.*\[stale_calibration\]"):
        find([MEASURED], replace(GPU, openmm="9.0"), "a99sb-disp", 50_000, today=TODAY)
    assert find([MEASURED], GPU, "a99sb-disp", 50_000, today=date(2026, 10, 28)) == MEASURED
    with pytest.raises(NotCalibrated, match=r"181 days ago, more than 180.*\[stale_calibration\]"):
        find([MEASURED], GPU, "a99sb-disp", 50_000, today=date(2026, 10, 29))


def test_finished_runs_teach():
    def run(n_particles: int, seconds_: float, day: str, force_field: str = "a99sb-disp") -> FinishedRun:
        return FinishedRun(GPU, force_field, n_particles, 1000, seconds_, day)

    runs = [
        run(40_000, 40.0, "2026-03-01"),  # 1e-6 per particle and step
        run(50_000, 100.0, "2026-05-01"),  # 2e-6
        run(60_000, 540.0, "2026-04-01"),  # 9e-6: an outlier
        run(90_000, 90.0, "2026-02-01"),
        run(90_000, 90.0, "2026-02-01", "ff19sb-opc"),
        FinishedRun(GPU, "a99sb-disp", 50_000, 0, 0.0, "2026-05-02"),
    ]
    found = learn(runs)
    assert [(each.force_field, size_class(each.n_particles)) for each in found] == [
        ("a99sb-disp", 15), ("a99sb-disp", 16), ("ff19sb-opc", 16),
    ]  # fmt: skip
    assert found[0].seconds_per_particle_step == pytest.approx(2e-6)
    assert (found[0].steps, found[0].date) == (3000, "2026-05-01")
    assert learn([]) == []


def test_measurements_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = default_file()
    assert path.is_relative_to(tmp_path) and load(path) == []
    newer = replace(MEASURED, seconds_per_particle_step=3e-8, date="2026-05-09")
    small = replace(MEASURED, n_particles=900)
    keep(path, [MEASURED])
    keep(path, [newer, small])
    assert load(path) == [newer, small]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9, "calibrations": []}', '{"format": 1, "calibrations": [{}]}'])
def test_a_damaged_file_is_refused_and_left(tmp_path: Path, text: str):
    path = tmp_path / "md_cost.json"
    path.write_text(text)
    with pytest.raises(NotCalibrated, match=r"md_cost\.json.*\[damaged_calibration\]"):
        keep(path, [MEASURED])
    assert path.read_text() == text
