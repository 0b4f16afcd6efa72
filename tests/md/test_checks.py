"""Refusals: one fault at a time is put into a sound structure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.checks import check, cis_peptides, count_clashes, pierced_rings
from md.errors import InvalidStructure
from md.structure import read


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


def test_chains_are_selected_by_name(sound: Path):
    assert [c.id for c in read(sound, ["B"]).topology.chains()] == ["B"]
    with pytest.raises(InvalidStructure, match="no chain Q; it has A, B"):
        read(sound, ["A", "Q"])


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
    ("name", "cure"), [("HOH", "remove water and ions"), ("UNK", "unknown ones"), ("ATP", "ligands")]
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


def turned(path: Path, degrees: float) -> Path:
    """All after the bond between residues 14 and 15 turned about it."""
    structure = read(path)
    at = {(a.residue.id, a.name): structure.positions_nm[a.index] for a in structure.topology.atoms()}
    origin, axis = at["14", "C"], at["15", "N"] - at["14", "C"]
    axis = axis / np.linalg.norm(axis)
    angle = np.radians(degrees)

    def turn(line: str) -> str:
        if not (15 <= number(line) <= 18) or (number(line), line[12:16].strip()) == (15, "N"):
            return line
        v = np.array([float(line[30:38]), float(line[38:46]), float(line[46:54])]) / 10.0 - origin
        v = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * np.dot(axis, v) * (1.0 - np.cos(angle))
        x, y, z = 10.0 * (v + origin)
        return f"{line[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}"

    return edited(path, lambda lines: [turn(line) for line in lines])


@pytest.mark.parametrize(
    ("degrees", "cis"), [(0.0, False), (60.0, False), (-80.0, False), (180.0, True), (120.0, True)]
)
def test_a_cis_peptide_is_named(sound: Path, degrees: float, cis: bool):
    structure = read(turned(sound, degrees))
    assert [r.id for r in cis_peptides(structure.topology, structure.positions_nm)] == (["15"] if cis else [])


def test_cis_peptides_are_refused_but_before_proline(build: Callable[..., Path]):
    assert "1 peptide bonds are cis, before A:TRP15" in refusal(turned(build(A=(11, "GLEKWAHC")), 180.0), "cis_peptide")
    structure = read(turned(build(A=(11, "GLEKPAHC")), 180.0))
    assert "cis peptide bonds before A:PRO15" in check(structure, max_clashes=1000)


def test_a_bond_through_a_ring_is_found_and_one_beside_it_is_not(build: Callable[..., Path]):
    path = build(A=(11, "GFG"), B=(200, "GKG"))
    structure = read(path)
    assert pierced_rings(structure) == []
    index = {(a.residue.chain.id, a.residue.id, a.name): a.index for a in structure.topology.atoms()}
    ring = [index["A", "12", name] for name in ("CG", "CD1", "CE1", "CZ", "CE2", "CD2")]
    corners = structure.positions_nm[ring]
    centre = corners.mean(axis=0)
    normal = np.cross(corners[0] - centre, corners[2] - centre)
    normal /= np.linalg.norm(normal)
    ends = index["B", "201", "CD"], index["B", "201", "CE"]
    for aside, expected in ((0.0, ["A:PHE12 by B:LYS201 CD-CE"]), (0.2, [])):
        offset = aside * (corners[0] - centre) / np.linalg.norm(corners[0] - centre)
        for end, side in zip(ends, (-0.076, 0.076), strict=True):
            structure.positions_nm[end] = centre + offset + side * normal
        assert pierced_rings(structure) == expected


def test_a_mirror_image_is_refused(sound: Path):
    def mirrored(lines: list[str]) -> list[str]:
        return [x[:30] + f"{-float(x[30:38]):8.3f}" + x[38:] if number(x) > 0 else x for x in lines]

    # Thirteen of fourteen: glycine has no hand.
    assert "13 residues are D-amino acids" in refusal(edited(sound, mirrored), "d_amino_acid")


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
    notes = check(structure, max_clashes=count)
    assert notes == [f"{count} clashes of heavy atoms in the input, closest {10 * closest:.2f} Å"]


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
