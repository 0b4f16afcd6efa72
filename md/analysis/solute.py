"""A trajectory in memory: the protein as arrays, whole and in one image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.analysis.image import bring_together, make_whole
from md.errors import InvalidStructure
from md.residues import CAPS

if TYPE_CHECKING:
    from mdtraj import Topology

__all__ = ["Chain", "Solute", "read"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

PROTEIN = frozenset({"N", "CA", "C"})  # a residue with these atoms is of the protein; caps and zinc lack some


@dataclass(frozen=True, eq=False)
class Chain:
    """One protein chain, without caps and ions.

    Parameters
    ----------
    name : str
        Identifier in the topology.
    numbers : tuple of int, length R
        Residue numbers in the topology.
    atoms, alpha, heavy : int64 (n,), (R,), (k,)
        Its atoms, its C-alphas, its heavy atoms: indices into the solute, residue by residue.
    residue_of_heavy : int64 (k,)
        Which of the R residues each heavy atom belongs to.
    residues : int64 (R,)
        Indices of its residues in the topology.
    """

    name: str
    numbers: tuple[int, ...]
    atoms: Indices
    alpha: Indices
    heavy: Indices
    residue_of_heavy: Indices
    residues: Indices


@dataclass(frozen=True, eq=False)
class Solute:
    """All frames of a protein.

    Parameters
    ----------
    topology : mdtraj.Topology
        N atoms: chains, residues, bonds.
    chains : tuple of Chain
        Protein chains, in order.
    masses : float64 (N,)
        Dalton.
    start_nm : float64 (N, 3)
        The structure the simulation began from, before minimisation.
    xyz_nm : float32 (n, N, 3)
        Molecules whole, chains in the image in which they began.
    boxes_nm : float64 (n, 3, 3) or None
        Vectors in rows; None without a box.
    time_ps : float64 (n,)
    """

    topology: "Topology"
    chains: tuple[Chain, ...]
    masses: Floats
    start_nm: Floats
    xyz_nm: NDArray[np.float32]
    boxes_nm: Floats | None
    time_ps: Floats

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.xyz_nm)

    def positions_nm(self, atoms: Indices) -> Floats:
        """Return the frames of some atoms, float64 (n, len(atoms), 3)."""
        return self.xyz_nm[:, atoms].astype(np.float64)


def read(topology: Path, trajectory: Path, *, discard_ps: float = 0.0) -> Solute:
    """Read a trajectory, make its molecules whole and bring its chains to one image.

    Parameters
    ----------
    topology : Path
        PDB of the atoms in the trajectory, as the simulation began.
    trajectory : Path
        XTC.
    discard_ps : float
        What is left out at the start.

    Returns
    -------
    Solute

    Raises
    ------
    InvalidStructure
        ``trajectory``: damaged, or of other atoms. ``no_protein``: no chain has a C-alpha. ``not_finite``: a
        coordinate is not a number. ``no_frames``: nothing is left.
    """
    import mdtraj

    try:
        model = mdtraj.load(str(topology))
        whole = mdtraj.load(str(trajectory), top=model.topology)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidStructure(
            f"{trajectory}: cannot be read with {topology.name}: {error}",
            code="trajectory",
            cure="simulate again: a damaged trajectory is not repaired",
        ) from error
    chains = _chains(whole.topology)
    if not chains:
        raise InvalidStructure(f"{topology}: no protein chain", code="no_protein")
    xyz = np.asarray(whole.xyz, np.float32)
    if len(bad := np.flatnonzero(~np.isfinite(xyz).all(axis=(1, 2)))):
        raise InvalidStructure(
            f"{trajectory}: frame {bad[0] + 1} at {whole.time[bad[0]]:g} ps has coordinates that are not numbers",
            code="not_finite",
            cure="simulate again, with a shorter timestep_fs",
        )
    start = np.asarray(model.xyz[0], np.float64)
    boxes = None if whole.unitcell_vectors is None else np.asarray(whole.unitcell_vectors, np.float64)
    if boxes is not None:
        bonds = np.array([(a.index, b.index) for a, b in whole.topology.bonds], np.int64).reshape(-1, 2)
        xyz = bring_together(make_whole(xyz, boxes, bonds), boxes, bonds, start)
    time = np.asarray(whole.time, np.float64)
    kept = time > discard_ps
    if not kept.any():
        last = f"the last is at {time[-1]:g} ps" if len(time) else "it is empty"
        raise InvalidStructure(
            f"{trajectory}: no frame after {discard_ps:g} ps, {last}",
            code="no_frames",
            cure="lower md_analysis.discard_ps, or simulate longer",
        )
    return Solute(
        topology=whole.topology,
        chains=chains,
        masses=np.array([atom.element.mass for atom in whole.topology.atoms], np.float64),
        start_nm=start,
        xyz_nm=xyz[kept],
        boxes_nm=None if boxes is None else boxes[kept],
        time_ps=time[kept],
    )


def _chains(topology: "Topology") -> tuple[Chain, ...]:
    found = []
    for chain in topology.chains:
        residues = [r for r in chain.residues if r.name not in CAPS and {atom.name for atom in r.atoms} >= PROTEIN]
        if not residues:
            continue
        heavy = [
            (atom.index, place)
            for place, residue in enumerate(residues)
            for atom in residue.atoms
            if atom.element.symbol != "H"
        ]
        found.append(
            Chain(
                name=str(chain.chain_id or chain.index + 1),
                numbers=tuple(residue.resSeq for residue in residues),
                atoms=np.array([atom.index for residue in residues for atom in residue.atoms], np.int64),
                alpha=np.array([residue.atom("CA").index for residue in residues], np.int64),
                heavy=np.array([index for index, _ in heavy], np.int64),
                residue_of_heavy=np.array([place for _, place in heavy], np.int64),
                residues=np.array([residue.index for residue in residues], np.int64),
            )
        )
    return tuple(found)
