"""Structures as they come: every format, plain and gzipped."""

import gzip
from pathlib import Path

import numpy as np
import pytest

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
