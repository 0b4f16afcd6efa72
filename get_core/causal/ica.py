"""ICA-LiNGAM: the causal order read from an independent component analysis, as the GET paper did."""

import numpy as np

from get_core.causal.columns import Matrix
from get_core.causal.estimator import Estimator

__all__ = ["ICALiNGAM"]


class ICALiNGAM(Estimator):
    """ICA-LiNGAM (Shimizu et al., J. Mach. Learn. Res. 7, 2003-2030, 2006) with adaptive-lasso effects.

    The same seed gives the same result: one BLAS thread, because the number of threads changes rounding, and where
    the noise is Gaussian or causes are hidden, rounding changes edges. The `lingam` package computes it. Where
    FastICA does not converge, scikit-learn's ConvergenceWarning says so.

    Parameters
    ----------
    random_state : int
        Seed of FastICA's start.
    """

    def __init__(self, random_state: int = 0) -> None:
        super().__init__()
        self._random_state = random_state

    def _discover(self, values: Matrix) -> tuple[list[int], Matrix]:
        import lingam
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            model = lingam.ICALiNGAM(random_state=self._random_state).fit(values)
        return np.asarray(model.causal_order_).tolist(), np.asarray(model.adjacency_matrix_, np.float64)
