"""The alignment of each full-length protein, by the recipe of the settings."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from screening.errors import InvalidInput
from screening.keys import canonical_json
from screening.sections.complexes import MsaSettings
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.msa import Msa
    from screening.screen import Screen

__all__ = ["after_tf_pairs", "msa", "msa_task", "require_alignments"]

SUFFIXES = (".a3m", ".a3m.gz", ".sto", ".sto.gz")


def after_tf_pairs(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return the alignment of each protein of a cell type's TF pairs."""
    return [msa_task(protein, screen) for protein in cast(list[dict[str, Json]], record.outputs["proteins"])]


def msa(workspace: Workspace, settings: MsaSettings) -> Result:
    """Give a full-length protein's alignment by the recipe of the settings, and say how deep it is."""
    from screening.msa.depth import measure_depth

    sequence = workspace.text_input("sequence")
    alignment = _alignment(workspace, settings, sequence)
    depth = measure_depth(alignment)
    path = workspace.folder / "alignment.a3m.gz"
    path.write_bytes(gzip.compress(alignment.to_text().encode(), mtime=0))
    recipe = {**settings.determining(), **{name: workspace.task.inputs[name] for name in _recipe_inputs(settings)}}
    row = {
        "task_key": workspace.task.key,
        "uniprot_ac": workspace.task.inputs.get("accession"),
        "sequence_sha256": hashlib.sha256(sequence.encode()).hexdigest(),
        "source": settings.source,
        "depth": depth.rows,
        "neff": round(depth.neff, 3),
        "median_residue_neff": round(depth.median_residue_neff, 3),
        "n_taxa": depth.n_taxa,
        "recipe": canonical_json(recipe),
    }
    return Result({"depth": depth.rows, "neff": row["neff"]}, {"msas": [row]}, [OutputFile("a3m", path, "text/x-a3m")])


def msa_task(protein: Mapping[str, Json], screen: "Screen") -> Task:
    """Return the task that gives a protein its alignment.

    Its key holds the sequence and the recipe, so all pairs, cell types and screens of one store share it. Files are
    found by accession, which is then a part of the key as well.
    """
    settings = screen.settings.msa
    inputs: dict[str, Json] = {"sequence": protein["sequence"]}
    sources: dict[str, Path] = {}
    if settings.source == "files":
        inputs["accession"] = protein["accession"]
        sources = _file_of(str(protein["accession"]), screen)
    elif settings.source == "mmseqs":
        database = _database(screen)
        inputs["database"] = _database_identity(database)
        sources = {"database": database.with_name(f"{database.name}.dbtype")}
    return screen.task("msa", str(protein["gene"]), inputs=inputs, sources=sources)


def require_alignments(screen: "Screen") -> None:
    """Refuse a screen whose folder of alignments, or whose database, is not there, before anything runs.

    Raises
    ------
    InvalidInput
        There is no such folder or database.
    """
    match screen.settings.msa.source:
        case "files":
            _folder(screen)
        case "mmseqs":
            _database_identity(_database(screen))


def _alignment(workspace: Workspace, settings: MsaSettings, sequence: str) -> "Msa":
    from screening.msa import query_only, read_msa
    from screening.msa.search_mmseqs import search_mmseqs
    from screening.msa.search_server import MsaServer

    match settings.source:
        case "query_only":
            return query_only(sequence)
        case "files":
            if "a3m" in workspace.task.sources:
                return read_msa(workspace.source("a3m"), sequence)
            accession = workspace.text_input("accession")
            raise InvalidInput(
                f"{workspace.task.subject} ({accession}): no {accession}.a3m in {settings.folder}",
                cure='add it (or .a3m.gz, .sto, .sto.gz), or set msa.source = "query_only"',
            )
        case "mmseqs":
            marker = workspace.source("database")
            return search_mmseqs(
                sequence,
                marker.with_name(marker.name.removesuffix(".dbtype")),
                workspace.folder,
                threads=workspace.cpus,
                **settings.mmseqs.model_dump(exclude={"database"}),
            )
        case "server":
            pace = workspace.store.root / "msa_server.pace"
            return MsaServer(pace=pace, **settings.server.model_dump()).search(sequence)


def _recipe_inputs(settings: MsaSettings) -> tuple[str, ...]:
    """Return the inputs of the task that say which data its recipe used."""
    return {"files": ("a3m_sha256",), "mmseqs": ("database",)}.get(settings.source, ())


def _folder(screen: "Screen") -> Path:
    return screen.input_folder(screen.settings.msa.folder, setting="msa.folder")


def _file_of(accession: str, screen: "Screen") -> dict[str, Path]:
    folder = _folder(screen)
    found = [path for suffix in SUFFIXES if (path := folder / f"{accession}{suffix}").is_file()]
    return {"a3m": found[0]} if found else {}


def _database(screen: "Screen") -> Path:
    path = screen.settings.msa.mmseqs.database
    if path is None:
        raise InvalidInput('msa.source = "mmseqs" needs msa.mmseqs.database', cure="set it to the name of a database")
    return (screen.folder / path).resolve()


@cache
def _database_identity(database: Path) -> str:
    from screening.msa.search_mmseqs import database_identity

    return database_identity(database)
