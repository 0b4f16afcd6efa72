"""What is read out of a cell type's network on request: targets, embeddings, perturbations, reporters, loci."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.record import Json, Row
from get_core.features import ACCESSIBILITY, feature_names
from screening.errors import InvalidInput
from screening.sections.readouts import ReadoutSettings
from screening.steps import agnostic, reporter, taken_over
from screening.steps.atlas import atlas_of
from screening.steps.cell_type import cell_type_of, head_of
from screening.steps.first_tasks import first_tasks
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from screening.screen import Screen

__all__ = ["checkpoint_of", "readout_task", "run"]


def readout_task(
    screen: "Screen", kind: str, cell_type: str, inputs: Mapping[str, Json], sources: Mapping[str, Path] | None = None
) -> Task:
    """Return the task that answers a question about a cell type of a screen that has run.

    Parameters
    ----------
    screen : Screen
        The screen, with the settings it ran with.
    kind : str
        One of `QUESTIONS`.
    cell_type : str
        One of the screen's.
    inputs : mapping
        What is asked.
    sources : mapping of str to Path, optional
        Files that the question brings.

    Raises
    ------
    InvalidInput
        No such cell type, its network or attribution is not there yet, or it was taken over without what is asked.
    """
    needed = ("atlas", "attribution") if kind == "targets" else ("atlas", "finetune", "attribution")
    tasks = _finished(screen, cell_type, needed, also=["finetune"])
    return screen.task(
        "readout",
        f"{kind} in {cell_type}",
        inputs={"kind": kind, "cell_type": cell_type, **inputs},
        upstream={role: task.key for role, task in tasks.items()},
        sources=sources,
    )


def checkpoint_of(screen: "Screen", cell_type: str) -> Path:
    """Return the checkpoint of a cell type's network.

    Parameters
    ----------
    screen : Screen
        A screen that has run.
    cell_type : str
        One of the screen's.

    Raises
    ------
    InvalidInput
        As `readout_task`.
    """
    record = screen.store.get(_finished(screen, cell_type, ["finetune"])["finetune"].key)
    assert record is not None
    return screen.store.path(record.artifact("model"))


def _finished(screen: "Screen", cell_type: str, stages: Sequence[str], *, also: Sequence[str] = ()) -> dict[str, Task]:
    """Return tasks of a cell type that questions read, all of them done; those of `also` where it has them."""
    planned = first_tasks(screen, until="causal")
    names = sorted(task.subject for task in planned if task.stage == "causal")
    if cell_type not in names:
        raise InvalidInput(f"the screen has no cell type {cell_type!r}", cure=f"it has {', '.join(names)}")
    known = {task.stage: task for task in planned if task.subject == cell_type or task.stage == "atlas"}
    for stage in stages:
        if stage not in known:
            given = " and ".join(taken_over.sections_of(screen, cell_type))
            raise InvalidInput(
                f"this asks {MISSING[stage]}, which {cell_type} does not have: it begins at its file in {given}",
                cure=f'take "{cell_type}" out of {given} in screen.toml, and run the screen',
            )
    tasks = {stage: known[stage] for stage in dict.fromkeys((*stages, *also)) if stage in known}
    for task in tasks.values():
        record = screen.store.get(task.key)
        if record is None or not record.ok:
            raise InvalidInput(
                f"the {task.stage} of {task.subject} has not run with these settings", cure="screening run SCREEN.TOML"
            )
    return tasks


def run(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Answer one question."""
    return QUESTIONS[workspace.text_input("kind")](workspace, settings)


def _motif_column(atlas: "Atlas", motif: str) -> int:
    names = feature_names(atlas.motifs)
    if motif not in names:
        raise InvalidInput(f"the atlas has no motif {motif!r}", cure=f"it has {', '.join(names[:12])} and so on")
    return names.index(motif)


def _targets(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Top targets of a motif, their gene sets, and their expression beside the motif's TFs over cell types."""
    from get_core.enrichment import enrichment, read_gene_sets, top_targets
    from get_core.motifs import genes_of

    motif, fraction = workspace.text_input("motif"), float(str(workspace.task.inputs["fraction"]))
    with np.load(workspace.file("attribution", "attribution"), allow_pickle=False) as stored:
        matrix, motifs, genes = stored["matrix"], stored["motifs"].tolist(), stored["genes"].tolist()
    if not genes:
        raise InvalidInput(
            "the attribution has rows for regions, not for genes", cure='set attribution.rows = "genes" in screen.toml'
        )
    if motif not in motifs:
        raise InvalidInput(f"the attribution has no motif {motif!r}")
    column = matrix[:, motifs.index(motif)]
    chosen = top_targets(column, genes, fraction)
    value = dict(zip(genes, column.tolist(), strict=True))
    head = head_of(workspace) | {"motif_id": motif}
    factors = [] if motif == ACCESSIBILITY else genes_of(motif)
    tables: dict[str, Sequence[Row]] = {
        "targets": [
            head | {"rank": rank, "gene": gene, "attribution": value[gene]} for rank, gene in enumerate(chosen, start=1)
        ],
        "target_correlations": _correlated(atlas_of(workspace), factors, chosen, head),
    }
    if "gene_sets" in workspace.task.sources:
        found = enrichment(chosen, genes, read_gene_sets(workspace.source("gene_sets")))
        tables["enrichments"] = [
            head
            | {
                "gene_set": each.name,
                "n_overlap": len(each.overlap),
                "n_set": each.size,
                "n_targets": len(chosen),
                "n_background": len(genes),
                "fold": each.fold,
                "p_value": each.p_value,
                "q_value": each.q_value,
                "genes": ",".join(each.overlap),
            }
            for each in found
        ]
    return Result({"n_targets": len(chosen)}, tables, [])


def _correlated(atlas: "Atlas", factors: Sequence[str], targets: Sequence[str], head: Mapping[str, Json]) -> list[Row]:
    """Correlate a motif's TFs with its targets over the cell types of the atlas; three at least."""
    from get_core.evaluation import across_cell_types

    place = {gene: column for column, gene in enumerate(atlas.genes)}
    there = [gene for gene in targets if gene in place]
    if len(atlas.cell_types) < 3 or not there:
        return []
    of_targets = atlas.gene_expression[:, [place[gene] for gene in there]]
    rows: list[Row] = []
    for factor in factors:
        if factor in place:
            own = np.repeat(atlas.gene_expression[:, [place[factor]]], len(there), axis=1)
            each = across_cell_types(own, of_targets)
            rows += [
                dict(head) | {"tf": factor, "gene": gene, "pearson": float(value) if np.isfinite(value) else None}
                for gene, value in zip(there, each, strict=True)
            ]
    return rows


def _embedding(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Represent the cell type's regions by the network, in a plane and in clusters."""
    from get_core.embeddings import embed_regions, leiden_clusters, two_dimensions

    asked = cell_type_of(workspace)
    layer, most, seed = (int(str(workspace.task.inputs[name])) for name in ("layer", "regions", "seed"))
    rows = np.arange(len(asked.regions.rows))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    windows = asked.around(rows)
    points = embed_regions(asked.model, windows.over(asked.regions.features), layer, batch_size=settings.batch_size)
    plane, cluster = two_dimensions(points, seed=seed), leiden_clusters(points, seed=seed)
    path = workspace.folder / "embedding.npz"
    np.savez_compressed(path, points=points, region=asked.regions.rows[windows.rows])
    table = [
        head_of(workspace)
        | {
            "layer": layer,
            "region": asked.name(row),
            "umap_1": float(plane[number, 0]),
            "umap_2": float(plane[number, 1]),
            "leiden": int(cluster[number]),
        }
        for number, row in enumerate(windows.rows.tolist())
    ]
    outputs: dict[str, Json] = {"n_regions": len(table), "n_clusters": int(cluster.max()) + 1}
    return Result(outputs, {"embeddings": table}, [OutputFile("embedding", path, "application/octet-stream")])


def _perturbation(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Take a motif or a region away and predict the genes around it anew."""
    from get_core.perturbation import perturb

    asked = cell_type_of(workspace)
    inputs = workspace.task.inputs
    columns = [_motif_column(asked.atlas, str(inputs["motif"]))] if inputs["motif"] else []
    changed = asked.rows_of(str(inputs["region"])) if inputs["region"] else np.empty(0, np.int64)
    rows, strand, genes = asked.promoters()
    windows = asked.around(rows, strand)
    kept = ~np.isin(rows, windows.skipped)
    names = [gene for gene, there in zip(genes, kept, strict=True) if there]
    effect = perturb(
        asked.model,
        windows.over(asked.regions.features),
        motifs=columns,
        regions=changed,
        batch_size=settings.batch_size,
    )
    head = head_of(workspace) | {"motif_id": inputs["motif"], "locus": inputs["region"]}
    output = np.minimum(windows.strand, effect.before.shape[1] - 1)
    table = [
        head
        | {
            "gene": names[number],
            "region": asked.name(int(windows.rows[number])),
            "strand": "+-"[windows.strand[number]],
            "predicted_before": float(effect.before[number, output[number]]),
            "predicted_after": float(effect.after[number, output[number]]),
        }
        for number in np.flatnonzero(effect.changed)
    ]
    return Result({"n_changed": len(table), "n_promoters": len(windows)}, {"perturbations": table}, [])


def _locus(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Say which regions around a gene matter for its prediction."""
    from get_core.attribution import attribute

    asked = cell_type_of(workspace)
    gene = workspace.text_input("gene")
    rows, strand, genes = asked.promoters()
    own = np.array([name == gene for name in genes])
    if not own.any():
        raise InvalidInput(
            f"{gene} has no transcription start in an open region of {workspace.text_input('cell_type')}",
            cure="see the table unattributed_genes",
        )
    windows = asked.around(rows[own], strand[own])
    found = attribute(
        asked.model,
        windows.over(asked.regions.features),
        precision=settings.precision,
        batch_size=settings.batch_size,
    )
    names = feature_names(asked.atlas.motifs)
    table: list[Row] = []
    for number in range(len(windows)):
        best = names[int(np.argmax(np.abs(found.by_motif[number, :-1])))]
        for place, row in enumerate(windows.index[number].tolist()):
            at = asked.regions.rows[row]
            table.append(
                head_of(workspace)
                | {
                    "gene": gene,
                    "start_number": number + 1,
                    "chrom": str(asked.atlas.chrom[at]),
                    "region_start": int(asked.atlas.start[at]),
                    "region_end": int(asked.atlas.end[at]),
                    "importance": float(found.by_region[number, place]),
                    "is_promoter": place == int(windows.focus[number]),
                    "strongest_motif": best if place == int(windows.focus[number]) else None,
                }
            )
    return Result({"n_starts": len(windows)}, {"locus_importance": table}, [])


MISSING = {"finetune": "a GET network trained for the cell type", "attribution": "a gene-by-motif matrix"}
"""What a cell type that begins at a file may lack."""

QUESTIONS: Mapping[str, Callable[[Workspace, ReadoutSettings], Result]] = {
    "targets": _targets,
    "embedding": _embedding,
    "perturbation": _perturbation,
    "reporter": reporter.run,
    "locus": _locus,
    "agnostic": agnostic.pool,
    "agnostic_network": agnostic.fit,
}
"""What can be asked."""
