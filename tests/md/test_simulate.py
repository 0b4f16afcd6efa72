"""Whole runs of small helices: the end, the resumption, the failures."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.errors import DamagedCheckpoint, InvalidStructure, Unstable
from md.settings import MdSettings
from md.simulate import run


class Killed(BaseException):
    pass


@pytest.fixture
def settings() -> MdSettings:
    return MdSettings(
        timestep_fs=4.0,
        heavy_hydrogens=True,
        minimise_iterations=100,
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
    settings = MdSettings(
        force_field="ff14sb-tip3p",
        timestep_fs=4.0,
        heavy_hydrogens=True,
        minimise_iterations=10,
        equilibration_ps=0.1,
        production_ps=0.2,
        checkpoint_interval_ps=0.2,
        frame_interval_ps=0.1,
        platform="CPU",
    )
    result = run(build(A=(11, "AKA")), settings, tmp_path / "run")
    assert result.n_solute < 70 < 1500 < result.n_atoms
    from md.analysis import analyse

    assert [row.residue for row in analyse(result.topology, result.trajectory).residues] == [11, 12, 13]
    log = json.loads((tmp_path / "run" / "segment_0001" / "log.json").read_text())
    assert max(log["potential_kj_mol"]) < -8000.0
