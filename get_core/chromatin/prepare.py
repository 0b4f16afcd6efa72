"""What a laboratory has, read and brought together: everything of an atlas but the motif scores."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Promoters
from get_core.chromatin.annotation import read_starts
from get_core.chromatin.count_sources import read_counts
from get_core.chromatin.counts import CountTable
from get_core.chromatin.expression import read_rna
from get_core.chromatin.fragments import read_cells
from get_core.chromatin.genome import Genome, check_on_genome
from get_core.chromatin.inputs import AtlasInputs, BuildSettings
from get_core.chromatin.jobs import Map, Note, Progress
from get_core.chromatin.labels import label_regions
from get_core.chromatin.peaks import Peaks, check_shared_names
from get_core.errors import InvalidInput
from get_core.tables import Expression

__all__ = ["ACCESSIBILITY", "Dropped", "Prepared", "accessibility", "prepare"]

SCALE = 1e5
ACCESSIBILITY = (
    "s = log10(c / t · 10⁵ + 1): c counts of the cell type in the region, t their sum over all peaks; 0 where closed"
)


@dataclass(frozen=True)
class Dropped:
    """Something of the input that is not in the atlas, or not as it was: a kind, a name and the reason."""

    kind: str
    subject: str
    reason: str


@dataclass(frozen=True, eq=False)
class Prepared:
    """An atlas without its motif scores; names as in `get_core.atlas.Atlas`.

    Attributes
    ----------
    peaks : Peaks
        n regions, each open in some cell type.
    depth : mapping of str to float
        Counts of each cell type in all peaks, t.
    cells : mapping of str to int
        Cells of each type; empty where the input does not say.
    notes : tuple of str
        What was done to the input.
    dropped : tuple of Dropped
        What was left out.
    """

    peaks: Peaks
    cell_types: tuple[str, ...]
    accessibility: NDArray[np.float32]
    expression_labels: NDArray[np.float32] | None
    genes: tuple[str, ...]
    gene_expression: NDArray[np.float32]
    promoters: Promoters | None
    depth: Mapping[str, float]
    cells: Mapping[str, int]
    definitions: Mapping[str, str]
    lengths: Mapping[str, int]
    notes: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = field(default=())

    @property
    def chrom(self) -> NDArray[np.str_]:
        """Chromosome of each region, (n,)."""
        return self.peaks.chrom

    @property
    def start(self) -> NDArray[np.int64]:
        """Starts, (n,)."""
        return self.peaks.start

    @property
    def end(self) -> NDArray[np.int64]:
        """Ends, (n,)."""
        return self.peaks.end


def accessibility(counts: NDArray, total: NDArray, *, open_count: float = 0.0, open_level: float = 0.0) -> NDArray:
    """Turn counts into accessibility, s = log10(c / t · 10⁵ + 1), 0 where closed.

    Parameters
    ----------
    counts : (c, n)
        Counts.
    total : (c,)
        t of each cell type, above 0.
    open_count, open_level : float
        A region is open where its count and its accessibility are above these.

    Returns
    -------
    (c, n) float32
    """
    level = np.log10(counts / np.asarray(total, np.float64)[:, None] * SCALE + 1)
    return np.where((counts > open_count) & (level > open_level), level, 0).astype(np.float32)


def prepare(
    inputs: AtlasInputs,
    settings: BuildSettings,
    *,
    note: Note = lambda text: None,
    progress: Progress | None = None,
    map: Map = map,
) -> Prepared:
    """Read, check and combine all files but the motifs; nothing is written but the genome's index.

    Parameters
    ----------
    inputs : AtlasInputs
        Files.
    settings : BuildSettings
        How they are read.
    note : callable, optional
        Called with what is being done.
    progress, map : callable, optional
        As in `get_core.chromatin.fragments.count_fragments`.

    Returns
    -------
    Prepared

    Raises
    ------
    InvalidInput
        With file and line where there is one.
    """
    notes: list[str] = []
    dropped: list[Dropped] = []
    with Genome(inputs.genome) as genome:
        lengths = dict(genome.lengths)
    starts = None
    if inputs.annotation is None:
        notes.append("no annotation: no expression labels, no promoters; for hg38: screening fetch gencode-v40")
    else:
        note(f"reading transcription starts from {inputs.annotation}")
        starts = read_starts(inputs.annotation, gene_types=settings.gene_types)
    expression, how_expression = _expression(inputs, settings, note)

    def check(peaks: Peaks, cell_types: Collection[str]) -> None:
        """Refuse files that do not belong together."""
        check_on_genome(peaks, lengths, inputs.genome)
        if starts is not None:
            names = set(starts.chrom.tolist())
            check_shared_names(list(peaks.runs()), "peaks", names, f"the annotation {inputs.annotation}")
        if expression is not None:
            _check_expressed(cell_types, expression, inputs)

    table, about_counts = read_counts(inputs, settings, check=check, note=note, progress=progress, map=map)
    notes += about_counts
    check_on_genome(table.peaks, lengths, inputs.genome)
    table = _large_enough(table, settings.min_cells, dropped)
    total = table.counts.sum(axis=1)
    level = accessibility(table.counts, total, open_count=settings.open_count, open_level=settings.open_accessibility)
    level, table = _with_open_regions(level, table, dropped)
    total = table.counts.sum(axis=1)
    kept = level.max(axis=0) > 0
    dropped += [
        Dropped("region", table.peaks.name(row), "open in none of the cell types")
        for row in np.flatnonzero(~kept).tolist()
    ]
    peaks, level = table.peaks.take(kept), level[:, kept]
    check(peaks, table.cell_types)
    if expression is not None:
        rows = [expression.cell_types.index(name) for name in table.cell_types]
        expression = Expression(expression.genes, table.cell_types, expression.values[rows])
    labels = None
    if starts is not None:
        labels = label_regions(peaks, starts, expression, extend=settings.extend, combine=settings.combine)
        dropped += [Dropped("gene", gene, "no transcription start in a region") for gene in labels.without_region]
        dropped += [Dropped("gene", gene, "no row of expression: adds 0") for gene in labels.without_expression]
        notes.append(f"{labels.n_starts_outside} of {len(starts)} transcription starts lie in no region")
        if expression is not None:
            known = set(starts.gene) | set(starts.gene_id)
            dropped += [
                Dropped("expression", gene, "not in the annotation: in no label")
                for gene in expression.genes
                if gene not in known and gene.partition(".")[0] not in known
            ]
    values = None
    if labels is not None and labels.values is not None:
        # A cell type sees only its own peaks, so a closed one has no label.
        values = np.where((level > 0)[:, :, None], labels.values, 0).astype(np.float32)
    return Prepared(
        peaks=peaks,
        cell_types=table.cell_types,
        accessibility=level,
        expression_labels=values,
        genes=expression.genes if expression else (),
        gene_expression=expression.values if expression else np.zeros((len(table.cell_types), 0), np.float32),
        promoters=labels.promoters if labels else None,
        depth=dict(zip(table.cell_types, total.tolist(), strict=True)),
        cells=dict(zip(table.cell_types, table.cells, strict=True)) if table.cells else {},
        definitions=_definitions(inputs, settings, table, total, how_expression),
        lengths=lengths,
        notes=tuple(notes),
        dropped=tuple(dropped),
    )


def _large_enough(table: CountTable, min_cells: int, dropped: list[Dropped]) -> CountTable:
    if table.cells is None:
        return table
    keep = [row for row, size in enumerate(table.cells) if size > min_cells]
    for row, name in enumerate(table.cell_types):
        if row not in keep:
            dropped.append(Dropped("cell type", name, f"{table.cells[row]} cells, not more than {min_cells}"))
    if not keep:
        largest = int(np.argmax(table.cells))
        raise InvalidInput(
            f"no cell type has more than {min_cells} cells; {table.cell_types[largest]} has {table.cells[largest]}",
            cure="lower --min-cells, or pool cell types",
        )
    return _types(table, keep)


def _with_open_regions(
    level: NDArray, table: CountTable, dropped: list[Dropped]
) -> tuple[NDArray[np.float32], CountTable]:
    keep = np.flatnonzero(level.max(axis=1, initial=0) > 0).tolist()
    for row, name in enumerate(table.cell_types):
        if row not in keep:
            dropped.append(Dropped("cell type", name, "no region is open in it"))
    if not keep:
        raise InvalidInput(
            f"no region is open in any of {', '.join(table.cell_types[:5])}",
            cure="check that fragments and peaks are of one assembly, and the thresholds of open regions",
        )
    return level[keep], _types(table, keep)


def _types(table: CountTable, keep: list[int]) -> CountTable:
    return CountTable(
        table.peaks,
        tuple(table.cell_types[row] for row in keep),
        table.counts[keep],
        None if table.cells is None else tuple(table.cells[row] for row in keep),
        table.in_order,
    )


def _expression(inputs: AtlasInputs, settings: BuildSettings, note: Note) -> tuple[Expression | None, str]:
    """Read the expression of all cell types there are."""
    if inputs.rna is None:
        return None, ""
    note(f"reading expression from {inputs.rna}")
    cells = read_cells(inputs.cells) if inputs.cells is not None and inputs.rna.suffix == ".h5ad" else None
    return read_rna(
        inputs.rna,
        settings.rna_unit,
        cell_type_column=settings.cell_type_column,
        cells=cells,
        layer=settings.rna_layer,
    )


def _check_expressed(cell_types: Collection[str], table: Expression, inputs: AtlasInputs) -> None:
    absent = [name for name in cell_types if name not in table.cell_types]
    if absent:
        raise InvalidInput(
            f"{inputs.rna}: no expression of {', '.join(absent)}",
            cure=f"name cell types alike in both; it has {', '.join(table.cell_types[:10])}",
        )


def _definitions(
    inputs: AtlasInputs, settings: BuildSettings, table: CountTable, total: NDArray, how_expression: str
) -> dict[str, str]:
    counted = "counts as given"
    if inputs.fragments:
        counted = "Tn5 insertions: the first and the last base of each fragment, in each region they lie in"
        if settings.cell_ceiling is not None:
            counted += f"; of one cell in one region at most {settings.cell_ceiling}"
    per_type = zip(table.cell_types, total.tolist(), strict=True)
    definitions = {
        "source": "screening atlas build",
        "genome": inputs.genome.name,
        "counts": counted,
        "counts per cell type": ", ".join(f"{name} {count:.0f}" for name, count in per_type),
        "accessibility": ACCESSIBILITY,
        "open": f"count > {settings.open_count:g} and accessibility > {settings.open_accessibility:g}",
    }
    if table.cells is not None:
        sizes = ", ".join(f"{name} {size}" for name, size in zip(table.cell_types, table.cells, strict=True))
        definitions["cell types"] = f"of more than {settings.min_cells} cells: {sizes}"
    if inputs.rna is not None:
        definitions["gene_expression"] = f"TPM: {how_expression}"
    if inputs.annotation is not None:
        definitions["promoters"] = (
            f"transcription starts of {inputs.annotation.name}, {', '.join(settings.gene_types) or 'all'} genes, "
            f"in a region extended by {settings.extend} bp"
        )
    if inputs.annotation is not None and inputs.rna is not None:
        several = {
            "sum": "summed over the genes that start on the strand of the region, each once",
            "mean": "mean over the genes that start on the strand of the region, each once",
            "mean_of_starts": "mean over the transcription starts on the strand of the region",
        }
        definitions["expression_labels"] = f"log10(TPM + 1), {several[settings.combine]}; 0 where the region is closed"
    return definitions
