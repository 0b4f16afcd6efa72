"""The torch engine: the pair kernels of DirectLiNGAM for graphics cards, and for any other device of torch."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.causal.engine import single_error
from get_core.causal.entropy import entropy_of_means

if TYPE_CHECKING:
    import torch

__all__ = ["TorchEngine"]

# Elements of a batch of pairs: with both residuals and the intermediates of eager torch at most ten arrays of it live.
BATCH_ELEMENTS = {"cpu": 2_000_000, "cuda": 20_000_000}


class TorchEngine:
    """Variables on a torch device; pairs are evaluated in batches of one size, compiled on CUDA.

    Elements have the chosen dtype, sums are float64. Memory on the device: 8 bytes per element of the data (12 with
    float32) and the batch.

    Parameters
    ----------
    z : float64 (d, n)
        Standardised variables.
    device : str or torch.device
        For example ``"cuda"``.
    dtype : float64 or float32
        Of the elements of the pair kernels.
    """

    def __init__(
        self, z: NDArray[np.float64], device: "str | torch.device", dtype: type[np.floating] = np.float64
    ) -> None:
        import torch

        self._device = torch.device(device)
        single = np.dtype(dtype) == np.float32
        self.error = single_error(z) if single else np.zeros(len(z))
        self._z = torch.from_numpy(z).to(self._device)
        self._rounded = self._z.to(torch.float32) if single else self._z
        self._batch = max(1, BATCH_ELEMENTS.get(self._device.type, BATCH_ELEMENTS["cuda"]) // z.shape[1])
        self._means = torch.compile(_means, dynamic=False) if self._device.type == "cuda" else _means

    def entropies(
        self, i: NDArray[np.intp], j: NDArray[np.intp], r: NDArray[np.float64], *, exact: bool = False
    ) -> NDArray[np.float64]:
        """Return the entropies of i given j and of j given i, float64 (k, 2)."""
        import torch

        z = self._z if exact else self._rounded
        # Batches of equal size compile once: the last one repeats a pair.
        padded = -len(i) % self._batch if len(i) > self._batch else 0
        first, second = (torch.from_numpy(np.pad(x, (0, padded))).to(self._device) for x in (i, j))
        a = 1 / np.sqrt(1 - np.square(np.pad(r, (0, padded))))
        b = np.pad(r, (0, padded)) * a
        scale, slope = (torch.from_numpy(x).to(self._device, z.dtype)[:, None] for x in (a, b))
        parts = [
            self._means(z, first[part], second[part], scale[part], slope[part])
            for part in (slice(k, k + self._batch) for k in range(0, len(first), self._batch))
        ]
        log_cosh, gauss = torch.cat(parts, dim=1)[:, : len(i)].cpu().numpy().reshape(2, 2, -1)
        return np.ascontiguousarray(entropy_of_means(log_cosh, gauss).T)

    def remove(self, rows: NDArray[np.intp], cause: int, r: NDArray[np.float64]) -> None:
        """Replace `rows` by their standardised residuals on `cause`."""
        import torch

        where = torch.from_numpy(rows).to(self._device)
        by = torch.from_numpy(r).to(self._device)[:, None]
        self._z[where] = (self._z[where] - by * self._z[cause]) * torch.rsqrt(1 - by * by)
        if self._rounded is not self._z:
            self._rounded[where] = self._z[where].to(self._rounded.dtype)


def _means(
    z: "torch.Tensor", i: "torch.Tensor", j: "torch.Tensor", scale: "torch.Tensor", slope: "torch.Tensor"
) -> "torch.Tensor":
    """Return E ln cosh and E u exp(-u²/2) of both residuals of each pair, float64 (4, k)."""
    import torch

    x, y = z[i], z[j]
    log_cosh, gauss = [], []
    for u in (scale * x - slope * y, scale * y - slope * x):
        size = u.abs()
        values = size + torch.log1p(torch.exp(-2 * size)) - math.log(2)
        log_cosh.append(values.to(torch.float64).mean(dim=1))
        gauss.append((u * torch.exp(-0.5 * u * u)).to(torch.float64).mean(dim=1))
    return torch.stack([*log_cosh, *gauss])
