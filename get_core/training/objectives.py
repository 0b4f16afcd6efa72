"""Masked pretraining and finetuning of the GET network.

Both are pure functions of their inputs and seed: they return a new model and leave the given one untouched, and on one
thread two runs agree bit for bit.
"""

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput
from get_core.evaluation import binary_metrics, predict, regression_metrics
from get_core.training.loop import History, Metrics, Objective, Progress, fit
from get_core.training.settings import FinetuneSettings, OptimiserSettings, PretrainSettings

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from get_core.model import GET, GetConfig
    from get_core.windows import FeatureWindows, Windows

__all__ = ["finetune", "pretrain"]

POISSON_EPS = 1e-8  # reference loss, added to the prediction inside the logarithm


def pretrain(
    features: ArrayLike,
    windows: "Windows",
    config: "GetConfig",
    settings: PretrainSettings,
    *,
    validation: "Windows | None" = None,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple["GET", History]:
    """Train a new network to rebuild hidden regions from their neighbours.

    Parameters
    ----------
    features : float (n, F)
        One row per region.
    windows : Windows
        Training windows.
    config : GetConfig
        Sizes; its head is replaced by the pretraining head.
    settings : PretrainSettings
        How to train.
    validation : Windows, optional
        Windows of left-out chromosomes; hidden with one fixed mask. The metric `explained` is one less the squared
        error over that of the validation windows' own mean features: above 0 beats predicting the mean.
    device : str
        Where to train, such as "cuda"; the returned model stays there.
    checkpoint : Path, optional
        File that is written after each epoch and read at the start: a stopped run goes on with the same numbers.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    model : GET
        With the pretraining head, in evaluation mode.
    history : History
        Losses are mean squared errors per hidden feature.

    Raises
    ------
    InvalidInput
        Features that do not fit the config or windows, or validation regions that are also trained on.
    """
    import torch
    from torch.nn import functional

    from get_core.model import GET, evaluating

    data = _training_data(features, windows, validation, config, settings)
    with _seeded(settings.seed):
        model = GET(replace(config, head="pretrain", outputs=config.features)).to(device)
        table, index = torch.from_numpy(data.features), torch.from_numpy(windows.index)

        def draw(count: int, generator: "Generator") -> "Tensor":
            return _mask(count, windows.length, settings.mask_ratio, generator)

        def loss(chosen: "Tensor", hidden: "Tensor | None") -> "Tensor":
            assert hidden is not None
            x, mask = table[index[chosen]].to(device), hidden.to(device)
            return functional.mse_loss(model(x, mask)[mask].float(), x[mask])

        def validate() -> tuple[float, Metrics]:
            assert validation is not None
            fixed = torch.Generator().manual_seed(settings.seed)
            mean = table[torch.from_numpy(np.unique(validation.index))].mean(0).to(device)
            error = spread = 0.0
            hidden = 0
            with torch.inference_mode(), evaluating(model):
                for batch in validation.over(data.features).batches(settings.batch_size):
                    x = torch.from_numpy(batch.x).to(device)
                    mask = _mask(len(x), x.shape[1], settings.mask_ratio, fixed).to(device)
                    error += float((model(x, mask)[mask] - x[mask]).double().square().sum())
                    spread += float((x[mask] - mean).double().square().sum())
                    hidden += x[mask].numel()
            return error / hidden, {"explained": 1 - error / spread if spread else None}

        objective = Objective(
            len(windows),
            loss,
            _identity(settings, model, data.features, windows.index),
            draw=draw,
            validate=validate if validation else None,
        )
        return model, fit(model, objective, settings, checkpoint=checkpoint, progress=progress)


def finetune(
    model: "GET",
    features: ArrayLike,
    targets: ArrayLike,
    windows: "Windows",
    settings: FinetuneSettings,
    *,
    validation: "Windows | None" = None,
    scored: NDArray[np.bool_] | None = None,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple["GET", History]:
    """Train a network to predict expression or accessibility of every region.

    Parameters
    ----------
    model : GET
        Start, left untouched. Its head is kept when it already is the wanted one, else drawn anew.
    features : float (n, F)
        One row per region.
    targets : float (n, outputs) or (n,)
        Values per region (and strand). Regions without a promoter count as 0 expression, as in the reference.
    windows : Windows
        Training windows.
    settings : FinetuneSettings
        How to train.
    validation : Windows, optional
        Windows of left-out chromosomes.
    scored : bool (n, outputs), optional
        Entries that the metrics look at, such as promoters; by default all that the validation windows cover.
    device : str
        Where to train, such as "cuda"; the returned model stays there.
    checkpoint : Path, optional
        As in `pretrain`.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    model : GET
        In evaluation mode.
    history : History
        Metrics are `pearson`, `spearman`, `r2` for expression and `auroc` for accessibility.

    Raises
    ------
    InvalidInput
        Shapes that do not fit, negative expression, labels outside [0, 1], validation regions that are also trained
        on, or `patience` without validation.
    """
    import torch
    from torch.nn import functional

    from get_core.model import with_head
    from get_core.training.low_rank import add_low_rank, merge_low_rank

    data = _training_data(features, windows, validation, model.config, settings)
    y = _targets(targets, len(data.features), settings)
    if scored is not None and scored.shape != y.shape:
        raise InvalidInput(f"scored has shape {scored.shape}, the targets {y.shape}")
    expression = settings.head == "expression"

    def negative_log_likelihood(output: "Tensor", target: "Tensor") -> "Tensor":
        if expression:
            return functional.poisson_nll_loss(output, target, log_input=False, full=False, eps=POISSON_EPS)
        return functional.binary_cross_entropy_with_logits(output, target)

    with _seeded(settings.seed):
        if (model.config.head, model.config.outputs) == (settings.head, y.shape[1]):
            tuned = copy.deepcopy(model).to(device)
        else:
            tuned = with_head(model, settings.head, y.shape[1]).to(device)
        if settings.low_rank is not None:
            add_low_rank(tuned, settings.low_rank)
        table, labels, index = (torch.from_numpy(array) for array in (data.features, y, windows.index))

        def loss(chosen: "Tensor", _: "Tensor | None") -> "Tensor":
            rows = index[chosen]
            return negative_log_likelihood(tuned(table[rows].to(device)).float(), labels[rows].to(device))

        def validate() -> tuple[float, Metrics]:
            assert validation is not None
            predicted = predict(tuned, validation.over(data.features), batch_size=settings.batch_size)
            rows = np.unique(validation.index)
            shown = np.ones((len(rows), y.shape[1]), bool) if scored is None else scored[rows]
            held = negative_log_likelihood(torch.from_numpy(predicted[rows]), labels[torch.from_numpy(rows)])
            measure = regression_metrics if expression else binary_metrics
            return float(held), measure(y[rows][shown], predicted[rows][shown])

        objective = Objective(
            len(windows),
            loss,
            _identity(settings, tuned, data.features, windows.index, y),
            validate=validate if validation else None,
        )
        history = fit(tuned, objective, settings, checkpoint=checkpoint, progress=progress)
        if settings.low_rank is not None:
            merge_low_rank(tuned)
        return tuned, history


def _training_data(
    features: ArrayLike,
    windows: "Windows",
    validation: "Windows | None",
    config: "GetConfig",
    settings: OptimiserSettings,
) -> "FeatureWindows":
    if settings.patience is not None and validation is None:
        raise InvalidInput("patience needs validation windows", cure="pass validation=, or leave patience out")
    data = windows.over(features)
    if not len(windows):
        raise InvalidInput("there are no training windows", cure="use a window length that fits the chromosomes")
    if data.features.shape[1] != config.features:
        raise InvalidInput(f"the matrix has {data.features.shape[1]} features, the model takes {config.features}")
    if validation is not None:
        if not len(validation):
            raise InvalidInput("there are no validation windows", cure="hold out another chromosome")
        validation.over(data.features)
        shared = np.intersect1d(windows.index, validation.index)
        if shared.size:
            raise InvalidInput(
                f"{shared.size} regions are trained on and validated on, the first in row {shared[0]}",
                cure="split by chromosome with get_core.windows.leave_out",
            )
    return data


def _targets(targets: ArrayLike, count: int, settings: FinetuneSettings) -> NDArray[np.float32]:
    y = np.asarray(targets, np.float32)
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or len(y) != count:
        raise InvalidInput(f"targets have shape {y.shape}; there are {count} regions")
    allowed = (y >= 0) & (np.isfinite(y) if settings.head == "expression" else y <= 1)
    bad = np.flatnonzero(~allowed.all(axis=1))
    if bad.size:
        what = "expression >= 0" if settings.head == "expression" else "labels from 0 to 1"
        raise InvalidInput(f"targets must be {what}; {bad.size} regions are not, the first in row {bad[0]}")
    return y


def _mask(windows: int, regions: int, ratio: float, generator: "Generator") -> "Tensor":
    """Hide the same number of regions, at least one and not all, in every window; bool (windows, regions)."""
    import torch

    hidden = min(max(1, round(ratio * regions)), max(1, regions - 1))
    return torch.rand(windows, regions, generator=generator).argsort(1) < hidden


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch for a ``with`` block and give the caller its own random state back."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _identity(settings: OptimiserSettings, model: "GET", *arrays: NDArray) -> str:
    """Hash what a run starts from; how it is cut into backward passes is no part of it."""
    digest = hashlib.sha256(repr(replace(settings, micro_batch=None)).encode())
    for array in (*(value.cpu().numpy() for value in model.state_dict().values()), *arrays):
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
