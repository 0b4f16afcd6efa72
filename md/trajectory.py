"""Trajectories of the solute: written, read back, joined, thinned.

A writer of XTC reports a full disk only by chance, so every file is read back before it counts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import DamagedCheckpoint, DiskFull

if TYPE_CHECKING:
    from mdtraj.formats import XTCTrajectoryFile
    from openmm.app import Topology

__all__ = ["join", "preview", "write_solute", "write_xtc"]

Frames = NDArray[np.float32]

_CHUNK_FRAMES = 500
_CURE = "delete the segment's folder and those after it, then run again: the work before it is kept"


def write_xtc(path: Path, frames_nm: Frames, boxes_nm: Frames, first: int, interval_ps: float) -> None:
    """Write the frames of a segment.

    Parameters
    ----------
    path : Path
        Replaced.
    frames_nm : float32 (n_frames, n_solute, 3)
    boxes_nm : float32 (n_frames, 3, 3)
        Zero without a box.
    first : int
        Frames before these.
    interval_ps : float
        Between frames; the first frame of all is one interval after the start.

    Raises
    ------
    DiskFull
        The file does not hold what was written.
    """
    numbers = np.arange(first + 1, first + len(frames_nm) + 1)
    times = (numbers * interval_ps).astype(np.float32)
    with _writer(path) as file:
        file.write(frames_nm, time=times, step=numbers.astype(np.int32), box=boxes_nm if boxes_nm.any() else None)
    _prove(path, len(frames_nm), frames_nm.shape[1])


def join(path: Path, pieces: Sequence[tuple[Path, int]], n_solute: int) -> None:
    """Write one trajectory of several: frames of XTC stand alone, so their bytes are put one after the other.

    Parameters
    ----------
    path : Path
        Replaced, when all is written.
    pieces : sequence of (Path, int)
        XTC files, in order, and how many of their first frames are wanted.
    n_solute : int
        Atoms of each.

    Raises
    ------
    DamagedCheckpoint
        A piece has fewer frames or other atoms.
    DiskFull
        The file does not hold what was written.
    """
    working = path.with_name(f"{path.stem}.part.xtc")
    with working.open("wb") as out:
        for piece, n_frames in pieces:
            with piece.open("rb") as file:
                out.write(file.read(_end_of(piece, n_frames, n_solute)))
    _prove(working, sum(n_frames for _, n_frames in pieces), n_solute)
    working.replace(path)


def preview(path: Path, trajectory: Path, most: int) -> int:
    """Write frames of a trajectory at equal intervals, to look at; one frame is in memory at a time.

    Parameters
    ----------
    path : Path
        XTC; replaced.
    trajectory : Path
        XTC.
    most : int
        Frames to keep at most; the last one is always kept.

    Returns
    -------
    int
        Frames kept.
    """
    from mdtraj.formats import XTCTrajectoryFile

    with XTCTrajectoryFile(str(trajectory)) as file, _writer(path) as out:
        n_frames = len(file)
        kept = np.unique(np.linspace(n_frames - 1, 0, min(most, n_frames)).round().astype(int))
        for number in kept.tolist():
            file.seek(number)
            xyz, time, step, box = file.read(n_frames=1)
            out.write(xyz, time=time, step=step, box=box)
    return len(kept)


def write_solute(path: Path, topology: "Topology", positions_nm: NDArray[np.float64], n_solute: int) -> None:
    """Write the first atoms of a system as PDB, with their chains and residue numbers.

    Parameters
    ----------
    path : Path
        Replaced.
    topology : Topology
        Solute first.
    positions_nm : float64 (n_atoms, 3)
    n_solute : int
        Atoms to write.
    """
    from openmm import unit
    from openmm.app import Modeller, PDBFile

    modeller = Modeller(topology, unit.Quantity(10.0 * positions_nm, unit.angstrom))
    modeller.delete([atom for atom in topology.atoms() if atom.index >= n_solute])
    with path.open("w", encoding="utf-8") as file:
        PDBFile.writeFile(modeller.topology, modeller.positions, file, keepIds=True)


@contextmanager
def _writer(path: Path) -> Iterator["XTCTrajectoryFile"]:
    from mdtraj.formats import XTCTrajectoryFile

    try:
        with XTCTrajectoryFile(str(path), "w") as file:
            yield file
    except RuntimeError as error:  # "XTC write error", without a reason
        raise DiskFull(f"{path}: {error}", cure="make room on the disk, then run again") from error


def _prove(path: Path, n_frames: int, n_atoms: int) -> None:
    """Read back what was just written."""
    try:
        _refuse_other_frames(path, _count(path), n_frames, n_atoms)
    except DamagedCheckpoint as error:
        raise DiskFull(
            f"{path}: what was written cannot be read back ({error})", cure="make room on the disk, then run again"
        ) from error


def _end_of(path: Path, n_frames: int, n_atoms: int) -> int:
    """Return where a number of frames ends in a file, in bytes; the whole file is read to see that it is sound."""
    from mdtraj.formats import XTCTrajectoryFile

    found = _count(path)
    _refuse_other_frames(path, (min(found[0], n_frames), found[1]), n_frames, n_atoms)
    if found[0] == n_frames:
        return path.stat().st_size
    with XTCTrajectoryFile(str(path)) as file:
        return int(file.offsets[n_frames])


def _count(path: Path) -> tuple[int, int]:
    """Return frames and atoms of a file, all of it read."""
    from mdtraj.formats import XTCTrajectoryFile

    n_frames = n_atoms = 0
    try:
        with XTCTrajectoryFile(str(path)) as file:
            while len(xyz := file.read(n_frames=_CHUNK_FRAMES)[0]):
                n_frames, n_atoms = n_frames + len(xyz), xyz.shape[1]
    except (OSError, RuntimeError) as error:
        raise DamagedCheckpoint(f"{path}: unreadable trajectory ({error})", code="trajectory", cure=_CURE) from error
    return n_frames, n_atoms


def _refuse_other_frames(path: Path, found: tuple[int, int], n_frames: int, n_atoms: int) -> None:
    if found != (n_frames, n_atoms):
        raise DamagedCheckpoint(
            f"{path}: {found[0]} frames of {found[1]} atoms, not {n_frames} of {n_atoms}", code="trajectory", cure=_CURE
        )
