"""Networks of the reference implementation, turned the right way round.

pcalg's matrix has the effect of j on i at ``[i, j]``. The reference handed it untransposed to ``networkx.DiGraph``,
which reads ``[i, j]`` as an edge from i to j: every edge of its graphs and edge lists runs from effect to cause. Its
arrays are right when read as pcalg means them. What is read here runs from cause to effect, and the result says what
was done.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.causal.edges import TOP_FRACTION, CausalEdge, directed_graph, effect_matrix, ranked_edges
from get_core.causal.interchange import EDGE_COLUMNS, load_arrays
from get_core.errors import InvalidInput
from get_core.features import feature_names
from get_core.motifs import clusters
from get_core.tables import first_repeated
from get_core.text import numbered_lines

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["ImportedNetwork", "Rows", "read_edge_list", "read_effects"]

Rows = Literal["effects", "causes"]


@dataclass(frozen=True)
class ImportedNetwork:
    """A network made elsewhere.

    Parameters
    ----------
    motifs : tuple of str
        In the order of the file.
    edges : tuple of CausalEdge
        From cause to effect, by rank.
    notes : tuple of str
        How the file's direction was read, and what else was assumed or found.
    """

    motifs: tuple[str, ...]
    edges: tuple[CausalEdge, ...]
    notes: tuple[str, ...]

    def adjacency(self) -> NDArray[np.float64]:
        """Return effects, float64 (d, d) over `motifs`; ``[i, j]`` is the effect of motif j on motif i."""
        return effect_matrix(self.edges, self.motifs)

    def graph(self) -> "DiGraph":
        """Return the network with edges from cause to effect; `notes` becomes a graph attribute."""
        graph = directed_graph(self.edges, self.motifs)
        graph.graph["notes"] = "; ".join(self.notes)
        return graph


def read_effects(
    path: str | Path,
    motifs: Sequence[str] | None = None,
    *,
    rows: Rows = "effects",
    array: str = "",
    top_fraction: float = TOP_FRACTION,
) -> ImportedNetwork:
    """Read a matrix of effects.

    Parameters
    ----------
    path : str or Path
        ``.npz`` or ``.npy``; a ``.zarr`` folder, such as the reference's, whose `causal` and `causal_0`... are float
        (d, d); else text, tab- or comma-separated, plain or gzipped: numbers alone, under a header of motifs, or with
        each row begun by its motif as well.
    motifs : sequence of str (d,), optional
        Names of rows and columns where the file has none (as ``motifs`` or ``columns`` in an ``.npz``). Without any,
        282 columns are GET's motif clusters in its order, and a 283rd is ``Accessibility``.
    rows : {"effects", "causes"}
        What a row stands for. ``"effects"``: ``[i, j]`` is the effect of j on i, as in pcalg, lingam, the reference's
        arrays and here. ``"causes"``: the transpose, as ``networkx.to_numpy_array`` writes a graph.
    array : str
        Array of an ``.npz`` or ``.zarr`` file; by default `adjacency` or `causal`.
    top_fraction : float
        For the selection; see `ranked_edges`.

    Returns
    -------
    ImportedNetwork

    Raises
    ------
    InvalidInput
        No such file or array, not a square matrix of finite numbers with an empty diagonal, or names that do not fit.
    """
    if rows not in get_args(Rows):
        raise InvalidInput(f"rows={rows!r}", cure='use "effects" or "causes"')
    path = Path(path)
    matrix, found = _matrix(path, array)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "fiu":
        raise InvalidInput(f"{path}: not a square matrix of numbers but {matrix.dtype} {matrix.shape}")
    notes = [
        f"{path.name}: [i, j] read as the effect of j on i, edge j -> i; networkx.DiGraph(matrix) reads it reversed"
        if rows == "effects"
        else f"{path.name}: [i, j] read as the effect of i on j, edge i -> j"
    ]
    names = tuple(motifs) if motifs is not None else found
    if names is None:
        if len(matrix) not in (len(clusters()), len(clusters()) + 1):
            raise InvalidInput(f"{path}: no names for its {len(matrix)} motifs", cure="pass motifs=[...]")
        names = feature_names(clusters())[: len(matrix)]
        notes.append("motif names are GET's features in their order, which the file does not confirm")
    repeated = first_repeated(names)
    if len(names) != len(matrix) or repeated is not None:
        raise InvalidInput(
            f"{path}: {len(names)} names for {len(matrix)} columns"
            if repeated is None
            else f"{path}: two columns are called {repeated!r}"
        )
    effects = matrix.astype(np.float64) if rows == "effects" else matrix.T.astype(np.float64)
    return _imported(path, effects, names, notes, top_fraction)


def read_edge_list(
    path: str | Path, *, legacy_direction: bool | None = None, top_fraction: float = TOP_FRACTION
) -> ImportedNetwork:
    """Read a list of edges.

    Parameters
    ----------
    path : str or Path
        Text, plain or gzipped. With the header ``cause effect weight`` (tab-separated, as `write_network` writes it)
        the direction is named. Without, lines are ``source target weight`` separated by white space, as
        ``networkx.write_weighted_edgelist`` writes them.
    legacy_direction : bool
        For lists without a header. True: the list comes from the reference, whose graph was made from the
        untransposed matrix: `source` is the effect and `target` the cause, and edges are turned round. False: `source`
        is the cause. There is no default, because the file cannot tell.
    top_fraction : float
        For the selection; see `ranked_edges`.

    Returns
    -------
    ImportedNetwork
        Motifs in the order of first mention; its notes say whether edges were turned round.

    Raises
    ------
    InvalidInput
        With file and line; also where `legacy_direction` is missing or contradicts the header.
    """
    path = Path(path)
    lines = numbered_lines(path)
    number, line = next(lines, (0, ""))
    if not number:
        raise InvalidInput(f"{path}: no edge in the file")
    named = tuple(line.split("\t")) == EDGE_COLUMNS
    if named and legacy_direction:
        raise InvalidInput(
            f"{path}:{number}: the header names cause and effect, so there is nothing to turn round",
            cure="leave out legacy_direction",
        )
    if not named and legacy_direction is None:
        raise InvalidInput(
            f"{path}:{number}: a list without the header cause, effect, weight does not say which end is the cause",
            cure="pass legacy_direction=True for lists of the reference (reversed), False where source is the cause",
        )
    edges: dict[tuple[str, str], float] = {}
    rows = lines if named else [(number, line), *lines]
    for number, line in rows:
        cells = line.split("\t") if named else line.split()
        try:
            source, target, weight = cells[0], cells[1], float(cells[2])
        except (IndexError, ValueError):
            raise InvalidInput(f"{path}:{number}: expected two motifs and a weight: {line[:60]!r}") from None
        if len(cells) != 3 or not np.isfinite(weight) or source == target or not source or not target:
            raise InvalidInput(f"{path}:{number}: not one finite effect between two motifs: {line[:60]!r}")
        edge = (target, source) if legacy_direction else (source, target)
        if edge in edges:
            raise InvalidInput(f"{path}:{number}: the edge between {source} and {target} comes twice")
        edges[edge] = weight
    names = tuple(dict.fromkeys(motif for edge in edges for motif in edge))
    index = {name: i for i, name in enumerate(names)}
    effects = np.zeros((len(names), len(names)))
    for (cause, effect), weight in edges.items():
        effects[index[effect], index[cause]] = weight
    turned = "turned round: written from the untransposed matrix, source was the effect"
    note = "read as named" if named else turned if legacy_direction else "read as source -> target"
    return _imported(path, effects, names, [f"{path.name}: edges {note}"], top_fraction)


def _imported(
    path: Path, effects: NDArray[np.float64], names: tuple[str, ...], notes: list[str], top_fraction: float
) -> ImportedNetwork:
    if not np.isfinite(effects).all():
        row, column = np.argwhere(~np.isfinite(effects))[0]
        raise InvalidInput(f"{path}: the effect between {names[row]} and {names[column]} is not finite")
    if np.diag(effects).any():
        own = names[int(np.flatnonzero(np.diag(effects))[0])]
        raise InvalidInput(f"{path}: {own} has an effect on itself", cure="set the diagonal to 0 if it means nothing")
    network = ImportedNetwork(names, ranked_edges(effects, names, top_fraction), ())
    import networkx

    if not networkx.is_directed_acyclic_graph(network.graph()):
        notes = [*notes, "not acyclic: no causal order fits all edges (a mean of several runs need not be acyclic)"]
    return ImportedNetwork(names, network.edges, tuple(notes))


def _matrix(path: Path, array: str) -> tuple[NDArray, tuple[str, ...] | None]:
    """Return the matrix as it is in the file, and the names beside it."""
    if path.suffix == ".npz":
        arrays = load_arrays(path)
        name = array or next((usual for usual in ("adjacency", "causal") if usual in arrays), "causal")
        if name not in arrays:
            raise InvalidInput(f"{path}: no array {name!r}", cure=f"it has {', '.join(sorted(arrays))}")
        names = next((arrays[usual] for usual in ("motifs", "columns") if usual in arrays), None)
        return arrays[name], None if names is None else tuple(str(motif) for motif in names)
    if path.suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False), None
        except (OSError, ValueError, EOFError) as error:
            raise InvalidInput(f"{path}: not a readable .npy file: {error}", cure="check the path") from error
    if path.is_dir():
        return _zarr_array(path, array or "causal"), None
    return _text_matrix(path)


def _zarr_array(path: Path, name: str) -> NDArray:
    import zarr
    from zarr.errors import BaseZarrError

    try:
        found = zarr.open_group(path, mode="r").get(name)
    except (BaseZarrError, OSError, ValueError) as error:
        raise InvalidInput(f"{path}: not a zarr group: {error}", cure="give the .zarr folder itself") from error
    if not isinstance(found, zarr.Array):
        raise InvalidInput(f"{path}: no array {name!r}", cure="pass array=NAME")
    return np.asarray(found[:])


def _text_matrix(path: Path) -> tuple[NDArray, tuple[str, ...] | None]:
    lines = list(numbered_lines(path))
    if not lines:
        raise InvalidInput(f"{path}: the file is empty")
    delimiter = "\t" if "\t" in lines[0][1] else ","
    cells = list(csv.reader((line for _, line in lines), delimiter=delimiter))
    headed = not _is_number(cells[0][-1])
    labelled = headed and len(cells) > 1 and not _is_number(cells[1][0])
    names = tuple(name.strip() for name in cells[0][labelled:]) if headed else None
    width = len(cells[0]) - labelled
    values = []
    for (number, _), row in zip(lines[headed:], cells[headed:], strict=True):
        if labelled and names is not None and (len(values) >= width or row[0].strip() != names[len(values)]):
            raise InvalidInput(
                f"{path}:{number}: row {row[0]!r} is not in the place of its column",
                cure="begin each row with its motif, in the order of the header",
            )
        if len(row) != width + labelled or not all(map(_is_number, row[labelled:])):
            raise InvalidInput(f"{path}:{number}: not {width} numbers")
        values.append([float(cell) for cell in row[labelled:]])
    return np.array(values, np.float64), names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
