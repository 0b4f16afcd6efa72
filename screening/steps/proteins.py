"""From TF pairs to segment pairs: pLDDT, segments and alignments of proteins, and the pairing of their segments."""

import gzip
import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from screening.errors import InvalidInput
from screening.keys import canonical_json
from screening.plddt import find_plddt, predict_plddt, read_plddt
from screening.proteins import Protein
from screening.resources import hint_for
from screening.sections.complexes import MsaSettings
from screening.sections.proteins import PlddtSettings, SegmentPairSettings, SegmentSettings
from screening.segment_pairs import ProteinSegment
from screening.segment_pairs import segment_pairs as pair_segments
from screening.segments import FULL_LENGTH, Segment, SegmentKind, segment
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.msa import Msa
    from screening.screen import Screen

__all__ = [
    "STRUCTURE_SUFFIXES",
    "after_tf_pairs",
    "alignments",
    "input_folder",
    "msa",
    "msa_task",
    "plddt",
    "plddt_folder",
    "require_inputs",
    "segment_pairs",
    "segments",
    "segments_of",
]

STRUCTURE_SUFFIXES = (".cif", ".cif.gz", ".pdb", ".pdb.gz")
ALIGNMENT_SUFFIXES = (".a3m", ".a3m.gz", ".sto", ".sto.gz")


def after_tf_pairs(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return the tasks of a cell type's TF pairs: pLDDT and segments per protein, pairing per pair."""
    proteins = {str(row["accession"]): row for row in _rows(record.outputs["proteins"])}
    tasks: list[Task] = []
    segment_keys: dict[str, str] = {}
    for accession, protein in proteins.items():
        inputs = {name: protein[name] for name in ("accession", "gene", "sequence")}
        gene = str(protein["gene"])
        profile = screen.task("plddt", gene, inputs=inputs, sources=_plddt_file(accession, screen))
        cut = screen.task("segments", gene, upstream={"plddt": profile.key})
        segment_keys[accession] = cut.key
        tasks += [profile, cut]
    for pair in _rows(record.outputs["pairs"]):
        a, b = str(pair["accession_a"]), str(pair["accession_b"])
        tasks.append(
            screen.task(
                "segment_pairs",
                f"{pair['gene_a']}+{pair['gene_b']}",
                upstream={"segments_a": segment_keys[a], "segments_b": segment_keys[b]},
            )
        )
    return tasks


def alignments(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return the alignment of each protein of a cell type's TF pairs."""
    return [msa_task(protein, screen) for protein in _rows(record.outputs["proteins"])]


def plddt(workspace: Workspace, settings: PlddtSettings) -> Result:
    """Give a protein's per-residue pLDDT, from the network or from a file."""
    accession, gene, sequence = (workspace.text_input(name) for name in ("accession", "gene", "sequence"))
    files: list[OutputFile] = []
    if settings.source == "metapredict":
        profile = predict_plddt(sequence)
    elif "plddt" not in workspace.task.sources:
        raise InvalidInput(
            f"{gene} ({accession}): no pLDDT file in {settings.folder}",
            cure=f'screening fetch alphafold:{accession} --to {settings.folder}, or set plddt.source = "metapredict"',
        )
    else:
        path = workspace.source("plddt")
        profile = read_plddt(path, sequence)
        if path.name.endswith(STRUCTURE_SUFFIXES):
            files.append(OutputFile("monomer", path, "chemical/x-mmcif" if ".cif" in path.name else "chemical/x-pdb"))
    values = [round(float(value), 2) for value in profile.values]
    return Result(
        outputs={
            "accession": accession,
            "gene": gene,
            "sequence": sequence,
            "plddt": list(values),
            "source": profile.source,
            "proxy": profile.proxy,
        },
        tables={
            "residues": [
                {
                    "task_key": workspace.task.key,
                    "uniprot_ac": accession,
                    "position": position,
                    "plddt": value,
                    "source": profile.source,
                }
                for position, value in enumerate(values, start=1)
            ]
        },
        files=files,
    )


def segments(workspace: Workspace, settings: SegmentSettings) -> Result:
    """Cut a protein into segments by its pLDDT, or leave it whole."""
    profile = workspace.upstream("plddt").outputs
    values = cast(list[float], profile["plddt"])
    whole = Segment(1, len(values), FULL_LENGTH)
    found = [whole] if settings.rule == "full_length" else segment(values, compat=settings.compat)
    rows: list[dict[str, Json]] = [
        {
            "start": part.start,
            "end": part.end,
            "kind": part.kind,
            "mean_plddt": round(sum(values[part.start - 1 : part.end]) / (part.end - part.start + 1), 2),
        }
        for part in found
    ]
    accession = str(profile["accession"])
    return Result(
        outputs={**{name: profile[name] for name in ("accession", "gene", "sequence")}, "segments": [*rows]},
        tables={
            "segments": [
                {
                    "segment_id": f"{accession}:{row['start']}-{row['end']}",
                    "uniprot_ac": accession,
                    "ordinal": ordinal,
                    "seq_start": row["start"],
                    "seq_end": row["end"],
                    "kind": row["kind"],
                    "mean_plddt": row["mean_plddt"],
                    "plddt_source": profile["source"],
                    "plddt_proxy": profile["proxy"],
                    "rule_key": workspace.task.key,
                }
                for ordinal, row in enumerate(rows, start=1)
            ]
        },
    )


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
        sources = _msa_file(str(protein["accession"]), screen)
    elif settings.source == "mmseqs":
        database = _msa_database(screen)
        inputs["database"] = _database_identity(database)
        sources = {"database": database.with_name(f"{database.name}.dbtype")}
    return screen.task("msa", str(protein["gene"]), inputs=inputs, sources=sources)


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


def segment_pairs(workspace: Workspace, settings: SegmentPairSettings) -> Result:
    """Pair the segments of two proteins; every pair left out has its reason."""
    side_a, side_b = (segments_of(workspace.upstream(f"segments_{side}")) for side in "ab")
    homodimer = side_a[0].accession == side_b[0].accession
    found = pair_segments(
        side_a,
        side_b,
        homodimer=homodimer,
        kinds=settings.kinds,
        minimum_segment_length=settings.minimum_segment_length,
        maximum_length=settings.maximum_length,
        limit=settings.limit,
    )
    pair_id = "+".join(sorted((side_a[0].accession, side_b[0].accession)))
    lengths = {side[0].accession: side[-1].end for side in (side_a, side_b)}
    return Result(
        outputs={
            "pairs": [
                {side: _segment_values(part, lengths[part.accession]) for side, part in (("a", pair.a), ("b", pair.b))}
                for pair in found.pairs
            ]
        },
        tables={
            "segment_pairs": [
                {
                    "segment_pair_id": pair.name,
                    "pair_id": pair_id,
                    "segment_a": pair.a.name,
                    "segment_b": pair.b.name,
                    "total_length": pair.length,
                }
                for pair in found.pairs
            ],
            "dropped_segment_pairs": [
                {
                    "task_key": workspace.task.key,
                    "segment_a": dropped.name.partition("+")[0],
                    "segment_b": dropped.name.partition("+")[2] or "*",
                    "reason": dropped.reason,
                }
                for dropped in found.dropped
            ],
        },
    )


def segments_of(record: Record) -> tuple[ProteinSegment, ...]:
    """Return the segments in a record of the stage ``segments``."""
    outputs = record.outputs
    accession, gene, sequence = (str(outputs[name]) for name in ("accession", "gene", "sequence"))
    protein = Protein(accession, gene, sequence)
    cut = [
        Segment(cast(int, row["start"]), cast(int, row["end"]), cast(SegmentKind, row["kind"]))
        for row in _rows(outputs["segments"])
    ]
    return tuple(
        ProteinSegment(accession, gene, part.start, part.end, part.kind, protein.sequence[part.start - 1 : part.end])
        for part in cut
    )


def _segment_values(part: ProteinSegment, protein_length: int) -> dict[str, Json]:
    return {
        "accession": part.accession,
        "gene": part.gene,
        "start": part.start,
        "end": part.end,
        "kind": part.kind,
        "sequence": part.sequence,
        "protein_length": protein_length,
    }


def plddt_folder(screen: "Screen") -> Path | None:
    """Return the folder of monomer files; None where pLDDT comes from elsewhere."""
    settings = screen.settings.plddt
    return input_folder(settings.folder, screen, "plddt.folder") if settings.source == "files" else None


def require_inputs(screen: "Screen", stages: Collection[str]) -> None:
    """Refuse a screen whose folder of pLDDT or alignments, or whose database, is not there, before anything runs.

    Parameters
    ----------
    screen : Screen
        The screen.
    stages : collection of str
        What is to run; what others read is not looked at.

    Raises
    ------
    InvalidInput
        There is no such folder or database.
    """
    if "plddt" in stages:
        plddt_folder(screen)
    if "msa" in stages and screen.settings.msa.source == "files":
        _msa_folder(screen)
    if "msa" in stages and screen.settings.msa.source == "mmseqs":
        _database_identity(_msa_database(screen))


def _plddt_file(accession: str, screen: "Screen") -> dict[str, Path]:
    folder = plddt_folder(screen)
    path = find_plddt(folder, accession) if folder else None
    return {} if path is None else {"plddt": path}


def _msa_folder(screen: "Screen") -> Path:
    return input_folder(screen.settings.msa.folder, screen, "msa.folder")


def _msa_file(accession: str, screen: "Screen") -> dict[str, Path]:
    folder = _msa_folder(screen)
    found = [path for suffix in ALIGNMENT_SUFFIXES if (path := folder / f"{accession}{suffix}").is_file()]
    return {"a3m": found[0]} if found else {}


def _msa_database(screen: "Screen") -> Path:
    path = screen.settings.msa.mmseqs.database
    if path is None:
        raise InvalidInput('msa.source = "mmseqs" needs msa.mmseqs.database', cure="set it to the name of a database")
    return (screen.folder / path).resolve()


@cache
def _database_identity(database: Path) -> str:
    from screening.msa.search_mmseqs import database_identity

    return database_identity(database)


def input_folder(path: Path | None, screen: "Screen", setting: str) -> Path:
    """Return a folder of input files.

    Raises
    ------
    InvalidInput
        The setting is absent or names no folder.
    """
    if path is None:
        said = f"setting '{setting}' is not given: a folder is needed"
    elif (folder := screen.folder / path).is_dir():
        return folder
    else:
        said = f'{setting} = "{path}": no such folder {folder.resolve()}'
    raise InvalidInput(said, cure=f"set {setting} in screen.toml{hint_for(setting)}")


def _rows(value: Json) -> list[dict[str, Json]]:
    return cast(list[dict[str, Json]], value)
