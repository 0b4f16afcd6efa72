"""How large a chain is and how far it is from a structure."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["average_nm", "end_to_end_nm", "radius_of_gyration_nm", "rmsd_nm", "superposed_nm"]

Floats = NDArray[np.float64]

ROUNDS = 50
"""Of superposing on the average and averaging again, at most."""

SETTLED_NM = 1e-6
"""The average is found when a round moves no atom further."""


def superposed_nm(xyz_nm: Floats, reference_nm: Floats) -> Floats:
    """Superpose frames on a structure, all atoms with equal weight.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)
    reference_nm : float64 (k, 3)

    Returns
    -------
    float64 (n, k, 3)
        Least squares by rotation without reflection (Kabsch 1976, doi 10.1107/S0567739476001873); the reference stays
        where it is.
    """
    centred = xyz_nm - xyz_nm.mean(axis=1, keepdims=True)
    centre = reference_nm.mean(axis=0)
    return centred @ _rotations(centred, reference_nm - centre) + centre


def rmsd_nm(xyz_nm: Floats, reference_nm: Floats) -> Floats:
    """Return the root-mean-square distance of frames from a structure after superposing them on it.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)
    reference_nm : float64 (k, 3)

    Returns
    -------
    float64 (n,)
        √(Σ_i |x_i - r_i|² / k), nm.
    """
    apart = superposed_nm(xyz_nm, reference_nm) - reference_nm
    return np.sqrt((apart**2).sum(axis=2).mean(axis=1))


def average_nm(xyz_nm: Floats) -> tuple[Floats, Floats]:
    """Superpose frames on their own average.

    Superposing on one frame would count that frame's own deviation as motion, so the average is taken again from the
    superposed frames until it stays.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)

    Returns
    -------
    average : float64 (k, 3)
    superposed : float64 (n, k, 3)
    """
    superposed, average = xyz_nm, xyz_nm[0]
    for _ in range(ROUNDS):
        superposed = superposed_nm(superposed, average)
        before, average = average, superposed.mean(axis=0)
        if np.abs(average - before).max() < SETTLED_NM:
            break
    return average, superposed


def radius_of_gyration_nm(xyz_nm: Floats, masses: Floats) -> Floats:
    """Return the mass-weighted radius of gyration about the centre of mass.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)
    masses : float64 (k,)
        In any unit.

    Returns
    -------
    float64 (n,)
        √(Σ m_i |x_i - c|² / Σ m_i), c = Σ m_i x_i / Σ m_i; nm.
    """
    weights = masses / masses.sum()
    centre = np.einsum("nki,k->ni", xyz_nm, weights)
    return np.sqrt(((xyz_nm - centre[:, None]) ** 2).sum(axis=2) @ weights)


def end_to_end_nm(xyz_nm: Floats) -> Floats:
    """Return the distance of the last atom from the first.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)
        C-alpha atoms of one chain, in order.

    Returns
    -------
    float64 (n,)
        nm.
    """
    return np.linalg.norm(xyz_nm[:, -1] - xyz_nm[:, 0], axis=1)


def _rotations(centred: Floats, reference: Floats) -> Floats:
    """Return the rotations R for which ``centred @ R`` is nearest to the reference, float64 (n, 3, 3)."""
    u, _, vt = np.linalg.svd(centred.transpose(0, 2, 1) @ reference)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return u @ vt
