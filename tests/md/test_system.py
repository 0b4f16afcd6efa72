"""Preparation: repeatable, and every decision is written down."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from md.errors import InvalidStructure
from md.settings import MdSettings
from md.size import estimate
from md.structure import read
from md.system import prepare

SMOKE = MdSettings.smoke()


def test_the_same_file_gives_the_same_atoms_and_leaves_random_alone(build: Callable[..., Path]):
    path = build(A=(11, "GLEKWAHC"))
    random.seed(7)
    state = random.getstate()
    a = prepare(path, SMOKE)
    assert random.getstate() == state
    random.seed(8)
    b = prepare(path, SMOKE)
    np.testing.assert_array_equal(a.positions_nm, b.positions_nm)
    assert a.notes == b.notes


def test_platform_defaults_are_put_back(build: Callable[..., Path]):
    from openmm import Platform

    platform = Platform.getPlatformByName("CPU")
    before = platform.getPropertyDefaultValue("DeterministicForces"), platform.getPropertyDefaultValue("Threads")
    prepare(build(A=(11, "GAAG")), SMOKE)
    after = platform.getPropertyDefaultValue("DeterministicForces"), platform.getPropertyDefaultValue("Threads")
    assert after == before


def test_lost_side_chain_atoms_are_put_back_and_named(build: Callable[..., Path]):
    path = build(A=(11, "GLEKWAH"))
    lines = [x for x in path.read_text().splitlines() if not ("LYS A  14" in x and x[12:16].strip() in ("CE", "NZ"))]
    path.write_text("\n".join(lines) + "\n")
    prepared = prepare(path, SMOKE)
    assert "heavy atoms added: A:LYS14 CE NZ" in prepared.notes
    lysine = next(r for r in prepared.topology.residues() if r.name == "LYS")
    assert {"CE", "NZ", "HZ1", "HZ2", "HZ3"} <= {atom.name for atom in lysine.atoms()}


def test_true_termini_stay_charged(build: Callable[..., Path]):
    path = build(A=(1, "AAKAA"))
    charged = prepare(path, SMOKE, true_termini={"A": (True, True)})
    names = {atom.name for atom in charged.topology.atoms()}
    assert {"OXT", "H3"} <= names
    assert not any("capped" in note for note in charged.notes)
    capped = prepare(path, SMOKE)
    assert "capped where the segment was cut: A:ACE0, A:NME6" in capped.notes
    with pytest.raises(InvalidStructure, match="true_termini names chain Z"):
        prepare(path, SMOKE, true_termini={"Z": (True, True)})


def test_one_chain_of_a_complex_is_the_complex_without_the_other(build: Callable[..., Path]):
    path = build(A=(11, "GLEKWAHC"), B=(200, "KKAEFY"))
    alone = prepare(path, SMOKE, chains=["B"])
    assert [residue.id for residue in alone.topology.residues()] == [str(n) for n in range(199, 207)]
    both = prepare(path, SMOKE)
    part = [a.index for a in both.topology.atoms() if a.residue.chain.id == "B" and a.element.symbol != "H"]
    own = [a.index for a in alone.topology.atoms() if a.element.symbol != "H"]
    inside = slice(3, -2)  # the caps turn to where there is room
    np.testing.assert_allclose(alone.positions_nm[own][inside], both.positions_nm[part][inside], atol=1e-6)


@pytest.mark.parametrize(
    ("distance", "wanted", "bonded"), [(2.04, True, True), (2.49, True, True), (2.7, True, False), (2.04, False, False)]
)
def test_disulfides_are_made_on_request_below_a_quarter_nanometre_and_always_reported(
    build: Callable[..., Path], distance: float, wanted: bool, bonded: bool
):
    path = build(A=(11, "ACA"), B=(200, "ACA"))
    lines = path.read_text().splitlines()
    a, b = (next(x for x in lines if x[12:16].strip() == "SG" and x[21] == chain) for chain in "AB")
    target = np.array([float(a[30:38]), float(a[38:46]), float(a[46:54])]) + np.array([distance, 0.0, 0.0])
    shift = target - np.array([float(b[30:38]), float(b[38:46]), float(b[46:54])])
    moved = []
    for line in lines:
        if line.startswith(("ATOM", "HETATM")) and line[21] == "B":
            x, y, z = np.array([float(line[30:38]), float(line[38:46]), float(line[46:54])]) + shift
            line = f"{line[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}"
        if not line.startswith("CONECT"):
            moved.append(line)
    path.write_text("\n".join(moved) + "\n")
    prepared = prepare(path, SMOKE.model_copy(update={"max_clashes": 1000, "disulfides": wanted}))
    bonds = [x for x in prepared.topology.bonds() if x[0].name == x[1].name == "SG"]
    thiols = [atom for atom in prepared.topology.atoms() if atom.name == "HG"]
    assert (len(bonds), len(thiols)) == ((1, 0) if bonded else (0, 2))
    said = [note for note in prepared.notes if note.startswith(f"disulfide A:12 - B:201 ({distance:.2f}")]
    assert len(said) == (distance < 2.5)
    assert [note.endswith("not bonded: disulfides = false") for note in said] == [not bonded] * len(said)


def test_a_system_that_is_too_large_is_refused_with_its_size(build: Callable[..., Path]):
    path = build(A=(11, "GLEKWAHC"))
    settings = MdSettings(force_field="ff14sb-tip3p", max_atoms=1000)
    what = (
        r"about [\d,]+ atoms in a box of 3\.\d nm, \d+ MiB of memory, [\d,]+ MiB of disk, .* hours .*max_atoms = 1,000"
    )
    with pytest.raises(InvalidStructure, match=what) as caught:
        prepare(path, settings)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(("shape", "force_field"), [("cube", "ff14sb-tip3p"), ("dodecahedron", "a99sb-disp")])
def test_the_box_and_its_atoms_are_those_estimated(build: Callable[..., Path], shape: str, force_field: str):
    """GROMACS' -d 1.0 makes the largest distance of two atoms plus 2.0 nm."""
    path = build(A=(11, "GLEKWAHCKKAEFYAALLKA"))
    settings = MdSettings(force_field=force_field, box_shape=shape)
    prepared = prepare(path, settings)
    size = estimate(read(path).positions_nm, settings)
    box = np.array([[v.x, v.y, v.z] for v in prepared.topology.getPeriodicBoxVectors()._value])
    solute = prepared.positions_nm[: prepared.n_solute]
    longest = np.linalg.norm(solute[:, None] - solute[None], axis=2).max()
    assert np.linalg.norm(box[0]) == pytest.approx(longest + 2.0, abs=0.15)
    assert np.linalg.norm(box[0]) == pytest.approx(size.box_nm, abs=0.6)  # caps and hydrogens stick out
    assert prepared.system.getNumParticles() == pytest.approx(size.n_atoms, rel=0.35)


def test_the_estimate_of_what_runs_is_near_what_was_measured():
    """DHFR, 2,489 atoms in 23,558, took 67 ms a step on a machine twice as fast as that of the rule."""
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(1245, 3))
    ball *= 2.1 * rng.random((1245, 1)) ** (1 / 3) / np.linalg.norm(ball, axis=1, keepdims=True)
    size = estimate(ball, MdSettings(force_field="ff14sb-tip3p", production_ps=1000.0))
    assert size.n_solute == 2490
    assert size.n_atoms == pytest.approx(23_558, rel=0.1)
    steps = 600_000
    per_step = size.cpu_hours * 3600.0 / steps
    assert 2.0 * 0.067 < per_step < 3.0 * 0.067
    # benchmarks/results/md.md: 76.0 ms a step for 10,667 particles.
    assert per_step / size.n_atoms == pytest.approx(0.0760 / 10_667, rel=0.1)
    assert not size.measured and str(size).endswith("hours on one CPU core by a rule of thumb")


def test_the_rule_for_implicit_solvent_is_what_was_measured():
    """benchmarks/results/md.md: 10.82 ms a step for 591 particles."""
    size = estimate(np.zeros((296, 3)), SMOKE)
    steps = (SMOKE.equilibration_ps + SMOKE.production_ps) * 1000.0 / SMOKE.timestep_fs
    assert size.n_atoms == 592
    assert size.cpu_hours * 3600.0 / steps == pytest.approx(0.01082, rel=0.1)


def test_a_measurement_of_this_machine_goes_before_the_rule():
    from datetime import UTC, datetime

    from md.calibration import Calibration
    from md.machine import this_machine

    heavy, today = np.zeros((296, 3)), datetime.now(UTC).date().isoformat()
    here = Calibration(this_machine(SMOKE), "ff14sb-obc2", 600, 5e-6, 2000, today)
    size = estimate(heavy, SMOKE, [here])
    assert size.cpu_hours * 3600.0 == pytest.approx(12.0 / 0.004 * 592 * 5e-6)
    assert size.measured and str(size).endswith("as measured here")
    others = [
        replace(here, n_particles=6000),
        replace(here, force_field="a99sb-disp"),
        replace(here, date="2001-01-01"),
    ]
    assert estimate(heavy, SMOKE, others) == estimate(heavy, SMOKE)
    # The hours are those of one core, whatever runs it.
    assert estimate(heavy, SMOKE.model_copy(update={"threads": 4, "deterministic": False}), [here]) == size


def test_without_caps_cut_ends_are_charged(build: Callable[..., Path]):
    prepared = prepare(build(A=(11, "AAKAA")), SMOKE.model_copy(update={"caps": False}))
    assert {"OXT", "H3"} <= {atom.name for atom in prepared.topology.atoms()}
    assert not any("capped" in note for note in prepared.notes)


def test_a_force_field_of_the_user(build: Callable[..., Path], tmp_path: Path):
    """The bundled files by path give the bundled system."""
    import openmm
    from openmm import app

    bundled = Path(app.__file__).parent / "data" / "amber14" / "protein.ff14SB.xml"
    settings = SMOKE.model_copy(update={"force_field": "user", "force_field_files": (bundled,)})
    path = build(A=(11, "AKA"))
    mine, theirs = prepare(path, settings), prepare(path, SMOKE)
    count = mine.system.getNumForces()
    assert theirs.system.getNumForces() == count + 1  # the implicit water
    serialise = openmm.XmlSerializer.serialize
    assert serialise(mine.system.getForce(0)) == serialise(theirs.system.getForce(0))
    empty = tmp_path / "empty.xml"
    empty.write_text("<ForceField/>")
    with pytest.raises(InvalidStructure, match="user cannot describe it: No template found") as caught:
        prepare(path, settings.model_copy(update={"force_field_files": (empty,)}))
    assert caught.value.code == "force_field"
