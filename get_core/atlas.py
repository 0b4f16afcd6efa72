"""One atlas: the open regions of some cell types, their motif scores, accessibility and gene expression."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.atlas_file import read_atlas, write_atlas
from get_core.errors import InvalidInput
from get_core.motifs import read_meme, scan
from get_core.tables import chromosome_ranks, first_repeated, read_expression, read_regions

__all__ = ["Atlas", "Promoters", "build"]


@dataclass(frozen=True, eq=False)
class Promoters:
    """Which regions hold the transcription starts of which genes; a gene with several starts has several rows.

    Parameters
    ----------
    gene : tuple of str (t,)
        Gene of each row.
    region : int64 (t,)
        Region of the atlas that holds the transcription start.
    strand : int64 (t,)
        0 plus, 1 minus.
    """

    gene: tuple[str, ...]
    region: NDArray[np.int64]
    strand: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Atlas:
    """n regions × m motifs in c cell types, and the expression of g genes.

    An atlas is checked when it is made, so one that exists is valid.

    Parameters
    ----------
    chrom : str (n,)
        Chromosome of each region.
    start, end : int64 (n,)
        0-based, half-open (BED). Regions are unique and sorted by chromosome in natural order, start and end.
    motifs : tuple of str (m,)
        Motif clusters, the columns of `scores`.
    scores : float32 (n, m)
        Motif scores as scanned, >= 0.
    cell_types : tuple of str (c,)
        Names.
    accessibility : float32 (c, n)
        >= 0; 0 where closed. Every cell type has an open region.
    expression_labels : float32 (c, n, 2) or None
        log10(TPM + 1) per region and strand (0 plus, 1 minus), 0 where no gene starts.
    genes : tuple of str (g,)
        HGNC symbols.
    gene_expression : float32 (c, g)
        >= 0, in `expression_unit`; for choosing the TF that stands for a motif.
    expression_unit : str
        Such as "TPM"; empty without genes.
    accessibility_kind : str
        "binary" (0 and 1) or "measured".
    simulated : bool
        True when nothing in it was measured.
    promoters : Promoters or None
        Transcription starts of genes, for attribution gene by gene.
    definitions : mapping of str to str
        How the numbers were made, for example "accessibility": "log10(count / total · 1e5 + 1)"; shown, never read.

    Raises
    ------
    InvalidInput
        Shapes that do not fit together or values out of range.
    """

    chrom: NDArray[np.str_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    motifs: tuple[str, ...]
    scores: NDArray[np.float32]
    cell_types: tuple[str, ...]
    accessibility: NDArray[np.float32]
    expression_labels: NDArray[np.float32] | None
    genes: tuple[str, ...]
    gene_expression: NDArray[np.float32]
    expression_unit: str
    accessibility_kind: str
    simulated: bool
    promoters: Promoters | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check shapes, order and ranges.

        Raises
        ------
        InvalidInput
            Naming the first fault.
        """
        n, m, c, g = len(self.chrom), len(self.motifs), len(self.cell_types), len(self.genes)
        shapes = {
            "chrom": (n,),
            "start": (n,),
            "end": (n,),
            "scores": (n, m),
            "accessibility": (c, n),
            "expression_labels": (c, n, 2),
            "gene_expression": (c, g),
        }
        if self.expression_labels is None:
            del shapes["expression_labels"]
        for name, shape in shapes.items():
            values: NDArray = getattr(self, name)
            if values.shape != shape:
                raise InvalidInput(
                    f"atlas: {name} has the shape {values.shape}, not {shape}, for {n} regions, {m} motifs, "
                    f"{c} cell types and {g} genes"
                )
            if values.dtype.kind == "f" and not (np.isfinite(values).all() and values.min(initial=0) >= 0):
                raise InvalidInput(f"atlas: {name} holds negative or non-finite values")
        if not (n and m and c):
            raise InvalidInput(f"atlas: {n} regions, {m} motifs and {c} cell types; none may be 0")
        for name in ("motifs", "cell_types", "genes"):
            repeated = first_repeated(getattr(self, name))
            if repeated is not None:
                raise InvalidInput(f"atlas: {name} names {repeated!r} twice")
        self._validate_regions()
        self._validate_promoters()
        closed = np.flatnonzero(self.accessibility.max(axis=1) == 0)
        if closed.size:
            raise InvalidInput(f"atlas: {self.cell_types[closed[0]]} has no accessible region")
        if self.accessibility_kind not in ("binary", "measured"):
            raise InvalidInput(f"atlas: accessibility_kind is {self.accessibility_kind!r}, not 'binary' or 'measured'")
        if self.accessibility_kind == "binary" and not np.isin(self.accessibility, (0, 1)).all():
            raise InvalidInput("atlas: accessibility_kind is 'binary', but there are values other than 0 and 1")

    def _validate_regions(self) -> None:
        odd = np.flatnonzero((self.start < 0) | (self.end <= self.start))
        if odd.size:
            raise InvalidInput(f"atlas: region {self._region(odd[0])} starts below 0 or does not end after its start")
        # Row-wise order of (chromosome, start, end): a step is up when the first key that differs rises.
        step = np.diff(np.stack([chromosome_ranks(self.chrom), self.start, self.end]), axis=1)
        first = step[(step != 0).argmax(axis=0), np.arange(step.shape[1])]
        wrong = np.flatnonzero(first <= 0)
        if wrong.size:
            fault = "occurs twice" if first[wrong[0]] == 0 else f"comes after {self._region(wrong[0])}"
            raise InvalidInput(
                f"atlas: region {self._region(wrong[0] + 1)} {fault}",
                cure="Sort regions by chromosome (chr2 before chr10), start and end; each may occur once.",
            )

    def _validate_promoters(self) -> None:
        if self.promoters is None:
            return
        genes, region, strand = self.promoters.gene, self.promoters.region, self.promoters.strand
        if not (len(genes),) == region.shape == strand.shape:
            raise InvalidInput(
                f"atlas: {len(genes)} genes of promoters, {region.shape} regions and {strand.shape} strands"
            )
        if len(genes) and not (region.min() >= 0 and region.max() < len(self.chrom) and np.isin(strand, (0, 1)).all()):
            raise InvalidInput("atlas: promoters name regions that are not there, or strands other than 0 and 1")

    def _region(self, row: int) -> str:
        return f"{self.chrom[row]}:{self.start[row]}-{self.end[row]}"

    def features(self, cell_type: str, *, accessibility: bool = True) -> NDArray[np.float32]:
        """Give the input of the GET network for one cell type.

        Each motif is divided by its maximum over the regions accessible in the cell type and clipped at 1, as in
        GET's region dataset; a motif absent from all of them stays as scanned, clipped.

        Parameters
        ----------
        cell_type : str
            One of `cell_types`.
        accessibility : bool
            Whether the last column holds the accessibility, divided by its maximum. Otherwise it is all ones: a
            network that predicts accessibility must not see it.

        Returns
        -------
        (n, m + 1) float32
            In [0, 1].

        Raises
        ------
        InvalidInput
            The atlas has no such cell type.
        """
        if cell_type not in self.cell_types:
            raise InvalidInput(
                f"cell type {cell_type!r} is not in the atlas", cure=f"It has: {', '.join(self.cell_types)}."
            )
        level = self.accessibility[self.cell_types.index(cell_type)]
        highest = self.scores[level > 0].max(axis=0)
        features = np.ones((len(self.chrom), len(self.motifs) + 1), np.float32)
        np.minimum(self.scores / np.where(highest > 0, highest, 1), 1, out=features[:, :-1])
        if accessibility:
            features[:, -1] = level / level.max()
        return features

    def save(self, path: str | Path) -> None:
        """Write the atlas as zarr: one file where the name ends in ``.zip``, else a folder; whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to; what is there is replaced.
        """
        write_atlas(self, path)

    @classmethod
    def load(cls, path: str | Path) -> "Atlas":
        """Read what `save` wrote, and check it.

        Parameters
        ----------
        path : str or Path
            File or folder.

        Returns
        -------
        Atlas

        Raises
        ------
        InvalidInput
            No such file, not an atlas, or one whose contents are wrong.
        """
        return read_atlas(path)


def build(
    regions_path: str | Path,
    library_path: str | Path,
    *,
    expression_path: str | Path | None = None,
    expression_unit: str = "",
    p_value: float = 1e-4,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Atlas:
    """Read the tables, scan the sequences for motifs and put the atlas together.

    Parameters
    ----------
    regions_path : str or Path
        As for `get_core.tables.read_regions`.
    library_path : str or Path
        Motifs in MEME format.
    expression_path : str or Path, optional
        As for `get_core.tables.read_expression`; must cover every cell type of the regions, may cover more.
    expression_unit : str
        Unit of the expression table, such as "TPM"; needed with one.
    p_value, threads, progress
        As for `get_core.motifs.scan`.

    Returns
    -------
    Atlas
        Without expression labels. Accessibility is "binary" when it holds 0 and 1 alone.

    Raises
    ------
    InvalidInput
        A table is wrong, with file and line, before any scanning.
    """
    regions = read_regions(regions_path)
    library = read_meme(library_path)
    genes: tuple[str, ...] = ()
    gene_expression = np.zeros((len(regions.cell_types), 0), np.float32)
    if expression_path is not None:
        if not expression_unit:
            raise InvalidInput(f"{expression_path}: the unit is not stated", cure="Set expression_unit, such as 'TPM'.")
        expression = read_expression(expression_path)
        for name in regions.cell_types:
            if name not in expression.cell_types:
                raise InvalidInput(
                    f"{expression_path}: no column for {name!r}, a cell type of {regions_path}",
                    cure=f"It has: {', '.join(expression.cell_types[:20])}.",
                )
        genes = expression.genes
        gene_expression = expression.values[[expression.cell_types.index(name) for name in regions.cell_types]]
    places = zip(regions.chrom, regions.start, regions.end, regions.sequences, strict=True)
    sequences = {f"{chrom}:{start}-{end}": sequence for chrom, start, end, sequence in places}
    return Atlas(
        chrom=regions.chrom,
        start=regions.start,
        end=regions.end,
        motifs=library.cluster_names,
        scores=scan(sequences, library, p_value=p_value, threads=threads, progress=progress),
        cell_types=regions.cell_types,
        accessibility=regions.accessibility,
        expression_labels=None,
        genes=genes,
        gene_expression=gene_expression,
        expression_unit=expression_unit if genes else "",
        accessibility_kind="binary" if np.isin(regions.accessibility, (0, 1)).all() else "measured",
        simulated=False,
    )
