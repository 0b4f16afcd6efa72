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

__all__ = ["Resource", "cache_folder", "cure_for", "resource_named", "resources"]

ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")
"""UniProt accession numbers, as UniProt's help defines them."""

ALPHAFOLD_DB = "alphafold:"


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
        ``gzip``, ``tar`` or empty.
    members : str
        Regular expression for the names of the members of a tar to keep.
    expected : int
        How many members there must be.
    folder : str
        Folder for them below the one fetched to.
    sha256 : str
        Of the download, hexadecimal; empty where its publisher states none.
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


@cache
def resources() -> dict[str, Resource]:
    """Return every resource by name, in the order of the table."""
    table = tomllib.loads((files("screening") / "resources.toml").read_text(encoding="utf-8"))
    return {name: Resource(name=name, **values) for name, values in table.items()}


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
    if name.startswith(ALPHAFOLD_DB) and name != f"{ALPHAFOLD_DB}ACCESSION":
        accession = name.removeprefix(ALPHAFOLD_DB)
        if ACCESSION.fullmatch(accession) is None:
            raise InvalidInput(f"{accession!r} is no UniProt accession", cure="such as alphafold:P04637")
        row = resources()[f"{ALPHAFOLD_DB}ACCESSION"]
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
    resource = resource_named(name)
    return "screening fetch-weights" if resource.name == "alphafold-multimer-v3" else f"screening fetch {resource.name}"


def cache_folder() -> Path:
    """Return where resources go unless the command says so: a folder in the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "structural-interaction-screening"
