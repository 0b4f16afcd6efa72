"""The quality of a model: of a sound one, and of one with a fault put in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screening.folding.model_quality import RebuildReport, check_model

PAIR = Path(__file__).parents[1] / "md" / "capped_pair.pdb"
SOUND = RebuildReport(0.1, (), (), 1.34, 0.05, 2.6)


@pytest.fixture(scope="module")
def pair():
    """Two peptides without their caps: topology, positions in Angstrom, C-alphas, bonds as long as they are."""
    from openmm import unit
    from openmm.app import Modeller, PDBFile

    file = PDBFile(str(PAIR))
    modeller = Modeller(file.topology, file.positions)
    modeller.delete([residue for residue in modeller.topology.residues() if residue.name in ("ACE", "NME")])
    xyz = np.array(modeller.positions.value_in_unit(unit.angstrom))
    alpha = xyz[[atom.index for atom in modeller.topology.atoms() if atom.name == "CA"]]
    bonds = [
        (a.index, b.index, float(np.linalg.norm(xyz[a.index] - xyz[b.index]))) for a, b in modeller.topology.bonds()
    ]
    return modeller.topology, xyz, alpha, bonds


def test_a_sound_model_has_no_problems(pair):
    topology, xyz, alpha, bonds = pair
    report = check_model(topology, xyz, bonds, alpha)
    assert report.problems == ""
    assert report.ca_rmsd_angstrom == 0.0
    assert report.worst_bond_angstrom == 0.0
    assert 1.2 < report.longest_peptide_bond_angstrom < 1.45
    assert report.closest_angstrom > 2.4


def test_a_mirror_image_has_every_centre_wrong(pair):
    topology, xyz, alpha, bonds = pair
    wrong = check_model(topology, xyz * [-1, 1, 1], bonds, alpha * [-1, 1, 1]).wrong_chirality
    chiral = [r for r in topology.residues() if r.name != "GLY"]
    second = [r for r in chiral if r.name in ("ILE", "THR")]
    assert {name.split()[0] for name in wrong} == {f"{r.chain.id}:{r.id}" for r in chiral}
    assert len(wrong) == len(chiral) + len(second)


def test_a_chain_laid_over_the_other_is_a_clash(pair):
    topology, xyz, alpha, bonds = pair
    atoms = [next(a for a in chain.atoms() if a.name == "CA").index for chain in topology.chains()]
    other = [atom.index for atom in list(topology.chains())[1].atoms()]
    moved = xyz.copy()
    moved[other] += xyz[atoms[0]] - xyz[atoms[1]] + [0.9, 0.0, 0.0]
    assert check_model(topology, moved, bonds, alpha).closest_angstrom <= 0.9 + 1e-9


@pytest.mark.parametrize(
    ("name", "limit", "beyond", "said"),
    [
        ("longest_peptide_bond_angstrom", 1.5, 1.51, "peptide bond of 1.51"),
        ("worst_bond_angstrom", 0.25, 0.26, "strained by 0.26"),
        ("closest_angstrom", 1.5, 1.49, "1.49 Angstrom apart"),
        ("wrong_chirality", (), ("A:1 CA",), "wrong chirality: A:1 CA"),
        ("cis_peptides", (), ("A:1",), "cis peptide after A:1"),
    ],
)
def test_limits(name: str, limit: object, beyond: object, said: str):
    assert replace(SOUND, **{name: limit}).problems == ""
    assert said in replace(SOUND, **{name: beyond}).problems
