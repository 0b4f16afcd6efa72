"""Rows of two alignments that come from one species, by the rule of AlphaFold-Multimer.

Evans et al. 2021 (doi 10.1101/2021.10.04.463034), ``alphafold/data/msa_pairing.py``: within each species, the rows of
either chain are ranked by their similarity to the query and paired rank by rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.msa.a3m import Msa, parse_a3m
from screening.msa.slicing import cut, has_residue

__all__ = ["LARGEST_SPECIES", "PairedMsa", "pair_a3m", "similarity"]

LARGEST_SPECIES = 600
"""A species with more rows than this in a chain is left out: ``pair_sequences`` of AlphaFold-Multimer."""


@dataclass(frozen=True)
class PairedMsa:
    """Two alignments in register: row i of one belongs to row i of the other.

    Attributes
    ----------
    a, b : Msa
        P rows each; row 0 is the pair of queries.
    indices : tuple of (int, int), length P
        Rows of the two alignments that were paired, counted from 0.
    """

    a: Msa
    b: Msa
    indices: tuple[tuple[int, int], ...]

    @property
    def depth(self) -> int:
        """Number of paired rows, the queries included."""
        return len(self.indices)

    def sliced(self, range_a: tuple[int, int], range_b: tuple[int, int]) -> "PairedMsa":
        """Cut a segment out of either side.

        Parameters
        ----------
        range_a, range_b : (int, int)
            Residue ranges, 1-based inclusive.

        Returns
        -------
        PairedMsa
            Without the pairs that have no residue left in the columns of either segment or repeat an earlier pair
            letter by letter; in the same order.

        Raises
        ------
        InvalidInput
            No such range.
        """
        a, b = cut(self.a, *range_a), cut(self.b, *range_b)
        first: dict[tuple[str, str], int] = {}
        for i, rows in enumerate(zip(a.rows, b.rows, strict=True)):
            first.setdefault(rows, i)
        return _in_register(a, b, self.indices, [i for (x, y), i in first.items() if has_residue(x) and has_residue(y)])

    def head(self, depth: int) -> "PairedMsa":
        """Return the first `depth` pairs."""
        return _in_register(self.a, self.b, self.indices, range(min(depth, self.depth)))


def pair_a3m(a: str | Msa, b: str | Msa) -> PairedMsa:
    """Pair the rows of two proteins' alignments by species.

    Row 0 is the pair of queries. A species takes part when both alignments have rows of it, neither more than 600. Its
    rows are ranked by the share of columns that equal the query (descending; equal ones in file order, which is that of
    E-values) and paired rank by rank up to the smaller number. The pairs are ordered by the product of their row
    numbers; equal products by species and rank. AlphaFold leaves the order of ties to an unstable sort; here it is
    determined. Rows whose header names no species stay unpaired, and so does the query's own species tag.

    The alignment of one protein with itself pairs each row with itself: two segments of one protein.

    Parameters
    ----------
    a, b : str or Msa
        Alignments of the full-length proteins; text in the a3m format.

    Returns
    -------
    PairedMsa
        At least the pair of queries; slice it for each segment pair.

    Raises
    ------
    InvalidInput
        Text that is no a3m of one protein.
    """
    msa_a = parse_a3m(a) if isinstance(a, str) else a
    msa_b = parse_a3m(b) if isinstance(b, str) else b
    if msa_a == msa_b:
        return PairedMsa(msa_a, msa_b, tuple((i, i) for i in range(msa_a.depth)))
    numbers = {name: i for i, name in enumerate(sorted(set(msa_a.taxa) & set(msa_b.taxa) - {""}))}
    rows_a, species_a, rank_a = _ranked(msa_a, numbers)
    rows_b, species_b, rank_b = _ranked(msa_b, numbers)
    count_a, count_b = (np.bincount(species, minlength=len(numbers)) for species in (species_a, species_b))
    pairs = np.where(np.maximum(count_a, count_b) > LARGEST_SPECIES, 0, np.minimum(count_a, count_b))
    left, right = rows_a[rank_a < pairs[species_a]], rows_b[rank_b < pairs[species_b]]
    order = np.argsort(left * right, kind="stable")
    indices = ((0, 0), *zip(left[order].tolist(), right[order].tolist(), strict=True))
    return PairedMsa(msa_a.take([i for i, _ in indices]), msa_b.take([j for _, j in indices]), indices)


def similarity(msa: Msa) -> NDArray[np.int64]:
    """Count the columns in which each row equals the query.

    Parameters
    ----------
    msa : Msa
        The alignment.

    Returns
    -------
    (N,) int64
        Columns, 0 to L; AlphaFold's similarity times L.
    """
    equal = np.packbits(msa.columns == msa.columns[0], axis=1)
    return np.bitwise_count(equal).sum(axis=1, dtype=np.int64)


def _ranked(msa: Msa, numbers: Mapping[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the common species by species and rank: row, number of the species, rank from 0."""
    number = np.array([numbers.get(name, -1) for name in msa.taxa], dtype=np.int64)
    rows = np.flatnonzero(number >= 0)
    species = number[rows]
    order = np.lexsort((rows, -similarity(msa)[rows], species))
    rows, species = rows[order], species[order]
    return rows, species, np.arange(len(rows)) - np.searchsorted(species, species, side="left")


def _in_register(a: Msa, b: Msa, indices: Sequence[tuple[int, int]], kept: Sequence[int]) -> PairedMsa:
    return PairedMsa(a.take(kept), b.take(kept), tuple(indices[i] for i in kept))
