"""What the sections of the report ask of a catalog."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from catalog.catalog import Catalog, Column

__all__ = ["MOST_ROWS", "Reader", "shown"]

# Enough to look at, and the page stays below 3 MB; the rest is a query away.
MOST_ROWS = 200


@dataclass
class Reader:
    """Queries against one catalog.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    """

    catalog: Catalog
    columns: Sequence[Column] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = self.catalog.describe()

    def rows(self, query: str, *parameters: int) -> list[dict[str, object]]:
        """Return the rows of a query."""
        return self.catalog.sql(query, parameters).to_pylist()

    def count(self, source: str) -> int:
        """Return the number of rows of a table or view of the schema."""
        return self.catalog.sql(f"select count(*) as n from {source}")["n"][0].as_py()

    def tooltips(self, source: str) -> dict[str, str]:
        """Return the definitions of the columns of a table or view."""
        return {column.column: column.comment for column in self.columns if column.table == source}


def shown(shown: int, total: int) -> str:
    """Say how much of a result is on the page; nothing where all of it is."""
    if shown >= total:
        return ""
    return f'<p class="label">{shown} of {total} shown; `screening catalog sql` has the rest.</p>'
