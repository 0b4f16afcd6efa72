"""GET: pretraining once, then finetuning and input × gradient for each cell type."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from catalog.record import Row
from screening.errors import InvalidInput
from screening.sections.chromatin import AttributionSettings, FinetuneSettings, PretrainSettings, TrainingSettings
from screening.steps.atlas import atlas_of
from screening.task import OutputFile, Resources, Result, Workspace


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


if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.model import GET
    from get_core.training import History

__all__ = ["finetune", "pretrain", "regions_of", "run", "training_resources", "workers"]

SAFETENSORS = "application/vnd.safetensors"
ARRAYS = "application/octet-stream"
CHECKPOINT = "training.pt"  # in the folder of a task, which outlives an interrupted attempt


def training_resources(settings: PretrainSettings | FinetuneSettings | AttributionSettings) -> Resources:
    """Return what training and attribution need on a processor; a GPU is granted by ``[resources.STAGE]``."""
    return Resources(cpus=1, memory_gib=3.0, deadline_s=12 * 3600.0)


def workers(settings: TrainingSettings) -> int:
    """Return how many processes train one network together."""
    return settings.workers


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions a cell type's network sees.

    Attributes
    ----------
    features : float32 (n, F)
        Motif scores and accessibility.
    chrom : str (n,)
        Chromosome of each region.
    rows : int64 (n,)
        Their rows in the atlas.
    """

    features: NDArray[np.float32]
    chrom: NDArray[np.str_]
    rows: NDArray[np.int64]


def regions_of(atlas: "Atlas", cell_type: str, target: str) -> Regions:
    """Return what a cell type's network sees.

    Parameters
    ----------
    atlas : Atlas
        The atlas.
    cell_type : str
        One of its cell types.
    target : str
        ``expression``: the accessible regions with their accessibility, as in GET. ``accessibility``: all regions,
        and ones in place of the accessibility that is to be predicted.
    """
    index = atlas.cell_types.index(cell_type)
    if target == "accessibility":
        rows = np.arange(len(atlas.start))
    else:
        rows = np.flatnonzero(atlas.accessibility[index] > 0)
    features = atlas.features(cell_type, accessibility=target == "expression")
    return Regions(features[rows], atlas.chrom[rows], rows)


def pretrain(workspace: Workspace, settings: PretrainSettings) -> Result:
    """Pretrain by masked regions on every cell type's accessible regions, or take the checkpoint that is given."""
    from get_core.checkpoints import load_get, save_get
    from get_core.model import GetConfig
    from get_core.training import PretrainSettings as Training
    from get_core.training import pretrain as train
    from get_core.windows import leave_out, tile

    _use_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    parts = [regions_of(atlas, name, "expression") for name in atlas.cell_types]
    features = np.concatenate([part.features for part in parts])
    chrom = np.concatenate(
        [np.char.add(f"{name}/", part.chrom) for name, part in zip(atlas.cell_types, parts, strict=True)]
    )
    config = GetConfig(features=features.shape[1], embed=settings.embed, layers=settings.layers, heads=settings.heads)
    training = Training(**_course(settings), mask_ratio=settings.mask_ratio)
    path = workspace.folder / "model.safetensors"
    if "checkpoint" in workspace.task.sources:
        model, report = load_get(workspace.source("checkpoint"))
        if report.config.features != features.shape[1]:
            raise InvalidInput(
                f"{workspace.source('checkpoint')}: a network of {report.config.features} features, "
                f"but the atlas has {features.shape[1]} (its motifs and accessibility)",
                cure="use the motifs that the checkpoint was trained with",
            )
        save_get(model, path)
        return Result({"window": settings.window}, {}, [OutputFile("model", path, SAFETENSORS)])
    windows = tile(chrom, settings.window, settings.window)
    validation = None
    if settings.leave_out:
        held = [f"{name}/{left_out}" for name in atlas.cell_types for left_out in settings.leave_out]
        present = set(chrom.tolist())
        # A cell type need not have an open region on every chromosome; a name that none has is refused below.
        windows, validation = leave_out(windows, chrom, [name for name in held if name in present] or held)
    device, accelerator = _device(workspace)
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
    save_get(model, path)
    return Result(
        outputs={"window": settings.window, "loss": history.epochs[history.best].loss, "n_windows": len(windows)},
        tables={"training_metrics": _metrics(history, workspace.task.key, None, "pretrain")},
        files=[OutputFile("model", path, SAFETENSORS)],
        accelerator=accelerator,
    )


def finetune(workspace: Workspace, settings: FinetuneSettings) -> Result:
    """Finetune the pretrained network for one cell type."""
    from get_core.checkpoints import load_get, save_get
    from get_core.training import FinetuneSettings as Training
    from get_core.training import finetune as train
    from get_core.windows import around, leave_out, tile

    _use_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    cell_type = workspace.text_input("cell_type")
    regions = regions_of(atlas, cell_type, settings.target)
    index = atlas.cell_types.index(cell_type)
    if settings.target == "accessibility":
        targets = (atlas.accessibility[index] > 0).astype(np.float32)[:, None]
        scored = None
    elif atlas.expression_labels is None:
        raise InvalidInput(
            "the atlas has no expression labels", cure='set finetune.target = "accessibility" in screen.toml'
        )
    else:
        targets = atlas.expression_labels[index][regions.rows]
        scored = targets > 0
    window = int(str(workspace.upstream("pretrain").outputs["window"]))
    if scored is None:
        windows = tile(regions.chrom, window, max(1, window // 2))
    else:
        # A promoter is asked about in the middle of its window, so it is trained there, too.
        windows = around(regions.chrom, np.flatnonzero(scored.any(axis=1)), 0, window)
    validation = None
    if settings.leave_out:
        windows, validation = leave_out(windows, regions.chrom, settings.leave_out)
    start, _ = load_get(workspace.file("pretrain", "model"))
    training = Training(**_course(settings), head=settings.target, low_rank=settings.low_rank)
    device, accelerator = _device(workspace)
    model, history = train(
        start,
        regions.features,
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
    save_get(model, path)
    asked, predicted = _predicted(model, atlas, regions, window, settings.target)
    predictions = workspace.folder / "predictions.npz"
    np.savez_compressed(predictions, region=regions.rows[asked], predicted=predicted)
    last = history.epochs[history.best]
    return Result(
        outputs={
            "cell_type": cell_type,
            "window": window,
            "target": settings.target,
            "leave_out": list(settings.leave_out),
            "loss": last.loss,
            **last.metrics,
        },
        tables={"training_metrics": _metrics(history, workspace.task.key, cell_type, "finetune")},
        files=[OutputFile("model", path, SAFETENSORS), OutputFile("predictions", predictions, ARRAYS)],
        accelerator=accelerator,
    )


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


def run(workspace: Workspace, settings: AttributionSettings) -> Result:
    """Attribute the network's own outputs to motifs, streamed to rows × motifs."""
    from get_core.attribution import attribute, mean_by_gene
    from get_core.checkpoints import load_get
    from get_core.windows import around

    _use_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    cell_type = workspace.text_input("cell_type")
    tuned = workspace.upstream("finetune").outputs
    target = str(tuned["target"])
    regions = regions_of(atlas, cell_type, target)
    index = atlas.cell_types.index(cell_type)
    asked = _asked(atlas, index, regions, settings, target)
    windows = around(regions.chrom, asked.rows, asked.strand, int(str(tuned["window"])))
    model, _ = load_get(workspace.file("finetune", "model"))
    device, accelerator = _device(workspace)
    result = attribute(
        model.to(device),
        windows.over(regions.features),
        method=settings.method,
        reduce=settings.reduce,
        precision=settings.precision,
        batch_size=settings.batch_size,
        progress=workspace.progress,
    )
    names = [*atlas.motifs, "Accessibility"]
    fits = ~np.isin(asked.rows, windows.skipped)
    matrix, genes = result.by_motif, ()
    if settings.rows == "genes":
        matrix, genes = mean_by_gene(matrix, [gene for gene, kept in zip(asked.gene, fits, strict=True) if kept])
    path = workspace.folder / "attribution.npz"
    np.savez_compressed(
        path,
        matrix=matrix,
        motifs=np.array(names),
        genes=np.array(genes, np.str_),
        region=regions.rows[windows.rows],
        strand=windows.strand,
        output=result.output,
    )
    mean, mean_abs = matrix.mean(0, dtype=np.float64), np.abs(matrix).mean(0, dtype=np.float64)
    table: list[Row] = [
        {
            "task_key": workspace.task.key,
            "cell_type_id": cell_type,
            "motif_id": name,
            "mean_score": float(mean[column]),
            "mean_abs_score": float(mean_abs[column]),
            "n_genes": len(matrix),
        }
        for column, name in enumerate(names)
    ]
    outputs = {
        "n_rows": len(matrix),
        "n_skipped": len(windows.skipped),
        "method": settings.method,
        "reduce": settings.reduce,
        "rows": settings.rows,
        "unexplained": None if result.unexplained is None else float(np.abs(result.unexplained).mean()),
    }
    missing: list[Row] = [
        {"task_key": workspace.task.key, "cell_type_id": cell_type, "gene": gene, "reason": reason}
        for gene, reason in _missing(atlas, settings, asked, genes)
    ]
    tables = {"motif_attributions": table, "unattributed_genes": missing}
    return Result(outputs, tables, [OutputFile("attribution", path, ARRAYS)], accelerator)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is attributed: rows int64 (w,) among the regions, strand int64 (w,), and the gene of each, if known."""

    rows: NDArray[np.int64]
    strand: NDArray[np.int64]
    gene: tuple[str, ...] = ()


def _asked(atlas: "Atlas", index: int, regions: Regions, settings: AttributionSettings, target: str) -> Asked:
    """Return which of the regions are attributed, and on which strand."""
    if settings.rows in ("genes", "promoters") and target == "accessibility":
        raise InvalidInput(
            f'attribution.rows = "{settings.rows}" needs finetune.target = "expression"',
            cure='set attribution.rows = "accessible" in screen.toml',
        )
    if settings.rows == "genes":
        if atlas.promoters is None:
            raise InvalidInput(
                'attribution.rows = "genes" needs an atlas with transcription starts',
                cure='build it with a gene annotation, or set attribution.rows = "promoters" in screen.toml',
            )
        place = np.full(len(atlas.chrom), -1)
        place[regions.rows] = np.arange(len(regions.rows))
        rows = place[atlas.promoters.region]
        there = rows >= 0
        gene = tuple(name for name, kept in zip(atlas.promoters.gene, there, strict=True) if kept)
        return Asked(rows[there], atlas.promoters.strand[there], gene)
    if settings.rows == "promoters":
        if atlas.expression_labels is None:
            raise InvalidInput(
                'attribution.rows = "promoters" needs expression labels',
                cure='set attribution.rows = "accessible" in screen.toml',
            )
        rows, strand = np.nonzero(atlas.expression_labels[index][regions.rows] > 0)
        return Asked(rows, strand)
    rows = np.arange(len(regions.rows))
    if settings.rows == "accessible":
        rows = np.flatnonzero(atlas.accessibility[index][regions.rows] > 0)
    return Asked(rows, np.zeros(len(rows), np.int64))


def _missing(
    atlas: "Atlas", settings: AttributionSettings, asked: Asked, genes: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if settings.rows != "genes" or atlas.promoters is None:
        return
    there, done = set(asked.gene), set(genes)
    for gene in sorted(set(atlas.promoters.gene) - done):
        yield gene, "chromosome_too_short_for_a_window" if gene in there else "no_transcription_start_in_an_open_region"


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


def _device(workspace: Workspace) -> tuple[str, str | None]:
    """Return where to compute, and the name of the GPU: one only where one was granted and is there."""
    import torch

    if workspace.gpus and torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    return "cpu", None


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)
