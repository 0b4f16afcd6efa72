"""Entropy of a standardised variable from two means: Hyvärinen's maximum-entropy approximation.

For u with mean 0 and variance 1::

    H(u) = (1 + ln 2π) / 2 - K1 (E ln cosh u - GAMMA)² - K2 (E u exp(-u²/2))²

Source: Hyvärinen, Adv. Neural Inf. Process. Syst. 10, 273-279 (1998); with these constants Hyvärinen and Smith, J.
Mach. Learn. Res. 14, 111-152 (2013). K1 and K2 are 1 / (2 Var) of the two functions of Gaussian u after projection on
1, u and u²; so for n Gaussian observations ``2 n (GAUSSIAN - H)`` is chi-squared with two degrees of freedom.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["GAMMA", "GAUSSIAN", "K1", "K2", "entropy_error", "entropy_of_means"]

K1, K2, GAMMA = 79.047, 7.4129, 0.37457
# Entropy of the standard normal distribution: the largest possible.
GAUSSIAN = (1 + math.log(2 * math.pi)) / 2

Number = TypeVar("Number", float, NDArray[np.float64])


def entropy_of_means(log_cosh: Number, gauss: Number) -> Number:
    """Return H from E ln cosh u and E u exp(-u²/2)."""
    return GAUSSIAN - K1 * (log_cosh - GAMMA) ** 2 - K2 * gauss**2


def entropy_error(entropy: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far entropies can be off if both their means are off by at most `error`.

    H is a paraboloid of the means: its slope is at most ``2 sqrt((K1 + K2) (GAUSSIAN - H))``.
    """
    curvature = K1 + K2
    return 2 * np.sqrt(curvature * np.maximum(GAUSSIAN - entropy, 0)) * error + curvature * error**2
