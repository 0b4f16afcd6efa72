"""The bootstrap of a cell type's causal network: resamples in blocks, each a task, gathered by the network's own."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from catalog.record import Json
from get_core.features import ACCESSIBILITY
from screening.errors import InvalidOutput
from screening.sections.network import ResampleSettings
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from get_core.causal.estimator import Estimator
    from get_core.causal.stability import Stability
    from screening.screen import Screen

__all__ = ["attributed_motifs", "estimator_of", "roles", "run", "stability_of", "tasks"]

BLOCK = 5
"""Resamples per task: enough to outweigh the start of a task, few enough to spread over a cluster."""


def tasks(screen: "Screen", cell_type: str, attribution: str) -> Sequence[Task]:
    """Return the blocks of a cell type's resamples.

    Parameters
    ----------
    screen : Screen
        Its ``[causal]`` says how many resamples, and how each is fitted.
    cell_type : str
        The cell type.
    attribution : str
        Key of its attribution.
    """
    settings = screen.settings.causal
    return [
        screen.task(
            "resample",
            f"{cell_type} {first + 1}-{last}",
            inputs={"first": first, "last": last, **settings.of_one_fit()},
            upstream={"attribution": attribution},
        )
        for first in range(0, settings.bootstraps, BLOCK)
        for last in (min(first + BLOCK, settings.bootstraps),)
    ]


def roles(blocks: Sequence[Task]) -> dict[str, str]:
    """Return blocks as the upstream of the task that gathers them."""
    return {f"resample{number:04d}": block.key for number, block in enumerate(blocks)}


def run(workspace: Workspace, settings: ResampleSettings) -> Result:
    """Find the network of each resample of a block."""
    from get_core.causal.network import usable_motifs
    from get_core.causal.stability import resample

    inputs = workspace.task.inputs
    first, last, seed = (cast(int, inputs[name]) for name in ("first", "last", "seed"))
    values, motifs, _ = usable_motifs(*attributed_motifs(workspace, accessibility=bool(inputs["accessibility"])))
    estimator = estimator_of(inputs, workspace.cpus)
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for number in range(first, last):
            found.append(resample(values, number, seed=seed, estimator=estimator))
            workspace.progress(number + 1 - first, last - first)
    path = workspace.folder / "resamples.npz"
    np.savez_compressed(
        path,
        effects=np.stack([each.effects for each in found]),
        position=np.stack([each.position for each in found]),
        motifs=np.array(motifs),
    )
    return Result(
        outputs={"first": first, "last": last, "warnings": [str(warning.message) for warning in caught]},
        files=[OutputFile("resamples", path, "application/octet-stream")],
    )


def stability_of(workspace: Workspace, motifs: Sequence[str]) -> "Stability | None":
    """Gather the blocks that a network's task reads; None where there are none.

    Raises
    ------
    InvalidOutput
        The blocks are about other motifs than the network.
    """
    from get_core.causal.stability import Resample, summarise

    found: list[Resample] = []
    for role in sorted(role for role in workspace.task.upstream if role.startswith("resample")):
        with np.load(workspace.file(role, "resamples"), allow_pickle=False) as arrays:
            if arrays["motifs"].tolist() != list(motifs):
                raise InvalidOutput(f"{role} is about other motifs than the network of {workspace.task.subject}")
            found += [Resample(*each) for each in zip(arrays["effects"], arrays["position"], strict=True)]
    return summarise(found) if found else None


def attributed_motifs(workspace: Workspace, *, accessibility: bool) -> tuple[np.ndarray, list[str]]:
    """Load the attribution matrix, float64 (rows, motifs), and the names of its columns."""
    with np.load(workspace.file("attribution", "attribution"), allow_pickle=False) as arrays:
        matrix, names = arrays["matrix"].astype(np.float64), arrays["motifs"].tolist()
    keep = [column for column, name in enumerate(names) if accessibility or name != ACCESSIBILITY]
    return matrix[:, keep], [names[column] for column in keep]


def estimator_of(settings: Mapping[str, Json], threads: int) -> "Estimator":
    """Return the estimator that ``method`` and ``seed`` stand for."""
    from get_core.causal import DirectLiNGAM, ICALiNGAM

    if settings["method"] == "ica":
        return ICALiNGAM(random_state=cast(int, settings["seed"]))
    return DirectLiNGAM(threads=threads)
