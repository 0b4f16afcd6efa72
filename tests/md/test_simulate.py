"""Whole runs of small helices: the end, the resumption, the failures."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.checkpoint import seal, verify
from md.errors import DamagedCheckpoint, DiskFull, InvalidStructure, NotEquilibrated, Unstable
from md.settings import MdSettings
from md.simulate import run

ROOT = Path(__file__).resolve().parents[2]


class Killed(BaseException):
    pass


@pytest.fixture
def settings() -> MdSettings:
    return MdSettings(
        force_field="ff14sb-obc2",
        timestep_fs=4.0,
        heavy_hydrogens=True,
        minimise_iterations=100,
        quality_gate="report",
        equilibration_ps=0.8,
        production_ps=2.4,
        checkpoint_interval_ps=0.8,
        frame_interval_ps=0.2,
        platform="CPU",
        seed=5,
    )


@pytest.fixture
def pair(build: Callable[..., Path]) -> Path:
    return build(spacing_nm=1.0, A=(11, "GLEKWA"), B=(200, "KKAE"))


def kill_after(fs: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done > fs:
            raise Killed

    return progress


def test_a_run_from_file_to_trajectory(pair: Path, settings: MdSettings, tmp_path: Path):
    import mdtraj

    told: list[tuple[int, int]] = []
    result = run(pair, settings, tmp_path / "run", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3200, 3200)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    trajectory = mdtraj.load(str(result.trajectory), top=str(result.topology))
    assert trajectory.n_frames == result.n_frames == 12
    np.testing.assert_allclose(trajectory.time, np.arange(1, 13) * 0.2, atol=1e-5)
    residues = [(r.chain.chain_id, r.resSeq, r.name) for r in trajectory.topology.residues]
    assert residues[:2] == [("A", 10, "ACE"), ("A", 11, "GLY")]
    assert residues[-2:] == [("B", 203, "GLU"), ("B", 204, "NME")]
    assert trajectory.n_atoms == result.n_atoms == result.n_solute
    assert result.completed_ps == pytest.approx(2.4)
    assert result.platform == "CPU"
    assert result.ns_per_day > 0.0
    assert result.retries == ()
    assert "not evidence on disordered regions" in result.evidence
    assert result.minimised_rmsd_nm < 0.1
    assert {finding.code for finding in result.findings} >= {"minimised_force", "temperature", "restrained_rmsd"}
    assert result.notes[-1].startswith(f"kept of each frame: {result.n_solute} of {result.n_atoms} particles")
    assert result.trajectory_bytes == result.trajectory.stat().st_size
    shown = mdtraj.load(str(result.preview), top=str(result.topology))
    assert shown.n_frames == result.n_preview == 12
    assert len(result.potential_kj_mol) == 12
    assert max(result.potential_kj_mol) < 0.0
    # The bonds that constraints hold are as long in the last frame as they should be.
    bonds = [(a.index, b.index) for a, b in trajectory.topology.bonds if {a.name, b.name} == {"N", "H"}]
    lengths = mdtraj.compute_distances(trajectory, bonds, periodic=False)
    np.testing.assert_allclose(lengths, 0.101, atol=2e-3)


def test_kill_and_resume_end_in_the_same_bits(pair: Path, settings: MdSettings, tmp_path: Path):
    whole = run(pair, settings, tmp_path / "whole")
    for fs in (400, 1400, 2200):  # in equilibration, in segment 1, in segment 2
        with pytest.raises(Killed):
            run(pair, settings, tmp_path / "killed", progress=kill_after(fs))
    sealed = tmp_path / "killed" / "segment_0001"
    stamp = (sealed / "state.xml").stat().st_mtime_ns
    resumed = run(pair, settings, tmp_path / "killed")
    assert (sealed / "state.xml").stat().st_mtime_ns == stamp
    assert resumed.state.read_bytes() == whole.state.read_bytes()
    assert resumed.trajectory.read_bytes() == whole.trajectory.read_bytes()
    assert resumed.topology.read_bytes() == whole.topology.read_bytes()
    assert resumed.potential_kj_mol == whole.potential_kj_mol
    assert not list((tmp_path / "killed").glob("*.tmp"))


SCRIPT = """
import sys
from pathlib import Path
from md.settings import MdSettings
from md.simulate import run
structure, settings, workdir = sys.argv[1:]
run(Path(structure), MdSettings.model_validate_json(settings), Path(workdir), chains=["B"])
"""


def in_a_process(structure: Path, settings: MdSettings, workdir: Path, **options) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(structure), settings.model_dump_json(), str(workdir)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)


def test_kill_9_and_resume_end_in_the_same_bits(pair: Path, settings: MdSettings, tmp_path: Path):
    long = settings.model_copy(update={"production_ps": 12.0, "checkpoint_interval_ps": 4.0})
    process = in_a_process(pair, long, tmp_path / "killed")
    deadline = time.monotonic() + 120.0
    while not (tmp_path / "killed" / "segment_0002.tmp").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert left == ["run.json", "segment_0001", "segment_0002.tmp", "start"]
    resumed = run(pair, long, tmp_path / "killed", chains=["B"])
    whole = run(pair, long, tmp_path / "whole", chains=["B"])
    assert resumed.state.read_bytes() == whole.state.read_bytes()
    assert resumed.trajectory.read_bytes() == whole.trajectory.read_bytes()


def test_a_longer_run_goes_on_from_a_shorter_one_and_ends_in_the_same_bits(
    pair: Path, settings: MdSettings, tmp_path: Path
):
    whole = run(pair, settings, tmp_path / "whole", chains=["B"])
    short = run(pair, settings.model_copy(update={"production_ps": 0.8}), tmp_path / "run", chains=["B"])
    assert short.n_frames == 4
    stamp = (tmp_path / "run" / "segment_0001" / "state.xml").stat().st_mtime_ns
    extended = run(pair, settings, tmp_path / "run", chains=["B"])
    assert (tmp_path / "run" / "segment_0001" / "state.xml").stat().st_mtime_ns == stamp
    assert extended.completed_ps == pytest.approx(2.4)
    assert extended.state.read_bytes() == whole.state.read_bytes()
    assert extended.trajectory.read_bytes() == whole.trajectory.read_bytes()


def test_a_long_trajectory_has_a_preview_of_fifty_frames(pair: Path, settings: MdSettings, tmp_path: Path):
    import mdtraj

    dense = settings.model_copy(update={"frame_interval_ps": 0.02})
    result = run(pair, dense, tmp_path / "run", chains=["B"])
    assert (result.n_frames, result.n_preview) == (120, 50)
    whole, shown = (mdtraj.load(str(p), top=str(result.topology)) for p in (result.trajectory, result.preview))
    assert shown.time[0] == whole.time[0] and shown.time[-1] == whole.time[-1]
    gaps = np.diff(shown.time)
    assert gaps.max() - gaps.min() < 0.021


def test_a_segment_of_another_run_is_found_out(pair: Path, settings: MdSettings, tmp_path: Path):
    short = settings.model_copy(update={"production_ps": 1.6})
    run(pair, short, tmp_path / "run", chains=["B"])
    run(pair, short.model_copy(update={"seed": 6}), tmp_path / "other", chains=["B"])
    shutil.rmtree(tmp_path / "run" / "segment_0002")
    shutil.copytree(tmp_path / "other" / "segment_0002", tmp_path / "run" / "segment_0002")
    with pytest.raises(DamagedCheckpoint, match=r"segment_0002: it began from another State") as caught:
        run(pair, short, tmp_path / "run", chains=["B"])
    assert caught.value.code == "foreign_segment"


def test_a_trajectory_with_other_frames_is_found_out_even_if_it_is_sealed(
    pair: Path, settings: MdSettings, tmp_path: Path
):
    short = settings.model_copy(update={"production_ps": 0.8})
    run(pair, short, tmp_path / "run", chains=["B"])
    segment = tmp_path / "run" / "segment_0001"
    file = segment / "trajectory.xtc"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(DamagedCheckpoint, match=r"trajectory\.xtc: \d+ bytes"):
        run(pair, short, tmp_path / "run", chains=["B"])
    (segment / "seal.json").unlink()
    seal(segment.rename(segment.with_name("segment_0001.tmp")))
    verify(segment)
    with pytest.raises(DamagedCheckpoint) as caught:
        run(pair, short, tmp_path / "run", chains=["B"])
    assert caught.value.code == "trajectory"


def test_a_full_disk_loses_nothing_that_was_sealed(pair: Path, settings: MdSettings, tmp_path: Path):
    """A limit on the size of files stands in for the disk: whole segments stay, and the run goes on with more room."""
    big = settings.model_copy(update={"production_ps": 1.6, "checkpoint_interval_ps": 1.6, "frame_interval_ps": 0.004})
    fine = settings.model_copy(update={"production_ps": 0.8})
    start = run(pair, fine, tmp_path / "sizes", chains=["B"])
    limit = 2 * start.state.stat().st_size

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = in_a_process(pair, big, tmp_path / "run", preexec_fn=small_disk)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "DiskFull" in errors and "[disk_full]" in errors and "make room" in errors
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["run.json", "start"]
    assert run(pair, big, tmp_path / "run", chains=["B"]).n_frames == 400


def test_no_room_is_said_before_anything_is_run(
    pair: Path, settings: MdSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil._ntuple_diskusage(2**30, 2**30, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"0 MiB free, \d+ needed \(about \d+ atoms"):
        run(pair, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_not_equilibrated_does_not_start_production(pair: Path, settings: MdSettings, tmp_path: Path):
    strict = settings.model_copy(update={"quality_gate": "fail", "minimise_iterations": 4})
    with pytest.raises(NotEquilibrated, match=r"largest force after minimisation \d+, limit 1000") as caught:
        run(pair, strict, tmp_path / "run", chains=["B"])
    assert caught.value.code == "minimised_force"
    assert not (tmp_path / "run" / "start").exists()


def test_replicas_and_seeds_differ_and_segments_do_not_repeat(pair: Path, settings: MdSettings, tmp_path: Path):
    two = settings.model_copy(update={"replicas": 2, "production_ps": 0.8})
    a, b = (run(pair, two, tmp_path / str(r), replica=r, chains=["B"]) for r in (1, 2))
    assert a.topology.read_bytes() == b.topology.read_bytes()
    assert a.state.read_bytes() != b.state.read_bytes()


def test_a_truncated_state_is_refused_and_what_came_before_is_kept(pair: Path, settings: MdSettings, tmp_path: Path):
    short = settings.model_copy(update={"production_ps": 1.6})
    expected = run(pair, short, tmp_path / "run", chains=["B"]).state.read_bytes()
    state = tmp_path / "run" / "segment_0001" / "state.xml"
    os.truncate(state, state.stat().st_size // 2)
    with pytest.raises(DamagedCheckpoint, match=r"state\.xml") as caught:
        run(pair, short, tmp_path / "run", chains=["B"])
    assert "segment_0001" in caught.value.__notes__[0]
    for number in (1, 2):  # the cure
        shutil.rmtree(tmp_path / "run" / f"segment_000{number}")
    assert run(pair, short, tmp_path / "run", chains=["B"]).state.read_bytes() == expected


def test_a_folder_of_another_run_is_refused_and_left_alone(pair: Path, settings: MdSettings, tmp_path: Path):
    short = settings.model_copy(update={"production_ps": 0.8})
    first = run(pair, short, tmp_path / "run", chains=["B"])
    before = first.state.read_bytes()
    with pytest.raises(DamagedCheckpoint, match="holds a run of another"):
        run(pair, short.model_copy(update={"seed": 6}), tmp_path / "run", chains=["B"])
    assert first.state.read_bytes() == before


def test_a_step_that_is_too_long_is_halved_and_the_record_says_so(pair: Path, settings: MdSettings, tmp_path: Path):
    # model_copy does not validate, which is how a protocol that must blow up is made.
    hot = settings.model_copy(update={"timestep_fs": 20.0, "retries": 3, "production_ps": 0.8, "equilibration_ps": 0.8})
    result = run(pair, hot, tmp_path / "run", chains=["B"])
    assert result.retries[0].phase == "equilibration"
    assert result.retries[0].timestep_fs == 20.0
    assert {retry.phase for retry in result.retries} <= {"equilibration", "segment 1"}
    assert "largest forces there" in result.retries[0].reason
    assert result.n_frames == 4
    assert max(result.potential_kj_mol) < 0.0


def test_retries_are_bounded_and_the_failure_names_atoms(pair: Path, settings: MdSettings, tmp_path: Path):
    hopeless = settings.model_copy(update={"timestep_fs": 100.0, "retries": 1})
    with pytest.raises(Unstable, match=r"unstable with steps of 100, 50 fs; last sound at .* ps; .*B:\w+2\d\d \w+ \d+"):
        run(pair, hopeless, tmp_path / "run", chains=["B"])
    assert not (tmp_path / "run" / "start").exists()


def test_a_refused_structure_leaves_nothing(pair: Path, settings: MdSettings, tmp_path: Path):
    lines = [x for x in pair.read_text().splitlines() if " A  13 " not in x]
    pair.write_text("\n".join(lines) + "\n")
    with pytest.raises(InvalidStructure, match="breaks between"):
        run(pair, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InvalidStructure, match="No such file"):
        run(tmp_path / "absent.pdb", settings, tmp_path / "run")


def test_explicit_water_under_pressure(build: Callable[..., Path], tmp_path: Path):
    settings = MdSettings.fast().model_copy(
        update={
            "minimise_iterations": 20,
            "equilibration_ps": 0.16,
            "production_ps": 0.2,
            "checkpoint_interval_ps": 0.2,
            "frame_interval_ps": 0.1,
            "quality_gate": "report",
            "platform": "CPU",
        }
    )
    result = run(build(A=(11, "A")), settings, tmp_path / "run")
    assert result.n_solute < 30 < 1000 < result.n_atoms
    from md.analysis import analyse

    assert [row.residue for row in analyse(result.topology, result.trajectory).residues] == [11]
    assert {finding.code for finding in result.findings} >= {"density", "density_drift", "energy_drift"}
    assert "complexes may come apart" in result.evidence
    log = json.loads((tmp_path / "run" / "segment_0001" / "log.json").read_text())
    assert max(log["potential_kj_mol"]) < -8000.0
