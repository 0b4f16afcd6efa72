"""The embedded backend: two segments simulated together, one bead per residue, then rebuilt to atoms.

Langevin dynamics of both chains in a periodic cube (`screening.folding.chain_simulation`) with the CALVADOS 2 force
field (`screening.folding.calvados`). It measures how often and where the chains touch; it predicts no fold. A segment
with high pLDDT keeps the folds of the domains in its monomer coordinates, not their arrangement; without coordinates it
is unsupported. The structure is the bound frame closest to the mean contact map. A run that was killed goes on from its
last checkpoint. docs/residue_md.md has the protocol, its validation and its limits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.errors import Unstable, Unsupported
from screening.folding.backend import FoldRequest, FoldResult, FoldSegment, Observable, Progress
from screening.folding.binding import (
    ContactStatistics,
    Trajectory,
    closest_nm,
    contact_statistics,
    dissociation_constant_molar,
    null_score,
    pair_concentration_molar,
)
from screening.folding.ca_trace import read_ca_nm
from screening.folding.calvados import Chain, elastic_pairs
from screening.folding.checkpoint import read_checkpoint, write_checkpoint
from screening.folding.domains import find_domains, ranges_of
from screening.folding.protocol import ResidueMdSettings
from screening.folding.rebuild import ChainTrace, rebuild
from screening.segments import FULL_LENGTH

__all__ = ["ResidueMd", "ResidueMdSettings"]

REMARK = "RESIDUE_MD: CALVADOS 2 FRAME REBUILT TO ATOMS. NOT AN ALPHAFOLD MODEL. NO PLDDT."
"""First line of every model."""
MINIMUM_RESIDUES = 4
"""Shorter chains have no backbone torsion to rebuild from."""


class ResidueMd:
    """`FoldingBackend` by residue-level molecular dynamics.

    Parameters
    ----------
    settings : ResidueMdSettings
        Length, conditions and contact definition.
    """

    name = "residue_md"
    version = "3"
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
            if segment.kind == FULL_LENGTH:
                return f"{segment.name} is a whole protein: which parts of it are folded is not known here"
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
            Existing folder; gets ``model.pdb`` and ``contacts.npz``. The checkpoints of a run of this request that was
            killed there are taken up; the result is the same to the bit as without the kill.
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
        from screening.folding.chain_simulation import simulate

        if reason := self.supports(request):
            raise Unsupported(reason, cure="give monomer coordinates, or fold the pair with the colabfold backend")
        monomers = (_monomer_of(request.a), _monomer_of(request.b))
        chains, folds = (monomers[0].chain, monomers[1].chain), (monomers[0].fold, monomers[1].fold)
        frames = self.settings.replicas * (self.settings.equilibration_frames + self.settings.frames)
        runs = 1 + (0 if _why_no_null(folds, self.settings) else self.settings.null_shuffles)

        def report(run: int) -> Progress:
            return lambda done, _: progress(run * frames + done, runs * frames) if progress else None

        checkpoint = workdir / "pair.checkpoint"
        trajectory = simulate(chains, folds, self.settings, request.seed, report(0), checkpoint=checkpoint)
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
        observables = (
            *_observables(self.settings, trajectory, statistics),
            *_interaction_energies(chains, self.settings, trajectory, statistics),
            *_null(chains, folds, self.settings, request.seed, statistics, report, workdir),
            _domains("domains_a", monomers[0]),
            _domains("domains_b", monomers[1]),
            _rank(rank),
        )
        for left in workdir.glob("*.checkpoint"):
            left.unlink()
        return FoldResult(
            structure=structure,
            backend=self.name,
            backend_version=self.version,
            model_name="CALVADOS 2",
            has_plddt=False,
            contacts=contacts,
            observables=observables,
            converged=not statistics.not_converged,
            reason=statistics.not_converged,
        )


@dataclass(frozen=True)
class _Monomer:
    """One segment as it is simulated; without `fold` and `domains` where it is disordered."""

    segment: FoldSegment
    fold: NDArray[np.float64] | None
    domains: tuple[NDArray[np.int64], ...]
    chain: Chain


def _monomer_of(segment: FoldSegment) -> _Monomer:
    fold = _fold_of(segment)
    domains = () if fold is None else find_domains(fold, segment.sequence)
    elastic = () if fold is None else elastic_pairs(fold, domains)
    chain = Chain(segment.sequence, segment.has_n_terminus, segment.has_c_terminus, elastic)
    return _Monomer(segment, fold, domains, chain)


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


def _domains(name: str, monomer: _Monomer) -> Observable:
    ranges = "; ".join(ranges_of(domain, monomer.segment.start) for domain in monomer.domains)
    note = f"each keeps its fold: {ranges}" if ranges else "no fold is held"
    return Observable(name, "1", float(len(monomer.domains)), note=note)


def _fold_of(segment: FoldSegment) -> NDArray[np.float64] | None:
    """C-alpha positions, nm, of a folded segment; None for a disordered one."""
    if not segment.is_folded or segment.coordinates is None:
        return None
    return read_ca_nm(segment)


def _observables(
    settings: ResidueMdSettings, trajectory: Trajectory, statistics: ContactStatistics
) -> tuple[Observable, ...]:
    box = trajectory.box_nm
    rg_a, rg_b = trajectory.rg_nm()
    touching = f"any C-alpha pair within {settings.contact_cutoff_nm:g} nm"
    never = f"never bound; closest approach {statistics.closest_nm.min():.2f} nm" if not statistics.fraction else ""
    agreement = "Gelman-Rubin R" if statistics.agreement is not None else "one replica, or no replica ever changed"
    return (
        Observable(
            "bound_fraction", "1", statistics.fraction, statistics.ci_low, statistics.ci_high, never or touching
        ),
        Observable("bound_fraction_block_error", "1", statistics.block_error, note="standard error of time blocks"),
        Observable("effective_samples", "1", statistics.effective_samples),
        Observable("transitions", "1", float(statistics.transitions), note="binding and unbinding events"),
        Observable("replica_agreement", "1", statistics.agreement, note=agreement),
        _dissociation_constant(statistics, box),
        Observable("mean_contacts", "1", float(statistics.probability.sum()), note="C-alpha pairs per frame"),
        Observable("max_contact_probability", "1", float(statistics.probability.max())),
        Observable("rg_a", "nm", rg_a),
        Observable("rg_b", "nm", rg_b),
        Observable("temperature", "K", trajectory.temperature_kelvin, note="kinetic"),
        Observable("pair_concentration", "mol/L", pair_concentration_molar(box), note=f"cube of {box:g} nm"),
    )


def _dissociation_constant(statistics: ContactStatistics, box_nm: float) -> Observable:
    if statistics.not_converged:
        return Observable("kd", "mol/L", None, note=statistics.not_converged)
    kd, high, low = (
        dissociation_constant_molar(p, box_nm) for p in (statistics.fraction, statistics.ci_low, statistics.ci_high)
    )
    return Observable("kd", "mol/L", kd, low, high, f"of touching, chance encounters included; cube of {box_nm:g} nm")


def _interaction_energies(
    chains: tuple[Chain, Chain], settings: ResidueMdSettings, trajectory: Trajectory, statistics: ContactStatistics
) -> tuple[Observable, ...]:
    """Mean energy between the chains in bound frames: whether stickiness or charge holds them together."""
    from screening.folding.bead_dynamics import beads_of, between_chains, energies

    names = ("bound_sticky_energy", "bound_charge_energy")
    if not statistics.fraction:
        return tuple(Observable(name, "kJ/mol", None, note="never bound") for name in names)
    beads = between_chains(beads_of(chains, settings.solution, trajectory.box_nm), trajectory.length_a)
    terms = np.mean([energies(beads, frame)[1:] for frame in trajectory.positions_nm[statistics.bound]], axis=0)
    note = "between the chains, mean of bound frames"
    return tuple(Observable(name, "kJ/mol", float(term), note=note) for name, term in zip(names, terms, strict=True))


def _null(
    chains: tuple[Chain, Chain],
    folds: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None],
    settings: ResidueMdSettings,
    seed: int,
    statistics: ContactStatistics,
    report: Callable[[int], Progress],
    workdir: Path,
) -> tuple[Observable, ...]:
    """Bound fraction of shuffled sequences, and where the real one stands among them."""
    from screening.folding.chain_simulation import run_identity, simulate

    if reason := _why_no_null(folds, settings):
        return tuple(Observable(f"null_{name}", "1", None, note=reason) for name in ("mean", "deviation", "z"))
    finished, under_way = workdir / "shuffles.checkpoint", workdir / "shuffle.checkpoint"
    identity = run_identity(chains, folds, settings, seed)
    stored = read_checkpoint(finished, identity)
    fractions = [] if stored is None else list(map(float, stored["fractions"]))
    for run in range(len(fractions) + 1, settings.null_shuffles + 1):
        generator = np.random.default_rng([seed, 0, run, 1])
        a, b = (
            chain if fold is not None else replace(chain, sequence="".join(generator.permutation(list(chain.sequence))))
            for chain, fold in zip(chains, folds, strict=True)
        )
        shuffled = simulate((a, b), folds, settings, seed, report(run), stream=run, checkpoint=under_way)
        fractions.append(float(np.mean(closest_nm(shuffled) < settings.contact_cutoff_nm)))
        write_checkpoint(finished, identity, {"fractions": np.array(fractions)})
        under_way.unlink(missing_ok=True)
    k, values = settings.null_shuffles, np.array(fractions)
    z = null_score(statistics.fraction, values)
    note = f"Student's t with {k - 1} degrees of freedom under the null" if z is not None else "all shuffles are equal"
    return (
        Observable("null_mean", "1", float(values.mean()), note=f"bound fraction of {k} shuffles"),
        Observable("null_deviation", "1", float(values.std(ddof=1)), note=f"of {k} shuffles"),
        Observable("null_z", "1", z, note=note),
    )


def _why_no_null(folds: tuple[NDArray[np.float64] | None, ...], settings: ResidueMdSettings) -> str:
    """Say why there is no null of shuffled sequences; empty where there is one."""
    if not settings.null_shuffles:
        return "null_shuffles is 0"
    return "both segments are folded: no chain can be shuffled" if all(fold is not None for fold in folds) else ""
