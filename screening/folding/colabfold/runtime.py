"""JAX and ColabFold in this process: environment before the import, the device after it.

JAX reads its environment when it first touches a device, and ``colabfold.batch`` sets two of these variables when it
is imported: unified memory, which turns a lack of GPU memory into a tenfold slowness, and four times the GPU's memory.
What is set here comes first. It holds for the whole process: the first task decides, and all of a worker are alike.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from screening.resources import cache_folder

__all__ = [
    "MEMORY_SHARE",
    "Device",
    "NoGpuError",
    "colabfold_batch",
    "default_compile_cache",
    "device",
    "prepare",
    "use_compile_cache",
]

MEMORY_SHARE = 0.9
"""Of a GPU's memory that JAX may take; the rest is the driver's and the compiler's."""


class NoGpuError(RuntimeError):
    """A GPU was granted and JAX does not see it; "CUDA" in its message makes it a ``device_error``."""


@dataclass(frozen=True)
class Device:
    """Where JAX computes.

    Attributes
    ----------
    platform : str
        ``cpu`` or ``gpu``.
    kind : str
        Model of the device.
    """

    platform: str
    kind: str


def prepare(cpus: int | None = None, gpus: float | None = None) -> None:
    """Set the environment of JAX where the user has not; without effect once JAX has a device.

    Parameters
    ----------
    cpus : int, optional
        Cores that XLA may use.
    gpus : float, optional
        GPUs granted; below one, that share of its memory. 0 keeps JAX on the processor.
    """
    wanted = {"TF_FORCE_UNIFIED_MEMORY": "0", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if "XLA_CLIENT_MEM_FRACTION" not in os.environ:
        wanted["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{MEMORY_SHARE * min(gpus or 1.0, 1.0):.3g}"
    if cpus is not None:
        wanted["NPROC"] = str(cpus)
    if gpus == 0:
        wanted["JAX_PLATFORMS"] = "cpu"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def colabfold_batch() -> ModuleType:
    """Import ``colabfold.batch`` without what it does to the environment."""
    prepare()
    own_share = "XLA_PYTHON_CLIENT_MEM_FRACTION" in os.environ
    import colabfold.batch as batch

    if not own_share:  # JAX refuses to start where this share is set under its old and its new name
        os.environ.pop("XLA_PYTHON_CLIENT_MEM_FRACTION", None)
    return batch


def device(gpus: float) -> Device:
    """Return the device that JAX computes on.

    Parameters
    ----------
    gpus : float
        GPUs granted to the task.

    Raises
    ------
    NoGpuError
        One was granted, and JAX computes on the processor.
    """
    import jax

    first = jax.devices()[0]
    if gpus and first.platform != "gpu":
        error = NoGpuError(f"{gpus:g} GPU granted, JAX {jax.__version__} sees no CUDA device, only {first.platform}")
        error.add_note(
            "install jax[cuda12] of this version and look at nvidia-smi; to fold on the processor: "
            "--set resources.structure.gpus=0"
        )
        raise error
    return Device(first.platform, first.device_kind)


def default_compile_cache() -> Path:
    """Return the folder of compiled networks in the user's cache folder."""
    return cache_folder() / "jax"


def use_compile_cache(folder: Path) -> None:
    """Keep compiled networks in a folder, from process to process and for all machines that see it.

    XLA's own cache of tuned kernels stays off: on network file systems it crashes (AlphaPulldown's documentation).
    """
    import jax

    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
