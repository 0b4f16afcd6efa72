"""Alignments from a local MMseqs2 database (Steinegger & Söding 2017, doi 10.1038/nbt.3988)."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from screening.errors import InvalidInput, Unsupported
from screening.msa.a3m import Msa, read_a3m
from screening.text_file import read_text

__all__ = ["FILTER", "database_identity", "search_mmseqs"]

FILTER = (
    *("--filter-msa", "1", "--filter-min-enable", "1000", "--diff", "3000"),
    *("--qid", "0.0,0.2,0.4,0.6,0.8,1.0", "--qsc", "0", "--max-seq-id", "0.95"),
)
"""How ColabFold thins an alignment of over 1,000 rows: ``filter_param`` of ``colabfold/mmseqs/search.py`` (doi
10.1038/s41592-022-01488-1)."""

_SAMPLE_BYTES = 1 << 16


def search_mmseqs(
    sequence: str,
    database: Path,
    folder: Path,
    *,
    sensitivity: float = 8.0,
    e_value: float = 0.1,
    iterations: int = 3,
    maximum_sequences: int = 10_000,
    filtered: bool = True,
    threads: int = 1,
    binary: str = "mmseqs",
) -> Msa:
    """Search a protein in a sequence database: ``mmseqs search``, then ``result2msa``.

    The parameters' defaults are those of ``colabfold_search``.

    Parameters
    ----------
    sequence : str
        The query.
    database : Path
        Name of an MMseqs2 sequence database, as ``mmseqs createdb`` or ``mmseqs databases`` made it.
    folder : Path
        Where a temporary folder is made, and removed at the end.
    sensitivity, e_value, iterations, maximum_sequences : optional
        ``-s``, ``-e``, ``--num-iterations`` and ``--max-seqs`` of ``mmseqs search``.
    filtered : bool, optional
        Whether to thin the alignment by `FILTER`.
    threads : int, optional
        Cores to use.
    binary : str, optional
        The program.

    Returns
    -------
    Msa
        Hits in the order of their E-values under their full headers, so that species can be read from them.

    Raises
    ------
    InvalidInput
        No such database.
    Unsupported
        A database of clusters, which ColabFold's own chain expands.
    OSError
        The program is absent or failed, with its last words.
    """
    program = shutil.which(binary)
    if program is None:
        error = FileNotFoundError(f"{binary}: no such program; msa.source = 'mmseqs' needs MMseqs2")
        error.add_note("install it on every node (apt-get install mmseqs2)")
        raise error
    _files_of(database)
    if database.with_name(f"{database.name}_aln.dbtype").is_file():
        raise Unsupported(
            f"{database}: a database of clusters (it has an '_aln' part), whose hits must be expanded",
            cure="search it with colabfold_search and give the a3m files (msa.source = 'files'), or search sequences",
        )
    with TemporaryDirectory(prefix="mmseqs-", dir=folder) as name:
        work = Path(name)
        query, hits, rows, headers = work / "query", work / "hits", work / "rows", work / "headers.tsv"
        query.with_suffix(".fasta").write_text(f">query\n{sequence}\n")
        limits = ("-e", f"{e_value:g}", "-s", f"{sensitivity:g}", "--max-seqs", str(maximum_sequences))
        cores = ("--threads", str(threads))
        _run(program, ["createdb", query.with_suffix(".fasta"), query])
        _run(
            program,
            ["search", query, database, hits, work / "tmp", "-a", "--num-iterations", str(iterations), *limits, *cores],
        )
        thinning = FILTER if filtered else ("--filter-msa", "0")
        _run(program, ["result2msa", query, database, hits, rows, "--msa-format-mode", "5", *thinning, *cores])
        _run(program, ["unpackdb", rows, work, "--unpack-name-mode", "0", "--unpack-suffix", ".a3m", *cores])
        _run(program, ["convertalis", query, database, hits, headers, "--format-output", "target,theader", *cores])
        found = read_a3m(work / "0.a3m", sequence)
        full = dict(line.split("\t", 1) for line in read_text(headers).splitlines())
    return Msa(("query", *(full.get(name, name) for name in found.names[1:])), found.rows)


def database_identity(database: Path) -> str:
    """Identify the content of an MMseqs2 database without reading all of it.

    Parameters
    ----------
    database : Path
        Its name.

    Returns
    -------
    str
        SHA-256 over the endings and sizes of its files and their first and last 64 KiB. Place, name and dates do not
        enter, nor do the files of a precomputed index (``.idx``), so a copy on another machine is the same database.

    Raises
    ------
    InvalidInput
        No such database.
    """
    listing = []
    for path in _files_of(database):
        size = path.stat().st_size
        with path.open("rb") as handle:
            sample = handle.read(_SAMPLE_BYTES)
            handle.seek(max(0, size - _SAMPLE_BYTES))
            sample += handle.read(_SAMPLE_BYTES)
        listing.append([path.name.removeprefix(database.name), size, hashlib.sha256(sample).hexdigest()])
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _files_of(database: Path) -> list[Path]:
    """Return the files of a database without its precomputed index, in alphabetical order."""
    if not database.with_name(f"{database.name}.dbtype").is_file():
        raise InvalidInput(
            f"{database}: no MMseqs2 database (there is no {database.name}.dbtype)",
            cure="make one (mmseqs createdb proteins.fasta NAME, or mmseqs databases) and set msa.mmseqs.database",
        )
    found = []
    for path in sorted(database.parent.iterdir()):
        ending = path.name.removeprefix(database.name)
        own = path.name.startswith(database.name) and ending[:1] in ("", ".", "_")
        if own and path.is_file() and not ending.startswith((".idx", ".fa")):
            found.append(path)
    return found


def _run(program: str, arguments: Sequence[str | Path]) -> None:
    command = [program, *(str(argument) for argument in arguments), "-v", "2"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        words = " ".join((done.stderr.strip() or done.stdout.strip())[-2000:].split())
        raise OSError(f"mmseqs {arguments[0]} ended with {done.returncode}: {words or 'no message'}")
