"""Task records → Arrow tables with the columns of `schema.sql`, checked before they reach the database."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.connection import definitions
from catalog.errors import CatalogError
from catalog.record import Artifact, Json, Record, Row, RunRecord
from catalog.store import sha256_of_file

if TYPE_CHECKING:
    import pyarrow
    from duckdb import DuckDBPyConnection

__all__ = ["TABLE_ROLE", "Table", "insert", "rows_of_records", "rows_of_runs", "tables"]

TABLE_ROLE = "table:"
INTEGER_BITS = {"INTEGER": 32, "BIGINT": 64}
BOOKKEEPING = frozenset({"meta", "runs", "tasks", "attempts", "artifacts"})


@dataclass(frozen=True)
class Table:
    """A table of the schema.

    Attributes
    ----------
    name : str
        Name of the table.
    columns : dict of str to str
        Column to DuckDB type, in order.
    primary_key : tuple of str
        Columns of the primary key.
    """

    name: str
    columns: dict[str, str]
    primary_key: tuple[str, ...]


@cache
def tables() -> dict[str, Table]:
    """Return the tables that `schema.sql` defines, by name, in its order."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(definitions())
        columns = connection.execute(
            "select c.table_name, column_name, data_type from duckdb_columns() c join duckdb_tables() using (table_oid)"
            " order by table_oid, column_index"
        ).fetchall()
        keys = connection.execute(
            "select table_name, constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    primary_keys = {name: tuple(key) for name, key in keys}
    by_table: dict[str, dict[str, str]] = defaultdict(dict)
    for table, column, kind in columns:
        by_table[table][column] = kind
    return {name: Table(name, kinds, primary_keys[name]) for name, kinds in by_table.items()}


def rows_of_records(
    records: Iterable[Record], failed: Iterable[Record], store_root: Path | None
) -> dict[str, list["pyarrow.Table"]]:
    """Turn records into rows.

    Parameters
    ----------
    records : iterable of Record
        Finished tasks in any order. A row without ``task_key`` gets the key of its record.
    failed : iterable of Record
        Kept failed tries, of which only the attempts count.
    store_root : Path or None
        Folder that the paths of artifacts start from; None where no record has rows in an artifact.

    Returns
    -------
    dict of str to list of pyarrow.Table
        Table name to pieces with all its columns, in the order the records finished.

    Raises
    ------
    CatalogError
        A row or Parquet artifact does not fit the schema; names record, table and column.
    """
    plain: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    pieces: dict[str, list[pyarrow.Table]] = defaultdict(list)
    for record in sorted(records, key=lambda record: (record.finished_at, record.key)):
        owner = f"record {record.key[:12]} ({record.stage} {record.subject})"
        plain["tasks"].append((owner, _task_row(record)))
        plain["attempts"] += [(owner, row) for row in _attempt_rows(record)]
        plain["artifacts"] += [(owner, {"task_key": record.key, **asdict(artifact)}) for artifact in record.artifacts]
        for name, rows in record.tables.items():
            table = _fillable(name, owner)
            plain[name] += [(owner, _complete(table, row, record.key, owner)) for row in rows]
        for artifact in record.artifacts:
            if artifact.role.startswith(TABLE_ROLE):
                table = _fillable(artifact.role.removeprefix(TABLE_ROLE), owner)
                pieces[table.name].append(_read_parquet(table, artifact, record.key, store_root, owner))
    for record in failed:
        owner = f"failed try of {record.key[:12]} ({record.stage} {record.subject})"
        plain["attempts"] += [(owner, row) for row in _attempt_rows(record)]
    for name, owned in plain.items():
        pieces[name].insert(0, _to_arrow(tables()[name], owned))
    return pieces


def insert(connection: "DuckDBPyConnection", pieces: Mapping[str, Sequence["pyarrow.Table"]]) -> int:
    """Insert rows; where the primary key is there already, the old row stays.

    Parameters
    ----------
    connection : DuckDBPyConnection
        In a transaction.
    pieces : mapping of str to sequence of pyarrow.Table
        As `rows_of_records` makes them.

    Returns
    -------
    int
        Rows inserted.

    Raises
    ------
    CatalogError
        A row breaks a check of the schema.
    """
    import duckdb

    inserted = 0
    for name, parts in pieces.items():
        for rows in parts:
            connection.register("new_rows", rows)
            try:
                done = connection.execute(f'insert into "{name}" by name from new_rows on conflict do nothing')
            except (duckdb.ConstraintException, duckdb.ConversionException) as error:
                raise CatalogError(f"a row does not fit table '{name}': {error}") from error
            inserted += done.fetchall()[0][0]
    return inserted


def rows_of_runs(runs: Iterable[RunRecord]) -> "pyarrow.Table":
    """Turn run records into rows of table ``runs``, the last of each run."""
    latest = {run.run_id: run for run in runs}
    rows = [
        (f"run {run.run_id}", {**asdict(run), "config": _canonical(run.config), "software": _canonical(run.software)})
        for run in latest.values()
    ]
    return _to_arrow(tables()["runs"], rows)


def _task_row(record: Record) -> Row:
    settings = _canonical(record.settings)
    return {
        "task_key": record.key,
        "stage": record.stage,
        "stage_version": record.stage_version,
        "subject": record.subject,
        "status": record.status,
        "inputs": _canonical(record.inputs),
        "upstream": _canonical(record.upstream),
        "settings": settings,
        "settings_sha256": hashlib.sha256(settings.encode()).hexdigest(),
        "record_sha256": hashlib.sha256(record.to_bytes()).hexdigest(),
        "finished_at": record.finished_at or None,
    }


def _attempt_rows(record: Record) -> list[Row]:
    task = {"task_key": record.key, "stage": record.stage, "subject": record.subject}
    return [{**task, **asdict(attempt)} for attempt in record.attempts]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=dict)


def _fillable(name: str, owner: str) -> Table:
    if name in BOOKKEEPING or name not in tables():
        raise CatalogError(f"{owner}: table '{name}' is not one a record can fill", cure="see catalog/schema.sql")
    return tables()[name]


def _complete(table: Table, row: Row, key: str, owner: str) -> Row:
    for column in row:
        if column not in table.columns:
            raise CatalogError(
                f"{owner}: table '{table.name}' has no column '{column}', only: {', '.join(table.columns)}",
                cure="see catalog/schema.sql",
            )
    return {"task_key": key, **row} if "task_key" in table.columns else row


def _to_arrow(table: Table, owned: Sequence[tuple[str, Row]]) -> "pyarrow.Table":
    import pyarrow

    arrays = []
    for column, kind in table.columns.items():
        values = [row.get(column) for _, row in owned]
        for (owner, _), value in zip(owned, values, strict=True):
            if value is None and column in table.primary_key:
                raise CatalogError(f"{owner}: a row of '{table.name}' lacks '{column}', part of its primary key")
            if not _fits(value, kind):
                raise CatalogError(f"{owner}: {table.name}.{column} is {kind}, not {value!r}")
        arrays.append(pyarrow.array(values, _arrow_type(kind)))
    return pyarrow.table(arrays, names=list(table.columns))


def _fits(value: Json, kind: str) -> bool:
    # Arrow itself would turn 1.5 into the integer 1 and True into 1.0.
    if value is None:
        return True
    if kind in INTEGER_BITS:
        return type(value) is int and value.bit_length() < INTEGER_BITS[kind]
    if kind == "DOUBLE":
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return isinstance(value, bool if kind == "BOOLEAN" else str)


def _arrow_type(kind: str) -> "pyarrow.DataType":
    import pyarrow

    numbers = {
        "DOUBLE": pyarrow.float64(),
        "INTEGER": pyarrow.int32(),
        "BIGINT": pyarrow.int64(),
        "BOOLEAN": pyarrow.bool_(),
    }
    return numbers.get(kind, pyarrow.string())


def _read_parquet(table: Table, artifact: Artifact, key: str, store_root: Path | None, owner: str) -> "pyarrow.Table":
    import pyarrow
    from pyarrow import parquet

    if store_root is None:
        raise CatalogError(
            f"{owner}: its '{artifact.role}' is a file of a store that was not named", cure="give store_root"
        )
    path = store_root / artifact.path
    cure = f"delete records/{key[:2]}/{key}.json below the store; the task runs again"
    if not path.is_file():
        raise CatalogError(f"{owner}: {path}: artifact '{artifact.role}' is gone", cure=cure)
    if sha256_of_file(path) != artifact.sha256:
        raise CatalogError(f"{owner}: {path}: artifact '{artifact.role}' is damaged: its hash differs", cure=cure)
    try:
        found = parquet.ParquetFile(path).read()
    except pyarrow.ArrowException as error:
        raise CatalogError(f"{owner}: {path}: not Parquet: {error}", cure=cure) from error
    given = _complete(table, dict.fromkeys(found.column_names), key, owner)
    arrays = []
    for column, kind in table.columns.items():
        try:
            if column in found.column_names:
                array = found.column(column).cast(_arrow_type(kind)).combine_chunks()
            else:
                array = pyarrow.array([given.get(column)] * found.num_rows, _arrow_type(kind))
        except pyarrow.ArrowException as error:
            raise CatalogError(f"{owner}: {path}: {table.name}.{column} is {kind}: {error}") from error
        if column in table.primary_key and array.null_count:
            raise CatalogError(f"{owner}: {path}: a row lacks '{column}', part of the primary key of '{table.name}'")
        if kind == "DOUBLE" and not np.isfinite(array.drop_null().to_numpy(zero_copy_only=False)).all():
            raise CatalogError(f"{owner}: {path}: {table.name}.{column} has a value that is not finite")
        arrays.append(array)
    return pyarrow.table(arrays, names=list(table.columns))
