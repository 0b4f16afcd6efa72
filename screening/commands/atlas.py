"""``screening atlas``: make an atlas of what a laboratory has, check it, look at it, import published ones."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from get_core.atlas import Atlas
    from get_core.chromatin.build import BuildReport
    from get_core.chromatin.check import Finding
    from get_core.chromatin.inputs import AtlasInputs, BuildSettings

__all__ = ["app"]

app = typer.Typer(
    help="Make an atlas from peaks, counts, genome, motifs, genes and RNA; check it.", no_args_is_help=True
)

QUIET_S, LINE_EVERY_S = 3.0, 30.0
MOST_SHOWN = 5

Peaks = Annotated[list[Path], typer.Option(metavar="FILE", help="BED or narrowPeak; several are merged.")]
Fragments = Annotated[list[Path], typer.Option(metavar="FILE", help="10x fragments.tsv.gz; needs --peaks and --cells.")]
Cells = Annotated[Path | None, typer.Option(metavar="FILE", help="Barcode and cell type, separated by a tab.")]
Counts = Annotated[Path | None, typer.Option(metavar="PATH", help="h5ad, cells x peaks, or a 10x matrix folder.")]
Pseudobulk = Annotated[Path | None, typer.Option(metavar="FILE", help="Table: chrom start end, counts per cell type.")]
Genome = Annotated[Path | None, typer.Option(metavar="FILE", help="FASTA; its index .fai is made.")]
Motifs = Annotated[str | None, typer.Option(metavar="FILE", help="MEME or JASPAR file, or jaspar:CORE.")]
Annotation = Annotated[Path | None, typer.Option(metavar="FILE", help="GTF, or a table: chrom tss strand gene_name.")]
Rna = Annotated[Path | None, typer.Option(metavar="FILE", help="h5ad, cells x genes, or a table: gene, cell types.")]
RnaUnit = Annotated[
    Literal["TPM", "counts", "log10(TPM+1)"], typer.Option(help="Of a table of RNA; an h5ad file has counts.")
]
MinCells = Annotated[int, typer.Option(help="Keep cell types of more cells than this (GET: 600).", min=0)]
OpenCount = Annotated[float, typer.Option(help="A region is open where its count is above this.", min=0)]
OpenLevel = Annotated[float, typer.Option("--open-accessibility", help="... and its accessibility above this.", min=0)]
Ceiling = Annotated[
    int | None, typer.Option(help="Insertions of one cell in one peak count up to this (ArchR: 4).", min=1)
]
Column = Annotated[str, typer.Option(metavar="NAME", help="Column of obs with the cell types.")]
Combine = Annotated[
    Literal["sum", "mean", "mean_of_starts"], typer.Option(help="Of several genes on one strand of a region.")
]
Extend = Annotated[int, typer.Option(metavar="BP", help="Bases a transcription start reaches to both sides.", min=0)]
GeneType = Annotated[list[str], typer.Option(metavar="TYPE", help="Only these genes, such as protein_coding.")]
Chromosome = Annotated[list[str], typer.Option(metavar="NAME", help="Only peaks on this one; repeatable.")]
PValue = Annotated[float, typer.Option(help="Of a motif match.")]
Window = Annotated[int, typer.Option(help="Regions the network will see at once (GET: 200).", min=1)]


@app.command()
def build(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="ATLAS", help="Such as atlas.zarr.zip.")],
    genome: Genome = None,
    motifs: Motifs = None,
    peaks: Peaks = [],  # noqa: B006
    fragments: Fragments = [],  # noqa: B006
    cells: Cells = None,
    counts: Counts = None,
    pseudobulk: Pseudobulk = None,
    annotation: Annotation = None,
    rna: Rna = None,
    rna_unit: RnaUnit = "TPM",
    min_cells: MinCells = 600,
    open_count: OpenCount = 0.0,
    open_level: OpenLevel = 0.0,
    cell_ceiling: Ceiling = None,
    cell_type_column: Column = "cell_type",
    combine: Combine = "sum",
    extend: Extend = 0,
    gene_type: GeneType = [],  # noqa: B006
    chromosome: Chromosome = [],  # noqa: B006
    p_value: PValue = 1e-4,
    cpus: Annotated[int, typer.Option(help="Cores; more than 1 scan on Ray.", min=1)] = 1,
    window: Window = 200,
) -> None:
    """Make an atlas: counts per cell type, accessibility, motif scores, expression labels, promoters."""
    from functools import partial

    from catalog.store import write_atomically
    from get_core.chromatin.build import build_atlas
    from get_core.chromatin.check import check_atlas

    inputs = _inputs(genome, motifs, peaks, fragments, cells, counts, pseudobulk, annotation, rna)
    settings = _settings(
        rna_unit, min_cells, open_count, open_level, cell_ceiling, cell_type_column, combine, extend, gene_type,
        chromosome, p_value,
    )  # fmt: skip
    _check_out(out)
    run = map
    if cpus > 1:
        from screening.cluster.mapping import map_on_ray

        run = partial(map_on_ray, cpus=cpus)
    bar = _Regions()
    try:
        atlas, report = build_atlas(inputs, settings, progress=bar.update, note=_say, map=run)
    finally:
        bar.end()
    atlas.save(out)
    table = out.with_name(f"{out.name.partition('.')[0]}.left_out.tsv")
    write_atomically(table, report.table().encode())
    _print_report(report, table)
    _print_findings(check_atlas(atlas, depth=report.depth, window=window))
    print(f"wrote {out}: {len(atlas.start)} regions, {len(atlas.motifs)} motifs, {', '.join(atlas.cell_types)}")


@app.command()
def check(
    atlas: Annotated[Path | None, typer.Argument(metavar="ATLAS", help="An atlas; or give inputs as to build.")] = None,
    genome: Genome = None,
    motifs: Motifs = None,
    peaks: Peaks = [],  # noqa: B006
    fragments: Fragments = [],  # noqa: B006
    cells: Cells = None,
    counts: Counts = None,
    pseudobulk: Pseudobulk = None,
    annotation: Annotation = None,
    rna: Rna = None,
    rna_unit: RnaUnit = "TPM",
    min_cells: MinCells = 600,
    open_count: OpenCount = 0.0,
    open_level: OpenLevel = 0.0,
    cell_ceiling: Ceiling = None,
    cell_type_column: Column = "cell_type",
    combine: Combine = "sum",
    extend: Extend = 0,
    gene_type: GeneType = [],  # noqa: B006
    chromosome: Chromosome = [],  # noqa: B006
    window: Window = 200,
) -> None:
    """Say what is wrong or odd in an atlas or in its inputs, in numbers, and what mends it; exit code 1 on errors."""
    from get_core.chromatin.check import check_atlas, check_measured
    from screening.errors import InvalidInput

    given = [*peaks, *fragments, *filter(None, (cells, counts, pseudobulk, annotation, rna, motifs))]
    if (atlas is None) == (not given):
        raise InvalidInput("check what?", cure="screening atlas check ATLAS, or the options of screening atlas build")
    if atlas is not None:
        from get_core.atlas import Atlas
        from get_core.chromatin.genome import Genome as Fasta

        loaded, lengths = Atlas.load(atlas), None
        if genome is not None:
            with Fasta(genome) as opened:
                lengths = dict(opened.lengths)
        findings = check_atlas(loaded, lengths=lengths, window=window)
    else:
        from get_core.chromatin.motif_sources import read_motifs
        from get_core.chromatin.prepare import prepare

        inputs = _inputs(genome, motifs, peaks, fragments, cells, counts, pseudobulk, annotation, rna)
        settings = _settings(
            rna_unit, min_cells, open_count, open_level, cell_ceiling, cell_type_column, combine, extend, gene_type,
            chromosome, 1e-4,
        )  # fmt: skip
        read_motifs(inputs.motifs)
        prepared = prepare(inputs, settings, note=_say)
        for note in prepared.notes:
            print(f"note     {note}")
        findings = check_measured(prepared, lengths=prepared.lengths, depth=prepared.depth, window=window)
    raise typer.Exit(_print_findings(findings))


@app.command()
def show(atlas: Annotated[Path, typer.Argument(metavar="ATLAS", help="An atlas.")]) -> None:
    """Print sizes, cell types and how the numbers were made."""
    from get_core.atlas import Atlas

    loaded = Atlas.load(atlas)
    chromosomes = dict.fromkeys(loaded.chrom.tolist())
    print(f"{len(loaded.start)} regions on {len(chromosomes)} chromosomes, {len(loaded.motifs)} motifs", end="")
    print(f", {len(loaded.genes)} genes ({loaded.expression_unit})" if loaded.genes else ", no gene expression")
    if loaded.promoters is not None:
        print(f"{len(loaded.promoters.gene)} promoters of {len(set(loaded.promoters.gene))} genes")
    print(f"accessibility: {loaded.accessibility_kind}{'; SIMULATED' if loaded.simulated else ''}")
    for row, (name, level) in enumerate(zip(loaded.cell_types, loaded.accessibility, strict=True)):
        labels = loaded.expression_labels
        text = "" if labels is None else f", {int((labels[row] > 0).any(axis=1).sum())} with expression"
        print(f"  {name}: {int((level > 0).sum())} open{text}")
    for name, text in loaded.definitions.items():
        print(f"{name}: {text}")


@app.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Training zarr, or the folder of the demo's files.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="ATLAS", help="Such as atlas.zarr.zip.")],
    format: Annotated[
        Literal["training", "demo"], typer.Option("--format", help="Which of the published code's formats.")
    ] = "training",
    cell_type: Annotated[
        list[str], typer.Option(metavar="NAME", help="Only this one; of a demo its number, or NUMBER=NAME; repeatable.")
    ] = [],  # noqa: B006
) -> None:
    """Read an atlas that the published GET code wrote."""
    from get_core.chromatin.check import check_atlas

    _check_out(out)
    atlas = _imported(path, format, cell_type)
    atlas.save(out)
    _print_findings(check_atlas(atlas))
    print(f"wrote {out}: {len(atlas.start)} regions, {len(atlas.motifs)} motifs, {', '.join(atlas.cell_types)}")


def _imported(path: Path, format: str, cell_types: "Sequence[str]") -> "Atlas":
    from get_core.formats import read_demo, read_training

    if format == "training":
        return read_training(path, cell_types or None)
    pairs = [text.partition("=")[::2] for text in cell_types]
    if not pairs:
        pairs = [(found.name.removesuffix(".watac.npz"), "") for found in sorted(path.glob("*.watac.npz"))]
    return read_demo(path, [number for number, _ in pairs], [name or number for number, name in pairs])


def _inputs(
    genome: Path | None,
    motifs: str | None,
    peaks: "Sequence[Path]",
    fragments: "Sequence[Path]",
    cells: Path | None,
    counts: Path | None,
    pseudobulk: Path | None,
    annotation: Path | None,
    rna: Path | None,
) -> "AtlasInputs":
    from get_core.chromatin.inputs import AtlasInputs
    from screening.errors import InvalidInput
    from screening.resources import cure_for

    if genome is None:
        raise InvalidInput("no genome given", cure=f"--genome FILE; for hg38: {cure_for('hg38')}")
    if motifs is None:
        raise InvalidInput(
            "no motifs given", cure=f"--motifs FILE, or --motifs jaspar:CORE; or {cure_for('vierstra-v2-motifs')}"
        )
    source = motifs if motifs.startswith("jaspar:") else Path(motifs)
    return AtlasInputs(genome, source, tuple(peaks), tuple(fragments), cells, counts, pseudobulk, annotation, rna)


def _settings(
    rna_unit: Literal["TPM", "counts", "log10(TPM+1)"],
    min_cells: int,
    open_count: float,
    open_level: float,
    cell_ceiling: int | None,
    cell_type_column: str,
    combine: Literal["sum", "mean", "mean_of_starts"],
    extend: int,
    gene_type: "Sequence[str]",
    chromosome: "Sequence[str]",
    p_value: float,
) -> "BuildSettings":
    from get_core.chromatin.inputs import BuildSettings

    return BuildSettings(
        min_cells=min_cells,
        open_count=open_count,
        open_accessibility=open_level,
        cell_ceiling=cell_ceiling,
        cell_type_column=cell_type_column,
        rna_unit=rna_unit,
        combine=combine,
        extend=extend,
        gene_types=tuple(gene_type),
        chromosomes=tuple(chromosome),
        p_value=p_value,
    )


def _check_out(out: Path) -> None:
    """Refuse a place that cannot be written, before hours of scanning."""
    from screening.errors import InvalidInput

    if not out.resolve().parent.is_dir():
        raise InvalidInput(f"--out {out}: no such folder {out.parent}", cure=f"mkdir -p {out.parent}")
    if out.is_dir() and not (out / "zarr.json").is_file():
        raise InvalidInput(f"--out {out}: a folder that is no atlas", cure="name a new file, such as atlas.zarr.zip")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_report(report: "BuildReport", table: Path) -> None:
    for note in report.notes:
        print(f"note     {note}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in report.dropped:
        reasons.setdefault((row.kind, row.reason), []).append(row.subject)
    for (kind, reason), subjects in reasons.items():
        more = f", ... ({table} lists all)" if len(subjects) > MOST_SHOWN else ""
        print(f"left out {len(subjects)} {kind}: {reason}: {', '.join(subjects[:MOST_SHOWN])}{more}")


def _print_findings(findings: "Sequence[Finding]") -> int:
    """Print findings and the verdict; returns 1 where one is an error, else 0."""
    from get_core.chromatin.check import verdict

    for finding in findings:
        print(f"{finding.severity:8s} {finding.code}: {finding.message}")
        if finding.cure:
            print(f"         next: {finding.cure}")
    print(verdict(findings))
    return int(any(finding.severity == "error" for finding in findings))


class _Regions:
    """Regions scanned so far on standard error: a bar for a person, a line now and then for a log."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._bar = None
        self._task = None

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._started < QUIET_S:
            return
        if sys.stderr.isatty():
            self._draw(done, total)
        elif now - self._printed > LINE_EVERY_S:
            print(f"{done} of {total} regions scanned", file=sys.stderr)
            self._printed = now

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        if self._bar is None:
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("scanning", total=total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done)
