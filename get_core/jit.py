"""Compilation of the numerical kernels, kept on disk where that is possible."""

from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["jit"]

Function = TypeVar("Function", bound=Callable[..., object])


def jit(*fastmath: str) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function with numba, without the GIL.

    Machine code is cached beside the source, or in numba's cache folder of the user (NUMBA_CACHE_DIR). Where neither
    can be written, as in a read-only installation without a home, the function is compiled anew in every process.

    Functions that it calls are inlined. numba would otherwise call the copy of them that was optimised by itself in
    the process that compiles, and the copy that was optimised with their caller in those that load from the cache; with
    fast-math flags the two need not round alike, and a chaotic simulation tells them apart.

    Parameters
    ----------
    *fastmath : str
        LLVM fast-math flags, for example ``"contract"``; none keeps strict IEEE arithmetic.
    """
    from numba import njit

    def compile_lazily(function: Function) -> Function:
        options = {"nogil": True, "forceinline": True, "error_model": "numpy", "fastmath": set(fastmath)}
        try:
            return cast(Function, njit(cache=True, **options)(function))
        except RuntimeError:  # numba found no folder for its cache
            return cast(Function, njit(cache=False, **options)(function))

    return compile_lazily
