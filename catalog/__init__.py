"""Records and artifacts of a screen → `catalog.duckdb` → exports and report."""

from catalog.catalog import Catalog, Column
from catalog.connection import CatalogBusy, CatalogOutdated
from catalog.errors import CatalogError
from catalog.record import Record
from catalog.store import Store
from catalog.verification import Problem

__all__ = ["Catalog", "CatalogBusy", "CatalogError", "CatalogOutdated", "Column", "Problem", "Record", "Store"]
