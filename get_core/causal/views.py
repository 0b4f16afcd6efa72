"""Questions to a causal network: what drives a motif, what it drives, which motifs belong together, who are the hubs.

All functions take a `networkx.DiGraph` whose edges run from cause to effect and carry a `weight`, as
`CausalNetwork.graph` and `directed_graph` make them. The graph is never changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from networkx import DiGraph, Graph

__all__ = [
    "Communities",
    "CommunityMethod",
    "Degree",
    "Link",
    "children",
    "communities",
    "degrees",
    "neighbours",
    "parents",
    "subnetwork",
]

CommunityMethod = Literal["greedy", "leiden"]


@dataclass(frozen=True)
class Link:
    """A motif at the other end of an edge, and the effect on it or of it."""

    motif: str
    weight: float


@dataclass(frozen=True)
class Degree:
    """How connected a motif is in the network of a cell type.

    Parameters
    ----------
    cell_type, motif : str
        Where, and who.
    out_degree, in_degree : int
        Motifs it drives, and motifs that drive it.
    out_strength, in_strength : float
        Sums of the absolute weights of these edges.
    """

    cell_type: str
    motif: str
    out_degree: int
    in_degree: int
    out_strength: float
    in_strength: float


@dataclass(frozen=True)
class Communities:
    """A division of all motifs into groups.

    Parameters
    ----------
    groups : tuple of tuple of str
        The largest first, then by first motif; motifs in alphabetical order. A motif without an edge is alone.
    modularity : float
        Newman's Q of the division, on absolute weights without direction; 0 for a network without edges.
    method : str
        ``"greedy"`` or ``"leiden"``.
    """

    groups: tuple[tuple[str, ...], ...]
    modularity: float
    method: CommunityMethod


def parents(graph: "DiGraph", motif: str) -> tuple[Link, ...]:
    """Return the causes of a motif, the strongest effect first.

    Raises
    ------
    InvalidInput
        The network has no such motif.
    """
    _check(graph, [motif])
    return _strongest_first({cause: graph[cause][motif]["weight"] for cause in graph.predecessors(motif)})


def children(graph: "DiGraph", motif: str) -> tuple[Link, ...]:
    """Return the effects of a motif, the strongest first.

    Raises
    ------
    InvalidInput
        The network has no such motif.
    """
    _check(graph, [motif])
    return _strongest_first({effect: graph[motif][effect]["weight"] for effect in graph.successors(motif)})


def neighbours(graph: "DiGraph", motif: str) -> tuple[Link, ...]:
    """Return causes and effects of a motif together, the strongest first; of two edges with one motif the stronger.

    Raises
    ------
    InvalidInput
        The network has no such motif.
    """
    found: dict[str, float] = {}
    for link in (*parents(graph, motif), *children(graph, motif)):
        found[link.motif] = max(found.get(link.motif, 0.0), link.weight, key=abs)
    return _strongest_first(found)


def subnetwork(graph: "DiGraph", motifs: Iterable[str], *, radius: int = 1) -> "DiGraph":
    """Cut out the surroundings of some motifs.

    Parameters
    ----------
    graph : networkx.DiGraph
        The network.
    motifs : iterable of str
        Its centres, at least one.
    radius : int
        Edges from a centre at most, in either direction; 0 keeps the centres alone.

    Returns
    -------
    networkx.DiGraph
        A copy with these motifs and every edge between them.

    Raises
    ------
    InvalidInput
        No centre, one that the network lacks, or a negative radius.
    """
    reached = set(motifs)
    _check(graph, reached)
    if not reached:
        raise InvalidInput("a subnetwork needs at least one motif")
    if radius < 0:
        raise InvalidInput(f"radius {radius} is negative", cure="use 1 for a motif with its causes and effects")
    frontier = reached
    for _ in range(radius):
        frontier = {
            other for motif in frontier for other in (*graph.predecessors(motif), *graph.successors(motif))
        } - reached
        reached = reached | frontier
    return graph.subgraph([motif for motif in graph if motif in reached]).copy()


def degrees(graphs: "Mapping[str, DiGraph]") -> tuple[Degree, ...]:
    """Count causes and effects of every motif in every cell type.

    Parameters
    ----------
    graphs : mapping of str to networkx.DiGraph
        Network of each cell type. Pass graphs of the selected edges alone to count those.

    Returns
    -------
    tuple of Degree
        By cell type in the order of the mapping, then by falling out-degree, out-strength, and name. A motif that a
        cell type's network does not have is absent, which is not the same as a degree of 0.
    """
    found = []
    for cell_type, graph in graphs.items():
        rows = [
            Degree(
                cell_type,
                motif,
                graph.out_degree(motif),
                graph.in_degree(motif),
                sum(abs(weight) for _, _, weight in graph.out_edges(motif, data="weight")),
                sum(abs(weight) for _, _, weight in graph.in_edges(motif, data="weight")),
            )
            for motif in graph
        ]
        found += sorted(rows, key=lambda row: (-row.out_degree, -row.out_strength, row.motif))
    return tuple(found)


def communities(
    graph: "DiGraph", *, method: CommunityMethod = "greedy", resolution: float = 1.0, seed: int = 0
) -> Communities:
    """Divide the motifs into groups with many and strong edges inside.

    Direction is left out: the weight between two motifs is the sum of the absolute effects both ways.

    Parameters
    ----------
    graph : networkx.DiGraph
        The network.
    method : {"greedy", "leiden"}
        Greedy modularity, as the reference does (Clauset, Newman and Moore 2004, doi 10.1103/PhysRevE.70.066111), or
        Leiden (Traag, Waltman and van Eck 2019, doi 10.1038/s41598-019-41695-z), which needs the package leidenalg.
    resolution : float
        Above 1 favours small groups, below 1 large ones.
    seed : int
        Seed of Leiden; greedy modularity has none.

    Returns
    -------
    Communities

    Raises
    ------
    InvalidInput
        A method that is unknown or not installed, or a resolution that is not above 0.
    """
    import networkx

    if method not in get_args(CommunityMethod):
        raise InvalidInput(f"unknown method {method!r}", cure='use "greedy" or "leiden"')
    if not resolution > 0:
        raise InvalidInput(f"resolution {resolution} is not above 0")
    undirected = _undirected(graph)
    if not undirected.number_of_edges():
        return Communities(tuple((motif,) for motif in sorted(graph)), 0.0, method)
    if method == "leiden":
        groups = _leiden(undirected, resolution, seed)
    else:
        groups = networkx.community.greedy_modularity_communities(undirected, weight="weight", resolution=resolution)
    named = sorted((tuple(sorted(group)) for group in groups), key=lambda group: (-len(group), group))
    modularity = networkx.community.modularity(undirected, named, weight="weight", resolution=resolution)
    return Communities(tuple(named), float(modularity), method)


def _undirected(graph: "DiGraph") -> "Graph":
    """Return the graph without direction, absolute weights of both ways added; nodes and edges sorted."""
    import networkx

    undirected = networkx.Graph()
    undirected.add_nodes_from(sorted(graph))
    for cause, effect in sorted(graph.edges):
        before = undirected.get_edge_data(cause, effect, {"weight": 0.0})["weight"]
        undirected.add_edge(cause, effect, weight=before + abs(graph[cause][effect]["weight"]))
    return undirected


def _leiden(undirected: "Graph", resolution: float, seed: int) -> list[list[str]]:
    try:
        import igraph
        import leidenalg
    except ImportError:
        raise InvalidInput(
            "Leiden communities need the packages leidenalg and igraph",
            cure='pip install "structural-interaction-screening[explore]", or use method "greedy"',
        ) from None
    names = list(undirected)
    number = {name: i for i, name in enumerate(names)}
    copy = igraph.Graph(len(names), [(number[a], number[b]) for a, b in undirected.edges])
    partition = leidenalg.find_partition(
        copy,
        leidenalg.RBConfigurationVertexPartition,
        weights=[weight for _, _, weight in undirected.edges(data="weight")],
        resolution_parameter=resolution,
        n_iterations=-1,
        seed=seed,
    )
    return [[names[i] for i in group] for group in partition]


def _strongest_first(weights: Mapping[str, float]) -> tuple[Link, ...]:
    links = (Link(motif, weight) for motif, weight in weights.items())
    return tuple(sorted(links, key=lambda link: (-abs(link.weight), link.motif)))


def _check(graph: "DiGraph", motifs: Iterable[str]) -> None:
    import difflib

    for motif in sorted(motifs):
        if motif not in graph:
            close = difflib.get_close_matches(motif, sorted(graph), n=3)
            cure = f"did you mean {' or '.join(close)}?" if close else f"it has {len(graph)} motifs, named by cluster"
            raise InvalidInput(f"the network has no motif {motif!r}", cure=cure)
