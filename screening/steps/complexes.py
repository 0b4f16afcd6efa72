"""Segment pairs → structures → interface scores."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record, Row
from catalog.store import sha256_of_file
from screening.errors import InvalidInput, Unsupported
from screening.folding.backend import FoldRequest, FoldResult, FoldSegment
from screening.plddt import find_plddt
from screening.sections.complexes import ScoreSettings, StructureSettings
from screening.segments import HIGH, SegmentKind
from screening.steps.proteins import STRUCTURE_SUFFIXES, plddt_folder
from screening.task import OutputFile, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.folding.imported import ImportedPredictions
    from screening.screen import Screen

__all__ = ["after_segment_pairs", "resources", "score", "structure"]

NO_PLDDT = "the backend gives no pLDDT: interface_plddt, pdockq, ppv and pdockq2 are NULL"
NO_PAE = "no predicted aligned error: pdockq2, ipsae, lis and ipae are NULL"
NO_TM = "the backend gives no predicted TM-score: iptm and ptm are NULL"

_PAIRS = (
    ("n_interface_a", "n_interface_b"),
    ("mean_plddt_a", "mean_plddt_b"),
    ("pdockq2_a", "pdockq2_b"),
    ("ipsae_ab", "ipsae_ba"),
    ("ipsae10_ab", "ipsae10_ba"),
    ("lis_ab", "lis_ba"),
)
SWAPPED = dict(_PAIRS) | {b: a for a, b in _PAIRS}
"""Names of the directional scores when the file's first chain is the pair's second."""


def resources(settings: StructureSettings) -> Resources:
    """Return what one structure needs: one core for the embedded backends."""
    return Resources(cpus=1, memory_gib=1.5, deadline_s=6 * 3600.0)


def after_segment_pairs(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return a structure and a score for each segment pair."""
    settings = screen.settings.structure
    index = _predictions(screen) if settings.backend == "imported" else None
    tasks: list[Task] = []
    for pair in cast(list[dict[str, dict[str, Json]]], record.outputs["pairs"]):
        a, b = pair["a"], pair["b"]
        name = f"{a['accession']}:{a['start']}-{a['end']}+{b['accession']}:{b['start']}-{b['end']}"
        sides = {side: {key: value for key, value in pair[side].items() if key != "gene"} for side in "ab"}
        sources: dict[str, Path] = {}
        inputs: dict[str, Json] = {"a": sides["a"], "b": sides["b"]}
        if index is None:
            sources = _monomers(pair, screen)
        else:
            found = index.find(str(a["sequence"]), str(b["sequence"]))
            if found is not None:
                sources = {"structure": found.files.structure}
                if found.files.pae is not None:
                    sources["pae"] = found.files.pae
                if found.files.confidence is not None:
                    sources["confidence"] = found.files.confidence
                inputs["swapped"] = found.swapped
        folded = screen.task("structure", name, inputs=inputs, sources=sources)
        tasks += [folded, screen.task("score", name, upstream={"structure": folded.key})]
    return tasks


def _monomers(pair: Mapping[str, Mapping[str, Json]], screen: "Screen") -> dict[str, Path]:
    """Return the monomer structures that confident segments take their fold from."""
    folder = plddt_folder(screen)
    sources: dict[str, Path] = {}
    for side in "ab":
        path = find_plddt(folder, str(pair[side]["accession"])) if folder and pair[side]["kind"] == HIGH else None
        if path is not None and path.name.endswith(STRUCTURE_SUFFIXES):
            sources[f"monomer_{side}"] = path
    return sources


def structure(workspace: Workspace, settings: StructureSettings) -> Result:
    """Make a complex of two segments, or take the one that was made elsewhere."""
    match settings.backend:
        case "residue_md":
            folded = _simulated(workspace, settings)
        case "imported":
            folded = _imported(workspace, settings)
    inputs = workspace.task.inputs
    a, b = (cast(Mapping[str, Json], inputs[side]) for side in "ab")
    files = [OutputFile("structure", folded.structure, _media_type(folded.structure))]
    if folded.pae is not None:
        files.append(OutputFile("pae", folded.pae, "application/octet-stream"))
    if folded.contacts is not None:
        files.append(OutputFile("contacts", folded.contacts, "application/octet-stream"))
    bound = next((item for item in folded.observables if item.name == "bound_fraction"), None)
    row: Row = {
        "task_key": workspace.task.key,
        "segment_pair_id": workspace.task.subject,
        "backend": folded.backend,
        "model_name": f"{folded.model_name} {folded.backend_version}".strip(),
        "weights": "none" if folded.backend == "residue_md" else "unknown",
        "num_recycles": folded.num_recycles,
        "seed": settings.seed,
        "mean_plddt": folded.plddt,
        "ptm": folded.ptm,
        "iptm": folded.iptm,
        "bound_fraction": bound.value if bound else None,
        "bound_fraction_low": bound.ci_low if bound else None,
        "bound_fraction_high": bound.ci_high if bound else None,
        "converged": folded.converged,
        "note": folded.reason or None,
        "structure_sha256": sha256_of_file(folded.structure),
    }
    return Result(
        outputs={
            "backend": folded.backend,
            "has_plddt": folded.has_plddt,
            "chains": list(folded.chains),
            "swapped": bool(inputs.get("swapped", False)),
            "bound_fraction": bound.value if bound else None,
            "iptm": folded.iptm,
            "ptm": folded.ptm,
            "a": dict(a),
            "b": dict(b),
        },
        tables={
            **(_imported_chains(a, b, workspace.task.subject) if a["kind"] == "full_length" else {}),
            "structures": [row],
            "structure_observables": [{"task_key": workspace.task.key, **asdict(item)} for item in folded.observables],
        },
        files=files,
    )


def score(workspace: Workspace, settings: ScoreSettings) -> Result:
    """Compute every interface metric that the structure supports."""
    from screening.scores import InterfaceScores, score_complex

    record = workspace.upstream("structure")
    roles = {artifact.role for artifact in record.artifacts}
    has_plddt = bool(record.outputs["has_plddt"])
    scores = score_complex(
        workspace.file("structure", "structure"),
        workspace.file("structure", "pae") if "pae" in roles else None,
        has_plddt=has_plddt,
    )
    values = {field.name: getattr(scores, field.name) for field in fields(InterfaceScores)}
    for name in ("iptm", "ptm"):
        values[name] = record.outputs[name] if values[name] is None else values[name]
    if record.outputs["swapped"]:
        values = {SWAPPED.get(name, name): value for name, value in values.items()}
    reasons = [
        reason
        for reason, absent in ((NO_PLDDT, not has_plddt), (NO_PAE, "pae" not in roles), (NO_TM, values["iptm"] is None))
        if absent
    ]
    row = {
        "task_key": workspace.task.key,
        "structure_key": record.key,
        "score_version": 1,
        **values,
        "null_reason": "; ".join(reasons) or None,
    }
    ipsae = [value for value in (scores.ipsae_ab, scores.ipsae_ba) if value is not None]
    return Result(
        outputs={
            **values,
            "ipsae": max(ipsae) if ipsae else None,
            "bound_fraction": record.outputs["bound_fraction"],
            "structure": record.key,
        },
        tables={"scores": [row]},
    )


def _imported_chains(a: Mapping[str, Json], b: Mapping[str, Json], name: str) -> dict[str, list[Row]]:
    """Return the rows that say which proteins the chains of an imported prediction are."""
    sides = [a] if a["accession"] == b["accession"] else [a, b]
    families = {str(side.get("family") or "") for side in sides}
    kind = (
        "homodimer"
        if len(sides) == 1
        else "intra_family"
        if families != {""} and len(families) == 1
        else "inter_family"
    )
    pair_id = f"{a['accession']}+{b['accession']}"
    return {
        "proteins": [
            {
                "uniprot_ac": side["accession"],
                "gene": side["gene"],
                "length": side["protein_length"],
                "sequence": side["sequence"],
                "sequence_sha256": hashlib.sha256(str(side["sequence"]).encode()).hexdigest(),
                "tf_family": side.get("family"),
            }
            for side in sides
        ],
        "tf_pairs": [{"pair_id": pair_id, "uniprot_a": a["accession"], "uniprot_b": b["accession"], "kind": kind}],
        "segments": [
            {
                "segment_id": f"{side['accession']}:{side['start']}-{side['end']}",
                "uniprot_ac": side["accession"],
                "ordinal": 1,
                "seq_start": side["start"],
                "seq_end": side["end"],
                "kind": side["kind"],
            }
            for side in sides
        ],
        "segment_pairs": [
            {
                "segment_pair_id": name,
                "pair_id": pair_id,
                "segment_a": f"{a['accession']}:{a['start']}-{a['end']}",
                "segment_b": f"{b['accession']}:{b['start']}-{b['end']}",
                "total_length": len(str(a["sequence"])) + len(str(b["sequence"])),
            }
        ],
    }


def _simulated(workspace: Workspace, settings: StructureSettings) -> FoldResult:
    from screening.folding.residue_md import ResidueMd

    backend = ResidueMd(settings.residue_md)
    request = FoldRequest(_fold_segment(workspace, "a"), _fold_segment(workspace, "b"), settings.seed)
    reason = backend.supports(request)
    if reason is not None:
        raise Unsupported(
            f"{workspace.task.subject}: {reason}",
            cure="give monomer structures by plddt.folder, or import a prediction of this pair",
        )
    return backend.fold(request, workspace.folder, workspace.progress)


def _imported(workspace: Workspace, settings: StructureSettings) -> FoldResult:
    from screening.prediction import read_prediction

    if "structure" not in workspace.task.sources:
        raise Unsupported(
            f"{workspace.task.subject}: no prediction with these two sequences in {settings.predictions}",
            cure="fold the pair elsewhere and put its files there",
        )
    path = workspace.source("structure")
    sources = workspace.task.sources
    pae = workspace.source("pae") if "pae" in sources else None
    confidence = workspace.source("confidence") if "confidence" in sources else None
    prediction = read_prediction(path, pae, confidence=confidence)
    mean = float(prediction.plddt.mean()) if prediction.plddt is not None else None
    return FoldResult(
        structure=path,
        backend="imported",
        backend_version="",
        model_name=path.name,
        has_plddt=prediction.plddt is not None,
        chains=(prediction.chain_ids[0], prediction.chain_ids[1]),
        plddt=mean,
        ptm=prediction.ptm,
        iptm=prediction.iptm,
        pae=pae,
    )


def _fold_segment(workspace: Workspace, side: str) -> FoldSegment:
    values = cast(Mapping[str, Json], workspace.task.inputs[side])
    return FoldSegment(
        accession=str(values["accession"]),
        start=cast(int, values["start"]),
        end=cast(int, values["end"]),
        kind=cast(SegmentKind, values["kind"]),
        sequence=str(values["sequence"]),
        protein_length=cast(int, values["protein_length"]),
        coordinates=workspace.source(f"monomer_{side}") if f"monomer_{side}" in workspace.task.sources else None,
    )


def _predictions(screen: "Screen") -> "ImportedPredictions":
    from screening.folding.imported import index_predictions

    path = screen.settings.structure.predictions
    folder = None if path is None else (screen.folder / path).resolve()
    if folder is None or not folder.is_dir():
        raise InvalidInput(
            f"structure.predictions = {str(path)!r} is not a folder",
            cure="set structure.predictions to a folder of ColabFold results, PDB or mmCIF files",
        )
    return index_predictions([folder])


def _media_type(path: Path) -> str:
    return "chemical/x-mmcif" if ".cif" in path.name else "chemical/x-pdb"
