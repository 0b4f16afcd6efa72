"""What the stages of a cell type's network have in common: its regions, its network, and where to compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.features import feature_names
from screening.errors import InvalidInput
from screening.steps.atlas import atlas_of
from screening.task import Resources, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.checkpoints import LoadReport
    from get_core.model import GET

__all__ = [
    "Regions",
    "device_of",
    "held_atlas",
    "network_of",
    "refuse_other_features",
    "regions_of",
    "resources",
    "use_threads",
]


def resources(settings: object) -> Resources:
    """Return what training and attribution need on a processor; a GPU is granted by ``[resources.STAGE]``."""
    return Resources(cpus=1, memory_gib=3.0, deadline_s=12 * 3600.0)


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions a cell type's network sees.

    Attributes
    ----------
    features : float32 (n, F)
        Motif scores and accessibility.
    chrom : str (n,)
        Chromosome of each region.
    rows : int64 (n,)
        Their rows in the atlas.
    """

    features: NDArray[np.float32]
    chrom: NDArray[np.str_]
    rows: NDArray[np.int64]


def refuse_other_features(path: Path, report: "LoadReport", motifs: Sequence[str]) -> None:
    """Refuse a network that was trained with other features than the atlas has.

    Parameters
    ----------
    path : Path
        The checkpoint, for the message.
    report : LoadReport
        What it was found to be. Only our own checkpoints name their features; of others the number is all there is.
    motifs : sequence of str
        Of the atlas.

    Raises
    ------
    InvalidInput
        Another number of features, or other names, or these in another order.
    """
    ours, cure = feature_names(motifs), "use the motifs that the checkpoint was trained with"
    if report.config.features != len(ours):
        raise InvalidInput(
            f"{path}: a network of {report.config.features} features, "
            f"but the atlas has {len(ours)} (its motifs and accessibility)",
            cure=cure,
        )
    if report.features is not None and report.features != ours:
        number = next(index for index, pair in enumerate(zip(report.features, ours, strict=True)) if len({*pair}) > 1)
        raise InvalidInput(
            f"{path}: feature {number + 1} of the network is {report.features[number]}, of the atlas {ours[number]}",
            cure=cure,
        )


def regions_of(atlas: "Atlas", cell_type: str, target: str) -> Regions:
    """Return what a cell type's network sees.

    Parameters
    ----------
    atlas : Atlas
        The atlas.
    cell_type : str
        One of its cell types.
    target : str
        ``expression``: the accessible regions with their accessibility, as in GET. ``accessibility``: all regions,
        and ones in place of the accessibility that is to be predicted.
    """
    index = atlas.cell_types.index(cell_type)
    if target == "accessibility":
        rows = np.arange(len(atlas.start))
    else:
        rows = np.flatnonzero(atlas.accessibility[index] > 0)
    features = atlas.features(cell_type, accessibility=target == "expression")
    return Regions(features[rows], atlas.chrom[rows], rows)


def network_of(workspace: Workspace, device: str) -> "GET":
    """Return the finetuned network that a task reads.

    An actor, which is what a task with a GPU runs in, keeps the last one it was asked for: the parts of a cell type
    load it once in each process. What is kept is known by its path in the store, which names the content.

    Parameters
    ----------
    workspace : Workspace
        Of a task that reads ``finetune``.
    device : str
        Where the network is to be.
    """
    load = _kept_network if workspace.gpus else _loaded_network
    return load(workspace.file("finetune", "model"), device)


def held_atlas(workspace: Workspace) -> "Atlas":
    """Return the atlas that a task reads; an actor keeps it as `network_of` keeps the network."""
    return _kept_atlas(workspace.file("atlas", "atlas")) if workspace.gpus else atlas_of(workspace)


def _loaded_network(path: Path, device: str) -> "GET":
    from get_core.checkpoints import load_get

    return load_get(path)[0].to(device)


_kept_network = lru_cache(maxsize=1)(_loaded_network)


@lru_cache(maxsize=1)
def _kept_atlas(path: Path) -> "Atlas":
    from get_core.atlas import Atlas

    return Atlas.load(path)


def device_of(workspace: Workspace) -> tuple[str, str | None]:
    """Return where to compute, and the name of the GPU: one only where one was granted and is there."""
    import torch

    if workspace.gpus and torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    return "cpu", None


def use_threads(count: int) -> None:
    """Let torch use so many threads."""
    import torch

    torch.set_num_threads(count)
