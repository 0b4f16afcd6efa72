"""What an atlas is made of, and what is known of it before it is made: enough to check the settings of training."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from screening.errors import InvalidInput
from screening.names import no_such
from screening.steps.attribution import refuse_rows
from screening.steps.training import refuse_unlabelled, trained_on

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["AtlasOutline", "atlas_sources", "check_training", "outline_of"]


@dataclass(frozen=True)
class AtlasOutline:
    """What is known of an atlas without scanning a sequence.

    Attributes
    ----------
    cell_types, motifs, chromosomes : tuple of str
        Their names; chromosomes in the order of the regions.
    has_labels, has_starts : bool
        Whether it will have expression labels, and transcription starts of genes.
    """

    cell_types: tuple[str, ...]
    motifs: tuple[str, ...]
    chromosomes: tuple[str, ...]
    has_labels: bool
    has_starts: bool


def atlas_sources(screen: "Screen") -> dict[str, Path]:
    """Return the input files of the atlas by their names.

    Raises
    ------
    InvalidInput
        A file is not given or not there.
    """
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


def outline_of(screen: "Screen") -> AtlasOutline:
    """Read and check the inputs of the atlas.

    Raises
    ------
    InvalidInput
        An input is absent or malformed, or the expression table lacks a cell type.
    """
    settings, sources = screen.settings.atlas, atlas_sources(screen)
    if settings.source == "simulated":
        from get_core.simulation import SimulationSettings

        drawn = SimulationSettings(n_regions=settings.n_regions, n_genes=settings.n_genes)
        names = tuple(cell_type.name for cell_type in drawn.cell_types)
        chromosomes = tuple(f"chr{number}" for number in range(1, drawn.n_chromosomes + 1))
        return AtlasOutline(names, drawn.motifs, chromosomes, has_labels=True, has_starts=True)
    if settings.source == "atlas":
        from get_core.atlas import Atlas

        atlas = Atlas.load(sources["atlas"])
        return AtlasOutline(
            atlas.cell_types,
            atlas.motifs,
            tuple(dict.fromkeys(atlas.chrom.tolist())),
            has_labels=atlas.expression_labels is not None,
            has_starts=atlas.promoters is not None,
        )
    from get_core.motifs import read_meme
    from get_core.tables import read_expression, read_regions

    regions = read_regions(sources["regions"])
    if "expression" in sources:
        _check_covered(regions.cell_types, read_expression(sources["expression"]).cell_types, sources["expression"])
    chromosomes = tuple(dict.fromkeys(regions.chrom.tolist()))
    motifs = read_meme(sources["motifs"]).cluster_names
    return AtlasOutline(regions.cell_types, motifs, chromosomes, has_labels=False, has_starts=False)


def check_training(screen: "Screen", outline: AtlasOutline, cell_types: Sequence[str], stages: Collection[str]) -> None:
    """Refuse settings of training and attribution that the atlas cannot meet, before anything runs.

    Parameters
    ----------
    screen : Screen
        The screen.
    outline : AtlasOutline
        Of its atlas.
    cell_types : sequence of str
        Those to train a network for.
    stages : collection of str
        What is to run; settings of other stages are not looked at.

    Raises
    ------
    InvalidInput
        A chromosome to leave out that the atlas does not have, or all of them; a target without labels; others to
        train on where there are none; rows that cannot be attributed; a checkpoint with other features.
    """
    if not cell_types:
        return
    settings = screen.settings
    if "pretrain" in stages and settings.pretrain.checkpoint is not None:
        _check_checkpoint(screen, outline)
    elif "pretrain" in stages:
        _check_left_out("pretrain", settings.pretrain.leave_out, outline)
    if "finetune" in stages:
        _check_left_out("finetune", settings.finetune.leave_out, outline)
        refuse_unlabelled(settings.finetune.target, has_labels=outline.has_labels)
        for name in cell_types:
            trained_on(outline.cell_types, name, settings.finetune.train_on)
    if "attribution" in stages:
        refuse_rows(settings.attribution.rows, settings.finetune.target, has_starts=outline.has_starts)


def _check_left_out(stage: str, left_out: Sequence[str], outline: AtlasOutline) -> None:
    for name in left_out:
        if name not in outline.chromosomes:
            raise no_such(f"{stage}.leave_out: the atlas has no chromosome '{name}'", name, outline.chromosomes)
    if set(left_out) == set(outline.chromosomes):
        raise InvalidInput(
            f"{stage}.leave_out has every chromosome of the atlas: none is left to train on",
            cure=f"take one out of {stage}.leave_out in screen.toml",
        )


def _check_checkpoint(screen: "Screen", outline: AtlasOutline) -> None:
    from get_core.checkpoints import load_get
    from screening.steps.chromatin import refuse_other_features

    path = screen.source("a GET checkpoint", screen.settings.pretrain.checkpoint, setting="pretrain.checkpoint")
    refuse_other_features(path, load_get(path)[1], outline.motifs)


def _check_covered(cell_types: Sequence[str], covered: Sequence[str], path: Path) -> None:
    for name in cell_types:
        if name not in covered:
            raise InvalidInput(
                f"{path}:1: no column for cell type '{name}', only: {', '.join(covered[:10])}",
                cure=f"add the column '{name}', or rename the cell type in the table of regions",
            )
