"""DirectLiNGAM and ICA's order search against the lingam package: the same data, the same process, one thread.

    python benchmarks/lingam_speed.py --quick       # d = 20 and 40: under a minute
    python benchmarks/lingam_speed.py               # d = 20, 40, 60, 80, 100: lingam takes several minutes
    python benchmarks/lingam_speed.py --full        # also d = 283, n = 20,000, and resamples of it

Times are CPU seconds of this process unless they say wall, after the kernels were compiled. At d = 283 lingam's first
step is timed and scaled to all steps by their numbers of pairs, plus its effects of five targets scaled to all; both
are marked "extrapolated". Data: sparse linear models (`get_core.causal.linear_model`) with Laplace noise.
"""

import argparse
import os
import platform
import re
import resource
import time
import warnings
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import lingam
import numpy as np
from lingam.utils import predict_adaptive_lasso
from numba import njit
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from get_core.causal import pairs
from get_core.causal.columns import standardise
from get_core.causal.direct import DirectLiNGAM
from get_core.causal.ica import search_causal_order
from get_core.causal.linear_model import LinearModel, simulate_linear

Matrix = NDArray[np.float64]

CELL_TYPES = 213
"""Cell types of Fu et al., Nature 2025."""
PUBLISHED = (
    "culingam, `measure=pwling_fast` on a GPU: up to 32x over lingam (arXiv 2403.03772; published, not run here)"
)


def cpu_seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the least CPU time of some calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def data(d: int, n: int) -> Matrix:
    return standardise(simulate_linear(LinearModel(variables=d, degree=3, noise="laplace"), n, seed=d).values)


def environment() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) or [platform.processor()]
    packages = ", ".join(f"{name} {version(name)}" for name in ("lingam", "numpy", "numba", "scikit-learn"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{date.today()}; {names[0]}, {os.cpu_count()} cores, {gigahertz():.2f} GHz measured, load {load}; "
        f"Python {platform.python_version()}, {packages}"
    )


def against_lingam(d: int, n: int) -> None:
    """Print one row: both estimators on the same data."""
    values = data(d, n)
    theirs = lingam.DirectLiNGAM()
    peer = cpu_seconds(lambda: theirs.fit(values))
    row = f"| {d} | {n:,} | {peer:.2f} |"
    for dtype in ("float32", "float64"):
        ours = DirectLiNGAM(dtype=dtype)
        seconds = cpu_seconds(lambda fit=ours.fit: fit(values), repeats=3)
        row += f" {seconds:.3f} | {peer / seconds:.0f}x |"
        effects, expected = ours.adjacency_matrix_, np.asarray(theirs.adjacency_matrix_)
        same_order = ours.causal_order_ == np.asarray(theirs.causal_order_).tolist()
        same_support = np.array_equal(effects != 0, expected != 0)
        found = ours.search_
        row += f" {yes(same_order)}, {yes(same_support)}, {np.abs(effects - expected).max():.0e} |"
        row += f" {found.pairs_evaluated:,} |"
    print(f"{row} {ours.search_.pairs_total:,} |", flush=True)


def yes(value: bool) -> str:
    return "equal" if value else "DIFFERENT"


def extrapolated(values: Matrix) -> tuple[float, int]:
    """Return lingam's seconds, scaled from its first step and five targets, and its first root."""
    d = values.shape[1]
    peer = lingam.DirectLiNGAM()
    roots: list[int] = []
    first = cpu_seconds(lambda: roots.append(int(peer._search_causal_order(values, np.arange(d)))))
    targets = np.linspace(1, d - 1, 5).astype(int)
    effects = [cpu_seconds(lambda p=p: predict_adaptive_lasso(values, list(range(p)), p)) for p in targets]
    ordered = d * (d - 1)
    search = first * (d * (d**2 - 1) // 3) / ordered
    return search + float(np.trapezoid(effects, targets)), roots[0]


def large(resamples: int) -> None:
    """Print the figures of d = 283, n = 20,000."""
    values = data(283, 20_000)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fits = {}
    for dtype in ("float32", "float64"):
        model = DirectLiNGAM(dtype=dtype)
        start = time.perf_counter()
        seconds = cpu_seconds(lambda fit=model.fit: fit(values))
        fits[dtype] = model, seconds
        found = model.search_
        print(
            f"| DirectLiNGAM {dtype} | {seconds:.1f} | {time.perf_counter() - start:.1f} | "
            f"{found.pairs_evaluated:,} of {found.pairs_total:,}; {found.arbitrations:,} repeated |",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    single, seconds = fits["float32"]
    double = fits["float64"][0]
    print(f"| order, effects of float32 and float64 | {yes(single.causal_order_ == double.causal_order_)}, ", end="")
    print(f"{np.abs(single.adjacency_matrix_ - double.adjacency_matrix_).max():.0e} | | |")
    print(f"| peak resident memory | {peak / 1e6:.2f} GB, {kilobytes / 1e6:.2f} GB of it before the fits | | |")
    print(f"| {CELL_TYPES} cell types (fit x {CELL_TYPES}) | {CELL_TYPES * seconds / 60:.0f} min | | |", flush=True)
    rng = np.random.default_rng(0)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(resamples):
        DirectLiNGAM(threads=2).fit(values[rng.integers(0, len(values), len(values))])
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"| {resamples} resamples, two threads | {cpu:.0f} | {wall:.0f} | "
        f"20: {20 * cpu / resamples:.0f} CPU s, {20 * wall / resamples:.0f} s wall{scaled(resamples)} |",
        flush=True,
    )
    peer, root = extrapolated(values)
    print(
        f"| lingam, extrapolated | {peer:,.0f} | | first root {yes(root == single.causal_order_[0])}; "
        f"{peer / seconds:,.0f}x (float32), {peer / fits['float64'][1]:,.0f}x (float64) |",
        flush=True,
    )


def scaled(resamples: int) -> str:
    return "" if resamples == 20 else f", scaled from {resamples}"


def order_search(d: int) -> None:
    """Print one row: the order read from an unmixing matrix, lingam's scan and our bisection."""
    rng = np.random.default_rng(d)
    effects = np.tril(rng.normal(size=(d, d)) * (rng.random((d, d)) < 3 / d), -1) + 0.01 * rng.normal(size=(d, d))
    np.fill_diagonal(effects, 0)
    shuffled = effects[np.ix_(*[rng.permutation(d)] * 2)]
    orders: list[list[int]] = []
    peer = cpu_seconds(lambda: orders.append(list(lingam.ICALiNGAM()._estimate_causal_order(shuffled.copy()) or [])))
    ours = cpu_seconds(lambda: orders.append(search_causal_order(shuffled)), repeats=3)
    print(f"| {d} | {peer:.3f} | {ours:.5f} | {peer / ours:,.0f}x | {yes(orders[0] == orders[1])} |", flush=True)


def gigahertz() -> float:
    """Return the clock rate: a shift, an exclusive or and a multiplication in a chain take 1 + 1 + 3 cycles on x86."""

    @njit
    def chain(x, steps):
        for _ in range(steps):
            x = (x ^ (x >> 13)) * 3935559000370003845
        return x

    chain(np.int64(7), 1)
    steps = 50_000_000
    return 5 * steps / cpu_seconds(lambda: chain(np.int64(7), steps), repeats=3) / 1e9


def kernel(dtype: type[np.floating]) -> None:
    """Print one row: nanoseconds per residual element, and the least that two multiplier pipes allow."""
    n, count = 20_000, 200
    z = np.random.default_rng(0).laplace(size=(2, n)).astype(dtype)
    i, j, r, out = np.zeros(count, np.intp), np.ones(count, np.intp), np.full(count, 0.3), np.empty((count, 2))
    seconds = cpu_seconds(lambda: pairs.residual_entropies(z, i, j, r, out), repeats=5)
    measured = seconds / (2 * n * count) * 1e9
    # Compiled afresh, because code from the cache has no listing. Two shifts make the two powers of one residual.
    fresh = njit(fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"}, error_model="numpy", nogil=True)(
        pairs._residual_entropies.py_func
    )
    fresh(z, i, j, r, pairs.BLOCK[z.dtype], pairs.CAP[z.dtype], out)
    listing = next(iter(fresh.inspect_asm().values()))
    loop = max(re.split(r"\n(?=\.LBB)", listing), key=lambda block: len(re.findall(r"\tvpsll.*[yz]mm", block)))
    lines = [line for line in loop.splitlines() if re.search("[yz]mm", line)]
    width = 64 if any("zmm" in line for line in lines) else 32
    vectors = sum(line.startswith("\tvpsll") for line in lines) / 2
    multiplications = sum(bool(re.match(r"\tv(fn?m|mul)", line)) for line in lines) / vectors
    limit = multiplications / 2 / gigahertz() / (width // np.dtype(dtype).itemsize)
    print(
        f"| {np.dtype(dtype)} | {measured:.2f} | {multiplications:.0f} per {8 * width}-bit vector | {limit:.2f} | "
        f"{100 * limit / measured:.0f} % |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="d = 20 and 40 only")
    parser.add_argument("--full", action="store_true", help="also d = 283 and n = 20,000")
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of variables to compare at n = 5,000")
    parser.add_argument("--resamples", type=int, default=20, help="resamples at d = 283")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = options.sizes if options.sizes is not None else [20, 40] if options.quick else [20, 40, 60, 80, 100]
    with threadpool_limits(limits=1):
        print(environment(), "\n")
        for dtype in ("float32", "float64"):
            DirectLiNGAM(dtype=dtype).fit(data(5, 100))
        if sizes:
            print(
                "| d | n | lingam | float32 | ratio | order, support, max abs dB | pairs | float64 | ratio | ", end=""
            )
            print("order, support, max abs dB | pairs | all pairs |\n|" + "---|" * 12)
        for d in sizes:
            against_lingam(d, 5_000)
        print(f"\n{PUBLISHED}\n")
        print(
            "| elements | ns per residual element | multiplications | least ns on two pipes | share |\n|" + "---|" * 5
        )
        for dtype in (np.float32, np.float64):
            kernel(dtype)
        print("\n| d, ICA's order search | lingam | ours | ratio | order |\n|" + "---|" * 5)
        for d in [40] if options.quick else [80, 160, *([283] if options.full else [])]:
            order_search(d)
        if options.full:
            print("\n| 283 x 20,000 | CPU s | wall s | |\n|" + "---|" * 4)
            large(options.resamples)


if __name__ == "__main__":
    main()
