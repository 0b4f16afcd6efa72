"""What is read out of a cell type's network on request: targets, embeddings, perturbations, reporters, loci."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Json, Row
from get_core.features import ACCESSIBILITY, feature_names
from screening.errors import InvalidInput
from screening.names import no_such
from screening.sections.readouts import ReadoutSettings
from screening.steps import agnostic, reporter
from screening.steps.atlas import atlas_of
from screening.steps.cell_type import CellType, cell_type_of, head_of
from screening.task import OutputFile, Result, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.windows import Windows

__all__ = ["QUESTIONS", "Answer", "run"]

Answer = Callable[[ReadoutSettings], Result]
"""Computes what was asked, after all that the question names has been found."""


def run(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Answer one question."""
    return QUESTIONS[workspace.text_input("kind")](workspace)(settings)


def _targets(workspace: Workspace) -> Answer:
    """Read a motif, its values for the genes, and the gene sets."""
    from get_core.enrichment import read_gene_sets, top_targets

    motif, fraction = workspace.text_input("motif"), float(str(workspace.task.inputs["fraction"]))
    with np.load(workspace.file("attribution", "attribution"), allow_pickle=False) as stored:
        matrix, motifs, genes = stored["matrix"], stored["motifs"].tolist(), stored["genes"].tolist()
    if not genes:
        raise InvalidInput(
            "the attribution has rows for regions, not for genes", cure='set attribution.rows = "genes" in screen.toml'
        )
    if motif not in motifs:
        raise no_such(f"the attribution has no motif {motif!r}", motif, motifs)
    column = matrix[:, motifs.index(motif)]
    chosen = top_targets(column, genes, fraction)
    value = dict(zip(genes, column.tolist(), strict=True))
    sets = read_gene_sets(workspace.source("gene_sets")) if "gene_sets" in workspace.task.sources else {}
    return partial(_top_targets, workspace, motif, value, chosen, sets)


def _top_targets(
    workspace: Workspace,
    motif: str,
    value: Mapping[str, float],
    chosen: Sequence[str],
    gene_sets: Mapping[str, Collection[str]],
    settings: ReadoutSettings,
) -> Result:
    """Top targets of a motif, their gene sets, and their expression beside the motif's TFs over cell types."""
    from get_core.enrichment import enrichment
    from get_core.motifs import genes_of

    head = head_of(workspace) | {"motif_id": motif}
    factors = [] if motif == ACCESSIBILITY else genes_of(motif)
    tables: dict[str, Sequence[Row]] = {
        "targets": [
            head | {"rank": rank, "gene": gene, "attribution": value[gene]} for rank, gene in enumerate(chosen, start=1)
        ],
        "target_correlations": _correlated(atlas_of(workspace), factors, chosen, head),
    }
    if gene_sets:
        found = enrichment(chosen, [*value], gene_sets)
        tables["enrichments"] = [
            head
            | {
                "gene_set": each.name,
                "n_overlap": len(each.overlap),
                "n_set": each.size,
                "n_targets": len(chosen),
                "n_background": len(value),
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


def _embedding(workspace: Workspace) -> Answer:
    """Read which layer of which network."""
    from get_core.embeddings import NEIGHBOURS, require_explore

    require_explore()
    asked = cell_type_of(workspace)
    layer, deepest = int(str(workspace.task.inputs["layer"])), asked.model.config.layers
    if layer > deepest:
        raise InvalidInput(f"the network of {asked.cell_type} has no layer {layer}", cure=f"give one of 0 to {deepest}")
    count = min(int(str(workspace.task.inputs["regions"])), len(asked.regions.rows))
    if count <= NEIGHBOURS:
        raise InvalidInput(
            f"{count} regions of {asked.cell_type}: a region is laid out by its {NEIGHBOURS} nearest",
            cure="ask for more regions, of a cell type that has them",
        )
    return partial(_embedded, workspace, asked, layer)


def _embedded(workspace: Workspace, asked: CellType, layer: int, settings: ReadoutSettings) -> Result:
    """Represent the cell type's regions by the network, in a plane and in clusters."""
    from get_core.embeddings import embed_regions, leiden_clusters, two_dimensions

    most, seed = (int(str(workspace.task.inputs[name])) for name in ("regions", "seed"))
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


def _perturbation(workspace: Workspace) -> Answer:
    """Read which motif and which regions to take away, and where the genes start."""
    asked, inputs = cell_type_of(workspace), workspace.task.inputs
    columns = [] if inputs["motif"] is None else [asked.column_of(str(inputs["motif"]))]
    changed = np.empty(0, np.int64) if inputs["region"] is None else asked.rows_of(str(inputs["region"]))
    return partial(_perturbed, workspace, asked, columns, changed, *asked.promoters())


def _perturbed(
    workspace: Workspace,
    asked: CellType,
    columns: Sequence[int],
    changed: NDArray[np.int64],
    rows: NDArray[np.int64],
    strand: NDArray[np.int64],
    genes: Sequence[str],
    settings: ReadoutSettings,
) -> Result:
    """Take a motif or a region away and predict the genes around it anew."""
    from get_core.perturbation import perturb

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
    inputs = workspace.task.inputs
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


def _locus(workspace: Workspace) -> Answer:
    """Read where a gene starts."""
    asked, gene = cell_type_of(workspace), workspace.text_input("gene")
    windows = asked.around(*asked.starts_of(gene))
    if not len(windows):
        raise InvalidInput(
            f"{gene} lies on a chromosome with fewer than {asked.length} open regions in {asked.cell_type}, a window",
            cure="ask about a gene of a longer one; the table unattributed_genes has those that have no window",
        )
    return partial(_important, workspace, asked, gene, windows)


def _important(
    workspace: Workspace, asked: CellType, gene: str, windows: "Windows", settings: ReadoutSettings
) -> Result:
    """Say which regions around a gene matter for its prediction."""
    from get_core.attribution import attribute

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


QUESTIONS: Mapping[str, Callable[[Workspace], Answer]] = {
    "targets": _targets,
    "embedding": _embedding,
    "perturbation": _perturbation,
    "reporter": reporter.read,
    "locus": _locus,
    "agnostic": lambda workspace: partial(agnostic.pool, workspace),
    "agnostic_network": lambda workspace: partial(agnostic.fit, workspace),
}
"""What can be asked: what is named is read, and refused where it is not there; what is given back does the work."""
