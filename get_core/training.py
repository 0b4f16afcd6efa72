"""Masked pretraining and finetuning of the GET network.

Both are pure functions of their inputs and seed: they return a new model and leave the given one untouched, and on one
thread two runs agree bit for bit. Defaults are those of the paper (doi 10.1101/2023.09.24.559168, Methods) and the
authors' code; a small network trained on a CPU wants fewer epochs and a larger learning rate, such as 1e-3.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from get_core.errors import InvalidInput
from get_core.evaluation import binary_metrics, predict, regression_metrics

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from get_core.model import GET, GetConfig
    from get_core.windows import FeatureWindows, Windows

__all__ = ["Epoch", "FinetuneSettings", "History", "PretrainSettings", "finetune", "pretrain"]

ADAM_EPS = 1e-8  # reference optimiser
POISSON_EPS = 1e-8  # reference loss, added to the prediction inside the logarithm

Progress = Callable[[int, int], None]
Metrics = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """AdamW under a linear warm-up and a cosine decay to zero.

    Parameters
    ----------
    epochs : int
        Passes over the training windows.
    batch_size : int
        Windows per step.
    learning_rate : float
        Peak learning rate.
    warmup_epochs : int
        Epochs of linear rise.
    weight_decay : float
        Decoupled weight decay of matrices; vectors and tokens have none.
    betas : tuple of float
        Moment decays of AdamW.
    seed : int
        Seeds new weights, order, masks and stochastic depth.
    """

    epochs: int
    batch_size: int = 256  # paper
    learning_rate: float
    warmup_epochs: int = 0
    weight_decay: float = 0.05  # reference code
    betas: tuple[float, float] = (0.9, 0.999)  # reference code
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise InvalidInput(f"training needs at least one epoch and one window per batch: {self}")
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.warmup_epochs <= self.epochs):
            raise InvalidInput(
                f"learning_rate must be > 0, weight_decay >= 0 and warmup_epochs from 0 to epochs: {self}"
            )

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of optimiser step `step`, counted from 0."""
        warmup, total = self.warmup_epochs * steps_per_epoch, self.epochs * steps_per_epoch
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(OptimiserSettings):
    """Masked pretraining: hide regions, rebuild their features, mean squared error on the hidden ones.

    Parameters
    ----------
    mask_ratio : float
        Share of the regions of a window that is hidden.
    """

    epochs: int = 800  # paper
    learning_rate: float = 1.5e-4  # paper
    warmup_epochs: int = 40  # paper
    mask_ratio: float = 0.5  # paper

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.mask_ratio < 1:
            raise InvalidInput(f"mask_ratio is {self.mask_ratio}; it must lie strictly between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(OptimiserSettings):
    """Supervised training on every region of the windows.

    Parameters
    ----------
    head : {"expression", "accessibility"}
        Poisson likelihood of quantities >= 0 such as log10(TPM + 1), or cross-entropy of labels in [0, 1].
    patience : int, optional
        Stop after this many epochs without a lower validation loss and return the best epoch's weights.
    """

    epochs: int = 100  # paper
    learning_rate: float = 1e-4  # reference code
    warmup_epochs: int = 1  # reference code
    head: Literal["expression", "accessibility"] = "expression"
    patience: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head not in ("expression", "accessibility"):
            raise InvalidInput(f"head is {self.head!r}; finetuning knows expression and accessibility")
        if self.patience is not None and self.patience < 1:
            raise InvalidInput(f"patience is {self.patience}; it must be at least 1 epoch")


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean training loss, and loss and metrics over the whole validation set (None without one)."""

    loss: float
    validation_loss: float | None
    metrics: Metrics


@dataclass(frozen=True)
class History:
    """Course of a training run.

    Parameters
    ----------
    epochs : tuple of Epoch
        In order.
    best : int
        Position of the epoch whose weights were returned: the last one, or with `patience` the best.
    """

    epochs: tuple[Epoch, ...]
    best: int


def pretrain(
    features: ArrayLike,
    windows: "Windows",
    config: "GetConfig",
    settings: PretrainSettings,
    *,
    validation: "Windows | None" = None,
    device: str = "cpu",
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

    data = _training_data(features, windows, validation, config)
    with _seeded(settings.seed):
        model = GET(replace(config, head="pretrain", outputs=config.features)).to(device)
        table, index = torch.from_numpy(data.features), torch.from_numpy(windows.index)

        def loss(chosen: "Tensor") -> "Tensor":
            x = table[index[chosen]].to(device)
            mask = _mask(len(x), x.shape[1], settings.mask_ratio, None).to(device)
            return functional.mse_loss(model(x, mask)[mask], x[mask])

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

        return _fit(model, len(windows), settings, None, loss, validate if validation else None, progress)


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

    data = _training_data(features, windows, validation, model.config)
    y = _targets(targets, len(data.features), settings)
    if settings.patience is not None and validation is None:
        raise InvalidInput("patience needs validation windows", cure="pass validation=, or leave patience out")
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
        table, labels, index = (torch.from_numpy(array) for array in (data.features, y, windows.index))

        def loss(chosen: "Tensor") -> "Tensor":
            rows = index[chosen]
            return negative_log_likelihood(tuned(table[rows].to(device)), labels[rows].to(device))

        def validate() -> tuple[float, Metrics]:
            assert validation is not None
            predicted = predict(tuned, validation.over(data.features), batch_size=settings.batch_size)
            rows = np.unique(validation.index)
            shown = np.ones((len(rows), y.shape[1]), bool) if scored is None else scored[rows]
            held = negative_log_likelihood(torch.from_numpy(predicted[rows]), labels[torch.from_numpy(rows)])
            measure = regression_metrics if expression else binary_metrics
            return float(held), measure(y[rows][shown], predicted[rows][shown])

        return _fit(tuned, len(windows), settings, settings.patience, loss, validate if validation else None, progress)


def _fit(
    model: "GET",
    count: int,
    settings: OptimiserSettings,
    patience: int | None,
    loss: Callable[["Tensor"], "Tensor"],
    validate: Callable[[], tuple[float, Metrics]] | None,
    progress: Progress | None,
) -> tuple["GET", History]:
    import torch

    decayed = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=ADAM_EPS,
    )
    per_epoch = math.ceil(count / settings.batch_size)
    epochs: list[Epoch] = []
    best, best_loss, best_weights = 0, math.inf, model.state_dict()
    step = 0
    for number in range(settings.epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(count).split(settings.batch_size):
            for group in optimiser.param_groups:
                group["lr"] = settings.rate(step, per_epoch)
            optimiser.zero_grad()
            value = loss(chosen)
            value.backward()
            optimiser.step()
            total += value.item() * len(chosen)
            step += 1
            if progress:
                progress(step, settings.epochs * per_epoch)
        if not math.isfinite(total):
            raise InvalidInput(f"the training loss is not finite in epoch {number + 1}", cure="lower the learning rate")
        held, metrics = validate() if validate else (None, {})
        epochs.append(Epoch(total / count, held, metrics))
        if patience is None:
            best = number
        elif held is not None and held < best_loss:
            best, best_loss, best_weights = number, held, copy.deepcopy(model.state_dict())
        elif number - best >= patience:
            break
    if patience is not None:
        model.load_state_dict(best_weights)
    return model.eval(), History(tuple(epochs), best)


def _training_data(
    features: ArrayLike, windows: "Windows", validation: "Windows | None", config: "GetConfig"
) -> "FeatureWindows":
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


def _mask(windows: int, regions: int, ratio: float, generator: "Generator | None") -> "Tensor":
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
