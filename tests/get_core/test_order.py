"""The pair kernels and the branch and bound, against plain numpy and against the search without any shortcut."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from get_core.causal import engine as engine_module
from get_core.causal import entropy
from get_core.causal.columns import standardise
from get_core.causal.device import TorchEngine
from get_core.causal.engine import ProcessorEngine, single_error
from get_core.causal.entropy import entropy_error
from get_core.causal.order import Engine, Search, _State, _Step, causal_order, differences

Matrix = NDArray[np.float64]
Maker = Callable[[Matrix], Engine]


def double(z: Matrix) -> Engine:
    return ProcessorEngine(z)


def single(z: Matrix) -> Engine:
    return ProcessorEngine(z, np.float32)


def torch_double(z: Matrix) -> Engine:
    return TorchEngine(z, torch.device("cpu"))


def torch_single(z: Matrix) -> Engine:
    return TorchEngine(z, torch.device("cpu"), np.float32)


ENGINES = [double, single, torch_double, torch_single]

# Heavy tails, rare large values, many zeros, few values.
SHAPES: dict[str, Callable[[np.random.Generator, int], Matrix]] = {
    "laplace": lambda rng, n: rng.laplace(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(size=n),
    "gaussian": lambda rng, n: rng.normal(size=n),
    "rare": lambda rng, n: (rng.random(n) < 3 / n) * rng.exponential(size=n) + 1e-9 * rng.normal(size=n),
    "two values": lambda rng, n: rng.choice([-1.0, 1.0], size=n),
    "zeros": lambda rng, n: (rng.random(n) < 0.2) * rng.exponential(size=n) + 1e-9 * rng.normal(size=n),
    "uniform": lambda rng, n: rng.uniform(size=n),
}


def standardised(values: Matrix) -> tuple[Matrix, Matrix]:
    """Return z (d, n) and its correlations."""
    z = np.ascontiguousarray(standardise(values).T)
    return z, z @ z.T / z.shape[1]


def structural(d: int, n: int, seed: int, *, gaussian: bool = False) -> Matrix:
    """Return columns in random order whose sparse linear causes come from a random acyclic graph."""
    rng = np.random.default_rng(seed)
    weights = np.tril(rng.random((d, d)) < 3 / d, -1) * rng.uniform(0.3, 1, (d, d)) * rng.choice([-1, 1], (d, d))
    x = rng.normal(size=(d, n)) if gaussian else rng.laplace(size=(d, n))
    for i in range(d):
        x[i] += weights[i] @ x
    return x[rng.permutation(d)].T


def plain_entropy(u: Matrix) -> float:
    """Hyvärinen's approximation as published, in numpy."""
    log_cosh = np.mean(np.logaddexp(u, -u) - math.log(2))
    return (
        (1 + math.log(2 * math.pi)) / 2
        - 79.047 * (log_cosh - 0.37457) ** 2
        - 7.4129 * np.mean(u * np.exp(-(u**2) / 2)) ** 2
    )


def plain_pair(x: Matrix, y: Matrix, r: float) -> tuple[float, float]:
    scale = math.sqrt(1 - r * r)
    return plain_entropy((x - r * y) / scale), plain_entropy((y - r * x) / scale)


@pytest.mark.parametrize("n", [3, 239, 240, 241, 1920, 4100])
@pytest.mark.parametrize("first", SHAPES)
@pytest.mark.parametrize("make", [double, torch_double])
def test_entropies_equal_numpy(make: Maker, first: str, n: int) -> None:
    rng = np.random.default_rng(n)
    z, correlation = standardised(np.column_stack([SHAPES[first](rng, n), rng.laplace(size=n), rng.normal(size=n)]))
    i, j = np.array([0, 0, 1]), np.array([1, 2, 2])
    r = correlation[i, j]
    found = make(z.copy()).entropies(i, j, r)
    expected = [plain_pair(z[a], z[b], c) for a, b, c in zip(i, j, r, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12, rtol=1e-13)


@pytest.mark.parametrize("make", [single, torch_single])
def test_float32_stays_within_the_stated_error(make: Maker) -> None:
    ratios = []
    for n in (60, 200, 1000, 5000):
        for seed in range(3 if make is single else 1):
            rng = np.random.default_rng(seed)
            columns = [draw(rng, n) for draw in SHAPES.values()]
            near = [columns[0] + 10.0**closeness * rng.laplace(size=n) for closeness in (-4, -2, 0)]
            z, correlation = standardised(np.column_stack([*columns, *near]))
            exact = differences(double(z.copy()), correlation)
            engine, rows = make(z), np.arange(len(z))
            entropy = engine.entropies(rows, rows, np.zeros(len(z)))[:, 0]
            step = _Step(_State(rows, correlation, entropy, entropy_error(entropy, engine.error), exact.copy()), engine)
            step.compare(*np.triu_indices(len(z), 1))
            ratios.append(np.nanmax(np.abs(step.state.memory - exact) / np.where(np.eye(len(z)), np.nan, step.slack)))
    assert 0 < max(ratios) < 0.7


def test_error_falls_with_the_number_of_different_values() -> None:
    rng = np.random.default_rng(0)
    z, _ = standardised(np.column_stack([rng.choice([-1.0, 1.0], 4000), rng.choice(16, 4000), rng.laplace(size=4000)]))
    element = (single_error(z) - engine_module.COMMON_ERROR) / engine_module.ELEMENT_ERROR
    np.testing.assert_allclose(element, [0.5**0.5, 16**-0.5, 4000**-0.5], rtol=0.15)


@pytest.mark.parametrize("make", ENGINES)
def test_residuals_are_those_of_least_squares(make: Maker) -> None:
    values = structural(4, 300, 0)
    z, correlation = standardised(values)
    engine = make(z.copy())
    engine.remove(np.array([0, 1, 3]), 2, correlation[[0, 1, 3], 2])
    rest = [np.delete(np.arange(4), 2)[k] for k in range(3)]
    design = np.column_stack([values[:, 2], np.ones(len(values))])
    residual = values[:, rest] - design @ np.linalg.lstsq(design, values[:, rest], rcond=None)[0]
    expected = [plain_entropy(column) for column in standardise(residual).T]
    found = engine.entropies(np.array(rest), np.array(rest), np.zeros(3), exact=True)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-11)


def search(z: Matrix, correlation: Matrix, make: Maker, **options) -> tuple[list[int], Search]:
    return causal_order(make(z.copy()), correlation, **options)


@pytest.mark.parametrize(
    ("make", "d", "gaussian"),
    [(make, d, d == 16) for make in ENGINES for d in (2, 7, 16, 30) if d < 16 or make in (double, single)],
)
def test_pruning_changes_nothing(make: Maker, d: int, gaussian: bool) -> None:
    z, correlation = standardised(structural(d, 400, d, gaussian=gaussian))
    everything, full = search(z, correlation, double, prune=False)
    guess = differences(double(z[:, ::4].copy()), correlation)
    # A wrong guess may cost time only.
    for memory in (None, guess, -guess):
        order, found = search(z, correlation, make, memory=memory)
        assert order == everything
        np.testing.assert_allclose(found.scores, full.scores, atol=1e-4)
        assert found.pairs_evaluated <= found.pairs_total == d * (d**2 - 1) // 6
        if make is double:
            np.testing.assert_allclose(found.scores, full.scores, atol=1e-15)
            # The runner-up is exact in a full search and a lower bound of it in a pruned one.
            assert (np.asarray(found.runners_up) <= np.asarray(full.runners_up) + 1e-15).all()
            assert (found.gaps >= 0).all()
    assert full.pairs_evaluated == full.pairs_total


def test_a_good_guess_saves_comparisons() -> None:
    z, correlation = standardised(structural(30, 2000, 3))
    guess = differences(double(z[:, ::2].copy()), correlation)
    _, informed = search(z, correlation, double, memory=guess)
    _, misled = search(z, correlation, double, memory=-guess)
    assert informed.pairs_evaluated < informed.pairs_total / 3
    assert informed.pairs_evaluated < misled.pairs_evaluated


def test_float32_asks_float64_where_it_cannot_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    z, correlation = standardised(structural(12, 300, 5, gaussian=True))
    expected, _ = search(z, correlation, double)
    monkeypatch.setattr(engine_module, "COMMON_ERROR", 1e-2)
    order, found = search(z, correlation, single)
    assert order == expected
    assert found.arbitrations > 11


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_number_of_threads_changes_no_bit(dtype: type[np.floating]) -> None:
    z, correlation = standardised(structural(14, 700, 1))
    found = []
    for threads in (1, 2, 3):
        with ProcessorEngine(z.copy(), dtype, threads) as engine:
            found.append(causal_order(engine, correlation))
    assert found[0] == found[1] == found[2]


def test_comparison_is_antisymmetric_to_the_last_bit() -> None:
    z, correlation = standardised(structural(6, 333, 2))
    turned = z[::-1].copy()
    plain = differences(double(z), correlation)
    np.testing.assert_array_equal(plain, -plain.T)
    np.testing.assert_array_equal(differences(double(turned), correlation[::-1, ::-1].copy())[::-1, ::-1], plain)


def test_order_obeys_precedence() -> None:
    z, correlation = standardised(structural(6, 500, 4))
    free, _ = search(z, correlation, double)
    precedes = np.zeros((6, 6), bool)
    precedes[free[-1], free[0]] = True
    bound, found = search(z, correlation, double, precedes=precedes)
    assert bound.index(free[-1]) < bound.index(free[0])
    chain = np.zeros((6, 6), bool)
    chain[range(5), range(1, 6)] = True
    forced, found = search(z, correlation, double, precedes=chain)
    assert forced == [0, 1, 2, 3, 4, 5]
    assert np.isinf(found.runners_up).all()


def test_constants_are_hyvarinens() -> None:
    # K2 = 1 / (2 Var) of u·exp(-u²/2) less its projection on u: moments of the normal distribution in closed form.
    assert pytest.approx(1 / (2 * (1 / (3 * math.sqrt(3)) - 1 / 8)), rel=1e-5) == entropy.K2
    # K1 likewise for ln cosh less its projection on 1 and u², and GAMMA its mean: by Gauss-Hermite quadrature.
    u, weight = np.polynomial.hermite_e.hermegauss(120)
    weight /= weight.sum()
    values = np.logaddexp(u, -u) - math.log(2)
    mean = weight @ values
    square = (u**2 - 1) / math.sqrt(2)
    variance = weight @ (values - mean) ** 2 - (weight @ (values * square)) ** 2
    assert pytest.approx(mean, abs=1e-5) == entropy.GAMMA
    assert pytest.approx(1 / (2 * variance), rel=1e-3) == entropy.K1
