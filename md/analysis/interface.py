"""Where two chains touch: contacts, native contacts, buried surface."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from md.analysis.solute import Chain, Solute

__all__ = ["Contacts", "buried_surface_nm2", "contacts", "interface_pairs", "intrachain_pairs", "native_contacts", "q"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

CONTACT_NM = 0.45
"""Heavy atoms touch below this (Best, Hummer & Eaton 2013, doi 10.1073/pnas.1311599110, as the two below)."""

BETA_PER_NM = 50.0
"""Softness of a native contact."""

LAMBDA = 1.8
"""How far a native contact may stretch, for all-atom models."""

SEPARATION = 3
"""Native contacts within a chain are between residues further apart than this."""

PROBE_NM = 0.14
"""Radius of a water molecule (Shrake & Rupley 1973, doi 10.1016/0022-2836(73)90011-9)."""

SURFACE_REACH_NM = 0.7
"""Atoms further apart do not hide each other: twice the probe and the largest radius, 0.18 nm of sulphur, is 0.64."""

SPHERE_POINTS = 960
"""Per atom; surfaces are within 0.3 % of an analytical program's."""


@dataclass(frozen=True, eq=False)
class Contacts:
    """Residues of two chains that touch.

    Parameters
    ----------
    counts : float64 (n,)
        Residue pairs in contact in each frame.
    occupancy : float64 (R_a, R_b)
        Share of frames in which a pair is.
    """

    counts: Floats
    occupancy: Floats


def contacts(solute: Solute, a: Chain, b: Chain) -> Contacts:
    """Find which residues of two chains touch.

    Parameters
    ----------
    solute : Solute
        n frames.
    a, b : Chain
        R_a and R_b residues.

    Returns
    -------
    Contacts
        Two residues touch where any of their heavy atoms are closer than 0.45 nm.
    """
    seen = np.zeros((len(a.numbers), len(b.numbers)), np.int64)
    counts = np.zeros(len(solute))
    for frame, xyz in enumerate(solute.xyz_nm):
        touching = _close(xyz[a.heavy].astype(np.float64), xyz[b.heavy].astype(np.float64))
        pairs = np.unique(a.residue_of_heavy[touching[:, 0]] * seen.shape[1] + b.residue_of_heavy[touching[:, 1]])
        seen.ravel()[pairs] += 1
        counts[frame] = len(pairs)
    return Contacts(counts, seen / len(solute))


def interface_pairs(start_nm: Floats, a: Chain, b: Chain) -> Indices:
    """Return the native contacts between two chains.

    Parameters
    ----------
    start_nm : float64 (N, 3)
        The structure that is native.
    a, b : Chain

    Returns
    -------
    int64 (p, 2)
        Heavy atoms closer than 0.45 nm.
    """
    close = _close(start_nm[a.heavy], start_nm[b.heavy])
    return np.column_stack([a.heavy[close[:, 0]], b.heavy[close[:, 1]]])


def intrachain_pairs(start_nm: Floats, chain: Chain) -> Indices:
    """Return the native contacts within a chain.

    Parameters
    ----------
    start_nm : float64 (N, 3)
        The structure that is native.
    chain : Chain

    Returns
    -------
    int64 (p, 2)
        Heavy atoms closer than 0.45 nm, of residues more than 3 apart in sequence.
    """
    close = _close(start_nm[chain.heavy], start_nm[chain.heavy])
    first, second = chain.residue_of_heavy[close.T]
    return chain.heavy[close[second - first > SEPARATION]]


def native_contacts(solute: Solute, pairs: Indices) -> Floats:
    """Return the fraction of native contacts in each frame.

    Parameters
    ----------
    solute : Solute
        n frames; its start is native.
    pairs : int64 (p, 2)
        At least one.

    Returns
    -------
    float64 (n,)
        Q, 0-1.
    """
    native = np.linalg.norm(solute.start_nm[pairs[:, 0]] - solute.start_nm[pairs[:, 1]], axis=1)
    return np.array(
        [q(np.linalg.norm(x[pairs[:, 0]] - x[pairs[:, 1]], axis=1).astype(np.float64), native) for x in solute.xyz_nm]
    )


def q(distances_nm: Floats, native_nm: Floats) -> float:
    """Return the fraction of native contacts.

    Parameters
    ----------
    distances_nm, native_nm : float64 (p,)
        Of each native pair, now and in the native structure.

    Returns
    -------
    float
        mean of 1 / (1 + exp(β (r - λ r₀))), β = 50 / nm, λ = 1.8 (Best, Hummer & Eaton 2013).
    """
    from scipy.special import expit

    return float(np.mean(expit(-BETA_PER_NM * (distances_nm - LAMBDA * native_nm))))


def buried_surface_nm2(solute: Solute, a: Chain, b: Chain, most_frames: int) -> tuple[Floats, int]:
    """Return the surface that two chains hide from water by touching.

    Parameters
    ----------
    solute : Solute
        n frames.
    a, b : Chain
    most_frames : int
        Measured at most, at equal intervals: a surface costs as much as all other measures together.

    Returns
    -------
    surface : float64 (m,)
        SASA_A + SASA_B - SASA_AB of all atoms without caps, nm²; Shrake-Rupley with 960 points and a probe of 0.14 nm.
    stride : int
        The first of every so many frames was measured.
    """
    stride = max(1, -(-len(solute) // most_frames))
    xyz = solute.xyz_nm[::stride]
    # An atom that no atom of the other chain comes near has the same surface in both states, so it is left out of the
    # sums; its neighbours are kept for what they hide.
    near = [_within(xyz, one.atoms, other.atoms) for one, other in ((a, b), (b, a))]
    if not len(near[0]) or not len(near[1]):
        return np.zeros(len(xyz)), stride
    around = [_within(xyz, chain.atoms, atoms) for chain, atoms in zip((a, b), near, strict=True)]
    apart = sum(_surface_nm2(solute, xyz, each, atoms) for each, atoms in zip(around, near, strict=True))
    together = _surface_nm2(solute, xyz, np.sort(np.concatenate(around)), np.concatenate(near))
    return apart - together, stride


def _surface_nm2(solute: Solute, xyz: NDArray[np.float32], present: Indices, counted: Indices) -> Floats:
    """Return the surface in each frame of the atoms counted, with the atoms present."""
    import mdtraj

    part = mdtraj.Trajectory(xyz[:, present], solute.topology.subset(present.tolist()))
    areas = mdtraj.shrake_rupley(part, probe_radius=PROBE_NM, n_sphere_points=SPHERE_POINTS)
    return np.asarray(areas, np.float64)[:, np.isin(present, counted)].sum(axis=1)


def _within(xyz: NDArray[np.float32], atoms: Indices, others: Indices) -> Indices:
    """Return those of the atoms that come within reach of any of the others in any frame."""
    from scipy.spatial import KDTree

    met = np.zeros(len(atoms), bool)
    if len(others):
        for frame in xyz:
            distances, _ = KDTree(frame[others]).query(frame[atoms], distance_upper_bound=SURFACE_REACH_NM)
            met |= np.isfinite(distances)
    return atoms[met]


def _close(a: Floats, b: Floats) -> Indices:
    """Return the pairs of points closer than a contact, int64 (p, 2)."""
    from scipy.spatial import KDTree

    found = KDTree(a).sparse_distance_matrix(KDTree(b), CONTACT_NM, output_type="ndarray")
    found = found[found["v"] < CONTACT_NM]
    return np.column_stack([found["i"], found["j"]]).astype(np.int64)
