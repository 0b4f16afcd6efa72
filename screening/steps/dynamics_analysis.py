"""Trajectories → what is measured on them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from catalog.record import Json, Row
from screening.sections.dynamics import MdAnalysisSettings
from screening.steps.dynamics import chain_names
from screening.task import OutputFile, Result, Workspace

if TYPE_CHECKING:
    from md.analysis import MdAnalysis

__all__ = ["md_analysis"]

LEAST_OCCUPANCY = 0.05
"""Share of frames below which a hydrogen bond is no row of the catalog."""


def md_analysis(workspace: Workspace, settings: MdAnalysisSettings) -> Result:
    """Measure a trajectory: shape, mobility and what is between the chains."""
    from md.analysis import analyse

    found = analyse(
        workspace.file("md", "topology"),
        workspace.file("md", "trajectory"),
        discard_ps=settings.discard_ps,
        plddt=_plddt(workspace),
        criterion=settings.hydrogen_bonds,
        detect_equilibration=settings.detect_equilibration,
        image_cutoff_nm=settings.image_cutoff_nm,
    )
    arrays: dict[str, Any] = {
        "time_ps": found.time_ps,
        "secondary_structure": found.secondary_structure,
        **found.series,
    }
    files = [_arrays(workspace, "series", arrays)]
    if found.occupancy is not None:
        files.append(_arrays(workspace, "contacts", {"occupancy": found.occupancy}))
    return Result(
        outputs={"n_frames": len(found.time_ps), "n_image_frames": found.n_image_frames},
        tables=_analysis_rows(workspace, found),
        files=files,
    )


def _analysis_rows(workspace: Workspace, found: "MdAnalysis") -> dict[str, list[Row]]:
    """Return the rows of an analysis; residues are numbered as in their full-length proteins."""
    keys: Row = {"task_key": workspace.task.key, "md_key": workspace.task.upstream["md"]}
    complex_ = workspace.upstream("structure").outputs
    starts = {
        name: cast(int, cast(dict[str, Json], complex_[side])["start"]) for side, name in chain_names(complex_).items()
    }
    first: dict[str, int] = {}
    for residue in found.residues:
        first.setdefault(residue.chain, residue.residue)

    def number(chain: str, residue: int) -> int:
        return starts[chain] + residue - first[chain]

    return {
        "md_metrics": [
            {
                **keys,
                "metric": metric.name,
                "unit": metric.unit,
                "mean": metric.mean,
                "ci_low": metric.ci_low,
                "ci_high": metric.ci_high,
                "standard_error": metric.standard_error,
                "n_eff": metric.n_eff,
                "discarded_ps": found.discarded_ps[metric.name],
                "note": metric.note or None,
            }
            for metric in found.metrics
        ],
        "md_residues": [
            {**keys, **asdict(residue), "residue": number(residue.chain, residue.residue)} for residue in found.residues
        ],
        "md_plddt_correlations": [{**keys, **asdict(row), "note": row.note or None} for row in found.correlations],
        "md_hydrogen_bonds": [
            {
                **keys,
                **asdict(bond),
                "donor_residue": number(bond.donor_chain, bond.donor_residue),
                "acceptor_residue": number(bond.acceptor_chain, bond.acceptor_residue),
            }
            for bond in found.bonds
            if bond.occupancy >= LEAST_OCCUPANCY
        ],
    }


def _arrays(workspace: Workspace, role: str, arrays: Mapping[str, Any]) -> OutputFile:
    path = workspace.folder / f"{role}.npz"
    np.savez_compressed(path, **arrays)
    return OutputFile(role, path, "application/octet-stream")


def _plddt(workspace: Workspace) -> dict[str, list[float]] | None:
    """Return the pLDDT of the simulated structure by chain; None where its backend predicts none."""
    from screening.prediction import read_prediction

    if not workspace.upstream("structure").outputs["has_plddt"]:
        return None
    prediction = read_prediction(workspace.file("structure", "structure"))
    if prediction.plddt is None:
        return None
    values = prediction.plddt
    return {name: values[prediction.chain(index)].tolist() for index, name in enumerate(prediction.chain_ids)}
