"""How much an alignment says: its effective number of sequences.

Sequences are weighted by one over the number of sequences, themselves included, at 80 % identity or more; identity is
measured over the columns where either sequence has a residue. This is the weighting by which Jumper et al. 2021 (doi
10.1038/s41586-021-03819-2, Methods, "MSA depth analysis") relate accuracy to depth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.msa.a3m import GAP, Msa

__all__ = ["IDENTITY", "MsaDepth", "measure_depth", "sequence_weights"]

IDENTITY = 0.8
"""Identity from which two sequences count as one, Jumper et al. 2021."""

_BLOCK_PAIRS = 1 << 15
"""Pairs of sequences compared at a time: their temporary arrays, 256 KiB each, stay in a core's cache."""


@dataclass(frozen=True)
class MsaDepth:
    """Size of an alignment.

    Attributes
    ----------
    rows : int
        Sequences, the query included.
    neff : float
        Sum of their weights, 1 to `rows`.
    median_residue_neff : float
        Median over the query's residues of the weights of the sequences that have a residue there: Jumper et al. find
        accuracy to fall where this is below about 30.
    n_taxa : int
        Species named in the headers; pairing by taxonomy needs them.
    """

    rows: int
    neff: float
    median_residue_neff: float
    n_taxa: int


def measure_depth(msa: Msa) -> MsaDepth:
    """Measure an alignment.

    Parameters
    ----------
    msa : Msa
        N rows of L columns; takes in the order of N² L / 64 operations.

    Returns
    -------
    MsaDepth
        Its size in several measures.
    """
    weights = sequence_weights(msa.columns)
    per_residue = weights @ (msa.columns != GAP)
    return MsaDepth(msa.depth, float(weights.sum()), float(np.median(per_residue)), len(set(msa.taxa) - {""}))


def sequence_weights(columns: NDArray[np.uint8], identity: float = IDENTITY) -> NDArray[np.float64]:
    """Weight sequences by one over the number of their near copies.

    Parameters
    ----------
    columns : (N, L) uint8
        Upper-case letters and gaps, ASCII codes.
    identity : float, optional
        Identity from which two sequences are near copies, over 0 and up to 1.

    Returns
    -------
    (N,) float64
        Weights over 0 and up to 1; 0 for a sequence without residues.
    """
    unique, inverse, copies = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
    # In the order of their sizes: a sequence and one of under 80 % of its residues cannot be near.
    size = np.count_nonzero(unique != GAP, axis=1)
    order = np.argsort(size, kind="stable")
    unique, copies, size = unique[order], copies[order].astype(np.float64), size[order]
    planes, residues = _bit_planes(unique)
    neighbours = np.zeros(len(unique))
    first = 0
    while first < len(unique):
        last = min(first + max(1, _BLOCK_PAIRS // (len(unique) - first)), len(unique))
        stop = int(np.searchsorted(size, size[last - 1] / identity + 1e-6, side="right"))
        n_equal, n_both = _shared(planes, residues, slice(first, last), slice(first, stop))
        either = size[first:last, None] + size[first:stop] - n_both
        near = ((n_equal >= identity * either - 1e-9) & (either > 0)).astype(np.float64)
        neighbours[first:last] += near @ copies[first:stop]
        neighbours[last:stop] += copies[first:last] @ near[:, last - first :]
        first = last
    weights = np.divide(1.0, neighbours, out=np.zeros(len(unique)), where=neighbours > 0)
    weights_in_order = np.empty_like(weights)
    weights_in_order[order] = weights
    return weights_in_order[inverse.reshape(-1)]


def _bit_planes(unique: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Write letters as bits: five planes (5, W, N), and where residues are (W, N); a word holds 64 columns.

    Comparing 64 letters of two sequences takes ten operations then.
    """
    present = unique != GAP
    letters = np.where(present, unique & 0x1F, 0)
    return np.stack([_packed(letters >> bit & 1) for bit in range(5)]), _packed(present)


def _shared(
    planes: NDArray[np.uint64], residues: NDArray[np.uint64], rows: slice, others: slice
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Count the columns where two sequences have the same residue, and where both have one: (rows, others) each."""
    shape = (rows.stop - rows.start, others.stop - others.start)
    n_equal, n_both = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    differing, word = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
    for w in range(residues.shape[0]):
        np.bitwise_xor.outer(planes[0, w, rows], planes[0, w, others], out=differing)
        for plane in planes[1:, w]:
            np.bitwise_xor.outer(plane[rows], plane[others], out=word)
            differing |= word
        np.bitwise_and.outer(residues[w, rows], residues[w, others], out=word)
        n_both += np.bitwise_count(word)
        word &= ~differing
        n_equal += np.bitwise_count(word)
    return n_equal, n_both


def _packed(bits: NDArray) -> NDArray[np.uint64]:
    """Pack (N, L) bits into (ceil(L / 64), N) words."""
    octets = np.packbits(bits.astype(bool), axis=1)
    padded = np.zeros((len(octets), -(-octets.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    return np.ascontiguousarray(padded.view(np.uint64).T)
