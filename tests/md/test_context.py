"""Contexts as a run needs them."""

import pytest

from md.context import make_context, state_xml_of
from md.errors import Unavailable
from md.platforms import platform_names
from md.settings import MdSettings

SETTINGS = MdSettings.smoke().model_copy(update={"temperature_kelvin": 310.0, "pressure_bar": 2.0})


def gas(*, box: bool):
    import openmm

    system = openmm.System()
    force = openmm.NonbondedForce()
    for _ in range(4):
        system.addParticle(16.0)
        force.addParticle(0.0, 0.3, 0.5)
    if box:
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        system.setDefaultPeriodicBoxVectors((3, 0, 0), (0, 3, 0), (0, 0, 3))
    system.addForce(force)
    return system


@pytest.mark.parametrize(("box", "pressure", "barostats"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_only_a_box_has_a_pressure(box: bool, pressure: bool, barostats: int):
    import openmm

    system = gas(box=box)
    context = make_context(system, SETTINGS, 7, 2.0, pressure=pressure)
    found = [force for force in system.getForces() if isinstance(force, openmm.MonteCarloBarostat)]
    assert len(found) == barostats
    for barostat in found:
        assert barostat.getDefaultPressure()._value == 2.0
        assert barostat.getDefaultTemperature()._value == 310.0
        assert (barostat.getFrequency(), barostat.getRandomNumberSeed()) == (25, 7)
    integrator = context.getIntegrator()
    assert integrator.getStepSize()._value == pytest.approx(0.002)
    assert (integrator.getTemperature()._value, integrator.getFriction()._value) == (310.0, 1.0)
    assert integrator.getRandomNumberSeed() == 7
    assert "<Velocities>" in state_xml_of(context)


def test_deterministic_runs_sum_forces_in_one_order():
    for deterministic in (True, False):
        context = make_context(gas(box=False), SETTINGS.model_copy(update={"deterministic": deterministic}), 1, 2.0)
        value = context.getPlatform().getPropertyValue(context, "DeterministicForces")
        assert value == str(deterministic).lower()


def test_a_platform_that_is_not_here_is_what_the_machine_lacks():
    absent = next(name for name in ("HIP", "CUDA", "OpenCL") if name not in platform_names())
    with pytest.raises(Unavailable, match=f"platform {absent} does not run here") as refused:
        make_context(gas(box=False), SETTINGS.model_copy(update={"platform": absent}), 1, 2.0)
    assert refused.value.code == "platform"
    assert not isinstance(refused.value, ValueError)
