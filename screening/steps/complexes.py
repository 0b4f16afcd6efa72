"""Segment pairs → structures → interface scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Record, Row
from catalog.store import sha256_of_file
from screening.errors import Unsupported
from screening.folding.backend import FoldRequest, FoldResult, FoldSegment
from screening.plddt import find_plddt
from screening.sections.complexes import ScoreSettings, StructureSettings
from screening.segments import HIGH, SegmentKind
from screening.steps import alphafold
from screening.steps.baselines import baselines, induced_folding_rows
from screening.steps.imports import imported_rows, take_over
from screening.steps.proteins import STRUCTURE_SUFFIXES, plddt_folder
from screening.task import OutputFile, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.folding.imported import ImportedPredictions
    from screening.screen import Screen

__all__ = ["after_segment_pairs", "predictions_folder", "resources", "score", "structure"]

NO_PLDDT = "the backend gives no pLDDT: interface_plddt, pdockq, ppv, pdockq2 and delta_plddt are NULL"
NO_PAE = "no predicted aligned error: pdockq2, ipsae, lis and ipae are NULL"
NO_TM = "the backend gives no predicted TM-score: iptm and ptm are NULL"
NO_ACTIFPTM = "the program gave no actifpTM, which needs its logits: actifptm is NULL"
NO_BASELINE = "no pLDDT of the protein alone: delta_plddt is NULL"


def resources(settings: StructureSettings) -> Resources:
    """Return what one structure needs: a GPU for AlphaFold-Multimer, one core for the embedded backends."""
    if settings.backend == "colabfold":
        return Resources(cpus=1, gpus=1.0, memory_gib=6.0, deadline_s=6 * 3600.0)
    return Resources(cpus=1, memory_gib=1.5, deadline_s=6 * 3600.0)


def after_segment_pairs(record: Record, screen: "Screen") -> Sequence[Task]:
    """Return a structure and a score for each segment pair."""
    settings = screen.settings.structure
    index = _predictions(screen) if settings.backend == "imported" else None
    network = alphafold.prepare(record, screen) if settings.backend == "colabfold" else None
    alone = baselines(record, screen)
    tasks: list[Task] = []
    for pair in cast(list[dict[str, dict[str, Json]]], record.outputs["pairs"]):
        a, b = pair["a"], pair["b"]
        name = f"{a['accession']}:{a['start']}-{a['end']}+{b['accession']}:{b['start']}-{b['end']}"
        sides = {side: {key: value for key, value in pair[side].items() if key != "gene"} for side in "ab"}
        sources: Mapping[str, Path] = {}
        inputs: dict[str, Json] = {"a": sides["a"], "b": sides["b"]}
        upstream: Mapping[str, str] = {}
        if network is not None:
            sources, upstream = network.sources, network.upstream(a, b)
            inputs |= network.refusal(a, b)
        elif index is None:
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
        folded = screen.task("structure", name, inputs=inputs, sources=sources, upstream=upstream)
        if network is not None:
            folded = replace(folded, settings=network.settings)
            tasks += network.alignments.values()
        tasks += [folded, screen.task("score", name, upstream={"structure": folded.key, **alone})]
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
        case "colabfold":
            folded = alphafold.fold(workspace, settings, *(_fold_segment(workspace, side) for side in "ab"))
        case "imported":
            folded = take_over(workspace, settings)
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
        "weights": "none" if folded.backend == "residue_md" else folded.weights,
        "num_recycles": folded.num_recycles,
        "seed": settings.seed if folded.seed is None else folded.seed,
        "mean_plddt": folded.plddt,
        "ptm": folded.ptm,
        "iptm": folded.iptm,
        "max_pae": folded.max_pae,
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
            # Predictions imported without a screen bring the names of their proteins, which no stage has told before.
            **(imported_rows(a, b, workspace.task.subject) if "gene" in a else {}),
            "structures": [row],
            "structure_observables": [{"task_key": workspace.task.key, **asdict(item)} for item in folded.observables],
        },
        files=files,
        accelerator=folded.accelerator,
    )


def score(workspace: Workspace, settings: ScoreSettings) -> Result:
    """Compute every interface metric that the structure supports, and how much the pLDDT of its segments rises."""
    from screening.prediction import read_prediction
    from screening.scores import SCORE_VERSION, score_prediction

    record = workspace.upstream("structure")
    roles = {artifact.role for artifact in record.artifacts}
    has_plddt = bool(record.outputs["has_plddt"])
    prediction = read_prediction(
        workspace.file("structure", "structure"),
        workspace.file("structure", "pae") if "pae" in roles else None,
        has_plddt=has_plddt,
    )
    scores = score_prediction(prediction)
    values: dict[str, Json] = asdict(scores.swapped() if record.outputs["swapped"] else scores)
    for name in ("iptm", "ptm"):
        values[name] = record.outputs[name] if values[name] is None else values[name]
    if values["actifptm"] is None:
        observed = {str(row["name"]): row["value"] for row in record.tables.get("structure_observables", ())}
        values["actifptm"] = observed.get("actifptm")
    folding = induced_folding_rows(workspace, prediction) if has_plddt else []
    values |= {"delta_plddt_a": None, "delta_plddt_b": None}
    for row in folding:
        values[f"delta_plddt_{str(row['chain']).lower()}"] = row["delta_mean"]
    reasons = [
        reason
        for reason, absent in (
            (NO_PLDDT, not has_plddt),
            (NO_PAE, "pae" not in roles),
            (NO_TM, values["iptm"] is None),
            (NO_ACTIFPTM, "pae" in roles and values["actifptm"] is None),
            (NO_BASELINE, has_plddt and not folding),
        )
        if absent
    ]
    row = {
        "task_key": workspace.task.key,
        "structure_key": record.key,
        "score_version": SCORE_VERSION,
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
        tables={"scores": [row], "induced_folding": folding},
    )


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


def predictions_folder(screen: "Screen") -> Path:
    """Return the folder of predictions made elsewhere.

    Raises
    ------
    InvalidInput
        The setting is absent or names no folder.
    """
    return screen.input_folder(screen.settings.structure.predictions, setting="structure.predictions")


def _predictions(screen: "Screen") -> "ImportedPredictions":
    from screening.folding.imported import index_predictions

    return index_predictions([predictions_folder(screen)])


def _media_type(path: Path) -> str:
    return "chemical/x-mmcif" if ".cif" in path.name else "chemical/x-pdb"
