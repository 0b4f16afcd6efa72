"""Directed acyclic graphs as matrices of effects: order, acyclicity and total effects."""

import heapq

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

__all__ = ["is_acyclic", "topological_order", "total_effects"]

Matrix = NDArray[np.float64]


def is_acyclic(effects: ArrayLike) -> bool:
    """Return whether the non-zero entries have no directed cycle; a variable's effect on itself is one.

    Parameters
    ----------
    effects : float or bool (d, d)
        ``[i, j]`` is the effect of j on i.
    """
    present = np.asarray(effects) != 0
    causes, left = present.sum(axis=1), np.ones(len(present), bool)
    while (free := left & (causes == 0)).any():
        left &= ~free
        causes -= present[:, free].sum(axis=1)
    return not left.any()


def topological_order(effects: ArrayLike) -> list[int] | None:
    """Return the variables from causes to effects, or None where the non-zero entries have a cycle.

    Of several variables whose causes are all placed, the smallest number comes first (Kahn's algorithm).

    Parameters
    ----------
    effects : float or bool (d, d)
        ``[i, j]`` is the effect of j on i.
    """
    present = np.asarray(effects) != 0
    waiting = present.sum(axis=1)
    free = np.flatnonzero(waiting == 0).tolist()
    order: list[int] = []
    while free:
        cause = heapq.heappop(free)
        order.append(cause)
        for effect in present[:, cause].nonzero()[0].tolist():
            waiting[effect] -= 1
            if waiting[effect] == 0:
                heapq.heappush(free, effect)
    return order if len(order) == len(present) else None


def total_effects(effects: ArrayLike) -> Matrix:
    """Return the effects along all directed paths, (I - B)⁻¹ - I.

    Parameters
    ----------
    effects : float (d, d)
        Direct effects B of an acyclic graph; ``[i, j]`` is the effect of j on i.

    Returns
    -------
    float64 (d, d)
        ``[i, j]`` is the sum over directed paths from j to i of the product of the effects on the path; exactly 0
        where j does not come before i.

    Raises
    ------
    InvalidInput
        The graph has a cycle.
    """
    from scipy.linalg import solve_triangular

    direct = np.asarray(effects, np.float64)
    order = topological_order(direct)
    if order is None:
        raise InvalidInput(
            "the effects have a cycle, so there is no total effect",
            cure="use the effects of one fit; the mean of several fits need not be acyclic",
        )
    place = np.ix_(order, order)
    unit = np.eye(len(direct))
    total = np.zeros_like(direct)
    total[place] = solve_triangular(unit - direct[place], unit, lower=True, unit_diagonal=True) - unit
    return total
