"""GET's two trainings: pretraining once, then finetuning for each cell type."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from catalog.record import Row
from get_core.features import feature_names
from screening.errors import InvalidInput
from screening.sections.chromatin import FinetuneSettings, PretrainSettings, TrainingSettings
from screening.steps.atlas import atlas_of
from screening.steps.chromatin import Regions, device_of, refuse_other_features, regions_of, use_threads
from screening.task import OutputFile, Result, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.model import GET
    from get_core.training import History

__all__ = ["CHECKPOINT", "finetune", "pretrain", "refuse_unlabelled", "trained_on", "workers"]

SAFETENSORS = "application/vnd.safetensors"
ARRAYS = "application/octet-stream"
CHECKPOINT = "training.pt"  # in the folder of a task, which outlives an interrupted attempt


def workers(settings: TrainingSettings) -> int:
    """Return how many processes train one network together."""
    return settings.workers


class Course(TypedDict):
    """Arguments that `get_core.training` takes for both trainings."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: int
    seed: int
    patience: int | None
    micro_batch: int | None
    precision: Literal["float32", "bfloat16"]


def pretrain(workspace: Workspace, settings: PretrainSettings) -> Result:
    """Pretrain by masked regions on every cell type's accessible regions, or take the checkpoint that is given."""
    from get_core.checkpoints import load_get, save_get
    from get_core.model import GetConfig
    from get_core.training import PretrainSettings as Training
    from get_core.training import pretrain as train
    from get_core.windows import leave_out, tile

    use_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    parts = [regions_of(atlas, name, "expression") for name in atlas.cell_types]
    features = np.concatenate([part.features for part in parts])
    chrom = _chromosomes(atlas.cell_types, parts)
    config = GetConfig(features=features.shape[1], embed=settings.embed, layers=settings.layers, heads=settings.heads)
    training = Training(**_course(settings), mask_ratio=settings.mask_ratio)
    path = workspace.folder / "model.safetensors"
    if "checkpoint" in workspace.task.sources:
        model, report = load_get(workspace.source("checkpoint"))
        refuse_other_features(workspace.source("checkpoint"), report, atlas.motifs)
        save_get(model, path, features=feature_names(atlas.motifs))
        return Result({"window": settings.window}, {}, [OutputFile("model", path, SAFETENSORS)])
    windows = tile(chrom, settings.window, settings.window)
    validation = None
    if settings.leave_out:
        windows, validation = leave_out(windows, chrom, _held(chrom, atlas.cell_types, settings.leave_out))
    device, accelerator = device_of(workspace)
    model, history = train(
        features,
        windows,
        config,
        training,
        validation=validation,
        device=device,
        checkpoint=workspace.folder / CHECKPOINT,
        progress=workspace.progress,
    )
    save_get(model, path, features=feature_names(atlas.motifs))
    return Result(
        outputs={"window": settings.window, "loss": history.epochs[history.best].loss, "n_windows": len(windows)},
        tables={"training_metrics": _metrics(history, workspace.task.key, None, "pretrain")},
        files=[OutputFile("model", path, SAFETENSORS)],
        accelerator=accelerator,
    )


def finetune(workspace: Workspace, settings: FinetuneSettings) -> Result:
    """Finetune the pretrained network for one cell type, on its own labels or on those of others."""
    from get_core.checkpoints import load_get, save_get
    from get_core.training import FinetuneSettings as Training
    from get_core.training import finetune as train
    from get_core.windows import around, leave_out, tile

    use_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    cell_type = workspace.text_input("cell_type")
    refuse_unlabelled(settings.target, has_labels=atlas.expression_labels is not None)
    seen = trained_on(atlas.cell_types, cell_type, settings.train_on)
    parts = [regions_of(atlas, name, settings.target) for name in seen]
    features, chrom = np.concatenate([part.features for part in parts]), _chromosomes(seen, parts)
    targets = np.concatenate(
        [_labels(atlas, name, part, settings.target) for name, part in zip(seen, parts, strict=True)]
    )
    scored = targets > 0 if settings.target == "expression" else None
    window = int(str(workspace.upstream("pretrain").outputs["window"]))
    if scored is None:
        windows = tile(chrom, window, max(1, window // 2))
    else:
        # A promoter is asked about in the middle of its window, so it is trained there, too.
        windows = around(chrom, np.flatnonzero(scored.any(axis=1)), 0, window)
    validation = None
    if settings.leave_out:
        windows, validation = leave_out(windows, chrom, _held(chrom, seen, settings.leave_out))
    start, _ = load_get(workspace.file("pretrain", "model"))
    training = Training(**_course(settings), head=settings.target, low_rank=settings.low_rank)
    device, accelerator = device_of(workspace)
    model, history = train(
        start,
        features,
        targets,
        windows,
        training,
        validation=validation,
        scored=scored,
        device=device,
        checkpoint=workspace.folder / CHECKPOINT,
        progress=workspace.progress,
    )
    path = workspace.folder / "model.safetensors"
    save_get(model, path, features=feature_names(atlas.motifs))
    regions = regions_of(atlas, cell_type, settings.target)
    asked, predicted = _predicted(model, atlas, regions, window, settings.target)
    predictions = workspace.folder / "predictions.npz"
    np.savez_compressed(predictions, region=regions.rows[asked], predicted=predicted)
    last = history.epochs[history.best]
    return Result(
        outputs={
            "cell_type": cell_type,
            "window": window,
            "target": settings.target,
            "train_on": settings.train_on,
            "leave_out": list(settings.leave_out),
            "loss": last.loss,
            **last.metrics,
        },
        tables={"training_metrics": _metrics(history, workspace.task.key, cell_type, "finetune")},
        files=[OutputFile("model", path, SAFETENSORS), OutputFile("predictions", predictions, ARRAYS)],
        accelerator=accelerator,
    )


def trained_on(cell_types: Sequence[str], cell_type: str, train_on: str) -> tuple[str, ...]:
    """Return the cell types of an atlas whose labels the network of one of them is trained on.

    Parameters
    ----------
    cell_types : sequence of str
        Of the atlas.
    cell_type : str
        One of them.
    train_on : str
        ``own``, ``others`` or ``all``.

    Raises
    ------
    InvalidInput
        There are no others.
    """
    if train_on == "own":
        return (cell_type,)
    if train_on == "all":
        return tuple(cell_types)
    others = tuple(name for name in cell_types if name != cell_type)
    if not others:
        raise InvalidInput(
            f"{cell_type!r} is the atlas's only cell type, so there are no others to train on",
            cure='set finetune.train_on = "own" in screen.toml',
        )
    return others


def refuse_unlabelled(target: str, *, has_labels: bool) -> None:
    """Refuse to predict the expression of an atlas that has none.

    Raises
    ------
    InvalidInput
        The target is ``expression`` and there are no labels.
    """
    if target == "expression" and not has_labels:
        raise InvalidInput(
            "the atlas has no expression labels, which finetune.target = 'expression' asks for",
            cure='set finetune.target = "accessibility" in screen.toml, or build the atlas with annotation and RNA',
        )


def _labels(atlas: "Atlas", cell_type: str, regions: Regions, target: str) -> NDArray[np.float32]:
    """Return what is to be predicted of the regions of a cell type, float32 (n, outputs)."""
    index = atlas.cell_types.index(cell_type)
    if target == "accessibility":
        return (atlas.accessibility[index] > 0).astype(np.float32)[:, None]
    assert atlas.expression_labels is not None  # see refuse_unlabelled
    return atlas.expression_labels[index][regions.rows]


def _chromosomes(cell_types: Sequence[str], parts: Sequence[Regions]) -> NDArray[np.str_]:
    """Name the chromosome of each region of several cell types, so that no window holds two of either."""
    return np.concatenate([np.char.add(f"{name}/", part.chrom) for name, part in zip(cell_types, parts, strict=True)])


def _held(chrom: NDArray[np.str_], cell_types: Sequence[str], left_out: Sequence[str]) -> list[str]:
    """Return the chromosomes of `_chromosomes` that are left out."""
    held = [f"{name}/{one}" for name in cell_types for one in left_out]
    present = set(chrom.tolist())
    # A cell type need not have an open region on every chromosome; what none has is refused by `leave_out`.
    return [name for name in held if name in present] or held


def _predicted(
    model: "GET", atlas: "Atlas", regions: Regions, window: int, target: str
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return regions and their predictions: of the promoters of any cell type, or of all regions."""
    from get_core.evaluation import predict, predict_focus
    from get_core.windows import around, tile

    if target == "accessibility":
        predicted = predict(model, tile(regions.chrom, window, max(1, window // 2)).over(regions.features))
        asked = np.flatnonzero(np.isfinite(predicted).all(axis=1))
        return asked, predicted[asked]
    assert atlas.expression_labels is not None
    promoters = np.flatnonzero((atlas.expression_labels[:, regions.rows] > 0).any(axis=(0, 2)))
    windows = around(regions.chrom, promoters, 0, window)
    return windows.rows, predict_focus(model, windows.over(regions.features))


def _course(settings: TrainingSettings) -> Course:
    return {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "warmup_epochs": settings.warmup_epochs,
        "seed": settings.seed,
        "patience": settings.patience,
        "micro_batch": settings.micro_batch,
        "precision": settings.precision,
    }


def _metrics(history: "History", key: str, cell_type: str | None, phase: str) -> list[Row]:
    rows: list[Row] = []
    for number, epoch in enumerate(history.epochs, start=1):
        values = {"loss": epoch.loss, "validation_loss": epoch.validation_loss, **epoch.metrics}
        rows += [
            {
                "task_key": key,
                "cell_type_id": cell_type,
                "phase": phase,
                "epoch": number,
                "metric": metric,
                "value": value,
            }
            for metric, value in values.items()
            if value is not None
        ]
    return rows
