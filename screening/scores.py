"""Interface scores of a predicted two-chain complex.

Conventions, with P the predicted aligned error (row = aligned, column = scored): a residue is represented by its CB,
glycine by its CA; two residues of different chains are in contact at 8 angstrom or less; ``_ab`` scores residues of
chain b in frames of chain a, ``_ba`` the other way round. A score whose input is missing is None, never 0.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.errors import Unsupported
from screening.prediction import Prediction, read_prediction

__all__ = ["InterfaceScores", "ipsae", "lis", "pdockq", "pdockq2", "ppv", "score_complex", "score_prediction"]

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


@dataclass(frozen=True)
class InterfaceScores:
    """Scores of one complex; None where the input cannot support a score.

    Attributes
    ----------
    n_contacts : int
        Residue pairs in contact.
    n_interface_residues, n_interface_a, n_interface_b : int
        Residues with a contact: of both chains, of chain a, of chain b.
    mean_plddt_a, mean_plddt_b : float or None
        Mean pLDDT of each chain, 0-100.
    interface_plddt : float or None
        Mean pLDDT of the residues with a contact, 0-100; None also without contacts.
    pdockq : float or None
        Bryant et al. 2022; 0 without contacts.
    ppv : float or None
        Precision that FoldDock's benchmark shows at this pDockQ, 0 without contacts; not the precision of a screen.
    pdockq2_a, pdockq2_b : float or None
        Zhu et al. 2023 with the pLDDT of both chains' interface residues, PAE in frames of chain a or b.
    ipsae_ab, ipsae_ba : float or None
        Dunbrack 2025, PAE below 15 angstrom.
    ipsae10_ab, ipsae10_ba : float or None
        The same, PAE below 10 angstrom.
    lis_ab, lis_ba : float or None
        Local interaction score of Kim et al. 2024; the published value is the mean of the two.
    iptm, ptm : float or None
        As the program gave them; never recalculated from PAE.
    min_ipae, mean_ipae : float or None
        Smallest and mean PAE between the chains, both directions, in angstrom.
    """

    n_contacts: int
    n_interface_residues: int
    n_interface_a: int
    n_interface_b: int
    mean_plddt_a: float | None
    mean_plddt_b: float | None
    interface_plddt: float | None
    pdockq: float | None
    ppv: float | None
    pdockq2_a: float | None
    pdockq2_b: float | None
    ipsae_ab: float | None
    ipsae_ba: float | None
    ipsae10_ab: float | None
    ipsae10_ba: float | None
    lis_ab: float | None
    lis_ba: float | None
    iptm: float | None
    ptm: float | None
    min_ipae: float | None
    mean_ipae: float | None


def score_complex(
    structure_file: Path,
    pae: Path | NDArray[np.floating] | None = None,
    *,
    confidence: Path | None = None,
    has_plddt: bool = True,
    plddt_maximum: float = 100.0,
) -> InterfaceScores:
    """Score the interface of a two-chain structure file.

    Parameters
    ----------
    structure_file : Path
        PDB or mmCIF, plain or gzipped.
    pae : Path or ndarray of shape (L, L), optional
        Predicted aligned error in angstrom, row = aligned, column = scored, or the file with it (and ipTM).
    confidence : Path, optional
        JSON file with ``iptm`` and ``ptm``, where `pae` has none.
    has_plddt : bool, optional
        False where the B factors are no pLDDT: the scores that need it are then None.
    plddt_maximum : float, optional
        pLDDT of a perfect residue in this file: 100, or 1 for programs that write fractions.

    Returns
    -------
    InterfaceScores
        The first chain of the file is a, the second b.

    Raises
    ------
    InvalidInput
        As `screening.prediction.read_prediction`.
    Unsupported
        The structure does not have two chains.
    """
    prediction = read_prediction(
        structure_file, pae, confidence=confidence, has_plddt=has_plddt, plddt_maximum=plddt_maximum
    )
    return score_prediction(prediction)


def score_prediction(prediction: Prediction) -> InterfaceScores:
    """Score the interface of a prediction.

    Parameters
    ----------
    prediction : Prediction
        Two chains.

    Returns
    -------
    InterfaceScores
        The first chain is a, the second b.

    Raises
    ------
    Unsupported
        The prediction does not have two chains.
    """
    if len(prediction.chain_ids) != 2:
        raise Unsupported(
            f"{prediction.source}: {len(prediction.chain_ids)} chain(s) ({', '.join(prediction.chain_ids)}); "
            "interface scores are defined for two",
            cure="Give a structure of exactly two chains.",
        )
    a, b = prediction.chain(0), prediction.chain(1)
    contacts = _distances(prediction.cb_angstrom[a], prediction.cb_angstrom[b]) <= CONTACT_ANGSTROM
    n_contacts = int(contacts.sum())
    interface_a, interface_b = contacts.any(axis=1), contacts.any(axis=0)
    mean_a = mean_b = interface_plddt = score = precision = None
    if prediction.plddt is not None:
        plddt_a, plddt_b = prediction.plddt[a], prediction.plddt[b]
        mean_a, mean_b = float(plddt_a.mean()), float(plddt_b.mean())
        if n_contacts:
            interface_plddt = float(np.concatenate([plddt_a[interface_a], plddt_b[interface_b]]).mean())
        score = pdockq(interface_plddt, n_contacts)
        precision = ppv(score)
    q2_a = q2_b = ipsae_ab = ipsae_ba = ipsae10_ab = ipsae10_ba = lis_ab = lis_ba = smallest = mean = None
    if prediction.pae is not None:
        pae_ab, pae_ba = prediction.pae[a, b].astype(np.float64), prediction.pae[b, a].astype(np.float64)
        if prediction.plddt is not None:
            q2_a = pdockq2(interface_plddt, pae_ab[contacts])
            q2_b = pdockq2(interface_plddt, pae_ba[contacts.T])
        ipsae_ab, ipsae_ba = ipsae(pae_ab), ipsae(pae_ba)
        ipsae10_ab = ipsae(pae_ab, IPSAE10_CUTOFF_ANGSTROM)
        ipsae10_ba = ipsae(pae_ba, IPSAE10_CUTOFF_ANGSTROM)
        lis_ab, lis_ba = lis(pae_ab), lis(pae_ba)
        smallest = float(min(pae_ab.min(), pae_ba.min()))
        mean = float((pae_ab.mean() + pae_ba.mean()) / 2)
    return InterfaceScores(
        n_contacts=n_contacts,
        n_interface_residues=int(interface_a.sum() + interface_b.sum()),
        n_interface_a=int(interface_a.sum()),
        n_interface_b=int(interface_b.sum()),
        mean_plddt_a=mean_a,
        mean_plddt_b=mean_b,
        interface_plddt=interface_plddt,
        pdockq=score,
        ppv=precision,
        pdockq2_a=q2_a,
        pdockq2_b=q2_b,
        ipsae_ab=ipsae_ab,
        ipsae_ba=ipsae_ba,
        ipsae10_ab=ipsae10_ab,
        ipsae10_ba=ipsae10_ba,
        lis_ab=lis_ab,
        lis_ba=lis_ba,
        iptm=prediction.iptm,
        ptm=prediction.ptm,
        min_ipae=smallest,
        mean_ipae=mean,
    )


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
    """pDockQ2 (Zhu et al. 2023) with the pLDDT of both chains' interface residues.

    Parameters
    ----------
    interface_plddt : float or None
        Mean pLDDT of the residues with a contact, 0-100; None without contacts.
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
    n = np.maximum(seen, IPSAE_MINIMUM_RESIDUES)
    d0 = np.maximum(1.0, TM_A * np.cbrt(n - TM_B) - TM_C)
    terms = np.where(valid, 1 / (1 + (pae / d0[:, None]) ** 2), 0.0)
    return float((terms.sum(axis=1) / np.maximum(seen, 1)).max())


def lis(pae: NDArray[np.float64]) -> float:
    """Local interaction score (Kim et al. 2024) of one direction.

    Parameters
    ----------
    pae : ndarray, shape (L_aligned, L_scored)
        PAE between two chains, in angstrom.

    Returns
    -------
    float
        Mean of (12 - PAE) / 12 over the pairs below 12 angstrom; 0 where there are none.
    """
    local = pae[pae < LIS_CUTOFF_ANGSTROM]
    return float(np.mean((LIS_CUTOFF_ANGSTROM - local) / LIS_CUTOFF_ANGSTROM)) if local.size else 0.0


def _distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances between all rows of a (N, 3) and b (M, 3), shape (N, M)."""
    return np.sqrt(sum(np.subtract.outer(a[:, axis], b[:, axis]) ** 2 for axis in range(3)))
