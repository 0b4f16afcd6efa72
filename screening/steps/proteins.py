"""From TF pairs to segment pairs: pLDDT and segments of proteins, and the pairing of their segments."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record
from screening.errors import InvalidInput
from screening.plddt import find_plddt, predict_plddt, read_plddt
from screening.proteins import Protein
from screening.sections.proteins import PlddtSettings, SegmentPairSettings, SegmentSettings
from screening.segment_pairs import ProteinSegment
from screening.segment_pairs import segment_pairs as pair_segments
from screening.segments import FULL_LENGTH, Segment, SegmentKind, segment
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = [
    "STRUCTURE_SUFFIXES",
    "after_tf_pairs",
    "plddt",
    "plddt_folder",
    "segment_pairs",
    "segments",
    "segments_of",
]

STRUCTURE_SUFFIXES = (".cif", ".cif.gz", ".pdb", ".pdb.gz")


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
    """Return the folder of monomer files; None where pLDDT comes from elsewhere.

    Raises
    ------
    InvalidInput
        It comes from files, and there is no such folder.
    """
    settings = screen.settings.plddt
    return screen.input_folder(settings.folder, setting="plddt.folder") if settings.source == "files" else None


def _plddt_file(accession: str, screen: "Screen") -> dict[str, Path]:
    folder = plddt_folder(screen)
    path = find_plddt(folder, accession) if folder else None
    return {} if path is None else {"plddt": path}


def _rows(value: Json) -> list[dict[str, Json]]:
    return cast(list[dict[str, Json]], value)
