"""A cell type as its network sees it: what a question is asked of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Json
from screening.errors import InvalidInput
from screening.steps.atlas import atlas_of
from screening.steps.chromatin import regions_of
from screening.task import Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas
    from get_core.model import GET
    from get_core.windows import Windows
    from screening.steps.chromatin import Regions

__all__ = ["CellType", "cell_type_of", "head_of"]


@dataclass(frozen=True, eq=False)
class CellType:
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


def cell_type_of(workspace: Workspace) -> CellType:
    """Load the cell type that a question is about."""
    import torch

    from get_core.checkpoints import load_get

    torch.set_num_threads(workspace.cpus)
    atlas = atlas_of(workspace)
    tuned = workspace.upstream("finetune").outputs
    regions = regions_of(atlas, workspace.text_input("cell_type"), str(tuned["target"]))
    model, _ = load_get(workspace.file("finetune", "model"))
    return CellType(atlas, regions, model, int(str(tuned["window"])))


def head_of(workspace: Workspace) -> dict[str, Json]:
    """Return what each row of an answer begins with."""
    return {"task_key": workspace.task.key, "cell_type_id": workspace.text_input("cell_type")}
