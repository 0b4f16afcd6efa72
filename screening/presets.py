"""Screens that come with the platform, to begin from."""

from importlib.resources import files
from pathlib import Path

from screening.errors import InvalidInput

__all__ = ["PRESETS", "write_preset"]

PRESETS = {
    "demo": ("demo_files/screen.toml", ("demo_files/proteins.fasta",)),
    "homodimers": ("preset_files/homodimers.toml", ("demo_files/proteins.fasta",)),
    "cofactor": ("preset_files/cofactor.toml", ("demo_files/proteins.fasta", "preset_files/ep300.fasta")),
}
"""Settings and, one after the other, the sequences of each preset."""


def write_preset(folder: Path, preset: str = "demo") -> Path:
    """Write the files of a preset.

    Parameters
    ----------
    folder : Path
        Folder to make; it must hold neither a screen nor sequences yet.
    preset : str
        One of `PRESETS`.

    Returns
    -------
    Path
        The ``screen.toml``.

    Raises
    ------
    InvalidInput
        There is no such preset, or the folder holds a ``screen.toml`` or ``proteins.fasta``.
    """
    if preset not in PRESETS:
        raise InvalidInput(f"--preset {preset}: no such preset", cure=f"choose one of {', '.join(PRESETS)}")
    settings, sequences = PRESETS[preset]
    screen, proteins = folder / "screen.toml", folder / "proteins.fasta"
    for path in (screen, proteins):
        if path.exists():
            raise InvalidInput(f"{path} exists already", cure=f"name another folder, or run it: screening run {screen}")
    package = files("screening")
    folder.mkdir(parents=True, exist_ok=True)
    proteins.write_bytes(b"".join(package.joinpath(name).read_bytes() for name in sequences))
    screen.write_bytes(package.joinpath(settings).read_bytes())
    return screen
