"""Networks as files, from cause to effect in all of them: JSON, GraphML, tab-separated edges, arrays."""

import json
import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.causal.edges import directed_graph, ranked_edges
from get_core.errors import InvalidInput
from get_core.whole_file import whole_file

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = [
    "EDGE_COLUMNS",
    "from_graphml",
    "from_json",
    "load_arrays",
    "read_network",
    "to_edge_list",
    "to_graphml",
    "to_json",
    "write_network",
]

EDGE_COLUMNS = ("cause", "effect", "weight")

# XML 1.0 allows no other control characters, and a name with a line break would tear an edge list apart.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def to_json(graph: "DiGraph") -> str:
    """Return a network as node-link JSON, as D3 and networkx read it: `source` is the cause, `target` the effect.

    Parameters
    ----------
    graph : networkx.DiGraph
        Edges from cause to effect with a finite `weight`.

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        Names or weights that files cannot carry.
    """
    import networkx

    _check(graph, "the network")
    return json.dumps(networkx.node_link_data(graph, edges="edges"), ensure_ascii=False, allow_nan=False, indent=1)


def from_json(text: str, where: str = "JSON") -> "DiGraph":
    """Read what `to_json` wrote.

    Parameters
    ----------
    text : str
        Node-link JSON of a directed graph.
    where : str
        Its file, for messages.

    Returns
    -------
    networkx.DiGraph
        Equal to the one written.

    Raises
    ------
    InvalidInput
        Not JSON, not directed, an edge that joins unknown nodes, comes twice or lacks a finite weight.
    """
    import networkx

    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{where}: not JSON ({error})", cure="write it again with to_json") from error
    if not isinstance(data, dict) or data.get("directed") is not True or data.get("multigraph"):
        raise InvalidInput(f"{where}: not the node-link JSON of a directed graph", cure="write it with to_json")
    nodes, edges = data.get("nodes"), data.get("edges")
    try:
        graph = networkx.node_link_graph(data, multigraph=False, edges="edges")
    except (KeyError, TypeError, AttributeError, ValueError, networkx.NetworkXError) as error:
        raise InvalidInput(f"{where}: nodes or edges are incomplete ({error})", cure="write it with to_json") from error
    if not isinstance(nodes, list) or not isinstance(edges, list) or len(nodes) != len(graph):
        raise InvalidInput(f"{where}: an edge joins a node that is not listed, or a node is listed twice")
    if len(edges) != graph.number_of_edges():
        raise InvalidInput(f"{where}: an edge comes twice")
    _check(graph, where)
    return graph


def to_graphml(graph: "DiGraph") -> str:
    """Return a network as GraphML, for Cytoscape, Gephi, igraph and yEd.

    Parameters
    ----------
    graph : networkx.DiGraph
        Edges from cause to effect with a finite `weight`.

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        Names or weights that files cannot carry.
    """
    import networkx

    _check(graph, "the network")
    return "\n".join(networkx.generate_graphml(graph)) + "\n"


def from_graphml(text: str, where: str = "GraphML") -> "DiGraph":
    """Read what `to_graphml` wrote.

    Parameters
    ----------
    text : str
        GraphML of one directed graph without entities.
    where : str
        Its file, for messages.

    Returns
    -------
    networkx.DiGraph
        Equal to the one written.

    Raises
    ------
    InvalidInput
        Not GraphML, not directed, or an edge that comes twice or lacks a finite weight.
    """
    from xml.etree.ElementTree import ParseError

    import networkx

    if "<!" in text.replace("<!--", ""):
        raise InvalidInput(f"{where}: declares a document type or entities", cure="remove the <!DOCTYPE ...> part")
    try:
        graph = networkx.parse_graphml(text)
    except (ParseError, ValueError, KeyError, networkx.NetworkXError) as error:
        raise InvalidInput(f"{where}: not GraphML ({error})", cure="write it again with to_graphml") from error
    if not graph.is_directed() or graph.is_multigraph():
        raise InvalidInput(f"{where}: the graph has no direction, or an edge comes twice")
    # networkx adds these two empty dictionaries on reading.
    graph.graph = {name: value for name, value in graph.graph.items() if name not in ("node_default", "edge_default")}
    _check(graph, where)
    return graph


def to_edge_list(graph: "DiGraph") -> str:
    """Return the edges as tab-separated ``cause effect weight`` with that header, the strongest first.

    Parameters
    ----------
    graph : networkx.DiGraph
        Edges from cause to effect with a finite `weight`. Motifs without an edge are not in the result.

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        Names or weights that files cannot carry.
    """
    _check(graph, "the network")
    edges = sorted(graph.edges(data="weight"), key=lambda edge: (-abs(edge[2]), edge[0], edge[1]))
    rows = [EDGE_COLUMNS, *((cause, effect, repr(float(weight))) for cause, effect, weight in edges)]
    return "".join("\t".join(row) + "\n" for row in rows)


def write_network(graph: "DiGraph", path: str | Path) -> None:
    """Write a network in the format that the file's name asks for; the file appears whole or not at all.

    Parameters
    ----------
    graph : networkx.DiGraph
        Edges from cause to effect with a finite `weight`.
    path : str or Path
        ``.json``, ``.graphml``, ``.tsv`` (edges), or ``.npz`` (`adjacency` float64 (d, d), ``[i, j]`` the effect of
        motif j on motif i, and `motifs` str (d,)).

    Raises
    ------
    InvalidInput
        Another suffix, or names or weights that files cannot carry.
    """
    path = Path(path)
    if path.suffix == ".npz":
        import networkx

        _check(graph, "the network")
        motifs = list(graph)
        adjacency = networkx.to_numpy_array(graph, nodelist=motifs, weight="weight").T
        with whole_file(path) as part:
            np.savez_compressed(part, adjacency=adjacency, motifs=np.array(motifs))
        return
    texts: dict[str, Callable[[DiGraph], str]] = {".json": to_json, ".graphml": to_graphml, ".tsv": to_edge_list}
    if path.suffix not in texts:
        raise InvalidInput(
            f"{path}: no format for {path.suffix or 'a name without suffix'}",
            cure="call it .json, .graphml, .tsv or .npz",
        )
    text = texts[path.suffix](graph)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_network(path: str | Path) -> "DiGraph":
    """Read a network that `write_network` wrote as ``.json``, ``.graphml`` or ``.npz``.

    Parameters
    ----------
    path : str or Path
        The file. Ranks and selection of an ``.npz`` file are made anew with the default top fraction. Edge lists and
        matrices of other programs need their direction told: `get_core.causal.reference`.

    Returns
    -------
    networkx.DiGraph

    Raises
    ------
    InvalidInput
        No such file, another suffix, or a damaged file.
    """
    path = Path(path)
    if path.suffix == ".npz":
        arrays = load_arrays(path)
        missing = {"adjacency", "motifs"} - set(arrays)
        if missing:
            raise InvalidInput(f"{path}: no array {' and '.join(sorted(missing))}", cure="write it with write_network")
        motifs = [str(motif) for motif in arrays["motifs"]]
        if arrays["adjacency"].shape != (len(motifs), len(motifs)) or len(set(motifs)) < len(motifs):
            raise InvalidInput(f"{path}: adjacency {arrays['adjacency'].shape} does not fit {len(motifs)} motifs")
        graph = directed_graph(ranked_edges(arrays["adjacency"], motifs), motifs)
        _check(graph, str(path))
        return graph
    readers = {".json": from_json, ".graphml": from_graphml}
    if path.suffix not in readers:
        raise InvalidInput(
            f"{path}: not a .json, .graphml or .npz file",
            cure="get_core.causal.reference reads edge lists and matrices",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read: {error}", cure="check the path") from error
    return readers[path.suffix](text, str(path))


def load_arrays(path: str | Path) -> dict[str, NDArray]:
    """Read all arrays of an ``.npz`` file, never a pickle.

    Raises
    ------
    InvalidInput
        No such file, not an ``.npz`` file, or one with pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InvalidInput(
            f"{path}: not a readable .npz file: {error}", cure="check the path, or make it anew"
        ) from error


def _check(graph: "DiGraph", where: str) -> None:
    """Refuse what one of the formats would change or lose."""
    for motif in graph:
        if not isinstance(motif, str) or not motif.strip() or _UNPRINTABLE.search(motif):
            raise InvalidInput(f"{where}: {motif!r} is not a motif name of printable characters")
    for cause, effect, weight in graph.edges(data="weight"):
        if cause == effect:
            raise InvalidInput(f"{where}: {cause} is its own cause")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
            raise InvalidInput(f"{where}: the edge {cause} -> {effect} has the weight {weight!r}, not a number")
