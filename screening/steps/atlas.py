"""Chromatin → the atlas of all cell types."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catalog.record import Row
from screening.sections.chromatin import AtlasSettings
from screening.task import OutputFile, Resources, Result, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas

__all__ = ["atlas_of", "resources", "run"]


def resources(settings: AtlasSettings) -> Resources:
    """Return what building the atlas needs."""
    return Resources(cpus=1 if settings.source == "simulated" else 2, memory_gib=3.0)


def run(workspace: Workspace, settings: AtlasSettings) -> Result:
    """Scan the regions for motifs, take a ready atlas, or simulate one with known truth."""
    tables: dict[str, Sequence[Row]] = {}
    if settings.source == "simulated":
        atlas, tables = _simulated(settings)
    elif settings.source == "atlas":
        from get_core.atlas import Atlas

        atlas = Atlas.load(workspace.source("atlas"))
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
    path = workspace.folder / "atlas.zarr.zip"
    atlas.save(path)
    inputs = workspace.task.inputs
    source_sha256 = inputs.get("regions_sha256", inputs.get("atlas_sha256"))
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
    return Result(outputs, tables, [OutputFile("atlas", path, "application/zip")])


def atlas_of(workspace: Workspace) -> "Atlas":
    """Load the atlas a task reads."""
    from get_core.atlas import Atlas

    return Atlas.load(workspace.file("atlas", "atlas"))


def _simulated(settings: AtlasSettings) -> "tuple[Atlas, dict[str, Sequence[Row]]]":
    from get_core.atlas import Atlas, Promoters
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
        promoters=Promoters(
            tuple(f"SIM{number:05d}" for number in range(len(drawn.promoters))), drawn.promoters, drawn.strand
        ),
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
