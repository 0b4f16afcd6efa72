"""Files of the published code as a cell type of an atlas: its matrix or its network, with the atlas's own motifs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from get_core.features import feature_names
from screening.errors import InvalidInput

if TYPE_CHECKING:
    from get_core.causal.reference import ImportedNetwork
    from get_core.formats import GeneByMotif
    from get_core.formats.interpretation import Reduce, Strands

__all__ = [
    "LIST",
    "ZARR",
    "Matrix",
    "check_matrix",
    "format_of",
    "interpretation",
    "names_its_direction",
    "network",
    "table",
]

ZARR, LIST = "interpretation_zarr", "edge_list"


@dataclass(frozen=True, eq=False)
class Matrix:
    """A gene-by-motif matrix that was read, as attribution makes them.

    Attributes
    ----------
    values : float32 (g, F)
        One row per gene, one column per feature of the atlas in its order.
    genes : tuple of str (g,)
        Sorted.
    notes : tuple of str
        What is to be known about the numbers.
    of_windows : dict of str to array (w,)
        What an interpretation zarr has of each window, in its order: `strand` and, if it is there, `output`.
    """

    values: NDArray[np.float32]
    genes: tuple[str, ...]
    notes: tuple[str, ...]
    of_windows: dict[str, NDArray]


def format_of(path: Path) -> str:
    """Return what a matrix is stored as: `ZARR`, or the ending of its name."""
    if path.is_dir() or path.suffix == ".zip":
        return ZARR
    return path.name.lower().removesuffix(".gz").rpartition(".")[2]


def check_matrix(path: Path, features: Sequence[str]) -> None:
    """Check a matrix; of an interpretation zarr all but the Jacobians, which may be gigabytes.

    Parameters
    ----------
    path : Path
        The file.
    features : sequence of str (F,)
        Of the atlas.

    Raises
    ------
    InvalidInput
        A damaged file, values that are not finite, or other motifs than the atlas has.
    """
    from get_core.formats import check_interpretation, read_matrix

    if format_of(path) == ZARR:
        check_interpretation(path, motifs=_order_in_zarr(features))
    else:
        _columns(read_matrix(path).motifs, features, path)


def interpretation(
    path: Path,
    features: Sequence[str],
    *,
    strands: "Strands",
    reduce: "Reduce",
    progress: Callable[[int, int], None] | None = None,
) -> Matrix:
    """Read an interpretation zarr; `get_core.formats.read_interpretation` says how and what it refuses."""
    from get_core.formats import read_interpretation

    names = _order_in_zarr(features)
    read = read_interpretation(path, motifs=names, strands=strands, reduce=reduce, progress=progress)
    note = (
        f"motifs are {'the atlas' if names == tuple(features) else 'GET'}'s in their order, which the file does not say"
    )
    of_windows: dict[str, NDArray] = {"strand": read.strand}
    if read.predicted is not None:
        of_windows["output"] = read.predicted
    return _by_gene(path, features, read.by_motif, note, of_windows)


def table(path: Path, features: Sequence[str]) -> Matrix:
    """Read a gene-by-motif table; `get_core.formats.read_matrix` says how and what it refuses."""
    from get_core.formats import read_matrix

    note = "values as stored; the file does not say what they were summed over, nor their unit"
    return _by_gene(path, features, read_matrix(path), note, {})


def names_its_direction(path: Path) -> bool:
    """Return whether a list of edges has the header that says which end is the cause."""
    from get_core.causal.interchange import EDGE_COLUMNS
    from get_core.text import numbered_lines

    _, first = next(numbered_lines(path), (0, ""))
    return tuple(first.split("\t")) == EDGE_COLUMNS


def network(
    path: Path, features: Sequence[str], *, first_column: Literal["cause", "effect"] | None, top_fraction: float
) -> "ImportedNetwork":
    """Read a list of edges, from cause to effect.

    Parameters
    ----------
    path : Path
        The file.
    features : sequence of str (F,)
        Of the atlas.
    first_column : str or None
        Which end of an edge comes first; None where the header says it.
    top_fraction : float
        Share of the edges that is selected.

    Raises
    ------
    InvalidInput
        With file and line: not a list of edges, no effect in it, or a motif that the atlas does not have.
    """
    from get_core.causal import read_edge_list

    reversed_ = None if first_column is None else first_column == "effect"
    found = read_edge_list(path, legacy_direction=reversed_, top_fraction=top_fraction)
    known = set(features)
    unknown = [name for name in found.motifs if name not in known]
    if unknown:
        raise InvalidInput(
            f"{path}:{_line_with(path, unknown[0])}: the atlas has no motif {unknown[0]!r}{_and_more(unknown)}",
            cure="give the atlas that the network was made with, or leave its edges out",
        )
    if not found.edges:
        raise InvalidInput(f"{path}: no edge with an effect other than 0", cure="give a list with effects")
    return found


def _by_gene(
    path: Path, features: Sequence[str], found: "GeneByMotif", note: str, of_windows: dict[str, NDArray]
) -> Matrix:
    """Order the columns as the atlas does, and average the rows of a gene, its transcription starts."""
    from get_core.attribution import mean_by_gene

    notes = [*found.notes, note]
    values, genes = mean_by_gene(found.values[:, _columns(found.motifs, features, path)], found.genes)
    if len(genes) < len(found.genes):
        notes.append(f"{len(found.genes)} rows of {len(genes)} genes: the mean over the rows of each gene")
    return Matrix(values, genes, tuple(notes), of_windows)


def _order_in_zarr(features: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a zarr's features: GET's order where the atlas has GET's clusters, else the atlas's."""
    from get_core.motifs import clusters

    published = feature_names(clusters())
    return published if set(published) == set(features) else tuple(features)


def _columns(found: Sequence[str], features: Sequence[str], path: Path) -> list[int]:
    """Return the columns of a matrix in the order of the atlas's features; it must have just these."""
    place = {name: column for column, name in enumerate(found)}
    known = set(features)
    unknown = [name for name in found if name not in known]
    if unknown:
        raise InvalidInput(
            f"{path}: the atlas has no motif {unknown[0]!r}{_and_more(unknown)}",
            cure="give the atlas that the matrix was made with, or leave the column out",
        )
    missing = [name for name in features if name not in place]
    if missing:
        raise InvalidInput(
            f"{path}: no column for the motif {missing[0]!r} of the atlas{_and_more(missing)}",
            cure="give the matrix with all motifs of the atlas",
        )
    return [place[name] for name in features]


def _line_with(path: Path, motif: str) -> int:
    from get_core.text import numbered_lines

    return next(number for number, line in numbered_lines(path) if motif in line.split("\t") + line.split())


def _and_more(names: Sequence[str]) -> str:
    return f", nor {len(names) - 1} others" if len(names) > 1 else ""
