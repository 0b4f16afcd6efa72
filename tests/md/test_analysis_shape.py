"""Sizes and distances against closed forms, and against MDAnalysis on the same trajectory."""

from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MDAnalysis.analysis import align, rms

from md.analysis.mobility import rmsf_nm
from md.analysis.shape import average_nm, end_to_end_nm, radius_of_gyration_nm, rmsd_nm, superposed_nm
from md.analysis.solute import read


def rotation(generator: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(generator.standard_normal((3, 3)))
    return q * np.sign(np.linalg.det(q))


def tumbled(points: np.ndarray, n: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.array([points @ rotation(generator).T + generator.uniform(-5.0, 5.0, 3) for _ in range(n)])


@given(seed=st.integers(0, 10_000), k=st.integers(4, 30))
@settings(max_examples=30, deadline=None)
def test_a_body_that_only_tumbles_has_not_moved(seed: int, k: int):
    points = np.random.default_rng(seed).standard_normal((k, 3))
    frames = tumbled(points, 6, seed)
    np.testing.assert_allclose(rmsd_nm(frames, points), 0.0, atol=1e-7)
    np.testing.assert_allclose(rmsf_nm(frames), 0.0, atol=1e-7)
    np.testing.assert_allclose(superposed_nm(frames, points), np.broadcast_to(points, frames.shape), atol=1e-7)


def test_a_mirror_image_is_another_body():
    points = np.random.default_rng(2).standard_normal((12, 3))
    assert rmsd_nm((points * [1.0, 1.0, -1.0])[None], points)[0] > 0.3


def test_fluctuation_of_a_sinusoid():
    # Two balanced pairs of atoms breathe along x and y: no rotation or shift hides it. RMSF = amplitude / sqrt 2.
    body = np.concatenate([10.0 * np.eye(3), -10.0 * np.eye(3)])
    phase = np.sin(2.0 * np.pi * np.arange(100) / 100)
    frames = np.repeat(body[None], 100, axis=0)
    frames[:, 0, 0] += 0.3 * phase
    frames[:, 3, 0] -= 0.3 * phase
    shaken = np.array([f @ rotation(np.random.default_rng(i)).T + i for i, f in enumerate(frames)])
    expected = np.array([0.3 / np.sqrt(2.0), 0.0, 0.0, 0.3 / np.sqrt(2.0), 0.0, 0.0])
    np.testing.assert_allclose(rmsf_nm(shaken), expected, atol=1e-6)


def test_fluctuation_about_the_average_and_not_about_a_frame():
    # By scipy's own superposition, averaged again and again. The first frame is far from the others.
    from scipy.spatial.transform import Rotation

    generator = np.random.default_rng(7)
    body = generator.standard_normal((15, 3))
    frames = body + 0.05 * generator.standard_normal((30, 15, 3))
    frames[0] += 0.8 * generator.standard_normal((15, 3))
    frames -= frames.mean(axis=1, keepdims=True)
    average, fitted = frames[0], frames
    for _ in range(40):
        fitted = np.array([Rotation.align_vectors(average, frame)[0].apply(frame) for frame in fitted])
        average = fitted.mean(axis=0)
    expected = np.sqrt(((fitted - average) ** 2).sum(axis=2).mean(axis=0))
    np.testing.assert_allclose(rmsf_nm(frames), expected, atol=1e-5)


def test_radius_of_gyration_of_two_masses():
    two, masses = np.array([[[0.0, 0.0, 0.0], [1.5, 0.0, 0.0]]]), np.array([12.0, 16.0])
    assert radius_of_gyration_nm(two, masses)[0] == pytest.approx(1.5 * np.sqrt(12.0 * 16.0) / 28.0, rel=1e-12)
    assert end_to_end_nm(two)[0] == 1.5


def test_equal_to_mdanalysis(simulated: tuple[Path, Path]):
    topology, trajectory = simulated
    solute = read(topology, trajectory)
    universe = MDAnalysis.Universe(str(topology), str(trajectory))
    start = MDAnalysis.Universe(str(topology))
    select = "name CA and not resname ACE NME"
    ca = np.concatenate([chain.alpha for chain in solute.chains])
    np.testing.assert_array_equal(ca, universe.select_atoms(select).indices)
    theirs = rms.RMSD(universe, start, select=select).run().results.rmsd[:, 2] / 10.0
    np.testing.assert_allclose(rmsd_nm(solute.positions_nm(ca), solute.start_nm[ca]), theirs, atol=1e-5)
    assert theirs.max() > 0.03
    for chain in solute.chains:
        own = universe.select_atoms(f"segid {chain.name} and not resname ACE NME")
        np.testing.assert_array_equal(own.indices, chain.atoms)
        masses = solute.masses[own.indices]
        np.testing.assert_allclose(masses, own.masses, atol=0.01)
        sizes = np.array([own.radius_of_gyration() / 10.0 for _ in universe.trajectory])
        np.testing.assert_allclose(radius_of_gyration_nm(solute.positions_nm(own.indices), masses), sizes, atol=1e-4)
        alpha = universe.atoms[chain.alpha]
        ends = np.array([np.linalg.norm(np.ptp(alpha.positions[[0, -1]], axis=0)) / 10.0 for _ in universe.trajectory])
        np.testing.assert_allclose(end_to_end_nm(solute.positions_nm(chain.alpha)), ends, atol=1e-5)


def test_fluctuation_equal_to_mdanalysis(simulated: tuple[Path, Path]):
    topology, trajectory = simulated
    solute = read(topology, trajectory)
    chain = solute.chains[0]
    whole = MDAnalysis.Universe(str(topology), str(trajectory))
    frames = np.array([whole.atoms[chain.alpha].positions for _ in whole.trajectory])
    universe = MDAnalysis.Merge(whole.atoms[chain.alpha])
    universe.load_new(frames)
    reference = MDAnalysis.Merge(whole.atoms[chain.alpha])
    for _ in range(6):
        reference = align.AverageStructure(universe, reference).run().results.universe
    align.AlignTraj(universe, reference, in_memory=True).run()
    theirs = rms.RMSF(universe.atoms).run().results.rmsf / 10.0
    ours = rmsf_nm(solute.positions_nm(chain.alpha))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert theirs.max() > 0.01
    average_ours, superposed = average_nm(solute.positions_nm(chain.alpha))
    np.testing.assert_allclose(average_ours, superposed.mean(axis=0), atol=1e-12)
