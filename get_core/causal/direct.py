"""DirectLiNGAM: the causal order found one root at a time, without a seed."""

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.causal.columns import Matrix, deviations, standardise, variance_inflation
from get_core.causal.entropy import GAUSSIAN
from get_core.causal.estimator import Estimator, UncertainDirections
from get_core.causal.prior import PriorKnowledge
from get_core.errors import InvalidInput

if TYPE_CHECKING:
    import torch

    from get_core.causal.order import Search

__all__ = ["DirectLiNGAM"]

# Observations of the first guess which variable speaks against which; it changes the time, never the result.
GUESS_ROWS = 1024
# Below this probability a noise this far from Gaussian is taken as non-Gaussian.
SIGNIFICANCE = 0.01
# Variance inflation of a column of which 99 % is explained by the others.
COLLINEAR = 100.0


class DirectLiNGAM(Estimator):
    """DirectLiNGAM with pairwise likelihood ratios and adaptive-lasso effects.

    The same order and effects as ``lingam.DirectLiNGAM(measure="pwling")``, several hundred times faster. No seed;
    the same result for every number of threads and, up to the numbering, for every order of the columns. Sources:
    Shimizu et al., J. Mach. Learn. Res. 12, 1225-1248 (2011); pairwise measure: Hyvärinen and Smith, J. Mach. Learn.
    Res. 14, 111-152 (2013).

    Columns are z-scored (ddof 0) for the search; effects are in the units of the columns, as given by the caller.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of the elements of the pair kernels. Sums are float64 in either case, and with float32 every choice that
        rounding could change is made again in float64, within error bounds that were measured, not proven
        (`get_core.causal.engine`). float32 is the default because it is about twice as fast.
    threads : int
        Threads of the processor; 1 by default, so that a worker uses the one core it was given.
    device : "cpu" or torch device
        ``"cpu"`` runs compiled kernels that skip comparisons which cannot matter; ``"cuda"`` or any `torch.device`
        compares everything with torch, in batches of bounded size.
    prior_knowledge : int (d, d), optional
        See `get_core.causal.prior.PriorKnowledge`.
    effects : {"lasso", "least_squares"}
        ``"lasso"`` keeps the effects that the adaptive lasso selects by BIC; ``"least_squares"`` keeps all.
    max_parents : int, optional
        Most direct causes of a variable; the lasso then takes the best of the models that are small enough.

    Notes
    -----
    Memory for n × d beside the caller's matrix: a float64 copy, its z-scores and, while they are computed, one
    intermediate (8 n d bytes each), then the z-scores rounded to float32 (4 n d), and about ten d × d matrices. At
    20,000 × 283 that is 3 · 45 + 23 + 7 MB, below 0.2 GB.
    """

    def __init__(
        self,
        *,
        dtype: Literal["float32", "float64"] = "float32",
        threads: int = 1,
        device: "str | torch.device" = "cpu",
        prior_knowledge: ArrayLike | None = None,
        effects: Literal["lasso", "least_squares"] = "lasso",
        max_parents: int | None = None,
    ) -> None:
        super().__init__()
        if dtype not in ("float32", "float64"):
            raise InvalidInput(f"unknown dtype {dtype!r}", cure='use "float32" or "float64"')
        if effects not in ("lasso", "least_squares"):
            raise InvalidInput(f"unknown effects {effects!r}", cure='use "lasso" or "least_squares"')
        if threads < 1:
            raise InvalidInput(f"threads must be at least 1, not {threads}")
        if max_parents is not None and (max_parents < 0 or effects != "lasso"):
            raise InvalidInput(
                f"max_parents {max_parents} does not go with effects {effects!r}",
                cure='use a number from 0 with effects "lasso"',
            )
        self._dtype = np.dtype(dtype).type
        self._threads = threads
        self._device = device
        self._prior = None if prior_knowledge is None else PriorKnowledge(prior_knowledge)
        self._sparse = effects == "lasso"
        self._max_parents = max_parents
        self._rows = 0
        self._search: Search | None = None
        self._negentropy = np.empty(0)
        self._inflation = np.empty(0)

    @property
    def search_(self) -> "Search":
        """How the order was found: score and runner-up of each step, comparisons made, arbitrations."""
        self._fitted()
        assert self._search is not None
        return self._search

    @property
    def variance_inflation_(self) -> NDArray[np.float64]:
        """``1 / (1 - R²)`` of each column regressed on all others, float64 (d,).

        It is 1 for a column that correlates with no other, and large in near-collinear families. The standard error of
        a least-squares effect of the column grows with its square root.
        """
        self._fitted()
        return self._inflation

    @property
    def noise_negentropy_(self) -> NDArray[np.float64]:
        """Non-Gaussianity of each variable's noise, float64 (d,), at least 0.

        The noise is the residual of the regression on all variables before it. The number is the entropy of the
        normal distribution minus that of the standardised noise in Hyvärinen's approximation. Its constants make
        ``2 n · negentropy`` chi-squared with two degrees of freedom where the noise is Gaussian.
        """
        self._fitted()
        return self._negentropy

    @property
    def noise_gaussian_p_(self) -> NDArray[np.float64]:
        """Probability that Gaussian noise looks less Gaussian than this, float64 (d,): ``exp(-n · negentropy)``."""
        self._fitted()
        return self._gaussian_p()

    def _discover(self, values: Matrix) -> tuple[list[int], Matrix]:
        from threadpoolctl import threadpool_limits

        from get_core.causal.lasso import direct_effects

        n, d = values.shape
        if self._prior is not None and len(self._prior.allowed) != d:
            raise InvalidInput(f"prior knowledge is about {len(self._prior.allowed)} variables; the matrix has {d}")
        self._rows = n
        with threadpool_limits(limits=1):
            scale = deviations(values)
            z = np.ascontiguousarray(standardise(values).T)
            correlation = z @ z.T / n
            np.fill_diagonal(correlation, 1.0)
            order, search = self._order(z, correlation)
            effects = direct_effects(
                correlation,
                order,
                n,
                allowed=None if self._prior is None else self._prior.allowed,
                sparse=self._sparse,
                max_parents=self._max_parents,
            )
        self._search = search
        self._negentropy = np.maximum(GAUSSIAN - np.array(search.noise_entropy), 0)
        self._inflation = variance_inflation(correlation)
        self._warn()
        return order, effects * np.divide.outer(scale, scale)

    def _order(self, z: Matrix, correlation: Matrix) -> tuple[list[int], "Search"]:
        """Search on the chosen device; `z` (d, n) is overwritten."""
        from get_core.causal.order import causal_order, differences

        precedes = None if self._prior is None else self._prior.precedes
        if self._device != "cpu":
            from get_core.causal.device import TorchEngine

            return causal_order(TorchEngine(z, self._device, self._dtype), correlation, precedes=precedes, prune=False)

        from get_core.causal.engine import ProcessorEngine

        some = np.ascontiguousarray(z[:, :: max(1, z.shape[1] // GUESS_ROWS)])
        with ProcessorEngine(some, self._dtype, self._threads) as engine:
            memory = differences(engine, correlation)
        with ProcessorEngine(z, self._dtype, self._threads) as engine:
            return causal_order(engine, correlation, memory=memory, precedes=precedes)

    def _gaussian_p(self) -> NDArray[np.float64]:
        return np.exp(-self._rows * self._negentropy)

    def _warn(self) -> None:
        """Say what makes directions or effects of this data uncertain."""
        gaussian = np.flatnonzero(self._gaussian_p() > SIGNIFICANCE)
        # LiNGAM is identifiable with at most one Gaussian noise.
        if len(gaussian) > 1:
            warnings.warn(
                f"the noise of {len(gaussian)} of {len(self._inflation)} columns cannot be told from Gaussian noise "
                f"(p > {SIGNIFICANCE}; columns {_listed(gaussian)}): directions between them are arbitrary. "
                "noise_negentropy_ holds the measure; more rows or a bootstrap help",
                UncertainDirections,
                stacklevel=4,
            )
        collinear = np.flatnonzero(self._inflation > COLLINEAR)
        if len(collinear):
            warnings.warn(
                f"{len(collinear)} columns are nearly sums of others (variance inflation above {COLLINEAR:g}; columns "
                f"{_listed(collinear)}): effects among them are uncertain. Merge families of near-copies into one "
                "column; variance_inflation_ holds the measure",
                UncertainDirections,
                stacklevel=4,
            )


def _listed(columns: NDArray[np.intp], most: int = 10) -> str:
    """Name some columns."""
    names = ", ".join(map(str, columns[:most]))
    return names if len(columns) <= most else f"{names} and {len(columns) - most} more"
