"""Low-rank adaptation: train a small correction to each matrix of the trunk instead of the matrix.

Source: Hu et al., LoRA (arXiv 2106.09685). As in the reference's finetuning, the correction of a matrix W (o, i) is
``B A / rank`` with A (rank, i) and B (o, rank), and B starts at 0.
"""

import math

from torch import Tensor, nn
from torch.nn.utils import parametrize

from get_core.model import GET

__all__ = ["LowRank", "add_low_rank", "merge_low_rank"]


class LowRank(nn.Module):
    """The correction of one matrix.

    Parameters
    ----------
    weight : Tensor, float (o, i)
        The matrix; sets the shape, device and dtype.
    rank : int
        Rank of the correction.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.lora_B = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))  # the start of torch's own linear layers
        self.scale = 1 / rank

    def forward(self, weight: Tensor) -> Tensor:
        """Return the corrected matrix (o, i)."""
        return weight + self.scale * (self.lora_B @ self.lora_A)


def add_low_rank(model: GET, rank: int) -> None:
    """Freeze a network but for its head, and give each matrix of its trunk a trainable correction.

    Parameters
    ----------
    model : GET
        Changed in place.
    rank : int
        Rank of the corrections; the reference uses 8.
    """
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name != "head":
            parametrize.register_parametrization(module, "weight", LowRank(module.weight, rank))


def merge_low_rank(model: GET) -> None:
    """Add the corrections into the matrices: a plain network again, all of it trainable.

    Parameters
    ----------
    model : GET
        Changed in place.
    """
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    model.requires_grad_(True)
