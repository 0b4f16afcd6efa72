"""Refusals: one fault at a time is put into a sound structure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.errors import InvalidStructure
from md.structure import check, count_clashes, read


def edited(path: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    faulty = path.with_name("faulty.pdb")
    faulty.write_text("\n".join(edit(path.read_text().splitlines())) + "\n", encoding="ascii")
    return faulty


def number(line: str) -> int:
    return int(line[22:26]) if line.startswith(("ATOM", "HETATM")) else -1


def moved(line: str, shift: float) -> str:
    return line[:30] + f"{float(line[30:38]) + shift:8.3f}" + line[38:]


@pytest.fixture
def sound(build: Callable[..., Path]) -> Path:
    return build(A=(11, "GLEKWAHC"), B=(200, "KKAEFY"))


def refusal(path: Path) -> str:
    with pytest.raises(InvalidStructure) as caught:
        check(read(path), max_clashes=0)
    return str(caught.value)


def test_a_sound_structure_passes_and_keeps_its_names(sound: Path):
    structure = read(sound)
    assert check(structure, max_clashes=0) == 0
    assert [(c.id, [int(r.id) for r in c.residues()]) for c in structure.topology.chains()] == [
        ("A", list(range(11, 19))),
        ("B", list(range(200, 206))),
    ]


def test_chains_are_selected_by_name(sound: Path):
    assert [c.id for c in read(sound, ["B"]).topology.chains()] == ["B"]
    with pytest.raises(InvalidStructure, match="no chain Q; it has A, B"):
        read(sound, ["A", "Q"])


def test_lost_residues_break_a_chain_with_both_names_and_the_jump(sound: Path):
    faulty = edited(sound, lambda lines: [line for line in lines if number(line) not in (14, 15)])
    assert "breaks between A:GLU13 and A:ALA16: numbers jump by 3" in refusal(faulty)


def test_a_renumbered_break_is_found_by_its_distance(sound: Path):
    faulty = edited(sound, lambda lines: [moved(line, 3.0) if 15 <= number(line) <= 18 else line for line in lines])
    message = refusal(faulty)
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
    assert "1 atoms without finite coordinates, first CG of A:LEU12" in refusal(faulty)


def test_missing_backbone(sound: Path):
    faulty = edited(sound, lambda lines: [x for x in lines if not (number(x) in (12, 201) and x[12:16].strip() == "O")])
    assert "2 residues lack backbone atoms (N, CA, C, O): A:LEU12, B:LYS201" in refusal(faulty)


def test_residues_that_are_not_among_the_twenty(sound: Path):
    faulty = edited(sound, lambda lines: [x.replace("LEU A", "SEP A") for x in lines])
    assert "1 residues that are not among the twenty: A:SEP12" in refusal(faulty)


def test_a_mirror_image_is_refused(sound: Path):
    def mirrored(lines: list[str]) -> list[str]:
        return [x[:30] + f"{-float(x[30:38]):8.3f}" + x[38:] if number(x) > 0 else x for x in lines]

    # Thirteen of fourteen: glycine has no hand.
    assert "13 residues are D-amino acids" in refusal(edited(sound, mirrored))


def test_clashes_are_counted_as_by_brute_force(build: Callable[..., Path]):
    path = build("tight.pdb", spacing_nm=0.25, A=(11, "GLEKWAHC"), B=(200, "KKAEFY"))
    structure = read(path)
    count, closest = count_clashes(structure)
    atoms = list(structure.topology.atoms())
    expected = 0
    for i, a in enumerate(atoms):
        for j in range(i):
            b = atoms[j]
            distance = np.linalg.norm(structure.positions_nm[i] - structure.positions_nm[j])
            bonded = {a.name, b.name} == {"C", "N"} and abs(a.residue.index - b.residue.index) == 1
            expected += a.residue is not b.residue and not bonded and distance < 0.15
    assert count == expected > 0
    assert closest < 0.15
    with pytest.raises(InvalidStructure, match=f"{count} clashes of heavy atoms \\(closest .* Å\\), more than"):
        check(structure, max_clashes=count - 1)
    assert check(structure, max_clashes=count) == count


@pytest.mark.parametrize("text", ["", "END\n", "ATOM  garbage\n"])
def test_files_without_a_structure(tmp_path: Path, text: str):
    path = tmp_path / "empty.pdb"
    path.write_text(text)
    with pytest.raises(InvalidStructure, match=r"empty\.pdb"):
        check(read(path), max_clashes=0)


def test_unknown_format_and_absent_file(tmp_path: Path):
    with pytest.raises(InvalidStructure, match=r"x\.txt: not one of \.pdb"):
        read(tmp_path / "x.txt")
    with pytest.raises(InvalidStructure, match=r"absent\.pdb: No such file"):
        read(tmp_path / "absent.pdb")


def test_mmcif_reads_the_same_atoms(sound: Path):
    from openmm.app import PDBFile, PDBxFile

    pdb = PDBFile(str(sound))
    with sound.with_suffix(".cif").open("w") as file:
        PDBxFile.writeFile(pdb.topology, pdb.positions, file, keepIds=True)
    a, b = read(sound), read(sound.with_suffix(".cif"))
    np.testing.assert_allclose(a.positions_nm, b.positions_nm, atol=1e-4)
    assert [(x.residue.chain.id, x.residue.id, x.name) for x in a.topology.atoms()] == [
        (x.residue.chain.id, x.residue.id, x.name) for x in b.topology.atoms()
    ]
