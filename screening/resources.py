"""Public resources by name: what they are, where they come from and under which licence."""

import difflib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from screening.errors import InvalidInput

__all__ = [
    "WEIGHTS",
    "Resource",
    "cache_folder",
    "cure_for",
    "fetched",
    "folder_of",
    "hint_for",
    "input_file",
    "resource_named",
    "resources",
]

ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")
"""UniProt accession numbers, as UniProt's help defines them."""

ALPHAFOLD_DB = "alphafold:"
EACH_MODEL = f"{ALPHAFOLD_DB}ACCESSION"
WEIGHTS = "alphafold-multimer-v3"


@dataclass(frozen=True)
class Resource:
    """One public resource.

    Attributes
    ----------
    name : str
        What `screening fetch` calls it.
    about : str
        What it is and what it is for.
    url : str
        ``https``; ``s3`` for what nobody can get without an account.
    file : str
        Name of the file, unpacked where `unpack` is ``gzip``.
    licence : str
        Of the publisher.
    unpack : str
        ``gzip``, ``tar``, ``zip`` or empty.
    members : str
        Regular expression for the names of the members of a tar or zip to keep.
    expected : int
        How many members there must be.
    folder : str
        Folder for them below the one fetched to.
    sha256 : str
        Of the download, hexadecimal; empty where its publisher states none.
    serves : tuple of str
        Options and settings it can be given to.
    """

    name: str
    about: str
    url: str
    file: str
    licence: str
    unpack: str = ""
    members: str = ""
    expected: int = 1
    folder: str = ""
    sha256: str = ""
    serves: tuple[str, ...] = ()


@cache
def resources() -> dict[str, Resource]:
    """Return every resource by name, in the order of the table."""
    table = tomllib.loads((files("screening") / "resources.toml").read_text(encoding="utf-8"))
    return {
        name: Resource(name=name, **{**values, "serves": tuple(values.get("serves", ()))})
        for name, values in table.items()
    }


def resource_named(name: str) -> Resource:
    """Return a resource.

    Parameters
    ----------
    name : str
        As in the table, or ``alphafold:`` and a UniProt accession.

    Raises
    ------
    InvalidInput
        There is none of that name, or no accession follows ``alphafold:``.
    """
    if name.startswith(ALPHAFOLD_DB) and name != EACH_MODEL:
        accession = name.removeprefix(ALPHAFOLD_DB)
        if ACCESSION.fullmatch(accession) is None:
            raise InvalidInput(f"{accession!r} is no UniProt accession", cure="such as alphafold:P04637")
        row = resources()[EACH_MODEL]
        url, file = (text.replace("ACCESSION", accession) for text in (row.url, row.file))
        return Resource(name, row.about, url, file, row.licence)
    found = resources().get(name)
    if found is None or name.endswith("ACCESSION"):
        close = difflib.get_close_matches(name, resources(), n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise InvalidInput(f"no resource is called {name!r}", cure=f"{hint}screening fetch --list shows them all")
    return found


def cure_for(name: str) -> str:
    """Return the command that gets a resource, for error messages.

    Parameters
    ----------
    name : str
        As for `resource_named`.

    Returns
    -------
    str
        For example ``screening fetch hg38``.
    """
    if name != EACH_MODEL:
        resource_named(name)
    return "screening fetch-weights" if name == WEIGHTS else f"screening fetch {name}"


def hint_for(setting: str) -> str:
    """Return the commands that get what an option or a setting needs, for the end of a cure.

    Parameters
    ----------
    setting : str
        As in the column ``serves`` of the table, for example ``--genome``.

    Returns
    -------
    str
        For example ``; public: screening fetch hg38``; empty where nothing public serves.
    """
    commands = [cure_for(name) for name, resource in resources().items() if setting in resource.serves]
    return f"; public: {' or '.join(commands)}" if commands else ""


def input_file(path: Path, option: str) -> Path:
    """Return the absolute path of a file that a command was given.

    Raises
    ------
    InvalidInput
        There is no such file; the cure says what gets a public one.
    """
    if not path.is_file():
        raise InvalidInput(f"{option} {path}: no such file", cure=f"correct the path{hint_for(option)}")
    return path.resolve()


def cache_folder() -> Path:
    """Return the folder of this software in the user's cache: ``$XDG_CACHE_HOME/screening``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "screening"


def fetched(name: str) -> bool:
    """Return whether a resource lies where `screening fetch` puts it by default; its content is not looked at."""
    resource = resources()[name]
    if name == EACH_MODEL:
        return any(folder_of(name).glob("AF-*-F1-model_v*.cif*"))
    if resource.unpack in ("tar", "zip"):
        place = folder_of(name) / resource.folder
        return any(re.fullmatch(resource.members, path.name) for path in place.glob("*"))
    return (folder_of(name) / resource.file).is_file()


def folder_of(name: str) -> Path:
    """Return where a resource goes, and is looked for, unless a command or a setting says so.

    Parameters
    ----------
    name : str
        As in the table.

    Returns
    -------
    Path
        Of AlphaFold-Multimer's parameters ``$SCREENING_WEIGHTS``, else a folder of that name in `cache_folder`; of all
        others `cache_folder` itself.
    """
    if name != WEIGHTS:
        return cache_folder()
    given = os.environ.get("SCREENING_WEIGHTS")
    return Path(given).expanduser() if given else cache_folder() / WEIGHTS
