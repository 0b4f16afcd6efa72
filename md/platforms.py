"""The OpenMM platforms of this machine, and what runs them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openmm import Context

__all__ = ["AUTO", "GPU_PLATFORMS", "device_name", "platform_names"]

GPU_PLATFORMS = frozenset({"CUDA", "HIP", "OpenCL"})
AUTO = ("CUDA", "HIP", "CPU")
"""What ``platform = "auto"`` tries, in this order."""


def platform_names() -> tuple[str, ...]:
    """Return the names of the platforms OpenMM can use here, slowest first."""
    import openmm

    return tuple(openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms()))


def device_name(context: "Context") -> str | None:
    """Return what a simulation runs on.

    Parameters
    ----------
    context : Context

    Returns
    -------
    str or None
        Name of the GPU, as its driver has it, several with commas between them; the platform's name where the driver
        has none; None on the processor.
    """
    platform = context.getPlatform()
    if platform.getName() not in GPU_PLATFORMS:
        return None
    return platform.getPropertyValue(context, "DeviceName") or platform.getName()
