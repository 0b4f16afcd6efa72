"""Which columns of a matrix a linear model cannot use, and why."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

__all__ = ["UnusableColumn", "deviations", "finite_matrix", "standardise", "unusable_columns", "variance_inflation"]

Matrix = NDArray[np.float64]

# A column whose range is this small a part of its largest value holds rounding errors only (float64 eps is 2e-16).
CONSTANT = 1e-12
# |correlation| this near 1 is a copy; LiNGAM divides by the residual's standard deviation there and gives NaN.
COPY = 1e-12
# Variance of a standardised column that earlier columns leave unexplained; 1e-10 is far above the error of a
# Cholesky step at d = 283 (about d·eps = 6e-14) and far below any measured signal.
DEPENDENT = 1e-10


class UnusableColumn(NamedTuple):
    """A column that cannot be analysed: its number (0-based) and the reason; `twin` is the column it copies."""

    column: int
    reason: str
    twin: int | None = None


def finite_matrix(values: ArrayLike) -> Matrix:
    """Return `values` as float64 (n, d), n > d >= 2.

    Parameters
    ----------
    values : float (n, d)
        Rows are observations. NaN and infinities pass; `unusable_columns` names them.

    Returns
    -------
    float64 (n, d)

    Raises
    ------
    InvalidInput
        Not numbers, not two-dimensional, fewer than two columns, or no more rows than columns.
    """
    raw = np.asarray(values)
    if raw.ndim != 2:
        raise InvalidInput(
            f"the matrix must be (observations, variables), not {raw.ndim}-dimensional {raw.shape}",
            cure="give one row per gene and one column per motif",
        )
    if raw.dtype.kind not in "fiub":
        raise InvalidInput(
            f"the matrix must hold real numbers, not {raw.dtype}", cure="convert it with .astype(float) first"
        )
    rows, columns = raw.shape
    if columns < 2:
        raise InvalidInput(f"causal discovery needs at least two variables; the matrix has {columns}")
    if rows <= columns:
        raise InvalidInput(
            f"{rows} observations cannot tell {columns} variables apart: LiNGAM needs more rows than columns",
            cure="add observations or leave out variables",
        )
    return raw.astype(np.float64)


def unusable_columns(values: Matrix) -> tuple[UnusableColumn, ...]:
    """Find the columns that are not finite, constant, a copy of an earlier one, or a sum of earlier ones.

    A copy is any column with correlation 1 or -1 to an earlier column (equal, scaled, shifted or negated). What an
    unusable column copies or adds up to is always a usable column before it, so leaving out the listed ones leaves
    a matrix of full rank.

    Parameters
    ----------
    values : float64 (n, d)
        Rows are observations.

    Returns
    -------
    tuple of UnusableColumn
        In column order.
    """
    found: list[UnusableColumn] = []
    finite = np.isfinite(values)
    for column in np.flatnonzero(~finite.all(axis=0)):
        bad = int((~finite[:, column]).sum())
        found.append(UnusableColumn(int(column), f"NaN or infinite in {bad} of {len(values)} rows"))
    whole = np.flatnonzero(finite.all(axis=0))
    spread, largest = np.ptp(values[:, whole], axis=0), np.abs(values[:, whole]).max(axis=0, initial=0.0)
    constant = spread <= CONSTANT * largest
    found += [UnusableColumn(int(column), "constant") for column in whole[constant]]
    found += _redundant(values, whole[~constant])
    return tuple(sorted(found))


def standardise(values: Matrix) -> Matrix:
    """Return z-scores per column (population standard deviation, ddof 0), float64 (n, d)."""
    # Dividing by the largest value first keeps squares of very large or very small numbers finite.
    scaled = values / np.abs(values).max(axis=0)
    scaled -= scaled.mean(axis=0)
    return scaled / scaled.std(axis=0)


def deviations(values: Matrix) -> NDArray[np.float64]:
    """Return the population standard deviation (ddof 0) of each column, float64 (d,)."""
    largest = np.abs(values).max(axis=0)
    return largest * (values / largest).std(axis=0)


def variance_inflation(correlation: Matrix) -> NDArray[np.float64]:
    """Return ``1 / (1 - R²)`` of each column regressed on all others, float64 (d,), from a correlation matrix."""
    return np.diag(np.linalg.inv(correlation)).astype(np.float64)


def _redundant(values: Matrix, columns: NDArray[np.intp]) -> list[UnusableColumn]:
    """Name the columns that add nothing to earlier ones: by elimination."""
    z = standardise(values[:, columns])
    correlation = z.T @ z / max(len(z), 1)
    # What the kept columns leave of each column's variance and covariances: one Cholesky step per kept column.
    left = correlation.copy()
    copies = np.abs(correlation) >= 1 - COPY
    kept: list[int] = []
    found: list[UnusableColumn] = []
    for k, column in enumerate(columns):
        twins = [i for i in kept if copies[k, i]]
        if twins:
            found.append(UnusableColumn(int(column), "duplicate", int(columns[twins[0]])))
        elif left[k, k] <= DEPENDENT:
            found.append(UnusableColumn(int(column), "linear combination of earlier columns"))
        else:
            left[k + 1 :, k + 1 :] -= np.outer(left[k + 1 :, k], left[k, k + 1 :] / left[k, k])
            kept.append(k)
    return found
