"""``screening atlas``: make an atlas of what a laboratory has, check it, look at it, import published ones."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from screening.commands.atlas_options import AtlasOptions, Window, takes_atlas_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from get_core.atlas import Atlas
    from get_core.chromatin.build import BuildReport
    from get_core.chromatin.check import Finding
    from get_core.chromatin.jobs import Map

__all__ = ["app"]

app = typer.Typer(
    help="Make an atlas from peaks, counts, genome, motifs, genes and RNA; check it.", no_args_is_help=True
)

MOST_SHOWN = 5


@app.command()
@takes_atlas_options
def build(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="ATLAS", help="Such as atlas.zarr.zip.")],
    p_value: Annotated[float, typer.Option(help="Of a motif match.")] = 1e-4,
    *,
    options: AtlasOptions,
) -> None:
    """Make an atlas of counts, motif scores, expression and promoters; exit code 1 where the check finds errors."""
    from catalog.store import write_atomically
    from get_core.chromatin.build import build_atlas
    from get_core.chromatin.check import check_atlas
    from screening.progress import Bars

    inputs, settings = options.inputs(), options.settings(p_value=p_value)
    _check_out(out)
    with _map(options.cpus) as run, Bars() as bars:
        atlas, report = build_atlas(inputs, settings, progress=bars.update, note=_say, map=run)
    atlas.save(out)
    table = out.with_name(f"{out.name.partition('.')[0]}.left_out.tsv")
    write_atomically(table, report.table().encode())
    _print_report(report, table)
    _end(out, atlas, check_atlas(atlas, depth=report.depth, window=options.window))


@app.command()
@takes_atlas_options
def check(
    atlas: Annotated[Path | None, typer.Argument(metavar="ATLAS", help="An atlas; or give inputs as to build.")] = None,
    *,
    options: AtlasOptions,
) -> None:
    """Say what is wrong or odd in an atlas or in its inputs, in numbers, and what mends it; exit code 1 on errors."""
    from screening.errors import InvalidInput

    if (atlas is None) == (not options.any_input):
        raise InvalidInput("check what?", cure="screening atlas check ATLAS, or the options of screening atlas build")
    findings = _check_inputs(options) if atlas is None else _check_file(atlas, options)
    raise typer.Exit(_print_findings(findings))


def _check_file(path: Path, options: AtlasOptions) -> "Sequence[Finding]":
    from get_core.atlas import Atlas
    from get_core.chromatin.check import check_atlas
    from get_core.chromatin.genome import Genome

    atlas, lengths = Atlas.load(path), None
    if options.genome is not None:
        with Genome(options.genome) as genome:
            lengths = dict(genome.lengths)
    return check_atlas(atlas, lengths=lengths, window=options.window)


def _check_inputs(options: AtlasOptions) -> "Sequence[Finding]":
    from get_core.chromatin.check import check_measured
    from get_core.chromatin.motif_sources import read_motifs
    from get_core.chromatin.prepare import prepare
    from screening.progress import Bars

    inputs = options.inputs()
    _say(f"reading motifs from {inputs.motifs}")
    read_motifs(inputs.motifs)
    with _map(options.cpus) as run, Bars() as bars:
        prepared = prepare(inputs, options.settings(), note=_say, progress=bars.update, map=run)
    for note in prepared.notes:
        print(f"note     {note}")
    return check_measured(prepared, lengths=prepared.lengths, depth=prepared.depth, window=options.window)


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
    window: Window = 200,
) -> None:
    """Read an atlas that the published GET code wrote; exit code 1 where the check finds errors."""
    from get_core.chromatin.check import check_atlas

    _check_out(out)
    atlas = _imported(path, format, cell_type)
    atlas.save(out)
    _end(out, atlas, check_atlas(atlas, window=window))


def _imported(path: Path, format: str, cell_types: "Sequence[str]") -> "Atlas":
    from get_core.formats import read_demo, read_training
    from screening.errors import InvalidInput

    if format == "training":
        return read_training(path, cell_types or None)
    pairs = [text.partition("=")[::2] for text in cell_types]
    if not pairs:
        pairs = [(found.name.removesuffix(".watac.npz"), "") for found in sorted(path.glob("*.watac.npz"))]
    if not pairs:
        raise InvalidInput(f"{path}: no NUMBER.watac.npz in it", cure="give the folder of the demo's files")
    return read_demo(path, [number for number, _ in pairs], [name or number for number, name in pairs])


def _map(cpus: int) -> "AbstractContextManager[Map]":
    """Return what runs the jobs of a build."""
    if cpus == 1:
        return nullcontext(map)
    from screening.cluster.mapping import map_on_ray

    return map_on_ray(cpus=cpus)


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


def _end(out: Path, atlas: "Atlas", findings: "Sequence[Finding]") -> NoReturn:
    """Say what is wrong with an atlas that is written, and exit as the check would."""
    code = _print_findings(findings)
    print(f"wrote {out}: {len(atlas.start)} regions, {len(atlas.motifs)} motifs, {', '.join(atlas.cell_types)}")
    raise typer.Exit(code)


def _print_findings(findings: "Sequence[Finding]") -> int:
    """Print findings and the verdict; returns 1 where one is an error, else 0."""
    from get_core.chromatin.check import verdict

    for finding in findings:
        print(f"{finding.severity:8s} {finding.code}: {finding.message}")
        if finding.cure:
            print(f"         next: {finding.cure}")
    print(verdict(findings))
    return int(any(finding.severity == "error" for finding in findings))
