"""What a trajectory says: shape, mobility and interface, each a pure function with a named criterion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure
from md.series import Metric, summarise

if TYPE_CHECKING:
    from mdtraj import Topology, Trajectory

__all__ = [
    "MdAnalysis",
    "ResidueMobility",
    "analyse",
    "contact_occupancy",
    "hydrogen_bonds",
    "radius_of_gyration_nm",
    "rmsd_nm",
    "rmsf_nm",
]

Floats = NDArray[np.float64]

CONTACT_NM = 0.45
"""Heavy atoms of two chains touch below this (Best, Hummer & Eaton 2013, doi 10.1073/pnas.1311599110)."""

SUPERPOSITION_ROUNDS = 5
CAPS = frozenset({"ACE", "NME"})


@dataclass(frozen=True)
class ResidueMobility:
    """Root-mean-square fluctuation of a residue's C-alpha, caps excluded.

    Parameters
    ----------
    chain : str
        Chain of the structure.
    residue : int
        Residue number of the structure.
    rmsf_nm : float
        After superposing its own chain on its average.
    """

    chain: str
    residue: int
    rmsf_nm: float


@dataclass(frozen=True, eq=False)
class MdAnalysis:
    """Everything measured on a trajectory.

    Parameters
    ----------
    metrics : tuple of Metric
        Means with confidence intervals.
    residues : tuple of ResidueMobility
        In the order of the structure.
    time_ps : float64 (n_frames,)
        Of the frames kept.
    series : dict of str to float64 (n_frames,)
        By the name of the metric.
    occupancy : float64 (residues of A, residues of B) or None
        Fraction of frames in which two residues of the two chains touch; None for one chain.
    """

    metrics: tuple[Metric, ...]
    residues: tuple[ResidueMobility, ...]
    time_ps: Floats
    series: dict[str, Floats]
    occupancy: Floats | None


def analyse(topology: Path, trajectory: Path, *, discard_ps: float = 0.0) -> MdAnalysis:
    """Measure a trajectory.

    Parameters
    ----------
    topology : Path
        PDB of the atoms in the trajectory.
    trajectory : Path
        XTC.
    discard_ps : float
        What is left out at the start.

    Returns
    -------
    MdAnalysis
        RMSD to the first frame and radius of gyration of the whole and of each chain, end-to-end distances, and for two
        chains their contacts and hydrogen bonds.

    Raises
    ------
    InvalidStructure
        The trajectory is damaged, belongs to another structure, or has no frame left.
    """
    import mdtraj

    try:
        model = mdtraj.load(str(topology))
        whole = mdtraj.load(str(trajectory), top=model.topology)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidStructure(f"{trajectory}: cannot be read with {topology.name}: {error}") from error
    chains = [np.flatnonzero(_chain_of(whole.topology) == index) for index in range(whole.topology.n_chains)]
    if whole.unitcell_vectors is not None:
        _bring_together(whole, model, chains)
    kept = whole[np.flatnonzero(whole.time > discard_ps)]
    if not kept.n_frames:
        raise InvalidStructure(
            f"{trajectory}: no frame after {discard_ps:g} ps, the last is at {whole.time[-1]:g} ps",
            cure="lower md_analysis.discard_ps, or simulate longer",
        )
    names = [_chain_name(_topology(kept), index) for index in range(len(chains))]
    alpha = _named(_topology(kept), "CA")
    series: dict[str, Floats] = {}
    units: dict[str, str] = {}

    def keep(name: str, unit: str, values: Floats) -> None:
        series[name], units[name] = np.asarray(values, np.float64), unit

    keep("rmsd", "nm", rmsd_nm(kept, alpha))
    keep("radius_of_gyration", "nm", radius_of_gyration_nm(kept, np.arange(kept.n_atoms)))
    residues: list[ResidueMobility] = []
    for name, atoms in zip(names, chains, strict=True):
        own = np.intersect1d(alpha, atoms)
        if len(chains) > 1:
            keep(f"rmsd_{name}", "nm", rmsd_nm(kept, own))
            keep(f"radius_of_gyration_{name}", "nm", radius_of_gyration_nm(kept, atoms))
        keep(f"end_to_end_{name}", "nm", np.linalg.norm(_xyz(kept)[:, own[-1]] - _xyz(kept)[:, own[0]], axis=1))
        mobility = rmsf_nm(kept, own)
        residues += [
            ResidueMobility(name, _topology(kept).atom(atom).residue.resSeq, float(value))
            for atom, value in zip(own, mobility, strict=True)
        ]
    occupancy = None
    if len(chains) == 2:
        touching = _residue_contacts(kept, chains[0], chains[1])
        occupancy = touching.mean(axis=0)
        keep("interchain_contacts", "residue pairs", touching.sum(axis=(1, 2)).astype(np.float64))
        keep("interchain_hydrogen_bonds", "bonds", hydrogen_bonds(kept, chains[0], chains[1]))
    metrics = tuple(summarise(name, units[name], values) for name, values in series.items())
    return MdAnalysis(metrics, tuple(residues), np.asarray(kept.time, np.float64), series, occupancy)


def rmsd_nm(trajectory: "Trajectory", atoms: NDArray[np.int64]) -> Floats:
    """Return the root-mean-square distance of atoms from the first frame, after superposing them on it.

    Parameters
    ----------
    trajectory : Trajectory
        n frames.
    atoms : int (k,)
        Atoms superposed and measured.

    Returns
    -------
    float64 (n,)
        nm.
    """
    import mdtraj

    return np.asarray(mdtraj.rmsd(trajectory, trajectory, 0, atom_indices=atoms), np.float64)


def rmsf_nm(trajectory: "Trajectory", atoms: NDArray[np.int64]) -> Floats:
    """Return the root-mean-square fluctuation of atoms about their average.

    The atoms are superposed on their average, which is taken again from the superposed frames, five times over:
    superposing on one frame would count that frame's own deviation as motion.

    Parameters
    ----------
    trajectory : Trajectory
        n frames; not changed.
    atoms : int (k,)
        Atoms superposed and measured.

    Returns
    -------
    float64 (k,)
        nm.
    """
    part = trajectory.atom_slice(atoms)
    reference = part[0]
    for _ in range(SUPERPOSITION_ROUNDS):
        part.superpose(reference)
        reference.xyz = _xyz(part).mean(axis=0, keepdims=True)
    deviation = _xyz(part) - _xyz(part).mean(axis=0)
    return np.sqrt((deviation**2).sum(axis=2).mean(axis=0))


def radius_of_gyration_nm(trajectory: "Trajectory", atoms: NDArray[np.int64]) -> Floats:
    """Return the mass-weighted radius of gyration about the centre of mass.

    Parameters
    ----------
    trajectory : Trajectory
        n frames.
    atoms : int (k,)
        Atoms.

    Returns
    -------
    float64 (n,)
        nm.
    """
    masses = np.array([_topology(trajectory).atom(atom).element.mass for atom in atoms])
    xyz = _xyz(trajectory)[:, atoms]
    centre = np.einsum("nki,k->ni", xyz, masses) / masses.sum()
    squared = ((xyz - centre[:, None]) ** 2).sum(axis=2)
    return np.sqrt(squared @ masses / masses.sum())


def contact_occupancy(trajectory: "Trajectory", a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    """Return the fraction of frames in which residues of two groups touch.

    Parameters
    ----------
    trajectory : Trajectory
        n frames.
    a, b : int
        Atoms of the two groups, residue by residue.

    Returns
    -------
    float64 (residues of a, residues of b)
        Two residues touch where any of their heavy atoms are closer than 0.45 nm.
    """
    return _residue_contacts(trajectory, a, b).mean(axis=0)


def hydrogen_bonds(trajectory: "Trajectory", a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    """Return the number of hydrogen bonds between two groups in each frame.

    Parameters
    ----------
    trajectory : Trajectory
        n frames, with hydrogens.
    a, b : int
        Atoms of the two groups.

    Returns
    -------
    float64 (n,)
        By the criterion of Baker & Hubbard 1984 (doi 10.1016/0079-6107(84)90007-5): H···acceptor below 0.25 nm and the
        angle at H above 120 degrees.
    """
    import mdtraj

    side = np.zeros(trajectory.n_atoms, np.int64)
    side[a], side[b] = 1, 2
    counts = np.zeros(trajectory.n_frames)
    for frame in range(trajectory.n_frames):
        bonds = mdtraj.baker_hubbard(trajectory[frame], freq=0.0, periodic=False)
        if len(bonds):
            counts[frame] = np.sum(side[bonds[:, 0]] * side[bonds[:, 2]] == 2)
    return counts


def _bring_together(trajectory: "Trajectory", model: "Trajectory", chains: Sequence[NDArray[np.int64]]) -> None:
    """Shift chains by whole box vectors to where they were next to the first one: in the model, then frame by frame.

    The barostat puts each molecule into the first image by itself, so partners can be an image apart. MDTraj's own
    remedy wants smaller molecules beside the anchors, and the solute alone has none.
    """
    boxes = np.asarray(trajectory.unitcell_vectors, np.float64)
    xyz, start = _xyz(trajectory), _xyz(model)[0]
    for atoms in chains[1:]:
        offsets = xyz[:, atoms].mean(axis=1) - xyz[:, chains[0]].mean(axis=1)
        before = start[atoms].mean(axis=0) - start[chains[0]].mean(axis=0)
        for frame, (offset, box) in enumerate(zip(offsets, boxes, strict=True)):
            shift = np.round((offset - before) @ np.linalg.inv(box)) @ box
            xyz[frame, atoms] -= shift
            before = offset - shift
    trajectory.xyz = xyz


def _xyz(trajectory: "Trajectory") -> Floats:
    """Return coordinates in nm, float64 (n_frames, n_atoms, 3); MDTraj keeps and types them more loosely."""
    return np.array(trajectory.xyz, np.float64)


def _residue_contacts(trajectory: "Trajectory", a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which residues touch in which frame, bool (n, residues of a, residues of b)."""
    (atoms_a, first_a), (atoms_b, first_b) = (_heavy_by_residue(_topology(trajectory), group) for group in (a, b))
    touching = np.empty((trajectory.n_frames, len(first_a), len(first_b)), bool)
    for frame, xyz in enumerate(_xyz(trajectory)):
        apart = np.linalg.norm(xyz[atoms_a][:, None] - xyz[atoms_b][None], axis=2)
        nearest = np.minimum.reduceat(np.minimum.reduceat(apart, first_a, axis=0), first_b, axis=1)
        touching[frame] = nearest < CONTACT_NM
    return touching


def _heavy_by_residue(topology: "Topology", group: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Return the heavy atoms of a group without caps, and where each residue's begin among them."""
    atoms = [atom for atom in map(topology.atom, group) if atom.element.symbol != "H" and atom.residue.name not in CAPS]
    residues = np.array([atom.residue.index for atom in atoms])
    first = np.flatnonzero(np.r_[True, residues[1:] != residues[:-1]])
    return np.array([atom.index for atom in atoms]), first


def _topology(trajectory: "Trajectory") -> "Topology":
    return cast("Topology", trajectory.topology)


def _named(topology: "Topology", name: str) -> NDArray[np.int64]:
    return np.array([a.index for a in topology.atoms if a.name == name and a.residue.name not in CAPS])


def _chain_of(topology: "Topology") -> NDArray[np.int64]:
    return np.array([atom.residue.chain.index for atom in topology.atoms])


def _chain_name(topology: "Topology", index: int) -> str:
    return str(topology.chain(index).chain_id or index + 1)
