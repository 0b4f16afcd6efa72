"""The networks of all cell types of an atlas in one call, and the one of all cell types together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.edges import TOP_FRACTION
from get_core.causal.network import CausalNetwork, Method, causal_network
from get_core.errors import InvalidInput

__all__ = ["AGNOSTIC_ROWS", "AtlasNetworks", "FailedNetwork", "PooledRows", "atlas_networks", "pooled_rows"]

AGNOSTIC_ROWS = 50_000
"""Genes of all cell types in the cell-type-agnostic run (Fu et al., Nature 2025, doi 10.1038/s41586-024-08391-z,
Methods)."""


@dataclass(frozen=True)
class FailedNetwork:
    """Why there is no network: what was wrong and, where known, what to do."""

    message: str
    cure: str = ""


@dataclass(frozen=True, eq=False)
class PooledRows:
    """A sample of rows of several cell types.

    Parameters
    ----------
    matrix : float64 (n, d)
        Rows by cell type in alphabetical order, in the order they have there.
    rows : mapping of str to int64 (n_c,)
        Cell type to the numbers of its rows in the sample, ascending.
    n_available : int
        Rows that there were to draw from.
    seed : int
        Seed of the draw; without effect where all rows were taken.
    """

    matrix: NDArray[np.float64]
    rows: Mapping[str, NDArray[np.int64]]
    n_available: int
    seed: int


@dataclass(frozen=True)
class AtlasNetworks:
    """The networks of an atlas.

    Parameters
    ----------
    networks : mapping of str to CausalNetwork
        By cell type, in the order given.
    failed : mapping of str to FailedNetwork
        The cell types without a network.
    agnostic : CausalNetwork or FailedNetwork
        The network of the pooled rows.
    """

    networks: Mapping[str, CausalNetwork]
    failed: Mapping[str, FailedNetwork]
    agnostic: CausalNetwork | FailedNetwork


def atlas_networks(
    matrices: Mapping[str, ArrayLike],
    motifs: Sequence[str],
    *,
    sample: int = AGNOSTIC_ROWS,
    method: Method = "direct",
    top_fraction: float = TOP_FRACTION,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> AtlasNetworks:
    """Find the causal network of every cell type and the cell-type-agnostic one.

    Parameters
    ----------
    matrices : mapping of str to float (n_c, d)
        Gene × motif matrix of each cell type. A mapping that loads on access keeps one of them in memory at a time;
        each is read three times.
    motifs : sequence of str (d,)
        Column names of all matrices.
    sample : int
        Rows of the agnostic network; see `pooled_rows`.
    method, top_fraction : see `causal_network`
        Columns are z-scored (ddof 0) within each cell type, and within the pooled sample.
    seed : int
        Seed of the sample, and of the ICA.
    progress : callable, optional
        Called with (networks done, networks) before each and at the end.

    Returns
    -------
    AtlasNetworks
        A cell type whose matrix cannot be used is a `FailedNetwork` and does not stop the others; its rows still
        enter the pool if it has the right columns.

    Raises
    ------
    InvalidInput
        No cell type at all, or settings out of range.
    """
    if not matrices:
        raise InvalidInput("no cell type: atlas_networks needs at least one matrix")
    networks: dict[str, CausalNetwork] = {}
    failed: dict[str, FailedNetwork] = {}
    report = progress or (lambda done, total: None)
    total = len(matrices) + 1

    def fit(matrix: ArrayLike) -> CausalNetwork:
        return causal_network(matrix, motifs, method=method, top_fraction=top_fraction, seed=seed)

    for done, cell_type in enumerate(matrices):
        report(done, total)
        try:
            networks[cell_type] = fit(matrices[cell_type])
        except ValueError as error:
            failed[cell_type] = _failure(error)
    report(total - 1, total)
    width = len(motifs)
    poolable = [name for name in matrices if np.ndim(matrices[name]) == 2 and np.shape(matrices[name])[1] == width]
    agnostic: CausalNetwork | FailedNetwork
    try:
        agnostic = fit(pooled_rows(matrices, poolable, sample=sample, seed=seed).matrix)
    except ValueError as error:
        agnostic = _failure(error)
    report(total, total)
    return AtlasNetworks(networks, failed, agnostic)


def pooled_rows(
    matrices: Mapping[str, ArrayLike],
    cell_types: Collection[str] | None = None,
    *,
    sample: int = AGNOSTIC_ROWS,
    seed: int = 0,
) -> PooledRows:
    """Draw rows from all cell types together, each row as likely as any other, none twice.

    Parameters
    ----------
    matrices : mapping of str to float (n_c, d)
        Gene × motif matrix of each cell type, with the same columns.
    cell_types : collection of str, optional
        The cell types to draw from; all by default.
    sample : int
        Rows to draw; all rows are taken where there are no more.
    seed : int
        The same seed draws the same rows, whatever the order of the mapping.

    Returns
    -------
    PooledRows

    Raises
    ------
    InvalidInput
        No cell type, matrices of different width, or a sample below 1.
    """
    if sample < 1:
        raise InvalidInput(f"a sample of {sample} rows", cure=f"the paper takes {AGNOSTIC_ROWS}")
    names = sorted(matrices if cell_types is None else cell_types)
    shapes = [np.shape(matrices[name]) for name in names]
    widths = {shape[1:] for shape in shapes}
    if len(widths) != 1 or any(len(shape) != 2 for shape in shapes):
        listed = ", ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))
        raise InvalidInput(f"matrices of one width are pooled, not {listed or 'none at all'}")
    ends = np.cumsum([shape[0] for shape in shapes])
    total = int(ends[-1])
    drawn = np.arange(total)
    if sample < total:
        drawn = np.sort(np.random.default_rng(seed).choice(total, sample, replace=False))
    rows: dict[str, NDArray[np.int64]] = {}
    parts = []
    for name, shape, end in zip(names, shapes, ends, strict=True):
        start = end - shape[0]
        rows[name] = drawn[(drawn >= start) & (drawn < end)] - start
        parts.append(np.asarray(matrices[name], np.float64)[rows[name]])
    return PooledRows(np.concatenate(parts), rows, total, seed)


def _failure(error: ValueError) -> FailedNetwork:
    return FailedNetwork(str(error), " ".join(getattr(error, "__notes__", ())))
