"""How the network groups regions: their representation after each block, in two dimensions and in clusters."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from get_core.model import GET
    from get_core.windows import FeatureWindows

__all__ = ["NEIGHBOURS", "embed_regions", "leiden_clusters", "require_explore", "two_dimensions"]

# Default of UMAP (arXiv 1802.03426) and of scanpy's neighbourhood graph (doi 10.1186/s13059-017-1382-0).
NEIGHBOURS = 15

EXPLORE = {"umap": "umap-learn", "igraph": "igraph", "leidenalg": "leidenalg"}
"""Modules of the extra ``explore`` that this one imports, and the packages that have them."""


def require_explore() -> None:
    """Refuse to go on without the packages of the extra ``explore``.

    Raises
    ------
    InvalidInput
        One of them is not installed.
    """
    for module, package in EXPLORE.items():
        if find_spec(module) is None:
            raise InvalidInput(
                f"{package} is not installed", cure="pip install 'structural-interaction-screening[explore]'"
            )


def embed_regions(model: "GET", windows: "FeatureWindows", layer: int, *, batch_size: int = 64) -> NDArray[np.float32]:
    """Represent the focus region of each window by the network after some blocks.

    Parameters
    ----------
    model : GET
        Network; run in evaluation mode, on its own device.
    windows : FeatureWindows
        Windows with their focus.
    layer : int
        Blocks passed, 0 (the region by itself) to all.
    batch_size : int
        Windows per forward pass.

    Returns
    -------
    float32 (w, embed)

    Raises
    ------
    InvalidInput
        A layer that the network does not have.
    """
    import torch

    from get_core.model import evaluating

    if not 0 <= layer <= model.config.layers:
        raise InvalidInput(f"the network has layers 0 to {model.config.layers}, not {layer}")
    parts = [np.empty((0, model.config.embed), np.float32)]
    with torch.inference_mode(), evaluating(model):
        for batch in windows.batches(batch_size):
            x = torch.from_numpy(batch.x).to(model.cls_token)
            parts.append(model.embed(x, torch.from_numpy(batch.focus).to(x.device), layer).float().cpu().numpy())
    return np.concatenate(parts)


def two_dimensions(points: NDArray[np.float32], *, neighbours: int = NEIGHBOURS, seed: int = 0) -> NDArray[np.float32]:
    """Lay points out in a plane with UMAP.

    Parameters
    ----------
    points : float32 (w, d)
        More than `neighbours`.
    neighbours : int
        Size of the neighbourhood that is kept.
    seed : int
        Of the layout; one thread, so that it is the same on every run.

    Returns
    -------
    float32 (w, 2)
        Distances between far points mean little.

    Raises
    ------
    InvalidInput
        Too few points, or as `require_explore`.
    """
    _enough(points, neighbours)
    require_explore()
    from umap import UMAP

    return np.asarray(UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(points), np.float32)


def leiden_clusters(
    points: NDArray[np.float32], *, neighbours: int = NEIGHBOURS, resolution: float = 1.0, seed: int = 0
) -> NDArray[np.int64]:
    """Group points by the Leiden algorithm on their nearest-neighbour graph.

    Source: Traag, Waltman and van Eck, doi 10.1038/s41598-019-41695-z.

    Parameters
    ----------
    points : float32 (w, d)
        More than `neighbours`.
    neighbours : int
        Edges from each point to its nearest, unweighted; Euclidean distance.
    resolution : float
        Larger values give more clusters (configuration-model quality).
    seed : int
        Of the search.

    Returns
    -------
    int64 (w,)
        Clusters from 0, the largest first.

    Raises
    ------
    InvalidInput
        Too few points, or as `require_explore`.
    """
    _enough(points, neighbours)
    require_explore()
    import igraph
    import leidenalg
    from sklearn.neighbors import kneighbors_graph

    nearest = kneighbors_graph(points, neighbours, mode="connectivity")
    rows, columns = nearest.maximum(nearest.T).nonzero()
    graph = igraph.Graph(n=len(points), edges=[(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if i < j])
    found = leidenalg.find_partition(
        graph, leidenalg.RBConfigurationVertexPartition, resolution_parameter=resolution, seed=seed
    )
    members = np.asarray(found.membership, np.int64)
    order = np.argsort(-np.bincount(members), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place[members]


def _enough(points: NDArray[np.float32], neighbours: int) -> None:
    if points.ndim != 2 or len(points) <= neighbours:
        raise InvalidInput(
            f"points of shape {points.shape} have no {neighbours} neighbours each", cure="give more regions"
        )
