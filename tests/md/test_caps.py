"""Caps against ideal peptide geometry and against where the true neighbours are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.caps import cap, place
from md.structure import Structure, read


def atoms_of(structure: Structure, chain: str, name: str) -> dict[str, np.ndarray]:
    return {
        atom.name: structure.positions_nm[atom.index]
        for atom in structure.topology.atoms()
        if atom.residue.chain.id == chain and atom.residue.name == name
    }


def angle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    u, v = a - b, c - b
    return float(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))


def test_place_follows_the_iupac_sign_of_a_dihedral():
    # Looking along b -> c (here +z, away from the eye), a at 12 o'clock (+y): +90 degrees is at 3 o'clock. With z away
    # from the eye and y up, the right hand is -x.
    a, b, c = np.array([0.0, 1.0, 0.0]), np.zeros(3), np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(place(a, b, c, 2.0, 90.0, 90.0), [-2.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(place(a, b, c, 2.0, 90.0, 0.0), [0.0, 2.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(place(a, b, c, 1.0, 180.0, 0.0), [0.0, 0.0, 2.0], atol=1e-12)


def test_caps_lie_where_the_cut_off_neighbours_were(build: Callable[..., Path]):
    whole = read(build("whole.pdb", A=(1, "AAKLEAA")))
    lines = [
        line
        for line in (whole.source).read_text().splitlines()
        if not line.startswith("ATOM") or 2 <= int(line[22:26]) <= 6
    ]
    cut = whole.source.with_name("cut.pdb")
    cut.write_text("\n".join(lines) + "\n")
    capped = cap(read(cut), {})
    methylamide = atoms_of(capped, "A", "NME")
    neighbour = {atom.name: whole.positions_nm[atom.index] for atom in whole.topology.atoms() if atom.residue.id == "7"}
    # C and O of the last residue fix the plane, so its neighbour's N and CA are found again.
    assert np.linalg.norm(methylamide["N"] - neighbour["N"]) < 0.01
    assert np.linalg.norm(methylamide["C"] - neighbour["CA"]) < 0.02


def test_an_acetyl_is_a_trans_peptide(build: Callable[..., Path]):
    capped = cap(read(build(A=(11, "GLEKA"))), {})
    acetyl, first = atoms_of(capped, "A", "ACE"), atoms_of(capped, "A", "GLY")
    assert np.linalg.norm(acetyl["C"] - first["N"]) == pytest.approx(0.1329, abs=1e-9)
    assert np.linalg.norm(acetyl["CH3"] - first["CA"]) == pytest.approx(0.38, abs=0.01)  # 0.29 if cis
    around = [
        angle(acetyl["CH3"], acetyl["C"], acetyl["O"]),
        angle(acetyl["CH3"], acetyl["C"], first["N"]),
        angle(acetyl["O"], acetyl["C"], first["N"]),
    ]
    assert sum(around) == pytest.approx(360.0, abs=1e-6)


def test_ends_numbers_and_true_termini(build: Callable[..., Path]):
    structure = read(build(A=(11, "GLEKA"), B=(1, "KKAE")))
    capped = cap(structure, {"B": (True, False)})
    named = [(r.chain.id, r.name, int(r.id)) for r in capped.topology.residues() if r.name in ("ACE", "NME")]
    assert named == [("A", "ACE", 10), ("A", "NME", 16), ("B", "NME", 5)]
    inner = [(r.chain.id, r.name, r.id) for r in capped.topology.residues() if r.name not in ("ACE", "NME")]
    assert inner == [(r.chain.id, r.name, r.id) for r in structure.topology.residues()]
