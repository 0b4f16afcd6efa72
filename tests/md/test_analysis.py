"""Measures against closed forms, numpy by hand and MDTraj's own on the same frames."""

from collections.abc import Callable
from pathlib import Path

import mdtraj
import numpy as np
import pytest

from md.analysis import analyse, contact_occupancy, hydrogen_bonds, radius_of_gyration_nm, rmsd_nm, rmsf_nm
from md.errors import InvalidStructure
from md.settings import MdSettings
from md.system import prepare


def rotation(generator: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(generator.standard_normal((3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.fixture
def pair(build: Callable[..., Path], tmp_path: Path) -> tuple[Path, mdtraj.Trajectory]:
    """Capped, protonated helices in contact: topology file, and 40 shaken and tumbled frames."""
    from openmm import unit
    from openmm.app import PDBFile

    source = build("tight.pdb", spacing_nm=0.9, A=(11, "GLEKWASR"), B=(200, "KKAEFY"))
    prepared = prepare(source, MdSettings.smoke().model_copy(update={"max_clashes": 1000}))
    path = tmp_path / "topology.pdb"
    with path.open("w") as file:
        PDBFile.writeFile(
            prepared.topology, unit.Quantity(10.0 * prepared.positions_nm, unit.angstrom), file, keepIds=True
        )
    generator = np.random.default_rng(5)
    shaken = prepared.positions_nm + 0.02 * generator.standard_normal((40, *prepared.positions_nm.shape))
    tumbled = np.array([frame @ rotation(generator).T + generator.uniform(-3, 3, 3) for frame in shaken])
    topology = mdtraj.load(str(path)).topology
    return path, mdtraj.Trajectory(tumbled.astype(np.float32), topology, time=np.arange(1, 41) * 0.5)


def chain_atoms(trajectory: mdtraj.Trajectory, index: int) -> np.ndarray:
    return np.array([atom.index for atom in trajectory.topology.chain(index).atoms])


def test_a_translated_and_rotated_frame_has_not_moved(pair: tuple[Path, mdtraj.Trajectory]):
    _, trajectory = pair
    two = trajectory[[0, 0]]
    two.xyz[1] = two.xyz[0] @ rotation(np.random.default_rng(1)).astype(np.float32).T + np.float32(2.0)
    ca = trajectory.topology.select("name CA")
    np.testing.assert_allclose(rmsd_nm(two, ca), 0.0, atol=2e-3)  # MDTraj's single precision
    assert rmsd_nm(trajectory, ca)[1:].min() > 0.01


def test_radius_of_gyration_in_closed_form():
    topology = mdtraj.Topology()
    residue = topology.add_residue("ALA", topology.add_chain())
    for name, element in (("C", mdtraj.element.carbon), ("O", mdtraj.element.oxygen)):
        topology.add_atom(name, element, residue)
    two = mdtraj.Trajectory(np.array([[[0, 0, 0], [1.5, 0, 0]]], np.float32), topology)
    m, k = mdtraj.element.carbon.mass, mdtraj.element.oxygen.mass
    assert radius_of_gyration_nm(two, np.arange(2))[0] == pytest.approx(1.5 * np.sqrt(m * k) / (m + k), rel=1e-6)
    # MDTraj's default is unweighted: half the distance.
    assert radius_of_gyration_nm(two, np.arange(2))[0] != pytest.approx(0.75, abs=1e-3)


def test_fluctuation_by_hand(pair: tuple[Path, mdtraj.Trajectory]):
    _, trajectory = pair
    ca = trajectory.topology.select("name CA and chainid 0")
    x = trajectory.xyz[:, ca].astype(np.float64)
    average = x[0] - x[0].mean(axis=0)
    for _ in range(50):
        fitted = []
        for frame in x:
            centred = frame - frame.mean(axis=0)
            u, _, vt = np.linalg.svd(centred.T @ average)
            u[:, -1] *= np.sign(np.linalg.det(u @ vt))
            fitted.append(centred @ u @ vt)
        average = np.mean(fitted, axis=0)
    expected = np.sqrt(((np.array(fitted) - average) ** 2).sum(axis=2).mean(axis=0))
    np.testing.assert_allclose(rmsf_nm(trajectory, ca), expected, atol=1e-4)
    assert 0.02 < expected.mean() < 0.04  # 0.02 sqrt 3, less what superposition takes away


def test_hydrogen_bonds_are_mdtrajs_on_each_frame(pair: tuple[Path, mdtraj.Trajectory]):
    _, trajectory = pair
    a, b = chain_atoms(trajectory, 0), chain_atoms(trajectory, 1)
    counts = hydrogen_bonds(trajectory, a, b)
    # The same criterion by hand on every donor-hydrogen-acceptor triple between the chains.
    topology = trajectory.topology
    polar = {atom.index for atom in topology.atoms if atom.element.symbol in "NO"}
    donors = []
    for first, second in topology.bonds:
        for heavy, hydrogen in ((first, second), (second, first)):
            if heavy.index in polar and hydrogen.element.symbol == "H":
                donors.append((heavy.index, hydrogen.index))
    side = {atom.index: atom.residue.chain.index for atom in topology.atoms}
    for frame in range(0, 40, 8):
        x = trajectory.xyz[frame].astype(np.float64)
        expected = 0
        for heavy, hydrogen in donors:
            for acceptor in polar:
                if side[acceptor] == side[heavy]:
                    continue
                u, v = x[heavy] - x[hydrogen], x[acceptor] - x[hydrogen]
                r = np.linalg.norm(v)
                expected += r < 0.25 and u @ v / np.linalg.norm(u) / r < np.cos(np.radians(120.0))
        assert counts[frame] == expected


def test_contacts_by_brute_force_and_without_caps(pair: tuple[Path, mdtraj.Trajectory]):
    _, trajectory = pair
    topology = trajectory.topology
    residues = [[r for r in topology.chain(c).residues if r.name not in ("ACE", "NME")] for c in (0, 1)]
    occupancy = contact_occupancy(trajectory, chain_atoms(trajectory, 0), chain_atoms(trajectory, 1))
    assert occupancy.shape == (8, 6)
    pairs = [(r.index, s.index) for r in residues[0] for s in residues[1]]
    distances, _ = mdtraj.compute_contacts(trajectory, pairs, scheme="closest-heavy", periodic=False)
    expected = (distances < 0.45).mean(axis=0).reshape(8, 6)
    np.testing.assert_allclose(occupancy, expected)
    assert occupancy.sum() > 0.0


def test_analyse_end_to_end(pair: tuple[Path, mdtraj.Trajectory], tmp_path: Path):
    path, trajectory = pair
    xtc = tmp_path / "trajectory.xtc"
    trajectory.save_xtc(str(xtc))
    found = analyse(path, xtc, discard_ps=5.0)
    np.testing.assert_allclose(found.time_ps, np.arange(11, 41) * 0.5)
    assert [(row.chain, row.residue) for row in found.residues] == [("A", 11 + i) for i in range(8)] + [
        ("B", 200 + i) for i in range(6)
    ]
    units = {metric.name: metric.unit for metric in found.metrics}
    assert units["radius_of_gyration_A"] == units["end_to_end_B"] == units["rmsd"] == "nm"
    assert {"interchain_contacts", "interchain_hydrogen_bonds"} <= set(units)
    ca = {a.residue.resSeq: a.index for a in trajectory.topology.atoms if a.name == "CA"}
    ends = np.linalg.norm(trajectory.xyz[10:, ca[18]] - trajectory.xyz[10:, ca[11]], axis=1)
    np.testing.assert_allclose(found.series["end_to_end_A"], ends, atol=3e-3)  # XTC keeps 0.001 nm
    metric = next(m for m in found.metrics if m.name == "end_to_end_A")
    assert metric.mean == pytest.approx(ends.mean(), abs=2e-3)
    assert metric.ci_low < metric.mean < metric.ci_high


def test_one_chain_has_no_interface(pair: tuple[Path, mdtraj.Trajectory], tmp_path: Path):
    _, trajectory = pair
    alone = trajectory.atom_slice(chain_atoms(trajectory, 1))
    alone[0].save_pdb(str(tmp_path / "b.pdb"))
    alone.save_xtc(str(tmp_path / "b.xtc"))
    found = analyse(tmp_path / "b.pdb", tmp_path / "b.xtc")
    assert found.occupancy is None
    assert not any(metric.name.startswith("interchain") for metric in found.metrics)
    assert {row.chain for row in found.residues} == {"B"}


def test_chains_in_neighbouring_images_are_brought_together(pair: tuple[Path, mdtraj.Trajectory], tmp_path: Path):
    path, trajectory = pair
    whole, torn = tmp_path / "whole.xtc", tmp_path / "torn.xtc"
    boxed = mdtraj.Trajectory(
        trajectory.xyz[:1].repeat(12, axis=0),
        trajectory.topology,
        time=np.arange(1.0, 13.0),
        unitcell_lengths=np.full((12, 3), 9.0),
        unitcell_angles=np.full((12, 3), 90.0),
    )
    boxed.save_xtc(str(whole))
    boxed.xyz[6:, chain_atoms(trajectory, 1), 0] += 9.0
    boxed.save_xtc(str(torn))
    a, b = analyse(path, whole), analyse(path, torn)
    for name in ("interchain_contacts", "radius_of_gyration", "rmsd"):
        np.testing.assert_allclose(b.series[name], a.series[name], atol=3e-3)


def test_damaged_and_foreign_trajectories_are_refused(pair: tuple[Path, mdtraj.Trajectory], tmp_path: Path):
    path, trajectory = pair
    xtc = tmp_path / "trajectory.xtc"
    trajectory.save_xtc(str(xtc))
    with pytest.raises(InvalidStructure, match="no frame after 99 ps, the last is at 20 ps"):
        analyse(path, xtc, discard_ps=99.0)
    content = xtc.read_bytes()
    xtc.write_bytes(content[: len(content) * 2 // 3 + 5])
    with pytest.raises(InvalidStructure, match=r"trajectory\.xtc"):
        analyse(path, xtc)
    trajectory.atom_slice(np.arange(20)).save_xtc(str(xtc))
    with pytest.raises(InvalidStructure, match=r"trajectory\.xtc"):
        analyse(path, xtc)
    with pytest.raises(InvalidStructure, match=r"absent\.xtc"):
        analyse(path, tmp_path / "absent.xtc")
