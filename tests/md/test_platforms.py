"""What runs a simulation, by name."""

import pytest

from md.platforms import device_name, platform_names


class Context:
    """What OpenMM's has: a platform that knows its properties."""

    def __init__(self, name: str, device: str) -> None:
        self.name, self.device = name, device

    def getPlatform(self) -> "Context":
        return self

    def getName(self) -> str:
        return self.name

    def getPropertyValue(self, context: "Context", name: str) -> str:
        assert context is self
        assert name == "DeviceName"
        return self.device


@pytest.mark.parametrize("platform", ["CUDA", "HIP", "OpenCL"])
def test_a_gpu_has_the_name_of_its_driver(platform: str):
    assert device_name(Context(platform, "NVIDIA H100 80GB HBM3")) == "NVIDIA H100 80GB HBM3"  # pyright: ignore
    assert device_name(Context(platform, "")) == platform  # pyright: ignore


@pytest.mark.parametrize("platform", ["CPU", "Reference"])
def test_a_processor_has_none(platform: str):
    import openmm

    system = openmm.System()
    system.addParticle(1.0)
    on = openmm.Platform.getPlatformByName(platform)
    assert device_name(openmm.Context(system, openmm.VerletIntegrator(0.001), on)) is None
    assert platform in platform_names()


def test_the_property_is_one_of_openmm():
    """As this OpenMM spells it, on whatever platform with GPUs is here; none needs to run."""
    import openmm

    names = [name for name in platform_names() if name in ("CUDA", "HIP", "OpenCL")]
    if not names:
        pytest.skip("this OpenMM has no platform that runs on a GPU")
    for name in names:
        assert "DeviceName" in openmm.Platform.getPlatformByName(name).getPropertyNames()
