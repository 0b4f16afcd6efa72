"""Minimise, equilibrate, produce: a trajectory made of sealed segments.

Each production segment starts from the sealed State of the one before, with random numbers of its own, and
becomes visible by one rename. A killed run therefore loses at most one segment and goes on from there; in
deterministic mode on one machine it ends in the same bits as a run that was never killed, because the
uninterrupted run reads the same States from the same files. Each segment records the hash of the State it began
from, so a segment of another run is found out. The length is no part of what a run is: with a larger
``production_ps`` in the same folder a run is extended, and in another folder it goes on from what a finished run left
(`md.extension`).

::

    workdir/
      run.json         what is simulated; a folder made for something else is refused
      start/           state.xml (equilibrated), log.json, seal.json
      taken/           in place of start: log.json, trajectory.xtc, state.xml of an earlier run, seal.json
      segment_0001/    trajectory.xtc, state.xml, log.json, seal.json
      topology.pdb     the solute as prepared, before minimisation
      trajectory.xtc   the solute, all segments joined
      preview.xtc      at most 50 frames of it
      state.xml        the last State
      log.json         what was recorded, for a run of another length to go on from
"""

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from md.checkpoint import begin, is_sealed, seal, sha256_of, verify, write_text
from md.cost import measured
from md.dynamics import Retry
from md.equilibrate import equilibrate
from md.errors import DiskFull
from md.extension import Beginning, Earlier, take, taken, write_log
from md.identity import atoms_sha256, identity_of, refuse_another
from md.production import Run, production
from md.quality import Finding
from md.settings import MdSettings
from md.size import estimate, refuse_full_disk
from md.structure import read
from md.system import prepare
from md.titration import Titrated
from md.trajectory import join, preview, write_solute

__all__ = ["MdResult", "run"]

PREVIEW_FRAMES = 50
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MdResult:
    """A finished run.

    Parameters
    ----------
    topology, trajectory, preview, log : Path
        PDB of the solute (chains and residue numbers of the input), XTC of the solute, at most 50 frames of it, and
        what a run of another length needs to know of this one.
    state : Path or None
        The last State; None where all was taken over from a longer run, which has kept its own end only.
    n_frames, n_preview, n_atoms, n_solute : int
        Frames, frames of the preview, simulated atoms, and atoms of protein, caps and zinc: the ones that are kept.
    trajectory_bytes : int
        Size of the trajectory.
    completed_ps, taken_over_ps : float
        Length of the production, and how much of it an earlier run had simulated.
    taken_from : str or None
        Name of that run.
    ns_per_day : float
        Speed of the segments that this call simulated; 0 where all had been there.
    platform : str
        OpenMM platform of the last segment.
    accelerator : str or None
        Name of the GPU that this call simulated on; None on the processor, or where all segments had been there.
    seed, replica : int
        What all random numbers come from.
    retries : tuple of Retry
        Phases that blew up and were repeated with half the step.
    notes : tuple of str
        What was decided in preparing the structure, and what of it is in the trajectory.
    titration : tuple of Titrated
        pKa and state of each titratable group, where PROPKA was asked.
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
    log: Path
    state: Path | None
    n_frames: int
    n_preview: int
    trajectory_bytes: int
    n_atoms: int
    n_solute: int
    completed_ps: float
    taken_over_ps: float
    taken_from: str | None
    ns_per_day: float
    platform: str
    accelerator: str | None
    seed: int
    replica: int
    retries: tuple[Retry, ...]
    notes: tuple[str, ...]
    titration: tuple[Titrated, ...]
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
    earlier: Earlier | None = None,
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
    earlier : Earlier, optional
        What a finished run of another length left: of it is taken what is wanted, and the rest is simulated. Looked at
        only where this run has not begun.
    progress : callable, optional
        Called with femtoseconds done and in all, equilibration included.

    Returns
    -------
    MdResult

    Raises
    ------
    InvalidStructure
        The structure must not be simulated.
    Unavailable
        This machine lacks the platform, or PROPKA.
    DamagedCheckpoint
        The folder belongs to another run, or a sealed file in it is not the one that was sealed.
    Unstable
        The simulation blew up with every step size tried.
    NotEquilibrated
        It is not fit to start production.
    DiskFull
        The disk cannot hold it, or could not hold what was being written; whole segments are kept.
    """
    identity = identity_of(structure, settings, chains, true_termini, replica)
    refuse_another(workdir / "run.json", identity)
    total_fs = round((settings.equilibration_ps + settings.production_ps) * 1000.0)

    def tell(done_ps: float) -> None:
        if progress is not None:
            progress(min(round(done_ps * 1000.0), total_fs), total_fs)

    size = estimate(read(structure, chains).positions_nm, settings, measured())
    prepared = prepare(structure, settings, chains=chains, true_termini=true_termini)
    refuse_full_disk(workdir, size)
    this = Run(workdir, prepared, settings, replica, tell)
    with _room(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        write_text(workdir / "run.json", json.dumps(identity, indent=1, sort_keys=True) + "\n")
        had = _beginning(this, identity, earlier)
        done = production(this, had)
        topology, trajectory = workdir / "topology.pdb", workdir / "trajectory.xtc"
        write_solute(topology, prepared.topology, prepared.positions_nm, prepared.n_solute)
        join(trajectory, done.pieces, prepared.n_solute)
        n_preview = preview(workdir / "preview.xtc", trajectory, PREVIEW_FRAMES)
        atoms, log, ending = atoms_sha256(prepared.topology), workdir / "log.json", had.state_sha256
        if done.state is not None:
            shutil.copyfile(done.state, workdir / "state.xml")
            ending = sha256_of(done.state)
        write_log(log, identity, atoms, had.start, done.logs, trajectory, ending)
    n_atoms = prepared.system.getNumParticles()
    kept = f"kept of each frame: {prepared.n_solute} of {n_atoms} particles, the protein with its caps and zinc"
    taken_over_ps = len(had.segments) * settings.checkpoint_interval_ps
    history = [f"the first {taken_over_ps:g} ps were simulated by run {had.name}"] if had.name else []
    return MdResult(
        topology=topology,
        trajectory=trajectory,
        preview=workdir / "preview.xtc",
        log=log,
        state=None if done.state is None else workdir / "state.xml",
        n_frames=settings.n_frames,
        n_preview=n_preview,
        trajectory_bytes=trajectory.stat().st_size,
        n_atoms=n_atoms,
        n_solute=prepared.n_solute,
        completed_ps=settings.production_ps,
        taken_over_ps=taken_over_ps,
        taken_from=had.name,
        ns_per_day=86.4 * done.simulated_ps / done.seconds if done.simulated_ps else 0.0,
        platform=done.logs[-1]["platform"],
        accelerator=done.accelerator,
        seed=settings.seed,
        replica=replica,
        retries=tuple(Retry(**retry) for entry in (had.start, *done.logs) for retry in entry["retries"]),
        notes=(*prepared.notes, *had.start["notes"], *history, kept),
        titration=prepared.titration,
        findings=tuple(Finding(**finding) for finding in had.start["findings"]),
        evidence=settings.force_field_entry().evidence,
        energy_minimised_kj_mol=had.start["energy_minimised_kj_mol"],
        minimised_rmsd_nm=had.start["minimised_rmsd_nm"],
        potential_kj_mol=tuple(value for entry in done.logs for value in entry["potential_kj_mol"]),
    )


def _beginning(this: Run, identity: dict[str, object], earlier: Earlier | None) -> Beginning:
    """Return where production begins: what is there of this run, else an earlier run, else its own equilibration."""
    start, taken_over, notes = this.workdir / "start", this.workdir / "taken", []
    if earlier is not None and not is_sealed(start) and not is_sealed(taken_over):
        atoms = atoms_sha256(this.prepared.topology)
        if reason := take(taken_over, earlier, identity, atoms, this.settings.n_segments):
            notes = [f"run {earlier.name} was not gone on from: {reason}"]
    if is_sealed(taken_over):
        had = taken(taken_over, this.settings.n_segments)
        this.tell(this.settings.equilibration_ps + len(had.segments) * this.settings.checkpoint_interval_ps)
        return had
    if not is_sealed(start):
        _start(start, this, notes)
    state = verify(start) / "state.xml"
    log = json.loads((start / "log.json").read_text(encoding="utf-8"))
    return Beginning(log, (), None, state, sha256_of(state), None)


def _start(folder: Path, this: Run, notes: Sequence[str]) -> None:
    working = begin(folder)
    result = equilibrate(this.prepared, this.settings, this.replica, this.tell)
    write_text(working / "state.xml", result.state_xml)
    log = {
        "platform": result.platform,
        "energy_input_kj_mol": result.energy_input_kj_mol,
        "energy_minimised_kj_mol": result.energy_minimised_kj_mol,
        "minimised_rmsd_nm": result.minimised_rmsd_nm,
        "findings": [asdict(finding) for finding in result.findings],
        "retries": [asdict(retry) for retry in result.retries],
        "notes": list(notes),
    }
    write_text(working / "log.json", json.dumps(log, indent=1) + "\n")
    seal(working)


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
