"""What runs a protocol on this machine: the device, the platform and the version that a cost belongs to."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from md.context import make_context
from md.errors import NotCalibrated, Unavailable
from md.platforms import GPU_PLATFORMS, device_name
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm import Context

__all__ = ["MEASURE", "Machine", "machine_of", "this_machine"]

MEASURE = 'measure it: screening md SCREEN.TOML --where "CONDITION" --calibrate'
"""The cure of what was not measured."""


@dataclass(frozen=True)
class Machine:
    """What runs the steps.

    Parameters
    ----------
    device : str
        Name of the GPU, or model of the processor.
    platform : str
        OpenMM platform.
    precision : str
        ``mixed`` or ``single``.
    threads : int
        Of the CPU platform; 1 on others.
    openmm : str
        Version.
    """

    device: str
    platform: str
    precision: str
    threads: int
    openmm: str


def this_machine(settings: MdSettings) -> Machine:
    """Return what would run a protocol here.

    Parameters
    ----------
    settings : MdSettings
        Its platform and threads.

    Returns
    -------
    Machine

    Raises
    ------
    NotCalibrated
        ``uncalibrated``: the platform does not run here.
    """
    import openmm

    system = openmm.System()
    system.addParticle(1.0)
    try:
        return machine_of(make_context(system, settings, 1, settings.timestep_fs), settings)
    except Unavailable as error:
        raise NotCalibrated(
            f"platform {settings.platform} does not run on this machine",
            code="uncalibrated",
            cure=f"on one where it does, {MEASURE}",
        ) from error


def machine_of(context: "Context", settings: MdSettings) -> Machine:
    """Return what runs a Context.

    Parameters
    ----------
    context : Context
        Of `md.context.make_context`.
    settings : MdSettings
        What it was made with.

    Returns
    -------
    Machine
    """
    from importlib.metadata import version

    platform = context.getPlatform().getName()
    on_gpu = platform in GPU_PLATFORMS
    return Machine(
        device=device_name(context) or _processor(),
        platform=platform,
        precision="mixed" if on_gpu else "single",
        threads=1 if on_gpu else settings.threads,
        openmm=version("openmm"),
    )


def _processor() -> str:
    """Return the model of the processor."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
