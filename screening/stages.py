"""Every stage of the platform in data order: read this first.

A stage is a pure function of its task and its section of the settings. A task whose key has a record is never run
again, so raising a stage's version is what makes its results be computed anew.
"""

from collections.abc import Sequence

from screening.errors import InvalidInput
from screening.steps import (
    alignments,
    atlas,
    attribution,
    causal,
    chromatin,
    complexes,
    dynamics,
    dynamics_analysis,
    evaluation,
    proteins,
    readouts,
    resampling,
    tf_pairs,
    training,
)
from screening.task import Resources, Stage

__all__ = ["STAGES", "stage_named", "stages_until"]

CPU = Resources(cpus=1, memory_gib=1.5)


def _one_core(settings: object) -> Resources:
    return CPU


STAGES: Sequence[Stage] = (
    # open chromatin → regions × motifs
    Stage("atlas", 2, (), atlas.resources, atlas.run),
    # GET: one pretraining, then for each cell type finetuning and input × gradient
    Stage(
        "pretrain",
        2,
        ("atlas",),
        chromatin.resources,
        training.pretrain,
        resumable=True,
        replicas=training.workers,
    ),
    Stage(
        "finetune",
        2,
        ("atlas", "pretrain"),
        chromatin.resources,
        training.finetune,
        resumable=True,
        replicas=training.workers,
    ),
    Stage("evaluation", 2, ("atlas", "finetune"), _one_core, evaluation.run),
    Stage("attribution", 2, ("atlas", "finetune"), chromatin.resources, attribution.run),
    Stage("readout", 1, ("atlas", "finetune", "attribution"), _one_core, readouts.run),
    # LiNGAM → motif network → TF pairs
    Stage("resample", 1, ("attribution",), causal.resources, resampling.run),
    Stage("causal", 2, ("atlas", "attribution", "resample"), causal.resources, causal.run),
    Stage(
        "tf_pairs",
        1,
        ("atlas", "causal"),
        _one_core,
        tf_pairs.run,
        follow={"plddt": proteins.after_tf_pairs, "msa": alignments.after_tf_pairs},
    ),
    # proteins → segments → segment pairs
    Stage("plddt", 1, ("tf_pairs",), _one_core, proteins.plddt),
    Stage("segments", 1, ("plddt",), _one_core, proteins.segments),
    Stage(
        "segment_pairs",
        1,
        ("segments",),
        _one_core,
        proteins.segment_pairs,
        follow={"structure": complexes.after_segment_pairs},
    ),
    Stage("msa", 1, ("tf_pairs",), _one_core, alignments.msa),
    # segment pairs → complexes → scores
    Stage("structure", 2, ("segment_pairs", "msa"), complexes.resources, complexes.structure, resumable=True),
    Stage("score", 2, ("structure", "plddt"), _one_core, complexes.score),
    # the complexes worth simulating → trajectories → analysis
    Stage(
        "select",
        1,
        ("score",),
        _one_core,
        dynamics.select,
        follow={"md": dynamics.after_select},
        gathers=dynamics.gather,
    ),
    Stage("md", 1, ("select", "structure"), dynamics.resources, dynamics.md, resumable=True),
    Stage("md_analysis", 2, ("md", "structure"), _one_core, dynamics_analysis.md_analysis),
)

_BY_NAME = {stage.name: stage for stage in STAGES}


def stage_named(name: str) -> Stage:
    """Return the stage of a name; KeyError where there is none."""
    return _BY_NAME[name]


def stages_until(name: str | None) -> Sequence[Stage]:
    """Return the stages up to and including one, in data order; all of them where none is named.

    Raises
    ------
    InvalidInput
        There is no such stage.
    """
    if name is None:
        return STAGES
    names = list(_BY_NAME)
    if name not in names:
        raise InvalidInput(f"no stage '{name}'", cure=f"the stages, in data order: {', '.join(names)}")
    return STAGES[: names.index(name) + 1]
