"""Atlases and checkpoints that do not suit each other or the settings, through the stages that read them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from get_core.atlas import Atlas
from get_core.checkpoints import save_get
from get_core.model import GET, GetConfig
from screening.errors import FailureKind
from screening.execution import Report, execute
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps import atlas as atlas_step
from screening.task import Resources

SMALL = {
    "atlas": {"source": "simulated", "n_regions": 200, "n_genes": 80},
    "pretrain": {"window": 8, "embed": 16, "layers": 1, "heads": 2, "epochs": 1},
}


def simulated() -> Atlas:
    return atlas_step._simulated(ScreenSettings.model_validate(SMALL).atlas)[0]


def pretrained(folder: Path, atlas: Atlas, *, checkpoint: Path | None = None, window: int = 8) -> Report:
    """Take an atlas and pretrain on it, or take a checkpoint in place of that."""
    atlas.save(folder / "atlas.zarr.zip")
    sections = {
        "atlas": {"source": "atlas", "path": "atlas.zarr.zip"},
        "pretrain": SMALL["pretrain"] | {"window": window},
    }
    world = Screen(ScreenSettings.model_validate(sections), folder, {})
    task = world.task("atlas", "screen", sources={"atlas": folder / "atlas.zarr.zip"})
    assert execute(task, world.store.root, "run", 1, Resources()).failure is None
    sources = {} if checkpoint is None else {"checkpoint": checkpoint}
    pretrain = world.task("pretrain", "all", upstream={"atlas": task.key}, sources=sources)
    return execute(pretrain, world.store.root, "run", 1, Resources())


@pytest.mark.parametrize("more", [0, 3])
def test_a_checkpoint_of_another_size(tmp_path: Path, more: int) -> None:
    atlas = simulated()
    features = len(atlas.motifs) + 1
    path = tmp_path / "other.safetensors"
    save_get(GET(GetConfig(features=features + more, embed=16, layers=1, heads=2)), path)
    failure = pretrained(tmp_path, atlas, checkpoint=path).failure
    if not more:
        assert failure is None
        return
    assert failure is not None and failure.kind is FailureKind.INVALID_INPUT
    assert f"a network of {features + 3} features, but the atlas has {features}" in failure.message
    assert failure.cure == "use the motifs that the checkpoint was trained with"


def test_a_checkpoint_of_other_motifs(tmp_path: Path) -> None:
    atlas = simulated()
    names = [*atlas.motifs, "Accessibility"]
    path = tmp_path / "other.safetensors"
    model = GET(GetConfig(features=len(names), embed=16, layers=1, heads=2))
    save_get(model, path, features=names)
    assert pretrained(tmp_path, atlas, checkpoint=path).failure is None
    save_get(model, path, features=[names[0], names[2], names[1], *names[3:]])
    failure = pretrained(tmp_path, atlas, checkpoint=path).failure
    assert failure is not None and failure.kind is FailureKind.INVALID_INPUT
    assert f"feature 2 of the network is {names[2]}, of the atlas {names[1]}" in failure.message


def test_too_few_regions_for_a_window(tmp_path: Path) -> None:
    failure = pretrained(tmp_path, simulated(), window=150).failure
    assert failure is not None and failure.kind is FailureKind.INVALID_INPUT
    assert "window" in failure.message and failure.cure


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_column_that_says_nothing_is_no_nan(tmp_path: Path, value: float) -> None:
    """An empty column is 0 and a constant one 1, where the published code divides 0 by 0; training goes on."""
    atlas = simulated()
    scores = atlas.scores.copy()
    scores[:, 1] = value
    changed = replace(atlas, scores=scores)
    features = changed.features(changed.cell_types[0])
    assert np.isfinite(features).all() and set(features[:, 1].tolist()) == {min(value, 1.0)}
    assert pretrained(tmp_path, changed).failure is None
