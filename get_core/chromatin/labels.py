"""Expression of regions: what the genes that start in a region express, strand by strand."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Promoters
from get_core.chromatin.annotation import Starts
from get_core.chromatin.peaks import Peaks, overlapping
from get_core.errors import InvalidInput
from get_core.tables import Expression

__all__ = ["Combine", "Labels", "label_regions"]

Combine = Literal["sum", "mean", "mean_of_starts"]
ENSEMBL = re.compile(r"ENS[A-Z]*G\d{11}")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of n regions, and what has none.

    Parameters
    ----------
    values : float32 (c, n, 2) or None
        log10(TPM + 1) of the genes that start in a region, by strand; None without expression.
    promoters : Promoters
        Gene, region and strand of every start in a region, each once, by region, strand and gene.
    without_region : tuple of str
        Genes none of whose starts lies in a region.
    without_expression : tuple of str
        Genes with a start in a region and no row of expression; they add nothing to the labels.
    n_starts_outside : int
        Transcription starts in no region.
    """

    values: NDArray[np.float32] | None
    promoters: Promoters
    without_region: tuple[str, ...]
    without_expression: tuple[str, ...]
    n_starts_outside: int


def label_regions(
    peaks: Peaks, starts: Starts, expression: Expression | None, *, extend: int = 0, combine: Combine = "sum"
) -> Labels:
    """Give each region the expression of the genes that start in it.

    Parameters
    ----------
    peaks : Peaks
        n regions.
    starts : Starts
        Transcription starts.
    expression : Expression or None
        TPM of genes, by symbol or identifier.
    extend : int
        Bases by which a start reaches to both sides; 0 as in the paper.
    combine : {"sum", "mean", "mean_of_starts"}
        Several genes on one strand of a region are summed (the paper), or averaged; a gene counts once however many
        of its starts lie there. "mean_of_starts" averages over starts as the published code does.

    Returns
    -------
    Labels

    Raises
    ------
    InvalidInput
        Settings out of range.
    """
    if extend < 0 or combine not in get_args(Combine):
        raise InvalidInput(f"extend is {extend} and combine {combine!r}: 0 or more, and {', '.join(get_args(Combine))}")
    start, region = _pairs(peaks, starts, extend)
    by_gene = {gene: row for row, gene in enumerate(expression.genes)} if expression else {}
    by_id = {gene.partition(".")[0]: row for gene, row in by_gene.items() if ENSEMBL.match(gene)}
    source = np.array(
        [by_gene.get(gene, by_id.get(key, -1)) for gene, key in zip(starts.gene, starts.gene_id, strict=True)], np.int64
    )
    symbols, gene = np.unique(np.array(starts.gene, np.str_), return_inverse=True)
    rows = np.stack([region, starts.strand[start], gene[start], source[start]], axis=1)
    distinct = np.unique(rows, axis=0)
    once = np.unique(distinct[:, :3], axis=0)
    promoters = Promoters(tuple(symbols[once[:, 2]].tolist()), once[:, 0].copy(), once[:, 1].copy())
    values = None
    if expression is not None:
        used = rows if combine == "mean_of_starts" else distinct
        values = _combined(used[used[:, 3] >= 0], expression, len(peaks), mean=combine != "sum")
    has_region = set(promoters.gene)
    has_source = {starts.gene[row] for row in np.flatnonzero(source >= 0).tolist()}
    return Labels(
        values,
        promoters,
        tuple(name for name in symbols.tolist() if name not in has_region),
        tuple(name for name in symbols.tolist() if name in has_region and name not in has_source) if by_gene else (),
        len(starts) - len(np.unique(start)),
    )


def _combined(rows: NDArray[np.int64], expression: Expression, n: int, *, mean: bool) -> NDArray[np.float32]:
    """Add up log10(TPM + 1) of rows (region, strand, gene, row of expression)."""
    place = rows[:, 0] * 2 + rows[:, 1]
    level = np.log10(expression.values.astype(np.float64) + 1)
    total = np.stack([np.bincount(place, of_type[rows[:, 3]], minlength=2 * n) for of_type in level])
    if mean:
        total /= np.maximum(np.bincount(place, minlength=2 * n), 1)
    return total.reshape(len(total), n, 2).astype(np.float32)


def _pairs(peaks: Peaks, starts: Starts, extend: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (start, region) wherever a start lies in a region."""
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for name, rows in peaks.runs().items():
        here = np.flatnonzero(starts.chrom == name)
        position = starts.position[here]
        which, region = overlapping(peaks.start[rows], peaks.end[rows], position - extend, position + extend + 1)
        found.append((here[which], region + rows.start))
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *(a for a, _ in found)]), np.concatenate([empty, *(b for _, b in found)])
