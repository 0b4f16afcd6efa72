"""Motif libraries from MEME files, JASPAR files and the JASPAR database that pyjaspar carries."""

import re
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from get_core.errors import InvalidInput
from get_core.motifs import LETTERS, MotifLibrary, read_meme
from get_core.text import numbered_lines

if TYPE_CHECKING:
    from pyjaspar import jaspardb

__all__ = ["motif_origin", "read_jaspar", "read_motifs"]

DATABASE = "jaspar:"
COUNTS = re.compile(r"([ACGT])\s*\[?([^\[\]]*)\]?")


def read_motifs(source: str | Path) -> MotifLibrary:
    """Read motifs from wherever they are.

    Parameters
    ----------
    source : str or Path
        A MEME file, a JASPAR file, or ``jaspar:CORE`` for the vertebrate motifs of a collection of JASPAR (needs
        pyjaspar, which carries the database).

    Returns
    -------
    MotifLibrary
        Motifs of JASPAR belong to a cluster of their TF's name.

    Raises
    ------
    InvalidInput
        No such file, neither format, or an unknown collection.
    """
    if str(source).startswith(DATABASE):
        return _database(str(source).removeprefix(DATABASE))
    if not Path(source).is_file():
        raise InvalidInput(
            f"{source}: no such file",
            cure="give a MEME or JASPAR file, or jaspar:CORE; or screening fetch vierstra-v2-motifs",
        )
    first = next(numbered_lines(source), (0, ""))[1]
    if not first:
        raise InvalidInput(f"{source}: the file is empty", cure="screening fetch vierstra-v2-motifs, or jaspar:CORE")
    return read_jaspar(source) if first.startswith(">") else read_meme(source)


def read_jaspar(path: str | Path) -> MotifLibrary:
    """Read counts in JASPAR's own format.

    Parameters
    ----------
    path : str or Path
        ``>MA0004.1 Arnt``, then four lines ``A [ 4 19 0 ]`` in the order A, C, G, T; letters and brackets may be
        absent.

    Returns
    -------
    MotifLibrary

    Raises
    ------
    InvalidInput
        With file and line.
    """
    entries: list[tuple[str, str, int, list[list[float]]]] = []
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        if line.startswith(">"):
            words = line[1:].split()
            if not words:
                raise InvalidInput(f"{where}: a motif without a name")
            entries.append((words[0], words[-1], number, []))
            continue
        if not entries or len(entries[-1][3]) == 4:
            raise InvalidInput(f"{where}: expected a header '>ID name', found {line[:40]!r}")
        rows = entries[-1][3]
        labelled = COUNTS.fullmatch(line.strip())
        if labelled is not None and labelled[1] != LETTERS[len(rows)]:
            raise InvalidInput(f"{where}: the row of {labelled[1]} where that of {LETTERS[len(rows)]} should be")
        try:
            rows.append([float(word) for word in (labelled[2] if labelled else line.strip(" []")).split()])
        except ValueError:
            raise InvalidInput(f"{where}: not a row of counts: {line[:40]!r}") from None
    if not entries:
        raise InvalidInput(f"{path}: no motif in the file")
    names, clusters, matrices = [], [], []
    for name, cluster, number, rows in entries:
        counts = np.array(rows).T if len(rows) == 4 and len({len(row) for row in rows}) == 1 else np.empty((0, 0))
        if not counts.size or not np.isfinite(counts).all() or counts.min() < 0 or counts.sum(axis=1).min() <= 0:
            raise InvalidInput(
                f"{path}:{number}: motif {name} is not four rows of as many counts, with some at each place"
            )
        if name in names:
            raise InvalidInput(f"{path}:{number}: motif {name} occurs twice")
        names.append(name)
        clusters.append(cluster)
        matrices.append(counts / counts.sum(axis=1, keepdims=True))
    return MotifLibrary(tuple(names), tuple(clusters), tuple(matrices))


def motif_origin(source: str | Path) -> str:
    """Return where motifs come from, for the record: the name of the file, or JASPAR's release and collection.

    Parameters
    ----------
    source : str or Path
        As for `read_motifs`.

    Raises
    ------
    InvalidInput
        pyjaspar is not there.
    """
    if not str(source).startswith(DATABASE):
        return Path(source).name
    collection = str(source).removeprefix(DATABASE)
    return f"{_open_database(collection).release} {collection}, vertebrates (pyjaspar {metadata.version('pyjaspar')})"


def _open_database(collection: str) -> "jaspardb":
    try:
        from pyjaspar import jaspardb
    except ImportError:
        raise InvalidInput(
            f"jaspar:{collection} needs the package pyjaspar",
            cure="pip install pyjaspar, or give a MEME file: screening fetch vierstra-v2-motifs",
        ) from None
    return jaspardb()


def _database(collection: str) -> MotifLibrary:
    with warnings.catch_warnings(action="ignore"):  # of no motif found, which is said below
        found = _open_database(collection).fetch_motifs(collection=collection, tax_group=["vertebrates"])
    if not found:
        raise InvalidInput(f"JASPAR has no vertebrate motifs in a collection {collection!r}", cure="use jaspar:CORE")
    ordered = sorted(found, key=lambda motif: motif.matrix_id)
    matrices = []
    for motif in ordered:
        counts = np.array([motif.counts[letter] for letter in LETTERS], np.float64).T
        matrices.append(counts / counts.sum(axis=1, keepdims=True))
    return MotifLibrary(
        tuple(motif.matrix_id for motif in ordered), tuple(motif.name for motif in ordered), tuple(matrices)
    )
