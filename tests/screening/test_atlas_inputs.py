"""Settings of training that the atlas cannot meet are refused by the plan, in the words of the task that would fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from get_core.atlas import Atlas
from get_core.checkpoints import save_get
from get_core.model import GET, GetConfig
from screening.cli import app
from screening.commands.screens import open_screen
from screening.errors import InvalidInput
from screening.execution import execute
from screening.plan import plan_of
from screening.screen import Screen
from screening.steps.atlas import _simulated
from screening.steps.atlas_inputs import outline_of
from screening.task import Resources

SIMULATED = 'cell_types = ["simulated B cell"]\n[atlas]\nsource = "simulated"\nn_regions = 200\nn_genes = 80\n'
READY = '[atlas]\nsource = "atlas"\npath = "atlas.zarr.zip"\n'


def screen_of(folder: Path, text: str) -> Screen:
    (folder / "screen.toml").write_text(text)
    return open_screen(folder / "screen.toml")


def drawn(folder: Path) -> Atlas:
    return _simulated(screen_of(folder, SIMULATED).settings.atlas)[0]


def refusal(folder: Path, text: str, until: str) -> tuple[str, Sequence[str]]:
    with pytest.raises(InvalidInput) as caught:
        plan_of(screen_of(folder, text), until=until)
    assert not (folder / "store").exists()
    return str(caught.value), caught.value.__notes__


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_chromosomes_that_are_not_there(tmp_path: Path, stage: str) -> None:
    def left_out(*names: str) -> str:
        return f"{SIMULATED}[{stage}]\nleave_out = {list(names)}\n"

    message, cure = refusal(tmp_path, left_out("chr2", "chrZ"), stage)
    assert message == f"{stage}.leave_out: the atlas has no chromosome 'chrZ'" and "chr2" in cure[0]
    assert "4" in refusal(tmp_path, left_out("4"), stage)[0]
    assert "every chromosome" in refusal(tmp_path, left_out("chr1", "chr2", "chr3", "chr4"), stage)[0]
    assert plan_of(screen_of(tmp_path, left_out("chr2", "chr4")), until=stage).to_run
    plan_of(screen_of(tmp_path, left_out("chrZ")), until="atlas")
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "screen.toml"), "--until", stage])
    assert isinstance(done.exception, InvalidInput)


def test_the_outline_is_that_of_the_atlas(tmp_path: Path) -> None:
    """Of a simulated atlas it is known without drawing it; of a ready one and of tables it is read."""
    atlas = drawn(tmp_path)
    atlas.save(tmp_path / "atlas.zarr.zip")
    simulated, ready = (outline_of(screen_of(tmp_path, text)) for text in (SIMULATED, READY))
    assert simulated == ready
    assert ready.chromosomes == tuple(dict.fromkeys(atlas.chrom.tolist())) and ready.cell_types == atlas.cell_types
    (tmp_path / "r.tsv").write_text("chrom\tstart\tend\tsequence\tK562\nchr2\t0\t4\tACGT\t1\nchr10\t0\t4\tACGT\t1\n")
    (tmp_path / "m.meme").write_text(
        "MEME version 4\n\nMOTIF m c\nletter-probability matrix: alength= 4 w= 1\n1 0 0 0\n"
    )
    text = '[atlas]\nsource = "files"\nregions = "r.tsv"\nmotifs = "m.meme"\n'
    tables = outline_of(screen_of(tmp_path, text))
    assert (tables.chromosomes, tables.cell_types, tables.motifs) == (("chr2", "chr10"), ("K562",), ("c",))
    assert not tables.has_labels and "no expression labels" in refusal(tmp_path, text, "finetune")[0]
    assert plan_of(screen_of(tmp_path, text), until="pretrain").to_run == 2


@pytest.mark.parametrize(
    ("lacking", "settings", "stage", "message"),
    [
        ("expression_labels", "", "finetune", "the atlas has no expression labels"),
        ("promoters", '[attribution]\nrows = "genes"', "attribution", "needs an atlas with transcription starts"),
        ("", '[finetune]\ntarget = "accessibility"', "attribution", 'rows = "promoters" needs finetune.target'),
        ("others", '[finetune]\ntrain_on = "others"', "finetune", "the atlas's only cell type"),
    ],
)
def test_the_plan_refuses_what_the_task_would(
    tmp_path: Path, lacking: str, settings: str, stage: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = drawn(tmp_path)
    assert atlas.expression_labels is not None
    one = {
        "cell_types": atlas.cell_types[:1],
        "accessibility": atlas.accessibility[:1],
        "expression_labels": atlas.expression_labels[:1],
        "gene_expression": atlas.gene_expression[:1],
    }
    changed = one if lacking == "others" else {lacking: None} if lacking else {}
    replace(atlas, **changed).save(tmp_path / "atlas.zarr.zip")
    text = f"{READY}[pretrain]\nwindow = 8\nembed = 16\nlayers = 1\nheads = 2\nepochs = 1\n{settings}\n"
    said, _ = refusal(tmp_path, text, stage)
    assert message in said
    before = "finetune" if stage == "attribution" else "pretrain"
    plan_of(screen_of(tmp_path, text), until=before)
    # The same setting in the task, for those who call it without a plan.
    world = screen_of(tmp_path, text)
    name = atlas.cell_types[0]
    first = world.task("atlas", "x", sources={"atlas": tmp_path / "atlas.zarr.zip"})
    second = world.task("pretrain", "x", upstream={"atlas": first.key})
    third = world.task(
        "finetune", name, inputs={"cell_type": name}, upstream={"atlas": first.key, "pretrain": second.key}
    )
    fourth = world.task(
        "attribution", name, inputs={"cell_type": name}, upstream={"atlas": first.key, "finetune": third.key}
    )
    for task in (first, second, third, fourth):
        failure = execute(task, world.store.root, "run", 1, Resources()).failure
        if task.stage == stage:
            assert failure is not None and failure.message == said
            break
        assert failure is None


def test_a_checkpoint_of_other_motifs(tmp_path: Path) -> None:
    save_get(GET(GetConfig(features=5, embed=16, layers=1, heads=2)), tmp_path / "other.safetensors")
    text = f'{SIMULATED}[pretrain]\ncheckpoint = "other.safetensors"\n'
    assert "a network of 5 features, but the atlas has" in refusal(tmp_path, text, "pretrain")[0]
