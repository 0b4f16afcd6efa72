"""What is read out of a cell type's network on request: targets, embeddings, perturbations, reporters, loci."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Json, Row
from screening.errors import InvalidInput
from screening.sections.readouts import ReadoutSettings
from screening.steps.atlas import atlas_of, first_tasks
from screening.steps.attribution import regions_of
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.model import GET
    from get_core.windows import Windows
    from screening.screen import Screen
    from screening.steps.attribution import Regions

__all__ = ["readout_task", "run"]

ACCESSIBILITY = "Accessibility"


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
        No such cell type, or its network or attribution is not there yet.
    """
    known = {(task.stage, task.subject): task for task in first_tasks(screen)}
    names = sorted(subject for stage, subject in known if stage == "finetune")
    if cell_type not in names:
        raise InvalidInput(f"the screen has no cell type {cell_type!r}", cure=f"it has {', '.join(names)}")
    atlas = next(task for (stage, _), task in known.items() if stage == "atlas")
    tasks = {"atlas": atlas, "finetune": known["finetune", cell_type], "attribution": known["attribution", cell_type]}
    for task in tasks.values():
        record = screen.store.get(task.key)
        if record is None or not record.ok:
            raise InvalidInput(
                f"the {task.stage} of {task.subject} has not run with these settings", cure="screening run SCREEN.TOML"
            )
    return screen.task(
        "readout",
        f"{kind} in {cell_type}",
        inputs={"kind": kind, "cell_type": cell_type, **inputs},
        upstream={role: task.key for role, task in tasks.items()},
        sources=sources,
    )


def run(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Answer one question."""
    return QUESTIONS[workspace.text_input("kind")](workspace, settings)


@dataclass(frozen=True, eq=False)
class Asked:
    """A cell type as its network sees it.

    Attributes
    ----------
    atlas : Atlas
        All regions.
    regions : Regions
        Those of the cell type.
    model : GET
        Its network, on the processor.
    length : int
        Regions per window.
    """

    atlas: "Atlas"
    regions: "Regions"
    model: "GET"
    length: int

    def around(self, rows: NDArray[np.int64], strand: NDArray[np.int64] | int = 0) -> "Windows":
        """Return the windows around some of the cell type's regions."""
        from get_core.windows import around

        return around(self.regions.chrom, rows, strand, self.length)

    def promoters(self) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
        """Return rows, strands and genes of the transcription starts in the cell type's regions."""
        starts = self.atlas.promoters
        if starts is None:
            raise InvalidInput(
                "the atlas has no transcription starts, so genes have no place in it",
                cure="build the atlas with a gene annotation: screening atlas build --annotation",
            )
        place = np.full(len(self.atlas.chrom), -1)
        place[self.regions.rows] = np.arange(len(self.regions.rows))
        there = place[starts.region] >= 0
        genes = [gene for gene, kept in zip(starts.gene, there, strict=True) if kept]
        return place[starts.region][there], starts.strand[there], genes

    def rows_of(self, text: str) -> NDArray[np.int64]:
        """Return the cell type's regions that overlap ``chrom:start-end`` (0-based, half-open)."""
        chrom, _, span = text.partition(":")
        first, dash, last = span.replace(",", "").partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            raise InvalidInput(f"{text!r} is not chrom:start-end", cure="write for example chr11:5225000-5230000")
        kept = self.regions.rows
        inside = (self.atlas.chrom[kept] == chrom) & (self.atlas.start[kept] < int(last))
        rows = np.flatnonzero(inside & (self.atlas.end[kept] > int(first)))
        if not len(rows):
            raise InvalidInput(f"{text} holds no open region of this cell type")
        return rows

    def name(self, row: int) -> str:
        """Return ``chrom:start-end`` of one of the cell type's regions."""
        at = self.regions.rows[row]
        return f"{self.atlas.chrom[at]}:{self.atlas.start[at]}-{self.atlas.end[at]}"


def _asked(workspace: Workspace) -> Asked:
    import torch

    from get_core.checkpoints import load_get

    torch.set_num_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    tuned = workspace.upstream("finetune").outputs
    regions = regions_of(atlas, workspace.text_input("cell_type"), str(tuned["target"]))
    model, _ = load_get(workspace.file("finetune", "model"))
    return Asked(atlas, regions, model, int(str(tuned["window"])))


def _motif_column(atlas: "Atlas", motif: str) -> int:
    names = [*atlas.motifs, ACCESSIBILITY]
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
    head = _head(workspace) | {"motif_id": motif}
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

    asked = _asked(workspace)
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
        _head(workspace)
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

    asked = _asked(workspace)
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
    head = _head(workspace) | {"motif_id": inputs["motif"], "locus": inputs["region"]}
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


def _reporter(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Put elements into genomic contexts and predict their activity."""
    from get_core.motifs import read_meme, scan
    from get_core.perturbation import reporter_activity

    asked = _asked(workspace)
    elements = _fasta(workspace.source("elements"))
    library = read_meme(workspace.source("motifs"))
    if library.cluster_names != asked.atlas.motifs:
        raise InvalidInput(
            f"{workspace.source('motifs')}: {len(library.cluster_names)} motif clusters that are not the "
            f"{len(asked.atlas.motifs)} of the atlas",
            cure="give the motifs that the atlas was made with",
        )
    scores = scan(elements, library, threads=workspace.cpus)
    scale = asked.atlas.scores[asked.regions.rows].max(axis=0)
    features = np.ones((len(elements), len(asked.atlas.motifs) + 1), np.float32)
    # As the features of regions: each motif over its maximum in the cell type. A lentiviral insert is open chromatin.
    np.minimum(scores / np.where(scale > 0, scale, 1), 1, out=features[:, :-1])
    count, seed = (int(str(workspace.task.inputs[name])) for name in ("contexts", "seed"))
    rows = np.arange(len(asked.regions.rows))
    chosen = np.sort(np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False))
    windows = asked.around(chosen)
    found = reporter_activity(
        asked.model,
        features,
        windows.over(asked.regions.features),
        batch_size=settings.batch_size,
        progress=workspace.progress,
    )
    table = [
        _head(workspace) | {"element": name, "activity": float(value), "contexts": found.contexts}
        for name, value in zip(elements, found.activity, strict=True)
    ]
    return Result({"n_elements": len(table)}, {"reporter_activities": table}, [])


def _locus(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Say which regions around a gene matter for its prediction."""
    from get_core.attribution import attribute

    asked = _asked(workspace)
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
    names = [*asked.atlas.motifs, ACCESSIBILITY]
    table: list[Row] = []
    for number in range(len(windows)):
        best = names[int(np.argmax(np.abs(found.by_motif[number, :-1])))]
        for place, row in enumerate(windows.index[number].tolist()):
            at = asked.regions.rows[row]
            table.append(
                _head(workspace)
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


def _head(workspace: Workspace) -> dict[str, Json]:
    return {"task_key": workspace.task.key, "cell_type_id": workspace.text_input("cell_type")}


def _fasta(path: Path) -> dict[str, str]:
    import io

    from Bio.SeqIO.FastaIO import SimpleFastaParser

    from screening.text_file import read_text

    found: dict[str, str] = {}
    for title, sequence in SimpleFastaParser(io.StringIO(read_text(path))):
        name = title.split(maxsplit=1)[0] if title else ""
        if not name or name in found or not sequence:
            raise InvalidInput(f"{path}: element {name!r} has no name, no sequence, or occurs twice")
        found[name] = sequence.upper()
    if not found:
        raise InvalidInput(f"{path}: no sequence", cure="give a FASTA file of elements")
    return found


QUESTIONS: Mapping[str, Callable[[Workspace, ReadoutSettings], Result]] = {
    "targets": _targets,
    "embedding": _embedding,
    "perturbation": _perturbation,
    "reporter": _reporter,
    "locus": _locus,
}
"""What can be asked."""
