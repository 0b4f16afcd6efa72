"""Production as sealed segments: each begins from the State of the one before and becomes visible by one rename."""

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from md.checkpoint import begin, is_sealed, seal, sha256_of, verify, write_text
from md.context import make_context, state_xml_of
from md.dynamics import Retry, Tick, advance, hottest_kinetic, solute_names, with_retries
from md.errors import DamagedCheckpoint
from md.extension import Beginning
from md.platforms import device_name
from md.settings import MdSettings
from md.system import PreparedSystem
from md.trajectory import write_xtc

if TYPE_CHECKING:
    from openmm import System

__all__ = ["Produced", "Production", "Run", "produce", "production"]


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
class Produced:
    """One production segment.

    Parameters
    ----------
    state_xml : str
        Serialised State after the last step.
    platform : str
        The platform that ran it.
    accelerator : str or None
        Name of the GPU; None on the processor.
    frames_nm : ndarray (n_frames, n_solute, 3), float32
    boxes_nm : ndarray (n_frames, 3, 3), float32
        Zero for a system without a box.
    potential_kj_mol : tuple of float
        At each frame.
    retries : tuple of Retry
    """

    state_xml: str
    platform: str
    accelerator: str | None
    frames_nm: NDArray[np.float32]
    boxes_nm: NDArray[np.float32]
    potential_kj_mol: tuple[float, ...]
    retries: tuple[Retry, ...]


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


def produce(
    system: "System",
    names: tuple[str, ...],
    state_xml: str,
    segment: int,
    settings: MdSettings,
    replica: int,
    tick: Tick,
) -> Produced:
    """Run one production segment from a State.

    Parameters
    ----------
    system : System
        As prepared; not changed.
    names : tuple of str
        Of the solute's atoms, which come first.
    state_xml : str
        Serialised State that the segment before ended with.
    segment : int
        1-based.
    settings : MdSettings
    replica : int
        1-based.
    tick : callable
        Told how many ps of this segment are done.

    Returns
    -------
    Produced

    Raises
    ------
    Unstable
        If it blows up with every step size tried.
    """
    import openmm

    start = openmm.XmlSerializer.deserialize(state_xml)
    begin_ps = float(start.getTime()._value)

    def attempt(timestep_fs: float, seed: int) -> Produced:
        context = make_context(copy.deepcopy(system), settings, seed, timestep_fs)
        context.setState(start)
        hottest = hottest_kinetic(system, settings)
        frames, boxes, energies = [], [], []
        for _ in range(settings.frames_per_segment):
            n_steps = round(settings.frame_interval_ps * 1000.0 / timestep_fs)
            state = advance(context, n_steps, names, hottest, lambda now_ps: tick(now_ps - begin_ps))
            xyz = np.asarray(state.getPositions(asNumpy=True)._value)  # pyright: ignore[reportAttributeAccessIssue]
            frames.append(xyz[: len(names)].astype(np.float32))
            periodic = system.usesPeriodicBoundaryConditions()
            box = state.getPeriodicBoxVectors(asNumpy=True)._value if periodic else np.zeros((3, 3))
            boxes.append(box.astype(np.float32))
            energies.append(float(state.getPotentialEnergy()._value))  # pyright: ignore[reportArgumentType]
        ran_on = context.getPlatform().getName(), device_name(context)
        return Produced(state_xml_of(context), *ran_on, np.array(frames), np.array(boxes), tuple(energies), ())

    produced, retries = with_retries(f"segment {segment}", attempt, settings, replica)
    return replace(produced, retries=retries)


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
        "began_from_sha256": sha256_of(state),
        "potential_kj_mol": list(result.potential_kj_mol),
        "retries": [asdict(retry) for retry in result.retries],
    }
    write_text(working / "log.json", json.dumps(log, indent=1) + "\n")
    seal(working)


def _continues(folder: Path, state: Path) -> dict[str, Any]:
    """Return the log of a sealed segment that began from a State."""
    log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
    if log.get("began_from_sha256") != sha256_of(state):
        raise DamagedCheckpoint(
            f"{folder}: it began from another State than {state}",
            code="foreign_segment",
            cure=f"delete {folder} and what was computed after it, then run again: the work before it is kept",
        )
    return log
