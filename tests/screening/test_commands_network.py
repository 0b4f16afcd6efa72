"""`screening network` on a small catalog: two simulated cell types, x -> y -> z planted, all counted by hand."""

import csv
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import networkx
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from catalog import Catalog
from catalog.record import Record
from catalog.store import Store
from get_core.causal import causal_network, read_network
from get_core.causal.interchange import from_graphml, from_json
from get_core.causal.views import degrees
from screening.cli import app
from screening.errors import InvalidInput
from screening.networks import attribution_matrix, graph_of

# GATA -> KLF/SP/1 -> SPI in K562; in HepG2 SPI is alone. TFs: GATA1, KLF1, SPI1 and others.
X, Y, Z = "GATA", "KLF/SP/1", "SPI"
MOTIFS = (Z, X, Y, "EMPTY", "Accessibility")
CHAIN = {"K562": 0.9, "HepG2": 0.0}


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def matrix_of(cell_type: str) -> np.ndarray:
    rng = np.random.default_rng(len(cell_type))
    x = rng.exponential(size=600)
    y = 0.8 * x + rng.exponential(size=600)
    z = CHAIN[cell_type] * y + rng.exponential(size=600)
    return np.column_stack([z, x, y, np.zeros(600), 2 * z + rng.exponential(size=600)])


def record(name: str, stage: str, *, upstream: dict | None = None, settings: dict | None = None, **rest) -> Record:
    return Record(
        key=key_of(name),
        stage=stage,
        stage_version=1,
        subject=name,
        status="ok",
        inputs={"name": name},
        upstream=upstream or {},
        settings=settings or {},
        attempts=(),
        finished_at="2026-01-01T00:00:00+00:00",
        **({"tables": {}, "artifacts": ()} | rest),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a screen that has got as far as its networks."""
    folder = tmp_path_factory.mktemp("screen")
    store = Store(folder / "store")
    proteins = [("P15976", "GATA1", "GATA"), ("Q13351", "KLF1", "C2H2 ZF"), ("P17947", "SPI1", "Ets")]
    records = [
        record(
            "proteins",
            "proteins",
            tables={"proteins": [{"uniprot_ac": a, "gene": g, "tf_family": f} for a, g, f in proteins]},
        )
    ]
    for cell_type in CHAIN:
        path = folder / f"{cell_type}.npz"
        np.savez_compressed(path, matrix=matrix_of(cell_type).astype(np.float32), motifs=np.array(MOTIFS))
        artifact = store.put(path, "attribution", "application/octet-stream")
        scores = [{"cell_type_id": cell_type, "motif_id": m, "mean_abs_score": 1.0, "n_genes": 600} for m in MOTIFS]
        records.append(
            record(
                f"attribution {cell_type}",
                "attribution",
                tables={"motif_attributions": scores},
                artifacts=(artifact,),
            )
        )
        network = causal_network(matrix_of(cell_type)[:, :4], MOTIFS[:4], top_fraction=1.0)
        edges = [
            {
                "cell_type_id": cell_type,
                "cause_motif": edge.cause,
                "effect_motif": edge.effect,
                "effect": edge.weight,
                "abs_effect_pct": edge.percentile,
                "bootstrap_prob": 0.9 if cell_type == "K562" else None,
                "selected": True,
                "method": "direct",
            }
            for edge in network.edges
        ]
        edges.append(edges[0] | {"cause_motif": X, "effect_motif": Z, "effect": 0.01, "selected": False})
        truth = [(X, Y), (Y, Z)] if cell_type == "K562" else []
        tables = {
            "causal_edges": edges,
            "truth_edges": [
                {"cell_type_id": cell_type, "cause_motif": a, "effect_motif": b, "effect": 0.8} for a, b in truth
            ],
            "network_recovery": [{"cell_type_id": cell_type, "metric": "order_accuracy", "value": 1.0}],
        }
        records.append(
            record(
                f"causal {cell_type}",
                "causal",
                upstream={"attribution": key_of(f"attribution {cell_type}")},
                settings={"accessibility": False},
                tables=tables,
            )
        )
    for each in records:
        store.publish(each)
    Catalog(folder / "catalog.duckdb").rebuild(store)
    (folder / "screen.toml").write_text('output = "."\n[causal]\nmethod = "direct"\ntop_fraction = 0.5\n')
    return folder


@pytest.fixture
def screen(made: Path, tmp_path: Path) -> Path:
    """The screen.toml of a copy of the screen."""
    return Path(shutil.copytree(made, tmp_path / "screen")) / "screen.toml"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, ["network", *map(str, words)], env={"COLUMNS": "200"})


def printed(*words: object) -> str:
    result = invoke(*words)
    assert result.exit_code == 0, result.exception
    return result.stdout


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_show_points_from_cause_to_effect(screen: Path) -> None:
    rows = [line.split() for line in printed("show", screen, "--cell-type", "K562").splitlines()]
    assert {(row[0], row[1]) for row in rows[1:]} == {(X, Y), (Y, Z)}
    assert rows[1][3] == "1"
    every = printed("show", screen.parent / "catalog.duckdb", "--cell-type", "K562", "--all-edges")
    assert len(every.splitlines()) == 4


@pytest.mark.parametrize(("radius", "nodes"), [(0, {X}), (1, {X, Y}), (2, {X, Y, Z})])
def test_show_around_a_motif(screen: Path, radius: int, nodes: set[str]) -> None:
    words = ("show", screen, "--cell-type", "K562", "--motif", X, "--radius", radius)
    as_json = from_json(printed(*words, "--format", "json"))
    assert set(as_json) == nodes
    assert set(as_json.edges) <= {(X, Y), (Y, Z)}
    assert networkx.utils.graphs_equal(from_graphml(printed(*words, "--format", "graphml")), as_json)
    assert printed(*words, "--format", "tsv").splitlines()[0] == "cause\teffect\tweight"


def test_show_asks_which_cell_type(screen: Path) -> None:
    error = invoke("show", screen).exception
    assert isinstance(error, InvalidInput)
    assert "HepG2, K562" in error.__notes__[0]
    wrong = invoke("show", screen, "--cell-type", "K562'; drop table causal_edges").exception
    assert isinstance(wrong, InvalidInput) and "no network of" in str(wrong)


def test_a_motif_that_no_network_has(screen: Path) -> None:
    for motif, cure in (
        ("GATTA", "did you mean GATA?"),
        ("klf", "did you mean KLF/SP/1?"),
        ("NOPE", f"it has {X}, {Y}, {Z}"),
    ):
        shown = invoke("show", screen, "--cell-type", "K562", "--motif", motif).exception
        counted = invoke("degrees", screen, "--cell-type", "K562", "--motif", motif).exception
        for error in (shown, counted):
            assert isinstance(error, InvalidInput)
            assert str(error) == f"the network has no motif '{motif}'"
            assert error.__notes__ == [cure]


def test_a_motif_without_a_selected_edge(screen: Path) -> None:
    words = ("--cell-type", "HepG2", "--motif", Z)  # its one effect there, planted by the fixture, is not selected
    assert printed("degrees", screen, *words).strip() == "no selected edge"
    error = invoke("show", screen, *words).exception
    assert isinstance(error, InvalidInput) and str(error) == f"the motif '{Z}' has no selected edge"
    assert error.__notes__ == ["add --all-edges"]
    assert Z in printed("show", screen, *words, "--all-edges")


@pytest.mark.parametrize("words", [("show",), ("degrees",), ("communities",), ("benchmark",), ("agnostic",)])
def test_a_screen_without_a_network_is_named_in_the_cure(tmp_path: Path, words: tuple[str, ...]) -> None:
    screen = tmp_path / "a screen.toml"
    screen.write_text('output = "."\n')
    absent = invoke(*words, screen).exception
    assert absent is not None and f"screening run '{screen}'" in absent.__notes__[0]
    store = Store(tmp_path / "store")
    store.publish(record("proteins", "proteins"))
    Catalog(tmp_path / "catalog.duckdb").rebuild(store)
    empty = invoke(*words, screen).exception
    assert isinstance(empty, InvalidInput) and " yet" in str(empty)
    assert empty.__notes__ == [f"screening run '{screen}'"]
    if words != ("agnostic",):
        unnamed = invoke(*words, tmp_path / "catalog.duckdb").exception
        assert isinstance(unnamed, InvalidInput) and unnamed.__notes__ == ["screening run SCREEN.TOML"]


def test_degrees_are_those_of_the_graphs(screen: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.tsv"
    text = printed("degrees", screen, "--out", out)
    rows = {(row["cell_type_id"], row["motif_id"]): row for row in table(out)}
    assert (rows["K562", Y]["out_degree"], rows["K562", Y]["in_degree"]) == ("1", "1")
    assert (rows["HepG2", X]["out_degree"], rows["HepG2", X]["in_degree"]) == ("1", "0")
    assert ("HepG2", Z) not in rows
    catalog = Catalog(screen.parent / "catalog.duckdb")
    for cell_type in CHAIN:
        graph = graph_of(catalog, cell_type)
        chosen = graph.edge_subgraph([(a, b) for a, b, data in graph.edges(data=True) if data["selected"]])
        for degree in degrees({cell_type: chosen}):
            row = rows[cell_type, degree.motif]
            assert (int(row["out_degree"]), int(row["in_degree"])) == (degree.out_degree, degree.in_degree)
            assert float(row["out_strength"]) == pytest.approx(degree.out_strength)
            assert float(row["in_strength"]) == pytest.approx(degree.in_strength)
    lines = [line.split() for line in text.splitlines() if line.startswith((X, Y, Z))]
    assert lines[0] == [X, "2", "0", "1/0", "1/0"]
    assert lines[1] == [Y, "1", "2", "0/1", "1/1"]
    only = printed("degrees", screen, "--cell-type", "HepG2", "--motif", Y)
    assert Y in only and X not in only and "K562" not in only


@pytest.mark.parametrize("method", ["greedy", "leiden"])
def test_communities(screen: Path, tmp_path: Path, method: str) -> None:
    if method == "leiden":
        pytest.importorskip("leidenalg", reason="an extra")
    out = tmp_path / "c.tsv"
    printed("communities", screen, "--method", method, "--out", out)
    rows = table(out)
    assert {(row["cell_type"], row["motifs"]) for row in rows} == {
        ("K562", " ".join(sorted((X, Y, Z)))),
        ("HepG2", f"{X} {Y}"),
    }


def test_matrix_behind_a_network_has_no_accessibility(screen: Path) -> None:
    found = attribution_matrix(Catalog(screen.parent / "catalog.duckdb"), screen.parent / "store", "K562")
    assert found.motifs == MOTIFS[:4]
    np.testing.assert_array_equal(found.matrix, matrix_of("K562")[:, :4].astype(np.float32))


def test_agnostic_network_of_both_cell_types(screen: Path) -> None:
    missing = invoke("show", screen, "--agnostic").exception
    assert isinstance(missing, InvalidInput) and "network agnostic" in missing.__notes__[0]
    text = printed("agnostic", screen, "--sample", 500, "--seed", 3)
    assert "500 of 1200 rows of 2 cell types" in text and "1 motifs dropped" in text
    folder = screen.parent / "networks"
    assert {path.name for path in folder.iterdir()} == {"agnostic.json", "agnostic.npz"}
    with np.load(folder / "agnostic.npz", allow_pickle=False) as file:
        for cell_type in CHAIN:
            mine = file["cell_type"] == cell_type
            np.testing.assert_array_equal(
                file["matrix"][mine], matrix_of(cell_type)[file["row"][mine], :4].astype(np.float32)
            )
        again = causal_network(file["matrix"], file["motifs"].tolist(), top_fraction=0.5)
    graph = read_network(folder / "agnostic.json")
    assert dict(graph.edges) == dict(again.graph().edges)
    assert graph.graph["cell_types"] == "HepG2, K562"
    assert graph.graph["dropped"] == "EMPTY: constant"
    assert [graph.nodes[motif]["order"] for motif in again.order] == [1, 2, 3]
    assert set(from_json(printed("show", screen, "--agnostic", "--all-edges", "--format", "json")).edges) >= {(X, Y)}
    assert "agnostic" in printed("communities", screen, "--agnostic")


def test_pooled_rows_are_recorded_and_drawn_once(screen: Path) -> None:
    catalog, words = Catalog(screen.parent / "catalog.duckdb"), (screen, "--sample", 500, "--seed", 3)

    def asked() -> dict[str, int]:
        rows = catalog.sql("select subject, count(*) n from attempts where stage = 'readout' group by all").to_pylist()
        return {row["subject"]: row["n"] for row in rows}

    done = CliRunner().invoke(app, ["get", "agnostic", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert asked() == {"500 rows of 2 cell types": 1}
    rows = catalog.sql("from agnostic_rows order by cell_type_id").to_pylist()
    assert [row["cell_type_id"] for row in rows] == ["HepG2", "K562"]
    assert [row["attribution_key"] for row in rows] == [key_of(f"attribution {row['cell_type_id']}") for row in rows]
    assert {(row["n_available"], row["seed"]) for row in rows} == {(600, 3)}
    artifacts = catalog.sql("select path from artifacts where task_key = ?", [rows[0]["task_key"]]).to_pylist()
    with np.load(screen.parent / "store" / artifacts[0]["path"], allow_pickle=False) as file:
        assert tuple(file["motifs"]) == MOTIFS
        for row in rows:
            mine = file["cell_type"] == row["cell_type_id"]
            assert mine.sum() == row["n_rows"]
            drawn = matrix_of(row["cell_type_id"])[file["row"][mine]].astype(np.float32)
            np.testing.assert_array_equal(file["matrix"][mine], drawn)
    network = {"network of 500 rows of 2 cell types": 1}
    printed("agnostic", *words)
    assert asked() == {"500 rows of 2 cell types": 1} | network
    first = (screen.parent / "networks" / "agnostic.json").read_bytes()
    shutil.rmtree(screen.parent / "networks")
    printed("agnostic", *words)
    assert asked() == {"500 rows of 2 cell types": 1} | network
    assert (screen.parent / "networks" / "agnostic.json").read_bytes() == first
    printed("agnostic", *words, "--set", "causal.accessibility=true")
    assert asked() == {"500 rows of 2 cell types": 1, "network of 500 rows of 2 cell types": 2}
    assert "Accessibility" in (screen.parent / "networks" / "agnostic.json").read_text()
    printed("agnostic", screen, "--sample", 500, "--seed", 4)
    assert asked()["500 rows of 2 cell types"] == 2
    assert not [problem for problem in catalog.verify(Store(screen.parent / "store")) if problem.kind != "dangling"]


def test_rows_are_drawn_from_what_is_there(screen: Path) -> None:
    one = CliRunner().invoke(app, ["get", "agnostic", str(screen), "--cell-type", "K562"], catch_exceptions=False)
    assert one.exit_code == 0 and "600" in one.output and "HepG2" not in one.output
    wrong = CliRunner().invoke(app, ["get", "agnostic", str(screen), "--cell-type", "NK"]).exception
    assert isinstance(wrong, InvalidInput) and "HepG2, K562" in wrong.__notes__[0]
    (screen.parent / "store" / "records" / key_of("attribution K562")[:2]).rename(screen.parent / "lost")
    lost = CliRunner().invoke(app, ["get", "agnostic", str(screen)]).exception
    assert isinstance(lost, InvalidInput) and "'K562' is not in the store" in str(lost)


def test_benchmark_against_interactions(screen: Path, tmp_path: Path) -> None:
    known, out = tmp_path / "known.tsv", tmp_path / "b.tsv"
    known.write_text("symbol1\tscore\tsymbol2\nKLF1\t900\tGATA1\nABL1\t800\tJUN\n")
    words = ("--interactions", known, "--columns", "symbol1,symbol2", "--top", "17", "--out", out)
    printed("benchmark", screen, *words)
    rows = {(row["cell_type"], row["families"], row["ranking"]): row for row in table(out) if row["pairs"] == "ordered"}
    # Three clusters with TFs, six ordered pairs: 17 % is the one strongest; GATA and KLF/SP/1 interact.
    assert {row["n_pairs"] for row in rows.values()} == {"6"}
    assert {row["n_interacting"] for row in rows.values()} == {"2"}
    assert {row["n_top"] for row in rows.values()} == {"1"}
    assert float(rows["HepG2", "all", "causal"]["precision_pct"]) == 100
    assert float(rows["HepG2", "all", "spearman"]["precision_pct"]) == 100
    assert float(rows["K562", "all", "causal"]["precision_pct"]) == 0
    assert float(rows["K562", "different", "random"]["precision_pct"]) == pytest.approx(100 / 3)
    assert ("K562", "all", "stable") in rows and ("HepG2", "all", "stable") not in rows
    agnostic = printed("agnostic", screen)
    assert "wrote" in agnostic
    printed("benchmark", screen, "--agnostic", *words)
    assert {row["cell_type"] for row in table(out)} == {"agnostic"}


def test_benchmark_against_planted_edges(screen: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.tsv"
    printed("benchmark", screen, "--cell-type", "K562", "--out", out)
    rows = {row["ranking"]: row for row in table(out)}
    assert float(rows["causal"]["auprc"]) == 1.0
    assert float(rows["causal"]["order_accuracy"]) == 1.0
    assert float(rows["random"]["auprc"]) == pytest.approx(2 / 12)
    assert float(rows["spearman"]["auprc"]) < 1 and rows["spearman"]["order_accuracy"] == ""
    assert float(rows["partial"]["skeleton_auprc"]) == 1.0
    error = invoke("benchmark", screen, "--cell-type", "HepG2").exception
    assert "no edge was planted" in str(error)


def test_wrong_files_are_refused(screen: Path, tmp_path: Path) -> None:
    assert "no such file" in str(invoke("benchmark", screen, "--interactions", tmp_path / "none.tsv").exception)
    assert "cannot write a table as '.xlsx'" in str(invoke("degrees", screen, "--out", tmp_path / "d.xlsx").exception)
    assert "no such catalog" in str(invoke("degrees", tmp_path / "catalog.duckdb").exception)
    assert [path.name for path in tmp_path.iterdir()] == ["screen"]


def test_help_of_the_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys, screening.commands.network; "
        "print(*{'numpy', 'duckdb', 'pyarrow', 'networkx', 'torch', 'numba', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
