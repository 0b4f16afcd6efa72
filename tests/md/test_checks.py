"""Refusals: one fault at a time is put into a sound structure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.checks import check
from md.errors import InvalidStructure
from md.structure import read
from tests.md.faults import edited, moved, number, turned


def refusal(path: Path, code: str) -> str:
    with pytest.raises(InvalidStructure) as caught:
        check(read(path), max_clashes=0)
    assert caught.value.code == code
    assert str(caught.value).endswith(f"[{code}]")
    return str(caught.value)


def test_a_sound_structure_passes_and_keeps_its_names(sound: Path):
    structure = read(sound)
    assert check(structure, max_clashes=0) == []
    assert [(c.id, [int(r.id) for r in c.residues()]) for c in structure.topology.chains()] == [
        ("A", list(range(11, 19))),
        ("B", list(range(200, 206))),
    ]


def test_lost_residues_break_a_chain_with_both_names_and_the_jump(sound: Path):
    faulty = edited(sound, lambda lines: [line for line in lines if number(line) not in (14, 15)])
    assert "breaks between A:GLU13 and A:ALA16: numbers jump by 3" in refusal(faulty, "chain_break")


def test_a_renumbered_break_is_found_by_its_distance(sound: Path):
    faulty = edited(sound, lambda lines: [moved(line, 3.0) if 15 <= number(line) <= 18 else line for line in lines])
    message = refusal(faulty, "chain_break")
    assert "breaks between A:LYS14 and A:TRP15: C-N is" in message
    structure = read(faulty)
    at = {(a.residue.id, a.name): structure.positions_nm[a.index] for a in structure.topology.atoms()}
    gap = 10.0 * np.linalg.norm(at["14", "C"] - at["15", "N"])
    assert f"{gap:.2f} Å" in message


def test_coordinates_that_are_not_numbers(sound: Path):
    faulty = edited(
        sound,
        lambda lines: [
            line[:30] + "     nan" + line[38:] if number(line) == 12 and line[12:16].strip() == "CG" else line
            for line in lines
        ],
    )
    assert "1 atoms without finite coordinates, first CG of A:LEU12" in refusal(faulty, "not_finite")


def test_missing_backbone(sound: Path):
    faulty = edited(sound, lambda lines: [x for x in lines if not (number(x) in (12, 201) and x[12:16].strip() == "O")])
    assert "2 residues lack backbone atoms (N, CA, C, O): A:LEU12, B:LYS201" in refusal(faulty, "missing_backbone")


def test_residues_that_are_not_among_the_twenty(sound: Path):
    faulty = edited(sound, lambda lines: [x.replace("LEU A", "SEP A") for x in lines])
    message = refusal(faulty, "unknown_residue")
    assert "1 residues that are not among the twenty: A:SEP12 (kinds: SEP × 1)" in message


@pytest.mark.parametrize(
    ("name", "cure"), [("HOH", "remove water and ions"), ("UNK", "unknown residues"), ("ATP", "ligands")]
)
def test_atoms_that_are_not_protein(sound: Path, name: str, cure: str):
    atom = f"HETATM 9999  O   {name} B 300      50.000  50.000  50.000  1.00  0.00           O"
    faulty = edited(sound, lambda lines: [*(x for x in lines if x != "END"), atom, "END"])
    with pytest.raises(InvalidStructure, match=f"B:{name}300") as caught:
        check(read(faulty), max_clashes=0)
    assert cure in caught.value.__notes__[0]


def test_residue_numbers_must_be_integers(sound: Path):
    faulty = edited(sound, lambda lines: [x[:26] + "A" + x[27:] if number(x) == 203 else x for x in lines])
    assert "residue number '203A' is not an integer" in refusal(faulty, "residue_number")


def test_cis_peptides_are_refused_but_before_proline(build: Callable[..., Path]):
    assert "1 peptide bonds are cis, before A:TRP15" in refusal(turned(build(A=(11, "GLEKWAHC")), 180.0), "cis_peptide")
    structure = read(turned(build(A=(11, "GLEKPAHC")), 180.0))
    assert "cis peptide bonds before A:PRO15" in check(structure, max_clashes=1000)


def test_a_mirror_image_is_refused(sound: Path):
    def mirrored(lines: list[str]) -> list[str]:
        return [x[:30] + f"{-float(x[30:38]):8.3f}" + x[38:] if number(x) > 0 else x for x in lines]

    # Thirteen of fourteen: glycine has no hand.
    assert "13 residues are D-amino acids" in refusal(edited(sound, mirrored), "d_amino_acid")


def test_as_many_clashes_as_are_trusted_are_a_note(build: Callable[..., Path]):
    structure = read(build("tight.pdb", spacing_nm=0.25, A=(11, "GLEKWAHC"), B=(200, "KKAEFY")))
    (note,) = check(structure, max_clashes=1000)
    count, closest = note.split()[0], note.split()[-2]
    assert note == f"{count} clashes of heavy atoms in the input, closest {closest} Å"
    assert check(structure, max_clashes=int(count)) == [note]
    with pytest.raises(InvalidStructure, match=f"{count} clashes of heavy atoms \\(closest {closest} Å\\), more than"):
        check(structure, max_clashes=int(count) - 1)


def renumbered(path: Path, shift: Callable[[int], int]) -> Path:
    return edited(
        path, lambda lines: [x[:22] + f"{shift(number(x)):4d}" + x[26:] if x.startswith("ATOM") else x for x in lines]
    )


@pytest.mark.parametrize(("first", "fits"), [(-998, True), (-999, False), (9995, True), (9996, False), (-2, True)])
def test_numbers_have_room_in_a_pdb_file_with_the_caps(build: Callable[..., Path], first: int, fits: bool):
    """Four columns: OpenMM writes a number that needs five as another one, without a word."""
    path = build(A=(first, "GLEK"))
    if fits:
        assert check(read(path), max_clashes=0) == []
    else:
        assert f"numbered from {first} to {first + 3}" in refusal(path, "residue_number")


def test_a_gap_in_the_numbers_alone_is_told_from_a_break(build: Callable[..., Path]):
    path = renumbered(build(A=(1, "GLEKAA")), lambda n: n - 4 if n < 4 else n - 3)  # without a residue 0
    with pytest.raises(
        InvalidStructure, match=r"A:GLU-1 and A:LYS1: numbers jump by 2, not 1, though C-N is 1\.3"
    ) as no:
        check(read(path), max_clashes=0)
    assert no.value.code == "chain_break"
    assert no.value.__notes__ == ["no residue is missing there: renumber the chain without the gap"]


@pytest.mark.parametrize("name", [" ", "é", "²", "-"])
def test_names_that_do_not_survive_in_a_pdb_file(build: Callable[..., Path], name: str):
    structure = read(build(A=(1, "GLEK")))
    next(structure.topology.chains()).id = name
    with pytest.raises(InvalidStructure, match=r"names must be one letter or digit.*\[chain_name\]"):
        check(structure, max_clashes=0)


def test_two_chains_of_one_name(sound: Path):
    faulty = edited(sound, lambda lines: [x[:21] + "A" + x[22:] if number(x) >= 200 else x for x in lines])
    assert "chain A occurs more than once" in refusal(faulty, "chain_name")


@pytest.mark.parametrize(("shift", "torn"), [(0.4, False), (3.5, True)])
def test_a_torn_residue_is_refused(sound: Path, shift: float, torn: bool):
    def apart(lines: list[str]) -> list[str]:
        return [moved(x, shift) if number(x) == 14 and x[12:16].strip() in ("CE", "NZ") else x for x in lines]

    faulty = edited(sound, apart)
    if torn:
        assert "CD-CE of A:LYS14 is" in refusal(faulty, "long_bond")
    else:
        assert check(read(faulty), max_clashes=0) == []


@pytest.mark.parametrize("chains", [{"A": (5, "A")}, {"A": (11, "GLEKWAHC")}])
def test_atoms_without_places_of_their_own_are_refused_whatever_is_trusted(build: Callable[..., Path], chains: dict):
    def zeroed(lines: list[str]) -> list[str]:
        return [x[:30] + 3 * "   0.000" + x[54:] if x.startswith("ATOM") else x for x in lines]

    with pytest.raises(InvalidStructure, match="in the same place") as caught:
        check(read(edited(build(**chains), zeroed)), max_clashes=10**6)
    assert caught.value.code == "same_place"


@pytest.mark.parametrize(
    ("names", "cures"),
    [
        (["MSE"], ["MSE by MET"]),
        (["ZN"], ["fingers get their zinc"]),
        (["ACE", "NME"], ["cut ends are capped again"]),
        (["SEP", "HOH"], ["remove water", "SEP by SER"]),
        (["MSE", "DA"], ["MSE by MET", "nucleic acids"]),
    ],
)
def test_the_cure_is_of_what_is_there(build: Callable[..., Path], names: list[str], cures: list[str]):
    structure = read(build(A=(1, "GLEK")))
    for residue, name in zip(structure.topology.residues(), names, strict=False):
        residue.name = name
    with pytest.raises(InvalidStructure, match="not among the twenty") as caught:
        check(structure, max_clashes=0)
    assert len(caught.value.__notes__[0].split("; ")) == len(cures)
    assert all(cure in caught.value.__notes__[0] for cure in cures)
