"""OpenMM Contexts: a System with its thermostat and barostat on one platform, every random number from a seed."""

from typing import TYPE_CHECKING

from md.errors import Unavailable
from md.platforms import AUTO
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm import Context, System

__all__ = ["make_context", "state_xml_of"]

_BAROSTAT_INTERVAL = 25  # steps; OpenMM's default


def make_context(
    system: "System", settings: MdSettings, seed: int, timestep_fs: float, *, pressure: bool = True
) -> "Context":
    """Make a Context on the wanted platform.

    Parameters
    ----------
    system : System
        Of a box: gets a barostat, unless `pressure` is False.
    settings : MdSettings
    seed : int
        Of the thermostat and the barostat.
    timestep_fs : float
    pressure : bool

    Returns
    -------
    Context

    Raises
    ------
    Unavailable
        ``platform``: it does not run here.
    """
    import openmm

    if pressure and system.usesPeriodicBoundaryConditions():
        barostat = openmm.MonteCarloBarostat(settings.pressure_bar, settings.temperature_kelvin, _BAROSTAT_INTERVAL)
        barostat.setRandomNumberSeed(seed)
        system.addForce(barostat)
    last: Exception | None = None
    for name in AUTO if settings.platform == "auto" else (settings.platform,):
        integrator = openmm.LangevinMiddleIntegrator(
            settings.temperature_kelvin,
            settings.friction_per_ps,
            timestep_fs / 1000.0,
        )
        integrator.setRandomNumberSeed(seed)
        try:
            platform = openmm.Platform.getPlatformByName(name)
            return openmm.Context(system, integrator, platform, _properties(name, settings))
        except openmm.OpenMMException as error:
            last = error
    raise Unavailable(
        f"platform {settings.platform} does not run here: {last}",
        code="platform",
        cure='set platform = "CPU", or install openmm[cuda12] on a machine with a GPU',
    )


def state_xml_of(context: "Context") -> str:
    """Return positions, velocities and box as XML.

    Parameters
    ----------
    context : Context

    Returns
    -------
    str
    """
    import openmm

    return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True))


def _properties(platform: str, settings: MdSettings) -> dict[str, str]:
    deterministic = {"DeterministicForces": "true" if settings.deterministic else "false"}
    match platform:
        case "CPU":
            return {"Threads": str(settings.threads), **deterministic}
        case "CUDA" | "HIP":
            return {"Precision": "mixed", **deterministic}
        case "OpenCL":
            return {"Precision": "mixed"}
        case _:
            return {}
