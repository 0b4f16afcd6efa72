"""Cures that can be typed: with the screen that the command was given."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import cast

__all__ = ["naming", "naming_screen"]

PLACEHOLDER = re.compile(r"SCREEN\.TOML|(?<![\w./-])screen\.toml\b")
"""What the library, which has no path of the settings, writes in its place, in commands and elsewhere."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name a screen's file in the cure of an error that is raised inside; a catalog's file stays out of it.

    Parameters
    ----------
    path : Path
        What the command was given.
    """
    try:
        yield
    except Exception as error:
        if path.suffix == ".toml":
            error.__notes__ = [_named(note, path) for note in getattr(error, "__notes__", [])]
        raise


def naming_screen(command: Callable[..., None]) -> Callable[..., None]:
    """Let all errors of a command name the file that its argument `screen` or `catalog` was given."""

    @wraps(command)
    def run(**given: object) -> None:
        with naming(cast(Path, given.get("screen", given.get("catalog")))):
            command(**given)

    return run


def _named(note: str, path: Path) -> str:
    return note if str(path) in note else PLACEHOLDER.sub(lambda _: shlex.quote(str(path)), note)
