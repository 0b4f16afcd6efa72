"""Contacts and binding in a simulation of two chains, with what their errors allow to be said."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ContactStatistics",
    "Trajectory",
    "block_error",
    "closest_nm",
    "contact_statistics",
    "dissociation_constant_molar",
    "effective_samples",
    "null_score",
    "pair_concentration_molar",
    "replica_agreement",
    "wilson_interval",
]

MINIMUM_EFFECTIVE_SAMPLES = 20.0
"""Independent samples of bound/unbound that a converged run has."""
MINIMUM_TRANSITIONS = 10
"""Binding and unbinding events that a converged run has."""
MAXIMUM_DISAGREEMENT = 1.1
"""Largest `replica_agreement` of a converged run (Gelman & Rubin's customary bound)."""
AVOGADRO = 6.02214076e23
"""Per mole (CODATA 2018), with 1 nm = 1e-8 dm."""
NORMAL_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

REPRESENTATIVES = 8
"""Frames offered for the structure: a bead model may put one where no trans peptide fits."""


@dataclass(frozen=True)
class Trajectory:
    """C-alpha positions of all replicas, chains whole.

    Attributes
    ----------
    positions_nm : ndarray, shape (replicas, frames, La + Lb, 3), float32
        Beads of chain A, then of chain B; not wrapped into the cube.
    length_a : int
        Residues of chain A.
    box_nm : float
        Edge of the periodic cube.
    temperature_kelvin : float or None
        Mean kinetic temperature of the run; None where velocities are not known.
    """

    positions_nm: NDArray[np.float32]
    length_a: int
    box_nm: float
    temperature_kelvin: float | None = None

    def rg_nm(self) -> tuple[float, float]:
        """Root-mean-square radius of gyration of either chain (equal weights)."""
        chains = (self.positions_nm[..., : self.length_a, :], self.positions_nm[..., self.length_a :, :])
        a, b = (float(np.sqrt(np.mean(chain.var(axis=-2).sum(axis=-1)))) for chain in chains)
        return a, b

    def distances_nm(self, replica: int) -> Iterator[NDArray[np.float32]]:
        """Yield the (La, Lb) minimum-image distances between the chains, frame by frame."""
        for frame in self.positions_nm[replica]:
            delta = frame[: self.length_a, None] - frame[None, self.length_a :]
            delta -= self.box_nm * np.rint(delta / self.box_nm)
            yield np.sqrt(np.einsum("ijk,ijk->ij", delta, delta))

    def together(self, replica: int, frame: int) -> NDArray[np.float64]:
        """Return one frame, (La + Lb, 3), with chain B in the periodic image that comes closest to chain A."""
        positions = self.positions_nm[replica, frame].astype(float)
        delta = positions[: self.length_a, None] - positions[None, self.length_a :]
        images = self.box_nm * np.rint(delta / self.box_nm)
        distances = np.linalg.norm(delta - images, axis=-1)
        closest = np.unravel_index(np.argmin(distances), distances.shape)
        positions[self.length_a :] += images[closest]
        return positions - positions.mean(axis=0)


@dataclass(frozen=True)
class ContactStatistics:
    """What a trajectory says about binding.

    Attributes
    ----------
    probability : ndarray, shape (La, Lb), float64
        Fraction of frames in which the two residues touch.
    bound : ndarray, shape (replicas, frames), bool
        Whether any two residues touch.
    closest_nm : ndarray, shape (replicas, frames), float32
        Closest distance between the chains.
    fraction, ci_low, ci_high : float
        Bound fraction with its 95 % Wilson interval at `effective_samples`.
    block_error : float or None
        Standard error of the bound fraction from blocks of time; None below two blocks.
    effective_samples : float
        Independent samples in `bound`.
    transitions : int
        Binding and unbinding events.
    agreement : float or None
        `replica_agreement` of `bound`.
    representatives : tuple of (int, int)
        Replica and frame of the structure, and of those that come next in its place.
    """

    probability: NDArray[np.float64]
    bound: NDArray[np.bool_]
    closest_nm: NDArray[np.float32]
    fraction: float
    ci_low: float
    ci_high: float
    block_error: float | None
    effective_samples: float
    transitions: int
    agreement: float | None
    representatives: tuple[tuple[int, int], ...]

    @property
    def representative(self) -> tuple[int, int]:
        """Replica and frame of the structure."""
        return self.representatives[0]

    @property
    def not_converged(self) -> str:
        """Why the bound fraction must not be trusted; empty where it may be."""
        if self.transitions < MINIMUM_TRANSITIONS:
            return f"{self.transitions} binding and unbinding events, fewer than {MINIMUM_TRANSITIONS}"
        if self.effective_samples < MINIMUM_EFFECTIVE_SAMPLES:
            return f"{self.effective_samples:.1f} independent samples, fewer than {MINIMUM_EFFECTIVE_SAMPLES:g}"
        if self.agreement is None:
            return "one replica, so nothing shows that another would agree"
        if self.agreement > MAXIMUM_DISAGREEMENT:
            return f"replicas disagree: R = {self.agreement:.2f}, above {MAXIMUM_DISAGREEMENT:g}"
        return ""


def contact_statistics(trajectory: Trajectory, cutoff_nm: float) -> ContactStatistics:
    """Count contacts and choose the representative frame.

    Parameters
    ----------
    trajectory : Trajectory
        All replicas.
    cutoff_nm : float
        Residues closer than this touch.

    Returns
    -------
    ContactStatistics
        The representative is the bound frame whose contact map has the largest cosine with the mean map of bound
        frames; if no frame is bound, the frame of closest approach. The next best follow it.
    """
    replicas, frames, beads, _ = trajectory.positions_nm.shape
    length_a = trajectory.length_a
    probability = np.zeros((length_a, beads - length_a))
    closest = np.empty((replicas, frames), np.float32)
    for replica in range(replicas):
        for frame, distances in enumerate(trajectory.distances_nm(replica)):
            probability += distances < cutoff_nm
            closest[replica, frame] = distances.min()
    probability /= replicas * frames
    bound = closest < cutoff_nm
    fraction = float(bound.mean())
    samples = effective_samples(bound)
    low, high = wilson_interval(fraction, samples)
    return ContactStatistics(
        probability=probability,
        bound=bound,
        closest_nm=closest,
        fraction=fraction,
        ci_low=low,
        ci_high=high,
        block_error=block_error(bound),
        effective_samples=samples,
        transitions=int(np.count_nonzero(bound[:, 1:] != bound[:, :-1])),
        agreement=replica_agreement(bound),
        representatives=_representatives(trajectory, probability, closest, cutoff_nm),
    )


def closest_nm(trajectory: Trajectory) -> NDArray[np.float32]:
    """Return the closest distance between the chains, shape (replicas, frames)."""
    replicas = range(len(trajectory.positions_nm))
    return np.array([[distances.min() for distances in trajectory.distances_nm(r)] for r in replicas], np.float32)


def _representatives(
    trajectory: Trajectory, probability: NDArray[np.float64], closest: NDArray[np.float32], cutoff_nm: float
) -> tuple[tuple[int, int], ...]:
    """Choose by the cosine to `probability`: unbound frames add nothing to it, so it points along the bound mean."""
    # Unbound frames have no cosine; they come last, by their closest approach.
    scores = -closest.astype(np.float64)
    for replica in range(len(closest)):
        for frame, distances in enumerate(trajectory.distances_nm(replica)):
            touching = distances < cutoff_nm
            if touching.any():
                scores[replica, frame] = probability[touching].sum() / np.sqrt(touching.sum())
    best = np.argsort(-scores, axis=None, kind="stable")[:REPRESENTATIVES]
    return tuple((int(index) // closest.shape[1], int(index) % closest.shape[1]) for index in best)


def effective_samples(bound: NDArray[np.bool_]) -> float:
    """Count the independent samples in a binary series.

    Parameters
    ----------
    bound : ndarray, shape (replicas, frames), bool
        The series.

    Returns
    -------
    float
        Frames over the statistical inefficiency g = 1 + 2 sum of the autocorrelation up to its first non-positive value
        (Chodera et al. 2007, doi 10.1021/ct0502864, eq. 8-10); at least the number of replicas, and no more than that
        where the series never changes.
    """
    replicas, frames = bound.shape
    deviation = bound - bound.mean()
    variance = float(np.mean(deviation**2))
    if variance == 0:
        return float(replicas)
    inefficiency = 1.0
    for lag in range(1, frames):
        correlation = float(np.mean(deviation[:, :-lag] * deviation[:, lag:])) / variance
        if correlation <= 0:
            break
        inefficiency += 2 * (1 - lag / frames) * correlation
    return max(float(replicas), replicas * frames / inefficiency)


def block_error(bound: NDArray[np.bool_], blocks: int = 5) -> float | None:
    """Estimate the standard error of a mean from the scatter of blocks of time.

    Parameters
    ----------
    bound : ndarray, shape (replicas, frames), bool
        The series.
    blocks : int
        Blocks per replica.

    Returns
    -------
    float or None
        None where a replica has fewer frames than blocks.
    """
    replicas, frames = bound.shape
    if frames < blocks:
        return None
    whole = frames // blocks * blocks
    means = bound[:, :whole].reshape(replicas * blocks, -1).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(len(means)))


def replica_agreement(bound: NDArray[np.bool_]) -> float | None:
    """Compare the scatter between replicas with that within them.

    Parameters
    ----------
    bound : ndarray, shape (replicas, frames), bool
        The series.

    Returns
    -------
    float or None
        Potential scale reduction R (Gelman & Rubin 1992, doi 10.1214/ss/1177011136): 1 where the replicas agree; None
        for one replica, for one frame, and where no replica ever changes.
    """
    replicas, frames = bound.shape
    if replicas < 2 or frames < 2:
        return None
    within = float(bound.var(axis=1, ddof=1).mean())
    if within == 0:
        return None
    between = float(bound.mean(axis=1).var(ddof=1))
    return float(np.sqrt((frames - 1) / frames + between / within))


def null_score(fraction: float, shuffled: NDArray[np.float64]) -> float | None:
    """Place a bound fraction among those of shuffled sequences.

    Parameters
    ----------
    fraction : float
        Of the real sequences.
    shuffled : ndarray, shape (k,), float64
        Of k shuffles, each from a run as long as the real one.

    Returns
    -------
    float or None
        (p - m) / (s sqrt(1 + 1/k)) with mean m and standard deviation s of the shuffles, which hold the spread of
        sequences and the error of a run alike. If the real order were one more shuffle of a normal population, it
        would have Student's distribution with k - 1 degrees of freedom. None where all shuffles are equal.
    """
    deviation = float(shuffled.std(ddof=1))
    if deviation == 0:
        return None
    return float((fraction - shuffled.mean()) / (deviation * np.sqrt(1 + 1 / len(shuffled))))


def wilson_interval(fraction: float, samples: float) -> tuple[float, float]:
    """Bound a fraction at 95 % confidence (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    Parameters
    ----------
    fraction : float
        Observed fraction, 0-1.
    samples : float
        Independent samples.

    Returns
    -------
    tuple of float
        Lower and upper end; not empty even where the fraction is 0 or 1.
    """
    z2 = NORMAL_95**2 / samples
    centre = (fraction + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * fraction * (1 - fraction) + z2**2 / 4) / (1 + z2)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def dissociation_constant_molar(fraction: float, box_nm: float) -> float:
    """Dissociation constant from the bound fraction of one pair in a periodic box.

    Parameters
    ----------
    fraction : float
        Bound fraction, above 0.
    box_nm : float
        Edge of the cube.

    Returns
    -------
    float
        (1 - p) / p / (N_A V), exact for one A and one B (de Jong et al. 2011, doi 10.1002/jcc.21776), mol/L.
    """
    return (1 - fraction) / fraction * pair_concentration_molar(box_nm)


def pair_concentration_molar(box_nm: float) -> float:
    """Concentration of one chain in a cube, mol/L."""
    return 1 / (AVOGADRO * (box_nm * 1e-8) ** 3)
