"""The tasks that follow from the settings alone, after every input of the screen has been read and checked."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.record import Json
from screening.errors import InvalidInput
from screening.steps import attribution_parts, resampling, taken_over
from screening.steps.alignments import require_alignments
from screening.steps.atlas_inputs import atlas_sources, check_training, outline_of
from screening.steps.complexes import predictions_folder
from screening.steps.proteins import plddt_folder
from screening.task import Task

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["cell_types", "first_tasks"]


def cell_types(screen: "Screen", *, until: str | None = None) -> Sequence[str]:
    """Return the cell types to screen, after every input of the screen has been read and checked.

    Parameters
    ----------
    screen : Screen
        The screen.
    until : str, optional
        The last stage to run; inputs that only later ones read are neither needed nor checked.

    Raises
    ------
    InvalidInput
        An input file is absent or malformed, a cell type or chromosome of the settings is not in the atlas, a motif has
        no TF, a motif's TFs have no sequence, or a checkpoint or a file to take over does not suit the atlas.
    """
    from screening.stages import stages_until

    stages = {stage.name for stage in stages_until(until)}
    outline = outline_of(screen)
    known = outline.cell_types
    for name in screen.settings.cell_types:
        if name not in known:
            raise InvalidInput(
                f"cell type '{name}' is not in the atlas, which has: {', '.join(known)}",
                cure="correct --cell-type, or cell_types in screen.toml",
            )
    if "tf_pairs" in stages:
        _check_proteins(screen, outline.motifs)
    taken_over.check(screen, known, outline.motifs, stages)
    chosen = screen.settings.cell_types or known
    check_training(screen, outline, [name for name in chosen if not taken_over.sections_of(screen, name)], stages)
    return chosen


def _check_proteins(screen: "Screen", motifs: Sequence[str]) -> None:
    """Refuse a FASTA file that is malformed, or lacks a cofactor or all TFs of a motif."""
    from screening.protein_pairs import named_proteins
    from screening.proteins import read_fasta

    fasta = _fasta(screen)
    proteins = read_fasta(fasta)
    named_proteins(screen.settings.tf_pairs.cofactors, proteins, "tf_pairs.cofactors")
    if not screen.settings.tf_pairs.allow_missing:
        _check_motifs(motifs, {protein.gene for protein in proteins}, fasta)


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


def first_tasks(screen: "Screen", *, until: str | None = None) -> Sequence[Task]:
    """Return the atlas, the pretraining and each cell type's chain down to its TF pairs.

    Pairs that are asked for by name need none of these: their one task reads the FASTA file. A cell type whose matrix
    or network is taken over from a file begins there; where all do, no network is trained.

    Parameters
    ----------
    screen : Screen
        The screen.
    until : str, optional
        The last stage to run; tasks that read inputs of later stages alone are left out. All stages by default.

    Raises
    ------
    InvalidInput
        An input file or a cell type is wrong, or no stage up to `until` has a task; nothing has been run or written
        then.
    """
    from screening.stages import stages_until

    stages = {stage.name for stage in stages_until(until)}
    if "plddt" in stages:
        plddt_folder(screen)
    if "msa" in stages:
        require_alignments(screen)
    if "structure" in stages and screen.settings.structure.backend == "imported":
        predictions_folder(screen)
    if (source := screen.settings.tf_pairs.source) != "network":
        if "tf_pairs" not in stages:
            raise InvalidInput(
                f"nothing runs until {until}: with tf_pairs.source = '{source}' the first stage is tf_pairs",
                cure="name tf_pairs or a later stage, or leave out --until",
            )
        return (_pairs_by_name(screen),)
    names = cell_types(screen, until=until)
    atlas = screen.task("atlas", screen.settings.name, sources=atlas_sources(screen))
    if "pretrain" not in stages:
        return (atlas,)
    checkpoint = screen.settings.pretrain.checkpoint
    pretrain = screen.task(
        "pretrain",
        "all cell types",
        upstream={"atlas": atlas.key},
        sources={} if checkpoint is None else {"checkpoint": (screen.folder / checkpoint).resolve()},
    )
    chains = [task for name in names for task in _chain(screen, name, atlas.key, pretrain.key, stages)]
    tuned = [task.key for task in chains if task.stage == "finetune"]
    if not tuned:
        return [atlas, *chains]
    finetuned = {f"finetune_{number:04d}": key for number, key in enumerate(tuned)}
    evaluated = screen.task("evaluation", "all cell types", upstream={"atlas": atlas.key, **finetuned})
    return [atlas, pretrain, *chains, evaluated]


def _chain(screen: "Screen", name: str, atlas: str, pretrain: str, stages: Collection[str]) -> list[Task]:
    """Return the tasks of a cell type down to its TF pairs, from its training or from what is taken over."""
    matrix, network = name in screen.settings.attribution.files, name in screen.settings.causal.files
    if "attribution" not in stages and (matrix or network):
        return []
    inputs: dict[str, Json] = {"cell_type": name}
    if matrix:
        tasks = [taken_over.attribution_task(screen, name, atlas)]
    elif network:
        tasks = []
    else:
        finetune = screen.task("finetune", name, inputs=inputs, upstream={"atlas": atlas, "pretrain": pretrain})
        tasks = [finetune, *attribution_parts.tasks(screen, name, {"atlas": atlas, "finetune": finetune.key})]
    if not network:
        attribution = tasks[-1].key
        resamples = resampling.tasks(screen, name, attribution)
        upstream = {"atlas": atlas, "attribution": attribution, **resampling.roles(resamples)}
        tasks += [*resamples, screen.task("causal", name, inputs=inputs, upstream=upstream)]
    elif "causal" in stages:
        tasks.append(taken_over.network_task(screen, name, atlas))
    if "tf_pairs" in stages:
        upstream, sources = {"atlas": atlas, "causal": tasks[-1].key}, {"proteins": _fasta(screen)}
        tasks.append(screen.task("tf_pairs", name, inputs=inputs, upstream=upstream, sources=sources))
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
