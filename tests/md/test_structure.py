"""Structures as they come: every format, plain and gzipped."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from md.checks import check
from md.errors import InvalidStructure
from md.structure import read

ITEMS = (
    *("group_PDB", "id", "type_symbol", "label_atom_id", "label_comp_id", "label_asym_id", "label_seq_id"),
    *("label_alt_id", "Cartn_x", "Cartn_y", "Cartn_z", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num"),
)
CIF = "data_x\nloop_\n" + "".join(f"_atom_site.{item}\n" for item in ITEMS)
CIF += "ATOM 1 C CA GLY A 1 . 11.000 12.000 13.000 48 A 1\nATOM 2 C CA ALA B 1 . 21.000 22.000 23.500 7 B 1\n"
PDB = (
    "ATOM      1  CA  GLY A  48      11.000  12.000  13.000  1.00 91.50           C  \n"
    "ATOM      2  CA  ALA B   7      21.000  22.000  23.500  1.00 91.50           C  \n"
)


@pytest.mark.parametrize(("name", "text"), [("x.cif", CIF), ("x.cif.gz", CIF), ("x.pdb", PDB), ("x.pdb.gz", PDB)])
def test_formats(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    found = read(path)
    assert [(chain.id, [r.id for r in chain.residues()]) for chain in found.topology.chains()] == [
        ("A", ["48"]),
        ("B", ["7"]),
    ]
    np.testing.assert_allclose(found.positions_nm, [[1.1, 1.2, 1.3], [2.1, 2.2, 2.35]])
    assert [chain.id for chain in read(path, ["B"]).topology.chains()] == ["B"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.xyz.gz", gzip.compress(PDB.encode(), mtime=0)),
        ("x.pdb.gz", gzip.compress(PDB.encode(), mtime=0)[:-20]),
        ("x.cif.gz", b"not gzip"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidStructure, match=name) as caught:
        read(tmp_path / name)
    assert caught.value.code == "unreadable"


def test_chains_are_selected_by_name(sound: Path):
    assert [c.id for c in read(sound, ["B"]).topology.chains()] == ["B"]
    with pytest.raises(InvalidStructure, match="no chain Q; it has A, B"):
        read(sound, ["A", "Q"])


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


def without_end(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith(("ATOM", "TER"))]


def test_other_models_are_left_out_and_said(sound: Path):
    lines = without_end(sound)
    moved = [f"{x[:30]}{99.0:8.3f}{x[38:]}" if x.startswith("ATOM") else x for x in lines]
    path = sound.with_name("models.pdb")
    path.write_text("\n".join(["MODEL        1", *lines, "ENDMDL", "MODEL        2", *moved, "ENDMDL", "END", ""]))
    alone, first = read(sound), read(path)
    assert (alone.notes, first.notes) == ((), ("the first of 2 models in the file",))
    np.testing.assert_array_equal(first.positions_nm, alone.positions_nm)


@pytest.mark.parametrize("other", ["LEU", "VAL"])  # another place of the same residue, and another residue there
def test_other_locations_are_left_out_and_said(sound: Path, other: str):
    lines = []
    for line in without_end(sound):
        if line[17:26] == "LEU A  12" and line[12:16].strip() not in ("N", "CA"):
            lines += [line[:16] + "A" + line[17:], f"{line[:16]}B{other}{line[20:30]}{99.0:8.3f}{line[38:]}"]
        else:
            lines.append(line)
    path = sound.with_name("locations.pdb")
    path.write_text("\n".join([*lines, "END", ""]))
    found = read(path)
    assert found.notes == ("6 atoms of the file are other locations of atoms that are taken, and left out",)
    np.testing.assert_array_equal(found.positions_nm, read(sound).positions_nm)


def test_other_locations_in_mmcif(tmp_path: Path):
    path = tmp_path / "x.cif"
    text = CIF.replace(" . 11.000", " A 11.000")
    path.write_text(text + "ATOM 3 C CA GLY A 1 B 19.000 12.000 13.000 48 A 1\n")
    structure = read(path)
    assert structure.notes == ("1 atoms of the file are other locations of atoms that are taken, and left out",)
    assert structure.positions_nm[0].tolist() == pytest.approx([1.1, 1.2, 1.3])


def test_no_chain_is_not_all_chains(sound: Path):
    with pytest.raises(InvalidStructure, match="no chain is asked for") as caught:
        read(sound, [])
    assert caught.value.code == "no_chain"
