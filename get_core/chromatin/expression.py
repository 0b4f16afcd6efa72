"""Gene expression per cell type in transcripts per million, from tables and h5ad files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from get_core.chromatin.h5ad import open_h5ad, sums_by_type
from get_core.errors import InvalidInput
from get_core.tables import Expression, first_repeated, read_expression

__all__ = ["RnaUnit", "read_rna"]

RnaUnit = Literal["TPM", "counts", "log10(TPM+1)"]
LARGEST_LOG = 7.0
"""log10(10⁶ + 1) is 6: a million is all there is. Somewhat more allows for other scalings."""


def read_rna(
    path: str | Path,
    unit: RnaUnit,
    *,
    cell_type_column: str = "cell_type",
    cells: Mapping[str, str] | None = None,
    layer: str = "",
) -> tuple[Expression, str]:
    """Read expression and bring it to transcripts per million.

    Parameters
    ----------
    path : str or Path
        A table with the header ``gene`` and the names of the cell types, or an h5ad file, cells x genes, with counts.
    unit : {"TPM", "counts", "log10(TPM+1)"}
        Of a table: as it is, scaled to a sum of a million, or 10ˣ - 1. An h5ad file holds counts.
    cell_type_column : str
        Column of ``obs`` of an h5ad file.
    cells : mapping of str to str, optional
        Barcode to cell type, where an h5ad file has no such column.
    layer : str
        Of an h5ad file; see `get_core.chromatin.h5ad.sums_by_type`.

    Returns
    -------
    Expression
        In TPM; for counts of transcripts by tags (UMI) these are counts per million.
    str
        How it was made.

    Raises
    ------
    InvalidInput
        With file and line; or values that are not in the unit.
    """
    if unit not in get_args(RnaUnit):
        raise InvalidInput(f"unit of {path} is {unit!r}", cure=f"it is one of {', '.join(get_args(RnaUnit))}")
    if Path(path).suffix == ".h5ad":
        with open_h5ad(path) as data:
            use = None if cell_type_column in data.obs.columns else cells
            sums, names, _ = sums_by_type(data, cell_type_column, use, layer=layer)
            kept = data.columns_of("Gene Expression")
            genes, sums = tuple(str(name) for name in data.var.index[kept]), sums[:, kept]
        repeated = first_repeated(genes)
        if not genes:
            raise InvalidInput(f"{path}: no gene in it", cure="feature_types, if there, must say Gene Expression")
        if repeated is not None:
            raise InvalidInput(f"{path}: gene {repeated} occurs twice", cure="sum its columns or make names unique")
        values, unit = sums, "counts"
    else:
        table = read_expression(path)
        genes, names, values = table.genes, table.cell_types, table.values.astype(np.float64)
    if unit == "counts":
        total = values.sum(axis=1, keepdims=True)
        empty = np.flatnonzero(total[:, 0] == 0)
        if empty.size:
            raise InvalidInput(f"{path}: {names[empty[0]]} has no counts", cure="remove its column")
        values, how = values / total * 1e6, "counts / sum of counts · 10⁶"
    elif unit == "log10(TPM+1)":
        if values.max() > LARGEST_LOG:
            raise InvalidInput(
                f"{path}: {values.max():g} is no log10(TPM + 1), which ends at 6", cure="state --rna-unit TPM or counts"
            )
        values, how = 10**values - 1, "10 to the stored log10(TPM + 1), less 1"
    else:
        how = "as given"
    return Expression(genes, names, values.astype(np.float32)), how
