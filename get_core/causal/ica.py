"""ICA-LiNGAM: the causal order read from an independent component analysis, as the GET paper did."""

import warnings
from bisect import bisect_left
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix, deviations, finite_matrix, standardise, unusable_columns
from get_core.causal.dag import is_acyclic, topological_order
from get_core.causal.estimator import Estimator, UncertainDirections
from get_core.errors import InvalidInput

__all__ = ["ICALiNGAM", "Prune", "mean_over_permutations", "prune_by_resampling", "search_causal_order"]

Prune = Literal["resample", "lasso"]

# What R's pcalg 2.7-12 does, and with it the reference implementation of GET: ten pieces, factor 1.
PIECES = 10
# As lingam 1.13; scikit-learn's own default of 200 iterations is too few for a few hundred variables.
MAX_ITERATIONS = 1000


class ICALiNGAM(Estimator):
    """ICA-LiNGAM (Shimizu et al., J. Mach. Learn. Res. 7, 2003-2030, 2006).

    FastICA (log cosh, symmetric) gives the unmixing matrix, an assignment its rows, `search_causal_order` the order.
    The same seed gives the same result: one BLAS thread, because the number of threads changes rounding, and where the
    noise is Gaussian or causes are hidden, rounding changes edges.

    Parameters
    ----------
    random_state : int
        Seed of FastICA's start.
    prune : {"resample", "lasso"}
        How small effects are cut: ``"resample"`` as R's pcalg (`prune_by_resampling`), which the GET paper used;
        ``"lasso"`` as the Python package lingam (adaptive lasso by BIC).
    max_iterations : int
        FastICA stops there and warns.

    Raises
    ------
    InvalidInput
        An unknown `prune`; from `fit`, columns whose covariance rounding spoils.

    Warns
    -----
    UncertainDirections
        FastICA did not converge (`converged_` is False then).
    """

    def __init__(
        self, random_state: int = 0, *, prune: Prune = "resample", max_iterations: int = MAX_ITERATIONS
    ) -> None:
        super().__init__()
        if prune not in get_args(Prune):
            raise InvalidInput(f"unknown pruning {prune!r}", cure='use "resample" or "lasso"')
        self._random_state = random_state
        self._prune: Prune = prune
        self._max_iterations = max_iterations
        self._iterations: int | None = None

    @property
    def n_iter_(self) -> int:
        """Iterations that FastICA took."""
        self._fitted()
        assert self._iterations is not None
        return self._iterations

    @property
    def converged_(self) -> bool:
        """Whether FastICA converged before `max_iterations`."""
        return self.n_iter_ < self._max_iterations

    def _discover(self, values: Matrix) -> tuple[list[int], Matrix]:
        from scipy.optimize import linear_sum_assignment
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            unmixing = self._unmixing(values)
            tiny = np.finfo(np.float64).tiny
            component, variable = linear_sum_assignment(1 / np.maximum(np.abs(unmixing), tiny))
            rows = np.empty_like(unmixing)
            rows[variable] = unmixing[component]
            order = search_causal_order(np.eye(len(rows)) - rows / rows.diagonal()[:, None])
            if self._prune == "lasso":
                return order, _adaptive_lasso(values, order)
            return order, prune_by_resampling(values, order)

    def _unmixing(self, values: Matrix) -> Matrix:
        """Return FastICA's unmixing matrix, components × variables, for sources of unit variance."""
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        ica = FastICA(whiten_solver="eigh", max_iter=self._max_iterations, random_state=self._random_state)
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            # scikit-learn goes on with a covariance that rounding has spoilt, and finds anything.
            warnings.filterwarnings("error", "There are some small singular values")
            try:
                ica.fit(values)
            except (ValueError, UserWarning) as error:
                raise InvalidInput(
                    f"FastICA fails on these columns: {error}",
                    cure="standardise the columns first, where they are very large, very small or far from 0",
                ) from error
        self._iterations = int(ica.n_iter_)
        if self._iterations >= self._max_iterations:
            warnings.warn(
                f"FastICA did not converge in {self._iterations} iterations: the noise may be close to Gaussian or "
                "causes hidden, and edges may change with the seed",
                UncertainDirections,
                stacklevel=4,
            )
        return np.asarray(ica.components_, np.float64)


def search_causal_order(effects: ArrayLike) -> list[int]:
    """Return the causal order that an unpruned matrix of effects comes closest to.

    The d(d + 1)/2 smallest absolute entries are set to 0, and then further ones from the smallest up (equal ones
    together) until the rest has no cycle; a variable is placed when all its causes are, the smallest number first.
    Fewer edges cannot make a cycle, so the number of zeros is found by bisection: the same order as a scan over all of
    them (as lingam 1.13 and pcalg do it) in a number of checks that grows with log d instead of d².

    Parameters
    ----------
    effects : float (d, d)
        ``[i, j]`` is the effect of j on i; from an ICA no entry is 0 but on the diagonal.

    Returns
    -------
    list of int (d,)
        From causes to effects.
    """
    size = np.abs(np.asarray(effects, np.float64))
    d = len(size)
    ascending = np.sort(size, axis=None)

    def without(smallest: int) -> NDArray[np.bool_]:
        return size > ascending[smallest - 1]

    counts = range(d * (d + 1) // 2, d * d)
    found = bisect_left(counts, True, key=lambda smallest: is_acyclic(without(smallest)))
    order = topological_order(without(counts.start + found))
    assert order is not None
    return order


def prune_by_resampling(values: Matrix, order: list[int], *, pieces: int = PIECES) -> Matrix:
    """Estimate the effects along a causal order and cut those that vary too much over the data.

    The rows are cut into contiguous pieces, sizes differing by one at most. In each piece every variable is regressed
    on all before it in the order. An effect is the mean over the pieces where its absolute value reaches the standard
    deviation (ddof 1) over them, and 0 elsewhere.

    Parameters
    ----------
    values : float64 (n, d)
        Observations.
    order : list of int (d,)
        From causes to effects.
    pieces : int
        At least 2; each needs more than d rows.

    Returns
    -------
    float64 (d, d)
        ``[i, j]`` is the effect of j on i.

    Raises
    ------
    InvalidInput
        Too few rows, or too few pieces in which no variable is constant or a sum of others.

    Warns
    -----
    UncertainDirections
        Pieces were left out for that.
    """
    n, d = values.shape
    if pieces < 2 or n // pieces <= d:
        raise InvalidInput(
            f"{n} rows in {pieces} pieces cannot tell {d} variables apart: every piece needs more than {d} rows",
            cure=f'give more than {pieces * (d + 1) - 1} rows, or use prune="lasso"',
        )
    found = [_ordered_effects(piece[:, order]) for piece in np.array_split(values, pieces)]
    usable = np.array([effects for effects in found if effects is not None])
    if len(usable) < 2:
        raise InvalidInput(
            f"a variable is constant or a sum of others in {pieces - len(usable)} of {pieces} pieces of the data",
            cure='use prune="lasso", or leave out the variables that hardly ever change',
        )
    if len(usable) < pieces:
        warnings.warn(
            f"{pieces - len(usable)} of {pieces} pieces of the data have a constant variable or one that is a sum of "
            "others and did not take part in pruning",
            UncertainDirections,
            stacklevel=2,
        )
    mean, deviation = usable.mean(axis=0), usable.std(axis=0, ddof=1)
    effects = np.zeros((d, d))
    effects[np.ix_(order, order)] = np.where(np.abs(mean) >= deviation, mean, 0.0)
    return effects


def mean_over_permutations(values: ArrayLike, *, runs: int = 3, seed: int = 0, prune: Prune = "resample") -> Matrix:
    """Average ICA-LiNGAM over random orders of the columns: the procedure that GET's networks were published with.

    There the three runs were unseeded. The mean of acyclic graphs need not be acyclic.

    Parameters
    ----------
    values : float (n, d)
        As for `ICALiNGAM.fit`; the reference standardises the columns first.
    runs : int
        Permutations, each with its own start of FastICA; at least 1.
    seed : int
        The same seed gives the same permutations and starts.
    prune : {"resample", "lasso"}
        See `ICALiNGAM`.

    Returns
    -------
    float64 (d, d)
        Mean effects; ``[i, j]`` is the effect of j on i.

    Raises
    ------
    InvalidInput
        As `ICALiNGAM.fit`, or no runs.
    """
    if runs < 1:
        raise InvalidInput(f"the mean of {runs} runs is not defined", cure="ask for at least one run")
    matrix = finite_matrix(values)
    total = np.zeros((matrix.shape[1], matrix.shape[1]))
    for child in np.random.SeedSequence(seed).spawn(runs):
        rng = np.random.default_rng(child)
        permutation = rng.permutation(matrix.shape[1])
        model = ICALiNGAM(int(rng.integers(2**31)), prune=prune)
        total[np.ix_(permutation, permutation)] += model.fit(matrix[:, permutation]).adjacency_matrix_
    return total / runs


def _ordered_effects(values: Matrix) -> Matrix | None:
    """Regress every column on all before it; None where they are not linearly independent.

    With C = A·Aᵀ (A lower triangular) the regressions have noise diag(A)·A⁻¹·x, so the effects are I - diag(A)·A⁻¹.
    """
    from scipy.linalg import solve_triangular

    if unusable_columns(values):
        return None
    factor = np.linalg.cholesky(np.cov(values, rowvar=False))
    unit = np.eye(len(factor))
    return np.tril(unit - factor.diagonal()[:, None] * solve_triangular(factor, unit, lower=True), -1)


def _adaptive_lasso(values: Matrix, order: list[int]) -> Matrix:
    """Estimate the effects along a causal order by the adaptive lasso, in the units of the values."""
    from get_core.causal.lasso import direct_effects

    z, deviation = standardise(values), deviations(values)
    return direct_effects(z.T @ z / len(z), order, len(z)) * deviation[:, None] / deviation
