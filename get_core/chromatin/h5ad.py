"""Counts of single cells in h5ad files, summed over cell types a block of the matrix at a time."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    from scipy.sparse import csr_matrix

__all__ = ["CellFile", "open_h5ad", "sums_by_type"]

ROWS = 4096
"""Cells, or columns of a matrix that is stored by column, read at a time."""


@dataclass(frozen=True, eq=False)
class CellFile:
    """An open h5ad file: its tables in memory, its matrices on disk.

    Parameters
    ----------
    path : Path
        For messages.
    obs, var : DataFrame
        Tables of the cells and of the columns.
    file : h5py.File
        The rest.
    """

    path: Path
    obs: "pd.DataFrame"
    var: "pd.DataFrame"
    file: "h5py.File"

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(map(str, cast("Iterable[object]", self.file.get("layers", ()))))

    def matrix(self, layer: str = "X") -> Any:
        """Return X or a layer, sparse or dense, on disk.

        Raises
        ------
        InvalidInput
            It is not there, or of another shape than the tables.
        """
        from anndata.io import sparse_dataset

        stored: Any = self.file.get("X" if layer == "X" else f"layers/{layer}")
        if stored is None:
            raise InvalidInput(
                f"{self.path}: no matrix X" if layer == "X" else f"{self.path}: no layer {layer!r}", cure=self.advice
            )
        matrix = stored if hasattr(stored, "dtype") else sparse_dataset(stored)
        if matrix.shape != (len(self.obs), len(self.var)):
            raise InvalidInput(
                f"{self.path}: {layer} is {matrix.shape}, of {len(self.obs)} cells, {len(self.var)} columns"
            )
        return matrix

    def columns_of(self, feature_type: str) -> NDArray[np.int64]:
        """Return which columns are of a type, such as ``Peaks`` of a multiome file; all where nothing says."""
        if "feature_types" not in self.var.columns:
            return np.arange(len(self.var))
        return np.flatnonzero(np.array(self.var["feature_types"].astype(str)) == feature_type)

    @property
    def advice(self) -> str:
        """Say where counts may lie."""
        names = f"its layers are {', '.join(self.layers)}" if self.layers else "it has no layers"
        return f"give counts: X, or name their layer (--counts-layer, --rna-layer); {names}"


@contextmanager
def open_h5ad(path: str | Path) -> Iterator[CellFile]:
    """Open an h5ad file with its matrices left on disk.

    Raises
    ------
    InvalidInput
        No such file, or a damaged or truncated one.
    """
    import h5py
    from anndata.io import read_elem

    if not Path(path).is_file():
        raise InvalidInput(f"{path}: no such file", cure="check the path")
    try:
        file = h5py.File(path, "r")
        with warnings.catch_warnings(action="ignore"):  # of repeated names, which the readers refuse by name
            obs, var = (cast(Any, read_elem(cast(Any, file[name]))) for name in ("obs", "var"))
    except Exception as error:
        # HDF5 raises many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(
            f"{path}: cannot be read as h5ad: {type(error).__name__}: {str(error)[:200]}",
            cure="write it with anndata's write_h5ad, or copy a truncated file again",
        ) from error
    with file:
        yield CellFile(Path(path), obs, var, file)


def sums_by_type(
    data: CellFile, column: str, cells: Mapping[str, str] | None = None, *, layer: str = ""
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[int, ...]]:
    """Sum the rows of an open h5ad file by cell type.

    Parameters
    ----------
    data : CellFile
        As `open_h5ad` gives it.
    column : str
        Column of ``obs``.
    cells : mapping of str to str, optional
        Barcode to cell type, in place of the column.
    layer : str
        Layer that holds the counts, or ``X``; its values are taken as they are. By default X, which must then hold
        whole numbers: normalised values, summed over cells, are wrong without looking so.

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
        No such column or layer, no cell of a type, negative, non-finite or (by default) broken values, or a part that
        cannot be read.
    """
    if cells is None:
        if column not in data.obs.columns:
            raise InvalidInput(
                f"{data.path}: obs has no column {column!r}",
                cure=f"name the column of cell types: it has {', '.join(map(str, data.obs.columns[:20])) or 'none'}",
            )
        labels = ["" if value is None or value != value else str(value) for value in list(data.obs[column])]
    else:
        labels = [cells.get(str(name), "") for name in data.obs.index]
    names = tuple(dict.fromkeys(label for label in labels if label))
    if not names:
        raise InvalidInput(f"{data.path}: no cell has a type", cure="check the barcodes or the column of cell types")
    code = {name: index for index, name in enumerate(names)}
    type_of = np.array([code.get(label, -1) for label in labels], np.int64)
    sums = np.zeros((len(names), len(data.var)))
    for rows, columns, block in _blocks(data, layer or "X"):
        where = f"{data.path}: {layer or 'X'} of cells {rows.start} to {rows.stop}"
        if not np.isfinite(block.data).all() or (block.data < 0).any():
            raise InvalidInput(f"{where}: negative or non-finite values", cure=data.advice)
        if not layer and (block.data != np.rint(block.data)).any():
            raise InvalidInput(
                f"{where}: values that are not whole numbers: normalised, not counts",
                cure=f"{data.advice}; --counts-layer X or --rna-layer X takes them as counts",
            )
        sums[:, columns] += _chooser(type_of[rows], len(names)) @ block
    return sums, names, tuple(np.bincount(type_of[type_of >= 0], minlength=len(names)).tolist())


def _blocks(data: CellFile, layer: str) -> Iterator[tuple[slice, slice, "csr_matrix"]]:
    """Yield rows, columns and values, cut along the direction in which the matrix is stored."""
    from scipy.sparse import csr_matrix

    matrix = data.matrix(layer)
    n, m = matrix.shape
    by_column = getattr(matrix, "format", "csr") == "csc"
    for begin in range(0, m if by_column else n, ROWS):
        end = min(begin + ROWS, m if by_column else n)
        rows, columns = (slice(0, n), slice(begin, end)) if by_column else (slice(begin, end), slice(0, m))
        try:
            block = csr_matrix(matrix[rows, columns], dtype=np.float64)
        except Exception as error:
            raise InvalidInput(
                f"{data.path}: {layer} from {begin} on cannot be read: {type(error).__name__}: {str(error)[:200]}",
                cure="copy a truncated file again",
            ) from error
        yield rows, columns, block


def _chooser(type_of: NDArray[np.int64], n_types: int) -> "csr_matrix":
    """Return the matrix (types, cells) of 1 where a cell is of a type."""
    from scipy.sparse import csr_matrix

    kept = np.flatnonzero(type_of >= 0)
    return csr_matrix((np.ones(len(kept)), (type_of[kept], kept)), shape=(n_types, len(type_of)))
