"""A cell type as its network sees it: what a question is asked of."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Json
from get_core.features import feature_names
from screening.errors import InvalidInput
from screening.names import no_such
from screening.steps.atlas import atlas_of
from screening.steps.chromatin import regions_of, use_threads
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
    cell_type : str
        Its name.
    atlas : Atlas
        All regions.
    regions : Regions
        Those of the cell type.
    checkpoint : Path
        Its network.
    length : int
        Regions per window.
    threads : int
        Of the network.
    """

    cell_type: str
    atlas: "Atlas"
    regions: "Regions"
    checkpoint: Path
    length: int
    threads: int

    @cached_property
    def model(self) -> "GET":
        """Its network, on the processor; loaded when it is asked for, since a question may be wrong without it."""
        from get_core.checkpoints import load_get

        use_threads(self.threads)
        return load_get(self.checkpoint)[0]

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

    def starts_of(self, gene: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and strands of a gene's transcription starts; at least one.

        Raises
        ------
        InvalidInput
            The atlas does not have the gene, or no start of it is in an open region.
        """
        rows, strand, genes = self.promoters()
        own = np.array([name == gene for name in genes], bool)
        if not own.any():
            assert self.atlas.promoters is not None
            if gene not in self.atlas.promoters.gene:
                raise no_such(f"the atlas has no gene {gene!r}", gene, genes)
            raise InvalidInput(
                f"{gene} has no transcription start in an open region of {self.cell_type}",
                cure="ask about a gene that is open there; the table unattributed_genes has those that are not",
            )
        return rows[own], strand[own]

    def column_of(self, motif: str) -> int:
        """Return the column of a motif, or of accessibility, in the features of regions.

        Raises
        ------
        InvalidInput
            The atlas does not have it.
        """
        names = feature_names(self.atlas.motifs)
        if motif not in names:
            raise no_such(f"the atlas has no motif {motif!r}", motif, names)
        return names.index(motif)

    def rows_of(self, text: str) -> NDArray[np.int64]:
        """Return the cell type's regions that overlap ``chrom:start-end`` (0-based, half-open); at least one.

        Raises
        ------
        InvalidInput
            Not written so, a chromosome that the cell type has no open region on, or a place without one.
        """
        chrom, _, span = text.partition(":")
        ends = re.fullmatch(r"([0-9]{1,12})-([0-9]{1,12})", span.replace(",", ""))
        first, last = (int(end) for end in ends.groups()) if ends else (0, 0)
        if first >= last:
            raise InvalidInput(f"{text!r} is not chrom:start-end", cure="write for example chr11:5225000-5230000")
        there = np.flatnonzero(self.regions.chrom == chrom)
        if not len(there):
            names = dict.fromkeys(self.regions.chrom.tolist())
            raise no_such(f"{text}: {self.cell_type} has no open region on {chrom!r}", chrom, names)
        at = self.regions.rows[there]
        gap = np.maximum(self.atlas.start[at] - last, first - self.atlas.end[at])
        if gap.min() >= 0:
            nearest = self.name(int(there[gap.argmin()]))
            raise InvalidInput(f"{text} holds no open region of {self.cell_type}", cure=f"the nearest is {nearest}")
        return there[gap < 0]

    def name(self, row: int) -> str:
        """Return ``chrom:start-end`` of one of the cell type's regions."""
        at = self.regions.rows[row]
        return f"{self.atlas.chrom[at]}:{self.atlas.start[at]}-{self.atlas.end[at]}"


def cell_type_of(workspace: Workspace) -> CellType:
    """Load the cell type that a question is about."""
    atlas, name = atlas_of(workspace), workspace.text_input("cell_type")
    tuned = workspace.upstream("finetune").outputs
    return CellType(
        name,
        atlas,
        regions_of(atlas, name, str(tuned["target"])),
        workspace.file("finetune", "model"),
        int(str(tuned["window"])),
        workspace.cpus,
    )


def head_of(workspace: Workspace) -> dict[str, Json]:
    """Return what each row of an answer begins with."""
    return {"task_key": workspace.task.key, "cell_type_id": workspace.text_input("cell_type")}
