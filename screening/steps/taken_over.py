"""What people already have, in place of a task's own work: a matrix or a network of a cell type, read from a file."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from catalog.record import Json, Row
from get_core.features import feature_names
from screening.errors import InvalidInput
from screening.sections.base import Section
from screening.steps import taken_over_files
from screening.steps.taken_over_files import LIST, ZARR, Matrix, format_of, names_its_direction
from screening.task import Task, Workspace

if TYPE_CHECKING:
    from get_core.causal.reference import ImportedNetwork
    from get_core.formats.interpretation import Reduce, Strands
    from screening.screen import Screen

__all__ = [
    "TakenOverSettings",
    "attribution_task",
    "check",
    "is_taken_over",
    "matrix_of",
    "network_of",
    "network_task",
    "row_of",
    "sections_of",
]

SOURCE = "taken_over"
SECTIONS = ("attribution", "causal")


class TakenOverSettings(Section):
    """What is taken over from a file has no settings; what matters of its stage's is an input of its task."""


def is_taken_over(task: Task) -> bool:
    """Return whether a task reads its result from a file."""
    return SOURCE in task.sources


def sections_of(screen: "Screen", cell_type: str) -> list[str]:
    """Return the sections of ``screen.toml`` that have a file for a cell type, as written there."""
    return [f"[{name}.files]" for name in SECTIONS if cell_type in getattr(screen.settings, name).files]


def attribution_task(screen: "Screen", cell_type: str, atlas: str) -> Task:
    """Return the attribution of a cell type that has a file in ``[attribution.files]``.

    Parameters
    ----------
    screen : Screen
        The screen.
    cell_type : str
        The cell type.
    atlas : str
        Key of the atlas.

    Raises
    ------
    InvalidInput
        There is no such file.
    """
    path = _source(screen, "attribution", cell_type)
    inputs: dict[str, Json] = {"cell_type": cell_type, "format": format_of(path)}
    if inputs["format"] == ZARR:
        settings = screen.settings.attribution
        inputs |= {"strands": settings.strands, "reduce": settings.reduce}
    return _task(screen, "attribution", cell_type, inputs, atlas, path)


def network_task(screen: "Screen", cell_type: str, atlas: str) -> Task:
    """Return the network of a cell type that has a file in ``[causal.files]``.

    Parameters
    ----------
    screen, cell_type, atlas
        As of `attribution_task`.

    Raises
    ------
    InvalidInput
        There is no such file, or it does not say its direction and ``causal.first_column`` does not either.
    """
    path = _source(screen, "causal", cell_type)
    settings = screen.settings.causal
    inputs: dict[str, Json] = {"cell_type": cell_type, "format": LIST, "top_fraction": settings.top_fraction}
    if not names_its_direction(path):
        if settings.first_column is None:
            raise InvalidInput(
                f"{path}: without the header cause, effect, weight it does not say which end of an edge is the cause",
                cure='add to [causal] in screen.toml: first_column = "effect" for lists of the published code, whose '
                'edges are reversed; first_column = "cause" where edges run as written',
            )
        inputs["first_column"] = settings.first_column
    return _task(screen, "causal", cell_type, inputs, atlas, path)


def check(screen: "Screen", cell_types: Sequence[str], motifs: Sequence[str], stages: Collection[str]) -> None:
    """Read and check what is to be taken over, before anything runs.

    Of an interpretation zarr the Jacobians, which may be gigabytes, are left to its task.

    Parameters
    ----------
    screen : Screen
        The screen.
    cell_types : sequence of str
        Of the atlas. Files of those that the screen leaves out are not read.
    motifs : sequence of str
        Of the atlas.
    stages : collection of str
        What is to run. Files of other stages are not read.

    Raises
    ------
    InvalidInput
        A cell type that the atlas does not have, no such file, a damaged one, one with other motifs than the atlas,
        or a list of edges that does not say its direction.
    """
    features = feature_names(motifs)
    chosen = screen.settings.cell_types or cell_types
    for stage in (each for each in SECTIONS if each in stages):
        for name, path in getattr(screen.settings, stage).files.items():
            if name not in cell_types:
                raise InvalidInput(
                    f'{stage}.files: "{name}" = "{path}": the atlas has no cell type "{name}", only: '
                    f"{', '.join(cell_types)}",
                    cure=f"correct the name in [{stage}.files] of screen.toml",
                )
            if name not in chosen:
                continue
            if stage == "causal":
                _network(network_task(screen, name, ""), features)
            else:
                taken_over_files.check_matrix(_source(screen, stage, name), features)


def matrix_of(workspace: Workspace, motifs: Sequence[str]) -> Matrix:
    """Read the matrix that a task takes over.

    Rows of one gene, which are its transcription starts, are averaged as they are where attribution computes them.

    Parameters
    ----------
    workspace : Workspace
        Of a task of `attribution_task`.
    motifs : sequence of str
        Of the atlas.

    Raises
    ------
    InvalidInput
        As `check`; also where the strands of an interpretation zarr cannot be told apart, or a value is not finite.
    """
    path, features, inputs = workspace.source(SOURCE), feature_names(motifs), workspace.task.inputs
    if inputs["format"] != ZARR:
        return taken_over_files.table(path, features)
    return taken_over_files.interpretation(
        path,
        features,
        strands=cast("Strands", inputs["strands"]),
        reduce=cast("Reduce", inputs["reduce"]),
        progress=workspace.progress,
    )


def network_of(workspace: Workspace, motifs: Sequence[str]) -> "ImportedNetwork":
    """Read the network that a task takes over, its edges from cause to effect.

    Parameters
    ----------
    workspace : Workspace
        Of a task of `network_task`.
    motifs : sequence of str
        Of the atlas.

    Raises
    ------
    InvalidInput
        As `check`.
    """
    return _network(workspace.task, feature_names(motifs))


def row_of(workspace: Workspace, notes: Sequence[str]) -> Row:
    """Return the row of the catalog that names the file."""
    inputs = workspace.task.inputs
    return {
        "task_key": workspace.task.key,
        "stage": workspace.task.stage,
        "cell_type_id": inputs["cell_type"],
        "file": workspace.source(SOURCE).name,
        "sha256": inputs[f"{SOURCE}_sha256"],
        "format": inputs["format"],
        "note": "; ".join(notes),
    }


def _network(task: Task, features: Sequence[str]) -> "ImportedNetwork":
    return taken_over_files.network(
        Path(task.sources[SOURCE]),
        features,
        first_column=cast("Literal['cause', 'effect'] | None", task.inputs.get("first_column")),
        top_fraction=cast(float, task.inputs["top_fraction"]),
    )


def _source(screen: "Screen", stage: str, cell_type: str) -> Path:
    what = {"attribution": "a gene-by-motif matrix", "causal": "a list of edges"}[stage]
    path = getattr(screen.settings, stage).files[cell_type]
    return screen.source(what, path, setting=f'{stage}.files."{cell_type}"', folder=stage == "attribution")


def _task(screen: "Screen", stage: str, cell_type: str, inputs: Mapping[str, Json], atlas: str, path: Path) -> Task:
    settings = TakenOverSettings()
    return screen.task(
        stage, cell_type, inputs=inputs, upstream={"atlas": atlas}, sources={SOURCE: path}, section=settings
    )
