"""What ``screening atlas build`` and ``screening atlas check`` both take: the files, and how they are read."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from get_core.chromatin.inputs import AtlasInputs, BuildSettings

__all__ = ["AtlasOptions", "Window", "takes_atlas_options"]

Files = list[Path]
Window = Annotated[int, typer.Option(help="Regions the network will see at once (GET: 200).", min=1)]
Cpus = Annotated[int, typer.Option(help="Cores; more than 1 count and scan on Ray.", min=1)]
RnaUnit = Literal["TPM", "counts", "log10(TPM+1)"]
Combine = Literal["sum", "mean", "mean_of_starts"]


@dataclass(frozen=True)
class AtlasOptions:
    """One field for each option; its annotation is what the command line shows."""

    genome: Annotated[Path | None, typer.Option(metavar="FILE", help="FASTA; its index .fai is made.")] = None
    motifs: Annotated[str | None, typer.Option(metavar="FILE", help="MEME or JASPAR file, or jaspar:CORE.")] = None
    peaks: Annotated[Files, typer.Option(metavar="FILE", help="BED or narrowPeak; several are merged.")] = field(
        default_factory=list
    )
    fragments: Annotated[
        Files, typer.Option(metavar="FILE", help="10x fragments.tsv.gz; needs --peaks and --cells.")
    ] = field(default_factory=list)
    cells: Annotated[Path | None, typer.Option(metavar="FILE", help="Barcode and cell type, separated by a tab.")] = (
        None
    )
    counts: Annotated[
        Path | None, typer.Option(metavar="PATH", help="h5ad, cells x peaks, or a 10x matrix folder.")
    ] = None
    pseudobulk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table: chrom start end, counts per cell type.")
    ] = None
    annotation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="GTF, or a table: chrom tss strand gene_name.")
    ] = None
    rna: Annotated[
        Path | None, typer.Option(metavar="FILE", help="h5ad, cells x genes, or a table: gene, cell types.")
    ] = None
    rna_unit: Annotated[RnaUnit, typer.Option(help="Of a table of RNA; an h5ad file has counts.")] = "TPM"
    min_cells: Annotated[int, typer.Option(help="Keep cell types of more cells than this (GET: 600).", min=0)] = 600
    open_count: Annotated[float, typer.Option(help="A region is open where its count is above this.", min=0)] = 0.0
    open_accessibility: Annotated[float, typer.Option(help="... and its accessibility above this.", min=0)] = 0.0
    cell_ceiling: Annotated[
        int | None, typer.Option(help="Insertions of one cell in one peak count up to this (ArchR: 4).", min=1)
    ] = None
    cell_type_column: Annotated[str, typer.Option(metavar="NAME", help="Column of obs with the cell types.")] = (
        "cell_type"
    )
    counts_layer: Annotated[
        str, typer.Option(metavar="NAME", help="Layer of an h5ad file with the counts; X, of whole numbers, else.")
    ] = ""
    rna_layer: Annotated[str, typer.Option(metavar="NAME", help="The same of the h5ad file of RNA.")] = ""
    combine: Annotated[Combine, typer.Option(help="Of several genes on one strand of a region.")] = "sum"
    extend: Annotated[
        int, typer.Option(metavar="BP", help="Bases a transcription start reaches to both sides.", min=0)
    ] = 0
    gene_type: Annotated[list[str], typer.Option(metavar="TYPE", help="Only these genes, such as protein_coding.")] = (
        field(default_factory=list)
    )
    chromosome: Annotated[list[str], typer.Option(metavar="NAME", help="Only peaks on this one; repeatable.")] = field(
        default_factory=list
    )
    window: Window = 200
    cpus: Cpus = 1

    @property
    def any_input(self) -> bool:
        """Whether an input other than the genome is given."""
        others = (self.cells, self.counts, self.pseudobulk, self.annotation, self.rna, self.motifs)
        return bool(self.peaks or self.fragments or any(others))

    def inputs(self) -> "AtlasInputs":
        """Return the files.

        Raises
        ------
        InvalidInput
            No genome or no motifs.
        """
        from get_core.chromatin.inputs import AtlasInputs
        from screening.errors import InvalidInput
        from screening.resources import hint_for

        if self.genome is None:
            raise InvalidInput("no genome given", cure=f"--genome FILE{hint_for('--genome')}")
        if self.motifs is None:
            raise InvalidInput("no motifs given", cure=f"--motifs FILE or jaspar:CORE{hint_for('--motifs')}")
        motifs = self.motifs if self.motifs.startswith("jaspar:") else Path(self.motifs)
        return AtlasInputs(
            self.genome,
            motifs,
            tuple(self.peaks),
            tuple(self.fragments),
            self.cells,
            self.counts,
            self.pseudobulk,
            self.annotation,
            self.rna,
        )

    def settings(self, *, p_value: float = 1e-4) -> "BuildSettings":
        """Return how they are read."""
        from get_core.chromatin.inputs import BuildSettings

        return BuildSettings(
            min_cells=self.min_cells,
            open_count=self.open_count,
            open_accessibility=self.open_accessibility,
            cell_ceiling=self.cell_ceiling,
            cell_type_column=self.cell_type_column,
            counts_layer=self.counts_layer,
            rna_layer=self.rna_layer,
            rna_unit=self.rna_unit,
            combine=self.combine,
            extend=self.extend,
            gene_types=tuple(self.gene_type),
            chromosomes=tuple(self.chromosome),
            p_value=p_value,
        )


def takes_atlas_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command's last parameter, `options`, stand for every field of `AtlasOptions` on the command line."""
    own = [parameter for name, parameter in signature(command).parameters.items() if name != "options"]
    shared = [
        Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=[] if each.default is MISSING else each.default,
            annotation=each.type,
        )
        for each in fields(AtlasOptions)
    ]

    @wraps(command)
    def run(**given: object) -> None:
        options = AtlasOptions(**{each.name: given.pop(each.name) for each in shared})  # pyright: ignore[reportArgumentType]
        command(**given, options=options)

    parameters = [*own, *shared]
    run.__signature__ = signature(command).replace(parameters=parameters)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
