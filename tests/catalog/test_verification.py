import random
from pathlib import Path

import duckdb
import pytest

from catalog import connection
from catalog.catalog import Catalog
from catalog.connection import CatalogBusy
from catalog.record import Record
from catalog.store import Store


def kinds(catalog: Catalog, store: Store) -> set[str]:
    problems = catalog.verify(store)
    assert all(problem.where and problem.message and problem.cure for problem in problems)
    return {problem.kind for problem in problems}


def of(screen: list[Record], subject: str) -> Record:
    return next(each for each in screen if each.subject == subject)


def test_sound_catalog_has_no_problems_and_nothing_changes(catalog: Catalog, store: Store) -> None:
    # `fold x1` of the small screen is complete; only the try of `fold x4` has no record.
    seen: list[tuple[int, int]] = []
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    assert catalog.verify(store, lambda done, total: seen.append((done, total))) == []
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before
    assert seen[-1] == (len(store.keys()), len(store.keys()))


def test_deleted_artifact(catalog: Catalog, store: Store, screen: list[Record], key) -> None:
    artifact = of(screen, "fold x1").artifact("structure")
    store.path(artifact).unlink()
    (problem,) = catalog.verify(store)
    assert (problem.kind, problem.where) == ("artifact_missing", artifact.path)
    assert key("fold x1") in problem.cure


@pytest.mark.parametrize(("subject", "role"), [("fold x1", "structure"), ("plddt PAX5", "table:residues")])
def test_flipped_artifact_byte(catalog: Catalog, store: Store, screen: list[Record], subject: str, role: str) -> None:
    path = store.path(of(screen, subject).artifact(role))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = catalog.verify(store)
    assert ("artifact_damaged", str(path.relative_to(store.root))) in {(each.kind, each.where) for each in found}


def test_missing_record(catalog: Catalog, store: Store, key) -> None:
    store.record_path(key("score x1")).unlink()
    assert {(each.kind, each.where) for each in catalog.verify(store)} == {("task_extra", key("score x1"))}


def test_record_not_ingested(catalog: Catalog, store: Store, record, key) -> None:
    store.publish(record("later", "x"))
    assert {(each.kind, each.where) for each in catalog.verify(store)} == {("task_missing", key("later"))}


def test_changed_and_torn_records(catalog: Catalog, store: Store, screen: list[Record], key) -> None:
    path = store.record_path(key("score x1"))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"pdockq": 0.4', b'"pdockq": 0.5'))
    assert kinds(catalog, store) == {"task_differs"}
    path.write_bytes(whole[:-20])
    assert kinds(catalog, store) == {"record_damaged", "task_extra"}
    assert path.exists()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into proteins (uniprot_ac) values ('P00000')", {"rows_differ"}),
        ("update scores set pdockq = 0.41 where pdockq = 0.4", {"rows_differ"}),
        ("delete from md_residues; delete from md_metrics where metric = 'rg'", {"rows_differ"}),
        ("delete from segments where segment_id = 'PAX5-1'", {"dangling", "rows_differ"}),
        ("insert into tasks (task_key, stage) values ('forged', 'x')", {"task_extra"}),
        ("delete from attempts", {"rows_differ"}),
    ],
)
def test_changed_rows(catalog: Catalog, store: Store, statement: str, expected: set[str]) -> None:
    with duckdb.connect(str(catalog.path)) as other:
        other.execute(statement)
    assert kinds(catalog, store) == expected
    catalog.rebuild(store)
    assert kinds(catalog, store) == set()


def test_truncated_and_absent_file(catalog: Catalog, store: Store) -> None:
    data = catalog.path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:100], b""):
        catalog.path.write_bytes(damaged)
        assert kinds(catalog, store) == {"unreadable"}
    catalog.path.unlink()
    assert kinds(catalog, store) == {"unreadable"}
    catalog.rebuild(store)
    assert kinds(catalog, store) == set()


def test_rebuild_does_not_play_an_old_log_into_the_new_file(catalog: Catalog, store: Store) -> None:
    log = catalog.path.with_name(catalog.path.name + ".wal")
    log.write_bytes(b"torn log of the old file")
    catalog.rebuild(store)
    assert not log.exists()
    assert kinds(catalog, store) == set()


def test_failed_rebuild_leaves_the_old_file(catalog: Catalog, store: Store, record) -> None:
    before = catalog.path.read_bytes()
    store.publish(record("bad", "x", tables={"proteins": [{"colour": "red"}]}))
    with pytest.raises(ValueError, match="colour"):
        catalog.rebuild(store)
    assert catalog.path.read_bytes() == before
    assert not list(catalog.path.parent.glob(".tmp-*"))


def test_flipped_bytes_are_found_or_harmless(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    """Each mutation is either reported, or every table still has the rows of the records."""
    data = catalog.path.read_bytes()
    rng = random.Random(0)
    victim = Catalog(tmp_path / "victim.duckdb")
    reported = 0
    for _ in range(12):
        mutated = bytearray(data)
        mutated[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        victim.path.write_bytes(mutated)
        reported += bool(victim.verify(store))
    # A name in the file, changed: certainly in use.
    victim.path.write_bytes(data.replace(b"residue_md predicts no PAE", b"residue_md predicts no PAX"))
    assert victim.path.read_bytes() != data
    assert kinds(victim, store)
    assert reported


def test_busy_catalog_is_busy_and_not_damaged(catalog: Catalog, store: Store, monkeypatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise duckdb.IOException("Could not set lock: Conflicting lock is held in /usr/bin/duckdb (PID 17). See also x")

    monkeypatch.setattr(connection, "READ_PATIENCE_S", 0.0)
    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(CatalogBusy, match=r"by duckdb \(PID 17\)"):
        catalog.verify(store)


def test_missing_catalog_is_told_once(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "none.duckdb"
    (problem,) = Catalog(path).verify(store)
    assert (problem.kind, problem.where, problem.message) == ("unreadable", str(path), "no such catalog")
    assert f"catalog rebuild {path}" in problem.cure
