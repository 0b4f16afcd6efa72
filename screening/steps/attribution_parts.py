"""An attribution in parts: tasks of their own that are known in advance, put together by the cell type's own task.

The parts are cut between batches. So every batch is one that the undivided attribution has as well, and the result is
the same to the last bit on the same kind of processor or GPU; the number of parts enters no key but those of the parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidOutput
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["Attributed", "gathered", "place_of", "result_of", "tasks"]

PART = "part"


@dataclass(frozen=True, eq=False)
class Attributed:
    """Attribution of w windows, as far as a cell type's matrix is made from it.

    Attributes
    ----------
    by_motif : float32 (w, F)
        Attributions reduced over the regions of each window.
    output : float32 (w,)
        The output that was attributed.
    unexplained : float32 (w,) or None
        As in `get_core.attribution.Attribution`.
    accelerator : str or None
        GPU that did the work.
    """

    by_motif: NDArray[np.float32]
    output: NDArray[np.float32]
    unexplained: NDArray[np.float32] | None
    accelerator: str | None = None


def tasks(screen: "Screen", cell_type: str, upstream: Mapping[str, str]) -> Sequence[Task]:
    """Return the attribution of a cell type, behind the parts that it is put together from.

    Parameters
    ----------
    screen : Screen
        Its ``[attribution]`` says how many parts. One part is no part; a result that is there needs none.
    cell_type : str
        The cell type.
    upstream : mapping of str to str
        Keys of the atlas and of the finetuning.
    """
    inputs = {"cell_type": cell_type}
    whole = screen.task("attribution", cell_type, inputs=inputs, upstream=upstream)
    settings = screen.settings.attribution
    if settings.parts == 1 or screen.store.get(whole.key) is not None:
        return [whole]
    division = {"parts": settings.parts, "batch_size": settings.batch_size}
    parts = [
        screen.task(
            "attribution",
            f"{cell_type}, part {number + 1} of {settings.parts}",
            inputs={**inputs, **division, PART: number},
            upstream=upstream,
        )
        for number in range(settings.parts)
    ]
    shares = {f"{PART}{number:04d}": part.key for number, part in enumerate(parts)}
    return [*parts, screen.task("attribution", cell_type, inputs=inputs, upstream=upstream, shares=shares)]


def place_of(task: Task, count: int) -> slice | None:
    """Return which of `count` windows a task attributes; None for a task that is not a part."""
    if PART not in task.inputs:
        return None
    number, parts, size = (cast(int, task.inputs[name]) for name in (PART, "parts", "batch_size"))
    batches = -(-count // size)
    first, last = (batches * edge // parts * size for edge in (number, number + 1))
    return slice(min(first, count), min(last, count))


def result_of(workspace: Workspace, place: slice, found: Attributed) -> Result:
    """Keep a part, not compressed: the whole will be."""
    path = workspace.folder / "part.npz"
    arrays = {"by_motif": found.by_motif, "output": found.output}
    if found.unexplained is not None:
        arrays["unexplained"] = found.unexplained
    np.savez(path, allow_pickle=False, **arrays)
    outputs = {"first": place.start, "last": place.stop}
    return Result(outputs, {}, [OutputFile(PART, path, "application/octet-stream")], found.accelerator)


def gathered(workspace: Workspace, count: int) -> Attributed | None:
    """Put the parts that a task reads together; None where there are none.

    Raises
    ------
    InvalidOutput
        They do not cover the `count` windows.
    """
    parts: list[dict[str, np.ndarray]] = []
    for role in sorted(role for role in workspace.task.upstream if role.startswith(PART)):
        with np.load(workspace.file(role, PART), allow_pickle=False) as stored:
            parts.append(dict(stored))
    if not parts:
        return None
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if len(joined["output"]) != count:
        raise InvalidOutput(f"{workspace.task.subject}: the parts hold {len(joined['output'])} rows, not {count}")
    return Attributed(joined["by_motif"], joined["output"], joined.get("unexplained"))
