"""Going on from a finished run of another length.

A finished run leaves its trajectory, its last State and a log. The log says what was simulated, with which atoms, what
each segment recorded, and the sums of the other two files: with the three, a run of another length takes over what is
there and simulates the rest. They are copied into a sealed folder first, so that nothing depends on where they came
from once the run has begun. What does not belong to the run, or is not what was written, is passed over with the
reason: the run then begins at its own equilibration.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from md.checkpoint import begin, seal, sha256_of, verify, write_text
from md.errors import DamagedCheckpoint

__all__ = ["Beginning", "Earlier", "take", "taken", "write_log"]

FORMAT = 1
_LOG, _TRAJECTORY, _STATE, _NAME = "log.json", "trajectory.xtc", "state.xml", "name.txt"


@dataclass(frozen=True)
class Earlier:
    """What a finished run left.

    Parameters
    ----------
    name : str
        Of the run, for records.
    log, trajectory : Path
    state : Path or None
        None where it ended between the States of a longer one: it is no start for more.
    log_sha256 : str
        What the log must be; it vouches for the other two.
    """

    name: str
    log: Path
    trajectory: Path
    state: Path | None
    log_sha256: str


@dataclass(frozen=True)
class Beginning:
    """Where the segments that are still to be simulated begin.

    Parameters
    ----------
    start : mapping
        Log of the equilibration.
    segments : tuple of mapping
        Logs of the segments that were taken over.
    trajectory : Path or None
        Their frames come first in this file.
    state : Path or None
        The State to go on from; None where no more is wanted and that State was not kept.
    state_sha256 : str
        Its sum.
    name : str or None
        Of the run that all this was taken from; None after an equilibration of its own.
    """

    start: Mapping[str, Any]
    segments: tuple[Mapping[str, Any], ...]
    trajectory: Path | None
    state: Path | None
    state_sha256: str
    name: str | None


def write_log(
    path: Path,
    identity: Mapping[str, object],
    atoms: str,
    start: Mapping[str, Any],
    segments: Sequence[Mapping[str, Any]],
    trajectory: Path,
    state_sha256: str,
) -> None:
    """Write the log of a finished run.

    Parameters
    ----------
    path : Path
        Replaced.
    identity : mapping
        What decides every number of the run, but for its length.
    atoms : str
        `md.identity.atoms_sha256` of its topology.
    start : mapping
        Log of the equilibration.
    segments : sequence of mapping
        Logs of the segments.
    trajectory : Path
        All of it.
    state_sha256 : str
        Sum of the last State.
    """
    body = {
        "format": FORMAT,
        "run": identity,
        "atoms_sha256": atoms,
        "start": start,
        "segments": list(segments),
        "trajectory_sha256": sha256_of(trajectory),
        "state_sha256": state_sha256,
    }
    write_text(path, json.dumps(body, indent=1, sort_keys=True) + "\n")


def take(folder: Path, earlier: Earlier, identity: Mapping[str, object], atoms: str, n_segments: int) -> str:
    """Copy what an earlier run left into a sealed folder.

    Parameters
    ----------
    folder : Path
        To be made.
    earlier : Earlier
    identity : mapping
        Of the run that takes it over.
    atoms : str
        `md.identity.atoms_sha256` of its topology.
    n_segments : int
        How many it wants.

    Returns
    -------
    str
        Why it was passed over, and then there is no folder; empty where it was taken.
    """
    working = begin(folder)
    reason = _copied(working, earlier, identity, atoms, n_segments)
    if reason:
        shutil.rmtree(working)
    else:
        seal(working)
    return reason


def taken(folder: Path, n_segments: int) -> Beginning:
    """Read what was taken over.

    Parameters
    ----------
    folder : Path
        As `take` made it.
    n_segments : int
        How many segments are wanted; of a longer run only these are returned.

    Returns
    -------
    Beginning

    Raises
    ------
    DamagedCheckpoint
        A file is not the one that was sealed, or more is wanted than can be gone on from.
    """
    log = json.loads((verify(folder) / _LOG).read_text(encoding="utf-8"))
    segments, state, sum_ = log["segments"], folder / _STATE, log["state_sha256"]
    kept = state if len(segments) <= n_segments and state.exists() else None
    if len(segments) < n_segments and kept is None:
        raise DamagedCheckpoint(
            f"{folder}: the run it was taken from kept no State to go on from", cure="give each run a folder of its own"
        )
    if len(segments) > n_segments:
        sum_ = segments[n_segments]["began_from_sha256"]
    name = (folder / _NAME).read_text(encoding="utf-8")
    return Beginning(log["start"], tuple(segments[:n_segments]), folder / _TRAJECTORY, kept, sum_, name)


def _copied(working: Path, earlier: Earlier, identity: Mapping[str, object], atoms: str, n_segments: int) -> str:
    """Copy the files and say why they cannot be used; empty where they can."""
    try:
        shutil.copyfile(earlier.log, working / _LOG)
        if sha256_of(working / _LOG) != earlier.log_sha256:
            return f"{earlier.log} is not the file it wrote"
        log = json.loads((working / _LOG).read_text(encoding="utf-8"))
        if log["format"] != FORMAT:
            return f"its log is of format {log['format']}, not {FORMAT}"
        if log["run"] != json.loads(json.dumps(identity)):
            return "it is a run of another structure or protocol"
        if log["atoms_sha256"] != atoms:
            return "its atoms are not those that are prepared now: another version added its hydrogens or water"
        if len(log["segments"]) < n_segments and earlier.state is None:
            return "its last State was not kept"
        for name, source in ((_TRAJECTORY, earlier.trajectory), (_STATE, earlier.state)):
            if source is not None:
                shutil.copyfile(source, working / name)
                if sha256_of(working / name) != log[f"{Path(name).stem}_sha256"]:
                    return f"{source} is not the file it wrote"
        (working / _NAME).write_text(earlier.name, encoding="utf-8")
    except FileNotFoundError as error:
        return f"{error.filename} is gone"
    except (ValueError, KeyError, TypeError) as error:
        return f"{earlier.log} is not the log of a run ({error})"
    return ""
