"""Counts of single cells in h5ad files, summed over cell types a few thousand cells at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["open_h5ad", "sums_by_type"]

ROWS = 4096
"""Cells read at a time."""


@contextmanager
def open_h5ad(path: str | Path) -> Iterator["AnnData"]:
    """Open an h5ad file with its matrix left on disk.

    Raises
    ------
    InvalidInput
        No such file, or a damaged or truncated one.
    """
    import anndata

    if not Path(path).is_file():
        raise InvalidInput(f"{path}: no such file", cure="check the path")
    try:
        data = anndata.read_h5ad(path, backed="r")
    except Exception as error:
        # HDF5 raises many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(
            f"{path}: cannot be read as h5ad: {type(error).__name__}: {str(error)[:200]}",
            cure="write it with anndata's write_h5ad, or copy a truncated file again",
        ) from error
    try:
        yield data
    finally:
        data.file.close()


def sums_by_type(
    data: "AnnData", path: str | Path, column: str, cells: Mapping[str, str] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[int, ...]]:
    """Sum the rows of an open h5ad file by cell type.

    Parameters
    ----------
    data : AnnData
        As `open_h5ad` gives it.
    path : str or Path
        For messages.
    column : str
        Column of ``obs``.
    cells : mapping of str to str, optional
        Barcode to cell type, in place of the column.

    Returns
    -------
    float64 (c, n)
        Sums.
    tuple of str (c,)
        Cell types, in order of appearance.
    tuple of int (c,)
        Cells of each.

    Raises
    ------
    InvalidInput
        No such column, no cell of a type, no matrix, negative or non-finite values, or a part that cannot be read.
    """
    from scipy.sparse import csr_matrix

    if cells is None:
        if column not in data.obs.columns:
            raise InvalidInput(
                f"{path}: obs has no column {column!r}",
                cure=f"name the column of cell types: it has {', '.join(map(str, data.obs.columns[:20])) or 'none'}",
            )
        labels = ["" if value is None or value != value else str(value) for value in list(data.obs[column])]
    else:
        labels = [cells.get(str(name), "") for name in data.obs_names]
    names = tuple(dict.fromkeys(label for label in labels if label))
    if not names:
        raise InvalidInput(f"{path}: no cell has a type", cure="check the barcodes or the column of cell types")
    code = {name: index for index, name in enumerate(names)}
    type_of = np.array([code.get(label, -1) for label in labels], np.int64)
    sums = np.zeros((len(names), data.n_vars))
    if data.X is None:
        raise InvalidInput(f"{path}: has no matrix X", cure="put the counts into X")
    matrix = cast(Any, data.X)
    for begin in range(0, data.n_obs, ROWS):
        try:
            block = csr_matrix(matrix[begin : begin + ROWS], dtype=np.float64)
        except Exception as error:
            raise InvalidInput(
                f"{path}: cells from {begin} on cannot be read: {type(error).__name__}: {str(error)[:200]}",
                cure="copy a truncated file again",
            ) from error
        if not np.isfinite(block.data).all() or (block.data < 0).any():
            raise InvalidInput(
                f"{path}: negative or non-finite values among cells {begin} to {min(begin + ROWS, data.n_obs)}",
                cure="put counts into X, not scaled values",
            )
        owner = type_of[begin : begin + ROWS]
        kept = np.flatnonzero(owner >= 0)
        chooser = csr_matrix((np.ones(len(kept)), (owner[kept], kept)), shape=(len(names), len(owner)))
        sums += csr_matrix(chooser @ block).toarray()
    return sums, names, tuple(np.bincount(type_of[type_of >= 0], minlength=len(names)).tolist())
