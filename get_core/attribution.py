"""Input x gradient attribution of one region and strand, streamed to gene x motif matrices.

The attribution of a gene is ``J * X``: the gradient of its own output (focus region, own strand) with respect to the
window's features, times the features (Fu et al., doi 10.1038/s41586-024-08391-z, Methods). Samples of a batch do not
interact, so one backward pass of the sum of the chosen outputs gives each sample its own gradient. The gradient is
taken with respect to the input only and never accumulates in a ``.grad``, so one strand cannot leak into another.

For an expression model the output is the softplus value; for a binary accessibility model it is the logit, because
the gradient of a probability vanishes where the model is sure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from torch import Tensor, nn

    from get_core.windows import FeatureWindows

__all__ = ["Attribution", "Reduce", "attribute", "gene_by_motif", "input_times_gradient", "jacobian"]

Reduce = Literal["sum", "abs_mean", "signed_mean"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution of `w` focus regions, without their Jacobians.

    Parameters
    ----------
    by_motif : float32 (w, F)
        ``J * X`` reduced over the regions of the window.
    by_region : float32 (w, R)
        ``J * X`` summed over features: signed importance of each region of the window.
    output : float32 (w,)
        The output that was attributed.
    """

    by_motif: NDArray[np.float32]
    by_region: NDArray[np.float32]
    output: NDArray[np.float32]


def jacobian(model: "nn.Module", x: "Tensor", focus: "int | Tensor", strand: "int | Tensor") -> "Tensor":
    """Differentiate one output of each sample with respect to its input.

    Parameters
    ----------
    model : Module
        Maps (B, R, F) to (B, R, outputs); run in evaluation mode.
    x : Tensor, float (B, R, F)
        Region features, on the model's device.
    focus : int or int64 (B,)
        Position of the region in its window.
    strand : int or int64 (B,)
        Output of that region: 0 plus, 1 minus.

    Returns
    -------
    Tensor, float (B, R, F)
        ``d output[b, focus, strand] / d x[b]``.

    Raises
    ------
    InvalidInput
        Wrong shapes, or a focus or strand out of range.
    """
    return _gradient(model, x, focus, strand)[0]


def input_times_gradient(model: "nn.Module", x: "Tensor", focus: "int | Tensor", strand: "int | Tensor") -> "Tensor":
    """Multiply the Jacobian of one output per sample with the input.

    Parameters
    ----------
    model, x, focus, strand
        As in `jacobian`.

    Returns
    -------
    Tensor, float (B, R, F)
        ``J * X``.

    Raises
    ------
    InvalidInput
        Wrong shapes, or a focus or strand out of range.
    """
    return jacobian(model, x, focus, strand) * x.detach()


def attribute(
    model: "nn.Module",
    windows: "FeatureWindows",
    *,
    reduce: Reduce = "sum",
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Attribution:
    """Attribute every focus region; memory is bounded by one batch of Jacobians.

    Parameters
    ----------
    model : Module
        Maps (B, R, F) to (B, R, outputs).
    windows : FeatureWindows
        Windows with their focus and strand.
    reduce : {"sum", "abs_mean", "signed_mean"}
        Over the regions of a window: the signed sum (paper, eq. 10), the mean of absolute values (the reference's
        first demo), or the signed mean (its later releases).
    batch_size : int
        Windows per backward pass.
    progress : callable, optional
        Called with (windows done, windows in all).

    Returns
    -------
    Attribution
        Rows in the order of the windows.

    Raises
    ------
    InvalidInput
        An unknown reduction, or windows that do not fit the model.
    """
    import torch

    if reduce not in get_args(Reduce):
        raise InvalidInput(f"reduce is {reduce!r}; it must be one of {', '.join(get_args(Reduce))}")
    count, length = len(windows), windows.windows.length
    by_motif = np.empty((count, windows.features.shape[1]), np.float32)
    by_region = np.empty((count, length), np.float32)
    output = np.empty(count, np.float32)
    like = next(model.parameters(), torch.empty(0))
    done = 0
    for batch in windows.batches(batch_size):
        part = slice(done, done + len(batch.x))
        x = torch.from_numpy(batch.x).to(like)
        focus, strand = (torch.from_numpy(a).to(like.device) for a in (batch.focus, batch.strand))
        gradient, value = _gradient(model, x, focus, strand)
        product = gradient * x
        by_region[part] = product.sum(2).cpu().numpy()
        output[part] = value.cpu().numpy()
        if reduce == "abs_mean":
            product.abs_()
        by_motif[part] = (product.sum(1) if reduce == "sum" else product.mean(1)).cpu().numpy()
        done = part.stop
        if progress:
            progress(done, count)
    return Attribution(by_motif, by_region, output)


def gene_by_motif(
    model: "nn.Module",
    windows: "FeatureWindows",
    *,
    reduce: Reduce = "sum",
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Attribute every focus region to the motif features.

    Parameters
    ----------
    model, windows, reduce, batch_size, progress
        As in `attribute`.

    Returns
    -------
    float32 (w, F)
        One row per window.

    Raises
    ------
    InvalidInput
        As `attribute`.
    """
    return attribute(model, windows, reduce=reduce, batch_size=batch_size, progress=progress).by_motif


def _gradient(
    model: "nn.Module", x: "Tensor", focus: "int | Tensor", strand: "int | Tensor"
) -> tuple["Tensor", "Tensor"]:
    """Jacobian (B, R, F) and value (B,) of the chosen outputs."""
    import torch

    from get_core.model import GET, evaluating

    if x.ndim != 3 or not x.is_floating_point():
        raise InvalidInput(f"features must be float (batch, regions, features), not {x.dtype} {tuple(x.shape)}")
    focus = _per_sample(focus, x, x.shape[1], "focus")
    x = x.detach().requires_grad_()
    samples = torch.arange(len(x), device=x.device)
    with torch.enable_grad(), evaluating(model):
        # GET computes the focus row alone at less cost; any other network is asked for all rows.
        rows = model.at(x, focus) if isinstance(model, GET) else model(x)[samples, focus]
        values = rows[samples, _per_sample(strand, x, rows.shape[1], "strand")]
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return gradient, values.detach()


def _per_sample(value: "int | Tensor", x: "Tensor", limit: int, name: str) -> "Tensor":
    import torch

    given = torch.as_tensor(value, device=x.device)
    if given.is_floating_point() or given.shape not in ((), (len(x),)):
        raise InvalidInput(f"{name} must be one integer, or one per sample, not {given.dtype} {tuple(given.shape)}")
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < limit:
        raise InvalidInput(f"{name} runs from {int(given.min())} to {int(given.max())}; the model has 0 to {limit - 1}")
    return given.long().expand(len(x))
