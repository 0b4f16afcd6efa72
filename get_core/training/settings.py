"""How a GET network is trained; the defaults are those of the paper and of the authors' code.

Source: doi 10.1101/2023.09.24.559168, Methods. A small network trained on a CPU wants fewer epochs and a larger
learning rate, such as 1e-3.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from get_core.errors import InvalidInput

__all__ = ["FinetuneSettings", "OptimiserSettings", "Precision", "PretrainSettings"]

Precision = Literal["float32", "bfloat16"]


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
    patience : int, optional
        Stop after this many epochs without a lower validation loss and return the best epoch's weights.
    micro_batch : int, optional
        Windows per backward pass, `batch_size` by default. Gradients of a step are added up, so the result is the
        same but for rounding, and memory is bounded by `micro_batch`.
    precision : {"float32", "bfloat16"}
        Arithmetic of the forward pass (torch autocast); weights, losses and the optimiser stay in float32.
    """

    epochs: int
    batch_size: int = 256  # paper
    learning_rate: float
    warmup_epochs: int = 0
    weight_decay: float = 0.05  # reference code
    betas: tuple[float, float] = (0.9, 0.999)  # reference code
    seed: int = 0
    patience: int | None = None
    micro_batch: int | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise InvalidInput(f"training needs at least one epoch and one window per batch: {self}")
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.warmup_epochs <= self.epochs):
            raise InvalidInput(
                f"learning_rate must be > 0, weight_decay >= 0 and warmup_epochs from 0 to epochs: {self}"
            )
        if self.patience is not None and self.patience < 1:
            raise InvalidInput(f"patience is {self.patience}; it must be at least 1 epoch")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise InvalidInput(f"micro_batch is {self.micro_batch}; it must be at least 1 window")
        if self.precision not in get_args(Precision):
            raise InvalidInput(f"precision is {self.precision!r}; it must be one of {', '.join(get_args(Precision))}")

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
    low_rank : int, optional
        Train corrections of this rank to the trunk's matrices (LoRA, arXiv 2106.09685; the reference uses 8) and the
        head, instead of all weights; they are merged into the returned network.
    """

    epochs: int = 100  # paper
    learning_rate: float = 1e-4  # reference code
    warmup_epochs: int = 1  # reference code
    head: Literal["expression", "accessibility"] = "expression"
    low_rank: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head not in ("expression", "accessibility"):
            raise InvalidInput(f"head is {self.head!r}; finetuning knows expression and accessibility")
        if self.low_rank is not None and self.low_rank < 1:
            raise InvalidInput(f"low_rank is {self.low_rank}; it must be at least 1")
