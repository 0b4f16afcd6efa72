"""Query results and tables of a catalog as files."""

from pathlib import Path

from catalog.catalog import Catalog
from catalog.table_file import check_table_path, write_table

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
        As `catalog.table_file.write_table`.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    CatalogError
        The format is unknown, the folder is missing, or the query fails.
    """
    check_table_path(path)
    rows = catalog.sql(f'from "{query_or_table}"' if query_or_table.isidentifier() else query_or_table)
    write_table(rows, path)
    return rows.num_rows
