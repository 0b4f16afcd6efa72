"""What a step costs, measured with a clock that is told the time."""

import numpy as np
import pytest

from md.calibration import calibrate
from md.machine import this_machine
from md.settings import MdSettings


def gas(n: int):
    import openmm

    system = openmm.System()
    for _ in range(n):
        system.addParticle(16.0)
    return system, np.random.default_rng(1).uniform(0.0, 5.0, (n, 3))


@pytest.mark.parametrize(("tick", "steps"), [(0.001, 2000), (3.0, 120)])
def test_calibration_by_a_fake_clock(tick: float, steps: int):
    # The clock moves one tick whenever it is read: once at the start, once before each 20 steps, once at the end.
    now = iter(np.arange(10_000) * tick)
    found = calibrate(*gas(50), MdSettings.smoke(), clock=lambda: float(next(now)))
    reads = steps // 20 + 1 + (1 if steps < 2000 else 0)
    assert (found.steps, found.n_particles) == (steps, 50)
    assert found.seconds_per_particle_step == pytest.approx(reads * tick / steps / 50)
    assert found.machine == this_machine(MdSettings.smoke())
    assert found.machine.platform == "CPU" and found.machine.device
    assert found.force_field == "ff14sb-obc2"


def test_calibration_by_a_real_clock():
    assert 0.0 < calibrate(*gas(20), MdSettings.smoke()).seconds_per_particle_step < 1.0


def test_the_system_is_left_as_it_was():
    import openmm

    system, positions = gas(20)
    force = openmm.NonbondedForce()
    for _ in range(20):
        force.addParticle(0.0, 0.3, 0.0)
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)  # a box, so that a barostat is added
    system.addForce(force)
    system.setDefaultPeriodicBoxVectors((5, 0, 0), (0, 5, 0), (0, 0, 5))
    before = openmm.XmlSerializer.serialize(system)
    calibrate(system, positions, MdSettings.smoke(), clock=iter(np.arange(1000) * 15.0).__next__)
    assert openmm.XmlSerializer.serialize(system) == before
