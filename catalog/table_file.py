"""Tables as files for other programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from catalog.errors import CatalogError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["check_table_path", "write_table"]


def check_table_path(path: Path) -> None:
    """Refuse a path that `write_table` would refuse, before what fills the table is computed.

    Parameters
    ----------
    path : Path
        Target.

    Raises
    ------
    CatalogError
        The format is unknown or the folder is missing.
    """
    if path.suffix not in WRITERS:
        known = ", ".join(WRITERS)
        raise CatalogError(f"{path}: cannot write a table as '{path.suffix}'", cure=f"use one of {known}")
    if not path.parent.is_dir():
        raise CatalogError(f"{path}: its folder does not exist", cure=f"mkdir -p {path.parent}")


def write_table(rows: "pyarrow.Table", path: Path) -> None:
    """Write a table to a file, whole or not at all.

    Parameters
    ----------
    rows : pyarrow.Table
        The table.
    path : Path
        Target, ``.parquet``, ``.csv``, ``.tsv`` or ``.arrow`` (Arrow IPC file); replaced if it exists.

    Raises
    ------
    CatalogError
        As `check_table_path`.
    """
    check_table_path(path)
    temporary = path.with_name(f".tmp-{uuid4().hex}")
    try:
        WRITERS[path.suffix](rows, temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_parquet(rows: "pyarrow.Table", path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(rows, path, compression="zstd")


def _write_csv(rows: "pyarrow.Table", path: Path, delimiter: str = ",") -> None:
    import pyarrow
    from pyarrow import csv

    # CSV has no lists: they become JSON text.
    for index, column in enumerate(rows.schema):
        if pyarrow.types.is_nested(column.type):
            texts = [None if value is None else json.dumps(value, default=str) for value in rows[index].to_pylist()]
            rows = rows.set_column(index, column.name, pyarrow.array(texts, pyarrow.string()))
    try:
        csv.write_csv(rows, path, csv.WriteOptions(delimiter=delimiter, quoting_style="none", quoting_header="none"))
    except pyarrow.ArrowInvalid:
        # Arrow quotes all texts or none, and here is one that needs it.
        csv.write_csv(rows, path, csv.WriteOptions(delimiter=delimiter))


def _write_tsv(rows: "pyarrow.Table", path: Path) -> None:
    _write_csv(rows, path, "\t")


def _write_arrow(rows: "pyarrow.Table", path: Path) -> None:
    import pyarrow

    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)


WRITERS: dict[str, Callable[["pyarrow.Table", Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".arrow": _write_arrow,
}
