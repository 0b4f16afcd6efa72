"""Wrapping undone and images found, against brute force on boxes of three shapes."""

from itertools import product

import numpy as np
import pytest

from md.analysis.image import bring_together, make_whole, minimum_image_distance_nm

SHAPES = {
    "cube": np.eye(3),
    "dodecahedron": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.5**0.5]]),
    "octahedron": np.array([[1.0, 0.0, 0.0], [1 / 3, 8**0.5 / 3, 0.0], [-1 / 3, 2**0.5 / 3, 6**0.5 / 3]]),
}


def chains(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random walks of 30 and 20 atoms side by side, and their bonds."""
    generator = np.random.default_rng(seed)
    steps = generator.standard_normal((50, 3))
    steps *= 0.15 / np.linalg.norm(steps, axis=1, keepdims=True)
    a, b = np.cumsum(steps[:30], axis=0), np.cumsum(steps[30:], axis=0) + np.array([0.0, 0.0, 1.0])
    bonds = [(i, i + 1) for i in (*range(29), *range(30, 49))]
    return np.concatenate([a, b]), np.array(bonds)


@pytest.mark.parametrize("shape", SHAPES)
def test_wrapped_atoms_are_made_whole_and_chains_brought_together(shape: str):
    start, bonds = chains(1)
    box = 4.0 * SHAPES[shape]
    generator = np.random.default_rng(2)
    drift = np.cumsum(generator.normal(0.0, 0.5, (25, 1, 3)), axis=0)
    frames = start + drift
    frames[:, 30:] += 0.02 * np.arange(25)[:, None, None]
    wrapped = frames - np.floor(frames @ np.linalg.inv(box)) @ box
    boxes = np.repeat(box[None], 25, axis=0)
    assert np.linalg.norm(np.diff(wrapped[:, :30], axis=1), axis=2).max() > 1.0
    found = bring_together(make_whole(wrapped.astype(np.float32), boxes, bonds), boxes, bonds, start)
    np.testing.assert_allclose(found - found[:, :1], frames - frames[:, :1], atol=1e-5)


def test_a_partner_that_leaves_is_followed():
    start, bonds = chains(3)
    frames = np.repeat(start[None], 40, axis=0)
    frames[:, 30:, 0] += np.linspace(0.0, 6.0, 40)[:, None]
    boxes = np.repeat(4.0 * np.eye(3)[None], 40, axis=0)
    wrapped = frames.copy()
    wrapped[:, 30:, 0] -= 4.0 * np.round(wrapped[:, 30:, 0].mean(axis=1, keepdims=True) / 4.0)
    found = bring_together(wrapped.astype(np.float32), boxes, bonds, start)
    np.testing.assert_allclose(found, frames, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("edge_nm", [1.5, 2.5, 5.0])
def test_minimum_image_distance_by_brute_force(shape: str, edge_nm: float):
    # More atoms than the search samples first: the nearest pair is not among those.
    xyz = np.concatenate([chains(seed)[0] for seed in range(4, 10)])
    box = edge_nm * SHAPES[shape]
    expected = min(
        np.linalg.norm(xyz[:, None] - xyz[None] - np.array(shift) @ box, axis=2).min()
        for shift in product((-1, 0, 1), repeat=3)
        if any(shift)
    )
    found = minimum_image_distance_nm(xyz[None].astype(np.float32), box[None])
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_minimum_image_distance_of_one_atom_is_the_box():
    assert minimum_image_distance_nm(np.zeros((1, 1, 3), np.float32), 3.0 * np.eye(3)[None])[0] == pytest.approx(3.0)
