"""Resamples as tasks: what is planned, what a run of them leaves in the catalog, and that nothing is done twice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from catalog import Catalog
from catalog.record import Record
from get_core.causal.linear_model import LinearModel, simulate_linear
from get_core.causal.stability import bootstrap
from get_core.features import ACCESSIBILITY
from screening.execution import execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.resampling import roles, tasks
from screening.task import Resources, Task

MOTIFS = ["PAX/1", "EBF1", "SPI", "GATA", "CTCF"]


def screen(folder: Path, **causal) -> Screen:
    return Screen(ScreenSettings.model_validate({"causal": causal}), folder, {})


def values() -> np.ndarray:
    return simulate_linear(LinearModel(variables=5, degree=3, noise="laplace"), 600, 4).values


def network_task(world: Screen) -> tuple[Sequence[Task], Task]:
    """Publish an atlas and an attribution; return the tasks that follow."""
    path = world.folder / "attribution.npz"
    matrix = np.column_stack([values(), np.arange(600) % 7])
    np.savez(path, matrix=matrix, motifs=np.array([*MOTIFS, ACCESSIBILITY]))
    artifact = (world.store.put(path, "attribution", "application/octet-stream"),)
    world.store.publish(Record("aa" * 32, "atlas", 1, "toy", "ok", {}, {}, {}))
    world.store.publish(Record("bb" * 32, "attribution", 1, "toy", "ok", {}, {}, {}, artifacts=artifact))
    blocks = tasks(world, "toy", "bb" * 32)
    upstream = {"atlas": "aa" * 32, "attribution": "bb" * 32, **roles(blocks)}
    return blocks, world.task("causal", "toy", inputs={"cell_type": "toy"}, upstream=upstream)


def run(world: Screen) -> Record:
    """Run the tasks in order; return the record of the network."""
    blocks, network = network_task(world)
    for task in (*blocks, network):
        report = execute(task, world.store.root, "run", 1, Resources())
        assert report.failure is None, report.failure
    record = world.store.get(network.key)
    assert record is not None
    return record


def test_twenty_resamples_by_default_in_blocks_that_cover_them(tmp_path):
    blocks = tasks(screen(tmp_path), "toy", "k")
    assert [(task.inputs["first"], task.inputs["last"]) for task in blocks] == [(0, 5), (5, 10), (10, 15), (15, 20)]
    assert tasks(screen(tmp_path, bootstraps=0), "toy", "k") == []


def test_more_resamples_keep_those_that_are_done(tmp_path):
    few, more = (tasks(screen(tmp_path, bootstraps=count), "toy", "k") for count in (10, 23))
    assert [task.key for task in few] == [task.key for task in more[:2]]
    assert (more[-1].inputs["first"], more[-1].inputs["last"]) == (20, 23)


@pytest.mark.parametrize("change", [{"method": "ica"}, {"seed": 1}, {"accessibility": True}])
def test_what_determines_a_fit_determines_its_key(tmp_path, change):
    keys = {tasks(screen(tmp_path, **words), "toy", "k")[0].key for words in ({}, change)}
    assert len(keys) == 2


def test_selection_does_not_touch_the_resamples(tmp_path):
    keys = {tasks(screen(tmp_path, top_fraction=share), "toy", "k")[0].key for share in (0.05, 0.5)}
    assert len(keys) == 1


def test_edges_carry_what_the_bootstrap_says(tmp_path):
    record = run(screen(tmp_path, bootstraps=7, seed=3))
    expected = bootstrap(values(), resamples=7, seed=3)
    rows = record.tables["causal_edges"]
    assert rows
    for row in rows:
        place = MOTIFS.index(row["effect_motif"]), MOTIFS.index(row["cause_motif"])
        assert row["bootstrap_prob"] == expected.probability[place]
        assert row["sign_agreement"] == pytest.approx(expected.sign_agreement[place], nan_ok=True)
        assert row["bootstrap_effect"] == pytest.approx(expected.mean_effect[place], abs=1e-12)
    stability = {row["metric"]: row["value"] for row in record.tables["network_stability"]}
    assert stability == {
        "resamples": 7,
        "order_entropy": pytest.approx(expected.order_entropy),
        "consensus_acyclic": 1,
        "motifs_unusable": 0,
    }


def test_total_effect_adds_the_indirect_paths(tmp_path):
    rows = run(screen(tmp_path, bootstraps=0)).tables["causal_edges"]
    direct = {(row["cause_motif"], row["effect_motif"]): row["effect"] for row in rows}

    def along_paths(cause: str, effect: str) -> float:
        steps = [(b, weight) for (a, b), weight in direct.items() if a == cause]
        return sum(weight * (1.0 if b == effect else along_paths(b, effect)) for b, weight in steps)

    for row in rows:
        assert row["total_effect"] == pytest.approx(along_paths(row["cause_motif"], row["effect_motif"]))
    assert any(row["total_effect"] != pytest.approx(row["effect"]) for row in rows)


def test_without_bootstrap_its_columns_are_null(tmp_path):
    record = run(screen(tmp_path, bootstraps=0))
    assert "network_stability" not in record.tables
    for row in record.tables["causal_edges"]:
        assert row["bootstrap_prob"] is row["sign_agreement"] is row["bootstrap_effect"] is None


def test_rows_fit_the_catalog(tmp_path):
    record = run(screen(tmp_path, bootstraps=2))
    catalog = Catalog(tmp_path / "catalog.duckdb")
    catalog.ingest([record], store_root=tmp_path)
    (row,) = catalog.sql(
        "select count(*) n, count(bootstrap_prob) known, avg(bootstrap_prob) p from causal_edges"
    ).to_pylist()
    assert row["n"] == row["known"] == len(record.tables["causal_edges"])
    assert 0 < row["p"] <= 1
    assert catalog.sql("from network_stability where value is not null").num_rows == 4
