"""Sealed folders: the unit in which a simulation survives a kill.

A folder is written under ``<name>.tmp``, each file is hashed into ``seal.json``, everything is flushed to
the disk, and one rename makes it visible. A reader therefore sees the whole folder or none of it, and
`verify` proves that it is still the one that was sealed. OpenMM's binary checkpoints load silently when
cut short, with wrong positions; a sealed State XML cannot.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from md.errors import DamagedCheckpoint

__all__ = ["begin", "is_sealed", "seal", "sha256_of", "verify", "write_text"]

_SEAL = "seal.json"


def begin(folder: Path) -> Path:
    """Make the empty working folder that `seal` will turn into `folder`.

    Parameters
    ----------
    folder : Path
        The folder to be; what an interrupted attempt left beside it is removed.

    Returns
    -------
    Path
        ``<folder>.tmp``, empty.
    """
    working = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    return working


def seal(working: Path) -> Path:
    """Hash every file, flush, and rename ``<name>.tmp`` to ``<name>``.

    Parameters
    ----------
    working : Path
        A folder made by `begin`, holding plain files.

    Returns
    -------
    Path
        The sealed folder.
    """
    files = sorted(path for path in working.iterdir() if path.is_file())
    sums = {path.name: sha256_of(path) for path in files}
    write_text(working / _SEAL, json.dumps(sums, indent=1, sort_keys=True) + "\n")
    for path in files:
        _flush(path)
    _flush(working)
    folder = working.with_name(working.name.removesuffix(".tmp"))
    os.replace(working, folder)
    _flush(folder.parent)
    return folder


def is_sealed(folder: Path) -> bool:
    """Whether `folder` was sealed (which does not verify it)."""
    return (folder / _SEAL).is_file()


def verify(folder: Path) -> Path:
    """Check every file of a sealed folder against its seal.

    Parameters
    ----------
    folder : Path
        A folder that `seal` returned, perhaps in another process, long ago.

    Returns
    -------
    Path
        `folder` itself.

    Raises
    ------
    DamagedCheckpoint
        If the seal is missing or unreadable, or a file is missing or differs.
    """
    cure = f"delete {folder} and what was computed after it, then run again: the work before it is kept"
    try:
        sums = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        if not isinstance(sums, dict):
            raise ValueError("not a table of checksums")
    except (OSError, ValueError) as error:
        raise DamagedCheckpoint(f"{folder / _SEAL}: unreadable seal ({error})", cure=cure) from error
    for name, expected in sums.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise DamagedCheckpoint(f"{path}: sealed file is missing", cure=cure)
        if (found := sha256_of(path)) != expected:
            message = f"{path}: {path.stat().st_size} bytes with sha256 {found[:12]}, sealed as {str(expected)[:12]}"
            raise DamagedCheckpoint(message, cure=cure)
    return folder


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part.

    Parameters
    ----------
    path : Path
        Where; its folder exists.
    text : str
        The whole content.
    """
    working = path.with_name(path.name + ".part")
    with working.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(working, path)


def sha256_of(path: Path) -> str:
    """Sum up a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
