"""Settings from open chromatin to attribution: atlas, pretraining, finetuning, attribution."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from catalog.record import Json
from screening.sections.base import Section

__all__ = ["AtlasSettings", "AttributionSettings", "EvaluationSettings", "FinetuneSettings", "PretrainSettings"]


class AtlasSettings(Section):
    """``[atlas]``: regions × motif scores, accessibility and expression.

    Attributes
    ----------
    source : str
        ``files``, ``atlas`` for a ready one (`screening atlas build`), or ``simulated`` for an atlas with planted
        effects (`get_core.simulation`), labelled so everywhere.
    path : Path
        A ready atlas: the file ``atlas.zarr.zip``, or the folder ``atlas.zarr``.
    regions, motifs, expression : Path
        Table of regions with sequences and accessibility; motif matrices (MEME); gene expression per cell type.
    expression_unit : str
        Unit of the expression table, for example ``TPM``.
    p_value : float
        Threshold of a motif match; 1e-4 as in the Vierstra archetypes that GET reads (doi 10.1038/s41586-020-2528-x).
    seed, n_regions, n_genes : int
        Of a simulated atlas.
    """

    source: Literal["files", "atlas", "simulated"] = "files"
    path: Path | None = Field(default=None, exclude=True)
    regions: Path | None = Field(default=None, exclude=True)
    motifs: Path | None = Field(default=None, exclude=True)
    expression: Path | None = Field(default=None, exclude=True)
    expression_unit: str = "TPM"
    p_value: float = Field(default=1e-4, gt=0, lt=0.1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    n_regions: int = Field(default=4000, ge=200)
    n_genes: int = Field(default=1500, ge=80)

    def determining(self) -> dict[str, Json]:
        """Return what determines numbers: of a simulated atlas its seed and size, of files how they are read."""
        values = super().determining()
        simulation, reading = ("seed", "n_regions", "n_genes"), ("p_value", "expression_unit")
        others = {"files": simulation, "simulated": reading, "atlas": simulation + reading}
        return {name: value for name, value in values.items() if name not in others[self.source]}


class TrainingSettings(Section):
    """What both trainings of the network have in common; the defaults are a size that a processor trains in a minute.

    Attributes
    ----------
    epochs, batch_size, learning_rate, seed
        Of the training; the paper's are in `get_core.training`.
    warmup_epochs : int
        Epochs over which the learning rate rises.
    leave_out : tuple of str
        Chromosomes kept for validation; none of their regions is seen in training.
    patience : int or None
        Stop after this many epochs without a lower validation loss, and keep the best epoch; needs `leave_out`.
    precision : str
        ``float32`` or ``bfloat16`` arithmetic.
    micro_batch : int or None
        Windows per backward pass, for a small memory; the result is the same but for rounding.
    workers, worker_cpus, worker_gpus : int
        Processes that train one network together, each with a share of every batch, and what each is granted; on a
        cluster with Ray only. The result is that of one process but for rounding and stochastic depth.
    """

    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_epochs: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0, lt=2**31)
    leave_out: tuple[str, ...] = ()
    patience: int | None = Field(default=None, ge=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    micro_batch: int | None = Field(default=None, ge=1, exclude=True)
    workers: int = Field(default=1, ge=1, exclude=True)
    worker_cpus: int = Field(default=1, ge=1, exclude=True)
    worker_gpus: int = Field(default=0, ge=0, exclude=True)

    @model_validator(mode="after")
    def _epochs_suffice(self) -> Self:
        if self.patience is not None and not self.leave_out:
            raise ValueError("patience needs leave_out, the chromosomes it watches")
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) is more than epochs ({self.epochs})")
        return self


class PretrainSettings(TrainingSettings):
    """``[pretrain]``: the network and its pretraining by masked regions, once for all cell types.

    GET itself has 768 channels, 12 layers, 12 heads and windows of 200 regions (Methods).

    Attributes
    ----------
    window : int
        Regions per window, here and in finetuning and attribution.
    embed, layers, heads : int
        Size of the network.
    mask_ratio : float
        Share of the regions of a window that is hidden and rebuilt.
    checkpoint : Path
        A pretrained network, in any of GET's formats, in place of pretraining.
    """

    checkpoint: Path | None = Field(default=None, exclude=True)
    window: int = Field(default=32, ge=2)
    embed: int = Field(default=64, ge=8)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    mask_ratio: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.embed % self.heads:
            raise ValueError(f"embed ({self.embed}) must be a multiple of heads ({self.heads})")
        return self


class FinetuneSettings(TrainingSettings):
    """``[finetune]``: finetuning for one cell type.

    Attributes
    ----------
    target : str
        ``expression`` per strand (Poisson likelihood), or ``accessibility``: is the region open in this cell type?
    train_on : str
        Whose labels the network of a cell type sees: its ``own``; of all ``others`` of the atlas and none of its own,
        which is the paper's left-out cell type; or of ``all``. `leave_out` holds for each of them.
    low_rank : int or None
        Train corrections of this rank and the head only (LoRA), not all weights; the reference uses 8.
    """

    target: Literal["expression", "accessibility"] = "expression"
    train_on: Literal["own", "others", "all"] = "own"
    epochs: int = Field(default=10, ge=1)
    warmup_epochs: int = Field(default=1, ge=0)
    low_rank: int | None = Field(default=None, ge=1)


class EvaluationSettings(Section):
    """``[evaluation]``: how the networks are compared with baselines has no settings."""


class AttributionSettings(Section):
    """``[attribution]``: what each motif does to the network's output, streamed to rows × motifs.

    Attributes
    ----------
    rows : str
        ``genes``: one row for each gene, the mean over its transcription starts in open regions, each on its own
        strand (needs an atlas with transcription starts); ``promoters``: one row for each region with an expression
        label, its own strand; ``accessible``: one row for each region open in the cell type; ``regions``: all regions.
    method : str
        ``input_times_gradient`` (GET Methods), ``gradient``, ``integrated_gradients`` or ``deep_lift``.
    reduce : str
        ``sum`` over the window (GET Methods, equation 10), ``abs_mean`` or ``signed_mean``.
    precision : str
        ``float32`` or ``bfloat16`` arithmetic of the network; the latter for GPUs and for processors with instructions
        for it (AMX, AVX-512), on others it is tens of times slower.
    batch_size : int
        Windows per backward pass; at GET's full size each takes about 0.1 GB of memory.
    parts : int
        Tasks that share out the rows of a cell type, and one that puts them together; more than one where a cell type
        is to be spread over several GPUs or machines. Each has what ``[resources.attribution]`` grants. The result is
        the same, and a result that is there is not made again.
    files : dict of str to Path
        Matrices that are there already, by cell type: an interpretation zarr of the published code (``.zarr``, or a
        zip of it) or a gene-by-motif table (``.feather``, ``.parquet``, ``.tsv``, ``.csv``, ``.npz``). Such a cell type
        is not trained and not attributed; of the settings above, `reduce` alone matters to it, and only for a zarr.
    strands : str
        Of an interpretation zarr: ``undo`` takes the gradient of strand 0 off that of strand 1, where the published
        code leaves it; ``as_stored`` trusts the file.
    """

    rows: Literal["genes", "promoters", "accessible", "regions"] = "promoters"
    method: Literal["input_times_gradient", "gradient", "integrated_gradients", "deep_lift"] = "input_times_gradient"
    reduce: Literal["sum", "abs_mean", "signed_mean"] = "sum"
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = Field(default=16, ge=1, exclude=True)
    parts: int = Field(default=1, ge=1, exclude=True)
    files: dict[str, Path] = Field(default_factory=dict, exclude=True)
    strands: Literal["undo", "as_stored"] = "undo"

    def determining(self) -> dict[str, Json]:
        """Return what determines a matrix that is computed; of one read from a zarr, `strands` is an input."""
        return {name: value for name, value in super().determining().items() if name != "strands"}
