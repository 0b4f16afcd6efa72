"""What a plan says before anything runs."""

from pathlib import Path

import pytest
import torch

from screening.plan import plan_of_tasks
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.attribution_parts import tasks


def notes(folder: Path, **sections: dict) -> list[str]:
    world = Screen(ScreenSettings.model_validate(sections), folder, {})
    upstream = {"atlas": world.task("atlas", "a").key, "finetune": world.task("finetune", "f").key}
    return [note for note in plan_of_tasks(world, list(tasks(world, "toy", upstream))).notes if "bfloat16" in note]


def test_imitated_bfloat16_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = {"precision": "bfloat16"}
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    (note,) = notes(tmp_path, attribution=half, finetune=half)  # the plan has no finetuning
    assert note.startswith("attribution: ") and note.endswith("--set attribution.precision=float32")
    assert notes(tmp_path, attribution={"precision": "float32"}) == []
    assert notes(tmp_path, attribution=half, resources={"attribution": {"gpus": 1}}) == []
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert notes(tmp_path, attribution=half) == []
