"""Importing predictions: scored rows, whose pDockQ equals the recorded one; importing again changes nothing."""

import csv
import subprocess
import sys

import pytest

from catalog import Catalog


@pytest.fixture(scope="module")
def imported(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("import")
    (folder / "screen.toml").write_text('name = "imported"\n')
    data = shared / "data"
    paths = [
        data / "afm_tf_complexes" / "high_quality",
        data / "afm_tf_complexes" / "dtot",
        data / "boltz2_tf_complexes",
    ]
    words = [sys.executable, "-m", "screening", "import", "screen.toml", *map(str, paths)]
    for _ in range(2):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_all_have_rows_once(imported):
    folder, second = imported
    catalog = Catalog(folder / "catalog.duckdb")
    assert catalog.sql("from hits").num_rows == 17
    assert "\n0 tasks run, 34 done before" in second


def test_pdockq_equals_the_recorded(imported, shared):
    folder, _ = imported
    rows = Catalog(folder / "catalog.duckdb").sql(
        "select model_name, pdockq, n_contacts, interface_plddt, ipsae, null_reason from hits"
    )
    found = {row["model_name"].split(".pdb")[0]: row for row in rows.to_pylist()}
    with (shared / "data" / "afm_tf_complexes" / "metrics.tsv").open() as table:
        for expected in csv.DictReader(table, delimiter="\t"):
            row = found[expected["pdb"].removesuffix(".pdb")]
            assert row["pdockq"] == pytest.approx(float(expected["pdockq"]), abs=5e-6)
            assert row["n_contacts"] == int(expected["n_contacts_cb8"])
            assert row["interface_plddt"] == pytest.approx(float(expected["interface_plddt"]), abs=5e-4)
            assert row["ipsae"] is None
            assert "no predicted aligned error" in row["null_reason"]
