"""TM-scores of a pair from the distributions that the network predicts, on the residues that exist."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["actifptm", "chain_ptm", "contact_probability", "error_bin_centres", "tm_distance"]

CONTACT_ANGSTROM = 8.0
"""C-beta distance of a contact (actifpTM: Varga et al. 2025, in ColabFold's ``extra_ptm``)."""


def tm_distance(residues: int) -> float:
    """Return d0 of the TM-score in angstrom, as AlphaFold clips it (Zhang & Skolnick 2004, doi 10.1002/prot.20264)."""
    return 1.24 * (max(residues, 19) - 15) ** (1 / 3) - 1.8


def error_bin_centres(bins: int, maximum: float) -> NDArray[np.float64]:
    """Return the centres of AlphaFold's bins of the aligned error, angstrom; the last one holds all that is larger.

    Parameters
    ----------
    bins : int
        Number of bins.
    maximum : float
        Lower end of the last one, angstrom.
    """
    breaks = np.linspace(0.0, maximum, bins - 1)
    step = breaks[1] - breaks[0]
    return np.append(breaks + step / 2, breaks[-1] + 1.5 * step)


def contact_probability(
    logits: NDArray[np.floating], first: float = 2.3125, last: float = 21.6875
) -> NDArray[np.float64]:
    """Return the probability that two C-beta atoms are within 8 angstrom, from the distogram.

    Parameters
    ----------
    logits : ndarray, shape (L, L, B)
        Of the bins of distance.
    first, last : float
        First and last edge between bins, angstrom. A bin counts where its lower edge is below 8, as in ColabFold.

    Returns
    -------
    ndarray, shape (L, L), float64
        0-1.
    """
    lower = np.append(0.0, np.linspace(first, last, logits.shape[-1] - 1))
    shifted = np.exp(logits.astype(np.float32) - logits.max(-1, keepdims=True).astype(np.float32))
    return (shifted[..., lower < CONTACT_ANGSTROM].sum(-1) / shifted.sum(-1)).astype(np.float64)


def actifptm(
    probabilities: NDArray[np.floating],
    centres: NDArray[np.float64],
    contacts: NDArray[np.float64],
    chain: NDArray[np.integer],
) -> float:
    """Return ipTM with each residue pair weighted by its probability of contact.

    Parameters
    ----------
    probabilities : ndarray, shape (L, L, B)
        Of the bins of the aligned error.
    centres : ndarray, shape (B,)
        Their centres, angstrom.
    contacts : ndarray, shape (L, L)
        Probability of contact.
    chain : ndarray, shape (L,)
        Chain of each residue.

    Returns
    -------
    float
        0-1; the largest over residues of the mean over the other chain.
    """
    weights = contacts * (chain[:, None] != chain[None, :])
    terms = _expected_tm(probabilities, centres, len(chain))
    return float(((terms * weights).sum(-1) / (1e-8 + weights.sum(-1))).max())


def chain_ptm(
    probabilities: NDArray[np.floating], centres: NDArray[np.float64], chain: NDArray[np.integer]
) -> tuple[float, ...]:
    """Return pTM of each chain by itself, with d0 of its own length; in the order of the chains.

    Parameters
    ----------
    probabilities, centres, chain
        As for `actifptm`.
    """
    scores = []
    for name in np.unique(chain):
        own = np.flatnonzero(chain == name)
        terms = _expected_tm(probabilities[np.ix_(own, own)], centres, len(own))
        scores.append(float(terms.mean(-1).max()))
    return tuple(scores)


def _expected_tm(
    probabilities: NDArray[np.floating], centres: NDArray[np.float64], residues: int
) -> NDArray[np.float64]:
    """Return the expected TM term of each residue pair, shape (L, L)."""
    per_bin = 1.0 / (1.0 + (centres / tm_distance(residues)) ** 2)
    return (probabilities.astype(np.float32) @ per_bin.astype(np.float32)).astype(np.float64)
