"""The native implicit solvent against OpenMM's own generalised-Born files, which use another force class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.errors import InvalidStructure
from md.forcefields import FORCE_FIELDS, add_obc2, user_force_field
from md.settings import HYDROGEN_MASS_AMU, MdSettings
from md.system import prepare

# Every element and every kind of hydrogen: on C, N, O and S.
SEQUENCE = "MCHSKRWDYPG"


def energies_and_forces(system, positions_nm: np.ndarray) -> tuple[float, np.ndarray]:
    import openmm

    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions_nm)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def test_obc2_equals_the_bundled_custom_force(build: Callable[..., Path]):
    from openmm import app

    prepared = prepare(build(A=(1, SEQUENCE)), MdSettings.smoke(), true_termini={"A": (True, True)})
    bundled = app.ForceField("amber14/protein.ff14SB.xml", "implicit/obc2.xml")
    reference = bundled.createSystem(prepared.topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    energy, forces = energies_and_forces(prepared.system, prepared.positions_nm)
    expected, expected_forces = energies_and_forces(reference, prepared.positions_nm)
    assert energy == pytest.approx(expected, rel=1e-6)
    assert np.abs(forces - expected_forces).max() < 1e-4 * np.abs(expected_forces).max()


def test_obc2_matters(build: Callable[..., Path]):
    """Vacuum differs by far more than the tolerance above, so that test could fail."""
    from openmm import app

    prepared = prepare(build(A=(1, "AKEA")), MdSettings.smoke())
    vacuum = app.ForceField("amber14/protein.ff14SB.xml").createSystem(prepared.topology, nonbondedMethod=app.NoCutoff)
    without, _ = energies_and_forces(vacuum, prepared.positions_nm)
    add_obc2(vacuum, prepared.topology)
    with_solvent, _ = energies_and_forces(vacuum, prepared.positions_nm)
    assert with_solvent < without - 300.0  # two charges alone have about -300 kJ/mol each in water


def test_heavy_hydrogens_move_mass_and_make_none(build: Callable[..., Path]):
    path = build(A=(1, "AKEA"))
    light = prepare(path, MdSettings.smoke().model_copy(update={"heavy_hydrogens": False, "timestep_fs": 2.0}))
    heavy = prepare(path, MdSettings.smoke())
    masses = [
        np.array([p.system.getParticleMass(i)._value for i in range(p.system.getNumParticles())])
        for p in (light, heavy)
    ]
    hydrogens = np.array([atom.element.symbol == "H" for atom in heavy.topology.atoms()])
    assert masses[0].sum() == pytest.approx(masses[1].sum(), rel=1e-9)
    np.testing.assert_allclose(masses[1][hydrogens], HYDROGEN_MASS_AMU)
    assert heavy.system.getNumConstraints() == hydrogens.sum()


@pytest.mark.parametrize(("key", "sites"), [("ff14sb-tip3p", 3), ("ff19sb-opc", 4), ("a99sb-disp", 4)])
def test_explicit_water_is_periodic_neutral_and_keeps_the_solute_first(
    build: Callable[..., Path], key: str, sites: int
):
    import openmm

    settings = MdSettings(force_field=key, box_shape="dodecahedron")
    prepared = prepare(build(A=(1, "AKKA")), settings)
    residues = list(prepared.topology.residues())
    names = [residue.name for residue in residues]
    assert names[:6] == ["ACE", "ALA", "LYS", "LYS", "ALA", "NME"]
    assert {"HOH", "CL"} <= set(names[6:]) <= {"HOH", "CL", "NA"}
    assert {len(list(residue.atoms())) for residue in residues if residue.name == "HOH"} == {sites}
    nonbonded = next(f for f in prepared.system.getForces() if isinstance(f, openmm.NonbondedForce))
    charges = [nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())]
    assert sum(charges) == pytest.approx(0.0, abs=1e-4)
    assert sum(charges[: prepared.n_solute]) == pytest.approx(2.0, abs=1e-4)
    assert prepared.system.usesPeriodicBoundaryConditions()
    assert nonbonded.getCutoffDistance()._value == 1.0 and nonbonded.getUseDispersionCorrection()
    box = np.array([[v.x, v.y, v.z] for v in prepared.topology.getPeriodicBoxVectors()._value])
    n_waters = names.count("HOH")
    assert n_waters / np.linalg.det(box) == pytest.approx(33.4, rel=0.25)  # the solute takes its room


@pytest.mark.parametrize("key", sorted(FORCE_FIELDS))
def test_every_force_field_says_what_it_is_not_evidence_for(key: str):
    limit = {"a99sb-disp": "complexes may come apart", "ff19sb-opc": "not evidence on affinities"}
    assert limit.get(key, "not evidence on disordered regions") in FORCE_FIELDS[key].evidence
    assert "doi" in FORCE_FIELDS[key].source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<ForceField><Script>import os</Script></ForceField>", "holds a <Script>"),
        ("<ForceField><InitializationScript>1</InitializationScript></ForceField>", "holds a <Script>"),
        ('<ForceField><Include file="/etc/x.xml"/></ForceField>', "it includes /etc/x.xml"),
        ("<System/>", "<System> is not <ForceField>"),
        ("<ForceField>", "not XML"),
    ],
)
def test_files_of_the_user_that_are_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "mine.xml"
    path.write_text(text)
    with pytest.raises(InvalidStructure, match=message) as caught:
        user_force_field([path], None)
    assert caught.value.code == "force_field"
    with pytest.raises(InvalidStructure, match=r"absent\.xml: No such file"):
        user_force_field([tmp_path / "absent.xml"], None)
