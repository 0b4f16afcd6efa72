"""a99SB-disp against the authors' own GROMACS port and against their primary tables."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from md.forcefields import a99sb_disp, backbone_well, disp

FORCE_TOLERANCE = 0.5  # kJ/mol/nm, of ../shared/parity/md
TAGS = ["capped_neutral", "sweep_ALA", "sweep_GLY", "sweep_PRO", "sweep_SER", "sweep_TRP", "sweep_ARG", "sweep_ASP"]
DELTA = disp.read_delta()
SUMS = [line.split("\t") for line in Path(__file__).with_name("a99sb_disp_torsion_sums.tsv").read_text().splitlines()]
SUMS = {residue: np.array(sums, float) for residue, *sums in SUMS if not residue.startswith(("#", "residue"))}


def evaluate(force_field, folder: Path, tag: str) -> list[tuple[dict[str, float], np.ndarray]]:
    """Energies by force and forces of each recorded conformation."""
    import openmm
    from openmm import app

    topology = app.PDBFile(str(folder / f"{tag}.pdb")).topology
    system = force_field.createSystem(topology, nonbondedMethod=app.NoCutoff)
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    reference = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), reference)
    found = []
    for xyz in np.load(folder / "reference.npz")[f"{tag}_xyz"]:
        context.setPositions(xyz)
        energies = {
            force.getName(): context.getState(energy=True, groups={group}).getPotentialEnergy()._value
            for group, force in enumerate(system.getForces())
        }
        found.append((energies, context.getState(forces=True).getForces(asNumpy=True)._value))
    return found


def largest_error(force_field, folder: Path, tag: str) -> float:
    recorded = np.load(folder / "reference.npz")[f"{tag}_forces"]
    return max(
        float(np.abs(forces - expected).max())
        for (_, forces), expected in zip(evaluate(force_field, folder, tag), recorded, strict=True)
    )


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "parity" / "md"


@pytest.mark.parametrize("tag", TAGS)
def test_energies_and_forces_are_those_of_gromacs(folder: Path, tag: str):
    expected = json.loads((folder / "reference.json").read_text())[tag]["energies_kj_mol"]
    found = evaluate(a99sb_disp(), folder, tag)
    for (energies, _), known in zip(found, expected, strict=True):
        assert energies["HarmonicBondForce"] == pytest.approx(known["bond"], abs=1e-3)
        assert energies["HarmonicAngleForce"] == pytest.approx(known["angle"], abs=1e-3)
        nonbonded = energies["NonbondedForce"] + energies["BackboneWell"]
        known_nonbonded = known["lj14"] + known["lj"] + known["coulomb"]
        assert nonbonded == pytest.approx(known_nonbonded, abs=0.5 + 2e-5 * abs(known["coulomb"]))
    for (one, two), (known_one, known_two) in zip(pairwise(found), pairwise(expected), strict=True):
        difference = two[0]["PeriodicTorsionForce"] - one[0]["PeriodicTorsionForce"]
        assert difference == pytest.approx(known_two["torsion"] - known_one["torsion"], abs=0.01)
    neutral = tag not in ("sweep_ARG", "sweep_ASP")  # there the port rounds charges to four decimals
    assert largest_error(a99sb_disp(), folder, tag) < (0.02 if neutral else 0.3) < FORCE_TOLERANCE


def no_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_well.BackboneWell, "postprocessSystem", lambda *_: None)


def no_14_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_well.BackboneWell, "patch_exceptions", staticmethod(lambda *_: None))


def other_ordering(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, replace(DELTA, ordering="default"))


def no_charges(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, replace(DELTA, charges=()))


def no_torsions(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, replace(DELTA, torsions=()))


def scale_of_amber(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_well, "WELL_EPSILON_KJ_MOL", 0.2 * backbone_well.KCAL)


def changed(monkeypatch: pytest.MonkeyPatch, delta: disp.Delta) -> None:
    monkeypatch.setattr(disp, "read_delta", lambda: delta)


@pytest.mark.parametrize(
    ("omit", "tag"),
    [
        (no_well, "capped_neutral"),
        (no_14_patch, "sweep_ALA"),
        (other_ordering, "sweep_TRP"),
        (no_charges, "sweep_ARG"),
        (no_torsions, "sweep_ALA"),
        (scale_of_amber, "capped_neutral"),
    ],
)
def test_leaving_out_an_ingredient_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch, omit, tag: str):
    omit(monkeypatch)
    assert largest_error(disp.a99sb_disp(), folder, tag) > FORCE_TOLERANCE


@pytest.mark.parametrize("atom", [charge.atom for charge in DELTA.charges if charge.residue == "ASP"])
def test_leaving_out_a_charge_is_seen(folder: Path, atom: str):
    kept = tuple(charge for charge in DELTA.charges if (charge.residue, charge.atom) != ("ASP", atom))
    assert len(kept) == len(DELTA.charges) - 1
    error = largest_error(disp.build(replace(DELTA, charges=kept)), folder, "sweep_ASP")
    # The two HB share a type, so that either row alone does for both.
    assert (error > FORCE_TOLERANCE) is (atom not in ("HB2", "HB3"))


def test_charges_add_up_to_those_of_the_ions():
    """One row less, of any residue, leaves a residue with a fraction of a charge."""
    expected = {"ASP": -1.0, "GLU": -1.0, "LYS": 1.0, "ARG": 1.0, "HIP": 1.0}
    for residue, charge in expected.items():
        rows = [row for row in DELTA.charges if row.residue == residue]
        assert sum(row.charge_e for row in rows) == pytest.approx(charge, abs=1e-6)
        assert len({row.atom for row in rows}) == len(rows)
        ends = {row.atom: row.charge_e for row in rows if row.atom in ("N", "H", "C", "O")}
        assert ends == {"N": -0.4157, "H": 0.2719, "C": 0.5973, "O": -0.5679}


def capped(force_field, residue: str):
    """Topology of a residue of the force field with caps, or at an end of a chain, from its own templates."""
    from openmm.app import Topology

    topology = Topology()
    names = [residue, "NME"] if len(residue) == 4 and residue[0] == "N" else ["ACE", residue]
    names += ["NME"] if len(residue) == 3 else []
    ends = []
    for _ in range(2 if residue == "CYX" else 1):
        chain, before = topology.addChain(), None
        for name in names:
            template = force_field._templates[name]
            made = topology.addResidue(name[-3:], chain)
            atoms = [topology.addAtom(atom.name, atom.element, made) for atom in template.atoms]
            for i, j in template.bonds:
                topology.addBond(atoms[i], atoms[j])
            at = {atom.name: atom for atom in atoms}
            if before is not None:
                topology.addBond(before["C"], at["N"])
            before = at
            if "SG" in at:
                ends.append(at["SG"])
    if residue == "CYX":
        topology.addBond(*ends)
    return topology


def torsion_sums(force_field, residue: str) -> np.ndarray:
    topology = capped(force_field, residue)
    system = force_field.createSystem(topology)
    bonds = {frozenset((a.index, b.index)) for a, b in topology.bonds()}
    force = next(f for f in system.getForces() if f.getName() == "PeriodicTorsionForce")
    angles, total = np.radians([35.0, 100.0, 250.0]), np.zeros(3)
    for index in range(force.getNumTorsions()):
        *atoms, n, phase, k = force.getTorsionParameters(index)
        if all(frozenset(pair) in bonds for pair in pairwise(atoms)):
            total += k._value / 4.184 * np.cos(n * angles - phase._value)
    return total


@pytest.mark.parametrize("residue", sorted(SUMS))
def test_torsions_are_those_of_the_primary_tables(residue: str):
    np.testing.assert_allclose(torsion_sums(force_field_once(), residue), SUMS[residue], atol=2e-6)


_MADE = []


def force_field_once():
    if not _MADE:
        _MADE.append(a99sb_disp())
    return _MADE[0]


def test_leaving_out_any_torsion_is_seen_in_some_residue():
    """All rows at once would take minutes: what a row does is read from the System, class by class."""
    used = {residue: classes_used(force_field_once(), residue) for residue in SUMS}
    everything = set().union(*used.values())
    for torsion in DELTA.torsions:
        wild = [cls for cls in torsion.classes if cls != "X"]
        hit = {
            quad
            for quad in everything
            if quad in (torsion.classes, torsion.classes[::-1])
            or (len(wild) == 2 and tuple(wild) in (quad[1:3], quad[2:0:-1]))
        }
        assert hit, f"{torsion.classes} is the torsion of no residue"


@pytest.mark.parametrize("index", range(0, len(DELTA.torsions), 7))
def test_leaving_out_a_torsion_changes_the_sums(index: int):
    torsion = DELTA.torsions[index]
    kept = tuple(row for row in DELTA.torsions if row is not torsion)
    force_field = disp.build(replace(DELTA, torsions=kept))
    residues = [r for r in SUMS if len(r) == 3 or torsion.classes[0] == "N3"]
    assert any(not np.allclose(torsion_sums(force_field, r), SUMS[r], atol=1e-3) for r in residues)


def classes_used(force_field, residue: str) -> set[tuple[str, ...]]:
    topology = capped(force_field, residue)
    types = {}
    for found, template in zip(topology.residues(), force_field.getMatchingTemplates(topology), strict=True):
        by_name = {atom.name: atom.type for atom in template.atoms}
        types |= {atom.index: force_field._atomTypes[by_name[atom.name]].atomClass for atom in found.atoms()}
    neighbours: dict[int, set[int]] = {}
    for a, b in topology.bonds():
        neighbours.setdefault(a.index, set()).add(b.index)
        neighbours.setdefault(b.index, set()).add(a.index)
    return {
        tuple(types[x] for x in (i, j, k, m))
        for j in neighbours
        for k in neighbours[j]
        for i in neighbours[j] - {k}
        for m in neighbours[k] - {i, j}
    }


def test_water_and_ions_are_the_published_ones():
    """Robustelli, Piana & Shaw 2018 and viparr-ffpublic: nm, kJ/mol, e."""
    import openmm
    from openmm import app

    topology = app.Topology()
    chain = topology.addChain()
    water = topology.addResidue("HOH", chain)
    symbols = {"O": "O", "H1": "H", "H2": "H"}
    atoms = {name: topology.addAtom(name, app.Element.getBySymbol(symbols[name]), water) for name in symbols}
    topology.addAtom("M", None, water)
    for name in ("H1", "H2"):
        topology.addBond(atoms["O"], atoms[name])
    for name, symbol in (("NA", "Na"), ("CL", "Cl"), ("K", "K"), ("ZN", "Zn")):
        topology.addAtom(name, app.Element.getBySymbol(symbol), topology.addResidue(name, chain))
    system = a99sb_disp().createSystem(topology, rigidWater=True)
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    found = [[q._value for q in nonbonded.getParticleParameters(i)] for i in range(nonbonded.getNumParticles())]
    kcal = 4.184
    np.testing.assert_allclose(found[0], [0.0, 0.3165, 0.238764 * kcal], rtol=1e-12)
    assert [found[i][0] for i in (1, 2, 3)] == [0.59, 0.59, -1.18]
    ions = [
        (1, 0.2429926, 0.0469 * kcal),
        (-1, 0.4044680, 0.150 * kcal),
        (1, 0.3142645, 0.0870 * kcal),
        (2, 0.1942159, 0.250 * kcal),
    ]
    np.testing.assert_allclose(found[4:], ions, rtol=1e-12)
    site = system.getVirtualSite(3)
    assert [site.getWeight(i) for i in range(3)] == [0.736124464, 0.131937768, 0.131937768]
    lengths = sorted(system.getConstraintParameters(i)[2]._value for i in range(system.getNumConstraints()))
    assert lengths == pytest.approx([0.09572, 0.09572, 2 * 0.09572 * np.sin(np.radians(104.52 / 2))], rel=1e-9)


def test_a_periodic_system_has_one_force_for_the_well_with_the_same_cutoff_and_exclusions(build):
    import openmm

    from md.settings import MdSettings
    from md.system import prepare

    prepared = prepare(build(A=(1, "AAA")), MdSettings(box_shape="dodecahedron"))
    nonbonded = next(f for f in prepared.system.getForces() if isinstance(f, openmm.NonbondedForce))
    well = next(f for f in prepared.system.getForces() if isinstance(f, openmm.CustomNonbondedForce))
    assert well.getNonbondedMethod() == openmm.CustomNonbondedForce.CutoffPeriodic
    assert well.getCutoffDistance() == nonbonded.getCutoffDistance()
    assert well.getNumExclusions() == nonbonded.getNumExceptions()
    assert not well.getUseLongRangeCorrection()
    oxygens, hydrogens = well.getInteractionGroupParameters(0)
    atoms = list(prepared.topology.atoms())
    assert {(atoms[i].name, atoms[i].residue.name) for i in oxygens} == {("O", "ACE"), ("O", "ALA")}
    assert {(atoms[i].name, atoms[i].residue.name) for i in hydrogens} == {("H", "ALA"), ("H", "NME")}
