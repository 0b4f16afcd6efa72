"""Three known interactions and four motif clusters."""

import numpy as np

from get_core.causal.interactions import Interactions

KNOWN = Interactions(frozenset({("A", "B"), ("C", "D"), ("D", "D")}), 3)
GENES = [["A", "X"], ["B"], ["C", "D"], ["D", "E"]]


def symmetric(d: int, *pairs: tuple[int, int]) -> np.ndarray:
    """Matrix (d, d) that is true at the pairs, in both directions."""
    matrix = np.zeros((d, d), bool)
    for i, j in pairs:
        matrix[i, j] = matrix[j, i] = True
    return matrix
