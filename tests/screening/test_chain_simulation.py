"""A run that is interrupted, at any frame and in any way, ends with the bits of one that is not."""

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from screening.folding import chain_simulation
from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.binding import Trajectory
from screening.folding.calvados import Chain
from screening.folding.chain_simulation import run_identity, simulate
from screening.folding.checkpoint import read_checkpoint, write_checkpoint
from screening.folding.residue_md import ResidueMd, ResidueMdSettings

CHAINS = (Chain("GSKRDEYFLQ", False, False), Chain("PEDKSGWAVT", False, True))
RUN = ResidueMdSettings(
    production_ns=0.02, equilibration_ns=0.005, replicas=2, frame_interval_ps=2.5, null_shuffles=3, box_nm=9.0
)
FRAMES = 2 * (RUN.frames + RUN.equilibration_frames)


@pytest.fixture
def every_frame(monkeypatch: pytest.MonkeyPatch):
    """Seal the state after each frame."""
    monkeypatch.setattr(chain_simulation, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(chain_simulation, "SAVE_SHARE", float("inf"))


@pytest.fixture(scope="module")
def whole() -> Trajectory:
    return simulate(CHAINS, (None, None), RUN, 5)


def equal(one: Trajectory, other: Trajectory) -> bool:
    return (
        np.array_equal(one.positions_nm, other.positions_nm)
        and one.positions_nm.shape == other.positions_nm.shape
        and one.temperature_kelvin == other.temperature_kelvin
    )


def test_the_process_that_compiles_gives_the_bits_of_those_that_load(tmp_path: Path) -> None:
    # ZFX 1-51 and NFYA 317-335 of the demo: 20,000 steps are enough for a last bit to become another trajectory.
    code = """
import hashlib
from screening.folding.bead_kernels import integrate
from screening.folding.calvados import Chain
from screening.folding.chain_simulation import simulate
from screening.folding.protocol import ResidueMdSettings
settings = ResidueMdSettings(production_ns=0.2, equilibration_ns=0.2, replicas=1)
a = Chain("MDEDGLELQQEPNSFFDATGADGTHMDGDQIVVEVQETVFVSDVVDSDITV", True, False)
b = Chain("RFFSPKEKDSPHMQDPNQA", False, False)
run = simulate((a, b), (None, None), settings, 0)
print(hashlib.sha256(run.positions_nm.tobytes()).hexdigest(), sum(integrate.stats.cache_hits.values()))
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert [hits for _, hits in runs] == ["0", "1"]
    assert runs[0][0] == runs[1][0]


class Stop(Exception):
    pass


def stopping(at: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == at:
            raise Stop

    return progress


@given(places=st.lists(st.integers(1, FRAMES), max_size=3).map(sorted))
@example(places=[1])
@example(places=[RUN.equilibration_frames, RUN.equilibration_frames + 1])
@example(places=[FRAMES // 2, FRAMES // 2 + 1])
@example(places=[FRAMES])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interrupted_anywhere_it_ends_with_the_same_bits(
    tmp_path: Path, every_frame: None, whole: Trajectory, places: list[int]
):
    checkpoint = tmp_path / "run.checkpoint"
    checkpoint.unlink(missing_ok=True)
    for place in places:
        with suppress(Stop):
            simulate(CHAINS, (None, None), RUN, 5, stopping(place), checkpoint=checkpoint)
    seen: list[int] = []
    again = simulate(CHAINS, (None, None), RUN, 5, lambda done, _: seen.append(done), checkpoint=checkpoint)
    assert equal(again, whole)
    # The frame during which it was stopped was not sealed yet; all before it were.
    assert seen[0] >= max([1, *(place - 1 for place in places)])
    assert seen[-1] == FRAMES


def test_a_finished_run_is_not_computed_again(tmp_path: Path, whole: Trajectory, monkeypatch: pytest.MonkeyPatch):
    checkpoint = tmp_path / "run.checkpoint"
    assert equal(simulate(CHAINS, (None, None), RUN, 5, checkpoint=checkpoint), whole)
    monkeypatch.setattr(chain_simulation, "_start", lambda *_: pytest.fail("began again"))
    seen: list[tuple[int, int]] = []
    again = simulate(CHAINS, (None, None), RUN, 5, lambda *frames: seen.append(frames), checkpoint=checkpoint)
    assert equal(again, whole)
    assert seen == [(FRAMES, FRAMES)]


FOLD = np.arange(30.0).reshape(10, 3)
OTHER_RUNS = {
    "seed": (CHAINS, (None, None), RUN, 6, 0),
    "stream": (CHAINS, (None, None), RUN, 5, 1),
    "settings": (CHAINS, (None, None), RUN.model_copy(update={"temperature_kelvin": 301.0}), 5, 0),
    "sequence": ((CHAINS[0], Chain("PEDKSGWAVS", False, True)), (None, None), RUN, 5, 0),
    "terminus": ((CHAINS[0], Chain("PEDKSGWAVT", False, False)), (None, None), RUN, 5, 0),
    "network": ((CHAINS[0], Chain("PEDKSGWAVT", False, True, ((0, 2, 0.6),))), (None, None), RUN, 5, 0),
    "coordinates": (CHAINS, (None, FOLD), RUN, 5, 0),
    "other coordinates": (CHAINS, (None, FOLD + 1e-12), RUN, 5, 0),
    "other segment": (CHAINS, (FOLD, None), RUN, 5, 0),
}


def test_runs_differ_in_their_identity():
    identities = {run_identity(*run) for run in OTHER_RUNS.values()}
    assert len(identities) == len(OTHER_RUNS)
    assert run_identity(CHAINS, (None, None), RUN, 5) not in identities


def test_another_programs_state_is_foreign(monkeypatch: pytest.MonkeyPatch):
    now = run_identity(CHAINS, (None, None), RUN, 5)
    with monkeypatch.context() as patch:
        patch.setattr(chain_simulation, "version", lambda _: "0.0")
        assert run_identity(CHAINS, (None, None), RUN, 5) != now
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"other code")
    assert run_identity(CHAINS, (None, None), RUN, 5) != now


def test_foreign_and_damaged_states_are_not_taken_up(
    tmp_path: Path, whole: Trajectory, every_frame: None, caplog: pytest.LogCaptureFixture
):
    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(Stop):
        simulate(CHAINS, (None, None), RUN, 6, stopping(7), checkpoint=checkpoint)
    with caplog.at_level(logging.WARNING):
        assert equal(simulate(CHAINS, (None, None), RUN, 5, checkpoint=checkpoint), whole)
    assert "belongs to another computation" in caplog.text
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        assert equal(simulate(CHAINS, (None, None), RUN, 5, checkpoint=checkpoint), whole)
    assert "cut short or altered" in caplog.text


def test_the_random_numbers_are_part_of_the_state(tmp_path: Path, whole: Trajectory, every_frame: None):
    checkpoint, identity = tmp_path / "run.checkpoint", run_identity(CHAINS, (None, None), RUN, 5)
    with pytest.raises(Stop):
        simulate(CHAINS, (None, None), RUN, 5, stopping(7), checkpoint=checkpoint)
    stored = dict(read_checkpoint(checkpoint, identity) or {})
    assert int(stored["done"]) == 6
    stored["generator"] = np.array(json.dumps(np.random.default_rng(1).bit_generator.state))
    write_checkpoint(checkpoint, identity, stored)
    other = simulate(CHAINS, (None, None), RUN, 5, checkpoint=checkpoint)
    kept = 6 - RUN.equilibration_frames
    assert np.array_equal(other.positions_nm[0, :kept], whole.positions_nm[0, :kept])
    assert not np.array_equal(other.positions_nm[0, kept], whole.positions_nm[0, kept])


def test_checkpoints_are_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # A clock that moves by a second per look, and by four while a checkpoint is written.
    now, written = itertools.count(), []

    def slow(*_: object) -> None:
        written.append(next(now))
        for _second in range(3):
            next(now)

    monkeypatch.setattr(chain_simulation, "monotonic", lambda: next(now))
    monkeypatch.setattr(chain_simulation, "write_checkpoint", slow)
    long = RUN.model_copy(update={"production_ns": 5.0, "timestep_fs": 25.0, "replicas": 1})
    simulate((Chain("GSGS"),), (None,), long, 1, checkpoint=tmp_path / "run.checkpoint")
    # The first after 20 s; the next where five seconds of writing are half a percent; the last at the end.
    assert [written[0], written[1] - written[0]] == pytest.approx([20, 1000], abs=10)
    assert written[-1] == pytest.approx(long.frames, abs=30)
    assert len(written) == 3


REQUEST = FoldRequest(
    FoldSegment("Q1", 11, 20, "low_plddt", "GSKRDEYFLQ", 500),
    FoldSegment("Q2", 91, 100, "low_plddt", "PEDKSGWAVT", 100),
    seed=5,
)
CHILD = """
import sys, time
from pathlib import Path
from screening.folding import chain_simulation
from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.residue_md import ResidueMd, ResidueMdSettings

def progress(done, total):
    print(done, flush=True)
    time.sleep(0.02)

chain_simulation.SAVE_SECONDS, chain_simulation.SAVE_SHARE = 0.0, float("inf")
a = FoldSegment("Q1", 11, 20, "low_plddt", "GSKRDEYFLQ", 500)
b = FoldSegment("Q2", 91, 100, "low_plddt", "PEDKSGWAVT", 100)
backend = ResidueMd(ResidueMdSettings.model_validate_json(sys.argv[1]))
backend.fold(FoldRequest(a, b, seed=5), Path(sys.argv[2]), progress)
"""


def kill_at(place: int, folder: Path) -> int:
    """Fold in a process of its own and kill it outright at a frame; returns the last frame it told of."""
    words = [sys.executable, "-c", CHILD, RUN.model_dump_json(), str(folder)]
    done = 0
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            done = int(line)
            if done >= place:
                process.send_signal(signal.SIGKILL)
                break
        done = max([done, *map(int, process.stdout.read().split())])
    assert process.returncode == -signal.SIGKILL
    return done


def test_a_killed_process_is_gone_on_with(tmp_path: Path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = ResidueMd(RUN).fold(REQUEST, whole)

    # In the middle of the pair's second replica, then in the middle of the second shuffle.
    for place in (RUN.frames + RUN.equilibration_frames + 3, 2 * FRAMES + 7):
        last = kill_at(place, killed)
        assert last < 4 * FRAMES
        assert list(killed.glob("*.checkpoint"))
    seen: list[int] = []
    found = ResidueMd(RUN).fold(REQUEST, killed, lambda done, _: seen.append(done))
    assert seen[0] == FRAMES, "the finished pair is told of first"
    assert seen[1] >= last - 1, "its frames are not computed again"
    assert seen[-1] == 4 * FRAMES

    assert found.observables == expected.observables
    assert found.structure.read_bytes() == expected.structure.read_bytes()
    assert found.contacts is not None
    assert expected.contacts is not None
    assert found.contacts.read_bytes() == expected.contacts.read_bytes()
    assert sorted(path.name for path in killed.iterdir()) == ["contacts.npz", "model.pdb"]
