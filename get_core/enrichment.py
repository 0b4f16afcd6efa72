"""Which gene sets the targets of a regulator are enriched in."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["Enrichment", "benjamini_hochberg", "enrichment", "read_gene_sets", "top_targets"]

# As in g:Profiler (doi 10.1093/nar/gkz369) and GSEA: smaller sets say little, larger ones nothing in particular.
SMALLEST, LARGEST = 5, 500


@dataclass(frozen=True)
class Enrichment:
    """One gene set among the targets.

    Parameters
    ----------
    name : str
        Gene set.
    overlap : tuple of str
        Its genes among the targets, sorted.
    size : int
        Its genes among the background.
    fold : float
        Share of the set among the targets over its share of the background.
    p_value : float
        Probability of as many or more, by the hypergeometric distribution.
    q_value : float
        After Benjamini and Hochberg over the sets that were tested.
    """

    name: str
    overlap: tuple[str, ...]
    size: int
    fold: float
    p_value: float
    q_value: float


def read_gene_sets(path: str | Path) -> dict[str, frozenset[str]]:
    """Read gene sets.

    Parameters
    ----------
    path : str or Path
        GMT (name, description, then a gene in each column), or a table with a header whose last column holds the
        genes, separated by commas, blanks or semicolons, and whose first (and second, if it is called ``name``) names
        the set; tab separated, plain or gzipped.

    Returns
    -------
    dict of str to frozenset of str
        In the order of the file; sets of one name are put together.

    Raises
    ------
    InvalidInput
        A line without a tab, or no set at all.
    """
    sets: dict[str, frozenset[str]] = {}
    named = 1
    gmt = ".gmt" in Path(path).name
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if len(cells) < 2:
            raise InvalidInput(f"{path}:{number}: no tab, where a gene set is followed by its genes")
        if gmt:
            genes = cells[2:]
        elif number == 1:
            named = 2 if len(cells) > 2 and cells[1] == "name" else 1
            continue
        else:
            genes = cells[-1].replace(",", " ").replace(";", " ").split()
        name = " ".join(cells[:named])
        sets[name] = sets.get(name, frozenset()) | frozenset(gene for gene in genes if gene)
    if not sets:
        raise InvalidInput(f"{path}: no gene set", cure="give a GMT file, or a table of sets and genes")
    return sets


def top_targets(values: ArrayLike, genes: Sequence[str], fraction: float = 0.1) -> tuple[str, ...]:
    """Return the genes that a motif raises most.

    Parameters
    ----------
    values : float (g,)
        The motif's column of the gene-by-motif matrix.
    genes : sequence of str, length g
        Genes of the rows; the largest value of a gene counts.
    fraction : float
        Share of the genes, rounded up; only those with a positive value.

    Returns
    -------
    tuple of str
        Strongest first; equal values in the order of the names.
    """
    column = np.asarray(values, np.float64)
    if column.shape != (len(genes),) or not 0 < fraction <= 1:
        raise InvalidInput(f"{column.shape} values of {len(genes)} genes, fraction {fraction}")
    best: dict[str, float] = {}
    for gene, value in zip(genes, column.tolist(), strict=True):
        best[gene] = max(value, best.get(gene, -math.inf))
    ranked = sorted((gene for gene, value in best.items() if value > 0), key=lambda gene: (-best[gene], gene))
    return tuple(ranked[: math.ceil(fraction * len(best))])


def enrichment(
    targets: Collection[str],
    background: Collection[str],
    gene_sets: Mapping[str, Collection[str]],
    *,
    smallest: int = SMALLEST,
    largest: int = LARGEST,
) -> tuple[Enrichment, ...]:
    """Test each gene set for more targets than chance would give.

    Parameters
    ----------
    targets : collection of str
        Genes of interest; those outside the background are left out.
    background : collection of str
        Genes that could have been targets, such as the rows of the matrix.
    gene_sets : mapping of str to collection of str
        Sets; only their genes in the background count.
    smallest, largest : int
        Sizes, in the background, of the sets that are tested.

    Returns
    -------
    tuple of Enrichment
        All sets that were tested, by p-value and name.

    Raises
    ------
    InvalidInput
        No target in the background.
    """
    from scipy.stats import hypergeom

    universe = frozenset(background)
    chosen = frozenset(targets) & universe
    if not chosen:
        raise InvalidInput(f"none of {len(targets)} targets is among {len(universe)} background genes")
    names, overlaps, sizes = [], [], []
    for name, members in gene_sets.items():
        inside = frozenset(members) & universe
        if smallest <= len(inside) <= largest:
            names.append(name)
            overlaps.append(tuple(sorted(inside & chosen)))
            sizes.append(len(inside))
    hits = np.array([len(overlap) for overlap in overlaps])
    p = hypergeom.sf(hits - 1, len(universe), np.array(sizes), len(chosen)) if names else np.empty(0)
    q = benjamini_hochberg(p)
    found = [
        Enrichment(name, overlap, size, len(overlap) * len(universe) / (len(chosen) * size), float(p[i]), float(q[i]))
        for i, (name, overlap, size) in enumerate(zip(names, overlaps, sizes, strict=True))
    ]
    return tuple(sorted(found, key=lambda each: (each.p_value, each.name)))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Turn p-values into false discovery rates.

    Source: Benjamini and Hochberg, J. R. Stat. Soc. B 57, 289-300 (1995).

    Parameters
    ----------
    p_values : float (k,)
        In [0, 1].

    Returns
    -------
    float64 (k,)
        The smallest rate at which each is called, in the order given.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q
