"""Thresholds of motifs from the exact distribution of their scores in random sequence."""

import numpy as np
from numpy.typing import NDArray

from get_core.jit import jit

__all__ = ["loss_limits"]


@jit()
def loss_limits(
    losses: NDArray[np.int32],
    ends: NDArray[np.int64],
    most: NDArray[np.int64],
    p_value: float,
    background: NDArray[np.float64],
    limits: NDArray[np.int64],
) -> None:
    """Find the highest loss with which random sequence meets each matrix with probability at most `p_value`.

    Parameters
    ----------
    losses : (w, 4) int32
        What a letter loses against the best of its column, in steps of a grid; the c matrices one after the other.
    ends : (c + 1,) int64
        Where the matrices begin and end.
    most : (c,) int64
        No limit will be above these.
    p_value : float
        Probability of at most the limit.
    background : (4,) float64
        Letter frequencies of random sequence.
    limits : (c,) int64
        The limits are written here: -1 where no loss at all is likelier than `p_value` already.
    """
    for matrix in range(most.size):
        chance = np.ones(1)
        for column in range(ends[matrix], ends[matrix + 1]):
            widest = max(max(losses[column, 0], losses[column, 1]), max(losses[column, 2], losses[column, 3]))
            longer = np.zeros(max(0, min(chance.size + widest, most[matrix] + 1)))
            for letter in range(4):
                loss, frequency = losses[column, letter], background[letter]
                shifted = longer[loss:]
                for lost in range(min(chance.size, shifted.size)):
                    shifted[lost] += frequency * chance[lost]
            chance = longer
        total, limit = 0.0, -1
        # A tail of exactly p_value counts as reached although its sum carries rounding errors.
        for lost in range(chance.size):
            total += chance[lost]
            if total > p_value * (1 + 1e-9):
                break
            limit = lost
        limits[matrix] = limit
