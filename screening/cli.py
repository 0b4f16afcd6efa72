"""The command line: words into objects, then one call of the library."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, get_args

import typer

from screening.commands.atlas import app as atlas_app
from screening.commands.benchmark_binders import benchmark_binders
from screening.commands.cures import naming_screen
from screening.commands.fetch import fetch, fetch_weights
from screening.commands.get import app as get_app
from screening.commands.network import app as network_app
from screening.commands.score import score
from screening.commands.screens import catalog_path, open_screen, typed_command
from screening.errors import InvalidInput, failure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screening.cluster.reporter import Summary
    from screening.plan import Plan
    from screening.screen import Screen
    from screening.task import Task

__all__ = ["app", "main"]

app = typer.Typer(
    help="From open chromatin to protein-protein interfaces you can query with SQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
catalog_app = typer.Typer(help="Query and check catalog.duckdb.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(catalog_app, name="catalog")
app.add_typer(get_app, name="get")
app.add_typer(network_app, name="network")
app.add_typer(atlas_app, name="atlas", short_help="Make an atlas, or check one.")

EXIT_INPUT, EXIT_BUSY, EXIT_INTERRUPTED = 2, 4, 130

StageName = Literal[
    "atlas",
    "pretrain",
    "finetune",
    "evaluation",
    "attribution",
    "readout",
    "resample",
    "causal",
    "tf_pairs",
    "plddt",
    "segments",
    "segment_pairs",
    "msa",
    "structure",
    "score",
    "select",
    "md",
    "md_analysis",
]
"""The names of `screening.stages.STAGES`, in their order; to import those takes longer than to print the help."""

ScreenFile = Annotated[Path, typer.Argument(metavar="SCREEN.TOML", help="The screen's settings.")]
CatalogFile = Annotated[
    Path, typer.Argument(metavar="CATALOG", help="catalog.duckdb, or the screen.toml it belongs to.")
]
Set = Annotated[list[str], typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Override a setting; repeatable.")]
CellTypes = Annotated[list[str], typer.Option("--cell-type", metavar="NAME", help="Only this cell type; repeatable.")]
Until = Annotated[
    StageName | None,
    typer.Option("--until", metavar="STAGE", help=f"Stop after this one of: {', '.join(get_args(StageName))}."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Cpus = Annotated[int | None, typer.Option(help="Cores of the local Ray; all by default.", min=1)]


@app.command(short_help="Write a screen to begin from.")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make, for example: demo.")],
    preset: Annotated[str, typer.Option(metavar="NAME", help="demo, homodimers or cofactor.")] = "demo",
) -> None:
    """Write a screen to begin from; the demo runs anywhere: simulated chromatin, real transcription factors."""
    from screening.presets import write_preset

    written = write_preset(folder, preset)
    command = "screening run" if preset == "demo" else "edit it, then screening plan"
    print(f"wrote {written}; next: {command} {shlex.quote(str(written))}")


@app.command(short_help="Show what a run would do.")
@naming_screen
def plan(screen: ScreenFile, cell_type: CellTypes = [], override: Set = [], until: Until = None) -> None:  # noqa: B006
    """Show what a run would do: tasks done and to do, hours, disk."""
    from screening.plan import plan_of
    from screening.progress import print_plan

    loaded = _screen(screen, cell_type, override)
    print_plan(plan_of(loaded, until=until))
    try:
        _require_weights(loaded, until)
    except InvalidInput as error:
        print(f"`screening run` would refuse: {error}\n  next: {failure_of(error).cure}")


@app.command(short_help="Run a screen, or go on with it.")
@naming_screen
def run(
    screen: ScreenFile,
    cell_type: CellTypes = [],  # noqa: B006
    override: Set = [],  # noqa: B006
    until: Until = None,
    cpus: Cpus = None,
) -> None:
    """Run a screen, or go on where it stopped, on local Ray or the cluster this job is in."""
    from screening.plan import plan_of_tasks
    from screening.progress import print_plan
    from screening.steps.first_tasks import first_tasks

    loaded = _screen(screen, cell_type, override)
    _require_weights(loaded, until)
    tasks = list(first_tasks(loaded, until=until))
    planned = plan_of_tasks(loaded, tasks, until=until)
    print_plan(planned)
    _finish(loaded, _run(loaded, tasks, planned, cpus, until), until=until)


@app.command(short_help="Simulate selected complexes.")
@naming_screen
def md(
    screen: ScreenFile,
    where: Annotated[str, typer.Option(help="SQL condition on the view hits.")],
    ns: Annotated[float | None, typer.Option(help="Nanoseconds to produce.", min=1e-6)] = None,
    replicas: Annotated[int | None, typer.Option(help="Independent runs of each system.", min=1, max=1000)] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="smoke, fast, published or as_coded; [md.protocol] of the screen still applies on top."),
    ] = None,
    override: Set = [],  # noqa: B006
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Only measure what a step costs here.")] = False,
    yes: Yes = False,
    cpus: Cpus = None,
) -> None:
    """Simulate selected complexes; new settings make new runs, earlier ones stay."""
    from screening.plan import plan_of_tasks
    from screening.progress import print_plan
    from screening.steps.dynamics import md_tasks_where, rerun_overrides, summary_of_protocol
    from screening.trajectory_lengths import summary_of_earlier

    loaded = _screen(screen, (), [*override, *rerun_overrides(ns, replicas, preset)])
    tasks = list(md_tasks_where(loaded, where))
    if calibrate:
        from screening.dynamics_cost import calibrate_tasks

        calibrate_tasks(loaded, tasks, print)
        raise typer.Exit(0)
    print(summary_of_protocol(loaded.settings.md, tasks))
    if taken_over := summary_of_earlier(loaded.store, tasks):
        print(taken_over)
    planned = plan_of_tasks(loaded, tasks)
    print_plan(planned)
    if planned.to_run and not yes:
        try:
            wanted = typer.confirm("run it?")
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            raise InvalidInput("nobody is there to say whether to run it", cure="add --yes to the command") from None
        if not wanted:
            raise typer.Exit(0)
    _finish(loaded, _run(loaded, tasks, planned, cpus))


@app.command(name="import", short_help="Add predictions made elsewhere.")
@naming_screen
def import_(
    screen: ScreenFile,
    path: Annotated[list[Path], typer.Argument(metavar="PATH", help="ColabFold folders, PDB or mmCIF files.")],
    override: Set = [],  # noqa: B006
) -> None:
    """Score predictions made elsewhere and add them to the catalog; those that cannot be read are told and left out."""
    from screening.cluster.job import run_inline
    from screening.steps.imports import import_tasks

    loaded = _screen(screen, (), [*override, "structure.backend=imported", "select.limit=0"])
    tasks = list(import_tasks(loaded, path))
    summary = run_inline(loaded, tasks, resume_command=typed_command())
    for task in tasks:
        record = loaded.store.get(task.key)
        if record is not None and not record.ok:
            last = record.attempts[-1]
            print(f"not imported: {last.message}", f"  next: {last.cure}" * bool(last.cure), sep="\n", file=sys.stderr)
    _finish(loaded, summary, failed=1)


app.command(short_help="Score predicted complexes of any program.")(score)
app.command(short_help="Tell intra-family binders, with AUROC.")(naming_screen(benchmark_binders))
app.command(short_help="Get a public resource by name.")(fetch)
app.command(short_help="Get AlphaFold-Multimer's parameters.")(fetch_weights)


@app.command()
@naming_screen
def report(screen: ScreenFile) -> None:
    """Write report.html from the catalog."""
    _write_report(_screen(screen, (), ()))


@app.command(short_help="Check this machine.")
def doctor() -> None:
    """Check this machine: packages, cores, memory, disk, GPUs and simulation platforms."""
    from screening.doctor import print_findings

    raise typer.Exit(print_findings())


@catalog_app.command()
@naming_screen
def sql(
    catalog: CatalogFile,
    query: Annotated[str, typer.Argument(metavar="SQL")],
    out: Annotated[Path | None, typer.Option(help="Write .parquet, .csv or .arrow instead of printing.")] = None,
) -> None:
    """Ask a question; works while a screen runs."""
    from catalog import Catalog
    from screening.progress import print_table

    opened = Catalog(catalog_path(catalog))
    if out is None:
        print_table(opened.sql(query))
    else:
        from catalog.export import export

        export(opened, query, out)
        print(f"wrote {out}")


@catalog_app.command()
@naming_screen
def describe(catalog: CatalogFile) -> None:
    """List every table and column with its unit and definition."""
    from catalog import Catalog
    from screening.progress import print_description

    print_description(Catalog(catalog_path(catalog)).describe())


@catalog_app.command()
@naming_screen
def verify(catalog: CatalogFile) -> None:
    """Compare the catalog with the records and artifacts it was made from."""
    from catalog import Catalog
    from catalog.store import Store

    path = catalog_path(catalog)
    problems = Catalog(path).verify(Store(path.parent / "store"))
    for problem in problems:
        print(f"{problem.kind}: {problem.where}: {problem.message}")
        if problem.cure:
            print(f"  next: {problem.cure}")
    print(f"{len(problems) or 'no'} problem{'s' * (len(problems) != 1)}")
    raise typer.Exit(1 if problems else 0)


@catalog_app.command()
@naming_screen
def rebuild(catalog: CatalogFile) -> None:
    """Make catalog.duckdb anew from the records."""
    from catalog import Catalog
    from catalog.store import Store

    path = catalog_path(catalog)
    Catalog(path).rebuild(Store(path.parent / "store"))
    print(f"rebuilt {path}")


def main() -> NoReturn:
    """Run the command line; an error of the user's is one message and an exit code, not a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        sys.exit(_explain(error))
    sys.exit(0)


def _explain(error: Exception) -> int:
    failure = failure_of(error)
    if failure.kind == "unexpected":
        raise error
    print(f"error[{failure.kind}] {failure.message}", file=sys.stderr)
    print(f"  next: {failure.cure or 'correct it and give the same command again'}", file=sys.stderr)
    return EXIT_BUSY if type(error).__name__ == "CatalogBusy" else EXIT_INPUT


def _screen(path: Path, cell_types: "Sequence[str]", overrides: "Sequence[str]") -> "Screen":
    import json

    chosen = [f"cell_types={json.dumps(list(cell_types))}"] if cell_types else []
    return open_screen(path, [*overrides, *chosen])


def _require_weights(screen: "Screen", until: str | None) -> None:
    """Refuse a screen that is to fold without the parameters it needs."""
    from screening.stages import stages_until
    from screening.steps.alphafold import require_weights

    if "structure" in {stage.name for stage in stages_until(until)}:
        require_weights(screen)


def _write_report(screen: "Screen") -> None:
    from catalog import Catalog
    from catalog.report import write_report

    write_report(
        Catalog(screen.catalog_path), screen.report_path, store_root=screen.store.root, title=screen.settings.name
    )
    print(f"report: {_shown(screen.report_path)}")


def _run(
    screen: "Screen", tasks: "Sequence[Task]", planned: "Plan", cpus: int | None, until: str | None = None
) -> "Summary":
    """Run on Ray; where nothing is left to run, only bring the catalog up to date."""
    from screening.cluster.job import run_inline, run_on_ray

    if planned.to_run or planned.open_ended:
        return run_on_ray(screen, tasks, resume_command=typed_command(), until=until, cpus=cpus)
    return run_inline(screen, tasks, resume_command=typed_command(), until=until)


def _finish(screen: "Screen", summary: "Summary", *, failed: int = 0, until: str | None = None) -> NoReturn:
    """Write the report, say how the run ended and exit; `failed` is the exit code where tasks failed."""
    if summary.stopped_by is not None:
        raise typer.Exit(summary.exit_code)
    _write_report(screen)
    lost = f", {summary.failed} failed and {summary.blocked} wait for them" if summary.failed else ""
    print(f"catalog: {_shown(screen.catalog_path)}")
    print(f"{summary.executed} tasks run, {summary.cached} done before{lost}, in {summary.wall_s:.0f} s")
    if summary.failed:
        print(f'why: screening catalog sql {shlex.quote(str(_shown(screen.catalog_path)))} "from failures"')
    if until not in (None, get_args(StageName)[-1]) and not summary.failed:
        print(f"stopped after {until}, as --until says; next: {typed_command(without='--until')}")
    raise typer.Exit(summary.exit_code or (failed if summary.failed else 0))


def _shown(path: Path) -> Path:
    """Return a path as a person here would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
