"""Entropies of regression residuals, pair by pair: the kernels in which DirectLiNGAM spends its time.

The two means of `get_core.causal.entropy` need one exponential per element each, and nothing else that is slow:
``ln cosh u = |u| + ln(1 + exp(-2|u|)) - ln 2``, and the logarithms of many elements are the logarithm of their product.
Exponentials are ``2^-x = 2^k · p(f)`` with k the integer nearest to -x, f = -x - k, and p a polynomial. The loops are
free of branches and calls, so LLVM turns them into vector instructions without a vector mathematics library.
"""

import math
from collections.abc import Callable

import numpy as np
from numba import types
from numba.extending import overload
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from get_core.causal.entropy import entropy_of_means
from get_core.jit import jit

__all__ = ["halvings", "regress_out", "residual_entropies"]

LOG2E = math.log2(math.e)
# u is computed as U = SCALE·u, so that exp(-u²/2) = 2^(-U²) and exp(-2|u|) = 2^(-SLOPE·|U|).
SCALE = math.sqrt(LOG2E / 2)
SLOPE = 2 * LOG2E / SCALE
# Factors of the product are (1 + exp(-2|u|)) / sqrt 2, between 2^-0.5 and 2^0.5, so the product of a panel is within
# 2^±960, which float64 holds: one logarithm per panel. In float32 the product of a block is within 2^±120.
PANEL = 1920
BLOCK = {np.dtype(np.float64): PANEL, np.dtype(np.float32): 240}
# Beyond this |U|, 2^(-U²) leaves the normal numbers; 1 + exp(-2|u|) is 1 there.
CAP = {np.dtype(np.float64): math.sqrt(1022), np.dtype(np.float32): math.sqrt(126)}


def halvings(x: float) -> float:
    """Return 2^-x of a float32 or float64 in compiled code; x and 2^-x must be normal numbers or 0 and 1."""
    raise NotImplementedError("for compiled code only")


def _halvings(real: type, integer: type, mantissa: int, degree: int) -> Callable[[float], float]:
    """Return 2^-x for a floating-point type with `mantissa` bits after the leading one, by a polynomial."""
    # Interpolation in Chebyshev's points is within a factor of 2 of the best polynomial of this degree.
    powers = Chebyshev.interpolate(np.exp2, degree, domain=[-0.5, 0.5]).convert(kind=Polynomial).coef
    first, *others = (real(c) for c in powers[::-1])
    rest = tuple(others)
    # Adding -x to 1.5·2^mantissa rounds to an integer and leaves it in the lowest bits.
    rounder, shift = real(1.5 * 2**mantissa), integer(mantissa)

    def halvings(x):
        rounded = rounder - x
        f = (rounder - rounded) - x
        p = first
        for c in rest:
            p = p * f + c
        bits = integer(real(p).view(integer) + (real(rounded).view(integer) << shift))
        return bits.view(real)

    return halvings


_halvings_single = _halvings(np.float32, np.int32, mantissa=23, degree=5)
_halvings_double = _halvings(np.float64, np.int64, mantissa=52, degree=10)


# No reassociation: rounder - (rounder - x) must stay.
@overload(halvings, jit_options={"fastmath": {"contract"}})
def _halvings_of(x):
    return _halvings_single if x == types.float32 else _halvings_double


_entropy_of_means = jit()(entropy_of_means)


@jit("reassoc", "contract", "nsz", "nnan", "ninf")
def _residual_entropies(z, i, j, r, block, cap, out):
    real = z.dtype.type
    n = z.shape[1]
    slope, half, root_half, limit = real(SLOPE), real(0.5), real(math.sqrt(0.5)), real(cap)
    for pair in range(i.size):
        x, y = z[i[pair]], z[j[pair]]
        spread = SCALE / math.sqrt(1 - r[pair] * r[pair])
        a, b = real(spread), real(spread * r[pair])
        abs_u = abs_v = gauss_u = gauss_v = log_u = log_v = 0.0
        for panel in range(0, n, PANEL):
            panel_end = min(n, panel + PANEL)
            product_u = product_v = 1.0
            for start in range(panel, panel_end, block):
                sum_u = sum_v = bell_u = bell_v = real(0)
                factor_u = factor_v = real(1)
                end = min(panel_end, start + block)
                # Slices, because LLVM proves their indices non-negative and loads whole vectors.
                block_x, block_y = x[start:end], y[start:end]
                for t in range(block_x.size):
                    u, v = a * block_x[t] - b * block_y[t], a * block_y[t] - b * block_x[t]
                    size_u, size_v = abs(u), abs(v)
                    sum_u += size_u
                    sum_v += size_v
                    near_u = size_u if size_u < limit else limit
                    near_v = size_v if size_v < limit else limit
                    factor_u *= root_half + halvings(slope * near_u + half)
                    factor_v *= root_half + halvings(slope * near_v + half)
                    bell_u += u * halvings(near_u * near_u)
                    bell_v += v * halvings(near_v * near_v)
                abs_u += sum_u
                abs_v += sum_v
                gauss_u += bell_u
                gauss_v += bell_v
                product_u *= factor_u
                product_v *= factor_v
            log_u += math.log(product_u)
            log_v += math.log(product_v)
        # Each factor lacks sqrt 2, and ln cosh subtracts ln 2.
        rest = -0.5 * math.log(2.0)
        out[pair, 0] = _entropy_of_means((abs_u / SCALE + log_u) / n + rest, gauss_u / SCALE / n)
        out[pair, 1] = _entropy_of_means((abs_v / SCALE + log_v) / n + rest, gauss_v / SCALE / n)


@jit("contract")
def _regress_out(z, rounded, rows, cause, r):
    x = z[cause]
    for k in range(rows.size):
        y = z[rows[k]]
        scale = 1 / math.sqrt(1 - r[k] * r[k])
        slope = r[k] * scale
        for t in range(y.size):
            y[t] = scale * y[t] - slope * x[t]
        if rounded.size:
            low = rounded[rows[k]]
            for t in range(y.size):
                low[t] = y[t]


def residual_entropies(z: NDArray, i: NDArray[np.intp], j: NDArray[np.intp], r: NDArray, out: NDArray) -> None:
    """Write the entropies of the residuals of pairs of variables regressed on each other.

    Parameters
    ----------
    z : float32 or float64 (d, n)
        Standardised variables, C-contiguous; elements are computed in this precision, sums in float64.
    i, j : intp (k,)
        Pairs of rows of `z`.
    r : float64 (k,)
        Their correlations, |r| < 1.
    out : float64 (k, 2)
        Receives the entropy of i given j and of j given i, both residuals scaled to unit variance by `r`.
    """
    _residual_entropies(z, i, j, r, BLOCK[z.dtype], CAP[z.dtype], out)


def regress_out(z: NDArray[np.float64], rounded: NDArray, rows: NDArray[np.intp], cause: int, r: NDArray) -> None:
    """Replace rows of `z` by their standardised residuals on another row, in place.

    Parameters
    ----------
    z : float64 (d, n)
        Standardised variables, C-contiguous.
    rounded : float32 (d, n) or (0, 0)
        Receives the new rows rounded to float32, where it has rows.
    rows : intp (k,)
        Rows to replace.
    cause : int
        Row that is regressed out.
    r : float64 (k,)
        Correlations of `rows` with `cause`, |r| < 1.
    """
    _regress_out(z, rounded, rows, cause, r)
