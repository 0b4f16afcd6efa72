import numpy as np
import pytest
from scipy.stats import pearsonr

from screening.steps.evaluation import Predictions, _evaluations

Rows = list[dict[str, object]]


def evaluated(predictions: Predictions, target: str = "expression") -> Rows:
    names = ["a", "b", "c"][: len(predictions.observed)]
    return list(_evaluations(predictions, names, target))  # type: ignore[arg-type]


def only(rows: Rows, **wanted: object) -> dict[str, object]:
    (row,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


@pytest.fixture
def predictions() -> Predictions:
    generator = np.random.default_rng(0)
    observed = generator.random((3, 40))
    predicted = observed + 0.1 * generator.random((3, 40))
    predicted[0, :5] = np.nan  # closed in a
    held_out = np.arange(40) >= 30
    return Predictions(observed, predicted, generator.random((3, 40)), held_out, np.arange(40), np.zeros(40, int))


def test_the_model_is_compared_where_it_was_asked(predictions: Predictions) -> None:
    rows = evaluated(predictions)
    row = only(rows, cell_type_id="a", predictor="model", quantity="expression", scope="training", metric="pearson")
    expected = pearsonr(predictions.observed[0, 5:30], predictions.predicted[0, 5:30])[0]
    assert row["value"] == pytest.approx(expected)
    assert row["n"] == 25
    held = only(rows, cell_type_id="b", predictor="model", quantity="expression", scope="held_out", metric="pearson")
    assert held["value"] == pytest.approx(pearsonr(predictions.observed[1, 30:], predictions.predicted[1, 30:])[0])


def test_baselines_know_training_chromosomes_only(predictions: Predictions) -> None:
    rows = evaluated(predictions)
    before = {
        predictor: only(
            rows, cell_type_id="a", predictor=predictor, quantity="expression", scope="held_out", metric="pearson"
        )
        for predictor in ("mean_cell_type", "nearest_cell_type", "tss_accessibility")
    }
    assert before["nearest_cell_type"]["note"] in ("b", "c")
    others = pearsonr(predictions.observed[0, 30:], predictions.observed[1:, 30:].mean(0))[0]
    assert before["mean_cell_type"]["value"] == pytest.approx(others)
    line = pearsonr(predictions.observed[0, 30:], predictions.accessibility[0, 30:])[0]
    assert abs(float(before["tss_accessibility"]["value"])) == pytest.approx(abs(line))  # type: ignore[arg-type]
    predictions.observed[0, 30:] = predictions.observed[0, 30:][::-1].copy()
    again = only(
        evaluated(predictions),
        cell_type_id="a",
        predictor="nearest_cell_type",
        quantity="expression",
        scope="held_out",
        metric="pearson",
    )
    assert again["note"] == before["nearest_cell_type"]["note"]


def test_fold_changes_name_both_cell_types(predictions: Predictions) -> None:
    rows = [row for row in evaluated(predictions) if row["quantity"] == "log_fold_change"]
    assert {(row["cell_type_id"], row["versus"]) for row in rows} == {("a", "b"), ("a", "c"), ("b", "c")}
    change = predictions.observed[1, :30] - predictions.observed[2, :30]
    found = predictions.predicted[1, :30] - predictions.predicted[2, :30]
    row = only(rows, cell_type_id="b", versus="c", scope="training", metric="pearson")
    assert row["value"] == pytest.approx(pearsonr(change, found)[0])


def test_across_cell_types_is_a_median_over_promoters(predictions: Predictions) -> None:
    row = only(evaluated(predictions), quantity="across_cell_types", scope="training")
    each = [pearsonr(predictions.observed[:, i], predictions.predicted[:, i])[0] for i in range(5, 30)]
    assert row["value"] == pytest.approx(np.median(each))
    assert (row["n"], row["cell_type_id"]) == (25, "")


def test_one_cell_type_has_no_cell_type_baselines() -> None:
    generator = np.random.default_rng(1)
    observed = generator.random((1, 9))
    one = Predictions(observed, observed, observed, np.zeros(9, bool), np.arange(9), np.zeros(9, int))
    rows = evaluated(one)
    assert {row["scope"] for row in rows} == {"training"}
    row = only(rows, predictor="mean_cell_type", metric="pearson")
    assert (row["value"], row["note"]) == (None, "the atlas has one cell type")
    assert only(rows, quantity="across_cell_types")["value"] is None


def test_accessibility_is_ranked() -> None:
    observed = np.array([[1.0, 0, 1, 0], [0, 1, 1, 0]])
    predicted = np.array([[0.9, 0.8, 0.7, 0.1], [0.2, 0.9, 0.8, 0.1]])
    both = Predictions(
        observed, predicted, observed, np.array([False, False, True, True]), np.arange(4), np.zeros(4, int)
    )
    rows = evaluated(both, "accessibility")
    assert {row["metric"] for row in rows} == {"auroc"}
    assert "tss_accessibility" not in {row["predictor"] for row in rows}
    assert only(rows, cell_type_id="a", predictor="model", scope="training")["value"] == 1.0
    assert only(rows, cell_type_id="a", predictor="mean_cell_type", scope="training")["value"] == 0.0
