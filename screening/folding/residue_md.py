"""The embedded backend: two segments simulated together, one bead per residue, then rebuilt to atoms.

Langevin dynamics of both chains in a periodic cube with the CALVADOS 2 force field (`screening.folding.calvados`). It
measures how often and where the chains touch; it predicts no fold. A segment with high pLDDT keeps the fold of its
monomer coordinates; without them it is unsupported. The structure is the bound frame closest to the mean contact map.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from screening.errors import InvalidInput, Unstable, Unsupported
from screening.folding.backend import FoldRequest, FoldResult, FoldSegment, Observable, Progress
from screening.folding.binding import (
    ContactStatistics,
    Trajectory,
    contact_statistics,
    dissociation_constant_molar,
    pair_concentration_molar,
)
from screening.folding.calvados import (
    BOND_LENGTH_NM,
    CHARGE_CUTOFF_NM,
    Chain,
    Solution,
    build_system,
    elastic_pairs,
)
from screening.folding.rebuild import ChainTrace, rebuild

if TYPE_CHECKING:
    import openmm

__all__ = [
    "DEMO",
    "ResidueMd",
    "ResidueMdSettings",
    "box_edge_nm",
    "expected_rg_nm",
    "read_ca_nm",
    "simulate",
]

REMARK = "RESIDUE_MD: CALVADOS 2 FRAME REBUILT TO ATOMS. NOT AN ALPHAFOLD MODEL. NO PLDDT."
"""First line of every model."""
FRICTION_PER_PS = 0.01
"""Langevin friction of CALVADOS (PNAS 2021, doi 10.1073/pnas.2111696118, Methods)."""
MINIMUM_RESIDUES = 4
"""Shorter chains have no backbone torsion to rebuild from."""


class ResidueMdSettings(BaseModel):
    """How long and in which conditions; the defaults take about an hour per pair on one core, `DEMO` about a minute.

    Attributes
    ----------
    production_ns, equilibration_ns : float
        Length of each replica, and what is discarded before it.
    replicas : int
        Independent runs from different starts and seeds.
    temperature_kelvin, ionic_strength_molar, ph : float
        Conditions.
    timestep_fs : float
        CALVADOS uses 10; the stiffest vibration has a period of 0.5 ps, and 20 keeps the temperature.
    frame_interval_ps : float
        Time between the frames that are analysed.
    box_nm : float or None
        Edge of the periodic cube; None takes the size from the chains' expected radii of gyration.
    contact_cutoff_nm : float
        Residues with C-alphas closer than this touch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    production_ns: float = Field(default=100.0, gt=0)
    equilibration_ns: float = Field(default=1.0, ge=0)
    replicas: int = Field(default=3, ge=1)
    temperature_kelvin: float = Field(default=300.0, ge=273.15, le=373.15)
    ionic_strength_molar: float = Field(default=0.15, ge=0.0, le=1.0)
    ph: float = Field(default=7.4, ge=0.0, le=14.0)
    timestep_fs: float = Field(default=20.0, gt=0.0, le=25.0)
    frame_interval_ps: float = Field(default=20.0, gt=0.0)
    box_nm: float | None = Field(default=None, ge=2 * CHARGE_CUTOFF_NM)
    contact_cutoff_nm: float = Field(default=0.8, gt=0.5, le=1.5)

    @property
    def solution(self) -> Solution:
        """The conditions as the force field takes them."""
        return Solution(self.temperature_kelvin, self.ionic_strength_molar, self.ph)

    @property
    def steps_per_frame(self) -> int:
        """Integration steps between frames, at least 1."""
        return max(1, round(self.frame_interval_ps * 1e3 / self.timestep_fs))

    @property
    def frames(self) -> int:
        """Frames per replica that are analysed, at least 1."""
        return max(1, round(self.production_ns * 1e3 / self.frame_interval_ps))

    @property
    def equilibration_frames(self) -> int:
        """Frames per replica that are discarded."""
        return round(self.equilibration_ns * 1e3 / self.frame_interval_ps)


DEMO = ResidueMdSettings(production_ns=2.0, equilibration_ns=0.5, replicas=2)
"""About a minute for 60 + 60 residues on one core; expect it to be marked as not converged."""


def expected_rg_nm(residues: int) -> float:
    """Radius of gyration of a disordered chain in good solvent, an upper estimate that sizes the box.

    Parameters
    ----------
    residues : int
        Length of the chain.

    Returns
    -------
    float
        Hofmann et al., PNAS 109, 16155 (2012), doi 10.1073/pnas.1207719109: persistence length 0.4 nm, exponent 0.588.
    """
    exponent = 0.588
    scale = 2 * 0.4 * BOND_LENGTH_NM / ((2 * exponent + 1) * (2 * exponent + 2))
    return float(np.sqrt(scale) * residues**exponent)


def box_edge_nm(settings: ResidueMdSettings, lengths: tuple[int, int]) -> float:
    """Edge of the cube: both chains as spheres side by side, and the longest cutoff to the next image.

    A sphere of radius R has Rg = sqrt(3/5) R.
    """
    if settings.box_nm is not None:
        return settings.box_nm
    diameters = sum(2 * np.sqrt(5 / 3) * expected_rg_nm(length) for length in lengths)
    return float(np.ceil(diameters + CHARGE_CUTOFF_NM))


def simulate(
    chains: tuple[Chain, Chain],
    starts: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None],
    settings: ResidueMdSettings,
    seed: int,
    progress: Progress | None = None,
) -> Trajectory:
    """Run all replicas.

    Parameters
    ----------
    chains : tuple of Chain
        A and B.
    starts : tuple of ndarray, shape (L, 3), float64, or None
        Positions to start from, nm; None starts from a random self-avoiding walk.
    settings : ResidueMdSettings
        Lengths and conditions.
    seed : int
        Same seed, machine and OpenMM: same bits.
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    Trajectory
        Without the equilibration.

    Raises
    ------
    Unstable
        A position stopped being finite.
    """
    box_nm = box_edge_nm(settings, (len(chains[0].sequence), len(chains[1].sequence)))
    system = build_system(list(chains), settings.solution, box_nm)
    frames_each = settings.equilibration_frames + settings.frames
    length_a = len(chains[0].sequence)
    positions = np.empty((settings.replicas, settings.frames, system.getNumParticles(), 3), np.float32)
    for replica in range(settings.replicas):
        generator = np.random.default_rng([seed, replica])
        start = _start(chains, starts, box_nm, generator)
        for frame, sample in enumerate(_run(system, start, settings, generator, frames_each)):
            if not np.isfinite(sample).all():
                time_ps = frame * settings.frame_interval_ps
                raise Unstable(
                    f"positions of replica {replica} are not finite after {time_ps:g} ps",
                    cure="set a shorter timestep_fs",
                )
            if frame >= settings.equilibration_frames:
                positions[replica, frame - settings.equilibration_frames] = sample
            if progress is not None:
                progress(replica * frames_each + frame + 1, settings.replicas * frames_each)
    return Trajectory(positions, length_a, box_nm)


def _run(
    system: "openmm.System",
    start: NDArray[np.float64],
    settings: ResidueMdSettings,
    generator: np.random.Generator,
    frames: int,
) -> Iterator[NDArray[np.float64]]:
    """Yield positions, nm, every frame interval."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature_kelvin, FRICTION_PER_PS, settings.timestep_fs * 1e-3
    )
    # OpenMM takes 0 as "choose a seed", so seeds start at 1.
    seeds = [int(seed) for seed in generator.integers(1, 2**31 - 1, size=2)]
    integrator.setRandomNumberSeed(seeds[0])
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1", "DeterministicForces": "true"})
    context.setPositions(start)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 1000)
    context.setVelocitiesToTemperature(settings.temperature_kelvin, seeds[1])
    for _ in range(frames):
        integrator.step(settings.steps_per_frame)
        state = context.getState(positions=True)
        yield state.getPositions(asNumpy=True)._value


def _start(
    chains: tuple[Chain, Chain],
    starts: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None],
    box_nm: float,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Both chains with their centres half a box diagonal apart, randomly turned."""
    placed = []
    for index, (chain, given) in enumerate(zip(chains, starts, strict=True)):
        positions = _random_walk(len(chain.sequence), generator) if given is None else given
        turn = _random_rotation(generator)
        placed.append((positions - positions.mean(axis=0)) @ turn.T + index * box_nm / 2)
    return np.concatenate(placed)


def _random_rotation(generator: np.random.Generator) -> NDArray[np.float64]:
    """Uniform proper rotation from the QR factors of a Gaussian matrix (Mezzadri 2007, arXiv math-ph/0609050)."""
    q, r = np.linalg.qr(generator.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _random_walk(residues: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Walk in steps of the bond length that keeps beads two or more apart at 0.5 nm, the size of the smaller beads."""
    walk = np.zeros((residues, 3))
    index = 1
    while index < residues:
        steps = generator.normal(size=(50, 3))
        tries = walk[index - 1] + BOND_LENGTH_NM * steps / np.linalg.norm(steps, axis=1, keepdims=True)
        gaps = np.linalg.norm(tries[:, None] - walk[None, : index - 1], axis=-1)
        free = (gaps > 0.5).all(axis=1)
        if free.any():
            walk[index] = tries[int(np.argmax(free))]
            index += 1
        else:
            index = max(1, index - 10)
    return walk


class ResidueMd:
    """`FoldingBackend` by residue-level molecular dynamics.

    Parameters
    ----------
    settings : ResidueMdSettings
        Length, conditions and contact definition.
    """

    name = "residue_md"
    version = "1"
    needs_msa = False

    def __init__(self, settings: ResidueMdSettings) -> None:
        self.settings = settings

    def supports(self, request: FoldRequest) -> str | None:
        """Say why a request cannot be served.

        Parameters
        ----------
        request : FoldRequest
            Two segments.

        Returns
        -------
        str or None
            The reason, None where it can.
        """
        for segment in (request.a, request.b):
            if segment.length < MINIMUM_RESIDUES:
                return f"segment {segment.name} has fewer than {MINIMUM_RESIDUES} residues"
            if segment.is_folded and segment.coordinates is None:
                return f"high_plddt segment {segment.name} without coordinates of its fold"
        return None

    def fold(self, request: FoldRequest, workdir: Path, progress: Progress | None = None) -> FoldResult:
        """Simulate the pair and rebuild its representative frame.

        Parameters
        ----------
        request : FoldRequest
            Two segments and a seed.
        workdir : Path
            Existing folder; gets ``model.pdb`` and ``contacts.npz``.
        progress : callable, optional
            Called with (frames done, frames in all).

        Returns
        -------
        FoldResult
            No confidence metrics of a network; `Observable` s of binding instead.

        Raises
        ------
        Unsupported
            `supports` gives a reason.
        InvalidInput
            Monomer coordinates that do not match the segment.
        Unstable
            The simulation left finite numbers, or the frame cannot be rebuilt.
        """
        if reason := self.supports(request):
            raise Unsupported(reason, cure="give monomer coordinates, or fold the pair with the colabfold backend")
        folds = (_fold_of(request.a), _fold_of(request.b))
        chains = (_chain_of(request.a, folds[0]), _chain_of(request.b, folds[1]))
        trajectory = simulate(chains, folds, self.settings, request.seed, progress)
        statistics = contact_statistics(trajectory, self.settings.contact_cutoff_nm)
        structure = workdir / "model.pdb"
        rank = _rebuild_best(request, trajectory, statistics, structure)
        contacts = workdir / "contacts.npz"
        np.savez_compressed(
            contacts,
            contact_probability=statistics.probability,
            bound=statistics.bound,
            closest_nm=statistics.closest_nm,
            frame_interval_ps=self.settings.frame_interval_ps,
        )
        return FoldResult(
            structure=structure,
            backend=self.name,
            backend_version=self.version,
            model_name="CALVADOS 2",
            has_plddt=False,
            contacts=contacts,
            observables=(*_observables(self.settings, trajectory, statistics), _rank(rank)),
            converged=not statistics.not_converged,
            reason=statistics.not_converged,
        )


def _rebuild_best(request: FoldRequest, trajectory: Trajectory, statistics: ContactStatistics, structure: Path) -> int:
    """Rebuild the best frame that can be; returns its rank among the representatives, 1 for the best."""
    chains = tuple(
        ChainTrace(name, segment.start, segment.sequence) for name, segment in (("A", request.a), ("B", request.b))
    )
    for rank, frame in enumerate(statistics.representatives, start=1):
        try:
            rebuild(chains, trajectory.together(*frame) * 10, structure, seed=request.seed, remark=REMARK)
        except Unstable:
            if rank == len(statistics.representatives):
                raise
        else:
            return rank
    raise AssertionError("a trajectory has a representative")


def _rank(rank: int) -> Observable:
    note = "1 is the frame nearest to the mean contact map; those before could not be rebuilt to all atoms"
    return Observable("representative_rank", "1", float(rank), note=note)


def _chain_of(segment: FoldSegment, fold: NDArray[np.float64] | None) -> Chain:
    elastic = () if fold is None else elastic_pairs(fold)
    return Chain(segment.sequence, segment.has_n_terminus, segment.has_c_terminus, elastic)


def _fold_of(segment: FoldSegment) -> NDArray[np.float64] | None:
    """C-alpha positions, nm, of a folded segment; None for a disordered one."""
    if not segment.is_folded or segment.coordinates is None:
        return None
    return read_ca_nm(segment)


def read_ca_nm(segment: FoldSegment) -> NDArray[np.float64]:
    """Read the C-alpha positions of a segment from its monomer coordinates.

    Parameters
    ----------
    segment : FoldSegment
        With `coordinates`: PDB or mmCIF, plain or gzipped; the first chain of the first model is used.

    Returns
    -------
    ndarray, shape (L, 3), float64
        nm.

    Raises
    ------
    InvalidInput
        Not a structure file, or a residue of the segment is missing or another amino acid there.
    """
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.PDBParser import PDBParser
    from Bio.SeqUtils import seq1

    path = segment.coordinates
    if path is None:
        raise InvalidInput(f"{segment.name} has no coordinates")
    parser = MMCIFParser(QUIET=True) if ".cif" in path.suffixes else PDBParser(QUIET=True)
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
            model = parser.get_structure("monomer", handle)
            chain = next(iter(() if model is None else model.get_chains()))
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, StopIteration, KeyError, ValueError) as error:
        raise InvalidInput(f"{path} is not a readable PDB or mmCIF file: {error}") from error
    residues = {residue.id[1]: residue for residue in chain if residue.id[0] == " "}
    positions = []
    for number, expected in enumerate(segment.sequence, start=segment.start):
        residue = residues.get(number)
        if residue is None or "CA" not in residue:
            raise InvalidInput(f"{path} has no C-alpha of residue {number}, which {segment.name} needs")
        if (found := seq1(residue.get_resname())) != expected:
            raise InvalidInput(
                f"residue {number} in {path} is {found}, in {segment.name} {expected}",
                cure="give coordinates of the same isoform, numbered as the full-length protein",
            )
        positions.append(residue["CA"].get_coord())
    return np.array(positions, float) / 10


def _observables(
    settings: ResidueMdSettings, trajectory: Trajectory, statistics: ContactStatistics
) -> tuple[Observable, ...]:
    box = trajectory.box_nm
    rg_a, rg_b = trajectory.rg_nm()
    touching = f"any C-alpha pair within {settings.contact_cutoff_nm:g} nm"
    never = f"never bound; closest approach {statistics.closest_nm.min():.2f} nm" if not statistics.fraction else ""
    return (
        Observable(
            "bound_fraction", "1", statistics.fraction, statistics.ci_low, statistics.ci_high, never or touching
        ),
        Observable("bound_fraction_block_error", "1", statistics.block_error, note="standard error of time blocks"),
        Observable("effective_samples", "1", statistics.effective_samples),
        Observable("transitions", "1", float(statistics.transitions), note="binding and unbinding events"),
        _dissociation_constant(statistics, box),
        Observable("mean_contacts", "1", float(statistics.probability.sum()), note="C-alpha pairs per frame"),
        Observable("max_contact_probability", "1", float(statistics.probability.max())),
        Observable("rg_a", "nm", rg_a),
        Observable("rg_b", "nm", rg_b),
        Observable("pair_concentration", "mol/L", pair_concentration_molar(box), note=f"cube of {box:g} nm"),
    )


def _dissociation_constant(statistics: ContactStatistics, box_nm: float) -> Observable:
    if statistics.not_converged:
        return Observable("kd", "mol/L", None, note=statistics.not_converged)
    kd, high, low = (
        dissociation_constant_molar(p, box_nm) for p in (statistics.fraction, statistics.ci_low, statistics.ci_high)
    )
    return Observable("kd", "mol/L", kd, low, high, "of touching, which includes chance encounters")
