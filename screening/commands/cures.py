"""Cures that can be typed: with the screen that the command was given."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["naming"]

PLACEHOLDER = "SCREEN.TOML"
"""What the library, which has no path of the settings, writes in its place."""


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
            notes = [note.replace(PLACEHOLDER, shlex.quote(str(path))) for note in getattr(error, "__notes__", [])]
            error.__notes__ = notes
        raise
