"""Query results and tables as files for other programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from catalog.catalog import Catalog
from catalog.errors import CatalogError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["export"]


def export(catalog: Catalog, query_or_table: str, path: Path) -> int:
    """Write a table, view or query result to a file, whole or not at all.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    query_or_table : str
        Name of a table or view, or a query.
    path : Path
        Target, ``.parquet``, ``.csv`` or ``.arrow`` (Arrow IPC file); replaced if it exists.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CatalogError
        The format is unknown, the folder is missing, or the query fails.
    """
    if path.suffix not in WRITERS:
        raise CatalogError(f"{path}: cannot export as '{path.suffix}'", cure=f"use one of {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise CatalogError(f"{path}: its folder does not exist", cure=f"mkdir -p {path.parent}")
    rows = catalog.sql(f'from "{query_or_table}"' if query_or_table.isidentifier() else query_or_table)
    temporary = path.with_name(f".tmp-{uuid4().hex}")
    try:
        WRITERS[path.suffix](rows, temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    return rows.num_rows


def _write_parquet(rows: "pyarrow.Table", path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(rows, path, compression="zstd")


def _write_csv(rows: "pyarrow.Table", path: Path) -> None:
    import pyarrow
    from pyarrow import csv

    # CSV has no lists: they become JSON text.
    for index, column in enumerate(rows.schema):
        if pyarrow.types.is_nested(column.type):
            texts = [None if value is None else json.dumps(value, default=str) for value in rows[index].to_pylist()]
            rows = rows.set_column(index, column.name, pyarrow.array(texts, pyarrow.string()))
    csv.write_csv(rows, path)


def _write_arrow(rows: "pyarrow.Table", path: Path) -> None:
    import pyarrow

    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)


WRITERS: dict[str, Callable[["pyarrow.Table", Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".arrow": _write_arrow,
}
