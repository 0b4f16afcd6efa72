"""What each motif does to the outputs of a cell type's network: rows × motifs, computed whole or in parts, or read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Json, Row
from get_core.features import feature_names
from screening.errors import InvalidInput
from screening.sections.chromatin import AttributionSettings
from screening.steps import attribution_parts, taken_over
from screening.steps.attribution_parts import Attributed
from screening.steps.chromatin import Regions, device_of, held_atlas, network_of, regions_of, use_threads
from screening.task import OutputFile, Result, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.windows import Windows

__all__ = ["refuse_rows", "run"]

ARRAYS = "application/octet-stream"


@dataclass(frozen=True, eq=False)
class Asked:
    """What is attributed in a cell type.

    Attributes
    ----------
    atlas : Atlas
        All regions.
    regions : Regions
        Those that the network sees.
    windows : Windows
        One for each row: focus region and strand.
    gene : tuple of str
        Gene of each row; empty where rows are not genes.
    skipped : tuple of str
        Genes of the rows that got no window.
    """

    atlas: "Atlas"
    regions: Regions
    windows: "Windows"
    gene: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def run(workspace: Workspace, settings: AttributionSettings) -> Result:
    """Attribute the network's own outputs, or a part of them, or put the parts together, or read a matrix."""
    if taken_over.is_taken_over(workspace.task):
        return _taken_over(workspace)
    asked = _asked(workspace, settings)
    place = attribution_parts.place_of(workspace.task, len(asked.windows))
    if place is not None:
        return attribution_parts.result_of(workspace, place, _attributed(workspace, settings, asked, place))
    found = attribution_parts.gathered(workspace, len(asked.windows))
    return _result(workspace, settings, asked, found or _attributed(workspace, settings, asked, slice(None)))


def _attributed(workspace: Workspace, settings: AttributionSettings, asked: Asked, place: slice) -> Attributed:
    """Attribute some of the windows with the cell type's network."""
    from get_core.attribution import attribute

    use_threads(workspace.cpus)
    device, accelerator = device_of(workspace)
    found = attribute(
        network_of(workspace, device),
        asked.windows[place].over(asked.regions.features),
        method=settings.method,
        reduce=settings.reduce,
        precision=settings.precision,
        batch_size=settings.batch_size,
        progress=workspace.progress,
    )
    return Attributed(found.by_motif, found.output, found.unexplained, accelerator)


def _result(workspace: Workspace, settings: AttributionSettings, asked: Asked, found: Attributed) -> Result:
    """Write the matrix of a cell type, and say what it holds on average."""
    from get_core.attribution import mean_by_gene

    cell_type = workspace.text_input("cell_type")
    matrix, genes = found.by_motif, ()
    if settings.rows == "genes":
        matrix, genes = mean_by_gene(matrix, asked.gene)
    kept, table = _kept(
        workspace,
        feature_names(asked.atlas.motifs),
        matrix,
        genes,
        region=asked.regions.rows[asked.windows.rows],
        strand=asked.windows.strand,
        output=found.output,
    )
    outputs = {
        "n_rows": len(matrix),
        "n_skipped": len(asked.windows.skipped),
        "method": settings.method,
        "reduce": settings.reduce,
        "rows": settings.rows,
        "unexplained": None if found.unexplained is None else float(np.abs(found.unexplained).mean()),
    }
    missing: list[Row] = [
        {"task_key": workspace.task.key, "cell_type_id": cell_type, "gene": gene, "reason": reason}
        for gene, reason in _missing(asked, settings)
    ]
    tables = {"motif_attributions": table, "unattributed_genes": missing}
    return Result(outputs, tables, [kept], found.accelerator)


def _taken_over(workspace: Workspace) -> Result:
    """Keep a matrix that is there already as if it had been computed, and say where it comes from."""
    motifs = held_atlas(workspace).motifs
    found = taken_over.matrix_of(workspace, motifs)
    kept, table = _kept(workspace, feature_names(motifs), found.values, found.genes, **found.of_windows)
    outputs: dict[str, Json] = {
        "n_rows": len(found.values),
        "n_skipped": None,
        "method": "taken_over",
        "reduce": workspace.task.inputs.get("reduce"),
        "rows": "genes",
        "unexplained": None,
        "notes": [*found.notes],
    }
    return Result(
        outputs, {"motif_attributions": table, "taken_over": [taken_over.row_of(workspace, found.notes)]}, [kept]
    )


def _kept(
    workspace: Workspace,
    names: Sequence[str],
    matrix: NDArray[np.float32],
    genes: Sequence[str],
    **of_windows: NDArray,
) -> tuple[OutputFile, list[Row]]:
    """Write a matrix, one row for each gene or region, and return it with what each motif is on average."""
    path = workspace.folder / "attribution.npz"
    arrays = {"matrix": matrix, "motifs": np.array(names), "genes": np.array(genes, np.str_), **of_windows}
    np.savez_compressed(path, allow_pickle=False, **arrays)
    mean, mean_abs = matrix.mean(0, dtype=np.float64), np.abs(matrix).mean(0, dtype=np.float64)
    table: list[Row] = [
        {
            "task_key": workspace.task.key,
            "cell_type_id": workspace.text_input("cell_type"),
            "motif_id": name,
            "mean_score": float(mean[column]),
            "mean_abs_score": float(mean_abs[column]),
            "n_genes": len(matrix),
        }
        for column, name in enumerate(names)
    ]
    return OutputFile("attribution", path, ARRAYS), table


def _asked(workspace: Workspace, settings: AttributionSettings) -> Asked:
    from get_core.windows import around

    atlas = held_atlas(workspace)
    tuned = workspace.upstream("finetune").outputs
    target = str(tuned["target"])
    cell_type = workspace.text_input("cell_type")
    regions = regions_of(atlas, cell_type, target)
    rows, strand, gene = _rows(atlas, atlas.cell_types.index(cell_type), regions, settings, target)
    windows = around(regions.chrom, rows, strand, int(str(tuned["window"])))
    fits = ~np.isin(rows, windows.skipped)
    kept, skipped = (
        tuple(name for name, same in zip(gene, fits == side, strict=False) if same) for side in (True, False)
    )
    return Asked(atlas, regions, windows, kept, skipped)


def refuse_rows(rows: str, target: str, *, has_starts: bool) -> None:
    """Refuse rows that the network cannot be asked about, or that the atlas does not have.

    Parameters
    ----------
    rows : str
        ``attribution.rows``.
    target : str
        ``finetune.target``: what the network predicts.
    has_starts : bool
        Whether the atlas has transcription starts.

    Raises
    ------
    InvalidInput
        Rows of expression of a network that predicts accessibility, or of genes without transcription starts.
    """
    if rows in ("genes", "promoters") and target == "accessibility":
        raise InvalidInput(
            f'attribution.rows = "{rows}" needs finetune.target = "expression"',
            cure='set attribution.rows = "accessible" in screen.toml',
        )
    if rows == "genes" and not has_starts:
        raise InvalidInput(
            'attribution.rows = "genes" needs an atlas with transcription starts',
            cure='build it with a gene annotation, or set attribution.rows = "promoters" in screen.toml',
        )


def _rows(
    atlas: "Atlas", index: int, regions: Regions, settings: AttributionSettings, target: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """Return which of the regions are attributed, int64 (w,), on which strand, int64 (w,), and for which gene."""
    refuse_rows(settings.rows, target, has_starts=atlas.promoters is not None)
    if settings.rows == "genes":
        assert atlas.promoters is not None
        place = np.full(len(atlas.chrom), -1)
        place[regions.rows] = np.arange(len(regions.rows))
        rows = place[atlas.promoters.region]
        there = rows >= 0
        gene = tuple(name for name, kept in zip(atlas.promoters.gene, there, strict=True) if kept)
        return rows[there], atlas.promoters.strand[there], gene
    if settings.rows == "promoters":
        assert atlas.expression_labels is not None  # the network was trained on them
        rows, strand = np.nonzero(atlas.expression_labels[index][regions.rows] > 0)
        return rows, strand, ()
    rows = np.arange(len(regions.rows))
    if settings.rows == "accessible":
        rows = np.flatnonzero(atlas.accessibility[index][regions.rows] > 0)
    return rows, np.zeros(len(rows), np.int64), ()


def _missing(asked: Asked, settings: AttributionSettings) -> Iterator[tuple[str, str]]:
    """Say why genes of the annotation have no row."""
    if settings.rows != "genes" or asked.atlas.promoters is None:
        return
    skipped = set(asked.skipped)
    for gene in sorted(set(asked.atlas.promoters.gene) - set(asked.gene)):
        short = gene in skipped
        yield gene, "chromosome_too_short_for_a_window" if short else "no_transcription_start_in_an_open_region"
