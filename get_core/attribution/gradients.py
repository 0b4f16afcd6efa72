"""Attribution of one output of each sample to its input.

The attribution of a gene is ``J * X``: the gradient of its own output (focus region, own strand) with respect to the
window's features, times the features (Fu et al., doi 10.1038/s41586-024-08391-z, Methods). Samples of a batch do not
interact, so one backward pass of the sum of the chosen outputs gives each sample its own gradient. The gradient is
taken with respect to the input only and never accumulates in a ``.grad``, so one strand cannot leak into another.

Integrated gradients and DeepLIFT, which the paper names beside it, compare the input with a baseline and share out the
difference of the two outputs.

For an expression model the output is the softplus value; for a binary accessibility model it is the logit, because
the gradient of a probability vanishes where the model is sure.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor, nn
    from torch.overrides import TorchFunctionMode

    Features = Tensor | NDArray[np.floating]
    Places = Tensor | ArrayLike

__all__ = ["deep_lift", "gradient", "input_times_gradient", "integrated_gradients", "jacobian", "value_at"]

STEPS = 32  # points of the path integral; captum's default of 50 is for networks with kinks, this one has none


def jacobian(model: "nn.Module", x: "Features", focus: "Places", strand: "Places") -> "Tensor":
    """Differentiate one output of each sample with respect to its input.

    Parameters
    ----------
    model : Module
        Maps (B, R, F) to (B, R, outputs); run in evaluation mode.
    x : Tensor or array, float (B, R, F)
        Region features; brought to the dtype and the device of the model.
    focus : int or int (B,)
        Position of the region in its window.
    strand : int or int (B,)
        Output of that region: 0 plus, 1 minus.

    Returns
    -------
    Tensor, float (B, R, F)
        ``d output[b, focus, strand] / d x[b]``, of the dtype and on the device of the model.

    Raises
    ------
    InvalidInput
        Wrong shapes, or a focus or strand out of range.
    """
    return gradient(model, x, focus, strand)[0]


def input_times_gradient(model: "nn.Module", x: "Features", focus: "Places", strand: "Places") -> "Tensor":
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
    x = _features(model, x)
    return jacobian(model, x, focus, strand) * x


def integrated_gradients(
    model: "nn.Module",
    x: "Features",
    focus: "Places",
    strand: "Places",
    *,
    baseline: "float | Tensor" = 0.0,
    steps: int = STEPS,
) -> "Tensor":
    """Integrate the gradient along the straight line from a baseline to the input.

    Source: Sundararajan, Taly and Yan, arXiv 1703.01365; the integral by Gauss-Legendre quadrature.

    Parameters
    ----------
    model, x, focus, strand
        As in `jacobian`.
    baseline : float or Tensor, float (R, F) or (B, R, F)
        Where the line starts; 0 is a window without motifs and without accessibility.
    steps : int
        Points of the quadrature, one forward and backward pass each.

    Returns
    -------
    Tensor, float (B, R, F)
        Its sum over a sample is the output less that of the baseline, up to the error of the quadrature.

    Raises
    ------
    InvalidInput
        As `jacobian`, or no steps.
    """
    import torch

    if steps < 1:
        raise InvalidInput(f"integrated gradients need at least one step, not {steps}")
    x = _features(model, x)
    start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    places, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(x)
    for place, weight in zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
        total += weight * jacobian(model, start + place * (x - start), focus, strand)
    return total * (x - start)


def deep_lift(
    model: "nn.Module",
    x: "Features",
    focus: "Places",
    strand: "Places",
    *,
    baseline: "float | Tensor" = 0.0,
) -> "Tensor":
    """Share out the difference to a baseline with DeepLIFT's rescale rule.

    Source: Shrikumar, Greenside and Kundaje, arXiv 1704.02685. Every elementwise nonlinearity passes on the slope
    between its two inputs in place of its derivative. The rule is not defined for products of two activations, so
    attention and layer normalisation pass on their derivative at the input; for a network without them the shares add
    up to the difference of the outputs exactly, for GET approximately.

    Parameters
    ----------
    model, x, focus, strand
        As in `jacobian`.
    baseline : float or Tensor, float (R, F) or (B, R, F)
        What the input is compared with.

    Returns
    -------
    Tensor, float (B, R, F)

    Raises
    ------
    InvalidInput
        As `jacobian`.
    """
    import torch

    x = _features(model, x)
    start = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    focus, strand = (torch.as_tensor(value, device=x.device).expand(len(x)) for value in (focus, strand))
    with _rescaled():
        slopes = jacobian(model, torch.cat([x, start]), focus.repeat(2), strand.repeat(2))
    return slopes[: len(x)] * (x - start)


def value_at(model: "nn.Module", x: "Features", focus: "Places", strand: "Places") -> "Tensor":
    """Return the output that is attributed, without a gradient.

    Parameters
    ----------
    model, x, focus, strand
        As in `jacobian`.

    Returns
    -------
    Tensor, float (B,)
    """
    import torch

    from get_core.model import evaluating

    with torch.inference_mode(), evaluating(model):
        return _chosen(model, _features(model, x), focus, strand)


def gradient(model: "nn.Module", x: "Features", focus: "Places", strand: "Places") -> tuple["Tensor", "Tensor"]:
    """Differentiate one output of each sample, and return the output, too.

    Parameters
    ----------
    model, x, focus, strand
        As in `jacobian`.

    Returns
    -------
    gradient : Tensor, float (B, R, F)
    value : Tensor, float (B,)
    """
    import torch

    from get_core.model import evaluating

    x = _features(model, x).detach().requires_grad_()
    with torch.enable_grad(), evaluating(model), _frozen(model):
        values = _chosen(model, x, focus, strand)
        (slopes,) = torch.autograd.grad(values.sum(), x)
    return slopes, values.detach()


def _features(model: "nn.Module", x: "Features") -> "Tensor":
    """Return features (B, R, F) as a tensor like the model's parameters."""
    import torch

    given = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x))
    if given.ndim != 3 or not given.is_floating_point():
        raise InvalidInput(f"features must be float (batch, regions, features), not {given.dtype} {tuple(given.shape)}")
    return given.detach().to(next(model.parameters(), given))


def _chosen(model: "nn.Module", x: "Tensor", focus: "Places", strand: "Places") -> "Tensor":
    """Return the outputs (B,) of the focus regions and strands."""
    import torch

    from get_core.model import GET

    focus = _per_sample(focus, x, x.shape[1], "focus")
    samples = torch.arange(len(x), device=x.device)
    # GET computes the focus row alone at less cost; any other network is asked for all rows.
    rows = model.at(x, focus) if isinstance(model, GET) else model(x)[samples, focus]
    return rows[samples, _per_sample(strand, x, rows.shape[1], "strand")]


@contextmanager
def _frozen(model: "nn.Module") -> Iterator[None]:
    """Keep parameters out of the graph: what only their gradients need is then not kept in memory."""
    asked = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in asked:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)


def _rescaled() -> "TorchFunctionMode":
    """Within it, elementwise nonlinearities differentiate to slopes between the two halves of the batch."""
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: "Tensor", function: "Callable[[Tensor], Tensor]") -> "Tensor":
            y = function(x)
            inputs, outputs = x.chunk(2), y.chunk(2)
            rise, run = outputs[0] - outputs[1], inputs[0] - inputs[1]
            with torch.enable_grad():
                middle = ((inputs[0] + inputs[1]) / 2).detach().requires_grad_()
                (tangent,) = torch.autograd.grad(function(middle).sum(), middle)
            # The cube root of the rounding error balances that of the quotient against the curvature's.
            near = run.abs() < torch.finfo(x.dtype).eps ** (1 / 3)
            ctx.save_for_backward(torch.where(near, tangent, rise / torch.where(near, 1, run)))
            return y

        @staticmethod
        def backward(ctx, upstream: "Tensor") -> "tuple[Tensor, None]":
            (slope,) = ctx.saved_tensors
            return upstream * torch.cat([slope, slope]), None

    elementwise = {functional.gelu, functional.softplus, functional.relu, torch.relu, torch.sigmoid, torch.tanh}

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            more = kwargs or {}
            if func not in elementwise:
                return func(*args, **more)
            return Slope.apply(args[0], lambda x: func(x, *args[1:], **more))

    return Mode()


def _per_sample(value: "Places", x: "Tensor", limit: int, name: str) -> "Tensor":
    import torch

    given = torch.as_tensor(value, device=x.device)
    if given.is_floating_point() or given.shape not in ((), (len(x),)):
        raise InvalidInput(f"{name} must be one integer, or one per sample, not {given.dtype} {tuple(given.shape)}")
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < limit:
        raise InvalidInput(f"{name} runs from {int(given.min())} to {int(given.max())}; the model has 0 to {limit - 1}")
    return given.long().expand(len(x))
