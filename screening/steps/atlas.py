"""The atlas, and the tasks that follow from the settings alone."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.record import Row
from screening.errors import InvalidInput
from screening.sections.chromatin import AtlasSettings
from screening.steps import attribution_parts, resampling
from screening.task import OutputFile, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from screening.screen import Screen

__all__ = ["atlas_of", "cell_types", "first_tasks", "resources", "run"]


def resources(settings: AtlasSettings) -> Resources:
    """Return what building the atlas needs."""
    return Resources(cpus=1 if settings.source == "simulated" else 2, memory_gib=3.0)


def cell_types(screen: "Screen") -> Sequence[str]:
    """Return the cell types to screen, after every input of the screen has been read and checked.

    Raises
    ------
    InvalidInput
        An input file is absent or malformed, a cell type of the settings is not in the atlas, a motif has no TF, or a
        motif's TFs have no sequence.
    """
    from screening.protein_pairs import named_proteins
    from screening.proteins import read_fasta

    settings = screen.settings.atlas
    if settings.source == "simulated":
        from get_core.simulation import SimulationSettings

        simulation = SimulationSettings(n_regions=settings.n_regions, n_genes=settings.n_genes)
        known = tuple(cell_type.name for cell_type in simulation.cell_types)
        motifs = simulation.motifs
    elif settings.source == "atlas":
        from get_core.atlas import Atlas

        atlas = Atlas.load(_sources(screen)["atlas"])
        known, motifs = atlas.cell_types, atlas.motifs
    else:
        from get_core.motifs import read_meme
        from get_core.tables import read_expression, read_regions

        sources = _sources(screen)
        known = read_regions(sources["regions"]).cell_types
        motifs = read_meme(sources["motifs"]).cluster_names
        if "expression" in sources:
            _check_covered(known, read_expression(sources["expression"]).cell_types, sources["expression"])
    for name in screen.settings.cell_types:
        if name not in known:
            raise InvalidInput(
                f"cell type '{name}' is not in the atlas, which has: {', '.join(known)}",
                cure="correct --cell-type, or cell_types in screen.toml",
            )
    fasta = _fasta(screen)
    proteins = read_fasta(fasta)
    named_proteins(screen.settings.tf_pairs.cofactors, proteins, "tf_pairs.cofactors")
    genes = {protein.gene for protein in proteins}
    if not screen.settings.tf_pairs.allow_missing:
        _check_motifs(motifs, genes, fasta)
    if screen.settings.pretrain.checkpoint is not None:
        from get_core.checkpoints import load_get

        load_get(screen.source("a GET checkpoint", screen.settings.pretrain.checkpoint, setting="pretrain.checkpoint"))
    return screen.settings.cell_types or known


def _check_covered(cell_types: Sequence[str], covered: Sequence[str], path: Path) -> None:
    for name in cell_types:
        if name not in covered:
            raise InvalidInput(
                f"{path}:1: no column for cell type '{name}', only: {', '.join(covered[:10])}",
                cure=f"add the column '{name}', or rename the cell type in the table of regions",
            )


def _check_motifs(motifs: Sequence[str], genes: Collection[str], fasta: Path) -> None:
    """Refuse motifs that could never give a TF pair."""
    from get_core.motifs import genes_of

    for motif in motifs:
        known = genes_of(motif)
        if not any(gene in genes for gene in known):
            raise InvalidInput(
                f"{fasta}: none of the TFs of motif {motif} has a sequence ({', '.join(known[:8])})",
                cure="add one, or set tf_pairs.allow_missing = true: pairs that need it are dropped with that reason",
            )


def _fasta(screen: "Screen") -> Path:
    return screen.source("a FASTA file of the TFs", screen.settings.tf_pairs.proteins, setting="tf_pairs.proteins")


def first_tasks(screen: "Screen") -> Sequence[Task]:
    """Return the atlas, the pretraining and each cell type's chain down to its TF pairs.

    Pairs that are asked for by name need none of these: their one task reads the FASTA file.

    Raises
    ------
    InvalidInput
        An input file or a cell type is wrong; nothing has been run or written then.
    """
    if screen.settings.tf_pairs.source != "network":
        return (_pairs_by_name(screen),)
    names = cell_types(screen)
    proteins = _fasta(screen)
    atlas = screen.task("atlas", screen.settings.name, sources=_sources(screen))
    checkpoint = screen.settings.pretrain.checkpoint
    pretrain = screen.task(
        "pretrain",
        "all cell types",
        upstream={"atlas": atlas.key},
        sources={} if checkpoint is None else {"checkpoint": (screen.folder / checkpoint).resolve()},
    )
    tasks = [atlas, pretrain]
    finetuned: dict[str, str] = {}
    for name in names:
        cell_type = {"cell_type": name}
        finetune = screen.task(
            "finetune", name, inputs=cell_type, upstream={"atlas": atlas.key, "pretrain": pretrain.key}
        )
        *parts, attribution = attribution_parts.tasks(screen, name, {"atlas": atlas.key, "finetune": finetune.key})
        resamples = resampling.tasks(screen, name, attribution.key)
        causal = screen.task(
            "causal",
            name,
            inputs=cell_type,
            upstream={"atlas": atlas.key, "attribution": attribution.key, **resampling.roles(resamples)},
        )
        pairs = screen.task(
            "tf_pairs",
            name,
            inputs=cell_type,
            upstream={"atlas": atlas.key, "causal": causal.key},
            sources={"proteins": proteins},
        )
        finetuned[f"finetune_{len(finetuned):04d}"] = finetune.key
        tasks += [finetune, *parts, attribution, *resamples, causal, pairs]
    evaluated = screen.task("evaluation", "all cell types", upstream={"atlas": atlas.key, **finetuned})
    tasks.append(evaluated)
    return tasks


def _pairs_by_name(screen: "Screen") -> Task:
    """Return the task of homodimers or of a table of pairs, after its files have been read and checked."""
    from screening.protein_pairs import pairs_by_name

    settings = screen.settings.tf_pairs
    if screen.settings.cell_types:
        raise InvalidInput(
            f"cell type '{screen.settings.cell_types[0]}': source '{settings.source}' reads no atlas",
            cure='leave out --cell-type and cell_types, or set tf_pairs.source = "network"',
        )
    sources = {"proteins": _fasta(screen)}
    if settings.source == "table":
        sources["pairs"] = screen.source("a table of pairs", settings.pairs, setting="tf_pairs.pairs")
    pairs_by_name(settings, sources["proteins"], sources.get("pairs"))
    return screen.task("tf_pairs", settings.source, sources=sources)


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


def _sources(screen: "Screen") -> dict[str, Path]:
    settings = screen.settings.atlas
    if settings.source == "simulated":
        return {}
    if settings.source == "atlas":
        return {"atlas": screen.source("a ready atlas", settings.path, setting="atlas.path", folder=True)}
    sources = {
        "regions": screen.source("a table of regions", settings.regions, setting="atlas.regions"),
        "motifs": screen.source("a MEME file of motifs", settings.motifs, setting="atlas.motifs"),
    }
    if settings.expression is not None:
        sources["expression"] = screen.source("an expression table", settings.expression, setting="atlas.expression")
    return sources
