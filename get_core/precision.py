"""Whether this processor computes in bfloat16, or only imitates it."""

__all__ = ["SLOW_BFLOAT16", "bfloat16_is_slow"]

SLOW_BFLOAT16 = 'bfloat16 on a processor without instructions for it is tens of times slower than precision = "float32"'
"""Measured: 33 times, per gene attributed at full size on one thread with AVX2 (benchmarks/results/attribution.md)."""


def bfloat16_is_slow(device: str = "cpu") -> bool:
    """Return whether torch's bfloat16 matrix products fall back to plain loops.

    On a processor oneDNN computes them where it finds instructions for them, with AVX-512 at least; elsewhere torch
    does so with loops of its own.

    Parameters
    ----------
    device : str
        Kind of device; the answer is about processors, and False for any other.
    """
    import torch

    if device != "cpu":
        return False
    return not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
