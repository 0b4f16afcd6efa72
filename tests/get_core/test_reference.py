"""Imports of the reference's networks: every way to write them ends with edges from cause to effect, and says so."""

from pathlib import Path

import networkx
import numpy as np
import pytest

from get_core.causal import causal_network, read_edge_list, read_effects
from get_core.errors import InvalidInput
from get_core.motifs import clusters

# B[i, j] is the effect of j on i, as in pcalg: X -> Y 0.8, Y -> Z -0.9.
MOTIFS = ["Z", "X", "Y"]
B = np.array([[0.0, 0.0, -0.9], [0.0, 0.0, 0.0], [0.0, 0.8, 0.0]])
TRUE = {("X", "Y"): 0.8, ("Y", "Z"): -0.9}


def edges_of(network) -> dict[tuple[str, str], float]:
    return {(edge.cause, edge.effect): edge.weight for edge in network.edges}


def test_reference_graph_is_turned_round(tmp_path: Path) -> None:
    # What gcell does: the matrix untransposed to networkx, which then runs from effect to cause.
    wrong = networkx.relabel_nodes(networkx.DiGraph(B), dict(enumerate(MOTIFS)))
    assert set(wrong.edges) == {(effect, cause) for cause, effect in TRUE}
    path = tmp_path / "edges.txt"
    networkx.write_weighted_edgelist(wrong, path)
    network = read_edge_list(path, legacy_direction=True)
    assert edges_of(network) == TRUE
    assert set(network.graph().edges) == set(TRUE)
    assert "turned round" in network.notes[0] and "turned round" in network.graph().graph["notes"]
    as_written = read_edge_list(path, legacy_direction=False)
    assert set(edges_of(as_written)) == set(wrong.edges)
    assert as_written.notes == ("edges.txt: edges read as source -> target",)


def test_edge_list_does_not_say_its_direction(tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_text("a b 0.5\n")
    with pytest.raises(InvalidInput, match="which end is the cause") as caught:
        read_edge_list(tmp_path / "e.txt")
    assert "legacy_direction=True" in caught.value.__notes__[0]
    (tmp_path / "named.tsv").write_text("cause\teffect\tweight\na\tb\t0.5\n")
    assert edges_of(read_edge_list(tmp_path / "named.tsv", legacy_direction=False)) == {("a", "b"): 0.5}
    with pytest.raises(InvalidInput, match="nothing to turn round"):
        read_edge_list(tmp_path / "named.tsv", legacy_direction=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a b", "two motifs and a weight"),
        ("a b x", "two motifs and a weight"),
        ("a b 1 2", "one finite effect"),
        ("a a 1", "one finite effect"),
        ("a b nan", "one finite effect"),
        ("c d 1", "comes twice"),
    ],
)
def test_damaged_edge_list_is_refused_with_its_line(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text(f"c d 1.0\n{line}\n")
    with pytest.raises(InvalidInput, match=f"e.txt:2: .*{message}"):
        read_edge_list(path, legacy_direction=True)


def write(path: Path) -> Path:
    """Write B in the format of the path's suffix."""
    if path.suffix == ".npz":
        np.savez(path, causal=B, motifs=np.array(MOTIFS))
    elif path.suffix == ".npy":
        np.save(path, B)
    elif path.suffix == ".zarr":
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(path, mode="w", zarr_format=2)
        for name, matrix in (("causal", B), ("causal_0", 2 * B)):
            group.create_array(name, data=matrix)
    elif path.suffix == ".csv":
        rows = [",".join(f'"{motif}"' for motif in MOTIFS), *(",".join(map(str, row)) for row in B)]
        path.write_text("\n".join(rows) + "\n")
    else:
        rows = ["\t".join(["", *MOTIFS]), *("\t".join([name, *map(str, row)]) for name, row in zip(MOTIFS, B))]  # noqa: B905
        path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".zarr", ".csv", ".tsv"])
def test_matrices_are_read_as_effects_of_columns_on_rows(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"causal{suffix}")
    motifs = None if suffix in (".npz", ".csv", ".tsv") else MOTIFS
    network = read_effects(path, motifs)
    assert edges_of(network) == TRUE
    np.testing.assert_array_equal(network.adjacency(), B)
    assert "effect of j on i" in network.notes[0] and "reads it reversed" in network.notes[0]
    assert set(edges_of(read_effects(path, motifs, rows="causes"))) == {(b, a) for a, b in TRUE}


def test_one_run_of_a_zarr_file(tmp_path: Path) -> None:
    path = write(tmp_path / "causal.zarr")
    assert edges_of(read_effects(path, MOTIFS, array="causal_0")) == {edge: 2 * w for edge, w in TRUE.items()}
    with pytest.raises(InvalidInput, match="no array 'causal_9'"):
        read_effects(path, MOTIFS, array="causal_9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="not a zarr group"):
        read_effects(tmp_path / "empty", MOTIFS)


def test_bare_numbers_get_the_names_of_get(tmp_path: Path) -> None:
    matrix = np.zeros((283, 283))
    matrix[1, 282] = 0.5
    np.savetxt(tmp_path / "m.tsv", matrix, delimiter="\t")
    network = read_effects(tmp_path / "m.tsv")
    assert edges_of(network) == {("Accessibility", clusters()[1]): 0.5}
    assert "does not confirm" in network.notes[1]


def test_a_mean_of_runs_with_a_cycle_is_said_to_have_one(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", B + 0.1 * B.T)
    network = read_effects(tmp_path / "m.npy", MOTIFS)
    assert len(network.edges) == 4
    assert "not acyclic" in network.notes[-1]


def test_recorded_run_of_pcalg_points_as_planted(shared: Path) -> None:
    # Three runs of R's pcalg and the planted effects, all with B[i, j] the effect of j on i.
    path = shared / "parity" / "lingam" / "sem5.npz"
    with np.load(path, allow_pickle=False) as file:
        planted = {(str(file["columns"][j]), str(file["columns"][i])) for i, j in np.argwhere(file["B_true"])}
        ours = causal_network(file["X"], file["columns"].tolist())
    network = read_effects(path, array="official_average")
    assert {edge for edge, weight in edges_of(network).items() if abs(weight) > 0.1} == planted
    assert {(edge.cause, edge.effect) for edge in ours.edges} == planted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\tX\tY\nX\t0\t1\nZ\t0\t0\n", ":3: row 'Z' is not in the place"),
        ("\tX\tY\nX\t0\t1\nY\t0\n", ":3: not 2 numbers"),
        ("\tX\tY\nX\t0\tone\nY\t0\t0\n", ":2: not 2 numbers"),
        ("\tX\tY\nX\t0\t1\n", "not a square matrix"),
        ("\tX\tX\nX\t0\t1\nX\t0\t0\n", "two columns are called 'X'"),
        ("\tX\tY\nX\t1\t1\nY\t0\t0\n", "X has an effect on itself"),
        ("\tX\tY\nX\t0\tnan\nY\t0\t0\n", "between X and Y is not finite"),
        ("0,1\n0,0\n", "no names"),
    ],
)
def test_damaged_matrix_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_effects(path)


def test_pickles_and_wrong_names_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array([{}], dtype=object))
    with pytest.raises(InvalidInput, match=r"not a readable \.npy file"):
        read_effects(tmp_path / "p.npy", MOTIFS)
    with pytest.raises(InvalidInput, match="2 names for 3 columns"):
        read_effects(write(tmp_path / "m.npy"), ["a", "b"])
    with pytest.raises(InvalidInput, match="no array 'adjacency_2'"):
        read_effects(write(tmp_path / "m.npz"), array="adjacency_2")
    with pytest.raises(InvalidInput, match="rows="):
        read_effects(write(tmp_path / "m.npy"), MOTIFS, rows="rows")  # pyright: ignore[reportArgumentType]
