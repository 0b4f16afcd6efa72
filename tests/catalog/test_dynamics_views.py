"""Collapse upon binding in SQL equals the pure function; mobility joins its complex."""

import math

import pytest

from catalog import Catalog
from catalog.store import Store
from md.analysis.collapse import Run, difference
from md.series import Metric

NAME = "radius_of_gyration_A"


def trajectory(record, key, name: str, system: str, replica: int, mean, error, ns: float = 1.0) -> list:
    run = {"structure_key": key("fold x1"), "system": system, "replica": replica, "completed_ns": ns}
    rows = [
        {"md_key": key(name), "metric": metric, "unit": "nm", "mean": mean, "standard_error": error}
        for metric in (NAME, "radius_of_gyration")
    ]
    return [
        record(name, "md", tables={"md_runs": [run]}),
        record(f"analysis of {name}", "md_analysis", tables={"md_metrics": rows}),
    ]


CASES = {
    "compared": ([(1.5, 0.04), (1.5, 0.03)], [(2.0, 0.01), (2.4, 0.01)], 1.0),
    "one replica": ([(1.5, 0.04)], [(2.0, 0.01)], 1.0),
    "withheld mean": ([(1.5, 0.04)], [(None, None)], 1.0),
    "other length": ([(1.5, 0.04)], [(2.0, 0.01)], 2.0),
    "other number": ([(1.5, 0.04), (1.6, 0.04)], [(2.0, 0.01)], 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_collapse_is_the_pure_function(catalog: Catalog, store: Store, record, key, case: str) -> None:
    bound, free, ns = CASES[case]
    records = []
    for system, side, length in (("complex", bound, 1.0), ("monomer_a", free, ns)):
        for replica, (mean, error) in enumerate(side, start=1):
            records += trajectory(record, key, f"{case} {system} {replica}", system, replica, mean, error, length)
    catalog.ingest(records, store_root=store.root)
    runs = [
        [Run(1000.0 * length, Metric(NAME, "nm", mean, mean, mean, error, 9.0)) for mean, error in side]
        for side, length in ((bound, 1.0), (free, ns))
    ]
    expected = difference(*runs)
    (row,) = catalog.sql("from md_collapse").to_pylist()
    assert (row["gene_a"], row["system"], row["metric"]) == ("PAX5", "monomer_a", NAME)
    for column in ("in_complex", "alone", "difference", "standard_error", "z"):
        assert row[column] == (None if (value := getattr(expected, column)) is None else pytest.approx(value)), column
    assert (row["note"] is None) == (expected.note == "")
    assert row["note"] is None or row["note"].startswith("withheld: ")
    assert case not in ("compared", "one replica") or math.isfinite(row["z"])


def test_runs_of_other_settings_are_not_compared(catalog: Catalog, store: Store, record, key) -> None:
    bound = trajectory(record, key, "bound", "complex", 1, 1.5, 0.1)
    free = trajectory(record, key, "free", "monomer_a", 1, 2.5, 0.1)
    object.__setattr__(free[0], "settings", {"n": 2})
    catalog.ingest([*bound, *free], store_root=store.root)
    assert catalog.sql("from md_collapse").num_rows == 0


def test_mobility_joins_its_complex(catalog: Catalog, store: Store, record, key) -> None:
    row = {"md_key": key("md x1"), "chain": "A", "mobility": "rmsf", "n_residues": 9, "spearman": -0.5}
    catalog.ingest([record("again", "md_analysis", tables={"md_plddt_correlations": [row]})], store_root=store.root)
    rows = catalog.sql("select gene_a, system, chain, spearman from md_mobility").to_pylist()
    assert rows == [{"gene_a": "PAX5", "system": "complex", "chain": "A", "spearman": -0.5}]
