"""pKa values against PROPKA's own command line, and what follows from them for histidines."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.caps import cap
from md.errors import InvalidStructure, Unavailable
from md.settings import MdSettings
from md.structure import Structure, read
from md.system import prepare
from md.titration import Titrated, titrate

propka = pytest.importorskip("propka.run", reason="propka is not installed: pip install propka")

FINGER = Path(__file__).with_name("finger.pdb")
SMOKE = MdSettings.smoke()


def with_propka(**others: object) -> MdSettings:
    return SMOKE.model_copy(update={"protonation": "propka", **others})


def groups_of(structure: Structure, ph: float = 7.0) -> dict[tuple[str, str, int], Titrated]:
    _, groups = titrate(structure.topology, structure.positions_nm, ph)
    return {(each.group, each.chain, each.residue): each for each in groups}


def test_the_values_are_those_of_the_command_line(tmp_path: Path):
    (tmp_path / "x.pdb").write_text(FINGER.read_text())
    command = [sys.executable, "-m", "propka", "--quiet", "x.pdb"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    lines = (tmp_path / "x.pka").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("SUMMARY OF THIS PREDICTION"))
    expected = {}
    for line in lines[start + 2 :]:
        fields = line.split()
        if len(fields) < 5:
            break
        name, number, chain, pka, model = fields[:5]
        expected[name, chain, int(number)] = float(pka), float(model)
    found = groups_of(read(FINGER))
    assert {key for key in expected if key[0] == "HIS"} == {("HIS", "A", 29), ("HIS", "A", 33)}
    assert set(found) == set(expected)
    for key, (pka, model) in expected.items():
        assert (found[key].pka, found[key].model_pka) == (pytest.approx(pka, abs=0.0051), model), key


def test_caps_are_no_ends_of_a_chain(build: Callable[..., Path]):
    structure = read(build(A=(11, "AAHAA"), B=(200, "AAAA")))
    ends = {key for key in groups_of(structure) if key[0] in ("N+", "C-")}
    assert {("N+", "A", 11), ("N+", "B", 200)} <= ends
    assert {key[0] for key in groups_of(cap(structure, {}))} == {"HIS"}
    half = groups_of(cap(structure, {"A": (True, False), "B": (False, False)}))
    assert {key for key in half if key[0] in ("N+", "C-")} == {("N+", "A", 11)}


def hydrogens(prepared, number: str) -> set[str]:
    return {
        atom.name
        for atom in prepared.topology.atoms()
        if atom.residue.id == number and atom.name in ("HD1", "HE2") and atom.residue.chain.id == "A"
    }


@pytest.mark.parametrize(("ph", "count"), [(7.0, 1), (6.0, 2)])
def test_a_histidine_alone_has_the_model_value(build: Callable[..., Path], ph: float, count: int):
    """Nothing is near it but its own backbone: 6.5, of which desolvation takes less than a tenth."""
    prepared = prepare(build(A=(11, "AHA")), with_propka(ph=ph))
    (group,) = prepared.titration
    assert (group.group, group.residue, group.model_pka) == ("HIS", 12, 6.5)
    assert group.pka == pytest.approx(6.5, abs=0.1)
    assert len(hydrogens(prepared, "12")) == count
    assert group.simulated == group.predicted == ("neutral" if count == 1 else "charged")
    variant = "HIP" if count == 2 else ("HID" if hydrogens(prepared, "12") == {"HD1"} else "HIE")
    assert f"histidines by PROPKA 3.5.1 at pH {ph:g}: A:12 {variant} (pKa {group.pka:.2f})" in [
        note.replace(note.split()[3], "3.5.1") for note in prepared.notes if note.startswith("histidines by PROPKA")
    ]


def salt_bridge(build: Callable[..., Path], distance_nm: float) -> Path:
    """A histidine with the carboxylate of an aspartate before its NE2."""
    path = build(A=(11, "AHA"), B=(200, "ADA"))
    structure = read(path)
    at = {(a.residue.chain.id, a.residue.id, a.name): a.index for a in structure.topology.atoms()}
    xyz = 10.0 * structure.positions_nm
    ring = np.mean([xyz[at["A", "12", name]] for name in ("CG", "ND1", "CE1", "NE2", "CD2")], axis=0)
    nitrogen, oxygen = xyz[at["A", "12", "NE2"]], xyz[at["B", "201", "OD2"]]
    outward = (nitrogen - ring) / np.linalg.norm(nitrogen - ring)
    shift = nitrogen + 10.0 * distance_nm * outward - oxygen
    lines = []
    for line in path.read_text().splitlines():
        if line.startswith(("ATOM", "HETATM")) and line[21] == "B":
            moved = np.array([float(line[i : i + 8]) for i in (30, 38, 46)]) + shift
            line = line[:30] + "".join(f"{value:8.3f}" for value in moved) + line[54:]
        if not line.startswith("CONECT"):
            lines.append(line)
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize(("distance_nm", "bond", "count"), [(0.27, 0.85, 2), (0.35, 0.425, 1), (1.5, 0.0, 1)])
def test_a_salt_bridge_protonates_a_histidine_that_is_neutral_without(
    build: Callable[..., Path], distance_nm: float, bond: float, count: int
):
    """By hand: a side chain's hydrogen bond shifts by 0.85 up to 3 Å, by ever less up to 4 Å, and not beyond.

    What is left is desolvation by the few atoms near, below 0.3; so 6.5 + 0.85 - 0.3 is above 7 and 6.5 + 0.43 below.
    """
    path = salt_bridge(build, distance_nm)
    prepared = prepare(path, with_propka(max_clashes=1000))
    (pka,) = (group.pka for group in prepared.titration if group.group == "HIS")
    assert -0.3 < pka - 6.5 - bond < 0.0
    assert len(hydrogens(prepared, "12")) == count
    standard = prepare(path, SMOKE.model_copy(update={"max_clashes": 1000}))
    assert len(hydrogens(standard, "12")) == 1 and standard.titration == ()


def test_zinc_and_the_user_decide_before_the_pka(build: Callable[..., Path]):
    prepared = prepare(FINGER, MdSettings.fast().model_copy(update={"protonation": "propka", "ph": 4.5}))
    assert "protonation given: A:CYS13 CYX, A:CYS16 CYX, A:HIS29 HID, A:HIS33 HID" in prepared.notes
    state = {(each.group, each.residue): each for each in prepared.titration}
    assert state["HIS", 29].predicted == "charged" and state["HIS", 29].simulated == "neutral"
    assert state["CYS", 13].predicted == "neutral" and state["CYS", 13].simulated == "charged"
    (said,) = [note for note in prepared.notes if note.startswith("simulated otherwise than PROPKA")]
    assert "A:HIS29 neutral (pKa " in said and "A:CYS13 charged (pKa " in said and "LYS" not in said
    assert not any(note.startswith("histidines by") for note in prepared.notes)
    path = build(A=(11, "AHHA"))
    given = prepare(path, with_propka(variants={"A:12": "HIP"}))
    assert [each.simulated for each in given.titration] == ["charged", "neutral"]
    assert hydrogens(given, "12") == {"HD1", "HE2"}
    (said,) = [note for note in given.notes if note.startswith("histidines by")]
    assert "A:13 HI" in said and "A:12" not in said


def test_without_propka_it_is_refused_with_the_command(build: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    path = build(A=(11, "AHA"))
    monkeypatch.setitem(sys.modules, "propka.run", None)
    with pytest.raises(Unavailable, match="needs the package propka") as caught:
        prepare(path, with_propka())
    assert caught.value.code == "propka"
    assert "pip install propka" in caught.value.__notes__[0]
    prepare(path, SMOKE)


def test_when_propka_fails_or_is_silent_it_is_refused(build: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    path = build(A=(11, "AHA"))
    real = propka.single

    def broken(*_: object, **__: object):
        raise KeyError("odd atom")

    def silent(*arguments: object, **words: object):
        molecule = real(*arguments, **words)
        molecule.conformations["AVR"].groups = []
        return molecule

    for function, message in ((broken, "propka fails: KeyError: 'odd atom'"), (silent, "no pKa of A:HIS12")):
        monkeypatch.setattr(propka, "single", function)
        with pytest.raises(InvalidStructure, match=message) as caught:
            prepare(path, with_propka())
        assert caught.value.code == "propka"
