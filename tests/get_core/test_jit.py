import subprocess
import sys

import numba
import pytest

from get_core.jit import jit


def test_kernels_compile_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    real = numba.njit

    def refusing(*args, cache: bool = False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*args, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert jit("contract")(lambda x: x + 1.0)(1.5) == 2.5


def test_kernels_are_read_back_from_the_cache() -> None:
    # The first process of an installation compiles; all others must not.
    code = (
        "import numpy as np; from get_core.causal import pairs as p;"
        "z = np.random.default_rng(0).laplace(size=(2, 50)); k = np.zeros(1, np.intp);"
        "p.residual_entropies(z, k, k + 1, np.zeros(1), np.empty((1, 2)));"
        "print(sum(p._residual_entropies.stats.cache_hits.values()))"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
