"""Predictions over whole data sets, and how good they are.

Metrics are computed once over every scored entry, never averaged over batches. A metric that the data cannot support
is None.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from get_core.model import GET
    from get_core.windows import FeatureWindows

__all__ = ["across_cell_types", "binary_metrics", "predict", "predict_focus", "regression_metrics"]


def predict(model: "GET", windows: "FeatureWindows", *, batch_size: int = 64) -> NDArray[np.float32]:
    """Predict every region that the windows cover.

    Parameters
    ----------
    model : GET
        Model; run in evaluation mode, on its own device.
    windows : FeatureWindows
        Windows over the regions.
    batch_size : int
        Windows per forward pass.

    Returns
    -------
    float32 (n, outputs)
        Mean over the windows that hold a region; NaN for regions in none.
    """
    import torch

    from get_core.model import evaluating

    total = np.zeros((len(windows.features), model.config.outputs))
    count = np.zeros(len(windows.features))
    index = windows.windows.index
    with torch.inference_mode(), evaluating(model):
        for start, batch in zip(range(0, len(index), batch_size), windows.batches(batch_size), strict=True):
            rows = index[start : start + batch_size]
            np.add.at(total, rows, model(torch.from_numpy(batch.x).to(model.cls_token)).cpu().numpy())
            np.add.at(count, rows, 1)
    with np.errstate(invalid="ignore"):
        return (total / count[:, None]).astype(np.float32)


def predict_focus(model: "GET", windows: "FeatureWindows", *, batch_size: int = 64) -> NDArray[np.float32]:
    """Predict the focus region of each window, as attribution sees it.

    Parameters
    ----------
    model, windows, batch_size
        As in `predict`.

    Returns
    -------
    float32 (w, outputs)
        In the order of the windows.
    """
    import torch

    from get_core.model import evaluating

    parts = [np.empty((0, model.config.outputs), np.float32)]
    with torch.inference_mode(), evaluating(model):
        for batch in windows.batches(batch_size):
            x = torch.from_numpy(batch.x).to(model.cls_token)
            parts.append(model.at(x, torch.from_numpy(batch.focus).to(x.device)).float().cpu().numpy())
    return np.concatenate(parts)


def regression_metrics(observed: ArrayLike, predicted: ArrayLike) -> dict[str, float | None]:
    """Compare quantities.

    Parameters
    ----------
    observed, predicted : float (m,)
        Values of the scored entries.

    Returns
    -------
    dict
        `pearson`, `spearman`, `r2` (coefficient of determination); None where a side is constant or m < 2.
    """
    from scipy.stats import rankdata

    y, f = _pair(observed, predicted)
    if len(y) < 2 or np.ptp(y) == 0:
        return {"pearson": None, "spearman": None, "r2": None}
    r2 = float(1 - ((y - f) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    if np.ptp(f) == 0:
        return {"pearson": None, "spearman": None, "r2": r2}
    return {"pearson": _correlation(y, f), "spearman": _correlation(rankdata(y), rankdata(f)), "r2": r2}


def binary_metrics(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
    """Compare scores with labels.

    Parameters
    ----------
    labels : float (m,)
        Positive where > 0.5.
    scores : float (m,)
        Any monotone score, such as a logit.

    Returns
    -------
    dict
        `auroc`, by mid-ranks so that ties count one half; None when only one class is present.
    """
    from scipy.stats import rankdata

    y, f = _pair(labels, scores)
    positive = y > 0.5
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return {"auroc": None}
    above = rankdata(f)[positive].sum() - n_positive * (n_positive + 1) / 2
    return {"auroc": float(above / (n_positive * n_negative))}


def across_cell_types(observed: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Correlate each gene's values over the cell types.

    A network may order genes well in every cell type because some genes are high everywhere; this asks whether it
    knows where a gene is high.

    Parameters
    ----------
    observed, predicted : float (c, m)
        One row per cell type, one column per gene.

    Returns
    -------
    float64 (m,)
        Pearson correlations; NaN where either is constant or there are fewer than three cell types.

    Raises
    ------
    InvalidInput
        Shapes that differ, or values that are not finite.
    """
    y, f = np.asarray(observed, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 2 or y.shape != f.shape:
        raise InvalidInput(f"{y.shape} observed values cannot be compared with {f.shape} predictions")
    if not (np.isfinite(y).all() and np.isfinite(f).all()):
        raise InvalidInput("observed or predicted values are not finite", cure="leave those genes out")
    if len(y) < 3:
        return np.full(y.shape[1], np.nan)
    varies = (np.ptp(y, axis=0) > 0) & (np.ptp(f, axis=0) > 0)
    y, f = y - y.mean(axis=0), f - f.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(varies, (y * f).sum(axis=0) / np.sqrt((y**2).sum(axis=0) * (f**2).sum(axis=0)), np.nan)


def _pair(observed: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, f = np.asarray(observed, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 1 or y.shape != f.shape:
        raise InvalidInput(f"{y.shape} observed values cannot be compared with {f.shape} predictions")
    if not (np.isfinite(y).all() and np.isfinite(f).all()):
        raise InvalidInput("observed or predicted values are not finite", cure="score only regions that windows cover")
    return y, f


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1])
