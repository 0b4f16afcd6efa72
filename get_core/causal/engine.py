"""The processor's engine: compiled kernels on as many threads as asked for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from get_core.causal.pairs import regress_out, residual_entropies

__all__ = ["ProcessorEngine", "single_error"]

# Bounds of the error of a mean that is computed from float32 elements, per unit of amplification by the regression.
# With them, errors of D stay below 0.6 of what the search allows for (tests/get_core/test_order.py). What similar
# elements have in common (rounded coefficients, the polynomial) stays however many there are. The rounding of an
# element, largest where a variable has two values only, averages out over elements that differ.
COMMON_ERROR = 1e-7
ELEMENT_ERROR = 2e-6
# Standardised values nearer than this are rounded alike.
ALIKE = 1e-4


def single_error(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bound of the error of float32 means for each variable, float64 (d,).

    Of k different, equally frequent values the rounding averages out as 1/sqrt(k); in general 1/k is the probability
    that two observations have the same value. Regressing other variables out can only tell more values apart.

    Parameters
    ----------
    z : float64 (d, n)
        Standardised variables.
    """
    same = np.empty(len(z))
    for i, row in enumerate(z):
        counts = np.unique(np.rint(row / ALIKE), return_counts=True)[1]
        same[i] = np.square(counts / z.shape[1]).sum()
    return COMMON_ERROR + ELEMENT_ERROR * np.sqrt(same)


class ProcessorEngine:
    """Variables in memory; pairs are shared out evenly among Python threads, whose kernels hold no lock.

    A pair is computed by one thread from beginning to end, so results do not depend on the number of threads.
    Threads are Python's own: no OpenMP or TBB pool that a fork or a Ray worker could break. Memory: 8 bytes per
    element, 12 with float32.

    Parameters
    ----------
    z : float64 (d, n)
        Standardised variables, C-contiguous; overwritten by residuals.
    dtype : float64 or float32
        Of the elements of the pair kernels; sums are float64, and so are the variables that are carried on.
    threads : int
        At least 1.
    """

    def __init__(self, z: NDArray[np.float64], dtype: type[np.floating] = np.float64, threads: int = 1) -> None:
        single = np.dtype(dtype) == np.float32
        self.error = single_error(z) if single else np.zeros(len(z))
        self._single = single
        self._z = z
        self._rounded = z.astype(np.float32) if single else np.empty((0, 0), np.float32)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def entropies(
        self, i: NDArray[np.intp], j: NDArray[np.intp], r: NDArray[np.float64], *, exact: bool = False
    ) -> NDArray[np.float64]:
        """Return the entropies of i given j and of j given i, float64 (k, 2)."""
        z = self._rounded if self._single and not exact else self._z
        out = np.empty((len(i), 2))
        self._share(len(i), lambda part: residual_entropies(z, i[part], j[part], r[part], out[part]))
        return out

    def remove(self, rows: NDArray[np.intp], cause: int, r: NDArray[np.float64]) -> None:
        """Replace `rows` by their standardised residuals on `cause`."""
        self._share(len(rows), lambda part: regress_out(self._z, self._rounded, rows[part], cause, r[part]))

    def _share(self, size: int, work: Callable[[slice], None]) -> None:
        """Call `work` on even slices of a range, one per thread."""
        if self._pool is None or size < self._threads:
            work(slice(0, size))
            return
        edges = np.linspace(0, size, self._threads + 1).astype(int).tolist()
        list(self._pool.map(work, map(slice, edges[:-1], edges[1:])))
