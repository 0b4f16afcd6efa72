"""The training loop: AdamW over shuffled windows, on one process or several, stoppable after any epoch."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from get_core.errors import InvalidInput
from get_core.training.replicas import Replicas
from get_core.training.settings import OptimiserSettings
from get_core.whole_file import whole_file

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn
    from torch.optim import Optimizer

__all__ = ["Epoch", "History", "Metrics", "Objective", "Progress", "fit"]

ADAM_EPS = 1e-8  # reference optimiser

Progress = Callable[[int, int], None]
Metrics = Mapping[str, float | None]


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


@dataclass(frozen=True)
class Objective:
    """What a run minimises.

    Parameters
    ----------
    windows : int
        Number of training windows.
    loss : callable
        Takes window numbers (b,) and what `draw` gave for them; returns the mean loss.
    draw : callable, optional
        Draws what is random in a batch of b windows, as a tensor (b, ...), so that the draw does not depend on how
        the batch is shared out.
    validate : callable, optional
        Returns the validation loss and its metrics.
    identity : str
        Hash of all that the run starts from; a checkpoint of another run is refused.
    """

    windows: int
    loss: Callable[["Tensor", "Tensor | None"], "Tensor"]
    identity: str
    draw: "Callable[[int, Generator], Tensor] | None" = None
    validate: Callable[[], tuple[float, Metrics]] | None = None


def fit(
    model: "nn.Module",
    objective: Objective,
    settings: OptimiserSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> History:
    """Train a model in place.

    In a process group of `torch.distributed`, every process takes its share of each batch and the gradients are added
    up, so that the result is that of one process with the whole batch, but for rounding and stochastic depth.

    Parameters
    ----------
    model : Module
        Parameters that ask for a gradient are trained. Left in evaluation mode.
    objective : Objective
        What is minimised.
    settings : OptimiserSettings
        How.
    checkpoint : Path, optional
        Written after each epoch and read at the start, so that a stopped run goes on with the same numbers.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    History

    Raises
    ------
    InvalidInput
        A loss that is not finite, or a checkpoint that is damaged or of another run.
    """
    import torch

    replicas = Replicas.here()
    order = torch.Generator().manual_seed(settings.seed)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    device = trained[0].device
    optimiser = _optimiser(trained, settings)
    per_epoch = math.ceil(objective.windows / settings.batch_size)
    epochs: list[Epoch] = []
    best, best_weights = 0, model.state_dict()
    if checkpoint is not None and checkpoint.exists():
        epochs, best, best_weights = _read(checkpoint, model, optimiser, order, objective.identity)
    while len(epochs) < settings.epochs and not _has_stopped(epochs, best, settings.patience):
        model.train()
        total = 0.0
        for number, batch in enumerate(torch.randperm(objective.windows, generator=order).split(settings.batch_size)):
            step = len(epochs) * per_epoch + number
            for group in optimiser.param_groups:
                group["lr"] = settings.rate(step, per_epoch)
            optimiser.zero_grad()
            drawn = objective.draw(len(batch), order) if objective.draw else None
            for part in replicas.share(len(batch)).split(settings.micro_batch or settings.batch_size):
                if not len(part):  # more processes than windows
                    continue
                with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                    value = objective.loss(batch[part], None if drawn is None else drawn[part])
                (value * (len(part) / len(batch))).backward()
                total += value.item() * len(part)
            replicas.add_gradients(trained)
            optimiser.step()
            if progress:
                progress(step + 1, settings.epochs * per_epoch)
        total = replicas.sum(total, device)
        if not math.isfinite(total):
            raise InvalidInput(
                f"the training loss is not finite in epoch {len(epochs) + 1}", cure="lower the learning rate"
            )
        held, metrics = objective.validate() if objective.validate else (None, {})
        epochs.append(Epoch(total / objective.windows, held, metrics))
        if settings.patience is None:
            best = len(epochs) - 1
        elif held is not None and (len(epochs) == 1 or held < cast(float, epochs[best].validation_loss)):
            best, best_weights = len(epochs) - 1, copy.deepcopy(model.state_dict())
        if checkpoint is not None and replicas.rank == 0:
            _write(checkpoint, model, optimiser, order, objective.identity, epochs, best, best_weights)
    if settings.patience is not None:
        model.load_state_dict(best_weights)
    model.eval()
    return History(tuple(epochs), best)


def _optimiser(trained: "list[nn.Parameter]", settings: OptimiserSettings) -> "Optimizer":
    import torch

    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim == 2], "weight_decay": settings.weight_decay},
            {"params": [p for p in trained if p.ndim != 2], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=ADAM_EPS,
    )


def _has_stopped(epochs: list[Epoch], best: int, patience: int | None) -> bool:
    return patience is not None and len(epochs) - 1 - best >= patience


def _write(
    path: Path,
    model: "nn.Module",
    optimiser: "Optimizer",
    order: "Generator",
    identity: str,
    epochs: list[Epoch],
    best: int,
    best_weights: "Mapping[str, Tensor]",
) -> None:
    import torch

    state = {
        "identity": identity,
        "epochs": [asdict(epoch) | {"metrics": dict(epoch.metrics)} for epoch in epochs],
        "best": best,
        "best_weights": dict(best_weights),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "order": order.get_state(),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with whole_file(path) as part:
        torch.save(state, part)


def _read(
    path: Path, model: "nn.Module", optimiser: "Optimizer", order: "Generator", identity: str
) -> tuple[list[Epoch], int, "dict[str, Tensor]"]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        stored = state["identity"]
    except Exception as error:
        # The reader raises many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(
            f"{path}: not a checkpoint of a training run: {type(error).__name__}", cure=f"delete it: rm {path}"
        ) from None
    if stored != identity:
        raise InvalidInput(
            f"{path}: a checkpoint of another run (other data, settings or start)",
            cure=f"delete it (rm {path}) or train in another folder",
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    order.set_state(state["order"])
    torch.set_rng_state(state["random"])
    if state["random_cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["random_cuda"])
    return [Epoch(**epoch) for epoch in state["epochs"]], state["best"], state["best_weights"]
