"""Data-parallel training: which share of a batch this process takes, and how gradients come together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["Replicas"]


@dataclass(frozen=True)
class Replicas:
    """Place of this process among those that train one model.

    Parameters
    ----------
    rank : int
        Its number, from 0.
    world : int
        Number of processes; 1 without a process group.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def here(cls) -> Self:
        """Return this process's place in the process group of `torch.distributed`, if there is one."""
        from torch import distributed

        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    def share(self, count: int) -> "Tensor":
        """Return the positions, of `count`, that this process takes; int64, empty where there are too few."""
        import torch

        return torch.arange(count)[self.rank :: self.world]

    def add_gradients(self, parameters: "Sequence[nn.Parameter]") -> None:
        """Replace each gradient by its sum over all processes."""
        if self.world == 1:
            return
        import torch
        from torch import distributed
        from torch.nn.utils import parameters_to_vector, vector_to_parameters

        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        whole = parameters_to_vector(gradients)
        distributed.all_reduce(whole)
        summed = [torch.empty_like(gradient) for gradient in gradients]
        vector_to_parameters(whole, summed)
        for parameter, gradient in zip(parameters, summed, strict=True):
            parameter.grad = gradient

    def sum(self, value: float, device: "torch.device") -> float:
        """Return the sum of a number over all processes."""
        if self.world == 1:
            return value
        import torch
        from torch import distributed

        total = torch.tensor(value, dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return total.item()
