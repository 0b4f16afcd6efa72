"""What any network has to beat: predictions that look at no sequence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

__all__ = ["from_accessibility", "mean_cell_type", "nearest_cell_type"]

Floats = NDArray[np.float64]


def mean_cell_type(values: ArrayLike, held: int) -> Floats:
    """Predict a cell type by the mean of the others.

    Parameters
    ----------
    values : float (c, m)
        One row per cell type.
    held : int
        Row to be predicted; it is not looked at.

    Returns
    -------
    float64 (m,)

    Raises
    ------
    InvalidInput
        There is no other cell type.
    """
    return np.delete(_rows(values, held), held, axis=0).mean(axis=0)


def nearest_cell_type(values: ArrayLike, held: int, known: NDArray[np.bool_]) -> tuple[Floats, int]:
    """Predict a cell type by the one that resembles it most where it is known.

    Parameters
    ----------
    values : float (c, m)
        One row per cell type.
    held : int
        Row to be predicted.
    known : bool (m,)
        Entries of that row that may be looked at, such as those of the training chromosomes.

    Returns
    -------
    predicted : float64 (m,)
        Values of the other cell type.
    nearest : int
        Its row: the largest Pearson correlation over the known entries, the first of equal ones. A row that is
        constant there comes last.

    Raises
    ------
    InvalidInput
        There is no other cell type, or fewer than two known entries.
    """
    rows = _rows(values, held)
    if known.sum() < 2:
        raise InvalidInput(f"{int(known.sum())} known entries do not tell which cell type is nearest")
    seen = rows[:, known] - rows[:, known].mean(axis=1, keepdims=True)
    length = np.sqrt((seen**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(length > 0, seen @ seen[held] / (length * length[held]), -np.inf)
    correlation[held] = -np.inf
    others = np.delete(np.arange(len(rows)), held)
    nearest = int(others[np.argmax(np.nan_to_num(correlation[others], nan=-np.inf))])
    return rows[nearest].copy(), nearest


def from_accessibility(accessibility: ArrayLike, values: ArrayLike, known: NDArray[np.bool_]) -> Floats:
    """Predict values by a straight line on the accessibility of their region.

    Parameters
    ----------
    accessibility : float (m,)
        Accessibility of the region of each entry.
    values : float (m,)
        What is to be predicted.
    known : bool (m,)
        Entries that the line is fitted to.

    Returns
    -------
    float64 (m,)
        The mean of the known values where the accessibility is constant.

    Raises
    ------
    InvalidInput
        Fewer than two known entries.
    """
    x, y = np.asarray(accessibility, np.float64), np.asarray(values, np.float64)
    if known.sum() < 2:
        raise InvalidInput(f"{int(known.sum())} known entries do not make a line")
    seen = x[known] - x[known].mean()
    spread = (seen**2).sum()
    slope = (seen * y[known]).sum() / spread if spread > 0 else 0.0
    return y[known].mean() + slope * (x - x[known].mean())


def _rows(values: ArrayLike, held: int) -> Floats:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or len(rows) < 2:
        raise InvalidInput(
            f"values of shape {rows.shape} hold no other cell type", cure="give an atlas of at least two cell types"
        )
    if not 0 <= held < len(rows):
        raise InvalidInput(f"there is no cell type {held} among {len(rows)}")
    return rows
