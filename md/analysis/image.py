"""Periodic images: molecules made whole, chains brought together, and how close a solute comes to its own image."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial import KDTree

__all__ = ["bring_together", "make_whole", "minimum_image_distance_nm"]

Floats = NDArray[np.float64]
Frames = NDArray[np.float32]
Indices = NDArray[np.int64]

# One of each pair of opposite neighbours of a cell.
NEIGHBOURS = tuple(shift for shift in product((-1, 0, 1), repeat=3) if shift > (0, 0, 0))


def make_whole(xyz_nm: Frames, boxes_nm: Floats, bonds: Indices) -> Frames:
    """Undo the wrapping of atoms into the box, bond by bond.

    Parameters
    ----------
    xyz_nm : float32 (n, N, 3)
    boxes_nm : float64 (n, 3, 3)
        Vectors in rows.
    bonds : int64 (b, 2)

    Returns
    -------
    float32 (n, N, 3)
        Each bonded molecule in one piece, in the image of its first atom.
    """
    whole = xyz_nm.astype(np.float64)
    inverse = np.linalg.inv(boxes_nm)
    for parents, children in _outwards(bonds, whole.shape[1]):
        apart = whole[:, children] - whole[:, parents]
        whole[:, children] -= np.round(apart @ inverse) @ boxes_nm
    return whole.astype(np.float32)


def bring_together(xyz_nm: Frames, boxes_nm: Floats, bonds: Indices, start_nm: Floats) -> Frames:
    """Shift molecules by whole box vectors to where they were beside each other: at the start, then frame by frame.

    The barostat moves each molecule into the first image by itself, so partners can be an image apart. A partner that
    leaves is followed on its way, not wrapped back; `minimum_image_distance_nm` says when it meets an image.

    Parameters
    ----------
    xyz_nm : float32 (n, N, 3)
        Molecules whole.
    boxes_nm : float64 (n, 3, 3)
    bonds : int64 (b, 2)
    start_nm : float64 (N, 3)
        The structure of the start, in one image.

    Returns
    -------
    float32 (n, N, 3)
    """
    together = xyz_nm.copy()
    inverse = np.linalg.inv(boxes_nm)
    molecules = sorted(_molecules(bonds, xyz_nm.shape[1]), key=len, reverse=True)
    for place, atoms in enumerate(molecules[1:], start=1):
        anchor = min(molecules[:place], key=lambda other: _nearest(start_nm[other], start_nm[atoms]))
        before = start_nm[atoms].mean(axis=0) - start_nm[anchor].mean(axis=0)
        offsets = together[:, atoms].mean(axis=1, dtype=np.float64) - together[:, anchor].mean(axis=1, dtype=np.float64)
        for frame, offset in enumerate(offsets):
            shift = np.round((offset - before) @ inverse[frame]) @ boxes_nm[frame]
            together[frame, atoms] -= shift.astype(np.float32)
            before = offset - shift
    return together


def minimum_image_distance_nm(xyz_nm: Frames, boxes_nm: Floats) -> Floats:
    """Return how close a solute comes to its own periodic images.

    Parameters
    ----------
    xyz_nm : float32 (n, N, 3)
        Whole, chains together.
    boxes_nm : float64 (n, 3, 3)
        Vectors in rows, in reduced form, so that the 26 cells around hold the nearest image.

    Returns
    -------
    float64 (n,)
        Smallest distance between an atom and an image of any atom, nm. Below the cutoff of the forces the protein acts
        on itself across the box, and the trajectory is not of one complex in solution.
    """
    return np.array(
        [_to_images(frame.astype(np.float64), box) for frame, box in zip(xyz_nm, boxes_nm, strict=True)], np.float64
    )


def _to_images(xyz: Floats, box: Floats) -> float:
    """Return the smallest distance to an image: exactly, looking only at atoms that can give it."""
    from scipy.spatial import KDTree

    shifts = np.array(NEIGHBOURS, np.float64) @ box
    sample = xyz[:: max(1, len(xyz) // 200)]
    best = min(_nearest(sample, sample + shift) for shift in shifts)
    for shift in shifts:
        length = float(np.linalg.norm(shift))
        along = xyz @ shift / length
        # The distance of i to the image of j is at least length + along_j - along_i.
        front = xyz[along >= length - best + along.min()]
        back = xyz[along <= along.max() - length + best]
        if len(front) and len(back):
            best = min(best, _query(KDTree(front), back + shift, best))
    return best


def _query(tree: "KDTree", points: Floats, bound: float) -> float:
    distances, _ = tree.query(points, distance_upper_bound=bound)
    return float(np.min(distances))


def _nearest(a: Floats, b: Floats) -> float:
    from scipy.spatial import KDTree

    return _query(KDTree(a), b, np.inf)


def _molecules(bonds: Indices, n_atoms: int) -> list[Indices]:
    """Return the atoms of each bonded molecule."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
    n_molecules, label = connected_components(graph, directed=False)
    return [np.flatnonzero(label == molecule) for molecule in range(n_molecules)]


def _outwards(bonds: Indices, n_atoms: int) -> list[tuple[Indices, Indices]]:
    """Return parents and children of each generation, from the first atom of each molecule outwards."""
    from scipy.sparse import coo_array

    ends = np.concatenate([bonds, bonds[:, ::-1]])
    neighbours = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_atoms, n_atoms)).tocsr()
    known = np.zeros(n_atoms, bool)
    front = np.array([atoms[0] for atoms in _molecules(bonds, n_atoms)], np.int64)
    known[front] = True
    generations = []
    while len(front):
        rows = neighbours[front].tocoo()
        parents, children = front[rows.coords[0]], rows.coords[1].astype(np.int64)
        children, first = np.unique(children, return_index=True)
        parents = parents[first]
        new = ~known[children]
        parents, front = parents[new], children[new]
        known[front] = True
        if len(front):
            generations.append((parents, front))
    return generations
