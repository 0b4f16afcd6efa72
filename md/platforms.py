"""The OpenMM platforms of this machine."""

__all__ = ["platform_names"]


def platform_names() -> tuple[str, ...]:
    """Return the names of the platforms OpenMM can use here, slowest first."""
    import openmm

    return tuple(openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms()))
