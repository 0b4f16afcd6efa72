"""What a finished run leaves, and when another length of it may go on from that."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mdtraj
import numpy as np
import pytest

from md import production, simulate
from md.checkpoint import sha256_of
from md.errors import DamagedCheckpoint
from md.extension import Earlier
from md.identity import atoms_sha256
from md.settings import MdSettings
from md.simulate import MdResult, run
from md.structure import read
from md.trajectory import join

PAIR = Path(__file__).with_name("capped_pair.pdb")
FILES = ("topology", "trajectory", "preview", "log", "state")


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def helix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chain B of the pair of peptides, without its caps and hydrogens."""
    path = tmp_path_factory.mktemp("helix") / "b.pdb"
    kept = [
        line
        for line in PAIR.read_text().splitlines()
        if line.startswith("ATOM") and line[21] == "B" and line[17:20] not in ("ACE", "NME")
    ]
    path.write_text("\n".join([*(line for line in kept if line[76:78].strip() != "H"), "TER", "END", ""]))
    return path


def protocol(ps: float, **others: object) -> MdSettings:
    return MdSettings(
        force_field="ff14sb-obc2",
        timestep_fs=4.0,
        heavy_hydrogens=True,
        minimise_iterations=20,
        quality_gate="report",
        equilibration_ps=0.4,
        production_ps=ps,
        checkpoint_interval_ps=0.4,
        frame_interval_ps=0.1,
        platform="CPU",
        **others,  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture(scope="module")
def runs(helix: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[float, MdResult]:
    """The same run at three lengths, each uninterrupted."""
    folder = tmp_path_factory.mktemp("runs")
    return {ps: run(helix, protocol(ps), folder / str(ps)) for ps in (0.4, 0.8, 1.6)}


@pytest.fixture
def segments(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the segments that are simulated from here on."""
    seen: list[int] = []
    real = production.produce

    def counted(system, names, state_xml, number, *others):
        seen.append(number)
        return real(system, names, state_xml, number, *others)

    def refused(*_: object):
        raise AssertionError("it was equilibrated again")

    monkeypatch.setattr(production, "produce", counted)
    monkeypatch.setattr(simulate, "equilibrate", refused)
    return seen


def left_by(result: MdResult) -> Earlier:
    return Earlier("the earlier run", result.log, result.trajectory, result.state, sha256_of(result.log))


def same(a: MdResult, b: MdResult, files: tuple[str, ...] = FILES) -> bool:
    return all(getattr(a, name).read_bytes() == getattr(b, name).read_bytes() for name in files)


def test_only_what_is_new_is_simulated_and_the_bits_are_those_of_one_run(runs, helix, tmp_path, segments):
    longer = run(helix, protocol(1.6), tmp_path / "run", earlier=left_by(runs[0.8]))
    assert segments == [3, 4]
    assert same(longer, runs[1.6])
    assert (longer.taken_from, longer.taken_over_ps, longer.completed_ps) == ("the earlier run", 0.8, 1.6)
    assert (runs[1.6].taken_from, runs[1.6].taken_over_ps) == (None, 0.0)
    for name in (
        "potential_kj_mol",
        "findings",
        "energy_minimised_kj_mol",
        "retries",
        "n_frames",
        "n_atoms",
        "platform",
    ):
        assert getattr(longer, name) == getattr(runs[1.6], name), name
    assert "the first 0.8 ps were simulated by run the earlier run" in longer.notes


def test_a_run_that_was_extended_is_extended_again(runs, helix, tmp_path, segments):
    twice = run(helix, protocol(0.8), tmp_path / "0.8", earlier=left_by(runs[0.4]))
    thrice = run(helix, protocol(1.6), tmp_path / "1.6", earlier=left_by(twice))
    assert segments == [2, 3, 4]
    assert same(thrice, runs[1.6])


def test_a_shorter_run_takes_what_it_needs_of_a_longer_one(runs, helix, tmp_path, segments):
    shorter = run(helix, protocol(0.8), tmp_path / "run", earlier=left_by(runs[1.6]))
    assert segments == []
    assert shorter.state is None
    assert same(shorter, runs[0.8], ("topology", "trajectory", "preview", "log"))
    assert (shorter.n_frames, shorter.ns_per_day, shorter.taken_over_ps) == (8, 0.0, 0.8)
    assert shorter.potential_kj_mol == runs[0.8].potential_kj_mol
    # Its end lies between two States of the longer run, so it is no start for more.
    with pytest.raises(AssertionError, match="equilibrated again"):
        run(helix, protocol(1.6), tmp_path / "longer", earlier=left_by(shorter))


@pytest.mark.parametrize("fs", [1300, 1700])  # in the first new segment, and in the second
def test_killed_in_an_extension_it_goes_on_though_the_earlier_run_is_gone(runs, helix, tmp_path, segments, fs):
    kept = tmp_path / "kept"
    kept.mkdir()
    copies = [Path(shutil.copy(getattr(runs[0.8], name), kept)) for name in ("log", "trajectory", "state")]

    def progress(done: int, total: int) -> None:
        if done > fs:
            raise Killed

    with pytest.raises(Killed):
        run(
            helix,
            protocol(1.6),
            tmp_path / "run",
            earlier=Earlier("x", *copies, sha256_of(runs[0.8].log)),
            progress=progress,
        )
    shutil.rmtree(kept)
    resumed = run(helix, protocol(1.6), tmp_path / "run", earlier=Earlier("x", *copies, sha256_of(runs[0.8].log)))
    assert segments == ([3, 3, 4] if fs == 1300 else [3, 4, 4])
    assert same(resumed, runs[1.6])
    assert resumed.taken_from == "x"


def test_killed_while_it_copies_it_copies_again(runs, helix, tmp_path, segments, monkeypatch):
    from md import extension

    def killed(working: Path) -> Path:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(extension, "seal", killed)
        with pytest.raises(Killed):
            run(helix, protocol(1.6), tmp_path / "run", earlier=left_by(runs[0.8]))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["run.json", "taken.tmp"]
    assert same(run(helix, protocol(1.6), tmp_path / "run", earlier=left_by(runs[0.8])), runs[1.6])


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def torn(path: Path) -> None:
    path.write_text("{")


def other_atoms(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "atoms_sha256": "0" * 64}))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("trajectory", damage, r"trajectory\.xtc is not the file it wrote"),
        ("state", damage, r"state\.xml is not the file it wrote"),
        ("state", Path.unlink, r"state\.xml is gone"),
        ("log", Path.unlink, r"log\.json is gone"),
        ("log", damage, r"log\.json is not the file it wrote"),
        ("log", torn, "is not the log of a run"),
        ("log", other_atoms, "its atoms are not those that are prepared now"),
    ],
)
def test_what_cannot_be_gone_on_from_is_passed_over_with_the_reason(runs, helix, tmp_path, name, change, reason):
    copies = [Path(shutil.copy(getattr(runs[0.4], each), tmp_path)) for each in ("log", "trajectory", "state")]
    earlier = Earlier("y", *copies, sha256_of(copies[0]))
    change(getattr(earlier, name))
    if change in (torn, other_atoms):  # a log that was written so, not one that was damaged
        earlier = replace(earlier, log_sha256=sha256_of(earlier.log))
    fresh = run(helix, protocol(0.8), tmp_path / "run", earlier=earlier)
    assert same(fresh, runs[0.8], ("topology", "trajectory", "state"))
    assert fresh.taken_from is None
    (note,) = [note for note in fresh.notes if note.startswith("run y was not gone on from: ")]
    assert re.search(reason, note)
    assert not list((tmp_path / "run").glob("taken*"))
    assert note in run(helix, protocol(0.8), tmp_path / "run", earlier=earlier).notes


def test_a_run_of_another_seed_is_passed_over(runs, helix, tmp_path):
    other = run(helix, protocol(0.8, seed=7), tmp_path / "run", earlier=left_by(runs[0.4]))
    assert any("it is a run of another structure or protocol" in note for note in other.notes)
    assert other.state is not None and runs[0.8].state is not None
    assert other.state.read_bytes() != runs[0.8].state.read_bytes()


def test_what_was_taken_is_verified_when_a_run_goes_on(runs, helix, tmp_path):
    run(helix, protocol(0.8), tmp_path / "run", earlier=left_by(runs[0.4]))
    damage(tmp_path / "run" / "taken" / "trajectory.xtc")
    with pytest.raises(DamagedCheckpoint, match=r"taken/trajectory\.xtc: \d+ bytes"):
        run(helix, protocol(1.6), tmp_path / "run")


def test_atoms_are_told_apart_by_protonation_and_number(build: Callable[..., Path]):
    from openmm.app import Modeller

    from md.system import prepare

    path = build(A=(11, "AHA"))
    hid, hie = (prepare(path, protocol(0.4, variants={"A:12": name})) for name in ("HID", "HIE"))
    assert hid.system.getNumParticles() == hie.system.getNumParticles()
    assert atoms_sha256(hid.topology) != atoms_sha256(hie.topology)
    again = prepare(path, protocol(0.8, variants={"A:12": "HID"}))
    assert atoms_sha256(hid.topology) == atoms_sha256(again.topology)
    structure = read(path)
    fewer = Modeller(structure.topology, structure.positions_nm)
    fewer.delete([next(iter(fewer.topology.atoms()))])
    assert atoms_sha256(fewer.topology) != atoms_sha256(structure.topology)


def test_frames_are_joined_as_mdtraj_reads_them(runs, tmp_path):
    pieces = [(runs[1.6].trajectory, 5), (runs[0.8].trajectory, 8), (runs[0.4].trajectory, 1)]
    join(tmp_path / "joined.xtc", pieces, runs[0.8].n_solute)
    top = str(runs[0.8].topology)
    read_ = [mdtraj.load(str(path), top=top)[:n] for path, n in pieces]
    joined = mdtraj.load(str(tmp_path / "joined.xtc"), top=top)
    np.testing.assert_array_equal(joined.xyz, np.concatenate([part.xyz for part in read_]))
    np.testing.assert_array_equal(joined.time, np.concatenate([part.time for part in read_]))
    with pytest.raises(DamagedCheckpoint, match=r"4 frames of .* not 5 of"):
        join(tmp_path / "x.xtc", [(runs[0.4].trajectory, 5)], runs[0.8].n_solute)
