"""DirectLiNGAM: the causal order found one root at a time, without a seed."""

import numpy as np

from get_core.causal.columns import Matrix
from get_core.causal.estimator import Estimator

__all__ = ["DirectLiNGAM"]


class DirectLiNGAM(Estimator):
    """DirectLiNGAM with pairwise likelihood ratios and adaptive-lasso effects.

    Deterministic: no seed, one BLAS thread. Sources: Shimizu et al., J. Mach. Learn. Res. 12, 1225-1248 (2011);
    pairwise measure: Hyvärinen and Smith, J. Mach. Learn. Res. 14, 111-152 (2013). The `lingam` package computes it;
    time grows with d³·n (`get_core.causal.estimate_seconds`).
    """

    def _discover(self, values: Matrix) -> tuple[list[int], Matrix]:
        import lingam
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            model = lingam.DirectLiNGAM().fit(values)
        return np.asarray(model.causal_order_).tolist(), np.asarray(model.adjacency_matrix_, np.float64)
