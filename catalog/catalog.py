"""`catalog.duckdb`: queries, ingestion of records, rebuild and verification."""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from catalog.connection import CatalogBusy, ForeignDatabase, reading, rebuild_cure, writing
from catalog.errors import CatalogError
from catalog.record import Json, Record, RunRecord
from catalog.rows import insert, rows_of_records, rows_of_runs
from catalog.store import Store
from catalog.verification import Problem, compare_with_store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["DESCRIBE", "Catalog", "Column"]

# A comment on a view's column is its own or that of the table column of the same name.
DESCRIBE = """
    with named as (
        select column_name, min_by(comment, table_oid) as comment
        from duckdb_columns() where not internal and comment is not null
        group by column_name
    )
    select c.table_name, c.column_name, c.data_type, coalesce(c.comment, n.comment, '')
    from duckdb_columns() c left join named n using (column_name)
    where not c.internal
    order by c.table_oid, c.column_index
"""

# DuckDB's words for a statement that writes or changes a setting, which have no error class of their own.
READ_ONLY = ("read-only mode", "configuration has been locked")


class Column(NamedTuple):
    """A column of a table or view, with its unit and definition."""

    table: str
    column: str
    type: str
    comment: str


class Catalog:
    """The catalog file of a screen; it is open only during a call.

    Parameters
    ----------
    path : path
        The file, ``catalog.duckdb``; made by the first `ingest` or `rebuild`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def sql(self, query: str, parameters: Sequence[Json] = ()) -> "pyarrow.Table":
        """Run a query on a locked-down, read-only connection.

        Parameters
        ----------
        query : str
            DuckDB SQL, for example ``from hits where gene_a = ? order by ipsae desc``.
        parameters : sequence
            Values for the question marks.

        Returns
        -------
        pyarrow.Table
            The whole result; times are UTC.

        Raises
        ------
        CatalogBusy
            A writer held the file for longer than 2 s.
        CatalogError
            The file cannot be read, or DuckDB refuses the query.
        """
        import duckdb

        with reading(self.path) as connection:
            try:
                relation = connection.sql(query, params=list(parameters))
                if relation is not None:
                    return relation.to_arrow_table()
            except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
                raise CatalogError(f"{self.path}: {error}", cure=rebuild_cure(self.path)) from error
            except duckdb.PermissionException as error:
                cure = "to write a file: screening catalog sql CATALOG QUERY --out FILE"
                raise CatalogError(str(error), cure=cure) from error
            except duckdb.Error as error:
                if any(part in str(error) for part in READ_ONLY):
                    cure = "a catalog is only read, so ask with SELECT or FROM; to keep an answer: --out FILE"
                else:
                    cure = f"tables and columns: screening catalog describe {shlex.quote(str(self.path))}"
                raise CatalogError(str(error), cure=cure) from error
        raise CatalogError("the query returns no rows", cure="write a SELECT or FROM statement")

    def ingest(
        self,
        records: Iterable[Record],
        failed: Iterable[Record] = (),
        runs: Iterable[RunRecord] = (),
        *,
        store_root: Path | None = None,
    ) -> int:
        """Insert records in one transaction; what is there already stays as it is, except that runs are replaced.

        Parameters
        ----------
        records : iterable of Record
            Finished tasks; where two say different things about one primary key, the first to finish stands.
        failed : iterable of Record
            Kept failed tries (`Store.failed_attempts`), of which only the attempts count.
        runs : iterable of RunRecord
            Runs, replacing what was said of them.
        store_root : Path, optional
            Folder that the paths of artifacts start from; needed where a record has rows in an artifact.

        Returns
        -------
        int
            Rows inserted, without those of runs.

        Raises
        ------
        CatalogBusy
            Other processes held the file for longer than 5 s; nothing was inserted.
        CatalogError
            A record does not fit the schema, or the file cannot be used; nothing was inserted.
        """
        pieces = rows_of_records(records, failed, store_root)
        run_rows = rows_of_runs(runs)
        with writing(self.path) as connection:
            connection.register("new_rows", run_rows)
            connection.execute("insert or replace into runs by name from new_rows")
            return insert(connection, pieces)

    def rebuild(self, store: Store) -> int:
        """Make the file anew from the store and put it in place of the old one, which stays whole until then.

        Parameters
        ----------
        store : Store
            Records, failed tries and runs.

        Returns
        -------
        int
            Rows inserted.

        Raises
        ------
        CatalogBusy
            A writer held the old file for longer than 2 s; it stays.
        CatalogError
            There is no store, the file is another program's database, or a record does not fit the schema; the old
            file stays.
        """
        if not store.root.is_dir():
            raise CatalogError(
                f"{store.root}: no such store, so there is nothing to make {self.path.name} from",
                cure="correct the path, or run the screen: screening run SCREEN.TOML",
            )
        if self.path.is_dir():
            raise CatalogError(f"{self.path}: is a folder, not a catalog", cure="name the file inside it")
        fresh = self.path.with_name(f".tmp-{uuid4().hex}.duckdb")
        try:
            inserted = Catalog(fresh).ingest(
                store.records(), store.failed_attempts(), store.runs(), store_root=store.root
            )
            with self._writers_kept_out():
                # The log belongs to the old file; DuckDB would play it into the new one.
                _log_of(self.path).unlink(missing_ok=True)
                fresh.rename(self.path)
        finally:
            fresh.unlink(missing_ok=True)
            _log_of(fresh).unlink(missing_ok=True)
        return inserted

    def verify(self, store: Store, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
        """Compare the catalog with the records and artifacts, changing neither.

        Parameters
        ----------
        store : Store
            The store the catalog is made from.
        progress : callable, optional
            Called with (records checked, records) while artifacts are hashed.

        Returns
        -------
        list of Problem
            Empty where all is well.
        """
        return compare_with_store(self.path, store, progress)

    def describe(self) -> list[Column]:
        """Return all columns of tables and views with type and definition.

        Raises
        ------
        CatalogError
            The file cannot be read.
        """
        return [Column(*row.values()) for row in self.sql(DESCRIBE).to_pylist()]

    @contextmanager
    def _writers_kept_out(self) -> Iterator[None]:
        with ExitStack() as stack:
            # A missing or damaged file is nobody's to write, and another program's stays.
            try:
                stack.enter_context(reading(self.path))
            except (CatalogBusy, ForeignDatabase):
                raise
            except CatalogError:
                pass
            yield


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
