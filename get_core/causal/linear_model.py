"""Linear structural equation models with known effects, to measure how well a method finds them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

__all__ = ["LinearModel", "Noise", "SimulatedData", "simulate_linear"]

Matrix = NDArray[np.float64]
Noise = Literal["laplace", "uniform", "exponential", "gaussian", "mixed", "half_gaussian"]

NON_GAUSSIAN: tuple[Noise, ...] = ("laplace", "uniform", "exponential")


@dataclass(frozen=True)
class LinearModel:
    """What is drawn: an Erdős-Rényi graph over a random order, effects, noise and hidden common causes.

    Parameters
    ----------
    variables : int
        d, at least 2.
    degree : float
        Expected number of neighbours (causes and effects) of a variable.
    weights : (float, float)
        Range of the absolute effects, drawn uniformly; signs are drawn, too.
    noise : str
        Distribution of the noises, all of mean 0 and variance 1. ``mixed``: each variable draws one of laplace,
        uniform and exponential. ``half_gaussian``: as mixed, but every other variable of a random half is Gaussian.
    latent : int
        Hidden common causes, Laplace distributed.
    latent_share : float
        Share of the variables that a hidden cause acts on.
    latent_weights : (float, float)
        Range of the absolute effects of hidden causes.
    """

    variables: int = 50
    degree: float = 3.0
    weights: tuple[float, float] = (0.3, 1.0)
    noise: Noise = "mixed"
    latent: int = 0
    latent_share: float = 0.3
    latent_weights: tuple[float, float] = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class SimulatedData:
    """Data and the truth behind them.

    Parameters
    ----------
    values : float64 (n, d)
        Observations in original units.
    effects : float64 (d, d)
        Planted direct effects; ``[i, j]`` is the effect of variable j on variable i.
    order : tuple of int (d,)
        The causal order the effects were drawn over.
    """

    values: Matrix
    effects: Matrix
    order: tuple[int, ...]


def simulate_linear(model: LinearModel, rows: int, seed: int) -> SimulatedData:
    """Draw a graph and data: x = (I - B)⁻¹ (noise + Λ hidden).

    Parameters
    ----------
    model : LinearModel
        What to draw.
    rows : int
        Observations n, at least 1.
    seed : int
        The same model, rows and seed give the same data.

    Returns
    -------
    SimulatedData

    Raises
    ------
    InvalidInput
        Fewer than two variables, no rows, or more neighbours than there are other variables.
    """
    d = model.variables
    if d < 2 or rows < 1:
        raise InvalidInput(f"cannot draw {rows} rows of {d} variables", cure="ask for at least 2 variables and 1 row")
    if not 0 <= model.degree <= d - 1:
        raise InvalidInput(f"a variable cannot have {model.degree} neighbours among {d - 1} others")
    rng = np.random.default_rng(seed)
    order = rng.permutation(d)
    present = np.tril(rng.random((d, d)) < model.degree / (d - 1), -1)
    effects = np.zeros((d, d))
    effects[np.ix_(order, order)] = np.where(present, _signed(rng, model.weights, (d, d)), 0.0)
    noise = np.column_stack([_unit_noise(rng, kind, rows) for kind in _kinds(rng, model)])
    if model.latent:
        loads = _signed(rng, model.latent_weights, (model.latent, d)) * (
            rng.random((model.latent, d)) < model.latent_share
        )
        hidden = np.column_stack([_unit_noise(rng, "laplace", rows) for _ in range(model.latent)])
        noise += hidden @ loads
    values = np.linalg.solve(np.eye(d) - effects, noise.T).T
    return SimulatedData(np.ascontiguousarray(values, np.float64), effects, tuple(order.tolist()))


def _signed(rng: np.random.Generator, size: tuple[float, float], shape: tuple[int, int]) -> Matrix:
    """Draw magnitudes from a range, with random signs."""
    return rng.uniform(*size, shape) * rng.choice([-1.0, 1.0], shape)


def _kinds(rng: np.random.Generator, model: LinearModel) -> list[Noise]:
    """Say which distribution each variable's noise has."""
    if model.noise not in ("mixed", "half_gaussian"):
        return [model.noise] * model.variables
    choices = rng.integers(len(NON_GAUSSIAN), size=model.variables)
    kinds: list[Noise] = [NON_GAUSSIAN[int(choice)] for choice in choices]
    if model.noise == "half_gaussian":
        for variable in rng.permutation(model.variables)[: model.variables // 2]:
            kinds[int(variable)] = "gaussian"
    return kinds


def _unit_noise(rng: np.random.Generator, kind: Noise, rows: int) -> Matrix:
    """Draw noise of mean 0 and variance 1."""
    if kind == "laplace":
        return rng.laplace(scale=2**-0.5, size=rows)
    if kind == "uniform":
        return rng.uniform(-(3**0.5), 3**0.5, rows)
    if kind == "exponential":
        return rng.exponential(size=rows) - 1.0
    if kind == "gaussian":
        return rng.normal(size=rows)
    raise InvalidInput(f"unknown noise {kind!r}", cure="use " + ", ".join((*NON_GAUSSIAN, "gaussian", "mixed")))
