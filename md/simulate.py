"""Minimise, equilibrate, produce: a trajectory made of sealed segments.

Each production segment starts from the sealed State of the one before, with random numbers of its own, and
becomes visible by one rename. A killed run therefore loses at most one segment and goes on from there; in
deterministic mode on one machine it ends in the same bits as a run that was never killed, because the
uninterrupted run reads the same States from the same files.

::

    workdir/
      run.json         what is simulated; a folder made for something else is refused
      start/           system.xml, topology.pdb, state.xml (equilibrated), log.json, seal.json
      segment_0001/    trajectory.xtc, state.xml, log.json, seal.json
      topology.pdb     the solute as prepared, before minimisation
      trajectory.xtc   the solute, all segments joined
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.checkpoint import begin, is_sealed, seal, verify, write_text
from md.dynamics import Retry, equilibrate, produce, solute_names
from md.errors import DamagedCheckpoint, InvalidStructure
from md.forcefields import FORCE_FIELDS
from md.settings import MdSettings
from md.system import PreparedSystem, prepare

if TYPE_CHECKING:
    from openmm.app import Topology

__all__ = ["MdResult", "run"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MdResult:
    """A finished run.

    Parameters
    ----------
    topology, trajectory, state : Path
        PDB of the solute (chains and residue numbers of the input), XTC of the solute, and the last State.
    n_frames, n_atoms, n_solute : int
        Frames, simulated atoms, and atoms of protein and caps.
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
        What was decided in preparing the structure.
    evidence : str
        What a trajectory with this force field does and does not show.
    energy_minimised_kj_mol, minimised_rmsd_nm : float
        Of the minimised start; how far minimisation moved the heavy atoms.
    potential_kj_mol : tuple of float
        Potential energy at each frame.
    """

    topology: Path
    trajectory: Path
    state: Path
    n_frames: int
    n_atoms: int
    n_solute: int
    completed_ps: float
    ns_per_day: float
    platform: str
    seed: int
    replica: int
    retries: tuple[Retry, ...]
    notes: tuple[str, ...]
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
    """Simulate a structure, or go on with what a killed run of the same left in the folder.

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
    """
    identity = _identity(structure, settings, chains, true_termini, replica)
    _refuse_another(workdir / "run.json", identity)
    total_fs = round((settings.equilibration_ps + settings.production_ps) * 1000.0)

    def tell(done_ps: float) -> None:
        if progress is not None:
            progress(min(round(done_ps * 1000.0), total_fs), total_fs)

    prepared = prepare(structure, settings, chains=chains, true_termini=true_termini)
    workdir.mkdir(parents=True, exist_ok=True)
    write_text(workdir / "run.json", json.dumps(identity, indent=1, sort_keys=True) + "\n")
    start = _start(workdir, prepared, settings, replica, tell)
    state = verify(start) / "state.xml"
    log = json.loads((start / "log.json").read_text(encoding="utf-8"))
    logs, simulated_ps, began = [], 0.0, time.monotonic()
    for number in range(1, settings.n_segments + 1):
        folder = workdir / f"segment_{number:04d}"
        if not is_sealed(folder):
            before_ps = settings.equilibration_ps + (number - 1) * settings.checkpoint_interval_ps
            _segment(folder, prepared, state, settings, replica, number, lambda ps, at=before_ps: tell(at + ps))
            simulated_ps += settings.checkpoint_interval_ps
        state = verify(folder) / "state.xml"
        logs.append(json.loads((folder / "log.json").read_text(encoding="utf-8")))
    seconds = time.monotonic() - began
    topology, trajectory = _join(workdir, prepared, settings)
    return MdResult(
        topology=topology,
        trajectory=trajectory,
        state=_copy(state, workdir / "state.xml"),
        n_frames=settings.n_frames,
        n_atoms=prepared.system.getNumParticles(),
        n_solute=prepared.n_solute,
        completed_ps=settings.production_ps,
        ns_per_day=86.4 * simulated_ps / seconds if simulated_ps else 0.0,
        platform=logs[-1]["platform"],
        seed=settings.seed,
        replica=replica,
        retries=tuple(Retry(**retry) for entry in (log, *logs) for retry in entry["retries"]),
        notes=prepared.notes,
        evidence=FORCE_FIELDS[settings.force_field].evidence,
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
    """Return what decides every number of a run."""
    try:
        content = structure.read_bytes()
    except OSError as error:
        raise InvalidStructure(f"{structure}: {error.strerror or error}") from error
    return {
        "structure_sha256": hashlib.sha256(content).hexdigest(),
        "settings": settings.model_dump(mode="json", exclude={"platform", "threads", "replicas"}),
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
        raise DamagedCheckpoint(f"{path}: not JSON ({error})", cure=cure) from error
    if found != identity:
        raise DamagedCheckpoint(f"{path.parent} holds a run of another structure or protocol", cure=cure)


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
    result = produce(prepared.system, names, state.read_text(encoding="utf-8"), number, settings, replica, tick)
    write_text(working / "state.xml", result.state_xml)
    first = (number - 1) * settings.frames_per_segment
    _write_xtc(working / "trajectory.xtc", result.frames_nm, result.boxes_nm, first, settings)
    log = {
        "platform": result.platform,
        "potential_kj_mol": list(result.potential_kj_mol),
        "retries": [asdict(retry) for retry in result.retries],
    }
    write_text(working / "log.json", json.dumps(log, indent=1) + "\n")
    seal(working)


def _write_xtc(
    path: Path,
    frames_nm: NDArray[np.float32],
    boxes_nm: NDArray[np.float32],
    first: int,
    settings: MdSettings,
) -> None:
    from mdtraj.formats import XTCTrajectoryFile

    numbers = np.arange(first + 1, first + len(frames_nm) + 1)
    with XTCTrajectoryFile(str(path), "w") as file:
        file.write(
            frames_nm,
            time=(numbers * settings.frame_interval_ps).astype(np.float32),
            step=numbers.astype(np.int32),
            box=boxes_nm if boxes_nm.any() else None,
        )


def _join(workdir: Path, prepared: PreparedSystem, settings: MdSettings) -> tuple[Path, Path]:
    """Write the solute's topology and one trajectory of all segments."""
    from mdtraj.formats import XTCTrajectoryFile

    topology, trajectory = workdir / "topology.pdb", workdir / "trajectory.xtc"
    _write_solute(topology, prepared.topology, prepared.positions_nm, prepared.n_solute)
    working = trajectory.with_name("trajectory.part.xtc")
    with XTCTrajectoryFile(str(working), "w") as out:
        for number in range(1, settings.n_segments + 1):
            with XTCTrajectoryFile(str(workdir / f"segment_{number:04d}" / "trajectory.xtc")) as file:
                xyz, moments, steps, boxes = file.read()
            out.write(xyz, time=moments, step=steps, box=boxes if np.any(boxes) else None)
    working.replace(trajectory)
    return topology, trajectory


def _write_solute(path: Path, topology: "Topology", positions_nm: NDArray[np.float64], n_solute: int) -> None:
    from openmm import unit
    from openmm.app import Modeller, PDBFile

    modeller = Modeller(topology, unit.Quantity(10.0 * positions_nm, unit.angstrom))
    modeller.delete([atom for atom in topology.atoms() if atom.index >= n_solute])
    with path.open("w", encoding="utf-8") as file:
        PDBFile.writeFile(modeller.topology, modeller.positions, file, keepIds=True)


def _copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    return target
