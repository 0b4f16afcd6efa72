"""What is wrong with a geometry, found where it was put in and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from md.defects import cis_peptides, count_clashes, pierced_rings
from md.structure import read
from tests.md.faults import turned


@pytest.mark.parametrize(
    ("degrees", "cis"), [(0.0, False), (60.0, False), (-80.0, False), (180.0, True), (120.0, True)]
)
def test_a_cis_peptide_is_named(sound: Path, degrees: float, cis: bool):
    structure = read(turned(sound, degrees))
    assert [r.id for r in cis_peptides(structure.topology, structure.positions_nm)] == (["15"] if cis else [])


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
