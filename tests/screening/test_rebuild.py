import gzip
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from screening.errors import InvalidInput
from screening.folding.backbone import backbone, dihedral, extend
from screening.folding.rebuild import ChainTrace, rebuild

BACKBONE = ("N", "CA", "C", "O")


def read(text: str) -> list[dict]:
    """Residues of a PDB text in order: chain, number, name and heavy atoms."""
    residues: dict[tuple[str, int], dict] = {}
    for line in text.splitlines():
        if line.startswith("ATOM"):
            key = line[21], int(line[22:26])
            residue = residues.setdefault(key, {"chain": key[0], "number": key[1], "name": line[17:20], "atoms": {}})
            residue["atoms"][line[12:16].strip()] = [float(line[i : i + 8]) for i in (30, 38, 46)]
    return list(residues.values())


@pytest.fixture(scope="module")
def barnase(shared: Path) -> list[dict]:
    folder = shared / "parity" / "interfaces"
    text = gzip.decompress(next(folder.glob("barnase_barstar_unrelaxed*.pdb.gz")).read_bytes()).decode()
    # Parts of both chains, so that one rebuild takes seconds.
    return [residue for residue in read(text) if residue["number"] <= 55]


def trace(residues: list[dict], start: int) -> tuple[tuple[ChainTrace, ...], np.ndarray]:
    from Bio.SeqUtils import seq1

    chains = tuple(
        ChainTrace(name, start, "".join(seq1(r["name"]) for r in residues if r["chain"] == name)) for name in "AB"
    )
    return chains, np.array([residue["atoms"]["CA"] for residue in residues])


@pytest.fixture(scope="module")
def rebuilt(barnase: list[dict], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("rebuild") / "model.pdb"
    chains, ca = trace(barnase, 201)
    return rebuild(chains, ca, path), path


def rmsd(ours: list[dict], theirs: list[dict], names: tuple[str, ...]) -> float:
    both = [
        (a["atoms"][name], b["atoms"][name])
        for a, b in zip(ours, theirs, strict=True)
        for name in names
        if name in a["atoms"] and name in b["atoms"]
    ]
    a, b = np.array(both).transpose(1, 0, 2)
    return float(np.sqrt(np.mean(np.sum((a - b) ** 2, axis=1))))


def test_the_backbone_of_a_real_complex_comes_back(barnase: list[dict], rebuilt):
    ours = read(rebuilt[1].read_text())
    assert rmsd(ours, barnase, BACKBONE) < 0.6
    assert rmsd(ours, barnase, ("CA",)) < 0.4
    assert rmsd(ours, barnase, ("CB",)) < 0.7


def test_the_model_is_complete_and_numbered_as_the_protein(barnase: list[dict], rebuilt):
    report, path = rebuilt
    ours = read(path.read_text())
    assert report.problems == ""
    assert [(r["chain"], r["number"], r["name"]) for r in ours] == [
        (r["chain"], r["number"] + 200, r["name"]) for r in barnase
    ]
    ends = {("A", 255), ("B", 255)}
    for a, b in zip(ours, barnase, strict=True):
        extra = {"OXT"} if (a["chain"], a["number"]) in ends else set()
        assert set(a["atoms"]) == set(b["atoms"]) | extra
    assert path.read_text().startswith("REMARK")


def test_all_residues_are_l_and_all_peptides_trans(rebuilt):
    ours = read(rebuilt[1].read_text())
    for residue in ours:
        at = {name: np.array(position) for name, position in residue["atoms"].items()}
        if "CB" in at:
            # L: the torsion N-C-CB about CA is positive, as in every natural residue.
            assert np.dot(np.cross(at["N"] - at["CA"], at["C"] - at["CA"]), at["CB"] - at["CA"]) > 0
    for one, two in pairwise(ours):
        if one["chain"] == two["chain"]:
            ca, c, n, after = (np.array(r["atoms"][a]) for r, a in ((one, "CA"), (one, "C"), (two, "N"), (two, "CA")))
            assert np.linalg.norm(c - n) == pytest.approx(1.335, abs=0.05)
            assert abs(np.degrees(dihedral(ca, c, n, after))) > 150


def test_an_md_set_up_accepts_the_model(rebuilt):
    from openmm import app
    from pdbfixer import PDBFixer

    fixer = PDBFixer(pdbfile=io.StringIO(rebuilt[1].read_text()))
    fixer.findMissingResidues()
    fixer.findNonstandardResidues()
    fixer.findMissingAtoms()
    missing = (fixer.missingResidues, fixer.nonstandardResidues, fixer.missingAtoms, fixer.missingTerminals)
    assert not any(missing)
    modeller = app.Modeller(fixer.topology, fixer.positions)
    forcefield = app.ForceField("amber14/protein.ff14SB.xml")
    modeller.addHydrogens(forcefield)
    assert forcefield.createSystem(modeller.topology).getNumParticles() == modeller.topology.getNumAtoms()


def test_a_trace_that_no_peptide_chain_can_follow_is_mended(tmp_path: Path):
    # Straight, with chain B crossing A at 0.35 nm: possible for beads, not for residues.
    a = np.array([[3.8 * i, 0, 0] for i in range(12)])
    b = np.array([[20.0, 3.8 * (i - 6) + 1.9, 3.5] for i in range(12)])
    chains = (ChainTrace("A", 7, "WPITFGYCHKRE"), ChainTrace("B", 1, "MNDSTILVQAGP"))
    report = rebuild(chains, np.concatenate([a, b]), tmp_path / "m.pdb")
    assert report.problems == ""
    assert 0 < report.ca_rmsd_angstrom < 3.0
    assert report.closest_angstrom > 1.5


def test_the_same_seed_gives_the_same_file(tmp_path: Path):
    chains = (ChainTrace("A", 1, "GSWKIT"),)
    ca = np.array([[3.3 * i, 1.9 * (i % 2), 0.4 * i] for i in range(6)])
    for name in ("one.pdb", "two.pdb"):
        rebuild(chains, ca, tmp_path / name, seed=4)
    assert (tmp_path / "one.pdb").read_bytes() == (tmp_path / "two.pdb").read_bytes()


def test_an_ideal_helix_comes_back_as_a_helix():
    # Alpha helix: 1.5 Angstrom rise and 100 degrees a residue, C-alphas 2.3 Angstrom from the axis (Pauling & Corey).
    turn = np.radians(100 * np.arange(12))
    ca = np.column_stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(12)])
    atoms = backbone(ca, "A" * 12)
    for i in range(2, 10):
        phi = np.degrees(dihedral(atoms[i - 1, 2], *atoms[i, :3]))
        psi = np.degrees(dihedral(*atoms[i, :3], atoms[i + 1, 0]))
        assert phi == pytest.approx(-60, abs=15)
        assert psi == pytest.approx(-47, abs=15)


def test_internal_coordinates_and_torsions_agree():
    a, b, c = np.random.default_rng(0).normal(size=(3, 3))
    d = extend(a, b, c, 1.5, 1.9, -2.0)
    assert float(dihedral(a, b, c, d)) == pytest.approx(-2.0)
    assert np.linalg.norm(d - c) == pytest.approx(1.5)


def test_what_cannot_be_rebuilt_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="do not match"):
        rebuild((ChainTrace("A", 1, "AAAA"),), np.zeros((5, 3)), tmp_path / "m.pdb")
    with pytest.raises(InvalidInput, match="fewer than 4"):
        rebuild((ChainTrace("A", 1, "AAA"),), np.zeros((3, 3)), tmp_path / "m.pdb")
    with pytest.raises(InvalidInput, match="not finite"):
        rebuild((ChainTrace("A", 1, "AAAA"),), np.full((4, 3), np.nan), tmp_path / "m.pdb")
    with pytest.raises(InvalidInput, match="has residues U, X, which are not among the twenty"):
        rebuild((ChainTrace("A", 1, "AUXA"),), np.zeros((4, 3)), tmp_path / "m.pdb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("chain", "start"), [("A", 9997), ("A", 34_000), ("A", -1000), ("AB", 1), ("", 1)])
def test_names_and_numbers_that_a_pdb_file_cannot_hold_are_refused(tmp_path: Path, chain: str, start: int):
    with pytest.raises(InvalidInput, match="a PDB file has one column for the chain and four for the number") as caught:
        rebuild((ChainTrace(chain, start, "AAAA"),), np.zeros((4, 3)), tmp_path / "m.pdb")
    assert "number the segment from 1" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []
