"""Gene-by-motif matrices as files: feather, parquet, tables of text, and npz."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.tables import first_repeated
from get_core.whole_file import whole_file

__all__ = ["GeneByMotif", "read_matrix", "write_matrix"]

# What the columns with the genes' names are called in files that were written with an index.
INDEX_COLUMNS = ("index", "gene_name", "gene", "__index_level_0__", "Unnamed: 0", "")
READ = (".feather", ".parquet", ".tsv", ".csv", ".tsv.gz", ".csv.gz", ".npz")


@dataclass(frozen=True, eq=False)
class GeneByMotif:
    """What each motif does to each gene.

    Parameters
    ----------
    genes : tuple of str (g,)
        One at least. A gene may have several rows, one per transcription start.
    motifs : tuple of str (m,)
        Without repeats; the last is usually "Accessibility".
    values : float32 (g, m)
        Finite.
    notes : tuple of str
        What is to be known about the numbers, for example what was undone.
    """

    genes: tuple[str, ...]
    motifs: tuple[str, ...]
    values: NDArray[np.float32]
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.genes), len(self.motifs)):
            raise InvalidInput(
                f"a gene-by-motif matrix of {len(self.genes)} genes and {len(self.motifs)} motifs has the shape "
                f"{self.values.shape}"
            )
        if not self.genes:
            raise InvalidInput("a gene-by-motif matrix without genes")
        repeated = first_repeated(self.motifs)
        if repeated is not None:
            raise InvalidInput(f"a gene-by-motif matrix names the motif {repeated!r} twice")
        if not np.isfinite(self.values).all():
            row, column = np.argwhere(~np.isfinite(self.values))[0]
            raise InvalidInput(f"the value of {self.genes[row]} and {self.motifs[column]} is not finite")


def read_matrix(path: str | Path) -> GeneByMotif:
    """Read a gene-by-motif matrix.

    Parameters
    ----------
    path : str or Path
        ``.feather`` or ``.parquet`` (the published code's), ``.tsv`` or ``.csv`` (also ``.gz``), with the genes in
        one column of text and a column of numbers for each motif; or ``.npz`` with ``matrix``, ``genes`` and
        ``motifs``.

    Returns
    -------
    GeneByMotif

    Raises
    ------
    InvalidInput
        Another ending, a damaged file, no or several columns of text, or values that are not finite numbers.
    """
    path = Path(path)
    if not path.exists():
        raise InvalidInput(f"{path}: no such file")
    name = path.name.lower()
    if not name.endswith(READ):
        raise InvalidInput(f"{path}: a gene-by-motif matrix ends in {', '.join(READ)}")
    try:
        if name.endswith(".npz"):
            with np.load(path, allow_pickle=False) as stored:
                return GeneByMotif(
                    tuple(stored["genes"].tolist()),
                    tuple(stored["motifs"].tolist()),
                    stored["matrix"].astype(np.float32),
                )
        return _from_table(path, name)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", cure=" ".join(getattr(error, "__notes__", ()))) from error
    except Exception as error:
        # Readers raise many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(f"{path}: cannot be read: {type(error).__name__}: {str(error)[:200]}") from error


def write_matrix(matrix: GeneByMotif, path: str | Path) -> None:
    """Write a matrix as ``.feather``, ``.parquet`` or ``.tsv``, genes in the column ``index``.

    Parameters
    ----------
    matrix : GeneByMotif
        What to write.
    path : str or Path
        Replaced if it is there; appears whole or not at all.

    Raises
    ------
    InvalidInput
        Another ending.
    """
    import pyarrow as pa
    from pyarrow import csv, feather, parquet

    path = Path(path)
    columns = {"index": pa.array(matrix.genes, pa.string())}
    columns |= {motif: pa.array(matrix.values[:, column]) for column, motif in enumerate(matrix.motifs)}
    table = pa.table(columns)
    with whole_file(path) as part:
        match path.suffix:
            case ".feather":
                feather.write_feather(table, part)
            case ".parquet":
                parquet.write_table(table, part)
            case ".tsv":
                csv.write_csv(table, part, csv.WriteOptions(delimiter="\t"))
            case _:
                raise InvalidInput(f"{path}: a matrix is written as .feather, .parquet or .tsv")


def _from_table(path: Path, name: str) -> GeneByMotif:
    import pyarrow as pa
    from pyarrow import csv, feather, parquet

    if name.endswith(".feather"):
        table = feather.read_table(path)
    elif name.endswith(".parquet"):
        table = parquet.read_table(path)
    else:
        delimiter = "\t" if ".tsv" in name else ","
        table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    repeated = first_repeated(table.column_names)
    if repeated is not None:
        raise InvalidInput(f"two columns are called {repeated!r}", cure="keep one column for each motif")
    text = [c for c in table.column_names if pa.types.is_string(table.schema.field(c).type)]
    text += [c for c in table.column_names if pa.types.is_large_string(table.schema.field(c).type)]
    named = [column for column in text if column in INDEX_COLUMNS] or text
    if len(named) != 1 or len(text) != 1:
        raise InvalidInput(
            f"{len(text)} columns of text ({', '.join(text[:5]) or 'none'}) where one names the genes",
            cure="keep one column of text, the genes, beside the numbers",
        )
    if table[named[0]].null_count:
        raise InvalidInput(f"column {named[0]!r} has {table[named[0]].null_count} rows without a gene")
    numbers = table.drop_columns(text)
    for column in numbers.column_names:
        kind = numbers.schema.field(column).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InvalidInput(f"column {column!r} holds {kind}, not numbers")
        if numbers[column].null_count:
            raise InvalidInput(f"column {column!r} has {numbers[column].null_count} empty values")
    if not numbers.column_names:
        raise InvalidInput("no column of numbers", cure="give one for each motif, beside the genes")
    values = np.column_stack([numbers[column].to_numpy() for column in numbers.column_names]).astype(np.float32)
    return GeneByMotif(tuple(table[named[0]].to_pylist()), tuple(numbers.column_names), values)
