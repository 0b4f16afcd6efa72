"""Zinc fingers: where the motif is, where its zinc belongs, and what holds it."""

import re
from pathlib import Path

import numpy as np
import pytest

from md.errors import InvalidStructure
from md.forcefields import a99sb_disp
from md.settings import MdSettings
from md.structure import Structure, read
from md.system import prepare
from md.zinc import add_zinc, bonds_to_zinc, elastic_network, find_fingers, motifs, variants

FINGER = Path(__file__).with_name("finger.pdb")
# Zif268 (human EGR1), its three fingers.
ZIF268 = "ERPYACPVESCDRRFSRSDELTRHIRIHTGQKPFQCRICMRNFSRSDHLTTHIRTHTGEKPFACDICGRKFARSDERKRHTKIHLRQKD"
PS00028 = re.compile(r"(?=(C.{2,4}C.{3}[LIVMFYWC].{8}H.{3,5}H))")


def test_the_three_fingers_of_zif268():
    firsts = sorted({places[0] for places in motifs(ZIF268)})
    assert firsts == [m.start() for m in PS00028.finditer(ZIF268)] == [5, 35, 63]
    for places in motifs(ZIF268):
        assert "".join(ZIF268[i] for i in places) == "CCHH"


@pytest.mark.parametrize("change", [("F", 14, "G"), ("H", 23, "A")])
def test_what_is_not_the_motif(change: tuple[str, int, str]):
    old, place, new = change
    assert ZIF268[place] == old
    broken = ZIF268[:place] + new + ZIF268[place + 1 :]
    assert 5 not in {places[0] for places in motifs(broken)}
    assert bool(PS00028.match(broken, 5)) is False


def test_zinc_is_put_where_all_four_distances_are_right():
    structure = read(FINGER)
    (finger,) = find_fingers(structure.topology, structure.positions_nm)
    assert (finger.name, finger.ligands, finger.nitrogens) == ("A:13-33", (13, 16, 29, 33), ("NE2", "NE2"))
    at = {(a.residue.id, a.name): structure.positions_nm[a.index] for a in structure.topology.atoms()}
    ligands = [at["13", "SG"], at["16", "SG"], at["29", "NE2"], at["33", "NE2"]]
    distances = np.linalg.norm(np.array(ligands) - np.array(finger.zinc_nm), axis=1)
    np.testing.assert_allclose(distances, [0.233, 0.233, 0.205, 0.205], atol=0.01)
    assert variants([finger]) == {("A", "13"): "CYX", ("A", "16"): "CYX", ("A", "29"): "HID", ("A", "33"): "HID"}


def test_no_zinc_where_a_ligand_points_away():
    structure = read(FINGER)
    moved = structure.positions_nm.copy()
    sulphur = next(a.index for a in structure.topology.atoms() if (a.residue.id, a.name) == ("13", "SG"))
    moved[sulphur] += 0.3
    (finger,) = find_fingers(structure.topology, moved)
    assert finger.zinc_nm is None


def test_a_zinc_follows_its_chain_and_bonds_stay():
    structure = read(FINGER)
    fingers = find_fingers(structure.topology, structure.positions_nm)
    topology, positions = add_zinc(structure.topology, structure.positions_nm, fingers)
    *_, last = topology.residues()
    assert (last.name, last.id, last.chain.id) == ("ZN", "36", "A")
    np.testing.assert_array_equal(positions[:-1], structure.positions_nm)
    assert topology.getNumBonds() == structure.topology.getNumBonds()


def test_a_solvated_finger_is_four_fold_and_stays_so():
    import openmm
    from openmm import app, unit

    prepared = prepare(FINGER, MdSettings.fast())
    assert any(note.startswith("zinc placed in A:13-33") for note in prepared.notes)
    assert "protonation given: A:CYS13 CYX, A:CYS16 CYX, A:HIS29 HID, A:HIS33 HID" in prepared.notes
    atoms = list(prepared.topology.atoms())
    index = {(a.residue.chain.id, a.residue.id, a.name): a.index for a in atoms[: prepared.n_solute]}
    zinc = atoms[prepared.n_solute - 1]
    assert zinc.name == "ZN"
    assert ("A", "13", "HG") not in index and ("A", "29", "HE2") not in index
    nonbonded = next(f for f in prepared.system.getForces() if isinstance(f, openmm.NonbondedForce))
    charge = sum(nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles()))
    assert charge == pytest.approx(0.0, abs=1e-4)
    alone = app.Modeller(prepared.topology, prepared.positions_nm * unit.nanometer)
    alone.delete(atoms[prepared.n_solute :])
    system = a99sb_disp().createSystem(alone.topology)
    system.addForce(bonds_to_zinc(alone.topology, find_fingers(alone.topology, prepared.positions_nm)))
    reference = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), reference)
    context.setPositions(alone.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 100)
    xyz = context.getState(positions=True).getPositions(asNumpy=True)._value
    ligands = [index["A", n, a] for n, a in (("13", "SG"), ("16", "SG"), ("29", "NE2"), ("33", "NE2"))]
    distances = np.linalg.norm(xyz[ligands] - xyz[zinc.index], axis=1)
    np.testing.assert_allclose(distances, [0.233, 0.233, 0.205, 0.205], atol=0.04)


def test_without_explicit_water_a_finger_is_held_or_refused_or_left_alone():
    smoke = MdSettings.smoke()
    held = prepare(FINGER, smoke)
    assert "zinc finger A:13-33 held as a body: implicit solvent has no zinc" in held.notes
    names = [force.getName() for force in held.system.getForces()]
    assert "FingerNetwork" in names and "ZincBonds" not in names
    with pytest.raises(InvalidStructure, match=r"1 zinc fingers without a place .* A:13-33") as caught:
        prepare(FINGER, smoke.model_copy(update={"zinc_fingers": "refuse"}))
    assert caught.value.code == "zinc_finger"
    ignored = prepare(FINGER, smoke.model_copy(update={"zinc_fingers": "ignore"}))
    assert "FingerNetwork" not in [force.getName() for force in ignored.system.getForces()]
    assert not any("zinc" in note for note in ignored.notes)


def test_the_network_holds_the_finger_and_nothing_else():
    structure: Structure = read(FINGER)
    fingers = find_fingers(structure.topology, structure.positions_nm)
    force = elastic_network(structure.topology, structure.positions_nm, fingers)
    atoms = list(structure.topology.atoms())
    for index in range(force.getNumBonds()):
        i, j, length, stiffness = force.getBondParameters(index)
        assert atoms[i].name == atoms[j].name == "CA"
        assert {int(atoms[k].residue.id) for k in (i, j)} <= set(range(13, 34))
        assert length._value == pytest.approx(np.linalg.norm(structure.positions_nm[i] - structure.positions_nm[j]))
        assert (length._value < 0.9, stiffness._value) == (True, 500.0)
    assert force.getNumBonds() > 21
