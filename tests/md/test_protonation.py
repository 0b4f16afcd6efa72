"""Which hydrogens a protein gets, and what is said about it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from md.errors import InvalidStructure
from md.protonation import VARIANTS
from md.settings import MdSettings
from md.system import prepare

SMOKE = MdSettings.smoke()


def test_histidine_states_are_reported(build: Callable[..., Path]):
    notes = prepare(build(A=(11, "AHA")), SMOKE).notes
    assert any(note.startswith("histidines by hydrogen bonding at pH 7: A:12 HI") for note in notes)


def test_the_ph_is_that_of_the_settings(build: Callable[..., Path]):
    path = build(A=(11, "AHA"))
    acid, basic = (prepare(path, SMOKE.model_copy(update={"ph": ph})) for ph in (6.4, 6.6))
    assert "histidines by hydrogen bonding at pH 6.4: A:12 HIP" in acid.notes
    assert not any("HIP" in note for note in basic.notes)
    assert acid.system.getNumParticles() == basic.system.getNumParticles() + 1


def test_protonation_by_the_user_is_taken_and_recorded(build: Callable[..., Path]):
    path = build(A=(11, "AHHA"))
    prepared = prepare(path, SMOKE.model_copy(update={"variants": {"A:12": "HIP"}}))
    names = {(atom.residue.id, atom.name) for atom in prepared.topology.atoms()}
    assert {("12", "HD1"), ("12", "HE2")} <= names
    assert not {("13", "HD1"), ("13", "HE2")} <= names
    assert "protonation given: A:HIS12 HIP" in prepared.notes
    assert any(note.startswith("histidines by hydrogen bonding at pH 7: A:13 HI") for note in prepared.notes)
    with pytest.raises(InvalidStructure, match="variants names 'A:99'"):
        prepare(path, SMOKE.model_copy(update={"variants": {"A:99": "HIP"}}))


def test_the_names_of_states_are_those_of_openmm():
    from openmm.app import Modeller

    if not Modeller._hasLoadedStandardHydrogens:  # pyright: ignore[reportAttributeAccessIssue]
        Modeller._loadStandardHydrogenDefinitions()  # pyright: ignore[reportAttributeAccessIssue]
    known = Modeller._residueHydrogens  # pyright: ignore[reportAttributeAccessIssue]
    assert {name: tuple(spec.variants) for name, spec in known.items() if spec.variants} == VARIANTS


@pytest.mark.parametrize(
    ("variants", "code", "said", "cure"),
    [
        ({"A:12": "HSP"}, "no_variant", "makes HIS A:12 'HSP', which it has not", "one of HID, HIE, HIP, HIN"),
        ({"A:12": "LYN"}, "no_variant", "makes HIS A:12 'LYN'", "one of HID"),
        ({"A:11": "HIP"}, "no_variant", "makes ALA A:11 'HIP'", "leave it out: one of ASP, CYS, GLU, HIS, LYS"),
        ({"A12": "HIP"}, "no_residue", "names 'A12', which is not simulated", "by chain and number"),
        ({"12": "HIP"}, "no_residue", "names '12'", "by chain and number"),
    ],
)
def test_a_state_that_is_none_is_refused(build: Callable[..., Path], variants: dict, code: str, said: str, cure: str):
    with pytest.raises(InvalidStructure, match=said) as caught:
        prepare(build(A=(11, "AHA")), SMOKE.model_copy(update={"variants": variants}))
    assert caught.value.code == code
    assert cure in caught.value.__notes__[0]
