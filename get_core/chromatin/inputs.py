"""Which files an atlas is made of, and how."""

from dataclasses import dataclass
from pathlib import Path

from get_core.chromatin.expression import RnaUnit
from get_core.chromatin.labels import Combine
from get_core.errors import InvalidInput

__all__ = ["AtlasInputs", "BuildSettings"]


@dataclass(frozen=True)
class AtlasInputs:
    """Files of an atlas; of `fragments` (with `peaks` and `cells`), `counts` and `pseudobulk` exactly one.

    Attributes
    ----------
    genome : Path
        FASTA.
    motifs : str or Path
        As for `get_core.chromatin.motif_sources.read_motifs`.
    peaks : tuple of Path
        BED or narrowPeak; several are merged. With counts they choose among the peaks counted.
    fragments : tuple of Path
        10x fragments.
    cells : Path or None
        Barcode and cell type.
    counts : Path or None
        h5ad (cells x peaks) or a 10x matrix folder.
    pseudobulk : Path or None
        Table of counts per cell type.
    annotation : Path or None
        GTF or table of transcription starts; without it there are no labels and no promoters.
    rna : Path or None
        h5ad (cells x genes) or a table; without it there are no labels and no gene expression.
    """

    genome: Path
    motifs: str | Path
    peaks: tuple[Path, ...] = ()
    fragments: tuple[Path, ...] = ()
    cells: Path | None = None
    counts: Path | None = None
    pseudobulk: Path | None = None
    annotation: Path | None = None
    rna: Path | None = None


@dataclass(frozen=True)
class BuildSettings:
    """How an atlas is made.

    Attributes
    ----------
    min_cells : int
        Cell types of more than this many cells are kept; 600 in GET (Methods). A table of sums does not say how many.
    open_count, open_accessibility : float
        A region is open in a cell type where its count and its accessibility are above these.
    cell_ceiling : int or None
        Insertions of one cell in one peak count up to this many; see `count_fragments`.
    cell_type_column : str
        Column of ``obs`` of h5ad files.
    counts_layer, rna_layer : str
        Layer of the h5ad file of counts or of RNA that holds counts; X, of whole numbers, by default.
    rna_unit : str
        Of a table of expression.
    combine, extend : str, int
        Of labels; see `label_regions`.
    gene_types : tuple of str
        Genes whose starts count, such as ``protein_coding``; all by default.
    chromosomes : tuple of str
        Keep peaks on these alone; all by default.
    p_value : float
        Of a motif match; 1e-4 as in the archetypes GET reads (doi 10.1038/s41586-020-2528-x).
    """

    min_cells: int = 600
    open_count: float = 0.0
    open_accessibility: float = 0.0
    cell_ceiling: int | None = None
    cell_type_column: str = "cell_type"
    counts_layer: str = ""
    rna_layer: str = ""
    rna_unit: RnaUnit = "TPM"
    combine: Combine = "sum"
    extend: int = 0
    gene_types: tuple[str, ...] = ()
    chromosomes: tuple[str, ...] = ()
    p_value: float = 1e-4

    def __post_init__(self) -> None:
        if self.min_cells < 0 or self.open_count < 0 or self.open_accessibility < 0:
            raise InvalidInput("min_cells, open_count and open_accessibility must be 0 or more")
        if self.cell_ceiling is not None and self.cell_ceiling < 1:
            raise InvalidInput(f"cell_ceiling is {self.cell_ceiling}, not at least 1")
        if not 0 < self.p_value < 1:
            raise InvalidInput(f"p_value is {self.p_value}, not between 0 and 1")
