"""``screening fetch`` and ``screening fetch-weights``: public resources, only when asked for."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from screening.fetch import Fetched

__all__ = ["fetch", "fetch_weights"]

QUIET_S = 3.0
LINE_EVERY_S = 30.0

From = Annotated[
    str | None, typer.Option("--from", metavar="URL_OR_FILE", help="Take it from a mirror or a file you have.")
]


def fetch(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="See --list.")] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="Where to; your cache by default.")] = None,
    origin: From = None,
    show: Annotated[bool, typer.Option("--list", help="List what there is; nothing is downloaded.")] = False,
) -> None:
    """Get a public resource by name: a genome, genes, motifs, interactions, models, weights."""
    from screening.errors import InvalidInput
    from screening.resources import WEIGHTS, cache_folder, folder_of, resources

    if show:
        for resource in resources().values():
            print(f"{resource.name}\n    {resource.about}\n    {resource.url}\n    licence: {resource.licence}")
        print(f"\nto {cache_folder()}, or where --to says; {WEIGHTS} to {folder_of(WEIGHTS)}")
        return
    if name is None:
        raise InvalidInput("which resource?", cure="screening fetch --list")
    _report(_run(name, to or folder_of(name), origin))


def fetch_weights(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to; by default where they are looked for.")
    ] = None,
    origin: From = None,
) -> None:
    """Get the parameters of AlphaFold-Multimer (DeepMind, CC BY 4.0; about 5 GB to download, 1.9 GB kept)."""
    from screening.resources import WEIGHTS, folder_of

    _report(_run(WEIGHTS, to or folder_of(WEIGHTS), origin))


def _run(name: str, folder: Path, origin: str | None) -> "Fetched":
    from screening.fetch import fetch
    from screening.resources import resource_named

    resource = resource_named(name)
    print(f"{resource.about}\nlicence: {resource.licence}\nfrom {origin or resource.url}\nto {folder}", flush=True)
    bar = _Bytes()
    try:
        return fetch(name, folder, source=origin, progress=bar.update)
    finally:
        bar.end()


def _report(fetched: "Fetched") -> None:
    for path in fetched.files:
        print(path)
    if fetched.was_there:
        print("already there, unchanged")
    else:
        note = ": remembered in fetch.lock.json, as its publisher states none" if fetched.first else ", as before"
        print(f"sha256 {fetched.sha256}{note}")


class _Bytes:
    """Bytes so far on standard error: a bar for a person, a line now and then for a log."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._bar = None
        self._task = None

    def update(self, done: int, total: int | None) -> None:
        import sys

        now = time.monotonic()
        if now - self._started < QUIET_S:
            return
        if sys.stderr.isatty():
            self._draw(done, total)
        elif now - self._printed > LINE_EVERY_S:
            print(f"{done / 2**20:.0f} MiB" + (f" of {total / 2**20:.0f}" if total else ""), file=sys.stderr)
            self._printed = now

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, done: int, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        if self._bar is None:
            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("fetching", total=total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total)
