"""Interface metrics as functions of arrays: each formula with its variant, constants and source.

P is a predicted aligned error between two chains in angstrom, row = aligned, column = scored, so P of the other
direction is another array and not a transpose. No function returns NaN: a metric of an interface without contacts, or
without any pair below its cutoff, is 0; what is undefined then (a mean over nothing) is the caller's None.
"""

import numpy as np
from numpy.typing import NDArray

from screening.structure_file import Atoms

__all__ = [
    "contact_iptm",
    "distances",
    "heavy_atoms_near",
    "ipsae",
    "iptm_of_chains",
    "lis",
    "pdockq",
    "pdockq2",
    "ppv",
    "tm_d0",
]

CONTACT_ANGSTROM = 8.0
"""CB-CB distance of a contact (Bryant et al. 2022, doi 10.1038/s41467-022-28865-w)."""

PDOCKQ_L, PDOCKQ_K, PDOCKQ_X0, PDOCKQ_B = 0.724, 0.052, 152.611, 0.018
"""Sigmoid of pDockQ (same source)."""

PDOCKQ2_L, PDOCKQ2_K, PDOCKQ2_X0, PDOCKQ2_B = 1.31034849, 0.0747157696, 84.7326239, 0.00501886443
"""Sigmoid of pDockQ2 (Zhu et al. 2023, doi 10.1093/bioinformatics/btad424)."""
PDOCKQ2_PAE_ANGSTROM = 10.0
"""PAE at which a contact counts half in pDockQ2 (same source)."""

IPSAE_CUTOFF_ANGSTROM = 15.0
"""PAE below which a residue pair enters ipSAE, for AlphaFold 2 (Dunbrack 2025, doi 10.1101/2025.02.10.637595)."""
IPSAE10_CUTOFF_ANGSTROM = 10.0
"""The stricter cutoff that other programs use by default (same source)."""
IPSAE_MINIMUM_RESIDUES = 26
"""Fewest residues that d0 is calculated for, where d0 = 1 (ipsae.py version 4, by the same author)."""
TM_A, TM_B, TM_C = 1.24, 15.0, 1.8
"""d0 = 1.24 (n - 15)^(1/3) - 1.8 (Zhang and Skolnick 2004, doi 10.1002/prot.20264)."""

LIS_CUTOFF_ANGSTROM = 12.0
"""PAE below which a residue pair enters LIS (Kim et al. 2024, doi 10.1101/2024.02.19.580970)."""

CONFIDENT_ANGSTROM, CONFIDENT_PAE_ANGSTROM, CONFIDENT_PLDDT = 8.0, 15.0, 50.0
"""Largest heavy-atom distance, largest PAE (the smaller of both directions) and smallest pLDDT of both residues of a
confident contact: the defaults of the program of predictomes.org."""

# Precision at decreasing pDockQ on the 1:1 benchmark of Bryant et al. 2022 (FoldDock); not the precision of a screen.
# fmt: off
PPV_PDOCKQ = np.array([
    0.67333079, 0.65666073, 0.63254566, 0.62604391, 0.60150931, 0.58313803, 0.5647381, 0.54122438,
    0.52314392, 0.49659878, 0.4774676, 0.44661346, 0.42628389, 0.39990988, 0.38479715, 0.3649393,
    0.34526004, 0.3262589, 0.31475668, 0.29750023, 0.26673725, 0.24561247, 0.21882689, 0.19651314,
    0.17606258, 0.15398168, 0.13927677, 0.12024131, 0.09996019, 0.06968505, 0.02946438,
])
PPV = np.array([
    0.98128027, 0.96322524, 0.95333044, 0.9400192, 0.93172991, 0.92420274, 0.91629946, 0.90952562,
    0.90043139, 0.8919553, 0.88570037, 0.87822061, 0.87116417, 0.86040801, 0.85453785, 0.84294946,
    0.83367787, 0.82238224, 0.81190228, 0.80223507, 0.78549007, 0.77766077, 0.75941223, 0.74006263,
    0.73044282, 0.71391784, 0.70615739, 0.68635536, 0.66728511, 0.63555449, 0.55890174,
])
# fmt: on


def distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances between all rows of a (N, 3) and b (M, 3), shape (N, M), in their unit."""
    return np.sqrt(sum(np.subtract.outer(a[:, axis], b[:, axis]) ** 2 for axis in range(3)))


def pdockq(interface_plddt: float | None, n_contacts: int) -> float:
    """PDockQ (Bryant et al. 2022): a sigmoid of mean interface pLDDT times log10 of the number of contacts.

    Parameters
    ----------
    interface_plddt : float or None
        Mean pLDDT of the residues with a contact, 0-100; None without contacts.
    n_contacts : int
        Residue pairs in contact.

    Returns
    -------
    float
        0.018 to 0.742, or 0 without contacts.
    """
    if interface_plddt is None or not n_contacts:
        return 0.0
    x = interface_plddt * np.log10(n_contacts)
    return float(PDOCKQ_L / (1 + np.exp(-PDOCKQ_K * (x - PDOCKQ_X0))) + PDOCKQ_B)


def ppv(pdockq_score: float) -> float:
    """Precision of FoldDock's benchmark at a pDockQ.

    Parameters
    ----------
    pdockq_score : float
        pDockQ; 0 means no contacts.

    Returns
    -------
    float
        Precision at the smallest tabulated pDockQ that is not below this one; 0 for 0.
    """
    if pdockq_score == 0:
        return 0.0
    not_below = int((pdockq_score <= PPV_PDOCKQ).sum())
    return float(PPV[max(not_below - 1, 0)])


def pdockq2(interface_plddt: float | None, contact_pae: NDArray[np.float64]) -> float:
    """pDockQ2 (Zhu et al. 2023), whose two variants differ in what counts as a contact and whose pLDDT enters.

    Parameters
    ----------
    interface_plddt : float or None
        Mean pLDDT of the interface, 0-100; None without contacts. Variant ``consensus`` (ColabFold, ipsae.py): of all
        residues of both chains with a CB contact, once each. Variant ``zhu2023`` (the authors' script): of the
        chain's own residues, once for each of their CA contacts.
    contact_pae : ndarray, shape (n_contacts,)
        PAE of the pairs in contact, in angstrom, one direction.

    Returns
    -------
    float
        0 without contacts.
    """
    if interface_plddt is None or contact_pae.size == 0:
        return 0.0
    x = interface_plddt * np.mean(1 / (1 + (contact_pae / PDOCKQ2_PAE_ANGSTROM) ** 2))
    return float(PDOCKQ2_L / (1 + np.exp(-PDOCKQ2_K * (x - PDOCKQ2_X0))) + PDOCKQ2_B)


def tm_d0(n: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Distance at which the TM term is one half, in angstrom, for n residues: 1 where n is 26 or fewer."""
    return np.maximum(1.0, TM_A * np.cbrt(np.maximum(n, IPSAE_MINIMUM_RESIDUES) - TM_B) - TM_C)


def ipsae(pae: NDArray[np.float64], cutoff_angstrom: float = IPSAE_CUTOFF_ANGSTROM) -> float:
    """IpSAE (Dunbrack 2025) of one direction, with d0 from the residues that each aligned residue sees.

    Parameters
    ----------
    pae : ndarray, shape (L_aligned, L_scored)
        PAE between two chains, in angstrom.
    cutoff_angstrom : float, optional
        Only pairs with a PAE below it count.

    Returns
    -------
    float
        0 to 1; 0 where no pair is below the cutoff.
    """
    valid = pae < cutoff_angstrom
    seen = valid.sum(axis=1)
    terms = np.where(valid, 1 / (1 + (pae / tm_d0(seen)[:, None]) ** 2), 0.0)
    return float((terms.sum(axis=1) / np.maximum(seen, 1)).max())


def iptm_of_chains(pae: NDArray[np.float64]) -> float:
    """IpTM approximated from PAE, of one direction: ``ipTM_d0chn`` of ipsae.py (Dunbrack 2025), no cutoff.

    The program's own ipTM averages over the error's distribution, this takes its mean, so the two are not equal.

    Parameters
    ----------
    pae : ndarray, shape (L_aligned, L_scored)
        PAE between two chains, in angstrom; d0 is that of both chains' residues.

    Returns
    -------
    float
        0 to 1.
    """
    return float((1 / (1 + (pae / tm_d0(sum(pae.shape))) ** 2)).mean(axis=1).max())


def contact_iptm(pae: NDArray[np.float64], contacts: NDArray[np.bool_]) -> float:
    """ActifpTM approximated from PAE and contacts of the structure, of one direction: ``reactifptm``.

    actifpTM (Varga et al. 2025, doi 10.1093/bioinformatics/btaf107) weighs residue pairs by their contact probability
    and needs the program's logits; here the weight is 1 for a contact and 0 otherwise.

    Parameters
    ----------
    pae : ndarray, shape (L_aligned, L_scored)
        PAE between two chains, in angstrom; d0 is that of both chains' residues.
    contacts : ndarray, shape (L_aligned, L_scored), bool
        Residue pairs in contact.

    Returns
    -------
    float
        0 to 1; 0 without contacts.
    """
    terms = np.where(contacts, 1 / (1 + (pae / tm_d0(sum(pae.shape))) ** 2), 0.0)
    return float((terms.sum(axis=1) / np.maximum(contacts.sum(axis=1), 1)).max())


def lis(local_pae: NDArray[np.float64]) -> float:
    """Local interaction score (Kim et al. 2024) of one direction.

    Parameters
    ----------
    local_pae : ndarray, shape (n,)
        PAE of the pairs below 12 angstrom: of all of them for LIS, of those in contact for cLIS.

    Returns
    -------
    float
        Mean of (12 - PAE) / 12; 0 where there are none.
    """
    return float(1 - local_pae.mean() / LIS_CUTOFF_ANGSTROM) if local_pae.size else 0.0


def heavy_atoms_near(
    atoms: Atoms,
    a: slice,
    b: slice,
    cb_distance: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    cutoff_angstrom: float = CONFIDENT_ANGSTROM,
) -> NDArray[np.bool_]:
    """Residue pairs of two chains with any heavy atoms within a distance.

    Parameters
    ----------
    atoms : Atoms
        Heavy atoms of the complex.
    a, b : slice
        Residues of the chains, La and Lb.
    cb_distance : ndarray, shape (La, Lb)
        CB-CB distances in angstrom: a pair within the cutoff needs no look at its other atoms, one too far for them to
        reach neither.
    wanted : ndarray, shape (La, Lb), bool
        Pairs that matter; all others are False in the answer.
    cutoff_angstrom : float, optional
        Largest distance.

    Returns
    -------
    ndarray, shape (La, Lb), bool
        True where the closest atoms are within the cutoff.
    """
    near = wanted & (cb_distance <= cutoff_angstrom)
    xyz_a, reach_a = _padded(atoms, a)
    xyz_b, reach_b = _padded(atoms, b)
    i, j = np.nonzero(wanted & ~near & (cb_distance <= cutoff_angstrom + np.add.outer(reach_a, reach_b)))
    if i.size:
        x, y, z = ((xyz_a[i, :, None, axis] - xyz_b[j, None, :, axis]) ** 2 for axis in range(3))
        near[i, j] = (x + y + z <= cutoff_angstrom**2).any(axis=(1, 2))  # False where an atom is NaN
    return near


def _padded(atoms: Atoms, chain: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Atoms of each residue, shape (L, M, 3), NaN where it has fewer; and how far they reach from CB, shape (L,)."""
    first, last = np.searchsorted(atoms.residue, (chain.start, chain.stop))
    residue = atoms.residue[first:last] - chain.start
    place = np.arange(last - first) - np.searchsorted(residue, residue)
    names = np.array(atoms.names[first:last])
    length = chain.stop - chain.start
    xyz = np.full((length, int(place.max()) + 1, 3), np.nan)
    xyz[residue, place] = atoms.xyz_angstrom[first:last]
    anchor = np.full((length, 3), np.nan)
    for name in ("CA", "CB"):  # CB where there is one
        chosen = names == name
        anchor[residue[chosen]] = atoms.xyz_angstrom[first:last][chosen]
    return xyz, np.nanmax(np.linalg.norm(xyz - anchor[:, None], axis=2), axis=1)
