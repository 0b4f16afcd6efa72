"""``screening get``: ask the network of a cell type: targets, embeddings, perturbations, assays, loci, pools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screening.commands.cures import naming, naming_screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow

    from catalog.record import Json, Record
    from screening.screen import Screen
    from screening.task import Task

    Rows = list[dict[str, object]]
    Summary = Callable[[pyarrow.Table], tuple[pyarrow.Table, str]]

__all__ = ["answer", "app"]

app = typer.Typer(help="Ask the network of a cell type.", no_args_is_help=True)

ScreenFile = Annotated[Path, typer.Argument(metavar="SCREEN.TOML", help="Settings of a screen that has run.")]
CellType = Annotated[str, typer.Option("--cell-type", metavar="NAME", help="The cell type.")]
Set = Annotated[list[str], typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Override a setting; repeatable.")]
Limit = Annotated[int, typer.Option(help="Rows to print.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed.", min=0, max=2**31 - 1)]


@app.command()
@naming_screen
def targets(
    screen: ScreenFile,
    cell_type: CellType,
    motif: Annotated[str, typer.Option(help="Motif cluster, for example GATA.")],
    fraction: Annotated[float, typer.Option(help="Share of the genes that counts as targets.", min=0, max=1)] = 0.1,
    gene_sets: Annotated[Path | None, typer.Option(help="GMT file or table of gene sets to test.")] = None,
    limit: Limit = 20,
    override: Set = [],  # noqa: B006
) -> None:
    """Genes that a motif raises most, the gene sets among them, and its TFs beside them over the cell types."""
    from screening.resources import input_file

    table = "targets" if gene_sets is None else "enrichments"
    columns = "rank, gene, attribution" if gene_sets is None else "gene_set, n_overlap, n_set, fold, p_value, q_value"
    order = "rank" if gene_sets is None else "p_value, gene_set"
    sources = {} if gene_sets is None else {"gene_sets": input_file(gene_sets, "--gene-sets")}
    inputs = {"motif": motif, "fraction": fraction}
    _ask(screen, override, "targets", cell_type, inputs, sources, f"select {columns} from {table}", order, limit)


@app.command()
@naming_screen
def embedding(
    screen: ScreenFile,
    cell_type: CellType,
    layer: Annotated[int, typer.Option(help="Blocks of the network to pass; 0 is the region by itself.", min=0)] = 1,
    regions: Annotated[int, typer.Option(help="Regions at most, drawn by the seed.", min=16)] = 5000,
    seed: Seed = 0,
    svg: Annotated[Path | None, typer.Option(help="Draw the plane here, coloured by cluster.")] = None,
    override: Set = [],  # noqa: B006
) -> None:
    """Regions as the network represents them, in a plane (UMAP) and in clusters (Leiden)."""
    _require_svg(svg)
    inputs = {"layer": layer, "regions": regions, "seed": seed}
    query = "select region, umap_1, umap_2, leiden from embeddings"
    rows = _ask(screen, override, "embedding", cell_type, inputs, {}, query, "leiden, region", 50, _by_cluster)
    if svg is not None:
        from catalog.report.plane import plane
        from catalog.store import write_atomically

        blocks = f"{layer} block{'s' * (layer != 1)}"
        title = f"{len(rows)} regions of {cell_type} after {blocks} of its network"
        write_atomically(svg, plane(rows, title).encode())
        print(f"wrote {svg}")


@app.command()
@naming_screen
def perturb(
    screen: ScreenFile,
    cell_type: CellType,
    motif: Annotated[str | None, typer.Option(help="Motif to take out.")] = None,
    region: Annotated[str | None, typer.Option(metavar="CHROM:START-END", help="Only there; alone: close it.")] = None,
    limit: Limit = 20,
    override: Set = [],  # noqa: B006
) -> None:
    """Predict expression without a motif, or with a region closed; the largest changes first."""
    from screening.errors import InvalidInput

    if motif is None and region is None:
        raise InvalidInput("nothing to take away", cure="give --motif, --region or both")
    inputs: dict[str, Json] = {"motif": motif, "region": region}
    query = (
        "select gene, region, strand, predicted_before, predicted_after,"
        " predicted_after - predicted_before as change from perturbations"
    )
    _ask(screen, override, "perturbation", cell_type, inputs, {}, query, "abs(change) desc, gene", limit)


@app.command()
@naming_screen
def mpra(
    screen: ScreenFile,
    cell_type: CellType,
    elements: Annotated[Path, typer.Option(help="FASTA file of the elements.")],
    motifs: Annotated[Path, typer.Option(help="The motifs (MEME) that the atlas was made with.")],
    accessibility: Annotated[
        Path | None,
        typer.Option(
            metavar="SCREEN.TOML|FILE",
            help="Multiply by the accessibility that this network predicts: of a screen with finetune.target = "
            '"accessibility", or a checkpoint.',
        ),
    ] = None,
    contexts: Annotated[int, typer.Option(help="Open regions that each element is put into.", min=1)] = 100,
    seed: Seed = 0,
    limit: Limit = 20,
    override: Set = [],  # noqa: B006
) -> None:
    """Simulate a lentiviral reporter assay: the activity of each element, averaged over genomic contexts."""
    from screening.commands.screens import open_screen
    from screening.steps.questions import checkpoint_of

    sources = {"elements": elements.resolve(), "motifs": motifs.resolve()}
    if accessibility is not None:
        asks = accessibility.suffix == ".toml"
        with naming(accessibility):
            sources["accessibility"] = (
                checkpoint_of(open_screen(accessibility), cell_type) if asks else accessibility.resolve()
            )
    inputs = {"contexts": contexts, "seed": seed}
    query = "select element, activity, expression, accessibility, contexts from reporter_activities"
    _ask(screen, override, "reporter", cell_type, inputs, sources, query, "activity desc, element", limit)


@app.command()
@naming_screen
def locus(
    screen: ScreenFile,
    cell_type: CellType,
    gene: Annotated[str, typer.Option(help="Gene, HGNC symbol.")],
    svg: Annotated[Path | None, typer.Option(help="Draw the track here.")] = None,
    limit: Limit = 20,
    override: Set = [],  # noqa: B006
) -> None:
    """Which regions around a gene matter for its predicted expression."""
    _require_svg(svg)
    query = (
        "select start_number, chrom, region_start, region_end, importance, is_promoter, strongest_motif"
        " from locus_importance"
    )
    rows = _ask(
        screen, override, "locus", cell_type, {"gene": gene}, {}, query, "abs(importance) desc, region_start", limit
    )
    if svg is not None:
        from catalog.report.charts import track
        from catalog.store import write_atomically

        first = [row for row in rows if row["start_number"] == 1]
        write_atomically(svg, track(first, f"{gene} in {cell_type}").encode())
        print(f"wrote {svg}")


@app.command()
@naming_screen
def agnostic(
    screen: ScreenFile,
    cell_type: Annotated[
        list[str], typer.Option("--cell-type", metavar="NAME", help="Only this cell type; repeatable.")
    ] = [],  # noqa: B006
    sample: Annotated[int, typer.Option(help="Rows to draw from all of them.", min=1)] = 50_000,
    seed: Seed = 0,
    limit: Limit = 20,
    override: Set = [],  # noqa: B006
) -> None:
    """Rows drawn from the attributions of all cell types together; `screening network agnostic` makes their network."""
    from catalog import Catalog
    from screening.commands.screens import open_screen
    from screening.networks import latest_attributions
    from screening.steps.agnostic import drawing

    loaded = open_screen(screen, override)
    task = drawing(loaded, latest_attributions(Catalog(loaded.catalog_path), cell_type), sample=sample, seed=seed)
    query = "select cell_type_id as cell_type, n_rows, n_available, seed from agnostic_rows"
    _told(loaded, task, query, "cell_type_id", limit)


def _require_svg(path: Path | None) -> None:
    from screening.errors import InvalidInput

    if path is not None and path.suffix != ".svg":
        raise InvalidInput(f"{path}: figures are drawn as SVG", cure=f"--svg {path.with_suffix('.svg')}")


def _ask(
    path: Path,
    overrides: "Sequence[str]",
    kind: str,
    cell_type: str,
    inputs: "Mapping[str, Json]",
    sources: "Mapping[str, Path]",
    query: str,
    order: str,
    limit: int,
    summary: "Summary | None" = None,
) -> "Rows":
    """Run the question unless it was asked before, print the first rows of its answer, and return all."""
    from screening.commands.screens import open_screen
    from screening.steps.questions import readout_task

    loaded = open_screen(path, overrides)
    task = readout_task(loaded, kind, cell_type, inputs, sources)
    return _told(loaded, task, query, order, limit, summary)


def _told(
    screen: "Screen", task: "Task", query: str, order: str, limit: int, summary: "Summary | None" = None
) -> "Rows":
    """Answer a question, print the first rows or a summary of all, and return all."""
    from catalog import Catalog
    from screening.progress import print_table

    answer(screen, task)
    found = Catalog(screen.catalog_path).sql(f"{query} where task_key = ? order by {order}", [task.key])
    shown, counted = (
        (found, f"{found.num_rows} row{'s' * (found.num_rows != 1)}") if summary is None else summary(found)
    )
    if shown.num_rows:
        print_table(shown.slice(0, limit), limit)
    print(f"{counted} of task {task.key[:12]} in {screen.catalog_path}")
    return found.to_pylist()


def _by_cluster(found: "pyarrow.Table") -> "tuple[pyarrow.Table, str]":
    """Summarise regions in a plane: how many each cluster has, and where it lies on average."""
    groups = found.group_by("leiden").aggregate([("region", "count"), ("umap_1", "mean"), ("umap_2", "mean")])
    groups = groups.select(["leiden", "region_count", "umap_1_mean", "umap_2_mean"]).sort_by("leiden")
    shown = groups.rename_columns(["leiden", "regions", "umap_1", "umap_2"])
    return shown, f"{found.num_rows} regions in {shown.num_rows} clusters"


def answer(screen: "Screen", task: "Task") -> "Record":
    """Run the task of a question, unless it was asked before.

    Parameters
    ----------
    screen : Screen
        The screen.
    task : Task
        The question.

    Returns
    -------
    Record
        Its result.

    Raises
    ------
    InvalidInput
        The question has no answer.
    Exit
        The run was stopped.
    """
    from screening.cluster.job import run_inline
    from screening.commands.screens import typed_command
    from screening.errors import InvalidInput

    summary = run_inline(screen, [task], resume_command=typed_command())
    record = screen.store.get(task.key)
    if record is not None and not record.ok:
        raise InvalidInput(record.attempts[-1].message or "the question failed", cure=record.attempts[-1].cure or "")
    if record is None or summary.failed or summary.exit_code:
        raise typer.Exit(summary.exit_code or 1)
    return record
