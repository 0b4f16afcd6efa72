"""`screening get` on a small simulated screen whose network has run."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from catalog import Catalog
from catalog.record import Json
from get_core import embeddings
from get_core.atlas import Atlas
from get_core.checkpoints import load_get
from get_core.motifs import read_meme, scan
from get_core.windows import around
from screening.cli import app
from screening.commands.screens import open_screen
from screening.errors import InvalidInput
from screening.execution import execute
from screening.steps.cell_type import CellType
from screening.steps.chromatin import Regions
from screening.steps.first_tasks import first_tasks
from screening.steps.questions import checkpoint_of, readout_task
from screening.steps.readouts import run
from screening.task import Resources, Workspace
from tests.screening.tiny import TINY

SCREEN = (
    """
name = "small"
cell_types = ["{cell_type}"]
"""
    + TINY
    + """
[finetune]
epochs = 2
[attribution]
rows = "genes"
[tf_pairs]
proteins = "tfs.fasta"
"""
)


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


def ask(small: Path, *words: str | Path) -> Result:
    result = CliRunner().invoke(
        app,
        ["get", str(words[0]), str(small), *map(str, words[1:]), "--set", "tf_pairs.allow_missing=true"],
        catch_exceptions=False,
    )
    return result


def rows(small: Path, query: str) -> list[dict]:
    return Catalog(open_screen(small).catalog_path).sql(query).to_pylist()


def cell_type(small: Path) -> str:
    return open_screen(small).settings.cell_types[0]


def artifact(small: Path, stage: str, role: str) -> Path:
    store = open_screen(small).store
    record = next(record for record in store.records() if record.stage == stage)
    return store.path(record.artifact(role))


def atlas(small: Path) -> Atlas:
    return Atlas.load(artifact(small, "atlas", "atlas"))


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
    assert made.promoters is not None
    at = made.promoters.region[0]
    place = f"{made.chrom[at]}:{made.start[at]}-{made.end[at]}"
    result = ask(small, "perturb", "--cell-type", cell_type(small), "--region", place)
    assert result.exit_code == 0, result.output
    found = rows(small, "from perturbations where motif_id is null")
    assert "SIM00000" in {row["gene"] for row in found}
    assert len(found) <= 2 * 8


def test_regions_in_a_plane(small: Path, tmp_path: Path) -> None:
    svg = tmp_path / "plane.svg"
    words = ("--cell-type", cell_type(small), "--layer", "1", "--regions", "40", "--svg", svg)
    result = ask(small, "embedding", *words)
    assert result.exit_code == 0, result.output
    found = rows(small, "from embeddings")
    assert len(found) == 40
    sizes = Counter(row["leiden"] for row in found)
    assert min(sizes) == 0
    assert f"40 regions in {len(sizes)} clusters of task" in result.output
    printed = [
        line.split() for line in result.output.splitlines() if len(line.split()) == 4 and line.strip()[0].isdigit()
    ]
    assert {int(row[0]): int(row[1]) for row in printed} == sizes
    for number, _, *middle in printed:
        own = [(row["umap_1"], row["umap_2"]) for row in found if row["leiden"] == int(number)]
        assert [float(value) for value in middle] == pytest.approx(np.mean(own, axis=0).tolist(), rel=1e-3)
    drawing = ElementTree.fromstring(svg.read_text())
    groups = drawing.findall("{*}g[@fill]")
    assert [len(group.findall("{*}circle")) for group in groups] == [sizes[number] for number in sorted(sizes)]


@pytest.mark.parametrize("words", [("embedding",), ("locus", "--gene", "SIM00003")])
def test_a_figure_is_an_svg_file(small: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"plane\.png: figures are drawn as SVG"):
        ask(small, words[0], "--cell-type", cell_type(small), *words[1:], "--svg", tmp_path / "plane.png")
    assert not list(tmp_path.iterdir())


def meme(motifs: Sequence[str], words: Sequence[str]) -> str:
    text = "MEME version 4\n\nALPHABET= ACGT\n\n"
    for motif, word in zip(motifs, words, strict=True):
        rows = "\n".join(" ".join("0.97" if letter == base else "0.01" for base in "ACGT") for letter in word)
        text += f"MOTIF {motif}_word {motif}\nletter-probability matrix: alength= 4 w= {len(word)}\n{rows}\n\n"
    return text


def test_elements_in_genomic_contexts(small: Path, tmp_path: Path) -> None:
    made, rng = atlas(small), np.random.default_rng(5)
    assert list(made.motifs) != sorted(made.motifs)  # so the scan has its columns in another order than the atlas
    words = ["".join(rng.choice(list("ACGT"), 12)) for _ in made.motifs]
    library, elements = tmp_path / "motifs.meme", tmp_path / "elements.fasta"
    library.write_text(meme(made.motifs, words))
    background = "".join(rng.choice(list("ACGT"), 80))
    sequences = {"none": background, "first": background + words[0], "last": words[-1] + background}
    elements.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    options = ("--elements", str(elements), "--motifs", str(library), "--contexts", "1000", "--seed", "2")
    result = ask(small, "mpra", "--cell-type", cell_type(small), *options)
    assert result.exit_code == 0, result.output
    found = {row["element"]: row for row in rows(small, "from reporter_activities")}

    opened = made.accessibility[made.cell_types.index(cell_type(small))] > 0
    model, _ = load_get(artifact(small, "finetune", "model"))
    windows = around(made.chrom[opened], np.arange(opened.sum()), 0, 8)
    scores = scan(sequences, read_meme(library))
    order = sorted(made.motifs)
    inserted = {}
    features = made.features(cell_type(small))[opened]
    for number, name in enumerate(sequences):
        by_motif = dict(zip(order, scores[number], strict=True))
        scale = dict(zip(made.motifs, made.scores[opened].max(axis=0), strict=True))
        element = [min(by_motif[motif] / scale[motif], 1) for motif in made.motifs] + [1]
        inserted[name] = element
        told = []
        for index, focus in zip(windows.index, windows.focus, strict=True):
            x = features[index].copy()
            x[focus] = element
            told.append(model(torch.from_numpy(x)[None]).detach().numpy()[0, focus].mean())
        assert found[name]["contexts"] == len(windows)
        assert found[name]["activity"] == pytest.approx(float(np.mean(told)), abs=1e-5)
    assert len({row["activity"] for row in found.values()}) == 3
    assert all(row["activity"] == row["expression"] and row["accessibility"] is None for row in found.values())

    other = small.with_name("accessible.toml")
    text = small.read_text().replace("[finetune]", '[finetune]\ntarget = "accessibility"')
    other.write_text(text + "allow_missing = true\n")
    screen = open_screen(other)
    with pytest.raises(InvalidInput, match=r"the finetune of .* has not run"):
        ask(small, "mpra", "--cell-type", cell_type(small), *options, "--accessibility", str(other))
    tuned = next(task for task in first_tasks(screen, until="finetune") if task.stage == "finetune")
    assert execute(tuned, screen.store.root, "run", 1, Resources()).failure is None
    ask(small, "mpra", "--cell-type", cell_type(small), *options, "--accessibility", str(other))
    network, _ = load_get(checkpoint_of(screen, cell_type(small)))
    for row in rows(small, "from reporter_activities where accessibility is not null"):
        told = []
        for index, focus in zip(windows.index, windows.focus, strict=True):
            x = features[index].copy()
            x[focus] = inserted[row["element"]]
            x[:, -1] = 1
            told.append(torch.sigmoid(network(torch.from_numpy(x)[None])).detach().numpy()[0, focus, 0])
        assert row["accessibility"] == pytest.approx(float(np.mean(told)), abs=1e-5)
        assert row["expression"] == pytest.approx(found[row["element"]]["activity"], abs=1e-6)
        assert row["activity"] == pytest.approx(row["expression"] * row["accessibility"], rel=1e-6)
    assert len(rows(small, "from reporter_activities")) == 6
    expression = checkpoint_of(open_screen(small, ["tf_pairs.allow_missing=true"]), cell_type(small))
    with pytest.raises(InvalidInput, match="with the head 'expression', not of accessibility"):
        ask(small, "mpra", "--cell-type", cell_type(small), *options, "--accessibility", expression)

    library.write_text(meme(made.motifs[1:], words[1:]))
    with pytest.raises(InvalidInput, match="17 motif clusters that are not the 18 of the atlas"):
        ask(small, "mpra", "--cell-type", cell_type(small), *options)


WRONG = [
    (("targets", "--motif", "NO SUCH"), "no motif 'NO SUCH'", "and 7 more"),
    (("targets", "--motif", "pax"), "no motif 'pax'", "did you mean PAX/1?"),
    (("embedding", "--layer", "7"), "has no layer 7", "0 to 1"),
    (("perturb", "--motif", "EBF"), "the atlas has no motif 'EBF'", "did you mean EBF1?"),
    (("perturb", "--region", "chr1"), "is not chrom:start-end", "chr11:5225000-5230000"),
    (("perturb", "--region", f"chr1:1-{'9' * 30}"), "is not chrom:start-end", "chr11:5225000-5230000"),
    (("perturb", "--region", "chr1:200-100"), "is not chrom:start-end", "chr11:5225000-5230000"),
    (("perturb", "--region", "1:100-200"), "no open region on '1'", "chr1"),
    (("perturb", "--motif", "EBF1", "--region", "chr1:900000000-900000001"), "holds no open region", "is chr1:"),
    (("locus", "--gene", "sim00004"), "the atlas has no gene 'sim00004'", "did you mean SIM00004 or"),
    (("locus", "--gene", "GATA1"), "the atlas has no gene 'GATA1'", "it has SIM0"),
    (("mpra", "--elements", "none.fasta", "--motifs", "none.meme"), "none.fasta: no sequence", "FASTA"),
]


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("words", "fault", "cure"), WRONG)
def test_a_question_without_an_answer_is_never_a_task(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], fault: str, cure: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("none.fasta", "none.meme"):
        (tmp_path / name).write_text("")
    assert ask(small, "locus", "--cell-type", cell_type(small), "--gene", "SIM00003").exit_code == 0
    screen = open_screen(small)
    before = files_below(screen.store.root)
    with pytest.raises(InvalidInput, match=re.escape(fault)) as error:
        ask(small, words[0], "--cell-type", cell_type(small), *words[1:])
    assert cure in error.value.__notes__[0]
    assert files_below(screen.store.root) == before
    assert rows(small, "from failures") == []


def test_a_package_that_is_not_there_is_no_failure_to_keep(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(embeddings.EXPLORE, "no_such_module", "no-such-package")
    before = files_below(open_screen(small).store.root)
    with pytest.raises(ValueError, match="no-such-package is not installed"):
        ask(small, "embedding", "--cell-type", cell_type(small), "--layer", "1")
    assert files_below(open_screen(small).store.root) == before


def test_a_closed_gene_is_not_a_mistyped_one(small: Path) -> None:
    made = atlas(small)
    assert made.promoters is not None
    gene, at = made.promoters.gene[0], made.promoters.region[0]
    others = np.flatnonzero(np.arange(len(made.chrom)) != at)
    regions = Regions(np.zeros((len(others), 1), np.float32), made.chrom[others], others)
    closed = CellType("NK", made, regions, Path("unread"), 8, 1)
    with pytest.raises(InvalidInput, match=f"{gene} has no transcription start in an open region of NK"):
        closed.starts_of(gene)
    between = f"{made.chrom[at]}:{made.start[at]}-{made.end[at]}"
    left, right = closed.name(at - 1), closed.name(at)
    with pytest.raises(InvalidInput, match=f"{between} holds no open region of NK") as error:
        closed.rows_of(between)
    assert error.value.__notes__[0] in {f"the nearest is {each}" for each in (left, right)}
    everywhere = replace(closed, regions=Regions(made.scores, made.chrom, np.arange(len(made.chrom))))
    assert everywhere.rows_of(between).tolist() == [at]


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong"),
    [
        ("targets", {"motif": "EBF1", "fraction": 0.1}, {"motif": "NOPE"}),
        ("embedding", {"layer": 1, "regions": 40, "seed": 0}, {"layer": 7}),
        ("perturbation", {"motif": "EBF1", "region": None}, {"region": "chr1"}),
        ("locus", {"gene": "SIM00003"}, {"gene": "NOPE"}),
    ],
)
def test_the_stage_refuses_by_itself(
    small: Path, tmp_path: Path, kind: str, inputs: dict[str, Json], wrong: dict[str, Json]
) -> None:
    screen = open_screen(small, ["tf_pairs.allow_missing=true"])
    task = readout_task(screen, kind, cell_type(small), inputs)
    task = replace(task, inputs={**task.inputs, **wrong})
    with pytest.raises(InvalidInput):
        run(Workspace(task, screen.store, tmp_path, 1, 0.0, lambda done, total: None), screen.settings.readout)


def test_questions_about_what_is_not_there(small: Path) -> None:
    with pytest.raises(InvalidInput, match="no cell type 'NK'"):
        ask(small, "targets", "--cell-type", "NK", "--motif", "GATA")
    with pytest.raises(InvalidInput, match="nothing to take away"):
        ask(small, "perturb", "--cell-type", cell_type(small))
    with pytest.raises(InvalidInput, match="has not run with these settings") as error:
        ask(small, "locus", "--cell-type", cell_type(small), "--gene", "X", "--set", "finetune.seed=7")
    assert error.value.__notes__ == [f"screening run {small}"]


def test_cell_types_are_named_before_any_run(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "screen.toml"
    path.write_text(small.read_text().replace('cell_types = ["', '# "'))
    (tmp_path / "tfs.fasta").write_text((small.parent / "tfs.fasta").read_text())
    with pytest.raises(InvalidInput, match="no cell type 'b cell'") as error:
        ask(path, "targets", "--cell-type", "b cell", "--motif", "EBF1")
    assert "did you mean simulated B cell" in error.value.__notes__[0]
    by_name = ("--set", "tf_pairs.source=homodimers")
    with pytest.raises(InvalidInput, match="the screen has no cell types"):
        ask(path, "targets", "--cell-type", "b cell", "--motif", "EBF1", *by_name)
    with pytest.raises(InvalidInput, match="has not run") as error:
        ask(path, "targets", "--cell-type", cell_type(small), "--motif", "EBF1")
    assert error.value.__notes__ == [f"screening run {path}"]
    assert not (tmp_path / "small").exists() and {each.name for each in tmp_path.iterdir()} == {
        "screen.toml",
        "tfs.fasta",
    }
