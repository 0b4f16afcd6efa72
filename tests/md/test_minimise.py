"""The force that counts, against an unconstrained copy and a pendulum worked by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.minimise import minimise, unconstrained_forces
from md.settings import MdSettings
from md.system import prepare


def context_of(system, positions_nm):
    import openmm

    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions_nm)
    return context


def test_a_pendulum_feels_only_what_is_across_its_rod():
    import openmm

    system = openmm.System()
    for mass in (1.0, 1.0, 0.0):
        system.addParticle(mass)
    system.addConstraint(0, 1, 1.0)
    system.setVirtualSite(2, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    field = openmm.CustomExternalForce("-(fx*x + fy*y)")
    field.addPerParticleParameter("fx")
    field.addPerParticleParameter("fy")
    for particle, force in ((0, (0.0, 0.0)), (1, (3.0, 4.0)), (2, (0.0, 20.0))):
        field.addParticle(particle, force)
    system.addForce(field)
    context = context_of(system, [[0, 0, 0], [1, 0, 0], [0.5, 0, 0]])
    found = unconstrained_forces(context, system)
    # Along the rod the two share 3.0; the virtual site hands 10 on to each and keeps none.
    np.testing.assert_allclose(found, [[1.5, 10.0, 0.0], [1.5, 14.0, 0.0], [0.0, 0.0, 0.0]], atol=1e-9)
    naive = context.getState(forces=True).getForces(asNumpy=True)._value
    assert np.abs(naive[2]).max() == pytest.approx(20.0)


def test_what_is_left_moves_no_constraint(build: Callable[..., Path]):
    """J F = 0: to first order the projected forces change no constrained distance; the plain ones do."""
    prepared = prepare(build(A=(11, "AKA")), MdSettings.fast())
    context = context_of(prepared.system, prepared.positions_nm)
    context.applyConstraints(1e-8)
    context.computeVirtualSites()
    state = context.getState(positions=True, forces=True)
    xyz, plain = (np.array(q._value) for q in (state.getPositions(asNumpy=True), state.getForces(asNumpy=True)))
    found = unconstrained_forces(context, prepared.system)
    pairs = [prepared.system.getConstraintParameters(i)[:2] for i in range(prepared.system.getNumConstraints())]
    i, j = np.array(pairs).T
    along = (xyz[i] - xyz[j]) / np.linalg.norm(xyz[i] - xyz[j], axis=1, keepdims=True)
    stretch = np.einsum("ni,ni->n", found[i] - found[j], along)
    assert np.abs(stretch).max() < 1e-6
    assert np.abs(np.einsum("ni,ni->n", plain[i] - plain[j], along)).max() > 1000.0
    sites = [k for k in range(prepared.system.getNumParticles()) if prepared.system.isVirtualSite(k)]
    assert not found[sites].any()
    assert plain[sites].any()


@pytest.mark.parametrize(("limit", "iterations", "reached"), [(1000.0, 0, True), (50.0, 0, True), (1e-3, 60, False)])
def test_minimisation_stops_at_the_force_or_at_the_bound(
    build: Callable[..., Path], limit: float, iterations: int, reached: bool
):
    import openmm

    prepared = prepare(build(A=(11, "AFKA")), MdSettings.smoke())
    held = openmm.CustomExternalForce("0.5*restraint*((x-x0)^2)")
    held.addGlobalParameter("restraint", 1000.0)
    held.addPerParticleParameter("x0")
    prepared.system.addForce(held)
    context = context_of(prepared.system, prepared.positions_nm)
    found = minimise(context, tolerance=10.0, max_force=limit, iterations=iterations)
    assert (found.max_force < limit) is reached
    assert found.energy_after_kj_mol < found.energy_before_kj_mol
    assert not iterations or found.iterations <= iterations
    context.setPositions(found.positions_nm)
    sizes = np.linalg.norm(unconstrained_forces(context, prepared.system), axis=1)
    assert (int(np.argmax(sizes)), float(sizes.max())) == (found.atom, pytest.approx(found.max_force, rel=1e-6))
