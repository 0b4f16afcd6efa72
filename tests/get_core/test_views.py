"""Views of a network worked out by hand on six motifs, against networkx, and on planted groups."""

import builtins
import itertools

import networkx
import numpy as np
import pytest

from get_core.causal import causal_network
from get_core.causal.edges import directed_graph, ranked_edges
from get_core.causal.views import Degree, Link, children, communities, degrees, neighbours, parents, subnetwork
from get_core.errors import InvalidInput


def graph_of(weights: dict[str, float], motifs: str = "abcdef") -> networkx.DiGraph:
    """Network of edges written as ``"ab"`` for a -> b."""
    effects = np.zeros((len(motifs), len(motifs)))
    for (cause, effect), weight in weights.items():
        effects[motifs.index(effect), motifs.index(cause)] = weight
    return directed_graph(ranked_edges(effects, tuple(motifs)), motifs)


TOY = {"ab": 0.5, "ac": -0.9, "bd": 0.2, "cd": 0.3, "de": 0.4}


def test_parents_cause_and_children_follow_on_a_known_sem() -> None:
    # x -> y <- w, y -> z: fails if any step from data to view turns an arrow round.
    rng = np.random.default_rng(0)
    x, w = rng.exponential(size=(2, 2000))
    y = 0.8 * x - 0.6 * w + rng.exponential(size=2000)
    z = 0.9 * y + rng.exponential(size=2000)
    network = causal_network(np.column_stack([z, y, x, w]), ["Z", "Y", "X", "W"], top_fraction=1.0)
    graph = network.graph()
    assert [link.motif for link in parents(graph, "Y")] == ["X", "W"]
    assert [link.motif for link in children(graph, "Y")] == ["Z"]
    assert children(graph, "Z") == parents(graph, "X") == ()
    rows = {row.motif: (row.out_degree, row.in_degree) for row in degrees({"cell": graph})}
    assert rows == {"X": (1, 0), "W": (1, 0), "Y": (1, 2), "Z": (0, 1)}
    assert graph.nodes["X"]["order"] < graph.nodes["Y"]["order"] < graph.nodes["Z"]["order"] == 4
    assert network.adjacency()[0, 1] == graph["Y"]["Z"]["weight"] > 0


def test_views_by_hand() -> None:
    graph = graph_of(TOY)
    assert children(graph, "a") == (Link("c", -0.9), Link("b", 0.5))
    assert parents(graph, "d") == (Link("c", 0.3), Link("b", 0.2))
    assert neighbours(graph, "d") == (Link("e", 0.4), Link("c", 0.3), Link("b", 0.2))
    assert neighbours(graph, "f") == ()
    both_ways = graph_of({"ab": 0.1, "ba": -0.3})
    assert neighbours(both_ways, "a") == (Link("b", -0.3),)


def test_unknown_motif_gets_a_suggestion() -> None:
    graph = directed_graph((), ["KLF/SP/1", "KLF/SP/2"])
    with pytest.raises(InvalidInput, match="no motif 'KLF/SP/3'") as caught:
        parents(graph, "KLF/SP/3")
    assert "KLF/SP/" in caught.value.__notes__[0]


@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_subnetwork_is_the_ego_graph_of_networkx(radius: int) -> None:
    graph = graph_of(TOY)
    for motif in graph:
        ours = subnetwork(graph, [motif], radius=radius)
        theirs = networkx.ego_graph(graph, motif, radius=radius, undirected=True)
        assert networkx.utils.graphs_equal(ours, theirs)


def test_subnetwork_of_several_motifs_is_a_copy() -> None:
    graph = graph_of(TOY)
    part = subnetwork(graph, ["b", "e"], radius=0)
    assert set(part) == {"b", "e"} and part.number_of_edges() == 0
    part = subnetwork(graph, ["b", "e"], radius=1)
    assert set(part) == {"a", "b", "d", "e"}
    assert set(part.edges) == {("a", "b"), ("b", "d"), ("d", "e")}
    part["a"]["b"]["weight"] = 9.0
    assert graph["a"]["b"]["weight"] == 0.5
    with pytest.raises(InvalidInput, match="negative"):
        subnetwork(graph, ["a"], radius=-1)
    with pytest.raises(InvalidInput, match="at least one"):
        subnetwork(graph, [])


def test_degrees_by_hand() -> None:
    found = degrees({"K562": graph_of(TOY), "HepG2": graph_of({"ba": -2.0}, "ab")})
    assert [row.motif for row in found if row.cell_type == "K562"] == list("adcbef")
    assert found[0] == Degree("K562", "a", 2, 0, 1.4, 0.0)
    assert found[1] == Degree("K562", "d", 1, 2, 0.4, 0.5)
    assert found[-2:] == (Degree("HepG2", "b", 1, 0, 2.0, 0.0), Degree("HepG2", "a", 0, 1, 0.0, 2.0))
    assert sum(row.out_degree for row in found) == sum(row.in_degree for row in found) == 6


def two_groups() -> networkx.DiGraph:
    inside = {a + b: 1.0 for group in ("abc", "def") for a, b in itertools.combinations(group, 2)}
    return graph_of(inside | {"cd": 0.1}, "abcdefg")


@pytest.mark.parametrize("method", ["greedy", "leiden"])
def test_communities_find_planted_groups(method) -> None:
    if method == "leiden":
        pytest.importorskip("leidenalg", reason="an extra")
    found = communities(two_groups(), method=method)
    assert found.groups == (("a", "b", "c"), ("d", "e", "f"), ("g",))
    # Q of two triangles and a bridge of 0.1: m = 6.1, strengths 6.1 each: 6/6.1 - 2·(6.1/12.2)².
    assert found.modularity == pytest.approx(6 / 6.1 - 0.5)
    assert found == communities(two_groups(), method=method)


def test_communities_do_not_see_direction_or_sign() -> None:
    turned = networkx.DiGraph()
    turned.add_nodes_from("gfedcba")
    for cause, effect, weight in two_groups().edges(data="weight"):
        turned.add_edge(effect, cause, weight=-weight)
    assert communities(turned) == communities(two_groups())


def test_network_without_edges_has_communities_of_one() -> None:
    assert communities(graph_of({}, "ba")).groups == (("a",), ("b",))


def test_bad_communities_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="unknown method"):
        communities(two_groups(), method="louvain")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="resolution"):
        communities(two_groups(), resolution=0.0)
    real = builtins.__import__

    def without_leidenalg(name: str, *rest, **named):
        if name == "leidenalg":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_leidenalg)
    with pytest.raises(InvalidInput, match="need the packages leidenalg") as caught:
        communities(two_groups(), method="leiden")
    assert "greedy" in caught.value.__notes__[0]
