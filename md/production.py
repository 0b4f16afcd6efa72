"""Production as sealed segments: each begins from the State of the one before and becomes visible by one rename."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from md.checkpoint import begin, is_sealed, seal, verify, write_text
from md.dynamics import produce, solute_names
from md.errors import DamagedCheckpoint
from md.extension import Beginning
from md.settings import MdSettings
from md.system import PreparedSystem
from md.trajectory import write_xtc

__all__ = ["Production", "Run", "production"]


@dataclass(frozen=True)
class Run:
    """What all parts of a run read.

    Parameters
    ----------
    workdir : Path
        Folder of this run alone.
    prepared : PreparedSystem
        What is simulated.
    settings : MdSettings
        The protocol.
    replica : int
        1-based.
    tell : callable
        Called with picoseconds done, equilibration included.
    """

    workdir: Path
    prepared: PreparedSystem
    settings: MdSettings
    replica: int
    tell: Callable[[float], None]


@dataclass(frozen=True)
class Production:
    """A production that is whole.

    Parameters
    ----------
    logs : sequence of mapping
        What each segment recorded.
    pieces : sequence of (Path, int)
        Trajectories and how many of their frames belong to this run.
    state : Path or None
        The last State; None where all was taken over.
    accelerator : str or None
        Name of the GPU that simulated segments now.
    simulated_ps, seconds : float
        Length and wall time of the segments that were simulated now.
    """

    logs: Sequence[Mapping[str, Any]]
    pieces: Sequence[tuple[Path, int]]
    state: Path | None
    accelerator: str | None
    simulated_ps: float
    seconds: float


def production(this: Run, had: Beginning) -> Production:
    """Simulate the segments that are not there yet.

    Parameters
    ----------
    this : Run
        The run.
    had : Beginning
        Where production begins, and the segments of an earlier run.

    Returns
    -------
    Production

    Raises
    ------
    DamagedCheckpoint
        A sealed segment is not the one that was sealed, or began from another State.
    Unstable
        The simulation blew up with every step size tried.
    """
    settings, logs, state = this.settings, [*had.segments], had.state
    pieces = [] if had.trajectory is None else [(had.trajectory, len(logs) * settings.frames_per_segment)]
    simulated_ps, accelerator, began = 0.0, None, time.monotonic()
    for number in range(len(logs) + 1, settings.n_segments + 1):
        assert state is not None  # `taken` sees to it
        folder = this.workdir / f"segment_{number:04d}"
        new = not is_sealed(folder)
        if new:
            _segment(folder, this, state, number)
            simulated_ps += settings.checkpoint_interval_ps
        logs.append(_continues(verify(folder), state))
        accelerator = logs[-1]["accelerator"] if new else accelerator
        pieces.append((folder / "trajectory.xtc", settings.frames_per_segment))
        state = folder / "state.xml"
    return Production(logs, pieces, state, accelerator, simulated_ps, time.monotonic() - began)


def _segment(folder: Path, this: Run, state: Path, number: int) -> None:
    settings, working = this.settings, begin(folder)
    before_ps = settings.equilibration_ps + (number - 1) * settings.checkpoint_interval_ps
    names, text = solute_names(this.prepared), state.read_text(encoding="utf-8")
    system = this.prepared.system
    result = produce(system, names, text, number, settings, this.replica, lambda ps: this.tell(before_ps + ps))
    write_text(working / "state.xml", result.state_xml)
    first = (number - 1) * settings.frames_per_segment
    write_xtc(working / "trajectory.xtc", result.frames_nm, result.boxes_nm, first, settings.frame_interval_ps)
    log = {
        "platform": result.platform,
        "accelerator": result.accelerator,
        "began_from_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "potential_kj_mol": list(result.potential_kj_mol),
        "retries": [asdict(retry) for retry in result.retries],
    }
    write_text(working / "log.json", json.dumps(log, indent=1) + "\n")
    seal(working)


def _continues(folder: Path, state: Path) -> dict:
    """Return the log of a sealed segment that began from a State."""
    log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
    expected = hashlib.sha256(state.read_bytes()).hexdigest()
    if log.get("began_from_sha256") != expected:
        raise DamagedCheckpoint(
            f"{folder}: it began from another State than {state}",
            code="foreign_segment",
            cure=f"delete {folder} and what was computed after it, then run again: the work before it is kept",
        )
    return log
