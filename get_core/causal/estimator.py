"""What every LiNGAM estimator shares: checked input, and a result that cannot be changed by accident."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix, finite_matrix, unusable_columns
from get_core.errors import InvalidInput

__all__ = ["Estimator", "UncertainDirections"]


class UncertainDirections(UserWarning):
    """Data that LiNGAM accepts but cannot order reliably."""


class Estimator(ABC):
    """A linear non-Gaussian acyclic model; subclasses say how the order and the effects are found."""

    def __init__(self) -> None:
        self._result: tuple[tuple[int, ...], Matrix] | None = None

    @abstractmethod
    def _discover(self, values: Matrix) -> tuple[list[int], Matrix]:
        """Return the causal order and the effects (d, d) of a checked matrix (n, d)."""

    def fit(self, X: ArrayLike) -> Self:
        """Find the causal order of the columns and the direct effects between them.

        Parameters
        ----------
        X : float (n, d)
            One row per observation, n > d >= 2. Used as given: standardise first for comparable effects.

        Returns
        -------
        Self

        Raises
        ------
        InvalidInput
            Wrong shape, values that are not finite, or columns that are constant, copies of each other or sums of
            each other.

        Warns
        -----
        UncertainDirections
            Gaussian noise or near-collinear columns, where the estimator measures them.
        """
        matrix = finite_matrix(X)
        unusable = unusable_columns(matrix)
        if unusable:
            named = "; ".join(
                f"column {bad.column}: {bad.reason}" + ("" if bad.twin is None else f" of column {bad.twin}")
                for bad in unusable
            )
            raise InvalidInput(
                f"LiNGAM cannot use {len(unusable)} of {matrix.shape[1]} columns ({named})",
                cure="leave these columns out, as get_core.causal.causal_network does",
            )
        order, effects = self._discover(matrix)
        if not np.isfinite(effects).all():
            raise InvalidInput(
                "the effects are not finite: the columns are too large or too small to be squared",
                cure="standardise the columns first",
            )
        effects.setflags(write=False)
        self._result = (tuple(int(column) for column in order), effects)
        return self

    @property
    def causal_order_(self) -> list[int]:
        """Columns from causes to effects, list of int (d,)."""
        return list(self._fitted()[0])

    @property
    def adjacency_matrix_(self) -> NDArray[np.float64]:
        """Direct effects, float64 (d, d), read-only; ``[i, j]`` is the effect of column j on column i."""
        return self._fitted()[1]

    def _fitted(self) -> tuple[tuple[int, ...], Matrix]:
        if self._result is None:
            raise AttributeError(f"{type(self).__name__} has no result yet: call fit(X) first")
        return self._result
