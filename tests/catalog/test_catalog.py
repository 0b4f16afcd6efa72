import multiprocessing
import shlex
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow
import pytest
from pyarrow import parquet

from catalog import connection
from catalog.catalog import Catalog
from catalog.connection import CatalogBusy
from catalog.errors import CatalogError
from catalog.record import Record
from catalog.rows import tables
from catalog.store import Store


def contents(catalog: Catalog) -> dict[str, list[tuple]]:
    with connection.reading(catalog.path) as opened:
        return {name: opened.sql(f'from "{name}" order by all').fetchall() for name in tables()}


def test_ingest_twice_is_ingest_once(catalog: Catalog, store: Store, screen: list[Record], key) -> None:
    before = contents(catalog)
    assert catalog.ingest(screen, store.failed_attempts(), store.runs(), store_root=store.root) == 0
    assert contents(catalog) == before
    assert len(before["tasks"]) == len(screen)
    assert len(before["residues"]) == 391
    assert {row[0] for row in before["residues"]} == {key("plddt PAX5")}


def test_rebuild_equals_ingest(catalog: Catalog, store: Store) -> None:
    before = contents(catalog)
    catalog.rebuild(store)
    assert contents(catalog) == before
    assert [path.name for path in catalog.path.parent.glob("*duckdb*")] == ["catalog.duckdb"]


def test_order_of_records_in_a_batch_does_not_matter(
    catalog: Catalog, store: Store, screen: list[Record], tmp_path
) -> None:
    other = Catalog(tmp_path / "other.duckdb")
    other.ingest(reversed(screen), store.failed_attempts(), store.runs(), store_root=store.root)
    assert contents(other) == contents(catalog)


def test_first_to_finish_stands(store: Store, tmp_path: Path, record) -> None:
    def says(name: str, gene: str, minute: int) -> Record:
        return record(name, "proteins", tables={"proteins": [{"uniprot_ac": "Q02548", "gene": gene}]}, minute=minute)

    catalog = Catalog(tmp_path / "c.duckdb")
    catalog.ingest([says("late", "LATE", 9), says("early", "EARLY", 1)], store_root=store.root)
    assert catalog.sql("select gene from proteins").to_pylist() == [{"gene": "EARLY"}]


def test_runs_are_replaced(catalog: Catalog, store: Store, run_record) -> None:
    catalog.ingest([], runs=[run_record("finished")], store_root=store.root)
    assert catalog.sql("select run_id, status from runs").to_pylist() == [{"run_id": "run-1", "status": "finished"}]


def test_parameters_and_injection_stay_data(catalog: Catalog, store: Store, record) -> None:
    name = "PAX5'); drop table tasks; --"
    evil = record(name, name, tables={"proteins": [{"uniprot_ac": name, "gene": name}]})
    catalog.ingest([evil], store_root=store.root)
    assert catalog.sql("select gene from proteins where uniprot_ac = ?", [name]).to_pylist() == [{"gene": name}]
    assert catalog.sql("from partners_of(?)", [name]).num_rows == 0
    assert catalog.sql("from provenance(?)", [evil.key]).to_pylist()[0]["subject"] == name


@pytest.mark.parametrize(
    "query",
    [
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "copy tasks to 'stolen.csv'",
        "attach 'other.duckdb'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "delete from tasks",
        "drop table tasks",
        "insert into meta values ('a', 'b')",
        "export database 'stolen'",
        "from rows_in_python",
        "select 1; delete from tasks",
        "",
    ],
)
def test_queries_reach_nothing_else(catalog: Catalog, query: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    duckdb.connect("other.duckdb").close()
    rows_in_python = pyarrow.table({"a": [1]})
    assert rows_in_python.num_rows == 1
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CatalogError) as caught:
        catalog.sql(query)
    assert caught.value.__notes__
    assert sorted(tmp_path.iterdir()) == before
    assert catalog.sql("select count(*) as n from tasks").to_pylist() != [{"n": 0}]


def test_wrong_query_says_what(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="genes"):
        catalog.sql("select genes from hits")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"proteins": [{"uniprot_ac": "P1", "colour": "red"}]}, ["proteins", "colour"]),
        ({"colours": [{"a": 1}]}, ["colours"]),
        ({"tasks": [{"task_key": "forged"}]}, ["tasks"]),
        ({"proteins": [{"uniprot_ac": "P1", "length": 1.5}]}, ["proteins.length", "1.5"]),
        ({"proteins": [{"uniprot_ac": "P1", "length": 2**31}]}, ["proteins.length"]),
        ({"segments": [{"segment_id": "P1", "mean_plddt": "90"}]}, ["segments.mean_plddt", "'90'"]),
        ({"segments": [{"segment_id": "P1", "mean_plddt": True}]}, ["segments.mean_plddt", "True"]),
        ({"proteins": [{"gene": "PAX5"}]}, ["proteins", "uniprot_ac"]),
        ({"segments": [{"segment_id": "s", "kind": "medium"}]}, ["segments"]),
        ({"segments": [{"segment_id": "s", "seq_start": 9, "seq_end": 3}]}, ["segments"]),
        ({"tf_pairs": [{"pair_id": "p", "uniprot_a": "Q", "uniprot_b": "P"}]}, ["tf_pairs"]),
    ],
)
def test_row_outside_the_schema_is_refused_whole(
    catalog: Catalog, store: Store, given: dict, names: list[str], record
) -> None:
    before = contents(catalog)
    with pytest.raises(CatalogError) as caught:
        catalog.ingest([record("good", "x"), record("bad", "stage-x", tables=given)], store_root=store.root)
    for name in names:
        assert name in str(caught.value)
    assert contents(catalog) == before


def test_refusal_names_the_record(catalog: Catalog, store: Store, record) -> None:
    bad = record("bad", "stage-x", tables={"proteins": [{"uniprot_ac": "P1", "colour": "red"}]})
    with pytest.raises(CatalogError, match=f"{bad.key[:12]}.*stage-x bad"):
        catalog.ingest([bad], store_root=store.root)


@pytest.mark.parametrize(
    "columns",
    [
        {"uniprot_ac": ["P1"], "position": [1], "plddt": [float("nan")]},
        {"uniprot_ac": ["P1"], "position": [1], "colour": ["red"]},
        {"uniprot_ac": ["P1"], "position": ["one"]},
        {"uniprot_ac": ["P1"]},
    ],
)
def test_parquet_outside_the_schema_is_refused(store: Store, tmp_path: Path, columns: dict, record) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    artifact = store.put(path, "table:residues", "application/vnd.apache.parquet")
    with pytest.raises(CatalogError, match="residues"):
        Catalog(tmp_path / "c.duckdb").ingest([record("r", "x", artifacts=(artifact,))], store_root=store.root)


def test_damaged_parquet_is_refused(store: Store, screen: list[Record], tmp_path: Path) -> None:
    path = store.path(next(each for each in screen if each.subject == "plddt PAX5").artifacts[0])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    catalog = Catalog(tmp_path / "c.duckdb")
    with pytest.raises(CatalogError, match="damaged"):
        catalog.ingest(screen, store_root=store.root)
    assert not catalog.path.exists()


def test_every_column_has_a_comment(catalog: Catalog) -> None:
    described = catalog.describe()
    assert {column.table for column in described} >= {*tables(), "hits", "failures", "cost", "progress"}
    assert [column for column in described if not column.comment] == []
    assert catalog.sql("select table_name from duckdb_tables() where comment is null").num_rows == 0
    assert catalog.sql("select view_name from duckdb_views() where comment is null and not internal").num_rows == 0


def test_only_primary_keys(catalog: Catalog) -> None:
    assert catalog.sql("from duckdb_indexes()").num_rows == 0
    kinds = catalog.sql("select distinct constraint_type as kind from duckdb_constraints()")["kind"].to_pylist()
    assert "FOREIGN KEY" not in kinds
    assert all(table.primary_key for table in tables().values())


def test_storage_format_is_readable_by_the_oldest_release(catalog: Catalog) -> None:
    tags = catalog.sql("select tags from duckdb_databases() where not internal").to_pylist()[0]["tags"]
    assert "v1.2.0" in dict(tags)["storage_version"]


def test_file_of_another_release_is_refused_and_rebuilt(catalog: Catalog, store: Store, monkeypatch) -> None:
    monkeypatch.setattr(connection, "schema_version", lambda: "newer")
    for use in (lambda: catalog.sql("from tasks"), lambda: catalog.ingest([], store_root=store.root)):
        with pytest.raises(CatalogError, match="schema") as caught:
            use()
        assert "catalog rebuild" in caught.value.__notes__[0]
    catalog.rebuild(store)
    assert catalog.sql("from tasks").num_rows > 0


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such catalog"):
        Catalog(tmp_path / "none.duckdb").sql("from hits")
    assert list(tmp_path.iterdir()) == []
    with duckdb.connect(str(tmp_path / "foreign.duckdb")) as other:
        other.execute("create table t (a int)")
    with pytest.raises(CatalogError, match="not a catalog"):
        Catalog(tmp_path / "foreign.duckdb").sql("from t")
    (tmp_path / "text.duckdb").write_text("hello" * 1000)
    with pytest.raises(CatalogError, match="cannot be opened"):
        Catalog(tmp_path / "text.duckdb").sql("from t")


@pytest.mark.parametrize("table", ["t (a int)", "meta (a int)"])
def test_another_programs_database_is_never_replaced(catalog: Catalog, store: Store, table: str) -> None:
    path = catalog.path.with_name("foreign.duckdb")
    with duckdb.connect(str(path)) as other:
        other.execute(f"create table {table}")
    before = path.read_bytes()
    with pytest.raises(CatalogError, match="not a catalog") as caught:
        Catalog(path).rebuild(store)
    assert "correct the path" in caught.value.__notes__[0]
    assert path.read_bytes() == before
    with pytest.raises(CatalogError, match="is a folder"):
        Catalog(store.root).rebuild(store)


def test_what_is_left_of_a_catalog_is_replaced(catalog: Catalog, store: Store) -> None:
    expected = contents(catalog)
    catalog.path.write_bytes(b"no database" * 500)
    catalog.rebuild(store)
    assert contents(catalog) == expected
    catalog.path.unlink()
    duckdb.connect(str(catalog.path)).close()  # as where a process ends while it makes the file
    with pytest.raises(CatalogError, match="without tables") as caught:
        catalog.sql("from tasks")
    assert "catalog rebuild" in caught.value.__notes__[0]
    catalog.rebuild(store)
    assert contents(catalog) == expected


def test_records_alone_suffice_unless_their_rows_are_in_artifacts(catalog: Catalog, store: Store, record) -> None:
    records = list(store.records())
    plain = Catalog(catalog.path.with_name("plain.duckdb"))
    assert plain.ingest([record("alone", "proteins")]) == 2  # the task and its attempt
    before = contents(plain)
    assert any(artifact.role.startswith("table:") for each in records for artifact in each.artifacts)
    with pytest.raises(CatalogError, match="of a store that was not named"):
        plain.ingest(records)
    assert contents(plain) == before
    assert catalog.verify(Store(str(store.root))) == []  # pyright: ignore[reportArgumentType]


def hold(path: str, held, release) -> None:
    with duckdb.connect() as other:
        other.execute(f"attach '{path}' as held")
        held.set()
        release.wait(20)


def test_while_another_process_holds_the_file(catalog: Catalog, store: Store, monkeypatch) -> None:
    monkeypatch.setattr(connection, "READ_PATIENCE_S", 0.3)
    monkeypatch.setattr(connection, "WRITE_PATIENCE_S", 0.3)
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(catalog.path), held, release))
    other.start()
    try:
        assert held.wait(20)
        for use in (
            lambda: catalog.sql("from tasks"),
            lambda: catalog.ingest([], store_root=store.root),
            lambda: catalog.rebuild(store),
        ):
            with pytest.raises(CatalogBusy, match="PID") as caught:
                use()
            assert "close the program" in caught.value.__notes__[0]
        monkeypatch.setattr(connection, "READ_PATIENCE_S", 10.0)
        threading.Timer(0.2, release.set).start()
        assert catalog.sql("from tasks").num_rows > 0
    finally:
        release.set()
        other.join(20)


def test_readers_beside_a_writer(catalog: Catalog, store: Store, record) -> None:
    stop = threading.Event()
    counts: list[int] = []

    def read() -> None:
        while not stop.is_set():
            counts.append(catalog.sql("select count(*) as n from tasks").to_pylist()[0]["n"])
            # As a person would: without a pause, the reader would leave the writer no gap.
            stop.wait(0.02)

    before = catalog.sql("from tasks").num_rows
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for batch in range(5):
            new = [replace(record(f"new-{batch}-{n}", "x"), tables={}) for n in range(10)]
            catalog.ingest(new, store_root=store.root)
    finally:
        stop.set()
        reader.join()
    assert catalog.sql("from tasks").num_rows == before + 50
    assert counts
    assert {(count - before) % 10 for count in counts} == {0}


def test_path_with_quote(store: Store, screen: list[Record], tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "it's a-screen.duckdb")
    catalog.ingest(screen, store_root=store.root)
    assert catalog.sql("from hits").num_rows == 2


def test_error_of_the_database_rolls_back(catalog: Catalog, store: Store, record, monkeypatch) -> None:
    before = contents(catalog)

    def full_disk(*_: object) -> int:
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr("catalog.catalog.insert", full_disk)
    with pytest.raises(CatalogError, match="No space left") as caught:
        catalog.ingest([record("new", "x")], runs=[], store_root=store.root)
    assert "disk" in caught.value.__notes__[0]
    assert contents(catalog) == before


def test_rebuild_without_a_store_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such store") as caught:
        Catalog(tmp_path / "typo" / "catalog.duckdb").rebuild(Store(tmp_path / "typo" / "store"))
    assert caught.value.__notes__
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "cure"),
    [
        ("drop table tasks", "only read"),
        ("delete from tasks", "only read"),
        ("set memory_limit = '1GB'", "only read"),
        ("copy tasks to '{folder}/x.csv'", "--out FILE"),
        ("selec 1", "catalog describe {path}"),
        ("from hitz", "catalog describe {path}"),
    ],
)
def test_refused_statement_says_what_to_type(catalog: Catalog, query: str, cure: str) -> None:
    before = catalog.path.read_bytes()
    with pytest.raises(CatalogError) as caught:
        catalog.sql(query.format(folder=catalog.path.parent))
    assert cure.format(path=catalog.path) in caught.value.__notes__[0]
    assert catalog.path.read_bytes() == before and not (catalog.path.parent / "x.csv").exists()


def test_cures_name_the_file_in_question(tmp_path: Path) -> None:
    for name, content in (("my screen.duckdb", None), ("other.duckdb", b"no database" * 500)):
        path = tmp_path / name
        if content:
            path.write_bytes(content)
        with pytest.raises(CatalogError) as caught:
            Catalog(path).sql("from hits")
        assert f"screening catalog rebuild {shlex.quote(str(path))}" in caught.value.__notes__[0]


def test_cure_of_a_folder_without_permission_is_not_a_rebuild(catalog: Catalog, monkeypatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise duckdb.IOException(f'Cannot open file "{catalog.path}": Permission denied')

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(CatalogError, match="Permission denied") as caught:
        catalog.sql("from tasks")
    assert caught.value.__notes__ == [f"see who may write there: ls -ld {catalog.path.parent} {catalog.path}"]
