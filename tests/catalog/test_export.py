import csv
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.export import export


def test_parquet_and_arrow_keep_values_and_types(catalog: Catalog, tmp_path: Path) -> None:
    wanted = catalog.sql("from hits order by structure_key")
    for name in ("hits.parquet", "hits.arrow"):
        assert export(catalog, "from hits order by structure_key", tmp_path / name) == 2
    assert parquet.read_table(tmp_path / "hits.parquet").to_pylist() == wanted.to_pylist()
    with pyarrow.OSFile(str(tmp_path / "hits.arrow")) as file:
        assert pyarrow.ipc.open_file(file).read_all().equals(wanted)


def test_csv_of_a_view_with_lists(catalog: Catalog, tmp_path: Path) -> None:
    assert export(catalog, "cell_type_hits", tmp_path / "hits.csv") == 4
    with (tmp_path / "hits.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["edges"] for row in rows} == {'["PAX \\u2192 NR"]'}
    assert {row["ipsae"] for row in rows} == {"0.5", ""}


@pytest.mark.parametrize(
    ("query", "name"),
    [("hits", "hits.xlsx"), ("hits", "none/hits.csv"), ("no_such", "x.csv"), ("drop table tasks", "x.csv")],
)
def test_nothing_is_left_after_a_refusal(catalog: Catalog, tmp_path: Path, query: str, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CatalogError):
        export(catalog, query, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_failed_write_keeps_the_old_file(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hits.parquet"
    path.write_text("old")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(parquet, "write_table", full_disk)
    with pytest.raises(OSError, match="space"):
        export(catalog, "hits", path)
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".tmp-*"))
