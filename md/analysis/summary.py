"""Everything that is measured on one trajectory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from md.analysis.hydrogen_bonds import Criterion, hydrogen_bonds
from md.analysis.image import minimum_image_distance_nm
from md.analysis.interface import (
    buried_surface_nm2,
    contacts,
    interface_pairs,
    intrachain_pairs,
    native_contacts,
)
from md.analysis.mobility import (
    PlddtCorrelation,
    ResidueMobility,
    against_plddt,
    checked_plddt,
    squared_displacements_nm2,
)
from md.analysis.secondary_structure import secondary_structure
from md.analysis.shape import end_to_end_nm, radius_of_gyration_nm, rmsd_nm
from md.analysis.solute import Chain, Solute, read
from md.forcefields.registry import CUTOFF_NM
from md.series import Metric, summarise

__all__ = ["IMAGE_CUTOFF_NM", "HydrogenBond", "MdAnalysis", "analyse"]

Floats = NDArray[np.float64]

IMAGE_CUTOFF_NM = CUTOFF_NM
"""An image closer than the cutoff of the direct forces acts on the protein."""

SURFACE_FRAMES = 100
"""Frames at most whose buried surface is measured."""


@dataclass(frozen=True)
class HydrogenBond:
    """A donor and an acceptor in two chains that were bonded in some frame.

    Parameters
    ----------
    donor_chain, donor_residue, donor_atom, acceptor_chain, acceptor_residue, acceptor_atom : str, int, str
        As in the topology.
    occupancy : float
        Share of frames, 0-1.
    """

    donor_chain: str
    donor_residue: int
    donor_atom: str
    acceptor_chain: str
    acceptor_residue: int
    acceptor_atom: str
    occupancy: float


@dataclass(frozen=True, eq=False)
class MdAnalysis:
    """Everything measured on a trajectory.

    Parameters
    ----------
    metrics : tuple of Metric
        Means with confidence intervals; of each chain under the same names in a complex and alone.
    residues : tuple of ResidueMobility
        R, in the order of the topology.
    correlations : tuple of PlddtCorrelation
        Mobility against pLDDT; empty without a pLDDT.
    bonds : tuple of HydrogenBond
        Between two chains, most frequent first.
    time_ps : float64 (n,)
        Of the frames kept.
    series : dict of str to float64 (n,)
        By the name of the metric; not-a-number in frames that were passed over.
    discarded_ps : dict of str to float
        Left out as equilibration before the mean of a metric, beyond ``discard_ps``.
    secondary_structure : str (n, R)
        DSSP codes.
    occupancy : float64 (R_a, R_b) or None
        Share of frames in which two residues of the two chains touch; None for one chain.
    n_image_frames : int or None
        Frames in which the protein is within the cutoff of its own image; None without a box.
    """

    metrics: tuple[Metric, ...]
    residues: tuple[ResidueMobility, ...]
    correlations: tuple[PlddtCorrelation, ...]
    bonds: tuple[HydrogenBond, ...]
    time_ps: Floats
    series: dict[str, Floats]
    discarded_ps: dict[str, float]
    secondary_structure: NDArray[np.str_]
    occupancy: Floats | None
    n_image_frames: int | None


def analyse(
    topology: Path,
    trajectory: Path,
    *,
    discard_ps: float = 0.0,
    plddt: Mapping[str, Sequence[float]] | None = None,
    criterion: Criterion = "baker_hubbard",
    detect_equilibration: bool = True,
    image_cutoff_nm: float = IMAGE_CUTOFF_NM,
) -> MdAnalysis:
    """Measure a trajectory.

    Parameters
    ----------
    topology : Path
        PDB of the atoms in the trajectory, as the simulation began: displacements and native contacts are from here.
    trajectory : Path
        XTC.
    discard_ps : float
        What is left out at the start of everything.
    plddt : mapping of str to sequence of float, optional
        By chain, a value for each residue, 0-100.
    criterion : str
        Of hydrogen bonds, a key of `md.analysis.hydrogen_bonds.CRITERIA`.
    detect_equilibration : bool
        Whether each mean leaves out what its series needs to forget its start.
    image_cutoff_nm : float
        A frame whose protein is closer to an image of itself is flagged.

    Returns
    -------
    MdAnalysis

    Raises
    ------
    InvalidStructure
        The trajectory is damaged, belongs to another structure, has no frame left or numbers that are not finite, or
        the table of pLDDT has another length.
    """
    solute = read(topology, trajectory, discard_ps=discard_ps)
    confidence = None if plddt is None else checked_plddt(solute, plddt)
    found = _Metrics(solute.time_ps, detect_equilibration)
    _shapes(solute, found)
    codes = secondary_structure(solute)
    for chain, part in _parts(solute):
        found.add(f"helix_{chain.name}", "1", codes.helix[:, part].mean(axis=1))
        found.add(f"strand_{chain.name}", "1", codes.strand[:, part].mean(axis=1))
    occupancy, bonds = None, ()
    if len(solute.chains) == 2:
        occupancy, bonds = _interface(solute, found, criterion)
    n_image_frames = None
    if solute.boxes_nm is not None:
        distances = minimum_image_distance_nm(solute.xyz_nm, solute.boxes_nm)
        n_image_frames = int(np.sum(distances < image_cutoff_nm))
        nearest = int(np.argmin(distances))
        note = (
            f"self-interaction: {n_image_frames} of {len(solute)} frames have an image within {image_cutoff_nm:g} nm, "
            f"the nearest {distances[nearest]:.2f} nm at {solute.time_ps[nearest]:g} ps"
        )
        found.add("minimum_image_distance", "nm", distances, note=note if n_image_frames else "")
    squared = squared_displacements_nm2(solute)
    return MdAnalysis(
        metrics=tuple(found.metrics),
        residues=_residues(solute, squared, codes.helix.mean(axis=0), codes.strand.mean(axis=0), confidence),
        correlations=() if confidence is None else against_plddt(solute, squared, confidence),
        bonds=bonds,
        time_ps=solute.time_ps,
        series=found.series,
        discarded_ps=found.discarded_ps,
        secondary_structure=codes.codes,
        occupancy=occupancy,
        n_image_frames=n_image_frames,
    )


class _Metrics:
    """Series and their means, as they are measured."""

    def __init__(self, time_ps: Floats, detect: bool) -> None:
        self.time_ps, self.detect = time_ps, detect
        self.metrics: list[Metric] = []
        self.series: dict[str, Floats] = {}
        self.discarded_ps: dict[str, float] = {}

    def add(self, name: str, unit: str, values: Floats, *, stride: int = 1, note: str = "") -> None:
        """Keep the values of every ``stride``-th frame and their mean."""
        metric = summarise(name, unit, values, detect=self.detect, note=note)
        series = np.full(len(self.time_ps), np.nan)
        series[::stride] = values
        self.metrics.append(metric)
        self.series[name] = series
        self.discarded_ps[name] = float(self.time_ps[metric.n_discarded * stride] - self.time_ps[0])

    def withhold(self, name: str, unit: str, reason: str) -> None:
        """Keep the reason why there is nothing to measure."""
        self.metrics.append(Metric(name, unit, None, None, None, None, 0.0, note=f"withheld: {reason}"))
        self.series[name] = np.full(len(self.time_ps), np.nan)
        self.discarded_ps[name] = 0.0


def _shapes(solute: Solute, found: _Metrics) -> None:
    """Measure distance from the start and size, of the whole and of each chain."""
    start, chains = solute.start_nm, solute.chains
    alpha, atoms = (np.concatenate(each) for each in zip(*((c.alpha, c.atoms) for c in chains), strict=True))
    found.add("rmsd", "nm", rmsd_nm(solute.positions_nm(alpha), start[alpha]))
    found.add("radius_of_gyration", "nm", radius_of_gyration_nm(solute.positions_nm(atoms), solute.masses[atoms]))
    for chain in chains:
        xyz = solute.positions_nm(chain.alpha)
        found.add(f"rmsd_{chain.name}", "nm", rmsd_nm(xyz, start[chain.alpha]))
        rg = radius_of_gyration_nm(solute.positions_nm(chain.atoms), solute.masses[chain.atoms])
        found.add(f"radius_of_gyration_{chain.name}", "nm", rg)
        found.add(f"end_to_end_{chain.name}", "nm", end_to_end_nm(xyz))
        _native(solute, found, f"native_contacts_{chain.name}", intrachain_pairs(start, chain))


def _interface(solute: Solute, found: _Metrics, criterion: Criterion) -> tuple[Floats, tuple[HydrogenBond, ...]]:
    """Measure what is between two chains."""
    a, b = solute.chains
    touching = contacts(solute, a, b)
    found.add("interchain_contacts", "residue pairs", touching.counts)
    _native(solute, found, "interchain_native_contacts", interface_pairs(solute.start_nm, a, b))
    bonded = hydrogen_bonds(solute, a, b, criterion)
    found.add("interchain_hydrogen_bonds", "bonds", bonded.counts, note=f"criterion {criterion}")
    surface, stride = buried_surface_nm2(solute, a, b, SURFACE_FRAMES)
    found.add("buried_surface", "nm^2", surface, stride=stride)
    return touching.occupancy, tuple(
        _bond(solute, int(donor), int(acceptor), float(share))
        for (donor, acceptor), share in zip(bonded.pairs, bonded.occupancy, strict=True)
    )


def _native(solute: Solute, found: _Metrics, name: str, pairs: NDArray[np.int64]) -> None:
    if len(pairs):
        found.add(name, "1", native_contacts(solute, pairs))
    else:
        found.withhold(name, "1", "the structure of the start has no such contact")


def _bond(solute: Solute, donor: int, acceptor: int, occupancy: float) -> HydrogenBond:
    ends = [solute.topology.atom(index) for index in (donor, acceptor)]
    names = {index: chain.name for chain in solute.chains for index in (donor, acceptor) if index in chain.atoms}
    (d, a) = ends
    return HydrogenBond(names[donor], d.residue.resSeq, d.name, names[acceptor], a.residue.resSeq, a.name, occupancy)


def _residues(
    solute: Solute, squared: Mapping[str, Floats], helix: Floats, strand: Floats, plddt: Floats | None
) -> tuple[ResidueMobility, ...]:
    mobility = {name: np.sqrt(values.mean(axis=0)) for name, values in squared.items()}
    names = [(chain.name, number) for chain in solute.chains for number in chain.numbers]
    return tuple(
        ResidueMobility(
            chain=chain,
            residue=number,
            displacement_complex_nm=float(mobility["displacement_complex"][place]),
            displacement_chain_nm=float(mobility["displacement_chain"][place]),
            rmsf_nm=float(mobility["rmsf"][place]),
            helix_fraction=float(helix[place]),
            strand_fraction=float(strand[place]),
            plddt=None if plddt is None else float(plddt[place]),
        )
        for place, (chain, number) in enumerate(names)
    )


def _parts(solute: Solute) -> list[tuple[Chain, slice]]:
    """Return each chain with the place of its residues among all."""
    ends = np.cumsum([len(chain.numbers) for chain in solute.chains])
    return [
        (chain, slice(int(end) - len(chain.numbers), int(end))) for chain, end in zip(solute.chains, ends, strict=True)
    ]
