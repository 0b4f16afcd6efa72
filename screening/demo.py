"""The demo screen that comes with the platform."""

from importlib.resources import files
from pathlib import Path

from screening.errors import InvalidInput

__all__ = ["write_demo"]


def write_demo(folder: Path) -> Path:
    """Write the demo screen's files.

    Parameters
    ----------
    folder : Path
        Folder to make; it must not hold a screen yet.

    Returns
    -------
    Path
        The ``screen.toml``.

    Raises
    ------
    InvalidInput
        The folder holds a ``screen.toml``.
    """
    screen = folder / "screen.toml"
    if screen.exists():
        raise InvalidInput(f"{screen} exists already", cure=f"run it: screening run {screen}")
    folder.mkdir(parents=True, exist_ok=True)
    for resource in files("screening").joinpath("demo_files").iterdir():
        if resource.is_file():
            (folder / resource.name).write_bytes(resource.read_bytes())
    return screen
