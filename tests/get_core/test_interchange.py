"""Networks as files: what is written is read back equal, and damaged files are refused."""

import json
from pathlib import Path

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from get_core.causal import causal_network, read_edge_list, read_network, write_network
from get_core.causal.edges import directed_graph, ranked_edges
from get_core.causal.interchange import from_graphml, from_json, to_edge_list, to_graphml, to_json
from get_core.errors import InvalidInput

names = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=8).filter(str.strip)
weights = st.floats(allow_nan=False, allow_infinity=False).filter(bool)


@st.composite
def graphs(draw: st.DrawFn) -> networkx.DiGraph:
    motifs = draw(st.lists(names, unique=True, min_size=1, max_size=6))
    pairs = [(i, j) for i in range(len(motifs)) for j in range(len(motifs)) if i != j]
    effects = np.zeros((len(motifs),) * 2)
    for pair in draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6)) if pairs else []:
        effects[pair] = draw(weights)
    graph = directed_graph(ranked_edges(effects, motifs), motifs)
    graph.graph["method"] = "direct"
    return graph


@given(graphs())
def test_json_and_graphml_are_read_back_equal(graph: networkx.DiGraph) -> None:
    assert networkx.utils.graphs_equal(from_json(to_json(graph)), graph)
    assert networkx.utils.graphs_equal(from_graphml(to_graphml(graph)), graph)


def fitted() -> networkx.DiGraph:
    rng = np.random.default_rng(0)
    x, z = rng.exponential(size=(2, 500))
    columns = [0.8 * x + rng.exponential(size=500), x, np.zeros(500), z]
    return causal_network(np.column_stack(columns), ["KLF/SP/2", "GATA", "EMPTY", "Z"], top_fraction=1).graph()


@pytest.mark.parametrize("suffix", [".json", ".graphml"])
def test_a_fitted_network_is_read_back_equal(suffix: str, tmp_path: Path) -> None:
    graph, path = fitted(), tmp_path / "new" / f"network{suffix}"
    write_network(graph, path)
    again = read_network(path)
    assert networkx.utils.graphs_equal(again, graph)
    assert again.graph["dropped"] == "EMPTY: constant"
    assert again.graph["zscore_ddof"] == 0
    assert again.nodes["GATA"]["order"] < again.nodes["KLF/SP/2"]["order"]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_arrays_have_effects_as_rows(tmp_path: Path) -> None:
    write_network(fitted(), tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz", allow_pickle=False) as file:
        assert file["motifs"].tolist() == ["KLF/SP/2", "GATA", "Z"]
        assert file["adjacency"][0, 1] == fitted()["GATA"]["KLF/SP/2"]["weight"]
    assert dict(read_network(tmp_path / "n.npz").edges) == dict(fitted().edges)


def test_json_names_source_and_target_as_cause_and_effect() -> None:
    (edge, *_) = json.loads(to_json(fitted()))["edges"]
    assert (edge["source"], edge["target"]) == ("GATA", "KLF/SP/2")


def test_edge_list_is_read_back_with_its_direction(tmp_path: Path) -> None:
    path = tmp_path / "edges.tsv"
    write_network(fitted(), path)
    assert path.read_text().splitlines()[0] == "cause\teffect\tweight"
    network = read_edge_list(path)
    assert dict(network.graph().edges) == dict(fitted().edges)
    assert network.notes == ("edges.tsv: edges read as named",)


@pytest.mark.parametrize(
    ("cause", "effect", "weight", "message"),
    [
        ("a", "a", 1.0, "its own cause"),
        ("a", "b", float("nan"), "not a number"),
        ("a", "b\n", 1.0, "printable"),
        ("a", "b", None, "not a number"),
    ],
)
@pytest.mark.parametrize("write", [to_json, to_graphml, to_edge_list])
def test_what_files_cannot_carry_is_refused(cause, effect, weight, message, write) -> None:
    graph = networkx.DiGraph()
    graph.add_edge(cause, effect, weight=weight)
    with pytest.raises(InvalidInput, match=message):
        write(graph)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "node-link"),
        ('{"directed": false, "nodes": [], "edges": []}', "directed"),
        ('{"directed": true, "edges": []}', "incomplete"),
        (
            '{"directed": true, "nodes": [{"id": "a"}], "edges": [{"source": "a", "target": "b", "weight": 1}]}',
            "listed",
        ),
        (
            '{"directed": true, "nodes": [{"id": "a"}, {"id": "b"}], "edges": ['
            '{"source": "a", "target": "b", "weight": 1}, {"source": "a", "target": "b", "weight": 2}]}',
            "twice",
        ),
        (
            '{"directed": true, "nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b"}]}',
            "not a number",
        ),
        ('{"directed": true, "nodes": [{"id": 1}], "edges": []}', "not a motif name"),
    ],
)
def test_damaged_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_json(text, "n.json")


def test_damaged_graphml_is_refused() -> None:
    good = to_graphml(fitted())
    for text, message in [
        (good[:-20], "not GraphML"),
        (good.replace("directed", "undirected"), "no direction"),
        (f'<!DOCTYPE x [<!ENTITY a "aa">]>{good}', "entities"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            from_graphml(text)


def test_files_that_are_no_networks_are_refused(tmp_path: Path) -> None:
    graph = fitted()
    with pytest.raises(InvalidInput, match=r"no format for \.xlsx"):
        write_network(graph, tmp_path / "n.xlsx")
    np.savez(tmp_path / "pickled.npz", adjacency=np.array([{}], dtype=object), motifs=["a"])
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe\x00")
    for name, message in [
        ("pickled.npz", "not a readable"),
        ("other.npz", "no array adjacency and motifs"),
        ("text.npz", "not a readable"),
        ("absent.json", "cannot be read"),
        ("latin.json", "cannot be read"),
        ("edges.tsv", "not a .json"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            read_network(tmp_path / name)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    write_network(fitted(), path)
    before = path.read_bytes()
    broken = fitted()
    broken.add_edge("GATA", "GATA", weight=1.0)
    with pytest.raises(InvalidInput):
        write_network(broken, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
