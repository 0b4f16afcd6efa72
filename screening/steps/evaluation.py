"""How good the finetuned networks are, beside predictions that look at no sequence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.record import Row
from get_core.baselines import from_accessibility, mean_cell_type, nearest_cell_type
from get_core.evaluation import across_cell_types, binary_metrics, regression_metrics
from screening.sections.chromatin import EvaluationSettings
from screening.steps.atlas import atlas_of
from screening.task import Result, Workspace

if TYPE_CHECKING:
    from get_core.atlas import Atlas

__all__ = ["run"]

ROLE = "finetune_"
ONE_CELL_TYPE = "the atlas has one cell type"


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the networks predict and what was measured, entry by entry.

    Attributes
    ----------
    observed, predicted : float64 (c, m)
        One row per cell type; NaN where a network was not asked, because the region is closed there.
    accessibility : float64 (c, m)
        Accessibility of the entry's region.
    held_out : bool (m,)
        Entries no label of which a network of their cell type was trained on: all of them where networks are trained
        on other cell types, else those on chromosomes that were left out.
    region, strand : int64 (m,)
        Region in the atlas and output of each entry.
    """

    observed: NDArray[np.float64]
    predicted: NDArray[np.float64]
    accessibility: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    region: NDArray[np.int64]
    strand: NDArray[np.int64]


def run(workspace: Workspace, settings: EvaluationSettings) -> Result:
    """Compare each network with what was measured and with baselines; what cannot be computed has its reason."""
    atlas = atlas_of(workspace)
    finetuned = sorted(role for role in workspace.task.upstream if role.startswith(ROLE))
    names = [str(workspace.upstream(role).outputs["cell_type"]) for role in finetuned]
    target = str(workspace.upstream(finetuned[0]).outputs["target"])
    train_on = str(workspace.upstream(finetuned[0]).outputs["train_on"])
    left_out = {str(name) for role in finetuned for name in _left_out(workspace, role)}
    index = [atlas.cell_types.index(name) for name in names]
    every = (
        (atlas.accessibility > 0).astype(float)[:, :, None] if target == "accessibility" else atlas.expression_labels
    )
    assert every is not None  # finetuning has refused an atlas without labels
    labels = every[index].astype(np.float64)
    asked = np.ones(labels.shape[1:], bool) if target == "accessibility" else (labels > 0).any(axis=0)
    region, strand = np.nonzero(asked)
    predicted = np.full(labels.shape, np.nan)
    for row, role in enumerate(finetuned):
        with np.load(workspace.file(role, "predictions"), allow_pickle=False) as stored:
            predicted[row, stored["region"]] = stored["predicted"]
    entries = Predictions(
        labels[:, region, strand],
        predicted[:, region, strand],
        atlas.accessibility[index][:, region].astype(np.float64),
        np.isin(atlas.chrom[region], sorted(left_out)) | (train_on == "others"),
        region,
        strand,
    )
    key = workspace.task.key
    rows = [{"task_key": key, **row} for row in _evaluations(entries, names, target)]
    table = list(_promoters(entries, names, atlas, key)) if target == "expression" else []
    return Result({"n_rows": len(rows)}, {"evaluations": rows, "predictions": table}, [])


def _promoters(entries: Predictions, names: list[str], atlas: "Atlas", key: str) -> Iterator[Row]:
    for number, name in enumerate(names):
        for at in np.flatnonzero(np.isfinite(entries.predicted[number])):
            region = entries.region[at]
            yield {
                "task_key": key,
                "cell_type_id": name,
                "chrom": str(atlas.chrom[region]),
                "region_start": int(atlas.start[region]),
                "region_end": int(atlas.end[region]),
                "strand": "+-"[entries.strand[at]],
                "observed": float(entries.observed[number, at]),
                "predicted": float(entries.predicted[number, at]),
                "held_out": bool(entries.held_out[at]),
            }


def _left_out(workspace: Workspace, role: str) -> list[object]:
    value = workspace.upstream(role).outputs["leave_out"]
    assert isinstance(value, list)
    return list(value)


def _evaluations(entries: Predictions, names: list[str], target: str) -> Iterator[Row]:
    for scope, within in (("held_out", entries.held_out), ("training", ~entries.held_out)):
        if not within.any():
            continue
        for number, name in enumerate(names):
            asked = within & np.isfinite(entries.predicted[number])
            # Baselines are told what the network was told: the entries of the training chromosomes.
            known = ~entries.held_out & np.isfinite(entries.predicted[number])
            for predictor, values, note in _predictors(entries, number, names, known, target):
                yield from _compared(name, predictor, target, scope, entries.observed[number], values, asked, note)
            if target == "expression":
                for other in range(number + 1, len(names)):
                    both = asked & np.isfinite(entries.predicted[other])
                    change = entries.observed[number] - entries.observed[other]
                    found = entries.predicted[number] - entries.predicted[other]
                    for row in _compared(name, "model", "log_fold_change", scope, change, found, both, None):
                        yield {**row, "versus": names[other]}
        if target == "expression":
            yield from _across(entries, scope, within)


def _predictors(
    entries: Predictions, number: int, names: list[str], known: NDArray[np.bool_], target: str
) -> Iterator[tuple[str, NDArray[np.float64] | None, str | None]]:
    observed = entries.observed
    yield "model", entries.predicted[number], None
    if len(observed) == 1:
        yield "mean_cell_type", None, ONE_CELL_TYPE
        yield "nearest_cell_type", None, ONE_CELL_TYPE
    else:
        yield "mean_cell_type", mean_cell_type(observed, number), None
        if known.sum() < 2:
            yield "nearest_cell_type", None, "no training entries to choose the cell type by"
        else:
            values, nearest = nearest_cell_type(observed, number, known)
            yield "nearest_cell_type", values, names[nearest]
    if target == "accessibility":
        return  # accessibility would predict itself
    if known.sum() < 2:
        yield "tss_accessibility", None, "no training entries to fit the line to"
    else:
        yield "tss_accessibility", from_accessibility(entries.accessibility[number], observed[number], known), None


def _compared(
    cell_type: str,
    predictor: str,
    quantity: str,
    scope: str,
    observed: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
    asked: NDArray[np.bool_],
    note: str | None,
) -> Iterator[Row]:
    binary = quantity == "accessibility"
    empty: dict[str, float | None] = dict.fromkeys(("auroc",) if binary else ("pearson", "spearman", "r2"))
    if predicted is None:
        values = empty
    else:
        values = (binary_metrics if binary else regression_metrics)(observed[asked], predicted[asked])
    for metric, value in values.items():
        yield {
            "cell_type_id": cell_type,
            "predictor": predictor,
            "quantity": quantity,
            "scope": scope,
            "versus": "",
            "metric": metric,
            "value": value,
            "n": int(asked.sum()),
            "note": note or (None if value is not None else "one side is constant or too short"),
        }


def _across(entries: Predictions, scope: str, within: NDArray[np.bool_]) -> Iterator[Row]:
    """Give the median over genes of the correlation over cell types."""
    asked = within & np.isfinite(entries.predicted).all(axis=0)
    each = across_cell_types(entries.observed[:, asked], entries.predicted[:, asked])
    each = each[np.isfinite(each)]
    yield {
        "cell_type_id": "",
        "predictor": "model",
        "quantity": "across_cell_types",
        "scope": scope,
        "versus": "",
        "metric": "median_pearson",
        "value": float(np.median(each)) if len(each) else None,
        "n": len(each),
        "note": None if len(each) else "needs three cell types in which the promoter is open and varies",
    }
