"""A whole analysis: names, units, what is withheld, and what is refused."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from md.analysis import analyse
from md.analysis.summary import IMAGE_CUTOFF_NM
from md.errors import InvalidStructure


def test_two_chains(simulated: tuple[Path, Path]):
    found = analyse(*simulated, discard_ps=0.105, plddt={"A": np.linspace(90, 40, 10), "B": np.linspace(40, 80, 8)})
    np.testing.assert_allclose(found.time_ps, np.arange(11, 41) * 0.01, atol=1e-6)
    units = {metric.name: metric.unit for metric in found.metrics}
    assert list(units) == list(found.series)
    for name in ("rmsd", "radius_of_gyration_A", "end_to_end_B"):
        assert units[name] == "nm"
    assert units["buried_surface"] == "nm^2" and units["interchain_hydrogen_bonds"] == "bonds"
    assert units["interchain_native_contacts"] == units["native_contacts_A"] == units["helix_B"] == "1"
    assert "minimum_image_distance" not in units and found.n_image_frames is None
    expected = [("A", 11 + i) for i in range(10)] + [("B", 200 + i) for i in range(8)]
    assert [(row.chain, row.residue) for row in found.residues] == expected
    assert found.residues[0].plddt == 90.0
    assert all(0.0 <= row.helix_fraction <= 1.0 and row.rmsf_nm > 0.0 for row in found.residues)
    assert {row.chain for row in found.correlations} == {"all", "A", "B"}
    assert found.occupancy is not None and found.occupancy.shape == (10, 8)
    assert found.secondary_structure.shape == (30, 18)
    assert found.bonds and {found.bonds[0].donor_chain, found.bonds[0].acceptor_chain} == {"A", "B"}
    for metric in found.metrics:
        assert (metric.mean is None) == metric.note.startswith("withheld")
        assert metric.mean is None or metric.ci_low <= metric.mean <= metric.ci_high


def test_one_chain_has_the_names_it_has_in_the_complex(simulated: tuple[Path, Path], tmp_path: Path):
    whole = mdtraj.load(str(simulated[1]), top=str(simulated[0]))
    alone = whole.atom_slice([atom.index for atom in whole.topology.chain(1).atoms])
    mdtraj.load(str(simulated[0])).atom_slice([a.index for a in whole.topology.chain(1).atoms]).save_pdb(
        str(tmp_path / "b.pdb")
    )
    alone.save_xtc(str(tmp_path / "b.xtc"))
    found, both = analyse(tmp_path / "b.pdb", tmp_path / "b.xtc"), analyse(*simulated)
    assert found.occupancy is None and found.bonds == () and found.correlations == ()
    own = {name for name in both.series if name.endswith("_B")}
    assert {"radius_of_gyration_B", "end_to_end_B", "native_contacts_B"} <= own <= set(found.series)
    for name in own - {"helix_B", "strand_B"}:
        np.testing.assert_allclose(found.series[name], both.series[name], atol=2e-3)  # XTC keeps 0.001 nm
    assert not any("interchain" in name for name in found.series)


def test_a_box_gives_the_image_check_and_brings_chains_together(simulated: tuple[Path, Path], tmp_path: Path):
    topology, trajectory = simulated
    boxed = mdtraj.load(str(trajectory), top=str(topology))
    chain = [atom.index for atom in boxed.topology.chain(1).atoms]
    plain = analyse(topology, trajectory)
    for edge, flagged in ((9.0, 0), (2.2, len(boxed))):
        boxed.unitcell_vectors = np.repeat(edge * np.eye(3, dtype=np.float32)[None], len(boxed), axis=0)
        xyz = boxed.xyz.copy()
        boxed.xyz[20:, chain, 0] += edge
        boxed.save_xtc(str(tmp_path / "boxed.xtc"))
        boxed.xyz = xyz
        found = analyse(topology, tmp_path / "boxed.xtc")
        assert found.n_image_frames == flagged
        note = next(metric.note for metric in found.metrics if metric.name == "minimum_image_distance")
        assert ("self-interaction: 40 of 40 frames have an image within 1 nm" in note) == bool(flagged)
        for name in ("interchain_contacts", "radius_of_gyration", "rmsd"):
            np.testing.assert_allclose(found.series[name], plain.series[name], atol=3e-3)


def test_the_image_cutoff_is_that_of_the_forces():
    from md.forcefields.registry import CUTOFF_NM

    assert IMAGE_CUTOFF_NM == CUTOFF_NM


def test_chains_that_never_touched_have_no_native_contacts(simulated: tuple[Path, Path], tmp_path: Path):
    topology, trajectory = simulated
    model, frames = mdtraj.load(str(topology)), mdtraj.load(str(trajectory), top=str(topology))
    chain = [atom.index for atom in model.topology.chain(1).atoms]
    for each in (model, frames):
        each.xyz[:, chain, 2] += 5.0
    model.save_pdb(str(tmp_path / "apart.pdb"))
    frames.save_xtc(str(tmp_path / "apart.xtc"))
    found = analyse(tmp_path / "apart.pdb", tmp_path / "apart.xtc")
    metrics = {metric.name: metric for metric in found.metrics}
    assert metrics["interchain_native_contacts"].mean is None
    assert "the structure of the start has no such contact" in metrics["interchain_native_contacts"].note
    assert "constant at 0" in metrics["interchain_contacts"].note
    assert found.bonds == ()


def test_damaged_and_foreign_trajectories_are_refused(simulated: tuple[Path, Path], tmp_path: Path):
    topology, trajectory = simulated
    with pytest.raises(InvalidStructure, match=r"no frame after 99 ps, the last is at 0.4 ps \[no_frames\]"):
        analyse(topology, trajectory, discard_ps=99.0)
    content = trajectory.read_bytes()
    torn = tmp_path / "torn.xtc"
    torn.write_bytes(content[: len(content) * 2 // 3 + 5])
    with pytest.raises(InvalidStructure, match=r"torn\.xtc.*\[trajectory\]"):
        analyse(topology, torn)
    whole = mdtraj.load(str(trajectory), top=str(topology))
    whole.atom_slice(np.arange(20)).save_xtc(str(torn))
    with pytest.raises(InvalidStructure, match=r"torn\.xtc"):
        analyse(topology, torn)
    with pytest.raises(InvalidStructure, match=r"absent\.xtc"):
        analyse(topology, tmp_path / "absent.xtc")
    with pytest.raises(InvalidStructure, match="plddt_length"):
        analyse(topology, trajectory, plddt={"A": [50.0] * 10, "B": [50.0] * 7})


def test_numbers_that_are_not_finite_are_refused(simulated: tuple[Path, Path], tmp_path: Path, monkeypatch):
    topology, trajectory = simulated
    broken = mdtraj.load(str(trajectory), top=str(topology))
    broken.xyz[7, 3, 1] = np.nan
    load = mdtraj.load
    monkeypatch.setattr(mdtraj, "load", lambda path, **top: broken if path.endswith("xtc") else load(path, **top))
    with pytest.raises(InvalidStructure, match=r"frame 8 at 0.08 ps has coordinates that are not numbers"):
        analyse(topology, trajectory)


def test_ions_alone_are_not_a_protein(tmp_path: Path):
    topology = mdtraj.Topology()
    topology.add_atom("ZN", mdtraj.element.zinc, topology.add_residue("ZN", topology.add_chain()))
    ion = mdtraj.Trajectory(np.zeros((2, 1, 3), np.float32), topology)
    ion[0].save_pdb(str(tmp_path / "ion.pdb"))
    ion.save_xtc(str(tmp_path / "ion.xtc"))
    with pytest.raises(InvalidStructure, match="no_protein"):
        analyse(tmp_path / "ion.pdb", tmp_path / "ion.xtc")
