"""Opening `catalog.duckdb`: locked down for readers, briefly exclusive for the writer, patient with other processes."""

import hashlib
import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = [
    "CatalogBusy",
    "CatalogOutdated",
    "ForeignDatabase",
    "definitions",
    "reading",
    "rebuild_cure",
    "schema_version",
    "writing",
]

Configuration = dict[str, str | bool | int | float | list[str]]

READ_PATIENCE_S = 2.0
WRITE_PATIENCE_S = 5.0
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5

# DuckDB has no error class for a file in use; these parts of its messages (1.4 to 2.0) name the ways to be refused.
BUSY = ("Could not set lock", "different configuration", "Unique file handle conflict", "already attached")
# Files written by one release must open in the oldest supported one (1.4), which writes this format by default.
# Each of some thirty tables takes whole blocks, so the smallest ones keep a small catalog small (1 MB, not 12 MB).
CREATION = "storage_version 'v1.2.0', block_size 16384"
OFFLINE: Configuration = {
    "autoinstall_known_extensions": "false",
    "TimeZone": "UTC",
}
LOCKED_DOWN: Configuration = OFFLINE | {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}


# What `BUSY` says of who holds the file.
HOLDER = re.compile(r"held in (\S+) \(PID (\d+)\)")
DENIED = ("Permission denied", "Read-only file system")


class CatalogOutdated(CatalogError):
    """The file has the schema of another release; it is made anew from the records."""


class ForeignDatabase(CatalogError):
    """The file is a DuckDB database that is no catalog; it is never replaced."""


class CatalogBusy(CatalogError):
    """Another process kept the catalog file open for longer than this one was ready to wait."""


def rebuild_cure(path: Path) -> str:
    """Say how a catalog file is made anew."""
    command = f"screening catalog rebuild {shlex.quote(str(path))}"
    return f"run `{command}`: it makes the file anew from the records"


def definitions() -> str:
    """Return the SQL that makes an empty catalog: tables, comments, views."""
    package = resources.files("catalog")
    return package.joinpath("schema.sql").read_text() + package.joinpath("views.sql").read_text()


@cache
def schema_version() -> str:
    """Return a hash of the definitions: files made by others are refused, and rebuilt in seconds."""
    return hashlib.sha256(definitions().encode()).hexdigest()[:12]


@contextmanager
def reading(path: Path) -> Iterator["DuckDBPyConnection"]:
    """Open a catalog for queries: no writing, no other file, no network, no change of configuration.

    Parameters
    ----------
    path : Path
        The catalog file.

    Yields
    ------
    DuckDBPyConnection
        Closed afterwards.

    Raises
    ------
    CatalogBusy
        A writer held the file for longer than 2 s.
    CatalogError
        There is no such file, it is damaged, or another release made it.
    """
    import duckdb

    def connect() -> "DuckDBPyConnection":
        return duckdb.connect(str(path), read_only=True, config=LOCKED_DOWN)

    if not path.is_file():
        raise CatalogError(
            f"{path}: no such catalog",
            cure="run the screen first: screening run SCREEN.TOML; where its store is there, "
            f"`screening catalog rebuild {shlex.quote(str(path))}` makes the catalog from it",
        )
    connection = _patiently(connect, path, READ_PATIENCE_S)
    try:
        _check_version(connection, path)
        yield connection
    finally:
        connection.close()


@contextmanager
def writing(path: Path) -> Iterator["DuckDBPyConnection"]:
    """Open a catalog for one transaction, making it on first use.

    Parameters
    ----------
    path : Path
        The catalog file; its folder is made.

    Yields
    ------
    DuckDBPyConnection
        In a transaction that is committed on leaving and rolled back on an exception.

    Raises
    ------
    CatalogBusy
        Other processes held the file for longer than 5 s.
    CatalogError
        The file is damaged, another release made it, or the disk is full; nothing was written.
    """
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _patiently(lambda: _attach(path), path, WRITE_PATIENCE_S)
    try:
        if connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]:
            _create(connection)
        _check_version(connection, path)
        connection.execute("begin")
        try:
            yield connection
            connection.execute("commit")
        except BaseException:
            # An error that ended the transaction, such as a full disk, leaves nothing to roll back.
            with suppress(duckdb.Error):
                connection.execute("rollback")
            raise
    except duckdb.Error as error:
        raise CatalogError(
            f"{path}: cannot be written: {error}", cure=f"see that the disk has space, or {rebuild_cure(path)}"
        ) from error
    finally:
        connection.close()


def _attach(path: Path) -> "DuckDBPyConnection":
    import duckdb

    literal = str(path).replace("'", "''")
    for _ in range(10):
        before = _inode(path)
        connection = duckdb.connect(config=OFFLINE)
        try:
            connection.execute(f"attach '{literal}' as screen ({CREATION})")
            connection.execute("use screen")
        except BaseException:
            connection.close()
            raise
        # A rebuild may put a new file in place between our opening the old one and our getting its lock.
        if before in (None, _inode(path)):
            return connection
        connection.close()
    raise CatalogBusy(f"{path}: replaced again and again while opening it", cure="try again")


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def _create(connection: "DuckDBPyConnection") -> None:
    connection.execute("begin")
    connection.execute(definitions())
    connection.executemany(
        "insert into meta values (?, ?)",
        [("schema_version", schema_version()), ("platform_version", _platform_version())],
    )
    connection.execute("commit")
    connection.execute("checkpoint")


def _platform_version() -> str:
    try:
        return metadata.version("structural-interaction-screening")
    except metadata.PackageNotFoundError:
        return "not installed"


def _check_version(connection: "DuckDBPyConnection", path: Path) -> None:
    import duckdb

    try:
        meta = dict(connection.execute("select key, value from meta").fetchall())
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        if connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]:
            # Left by a process that ended while it made the file.
            raise CatalogError(f"{path}: a catalog without tables", cure=rebuild_cure(path)) from error
        raise ForeignDatabase(
            f"{path}: a DuckDB file, but not a catalog: it has no table meta of a catalog",
            cure="correct the path; this file is left as it is",
        ) from error
    except duckdb.Error as error:
        raise CatalogError(f"{path}: cannot be read: {error}", cure=rebuild_cure(path)) from error
    if meta.get("schema_version") != schema_version():
        raise CatalogOutdated(
            f"{path}: has schema {meta.get('schema_version')} of release {meta.get('platform_version')}; "
            f"this release has schema {schema_version()}",
            cure=rebuild_cure(path),
        )


def _patiently(connect: Callable[[], "DuckDBPyConnection"], path: Path, patience_s: float) -> "DuckDBPyConnection":
    import duckdb

    deadline = time.monotonic() + patience_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return connect()
        except duckdb.Error as error:
            if not any(part in str(error) for part in BUSY):
                if any(part in str(error) for part in DENIED):
                    raise CatalogError(
                        f"{path}: cannot be opened: {error}",
                        cure=f"see who may write there: ls -ld {path.parent} {path}",
                    ) from error
                raise CatalogError(f"{path}: cannot be opened: {error}", cure=rebuild_cure(path)) from error
            if time.monotonic() + pause_s > deadline:
                holder = HOLDER.search(str(error))
                who = f"{Path(holder[1]).name} (PID {holder[2]})" if holder else f"another program ({error})"
                raise CatalogBusy(
                    f"{path}: in use for more than {patience_s:g} s by {who}",
                    cure="wait, or close the program that has it open, and repeat",
                ) from error
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
