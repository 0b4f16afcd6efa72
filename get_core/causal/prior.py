"""What is known before the search: which variables can, must or cannot come before which."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

__all__ = ["PriorKnowledge"]


class PriorKnowledge:
    """Constraints on the causal order and on the effects, with the meaning they have in the `lingam` package.

    Parameters
    ----------
    matrix : int (d, d)
        ``[i, j]`` is about a directed path from j to i, as in an adjacency matrix: 1 there is one, 0 there is none,
        -1 unknown. The diagonal does not matter unless it is 1.

    Attributes
    ----------
    precedes : bool (d, d)
        ``[i, j]`` where i must come before j: i has a path to j, or j has none to i (while i may have one to j).
    allowed : bool (d, d)
        ``[i, j]`` where j may have an effect on i.

    Raises
    ------
    InvalidInput
        Not square, other values, or paths that contradict each other.
    """

    def __init__(self, matrix: ArrayLike) -> None:
        prior = np.asarray(matrix)
        if prior.ndim != 2 or prior.shape[0] != prior.shape[1] or not np.isin(prior, (-1, 0, 1)).all():
            raise InvalidInput(
                f"prior knowledge must be a square matrix of -1, 0 and 1, not {prior.dtype} {prior.shape}",
                cure="give [i, j] = 1 where j has a path to i, 0 where it has none, -1 where nobody knows",
            )
        path, none = prior == 1, prior == 0
        both = np.argwhere(path & path.T)
        if len(both):
            i, j = both[0]
            raise InvalidInput(
                f"prior knowledge asks for a path from variable {j} to {i} and back", cure="an order has no cycles"
            )
        self.precedes: NDArray[np.bool_] = path.T | (none & ~none.T)
        self.allowed: NDArray[np.bool_] = ~none
        _refuse_cycles(self.precedes)


def _refuse_cycles(precedes: NDArray[np.bool_]) -> None:
    """Take away variables that nothing precedes; what is left lies on or behind a cycle."""
    left = np.arange(len(precedes))
    while len(left):
        free = ~precedes[np.ix_(left, left)].any(axis=0)
        if not free.any():
            names = ", ".join(map(str, left))
            raise InvalidInput(
                f"prior knowledge leaves no first variable among {names}: each must come after another",
                cure="remove a path or allow one that is forbidden",
            )
        left = left[~free]
