"""What a person sees: plans, tables and the progress of a run."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from screening.frontier import State

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.progress import Progress, TaskID

    from screening.plan import Plan

__all__ = ["Bars", "ScreenReporter", "print_description", "print_plan", "print_table"]

QUIET_INTERVAL_S = 30.0
"""Between lines where nobody watches: a job's log."""

SHORT_S = 3.0
"""What takes less shows no progress."""

Counts = Mapping[str, Counter[State]]
Running = Mapping[str, tuple[int, int]]


def print_plan(plan: "Plan") -> None:
    """Print a plan as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("stage", "done", "failed", "to run", "s/task", "CPU-h", "GPU-h", "MB"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    for stage in plan.stages:
        if not (stage.cached or stage.failed or stage.to_run or stage.blocked or stage.open_ended):
            continue
        known = f"{stage.to_run + stage.blocked}"
        table.add_row(
            stage.stage,
            str(stage.cached),
            str(stage.failed),
            f"≥ {known}" if stage.open_ended else known,
            f"{stage.seconds_per_task:.3g}{'' if stage.measured else ' *'}",
            f"{stage.cpu_hours:.2f}",
            f"{stage.gpu_hours:.2f}",
            f"{stage.megabytes:.0f}",
        )
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    print("* a default; the other times are medians of this store, those of md are for the length asked for")
    for note in plan.notes:
        print(note)
    if plan.open_ended:
        print("≥ further tasks follow from results that are not there yet")
    print(
        f"{plan.to_run} task{'s' * (plan.to_run != 1)} to run" if plan.to_run or plan.open_ended else "nothing to run"
    )


def print_table(table: "pa.Table", limit: int = 100) -> None:
    """Print the answer to a query: as a table, or where that is too wide for the window as one block for each row."""
    from rich.console import Console
    from rich.table import Table

    if not table.num_rows:
        print("no rows")
        return
    rows = [[_cell(value) for value in row.values()] for row in table.slice(0, limit).to_pylist()]
    widths = [max(map(len, column)) + 2 for column in zip(table.column_names, *rows, strict=True)]
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    if sum(widths) > console.width:
        for row in rows:
            for name, cell in zip(table.column_names, row, strict=True):
                print(f"{name:>{max(map(len, table.column_names))}}  {cell}")
            print()
    else:
        shown = Table(box=None, pad_edge=False)
        for name in table.column_names:
            numeric = str(table.schema.field(name).type).startswith(("int", "uint", "float", "double", "decimal"))
            shown.add_column(name, justify="right" if numeric else "left")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    if table.num_rows > limit:
        print(f"… {table.num_rows - limit} more rows: --out answer.csv keeps them all")


def print_description(columns: Sequence[tuple[str, str, str, str]]) -> None:
    """Print every table and column with its type and meaning."""
    last = ""
    for table, column, kind, comment in columns:
        if table != last:
            print(f"\n{table}")
            last = table
        print(f"  {column:24s} {kind:12s} {comment}")


class Bars:
    """How far a command is, on standard error: bars for a person, a line now and then for a log.

    Used in a ``with`` block. What takes less than `SHORT_S` is not shown.
    """

    def __init__(self) -> None:
        self._what = ""
        self._started = self._printed = 0.0
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Show how much of something is done, such as "scanning"."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._started, self._printed = what, now, now
        if now - self._started < SHORT_S:
            return
        if sys.stderr.isatty():
            self._draw(what, done, total)
        elif now - self._printed >= QUIET_INTERVAL_S:
            print(f"{what}: {done / max(total, 1):.0%}", file=sys.stderr, flush=True)
            self._printed = now

    def _draw(self, what: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        if self._bar is None:
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done)


class ScreenReporter:
    """Progress of a run on standard error: a live table for a person, a line now and then for a log."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._started = time.monotonic()
        self._printed = 0.0
        self._live = None
        self._last = ""

    def start(self, resume_command: str) -> None:
        """Say how to go on after an interruption, before anything runs."""
        self._started = time.monotonic()
        self._console.print(f"to go on after an interruption: {resume_command}", soft_wrap=True)
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()

    def update(self, counts: Counts, running: Running) -> None:
        """Show how many tasks of each stage are done, and what runs."""
        if self._live is not None:
            self._live.update(self._table(counts, running))
            return
        line = self._line(counts)
        now = time.monotonic()
        if line != self._last and now - self._printed >= QUIET_INTERVAL_S:
            self._console.print(line, soft_wrap=True)
            self._printed, self._last = now, line

    def note(self, text: str) -> None:
        """Say something once."""
        self._console.print(text, soft_wrap=True)

    def end(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self, counts: Counts) -> str:
        parts = []
        for stage, states in counts.items():
            total = sum(states.values())
            done = states[State.DONE] + states[State.CACHED]
            if total and done < total:
                failed = states[State.FAILED] + states[State.BLOCKED]
                parts.append(f"{stage} {done}/{total}" + (f" ({failed} without result)" if failed else ""))
        return f"[{time.monotonic() - self._started:6.0f} s] " + (", ".join(parts) or "all done")

    def _table(self, counts: Counts, running: Running):
        from rich.table import Table

        table = Table(box=None, pad_edge=False, title=f"{time.monotonic() - self._started:.0f} s", title_justify="left")
        for name in ("stage", "done", "cached", "running", "waiting", "failed"):
            table.add_column(name, justify="left" if name == "stage" else "right")
        for stage, states in counts.items():
            if sum(states.values()):
                waiting = states[State.WAITING] + states[State.READY]
                failed = states[State.FAILED] + states[State.BLOCKED]
                numbers = (states[State.DONE], states[State.CACHED], states[State.RUNNING], waiting, failed)
                table.add_row(stage, *(str(number) if number else "" for number in numbers))
        for name, (done, total) in running.items():
            table.add_row(f"  {name[:40]}", f"{100 * done / total:.0f} %" if total else "")
        return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).splitlines())
