"""``screening score``: interface scores of prediction files, without a screen."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from screening.score_table import ScoreRow

__all__ = ["score"]

QUIET_S = 3.0
"""Shorter runs show no progress."""


def score(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Folders or files of ColabFold, AlphaFold 2 or 3, or Boltz.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write every score to .tsv, .csv or .parquet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every score as JSON.")] = False,
    chains: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these two chains; all pairs by default.")
    ] = None,
    plddt: Annotated[bool, typer.Option("--plddt/--no-plddt", help="Whether the B factors are pLDDT.")] = True,
    plddt_maximum: Annotated[float, typer.Option(help="pLDDT of a perfect residue: 100, or 1 for fractions.")] = 100.0,
) -> None:
    """Score predicted complexes of any program; of a folder, the best model of each job."""
    from screening.errors import InvalidInput
    from screening.score_table import SHORT_COLUMNS, score_files, table_of

    if out is not None and out.suffix not in (".tsv", ".csv", ".parquet"):
        raise InvalidInput(f"--out {out}: not .tsv, .csv or .parquet", cure=f"write --out {out.stem}.tsv")
    pair = _pair(chains)
    progress = _Progress()
    rows = list(score_files(paths, chains=pair, has_plddt=plddt, plddt_maximum=plddt_maximum, progress=progress.update))
    progress.end()
    if out is not None:
        _write(rows, out)
    if as_json:
        import json

        print(json.dumps(rows, indent=1, allow_nan=False))
    elif out is None:
        from screening.progress import print_table

        print_table(table_of(rows, SHORT_COLUMNS), limit=len(rows))
    failed = [row for row in rows if row["error"] is not None]
    for row in failed:
        print(f"error[{str(row['error']).partition(':')[0]}] {str(row['error']).partition(': ')[2]}", file=sys.stderr)
    if out is not None:
        print(f"wrote {out}: {len(rows) - len(failed)} scored, {len(failed)} not", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


def _pair(text: str | None) -> tuple[str, str] | None:
    from screening.errors import InvalidInput

    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise InvalidInput(f"--chains {text}: not two chains", cure="write --chains A,B")
    return names[0], names[1]


def _write(rows: "Sequence[ScoreRow]", path: Path) -> None:
    import csv
    import io

    from catalog.store import write_atomically
    from screening.score_table import table_of

    if path.suffix == ".parquet":
        from pyarrow import parquet

        table = io.BytesIO()
        parquet.write_table(table_of(rows), table, compression="zstd")
        data = table.getvalue()
    else:
        text = io.StringIO()
        columns = table_of(rows).column_names
        writer = csv.DictWriter(text, columns, delimiter="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
    write_atomically(path, data)


class _Progress:
    """A bar on standard error for a person; a log gets a line now and then."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._show: Callable[[int, int], None] | None = None
        self._stop: Callable[[], None] = lambda: None

    def update(self, done: int, total: int) -> None:
        """Show how many predictions are done."""
        now = time.monotonic()
        if now - self._started < QUIET_S:
            return
        if sys.stderr.isatty():
            self._bar(total)(done, total)
        elif now - self._printed > 10 * QUIET_S:
            print(f"{done} of {total} scored", file=sys.stderr)
            self._printed = now

    def end(self) -> None:
        """Stop drawing."""
        self._stop()

    def _bar(self, total: int) -> "Callable[[int, int], None]":
        if self._show is None:
            from rich.console import Console
            from rich.progress import Progress

            bar = Progress(console=Console(stderr=True), transient=True)
            task = bar.add_task("scoring", total=total)
            bar.start()
            self._stop = bar.stop
            self._show = lambda done, total: bar.update(task, completed=done, total=total)
        return self._show
