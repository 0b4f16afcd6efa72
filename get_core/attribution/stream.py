"""Attribution of many focus regions, streamed to gene × motif matrices: the Jacobians of one batch are all it holds."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.attribution.gradients import STEPS, deep_lift, gradient, integrated_gradients, value_at
from get_core.errors import InvalidInput
from get_core.precision import SLOW_BFLOAT16, bfloat16_is_slow

if TYPE_CHECKING:
    from torch import Tensor, nn

    from get_core.windows import FeatureWindows

__all__ = ["Attribution", "Method", "Reduce", "attribute", "gene_by_motif"]

Method = Literal["input_times_gradient", "gradient", "integrated_gradients", "deep_lift"]
Reduce = Literal["sum", "abs_mean", "signed_mean"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution of `w` focus regions, without their Jacobians.

    Parameters
    ----------
    by_motif : float32 (w, F)
        Attributions reduced over the regions of the window.
    by_region : float32 (w, R)
        Attributions summed over features: signed importance of each region of the window.
    output : float32 (w,)
        The output that was attributed.
    unexplained : float32 (w,) or None
        What the attributions lack of the difference between the output and the baseline's; None for methods that
        compare with no baseline.
    """

    by_motif: NDArray[np.float32]
    by_region: NDArray[np.float32]
    output: NDArray[np.float32]
    unexplained: NDArray[np.float32] | None = None


def attribute(
    model: "nn.Module",
    windows: "FeatureWindows",
    *,
    method: Method = "input_times_gradient",
    reduce: Reduce = "sum",
    baseline: float = 0.0,
    steps: int = STEPS,
    precision: Literal["float32", "bfloat16"] = "float32",
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
    method : {"input_times_gradient", "gradient", "integrated_gradients", "deep_lift"}
        How an output is attributed; the paper's is the first.
    reduce : {"sum", "abs_mean", "signed_mean"}
        Over the regions of a window: the signed sum (paper, eq. 10), the mean of absolute values (the reference's
        first demo), or the signed mean (its later releases).
    baseline : float
        Value of every feature in the window that integrated gradients and DeepLIFT compare with.
    steps : int
        Points of the path of integrated gradients.
    precision : {"float32", "bfloat16"}
        Arithmetic of the network (torch autocast). A processor without instructions for bfloat16 gives a warning.
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
        An unknown method or reduction, or windows that do not fit the model.
    """
    import torch

    for name, value, known in (("method", method, get_args(Method)), ("reduce", reduce, get_args(Reduce))):
        if value not in known:
            raise InvalidInput(f"{name} is {value!r}; it must be one of {', '.join(known)}")
    compares = method in ("integrated_gradients", "deep_lift")
    count, length = len(windows), windows.windows.length
    by_motif = np.empty((count, windows.features.shape[1]), np.float32)
    by_region = np.empty((count, length), np.float32)
    output, unexplained = np.empty(count, np.float32), np.empty(count, np.float32)
    like = next(model.parameters(), torch.empty(0))
    if precision == "bfloat16" and bfloat16_is_slow(like.device.type):
        warnings.warn(SLOW_BFLOAT16, stacklevel=2)
    done = 0
    for batch in windows.batches(batch_size):
        part = slice(done, done + len(batch.x))
        x = torch.from_numpy(batch.x).to(like)
        focus, strand = (torch.from_numpy(a).to(like.device) for a in (batch.focus, batch.strand))
        with torch.autocast(like.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            shares, value = _attributed(model, x, focus, strand, method, baseline, steps)
            if compares:
                start = value_at(model, torch.full_like(x, baseline), focus, strand)
                unexplained[part] = (value - start - shares.sum((1, 2))).float().cpu().numpy()
        by_region[part] = shares.sum(2).float().cpu().numpy()
        output[part] = value.float().cpu().numpy()
        if reduce == "abs_mean":
            shares.abs_()
        by_motif[part] = (shares.sum(1) if reduce == "sum" else shares.mean(1)).float().cpu().numpy()
        done = part.stop
        if progress:
            progress(done, count)
    return Attribution(by_motif, by_region, output, unexplained if compares else None)


def _attributed(
    model: "nn.Module",
    x: "Tensor",
    focus: "Tensor",
    strand: "Tensor",
    method: Method,
    baseline: float,
    steps: int,
) -> tuple["Tensor", "Tensor"]:
    """Attributions (B, R, F) and outputs (B,) of one batch."""
    if method == "integrated_gradients":
        shares = integrated_gradients(model, x, focus, strand, baseline=baseline, steps=steps)
        return shares, value_at(model, x, focus, strand)
    if method == "deep_lift":
        return deep_lift(model, x, focus, strand, baseline=baseline), value_at(model, x, focus, strand)
    slopes, value = gradient(model, x, focus, strand)
    return (slopes if method == "gradient" else slopes * x), value


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
