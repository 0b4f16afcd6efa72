"""Minimise, equilibrate, produce: a trajectory made of sealed segments.

Each production segment starts from the sealed State of the one before, with random numbers of its own, and
becomes visible by one rename. A killed run therefore loses at most one segment and goes on from there; in
deterministic mode on one machine it ends in the same bits as a run that was never killed, because the
uninterrupted run reads the same States from the same files. Each segment records the hash of the State it began
from, so a segment of another run is found out. The length is no part of what a run is: with a larger
``production_ps`` in the same folder a run is extended.

::

    workdir/
      run.json         what is simulated; a folder made for something else is refused
      start/           system.xml, topology.pdb, state.xml (equilibrated), log.json, seal.json
      segment_0001/    trajectory.xtc, state.xml, log.json, seal.json
      topology.pdb     the solute as prepared, before minimisation
      trajectory.xtc   the solute, all segments joined
      preview.xtc      at most 50 frames of it
      state.xml        the last State
"""

import errno
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from md.checkpoint import begin, is_sealed, seal, verify, write_text
from md.dynamics import Retry, produce, solute_names
from md.equilibrate import equilibrate
from md.errors import DamagedCheckpoint, DiskFull, InvalidStructure
from md.quality import Finding
from md.settings import MdSettings
from md.size import estimate, refuse_full_disk
from md.structure import read
from md.system import PreparedSystem, prepare
from md.trajectory import join, preview, write_solute, write_xtc

__all__ = ["MdResult", "run"]

PREVIEW_FRAMES = 50
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MdResult:
    """A finished run.

    Parameters
    ----------
    topology, trajectory, preview, state : Path
        PDB of the solute (chains and residue numbers of the input), XTC of the solute, at most 50 frames of it, and the
        last State.
    n_frames, n_preview, n_atoms, n_solute : int
        Frames, frames of the preview, simulated atoms, and atoms of protein, caps and zinc: the ones that are kept.
    trajectory_bytes : int
        Size of the trajectory.
    completed_ps : float
        Length of the production.
    ns_per_day : float
        Speed of the segments that this call simulated; 0 where all had been there.
    platform : str
        OpenMM platform of the last segment.
    seed, replica : int
        What all random numbers come from.
    retries : tuple of Retry
        Phases that blew up and were repeated with half the step.
    notes : tuple of str
        What was decided in preparing the structure, and what of it is in the trajectory.
    findings : tuple of Finding
        What the quality gate looked at before production.
    evidence : str
        What a trajectory with this force field does and does not show.
    energy_minimised_kj_mol, minimised_rmsd_nm : float
        Of the minimised start; how far minimisation moved the heavy atoms.
    potential_kj_mol : tuple of float
        Potential energy at each frame.
    """

    topology: Path
    trajectory: Path
    preview: Path
    state: Path
    n_frames: int
    n_preview: int
    trajectory_bytes: int
    n_atoms: int
    n_solute: int
    completed_ps: float
    ns_per_day: float
    platform: str
    seed: int
    replica: int
    retries: tuple[Retry, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    evidence: str
    energy_minimised_kj_mol: float
    minimised_rmsd_nm: float
    potential_kj_mol: tuple[float, ...]


def run(
    structure: Path,
    settings: MdSettings,
    workdir: Path,
    *,
    chains: Sequence[str] | None = None,
    true_termini: Mapping[str, tuple[bool, bool]] | None = None,
    replica: int = 1,
    progress: Progress | None = None,
) -> MdResult:
    """Simulate a structure, or go on with what a killed or a shorter run of the same left in the folder.

    Parameters
    ----------
    structure : Path
        PDB or mmCIF file of protein chains.
    settings : MdSettings
        The protocol.
    workdir : Path
        Folder of this run alone.
    chains : sequence of str, optional
        Chains to simulate; all by default.
    true_termini : mapping of chain to (bool, bool), optional
        Whether a chain's ends are the protein's own; other ends get ACE and NME.
    replica : int
        1-based.
    progress : callable, optional
        Called with femtoseconds done and in all, equilibration included.

    Returns
    -------
    MdResult

    Raises
    ------
    InvalidStructure
        The structure must not be simulated.
    DamagedCheckpoint
        The folder belongs to another run, or a sealed file in it is not the one that was sealed.
    Unstable
        The simulation blew up with every step size tried.
    NotEquilibrated
        It is not fit to start production.
    DiskFull
        The disk cannot hold it, or could not hold what was being written; whole segments are kept.
    """
    identity = _identity(structure, settings, chains, true_termini, replica)
    _refuse_another(workdir / "run.json", identity)
    total_fs = round((settings.equilibration_ps + settings.production_ps) * 1000.0)

    def tell(done_ps: float) -> None:
        if progress is not None:
            progress(min(round(done_ps * 1000.0), total_fs), total_fs)

    size = estimate(read(structure, chains).positions_nm, settings)
    prepared = prepare(structure, settings, chains=chains, true_termini=true_termini)
    refuse_full_disk(workdir, size)
    with _room(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        write_text(workdir / "run.json", json.dumps(identity, indent=1, sort_keys=True) + "\n")
        start = _start(workdir, prepared, settings, replica, tell)
        state = verify(start) / "state.xml"
        log = json.loads((start / "log.json").read_text(encoding="utf-8"))
        logs, segments, simulated_ps, began = [], [], 0.0, time.monotonic()
        for number in range(1, settings.n_segments + 1):
            folder = workdir / f"segment_{number:04d}"
            if not is_sealed(folder):
                before_ps = settings.equilibration_ps + (number - 1) * settings.checkpoint_interval_ps
                _segment(folder, prepared, state, settings, replica, number, lambda ps, at=before_ps: tell(at + ps))
                simulated_ps += settings.checkpoint_interval_ps
            logs.append(_continues(verify(folder), state))
            segments.append(folder / "trajectory.xtc")
            state = folder / "state.xml"
        seconds = time.monotonic() - began
        topology, trajectory = workdir / "topology.pdb", workdir / "trajectory.xtc"
        write_solute(topology, prepared.topology, prepared.positions_nm, prepared.n_solute)
        join(trajectory, segments, settings.frames_per_segment, prepared.n_solute)
        n_preview = preview(workdir / "preview.xtc", trajectory, PREVIEW_FRAMES)
        shutil.copyfile(state, workdir / "state.xml")
    n_atoms = prepared.system.getNumParticles()
    kept = f"kept of each frame: {prepared.n_solute} of {n_atoms} particles, the protein with its caps and zinc"
    return MdResult(
        topology=topology,
        trajectory=trajectory,
        preview=workdir / "preview.xtc",
        state=workdir / "state.xml",
        n_frames=settings.n_frames,
        n_preview=n_preview,
        trajectory_bytes=trajectory.stat().st_size,
        n_atoms=n_atoms,
        n_solute=prepared.n_solute,
        completed_ps=settings.production_ps,
        ns_per_day=86.4 * simulated_ps / seconds if simulated_ps else 0.0,
        platform=logs[-1]["platform"],
        seed=settings.seed,
        replica=replica,
        retries=tuple(Retry(**retry) for entry in (log, *logs) for retry in entry["retries"]),
        notes=(*prepared.notes, kept),
        findings=tuple(Finding(**finding) for finding in log["findings"]),
        evidence=settings.force_field_entry().evidence,
        energy_minimised_kj_mol=log["energy_minimised_kj_mol"],
        minimised_rmsd_nm=log["minimised_rmsd_nm"],
        potential_kj_mol=tuple(value for entry in logs for value in entry["potential_kj_mol"]),
    )


def _identity(
    structure: Path,
    settings: MdSettings,
    chains: Sequence[str] | None,
    true_termini: Mapping[str, tuple[bool, bool]] | None,
    replica: int,
) -> dict[str, object]:
    """Return what decides every number of a run, but for its length."""
    try:
        content = structure.read_bytes()
        protocol = settings.determining()
    except OSError as error:
        raise InvalidStructure(f"{error.filename}: {error.strerror or error}", code="unreadable") from error
    del protocol["production_ps"]
    return {
        "structure_sha256": hashlib.sha256(content).hexdigest(),
        "settings": protocol,
        "chains": None if chains is None else list(chains),
        "true_termini": {chain: list(ends) for chain, ends in sorted((true_termini or {}).items())},
        "replica": replica,
    }


def _refuse_another(path: Path, identity: dict[str, object]) -> None:
    """Refuse a folder in which another run was begun."""
    if not path.exists():
        return
    cure = "give each run a folder of its own"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedCheckpoint(f"{path}: not JSON ({error})", code="another_run", cure=cure) from error
    if found != identity:
        raise DamagedCheckpoint(
            f"{path.parent} holds a run of another structure or protocol", code="another_run", cure=cure
        )


def _start(
    workdir: Path, prepared: PreparedSystem, settings: MdSettings, replica: int, tell: Callable[[float], None]
) -> Path:
    folder = workdir / "start"
    if is_sealed(folder):
        return folder
    working = begin(folder)
    result = equilibrate(prepared, settings, replica, tell)
    write_text(working / "state.xml", result.state_xml)
    log = {
        "platform": result.platform,
        "energy_input_kj_mol": result.energy_input_kj_mol,
        "energy_minimised_kj_mol": result.energy_minimised_kj_mol,
        "minimised_rmsd_nm": result.minimised_rmsd_nm,
        "findings": [asdict(finding) for finding in result.findings],
        "retries": [asdict(retry) for retry in result.retries],
    }
    write_text(working / "log.json", json.dumps(log, indent=1) + "\n")
    return seal(working)


def _segment(
    folder: Path,
    prepared: PreparedSystem,
    state: Path,
    settings: MdSettings,
    replica: int,
    number: int,
    tick: Callable[[float], None],
) -> None:
    working = begin(folder)
    names = solute_names(prepared)
    text = state.read_text(encoding="utf-8")
    result = produce(prepared.system, names, text, number, settings, replica, tick)
    write_text(working / "state.xml", result.state_xml)
    first = (number - 1) * settings.frames_per_segment
    write_xtc(working / "trajectory.xtc", result.frames_nm, result.boxes_nm, first, settings.frame_interval_ps)
    log = {
        "platform": result.platform,
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


@contextmanager
def _room(workdir: Path) -> Iterator[None]:
    """Clear what is half-written, and say so, where the disk is full."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, DiskFull) and error.errno not in _NO_ROOM:
            raise
        for left in (*workdir.glob("*.tmp"), *workdir.glob("*.part*")):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        raise DiskFull(
            f"{workdir}: {error.strerror or error}; whole segments are kept",
            cure="make room, then run again: it goes on at the last whole segment",
        ) from error
