"""The pLDDT of proteins alone, against which that of their segments in a complex is compared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from catalog.record import Json, Record, Row
from screening.errors import InvalidInput
from screening.plddt import HOMODIMER
from screening.task import Workspace

if TYPE_CHECKING:
    from screening.prediction import Prediction
    from screening.screen import Screen

__all__ = ["baseline_kind", "baselines", "induced_folding_rows"]


def baselines(record: Record, screen: "Screen") -> dict[str, str]:
    """Return the tasks that a score compares with, by role: none where the backend predicts no pLDDT.

    Parameters
    ----------
    record : Record
        Of the stage ``segment_pairs``.
    screen : Screen
        Its store has the records of the segments, which name the pLDDT they were cut by.
    """
    if screen.settings.structure.backend == "residue_md":
        return {}
    found: dict[str, str] = {}
    for side in "ab":
        segments = screen.store.get(record.upstream.get(f"segments_{side}", ""))
        if segments is not None:
            found[f"plddt_{side}"] = segments.upstream["plddt"]
    return found


def baseline_kind(source: str, proxy: bool) -> str:
    """Return what a pLDDT profile was read from: ``sequence``, ``homodimer`` or ``monomer``."""
    return "sequence" if proxy else "homodimer" if source.endswith(HOMODIMER) else "monomer"


def induced_folding_rows(workspace: Workspace, prediction: "Prediction") -> list[Row]:
    """Return a row of ``induced_folding`` for each segment whose protein's own pLDDT is known.

    Parameters
    ----------
    workspace : Workspace
        Of a task that reads ``structure`` and, in the roles ``plddt_a`` and ``plddt_b``, the proteins' pLDDT.
    prediction : Prediction
        The structure, with pLDDT.

    Raises
    ------
    InvalidInput
        A chain is not the segment that the structure was made for.
    """
    from screening.induced_folding import induced_folding
    from screening.interface import CONTACT_ANGSTROM, distances

    record = workspace.upstream("structure")
    order = "ba" if record.outputs["swapped"] else "ab"
    first, second = prediction.chain(0), prediction.chain(1)
    contacts = distances(prediction.cb_angstrom[first], prediction.cb_angstrom[second]) <= CONTACT_ANGSTROM
    touched = {side: np.asarray(contacts.any(axis=1 - index)) for index, side in enumerate(order)}
    segments = {side: cast(Mapping[str, Json], record.outputs[side]) for side in "ab"}
    names = {side: f"{part['accession']}:{part['start']}-{part['end']}" for side, part in segments.items()}
    rows: list[Row] = []
    for index, side in enumerate(order):
        if f"plddt_{side}" not in workspace.task.upstream or prediction.plddt is None:
            continue
        profile = workspace.upstream(f"plddt_{side}")
        start, end = cast(int, segments[side]["start"]), cast(int, segments[side]["end"])
        if prediction.sequences[index] != str(profile.outputs["sequence"])[start - 1 : end]:
            raise InvalidInput(f"{prediction.source}: chain {index + 1} is not {names[side]} of its protein")
        alone = np.array(cast(list[float], profile.outputs["plddt"])[start - 1 : end])
        in_complex = prediction.plddt[prediction.chain(index)]
        found = induced_folding(in_complex, alone, touched[side])
        rows.append(
            {
                "task_key": workspace.task.key,
                "structure_key": record.key,
                "chain": side.upper(),
                "segment_id": names[side],
                "partner_id": names["b" if side == "a" else "a"],
                "baseline_key": profile.key,
                "baseline_source": profile.outputs["source"],
                "baseline_kind": baseline_kind(str(profile.outputs["source"]), bool(profile.outputs["proxy"])),
                "n_residues": end - start + 1,
                "plddt_alone": float(alone.mean()),
                "plddt_in_complex": float(in_complex.mean()),
                "delta_mean": found.mean,
                "delta_median": found.median,
                "delta_maximum_window": found.maximum_window,
                "fraction_risen": found.fraction_risen,
                "n_interface": found.n_interface,
                "interface_delta_mean": found.interface_mean,
                "interface_delta_median": found.interface_median,
                "interface_delta_maximum_window": found.interface_maximum_window,
                "interface_fraction_risen": found.interface_fraction_risen,
            }
        )
    return sorted(rows, key=lambda row: str(row["chain"]))
