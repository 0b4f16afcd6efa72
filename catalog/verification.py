"""Whether a catalog says what the records say, and whether the files they speak of are whole."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.connection import CatalogBusy, reading, rebuild_cure, writing
from catalog.errors import CatalogError
from catalog.record import Artifact, Record
from catalog.rows import insert, rows_of_records, tables
from catalog.store import Store, sha256_of_file

if TYPE_CHECKING:
    import pyarrow
    from duckdb import DuckDBPyConnection

__all__ = ["Problem", "compare_with_store"]

# Child table and column, parent table and column. Tables with a task_key refer to tasks besides.
REFERENCES = (
    ("residues", "uniprot_ac", "proteins", "uniprot_ac"),
    ("msas", "uniprot_ac", "proteins", "uniprot_ac"),
    ("segments", "uniprot_ac", "proteins", "uniprot_ac"),
    ("tf_pairs", "uniprot_a", "proteins", "uniprot_ac"),
    ("tf_pairs", "uniprot_b", "proteins", "uniprot_ac"),
    ("motif_attributions", "cell_type_id", "cell_types", "cell_type_id"),
    ("causal_edges", "cell_type_id", "cell_types", "cell_type_id"),
    ("taken_over", "cell_type_id", "cell_types", "cell_type_id"),
    ("pair_origins", "cell_type_id", "cell_types", "cell_type_id"),
    ("pair_origins", "pair_id", "tf_pairs", "pair_id"),
    ("pair_origins", "edge_task_key", "tasks", "task_key"),
    ("segment_pairs", "pair_id", "tf_pairs", "pair_id"),
    ("segment_pairs", "segment_a", "segments", "segment_id"),
    ("segment_pairs", "segment_b", "segments", "segment_id"),
    ("structures", "segment_pair_id", "segment_pairs", "segment_pair_id"),
    ("structure_observables", "task_key", "structures", "task_key"),
    ("scores", "structure_key", "structures", "task_key"),
    ("selections", "structure_key", "structures", "task_key"),
    ("md_runs", "structure_key", "structures", "task_key"),
    ("md_metrics", "md_key", "md_runs", "task_key"),
    ("md_residues", "md_key", "md_runs", "task_key"),
)
NOT_COMPARED = frozenset({"meta", "runs"})


@dataclass(frozen=True)
class Problem:
    """Something `Catalog.verify` found.

    Attributes
    ----------
    kind : str
        ``record_damaged``, ``artifact_missing``, ``artifact_damaged``, ``unreadable``, ``task_missing``,
        ``task_extra``, ``task_differs``, ``dangling`` or ``rows_differ``.
    where : str
        File, task key or table.
    message : str
        What is wrong.
    cure : str
        The command or edit that mends it.
    """

    kind: str
    where: str
    message: str
    cure: str


def compare_with_store(path: Path, store: Store, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
    """Compare a catalog file with a store, changing neither.

    Parameters
    ----------
    path : Path
        The catalog file.
    store : Store
        The store it is made from.
    progress : callable, optional
        Called with (records checked, records).

    Returns
    -------
    list of Problem
        Those of the store first, then those of the catalog.

    Raises
    ------
    CatalogBusy
        A writer held the catalog for longer than 2 s.
    """
    import duckdb

    problems: list[Problem] = []
    records: dict[str, Record] = {}
    hashes: dict[str, str] = {}
    paths = sorted(store.root.glob("records/??/*.json"))
    for done, record_path in enumerate(paths, start=1):
        problems += _problems_of_record(record_path, store, records, hashes)
        if progress:
            progress(done, len(paths))
    expected = None
    try:
        expected = rows_of_records(records.values(), store.failed_attempts(), store.root)
    except CatalogError as error:
        cure = "delete the file the message names; its task runs again"
        problems.append(Problem("record_damaged", str(store.root), str(error), cure))
    try:
        with reading(path) as connection:
            of_tasks = list(_problems_of_tasks(connection, hashes, rebuild_cure(path)))
            problems += of_tasks
            problems += _dangling(connection)
            # Where tasks differ, so do their rows.
            if expected is not None and not of_tasks:
                problems += _differing_tables(connection, expected, rebuild_cure(path))
    except CatalogBusy:
        raise
    except (CatalogError, duckdb.Error) as error:
        cure = " ".join(getattr(error, "__notes__", ())) or rebuild_cure(path)
        problems.append(Problem("unreadable", str(path), str(error).removeprefix(f"{path}: "), cure))
    return problems


def _problems_of_record(
    record_path: Path, store: Store, records: dict[str, Record], hashes: dict[str, str]
) -> Iterator[Problem]:
    where = str(record_path.relative_to(store.root))
    data = record_path.read_bytes()
    try:
        record = Record.from_bytes(data, where)
    except CatalogError as error:
        yield Problem("record_damaged", where, str(error), "delete the file; its task runs again")
        return
    if record.key != record_path.stem:
        yield Problem("record_damaged", where, f"speaks of task {record.key}", "delete the file; its task runs again")
        return
    records[record.key] = record
    hashes[record.key] = hashlib.sha256(data).hexdigest()
    for artifact in record.artifacts:
        kind, message = _state_of(artifact, store)
        if kind:
            yield Problem(
                kind,
                artifact.path,
                f"{artifact.role} of {record.stage} {record.subject}: {message}",
                f"delete {where} below the store; the task runs again",
            )


def _state_of(artifact: Artifact, store: Store) -> tuple[str, str]:
    path = store.path(artifact)
    if not path.is_file():
        return "artifact_missing", "the file is gone"
    if path.stat().st_size != artifact.size_bytes:
        return "artifact_damaged", f"{path.stat().st_size} bytes instead of {artifact.size_bytes}"
    if sha256_of_file(path) != artifact.sha256:
        return "artifact_damaged", "the content does not have the recorded hash"
    return "", ""


def _problems_of_tasks(connection: "DuckDBPyConnection", hashes: dict[str, str], cure: str) -> Iterator[Problem]:
    rows = connection.execute("select task_key, stage, subject, record_sha256 from tasks order by task_key").fetchall()
    seen = set()
    for key, stage, subject, sha256 in rows:
        seen.add(key)
        if key not in hashes:
            message = f"{stage} {subject} is in the catalog but has no sound record"
            yield Problem("task_extra", key, message, f"repeat `screening run`, or {cure}")
        elif sha256 != hashes[key]:
            yield Problem("task_differs", key, f"{stage} {subject}: its record has another hash", cure)
    for key in sorted(hashes.keys() - seen):
        yield Problem("task_missing", key, "has a record but is not in the catalog", cure)


def _dangling(connection: "DuckDBPyConnection") -> Iterator[Problem]:
    of_tasks = (
        (name, "task_key", "tasks", "task_key")
        for name, table in tables().items()
        if "task_key" in table.columns and name not in ("tasks", "attempts")
    )
    for child, column, parent, parent_column in (*REFERENCES, *of_tasks):
        ((n, example),) = connection.execute(
            f'select count(*), min("{column}") from "{child}" where "{column}" is not null'
            f' and "{column}" not in (select "{parent_column}" from "{parent}")'
        ).fetchall()
        if n:
            yield Problem(
                "dangling",
                f"{child}.{column}",
                f"{n} rows name a {parent}.{parent_column} that is not there, for example '{example}'",
                "repeat `screening run`: it makes what is missing",
            )


def _differing_tables(
    connection: "DuckDBPyConnection", expected: dict[str, list["pyarrow.Table"]], cure: str
) -> Iterator[Problem]:
    with tempfile.TemporaryDirectory() as folder, writing(Path(folder) / "fresh.duckdb") as fresh:
        insert(fresh, expected)
        for name in sorted(tables().keys() - NOT_COMPARED):
            found, wanted = _content(connection, name), _content(fresh, name)
            if found != wanted:
                message = f"{found[0]} rows that are not the {wanted[0]} rows of the records"
                yield Problem("rows_differ", name, message, cure)


def _content(connection: "DuckDBPyConnection", table: str) -> tuple[int, int]:
    # The sum of the hashes of the rows does not depend on their order.
    query = f'select count(*), coalesce(sum(cast(hash(t) as hugeint)), 0) from "{table}" t'
    return connection.execute(query).fetchall()[0]
