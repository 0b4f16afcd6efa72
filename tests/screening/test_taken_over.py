"""Cell types that begin at a file of the published code: from each format to TF pairs, and what is refused."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zarr
from pyarrow import feather
from typer.testing import CliRunner, Result

from catalog import Catalog
from catalog.record import Record
from get_core.atlas import Atlas
from get_core.causal import causal_network
from get_core.features import ACCESSIBILITY
from get_core.formats import GeneByMotif, write_matrix
from get_core.motifs import clusters
from screening.cli import app
from screening.cluster.executor import InlineExecutor
from screening.cluster.job import run_inline
from screening.commands.screens import open_screen
from screening.errors import FailureKind
from screening.execution import Report, execute
from screening.plan import plan_of
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.first_tasks import first_tasks
from screening.steps.taken_over_files import interpretation
from screening.task import Resources, Task
from tests.screening.tiny import TINY

MOTIFS = ("GATA", "SPI", "EBF1")
FEATURES = (*MOTIFS, ACCESSIBILITY)
EXPRESSION = {"EBF1": (1.0, 4.0), "GATA1": (50.0, 0.5), "GATA2": (5.0, 2.0), "SPI1": (3.0, 8.0), "SPIB": (9.0, 1.0)}
ACCESSIONS = {"EBF1": "P1", "GATA1": "P2", "GATA2": "P3", "SPI1": "P4", "SPIB": "P5"}
# As the published code writes it: source is the effect. So SPI drives GATA and EBF1, and GATA drives EBF1.
REFERENCE_LIST = "GATA SPI 0.5\nEBF1 GATA -0.8\nEBF1 SPI 0.1\n"


def matrix(rows: int = 60, motifs: tuple[str, ...] = FEATURES) -> GeneByMotif:
    rng = np.random.default_rng(1)
    values = rng.laplace(size=(rows, len(motifs))).astype(np.float32)
    values[:, 1] += 0.8 * values[:, 0]
    return GeneByMotif(tuple(f"G{number:03d}" for number in range(rows)), motifs, values)


def write_zarr(path: Path, *, on: str = "gpu", features: int = 4) -> np.ndarray:
    """Write what the published code stores, the second strand holding the sum of both; return what it should be.

    All numbers are small multiples of powers of two, so that float32 is exact. Each gene has two windows, one on each
    strand, and its value is their mean.
    """
    rng = np.random.default_rng(2)
    windows = 80
    x = rng.integers(0, 16, (windows, 5, features)) / 16
    jacobians = rng.integers(-32, 33, (2, windows, 5, features)) / 8
    strand = np.arange(windows) % 2
    mixed = jacobians.sum(0)
    group = zarr.create_group(path, zarr_format=2)
    for number, stored in enumerate((jacobians[0] if on == "gpu" else mixed, mixed)):
        name = f"jacobians/exp/{number}/input/region_motif"
        group.create_array(name, data=stored.astype("f4"), chunks=(16, 5, features))
    group.create_array("input", data=x.astype("f2"), chunks=(16, 5, features))
    group.create_array("strand", data=strand.astype("f4"), chunks=(windows,))
    genes = np.array([f"G{number // 2:03d}".ljust(100) for number in range(windows)])
    group.create_array("available_genes", data=genes, chunks=(windows,))
    group.create_array("chromosome", data=np.array(["chr1".ljust(30)] * windows), chunks=(windows,))
    group.create_array("preds/exp", data=rng.random((windows, 5, 2)).astype("f4"), chunks=(windows, 5, 2))
    own = (jacobians[strand, np.arange(windows)] * x).sum(1)
    return ((own[0::2] + own[1::2]) / 2).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ready atlas of two cell types and three motifs, with the TFs."""
    expression = np.array([*EXPRESSION.values()], np.float32).T
    Atlas(
        chrom=np.array(["chr1"] * 4),
        start=np.arange(4) * 1000,
        end=np.arange(4) * 1000 + 500,
        motifs=MOTIFS,
        scores=np.ones((4, 3), np.float32),
        cell_types=("K562", "HepG2"),
        accessibility=np.ones((2, 4), np.float32),
        expression_labels=np.ones((2, 4, 2), np.float32),
        genes=tuple(EXPRESSION),
        gene_expression=expression,
        expression_unit="TPM",
        accessibility_kind="measured",
        simulated=False,
    ).save(tmp_path / "atlas.zarr.zip")
    lines = (f">{accession} GENE={gene} FAMILY={gene[:3]}\nMKV\n" for gene, accession in ACCESSIONS.items())
    (tmp_path / "tfs.fasta").write_text("".join(lines))
    return tmp_path


def screen_of(
    folder: Path,
    *,
    matrices: Mapping[str, str] = {},
    networks: Mapping[str, str] = {},
    attribution: str = "",
    causal: str = "",
    cell_types: str = "[]",
) -> Screen:
    """Write screen.toml as a person would, and open it."""
    files = ["\n".join(f'"{name}" = "{path}"' for name, path in given.items()) for given in (matrices, networks)]
    (folder / "screen.toml").write_text(
        f'name = "taken"\ncell_types = {cell_types}\n[atlas]\nsource = "atlas"\npath = "atlas.zarr.zip"\n'
        f'[tf_pairs]\nproteins = "tfs.fasta"\n[attribution]\n{attribution}\n[attribution.files]\n{files[0]}\n'
        f"[causal]\nbootstraps = 2\n{causal}\n[causal.files]\n{files[1]}\n"
    )
    return open_screen(folder / "screen.toml")


def attempt(world: Screen) -> dict[tuple[str, str], Report]:
    """Run the tasks of a screen down to its TF pairs, without Ray."""
    return {
        (task.stage, task.subject): execute(task, world.store.root, "run", 1, Resources())
        for task in first_tasks(world)
    }


def record(world: Screen, report: Report) -> Record:
    assert report.failure is None, report.failure
    found = world.store.get(report.key)
    assert found is not None
    return found


def ran(world: Screen) -> dict[tuple[str, str], Record]:
    return {name: record(world, report) for name, report in attempt(world).items()}


def arrays(world: Screen, found: Record, role: str) -> dict[str, np.ndarray]:
    with np.load(world.store.path(found.artifact(role)), allow_pickle=False) as stored:
        return dict(stored)


def without_key(rows: object) -> list[dict]:
    assert isinstance(rows, list)
    return [{name: value for name, value in row.items() if name != "task_key"} for row in rows]


def tasks_of(world: Screen) -> list[tuple[str, str]]:
    return [(task.stage, task.subject) for task in first_tasks(world)]


def task_of(world: Screen, stage: str) -> Task:
    return next(task for task in first_tasks(world) if task.stage == stage)


# --- matrices

COMPUTED = (
    """
name = "computed"
cell_types = ["simulated B cell"]
"""
    + TINY
    + """
[finetune]
epochs = 1
[attribution]
rows = "genes"
{attribution}
[causal]
bootstraps = 2
[tf_pairs]
proteins = "proteins.fasta"
"""
)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Screen, dict[tuple[str, str], Record]]:
    """A screen that trained and attributed a cell type, down to its TF pairs."""
    from screening.presets import write_preset

    path = write_preset(tmp_path_factory.mktemp("computed") / "screen", "demo")
    path.write_text(COMPUTED.format(attribution=""))
    world = open_screen(path)
    return world, ran(world)


def written(found: GeneByMotif, path: Path) -> None:
    """Write a matrix in any format that is read; its columns turned round, as no format promises their order."""
    turned = GeneByMotif(found.genes, found.motifs[::-1], found.values[:, ::-1])
    if path.suffix == ".npz":
        np.savez(path, matrix=turned.values, genes=np.array(turned.genes), motifs=np.array(turned.motifs))
    elif path.suffix == ".csv":
        rows = [
            ["gene", *turned.motifs],
            *([g, *map(repr, v)] for g, v in zip(turned.genes, turned.values.tolist(), strict=True)),
        ]
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    else:
        write_matrix(turned, path)


@pytest.mark.parametrize("ending", ["feather", "parquet", "tsv", "csv", "npz"])
def test_a_matrix_gives_what_the_screen_that_computed_it_gave(computed, ending: str) -> None:
    world, made = computed
    name = "simulated B cell"
    attributed = arrays(world, made["attribution", name], "attribution")
    path = world.folder / f"matrix.{ending}"
    genes, motifs = (tuple(attributed[role].tolist()) for role in ("genes", "motifs"))
    written(GeneByMotif(genes, motifs, attributed["matrix"]), path)
    again_toml = world.folder / f"{ending}.toml"
    files = f'[attribution.files]\n"{name}" = "{path.name}"'
    again_toml.write_text(f'output = "out_{ending}"\n' + COMPUTED.format(attribution=files))
    again = open_screen(again_toml)
    stages = [stage for stage, _ in tasks_of(again)]
    assert stages == ["atlas", "attribution", "resample", "causal", "tf_pairs"]
    found = ran(again)
    taken = arrays(again, found["attribution", name], "attribution")
    for role in ("matrix", "motifs", "genes"):
        np.testing.assert_array_equal(taken[role], attributed[role])
    for role, value in arrays(world, made["causal", name], "network").items():
        np.testing.assert_array_equal(arrays(again, found["causal", name], "network")[role], value)
    for stage, table in (
        ("attribution", "motif_attributions"),
        ("causal", "causal_edges"),
        ("causal", "network_stability"),
        ("causal", "network_recovery"),
        ("tf_pairs", "tf_pairs"),
        ("tf_pairs", "motif_choices"),
    ):
        expected = without_key(made[stage, name].tables[table])
        assert expected and without_key(found[stage, name].tables[table]) == expected
    (row,) = found["attribution", name].tables["taken_over"]
    assert (row["stage"], row["cell_type_id"], row["file"], row["format"]) == (
        "attribution",
        name,
        f"matrix.{ending}",
        ending,
    )
    assert "the file does not say what they were summed over" in str(row["note"])
    assert found["attribution", name].outputs["method"] == "taken_over"
    assert found["attribution", name].outputs["reduce"] is None
    assert dict(found["attribution", name].settings) == {}
    catalog = Catalog(again.catalog_path)
    catalog.ingest(found.values(), store_root=again.store.root)
    assert catalog.verify(again.store) == []


def test_rows_of_one_gene_are_averaged(folder: Path) -> None:
    first = matrix()
    twice = GeneByMotif((*first.genes, *first.genes), FEATURES, np.concatenate([first.values, 3 * first.values]))
    write_matrix(twice, folder / "k562.parquet")
    world = screen_of(folder, matrices={"K562": "k562.parquet"}, cell_types='["K562"]')
    found = ran(world)["attribution", "K562"]
    np.testing.assert_array_equal(arrays(world, found, "attribution")["matrix"], 2 * first.values)
    assert "120 rows of 60 genes: the mean over the rows of each gene" in str(found.tables["taken_over"][0]["note"])


# --- interpretation zarrs


def zip_of(path: Path) -> Path:
    """Pack a zarr folder."""
    return Path(shutil.make_archive(str(path), "zip", path))


@pytest.mark.filterwarnings("ignore::UserWarning")  # uniform numbers, exact in binary, say little of directions
@pytest.mark.parametrize("packed", [False, True])
def test_the_strands_of_an_interpretation_are_told_apart(folder: Path, packed: bool) -> None:
    expected = write_zarr(folder / "k562.zarr")
    name = zip_of(folder / "k562.zarr").name if packed else "k562.zarr"
    world = screen_of(folder, matrices={"K562": name}, cell_types='["K562"]')
    found = ran(world)
    taken = arrays(world, found["attribution", "K562"], "attribution")
    np.testing.assert_array_equal(taken["matrix"], expected)
    assert taken["genes"].tolist() == [f"G{number:03d}" for number in range(40)]
    assert taken["strand"].tolist() == [0, 1] * 40
    assert taken["output"].shape == (80,)
    (row,) = found["attribution", "K562"].tables["taken_over"]
    assert row["format"] == "interpretation_zarr"
    for part in (
        "contamination undone",
        "sum over regions",
        "the atlas's in their order, which the file does not say",
        "80 rows of 40 genes",
    ):
        assert part in str(row["note"])
    edges = found["causal", "K562"].tables["causal_edges"]
    network = causal_network(expected[:, :3].astype(float), MOTIFS)
    assert [(row["cause_motif"], row["effect_motif"], row["effect"]) for row in edges] == [
        (edge.cause, edge.effect, edge.weight) for edge in network.edges
    ]
    assert found["tf_pairs", "K562"].ok


def test_a_zarr_of_282_clusters_is_read_in_the_order_of_get(tmp_path: Path) -> None:
    published = (*clusters(), ACCESSIBILITY)
    expected = write_zarr(tmp_path / "k562.zarr", features=len(published))
    found = interpretation(tmp_path / "k562.zarr", published[::-1], strands="undo", reduce="sum")
    np.testing.assert_array_equal(found.values, expected[:, ::-1])
    assert any("GET's in their order, which the file does not say" in note for note in found.notes)


def test_strands_as_stored_and_other_reductions_are_other_tasks(folder: Path) -> None:
    expected = write_zarr(folder / "k562.zarr")

    def world(settings: str) -> Screen:
        return screen_of(folder, matrices={"K562": "k562.zarr"}, attribution=settings, cell_types='["K562"]')

    usual = task_of(world(""), "attribution")
    stored = task_of(world('strands = "as_stored"'), "attribution")
    mean = task_of(world('reduce = "signed_mean"'), "attribution")
    assert len({usual.key, stored.key, mean.key}) == 3
    idle = 'rows = "genes"\nmethod = "deep_lift"\nprecision = "bfloat16"\nparts = 3'
    assert task_of(world(idle), "attribution").key == usual.key
    settings = world('strands = "as_stored"')
    found = ran(settings)["attribution", "K562"]
    values = arrays(settings, found, "attribution")["matrix"]
    assert abs(values - expected).max() > 0.1
    assert "may hold the gradient of the plus strand" in str(found.tables["taken_over"][0]["note"])


def test_strands_that_cannot_be_told_apart_fail_alone(folder: Path) -> None:
    write_zarr(folder / "k562.zarr", on="cpu")
    (folder / "hepg2.txt").write_text(REFERENCE_LIST)
    world = screen_of(
        folder, matrices={"K562": "k562.zarr"}, networks={"HepG2": "hepg2.txt"}, causal='first_column = "effect"'
    )
    summary = run_inline(world, first_tasks(world), resume_command="", until="tf_pairs")
    assert (summary.failed, summary.blocked) == (1, 3)
    failed = world.store.get(task_of(world, "attribution").key)
    assert failed is not None and not failed.ok and not failed.artifacts and not failed.tables
    (trial,) = failed.attempts
    assert trial.failure == FailureKind.INVALID_INPUT.value
    assert "both strands hold the same Jacobian" in str(trial.message)
    assert 'strands = "as_stored"' in str(trial.cure)
    assert {row["cell_type_id"] for row in Catalog(world.catalog_path).sql("from pair_origins").to_pylist()} == {
        "HepG2"
    }


def test_a_damaged_chunk_is_found_when_it_is_read(folder: Path) -> None:
    write_zarr(folder / "k562.zarr")
    chunk = folder / "k562.zarr/jacobians/exp/1/input/region_motif/2.0.0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    world = screen_of(folder, matrices={"K562": "k562.zarr"}, cell_types='["K562"]')
    for task in first_tasks(world)[:2]:
        report = execute(task, world.store.root, "run", 1, Resources())
    assert report.failure is not None and report.failure.kind is FailureKind.INVALID_INPUT
    assert "jacobians/exp/1/input/region_motif cannot be read" in report.failure.message


# --- lists of edges


def test_a_reversed_list_gives_the_pairs_that_it_means(folder: Path) -> None:
    (folder / "k562.txt").write_text(REFERENCE_LIST)
    world = screen_of(
        folder,
        networks={"K562": "k562.txt"},
        causal='first_column = "effect"\ntop_fraction = 0.6',
        cell_types='["K562"]',
    )
    assert tasks_of(world) == [("atlas", "taken"), ("causal", "K562"), ("tf_pairs", "K562")]
    found = ran(world)
    rows = found["causal", "K562"].tables["causal_edges"]
    assert [(r["cause_motif"], r["effect_motif"], r["effect"], r["selected"], r["method"]) for r in rows] == [
        ("GATA", "EBF1", -0.8, True, "taken_over"),
        ("SPI", "GATA", 0.5, True, "taken_over"),
        ("SPI", "EBF1", 0.1, False, "taken_over"),
    ]
    assert all(r.get("total_effect") is None and r.get("bootstrap_prob") is None for r in rows)
    # Highest expressed in K562: GATA1, and SPIB rather than SPI1. The third edge is beyond 60 % of three, rounded up.
    assert [row["pair_id"] for row in found["tf_pairs", "K562"].tables["tf_pairs"]] == ["P1+P2", "P2+P5"]
    origins = found["tf_pairs", "K562"].tables["pair_origins"]
    assert [(row["pair_id"], row["cause_motif"], row["effect_motif"]) for row in origins] == [
        ("P1+P2", "GATA", "EBF1"),
        ("P2+P5", "SPI", "GATA"),
    ]
    (row,) = found["causal", "K562"].tables["taken_over"]
    assert (row["stage"], row["file"], row["format"]) == ("causal", "k562.txt", "edge_list")
    assert "turned round" in str(row["note"]) and "total effects are NULL" in str(row["note"])
    kept = arrays(world, found["causal", "K562"], "network")
    at = {name: number for number, name in enumerate(kept["motifs"].tolist())}
    assert kept["adjacency"][at["EBF1"], at["GATA"]] == -0.8  # [i, j] is the effect of j on i


def test_direction_enters_the_key_only_where_the_list_does_not_say_it(folder: Path) -> None:
    def key(causal: str) -> str:
        world = screen_of(folder, networks={"K562": "k562.tsv"}, causal=causal, cell_types='["K562"]')
        return task_of(world, "causal").key

    (folder / "k562.tsv").write_text(REFERENCE_LIST)
    assert key('first_column = "effect"') != key('first_column = "cause"')
    assert key('first_column = "effect"') == key('first_column = "effect"\nmethod = "ica"\nseed = 5')
    assert key('first_column = "effect"') != key('first_column = "effect"\ntop_fraction = 0.5')
    (folder / "k562.tsv").write_text("cause\teffect\tweight\nSPI\tGATA\t0.5\n")
    assert key('first_column = "effect"') == key("")
    world = screen_of(folder, networks={"K562": "k562.tsv"}, cell_types='["K562"]')
    (edge,) = ran(world)["causal", "K562"].tables["causal_edges"]
    assert (edge["cause_motif"], edge["effect_motif"]) == ("SPI", "GATA")


def test_a_list_with_a_cycle_says_so(folder: Path) -> None:
    (folder / "k562.tsv").write_text("cause\teffect\tweight\nSPI\tGATA\t0.5\nGATA\tSPI\t0.25\n")
    world = screen_of(folder, networks={"K562": "k562.tsv"}, cell_types='["K562"]')
    assert "not acyclic" in str(ran(world)["causal", "K562"].tables["taken_over"][0]["note"])


# --- what is planned


def test_only_cell_types_without_a_file_are_trained(folder: Path) -> None:
    write_matrix(matrix(), folder / "k562.feather")
    (folder / "k562.txt").write_text(REFERENCE_LIST)
    ordinary = {(task.stage, task.subject): task.key for task in first_tasks(screen_of(folder))}
    half = screen_of(folder, matrices={"K562": "k562.feather"})
    planned = {(task.stage, task.subject): task.key for task in first_tasks(half)}
    assert ("finetune", "K562") not in planned
    for name, key in planned.items():
        if name[1].startswith("HepG2") or name[0] in ("atlas", "pretrain"):
            assert ordinary[name] == key
    assert ("evaluation", "all cell types") in planned
    counts = {stage.stage: stage.to_run for stage in plan_of(half).stages}
    assert [counts[n] for n in ("pretrain", "finetune", "attribution", "resample", "causal")] == [1, 1, 2, 2, 2]
    both = screen_of(
        folder, matrices={"K562": "k562.feather"}, networks={"K562": "k562.txt"}, causal='first_column = "effect"'
    )
    assert [stage for stage, subject in tasks_of(both) if subject.startswith("K562")] == [
        "attribution",
        "causal",
        "tf_pairs",
    ]
    alone = screen_of(folder, matrices={"K562": "k562.feather", "HepG2": "absent.feather"}, cell_types='["K562"]')
    assert {stage for stage, _ in tasks_of(alone)} == {"atlas", "attribution", "resample", "causal", "tf_pairs"}


def test_what_reads_a_file_waits_for_no_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two cell types on machines with GPUs one has a matrix: the other alone is attributed on a GPU."""
    write_matrix(matrix(), folder / "k562.feather")
    screen_of(folder, matrices={"K562": "k562.feather"})
    with (folder / "screen.toml").open("a") as file:
        file.write("[resources.attribution]\ngpus = 1\ncpus = 3\n")
    world = open_screen(folder / "screen.toml")
    asked = {task.subject: world.resources_of(task) for task in first_tasks(world) if task.stage == "attribution"}
    assert {name: (needs.gpus, needs.cpus) for name, needs in asked.items()} == {"K562": (0.0, 3), "HepG2": (1.0, 3)}
    hours = next(stage for stage in plan_of(world).stages if stage.stage == "attribution")
    assert hours.to_run == 2 and hours.gpu_hours == pytest.approx(hours.cpu_hours / 6)
    alone = open_screen(folder / "screen.toml", ['cell_types=["K562"]'])
    submitted: dict[str, Resources] = {}

    def submit(self: InlineExecutor, task: Task, resources: Resources, attempt: int) -> None:
        submitted[task.stage] = resources
        submit_as_ever(self, task, resources, attempt)

    submit_as_ever = InlineExecutor.submit
    monkeypatch.setattr(InlineExecutor, "submit", submit)
    done = run_inline(alone, first_tasks(alone, until="attribution"), resume_command="", until="attribution")
    assert done.exit_code == 0 and (submitted["attribution"].gpus, submitted["attribution"].cpus) == (0.0, 3)


def test_settings_of_files_enter_the_key_of_no_computed_task(folder: Path) -> None:
    usual, other = (
        [task.key for task in first_tasks(screen_of(folder, attribution=attribution, causal=causal))]
        for attribution, causal in (("", ""), ('strands = "as_stored"', 'first_column = "cause"'))
    )
    assert usual == other
    determining = ScreenSettings().attribution.determining(), ScreenSettings().causal.determining()
    assert [sorted(each) for each in determining] == [  # keys of results that are in people's stores hang on these
        ["method", "precision", "reduce", "rows"],
        ["accessibility", "bootstraps", "method", "seed", "top_fraction"],
    ]


def test_a_run_until_an_earlier_stage_needs_no_file_of_a_later_one(folder: Path) -> None:
    (folder / "k562.txt").write_text(REFERENCE_LIST)
    world = screen_of(folder, matrices={"HepG2": "absent.feather"}, networks={"K562": "absent.txt"})
    assert [task.stage for task in first_tasks(world, until="finetune")] == ["atlas"]


# --- what is asked of it


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"})


@pytest.fixture
def finished(folder: Path) -> Path:
    """A matrix for K562 and a list for HepG2, down to the TF pairs."""
    write_matrix(matrix(), folder / "k562.feather")
    (folder / "hepg2.txt").write_text(REFERENCE_LIST)
    world = screen_of(
        folder,
        matrices={"K562": "k562.feather"},
        networks={"HepG2": "hepg2.txt"},
        causal='first_column = "effect"\ntop_fraction = 1.0',
    )
    summary = run_inline(world, first_tasks(world), resume_command="", until="tf_pairs")
    assert (summary.failed, summary.blocked, summary.exit_code) == (0, 0, 0)
    return folder / "screen.toml"


def test_targets_need_no_network(finished: Path) -> None:
    result = invoke("get", "targets", finished, "--cell-type", "K562", "--motif", "GATA", "--fraction", "0.1")
    assert result.exit_code == 0, result.exception
    rows = Catalog(finished.parent / "catalog.duckdb").sql("from targets order by rank").to_pylist()
    column = dict(zip(matrix().genes, matrix().values[:, 0].tolist(), strict=True))
    assert [row["gene"] for row in rows] == sorted(column, key=lambda gene: -column[gene])[:6]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["embedding", "--cell-type", "K562"], "this asks a GET network trained for the cell type"),
        (["perturb", "--cell-type", "K562", "--motif", "GATA"], "it begins at its file in [attribution.files]"),
        (["locus", "--cell-type", "HepG2", "--gene", "GATA1"], "it begins at its file in [causal.files]"),
        (
            ["mpra", "--cell-type", "K562", "--elements", "tfs.fasta", "--motifs", "tfs.fasta"],
            "this asks a GET network",
        ),
        (["targets", "--cell-type", "HepG2", "--motif", "GATA"], "this asks a gene-by-motif matrix"),
        (["targets", "--cell-type", "B cell", "--motif", "GATA"], "the screen has no cell type 'B cell'"),
    ],
)
def test_what_a_file_cannot_answer_is_refused(finished: Path, words: list[str], message: str) -> None:
    result = invoke("get", words[0], finished, *words[1:])
    assert result.exit_code and message in str(result.exception)
    assert getattr(result.exception, "__notes__", None)


def test_a_network_without_its_matrix_is_not_compared_with_correlations(finished: Path) -> None:
    result = invoke("network", "benchmark", finished)
    assert "the network of 'HepG2' was read from hepg2.txt" in str(result.exception)


def test_networks_are_shown_like_any_other(finished: Path) -> None:
    shown = invoke("network", "show", finished, "--cell-type", "HepG2")
    assert shown.exit_code == 0, shown.exception
    assert [line.split()[:2] for line in shown.stdout.splitlines()[1:]] == [
        ["GATA", "EBF1"],
        ["SPI", "GATA"],
        ["SPI", "EBF1"],
    ]
    degrees = invoke("network", "degrees", finished, "--cell-type", "HepG2")
    counted = {line.split()[0]: line.split()[1:3] for line in degrees.stdout.splitlines()[1:]}
    assert counted == {"SPI": ["2", "0"], "GATA": ["1", "1"], "EBF1": ["0", "2"]}
    assert invoke("network", "communities", finished).exit_code == 0
    agnostic = invoke("network", "agnostic", finished, "--sample", "50")
    assert agnostic.exit_code == 0, agnostic.exception
    assert "50 of 60 rows of 1 cell types" in agnostic.stdout
    assert invoke("plan", finished, "--until", "tf_pairs").stdout.endswith("nothing to run\n")


# --- what is refused before anything runs


def feather_of(path: Path, **columns: object) -> None:
    feather.write_feather(pa.table({"index": ["G1", "G2"], **columns}), path)


def bad_matrices(folder: Path) -> None:
    whole = {name: [1.0, 2.0] for name in FEATURES}
    feather_of(folder / "unknown.feather", **whole, PAX=[1.0, 2.0])
    feather_of(folder / "missing.feather", **{name: whole[name] for name in MOTIFS})
    feather_of(folder / "nan.feather", **whole | {"SPI": [1.0, float("nan")]})
    (folder / "twice.csv").write_text("gene,GATA,SPI,SPI,Accessibility\nG1,1,2,3,4\n")
    (folder / "gap.tsv").write_text("gene\tGATA\tSPI\tEBF1\tAccessibility\nG1\t1\t\t3\t4\nG2\t1\t2\t3\t4\n")
    write_matrix(matrix(), folder / "cut.feather")
    (folder / "cut.feather").write_bytes((folder / "cut.feather").read_bytes()[:500])
    (folder / "matrix.pkl").write_bytes(b"")
    for name in ("hole", "headless", "short"):
        write_zarr(folder / f"{name}.zarr")
    packed = zip_of(folder / "hole.zarr").read_bytes()
    (folder / "cut.zarr.zip").write_bytes(packed[: len(packed) // 2])
    (folder / "hole.zarr/input/3.0.0").unlink()
    (folder / "headless.zarr/strand/.zarray").unlink()
    group = zarr.open_group(folder / "short.zarr")
    del group["input"]
    group.create_array("input", data=np.ones((80, 5, 3), "f2"), chunks=(80, 5, 3))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.feather", 'attribution.files."K562" = "absent.feather": no such file'),
        ("unknown.feather", "unknown.feather: the atlas has no motif 'PAX'"),
        ("missing.feather", "missing.feather: no column for the motif 'Accessibility' of the atlas"),
        ("nan.feather", "nan.feather: the value of G2 and SPI is not finite"),
        ("twice.csv", "twice.csv: two columns are called 'SPI'"),
        ("gap.tsv", "gap.tsv: column 'SPI' has 1 empty values"),
        ("cut.feather", "cut.feather: cannot be read"),
        ("matrix.pkl", "matrix.pkl: a gene-by-motif matrix ends in"),
        ("hole.zarr", "hole.zarr: input: 1 of 5 chunks are missing"),
        (
            "headless.zarr",
            "headless.zarr: not an interpretation zarr of the published code: it lacks the array 'strand'",
        ),
        ("cut.zarr.zip", "cut.zarr.zip: not an interpretation zarr of the published code: BadZipFile"),
        ("short.zarr", "short.zarr: windows of 3 features, but 4 names of motifs"),
    ],
)
def test_bad_matrices_are_refused_before_anything_runs(folder: Path, name: str, message: str) -> None:
    bad_matrices(folder)
    world = screen_of(folder, matrices={"K562": name}, cell_types='["K562"]')
    before = set(folder.rglob("*"))
    with pytest.raises(ValueError) as caught:
        first_tasks(world)
    assert message in str(caught.value)
    assert set(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "causal", "message"),
    [
        (REFERENCE_LIST, "", "k562.txt: without the header cause, effect, weight it does not say which end"),
        (REFERENCE_LIST + "GATA PAX 1\n", 'first_column = "effect"', "k562.txt:4: the atlas has no motif 'PAX'"),
        (REFERENCE_LIST + "GATA SPI\n", 'first_column = "effect"', "k562.txt:4: expected two motifs and a weight"),
        (REFERENCE_LIST + "SPI EBF1 nan\n", 'first_column = "cause"', "k562.txt:4: not one finite effect"),
        (REFERENCE_LIST + "GATA SPI 1\n", 'first_column = "cause"', "k562.txt:4: the edge between GATA and SPI"),
        ("GATA SPI 0\n", 'first_column = "cause"', "k562.txt: no edge with an effect other than 0"),
        ("", 'first_column = "cause"', "k562.txt: no edge in the file"),
        (REFERENCE_LIST, 'first_column = "target"', "causal.first_column: Input should be 'cause' or 'effect'"),
    ],
)
def test_bad_lists_are_refused_before_anything_runs(folder: Path, text: str, causal: str, message: str) -> None:
    (folder / "k562.txt").write_text(text)
    with pytest.raises(ValueError) as caught:
        first_tasks(screen_of(folder, networks={"K562": "k562.txt"}, causal=causal))
    assert message in str(caught.value)
    assert not (folder / "store").exists()


@pytest.mark.parametrize("section", ["attribution", "causal"])
def test_a_file_of_a_cell_type_that_the_atlas_does_not_have(folder: Path, section: str) -> None:
    given = {"k562": "k562.txt"}
    world = screen_of(folder, matrices=given) if section == "attribution" else screen_of(folder, networks=given)
    with pytest.raises(ValueError) as caught:
        first_tasks(world)
    assert f'{section}.files: "k562" = "k562.txt": the atlas has no cell type "k562", only: K562, HepG2' in str(
        caught.value
    )
    assert caught.value.__notes__ == [f"correct the name in [{section}.files] of screen.toml"]
