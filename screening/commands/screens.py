"""What commands have in common: opening a screen and saying how to repeat the command."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["catalog_path", "open_screen", "typed_command"]


def open_screen(path: Path, overrides: "Sequence[str]" = ()) -> "Screen":
    """Read a screen's settings."""
    from screening.screen import Screen
    from screening.settings import load_settings

    settings, config = load_settings(path, overrides)
    return Screen(settings, path.resolve().parent, config)


def catalog_path(path: Path) -> Path:
    """Return the catalog that a ``screen.toml`` belongs to, or the path itself."""
    return open_screen(path).catalog_path if path.suffix == ".toml" else path


def typed_command(*, without: str | None = None) -> str:
    """Return the command line as it was typed, or without an option and its value."""
    words: list[str] = []
    given = iter(sys.argv[1:])
    for word in given:
        if word == without:
            next(given, None)
        elif without is None or not word.startswith(f"{without}="):
            words.append(word)
    return shlex.join(["screening", *words])
