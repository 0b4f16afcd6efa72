"""Preparation: repeatable, and every decision is written down."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.errors import InvalidStructure
from md.settings import MdSettings
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


@pytest.mark.parametrize(("distance", "bonded"), [(2.04, True), (2.49, True), (2.7, False)])
def test_disulfides_are_made_below_a_quarter_nanometre_and_reported(
    build: Callable[..., Path], distance: float, bonded: bool
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
    prepared = prepare(path, SMOKE.model_copy(update={"max_clashes": 1000}))
    bonds = [x for x in prepared.topology.bonds() if x[0].name == x[1].name == "SG"]
    thiols = [atom for atom in prepared.topology.atoms() if atom.name == "HG"]
    assert (len(bonds), len(thiols)) == ((1, 0) if bonded else (0, 2))
    assert any(f"disulfide A:12 - B:201 ({distance:.2f}" in note for note in prepared.notes) is bonded


def test_histidine_states_are_reported(build: Callable[..., Path]):
    notes = prepare(build(A=(11, "AHA")), SMOKE).notes
    assert any(note.startswith("histidines by hydrogen bonding at pH 7: A:12 HI") for note in notes)


def test_a_system_that_is_too_large_is_refused_with_its_size(build: Callable[..., Path]):
    path = build(A=(11, "GLEKWAHC"))
    settings = MdSettings(force_field="ff14sb-tip3p", max_atoms=1000)
    with pytest.raises(InvalidStructure, match=r"about \d+ atoms, more than max_atoms = 1000"):
        prepare(path, settings)
