"""`screening get` on a small simulated screen whose network has run."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalog import Catalog
from get_core.atlas import Atlas
from screening.cli import app
from screening.commands.screens import open_screen
from screening.errors import InvalidInput
from screening.execution import execute
from screening.steps.atlas import first_tasks
from screening.task import Resources

SCREEN = """
name = "small"
cell_types = ["{cell_type}"]
[atlas]
source = "simulated"
n_regions = 300
n_genes = 80
[pretrain]
window = 8
embed = 16
layers = 1
heads = 2
epochs = 1
[finetune]
epochs = 2
[attribution]
rows = "genes"
[tf_pairs]
proteins = "tfs.fasta"
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    (folder / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    path = folder / "screen.toml"
    from screening.sections.chromatin import AtlasSettings
    from screening.steps.atlas import _simulated

    drawn, _ = _simulated(AtlasSettings(source="simulated", n_regions=300, n_genes=80))
    path.write_text(SCREEN.format(cell_type=drawn.cell_types[0]))
    screen = open_screen(path, ["tf_pairs.allow_missing=true"])
    for task in first_tasks(screen):
        if task.stage in ("atlas", "pretrain", "finetune", "attribution"):
            report = execute(task, screen.store.root, "run", 1, Resources())
            assert report.failure is None, report.failure
    return path


def ask(small: Path, *words: str) -> Result:
    result = CliRunner().invoke(
        app, ["get", words[0], str(small), *words[1:], "--set", "tf_pairs.allow_missing=true"], catch_exceptions=False
    )
    return result


def rows(small: Path, query: str) -> list[dict]:
    return Catalog(open_screen(small).catalog_path).sql(query).to_pylist()


def cell_type(small: Path) -> str:
    return open_screen(small).settings.cell_types[0]


def atlas(small: Path) -> Atlas:
    screen = open_screen(small)
    record = next(record for record in screen.store.records() if record.stage == "atlas")
    return Atlas.load(screen.store.path(record.artifacts[0]))


def test_targets_and_their_gene_sets(small: Path, tmp_path: Path) -> None:
    motif = atlas(small).motifs[0]
    sets = tmp_path / "sets.gmt"
    sets.write_text("first\t\t" + "\t".join(f"SIM{n:05d}" for n in range(20)) + "\n")
    result = ask(small, "targets", "--cell-type", cell_type(small), "--motif", motif, "--gene-sets", str(sets))
    assert result.exit_code == 0, result.output
    found = rows(small, "from targets order by rank")
    values = [row["attribution"] for row in found]
    assert values == sorted(values, reverse=True)
    assert all(value > 0 for value in values)
    (enriched,) = rows(small, "from enrichments")
    assert enriched["n_set"] == 20
    assert enriched["n_overlap"] == sum(int(row["gene"][3:]) < 20 for row in found)
    assert enriched["p_value"] == enriched["q_value"]


def test_the_same_question_is_answered_from_the_store(small: Path) -> None:
    words = ("locus", "--cell-type", cell_type(small), "--gene", "SIM00003")
    first = ask(small, *words)
    assert first.exit_code == 0, first.output
    before = rows(small, "select count(*) as n from tasks where stage = 'readout'")[0]["n"]
    again = ask(small, *words)
    assert again.exit_code == 0
    assert rows(small, "select count(*) as n from tasks where stage = 'readout'")[0]["n"] == before


def test_a_locus_is_drawn(small: Path, tmp_path: Path) -> None:
    svg = tmp_path / "locus.svg"
    result = ask(small, "locus", "--cell-type", cell_type(small), "--gene", "SIM00005", "--svg", str(svg))
    assert result.exit_code == 0, result.output
    found = rows(small, "from locus_importance where gene = 'SIM00005'")
    assert len(found) == 8
    assert sum(row["is_promoter"] for row in found) == 1
    assert svg.read_text().count("<rect") == 8


def test_taking_a_motif_away(small: Path) -> None:
    motif = atlas(small).motifs[0]
    result = ask(small, "perturb", "--cell-type", cell_type(small), "--motif", motif)
    assert result.exit_code == 0, result.output
    found = rows(small, f"from perturbations where motif_id = '{motif}' and locus is null")
    assert found
    assert any(row["predicted_before"] != row["predicted_after"] for row in found)


def test_closing_a_region(small: Path) -> None:
    made = atlas(small)
    at = made.promoters.region[0]
    place = f"{made.chrom[at]}:{made.start[at]}-{made.end[at]}"
    result = ask(small, "perturb", "--cell-type", cell_type(small), "--region", place)
    assert result.exit_code == 0, result.output
    found = rows(small, "from perturbations where motif_id is null")
    assert "SIM00000" in {row["gene"] for row in found}
    assert len(found) <= 2 * 8


def test_regions_in_a_plane(small: Path) -> None:
    result = ask(small, "embedding", "--cell-type", cell_type(small), "--layer", "1", "--regions", "40")
    assert result.exit_code == 0, result.output
    found = rows(small, "from embeddings")
    assert len(found) == 40
    assert min(row["leiden"] for row in found) == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("targets", "--motif", "NO SUCH"), "no motif 'NO SUCH'"),
        (("locus", "--gene", "GATA1"), "GATA1 has no transcription start"),
        (("perturb", "--region", "chr1"), "is not chrom:start-end"),
    ],
)
def test_questions_without_an_answer(small: Path, words: tuple[str, ...], fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        ask(small, words[0], "--cell-type", cell_type(small), *words[1:])


def test_questions_about_what_is_not_there(small: Path) -> None:
    with pytest.raises(InvalidInput, match="no cell type 'NK'"):
        ask(small, "targets", "--cell-type", "NK", "--motif", "GATA")
    with pytest.raises(InvalidInput, match="nothing to take away"):
        ask(small, "perturb", "--cell-type", cell_type(small))
    with pytest.raises(InvalidInput, match="has not run with these settings"):
        ask(small, "locus", "--cell-type", cell_type(small), "--gene", "X", "--set", "finetune.seed=7")
