"""What the sections of the report ask of a catalog."""

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.catalog import DESCRIBE, Column
from catalog.connection import rebuild_cure
from catalog.errors import CatalogError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["MOST_ROWS", "Reader", "shown"]

# Enough to look at, and the page stays below 3 MB; the rest is a query away.
MOST_ROWS = 200


class Reader:
    """Queries against one state of a catalog.

    Parameters
    ----------
    connection : DuckDBPyConnection
        As `catalog.connection.reading` gives it.
    path : Path
        The catalog file.
    """

    def __init__(self, connection: "DuckDBPyConnection", path: Path) -> None:
        self._connection = connection
        self._path = path
        self._columns = [Column(*row) for row in connection.execute(DESCRIBE).fetchall()]

    def rows(self, query: str, *parameters: int) -> list[dict[str, object]]:
        """Return the rows of a query.

        Raises
        ------
        CatalogError
            The file is damaged.
        """
        import duckdb

        try:
            return self._connection.sql(query, params=list(parameters)).to_arrow_table().to_pylist()
        except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
            raise CatalogError(f"{self._path}: cannot be read: {error}", cure=rebuild_cure(self._path)) from error

    def count(self, source: str) -> int:
        """Return the number of rows of a table or view of the schema."""
        return int(str(self.rows(f"select count(*) as n from {source}")[0]["n"]))

    def tooltips(self, source: str) -> dict[str, str]:
        """Return the definitions of the columns of a table or view."""
        return {column.column: column.comment for column in self._columns if column.table == source}


def shown(shown: int, total: int) -> str:
    """Say how much of a result is on the page; nothing where all of it is."""
    if shown >= total:
        return ""
    return f'<p class="label">{shown} of {total} shown; `screening catalog sql` has the rest.</p>'
