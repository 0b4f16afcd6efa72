"""The atlas, and the tasks that follow from the settings alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.record import Row
from screening.errors import InvalidInput
from screening.settings import AtlasSettings
from screening.task import OutputFile, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas

    from screening.screen import Screen

__all__ = ["atlas_of", "cell_types", "first_tasks", "resources", "run"]


def resources(settings: AtlasSettings) -> Resources:
    """Return what building the atlas needs."""
    return Resources(cpus=1 if settings.source == "simulated" else 2, memory_gib=3.0)


def cell_types(screen: "Screen") -> Sequence[str]:
    """Return the cell types to screen, before any work.

    Raises
    ------
    InvalidInput
        A cell type of the settings is not in the atlas, or an input file is absent or unreadable.
    """
    from get_core.simulation import SimulationSettings

    settings = screen.settings.atlas
    if settings.source == "simulated":
        known = tuple(cell_type.name for cell_type in SimulationSettings().cell_types)
    else:
        from get_core.atlas import read_cell_types

        known = read_cell_types(screen.source("a table of regions", settings.regions, setting="atlas.regions"))
    for name in screen.settings.cell_types:
        if name not in known:
            raise InvalidInput(
                f"cell type '{name}' is not in the atlas, which has: {', '.join(known)}",
                cure="correct --cell-type or cell_types in screen.toml",
            )
    return screen.settings.cell_types or known


def first_tasks(screen: "Screen") -> Sequence[Task]:
    """Return the atlas, the pretraining and each cell type's chain down to its TF pairs.

    Raises
    ------
    InvalidInput
        An input file or a cell type is wrong; nothing has been run or written then.
    """
    from screening.proteins import read_fasta

    names = cell_types(screen)
    proteins = screen.source("a FASTA file of the TFs", screen.settings.tf_pairs.proteins, setting="tf_pairs.proteins")
    read_fasta(proteins)
    atlas = screen.task("atlas", screen.settings.name, sources=_sources(screen))
    pretrain = screen.task("pretrain", "all cell types", upstream={"atlas": atlas.key})
    tasks = [atlas, pretrain]
    for name in names:
        cell_type = {"cell_type": name}
        finetune = screen.task(
            "finetune", name, inputs=cell_type, upstream={"atlas": atlas.key, "pretrain": pretrain.key}
        )
        attribution = screen.task(
            "attribution", name, inputs=cell_type, upstream={"atlas": atlas.key, "finetune": finetune.key}
        )
        causal = screen.task(
            "causal", name, inputs=cell_type, upstream={"atlas": atlas.key, "attribution": attribution.key}
        )
        pairs = screen.task(
            "tf_pairs",
            name,
            inputs=cell_type,
            upstream={"atlas": atlas.key, "causal": causal.key},
            sources={"proteins": proteins},
        )
        tasks += [finetune, attribution, causal, pairs]
    return tasks


def run(workspace: Workspace, settings: AtlasSettings) -> Result:
    """Scan the regions for motifs, or simulate an atlas with known truth."""
    tables: dict[str, Sequence[Row]] = {}
    if settings.source == "simulated":
        atlas, tables = _simulated(settings)
    else:
        from get_core.atlas import build

        sources = workspace.task.sources
        atlas = build(
            workspace.source("regions"),
            workspace.source("motifs"),
            expression_path=workspace.source("expression") if "expression" in sources else None,
            expression_unit=settings.expression_unit,
            p_value=settings.p_value,
            threads=workspace.cpus,
            progress=workspace.progress,
        )
    path = workspace.folder / "atlas.npz"
    atlas.save(path)
    source_sha256 = workspace.task.inputs.get("regions_sha256")
    tables["cell_types"] = [
        {
            "cell_type_id": name,
            "name": name,
            "n_regions": int((atlas.accessibility[index] > 0).sum()),
            "simulated": atlas.simulated,
            "source_sha256": source_sha256,
        }
        for index, name in enumerate(atlas.cell_types)
    ]
    outputs = {
        "cell_types": list(atlas.cell_types),
        "n_regions": len(atlas.start),
        "n_motifs": len(atlas.motifs),
        "simulated": atlas.simulated,
    }
    return Result(outputs, tables, [OutputFile("atlas", path, "application/octet-stream")])


def atlas_of(workspace: Workspace) -> "Atlas":
    """Load the atlas a task reads."""
    from get_core.atlas import Atlas

    return Atlas.load(workspace.file("atlas", "atlas"))


def _simulated(settings: AtlasSettings) -> "tuple[Atlas, dict[str, Sequence[Row]]]":
    from get_core.atlas import Atlas

    from get_core.simulation import SimulationSettings, simulate

    drawn = simulate(SimulationSettings(seed=settings.seed, n_regions=settings.n_regions, n_genes=settings.n_genes))
    atlas = Atlas(
        chrom=drawn.chrom,
        start=drawn.start,
        end=drawn.end,
        motifs=drawn.motifs,
        scores=drawn.scores,
        cell_types=drawn.cell_types,
        accessibility=drawn.accessibility,
        expression_labels=drawn.expression_labels,
        genes=drawn.genes,
        gene_expression=drawn.gene_expression,
        expression_unit="log10(TPM+1), simulated",
        accessibility_kind="measured",
        simulated=True,
    )
    tables: dict[str, Sequence[Row]] = {
        "truth_edges": [
            {"cell_type_id": name, "cause_motif": edge.cause, "effect_motif": edge.effect, "effect": edge.weight}
            for name, edges in zip(drawn.cell_types, drawn.edges, strict=True)
            for edge in edges
        ],
        "truth_motifs": [
            {"cell_type_id": name, "motif_id": motif, "effect": float(effect)}
            for name, effects in zip(drawn.cell_types, drawn.motif_effects, strict=True)
            for motif, effect in zip(drawn.motifs, effects, strict=True)
        ],
    }
    return atlas, tables


def _sources(screen: "Screen") -> dict[str, Path]:
    settings = screen.settings.atlas
    if settings.source == "simulated":
        return {}
    sources = {
        "regions": screen.source("a table of regions", settings.regions, setting="atlas.regions"),
        "motifs": screen.source("a MEME file of motifs", settings.motifs, setting="atlas.motifs"),
    }
    if settings.expression is not None:
        sources["expression"] = screen.source("an expression table", settings.expression, setting="atlas.expression")
    return sources
