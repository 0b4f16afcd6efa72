"""Files of weights: what is read, what is refused, and that nothing in them runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from get_core.errors import InvalidInput
from get_core.weights_file import read_weights

WEIGHTS = {"w": torch.arange(4.0).reshape(2, 2), "b": torch.ones(2)}


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_state_dicts_are_unwrapped(tmp_path: Path, wrapper: str | None) -> None:
    torch.save({wrapper: WEIGHTS, "epoch": 3} if wrapper else WEIGHTS, tmp_path / "x.pt")
    read, metadata = read_weights(tmp_path / "x.pt")
    assert list(read) == ["w", "b"] and metadata == {}
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


def test_safetensors_are_told_by_their_content(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "x.pt", metadata={"said": "this"})
    read, metadata = read_weights(tmp_path / "x.pt")
    assert metadata == {"said": "this"}
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, legacy: bool) -> None:
    target, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"model": WEIGHTS, "args": Payload(target)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InvalidInput, match=r"system.*nothing was run") as caught:
        read_weights(path)
    assert "weights_only" not in str(caught.value)  # torch's own message advises to switch the safety off
    assert not target.exists()


def test_lightning_settings_are_read_as_inert_stand_ins(tmp_path: Path) -> None:
    # The file is written by another interpreter, so that its classes cannot exist here.
    weights, path = tmp_path / "weights.pt", tmp_path / "last.ckpt"
    torch.save(WEIGHTS, weights)
    script = f"""
import collections, sys, types, typing, torch
names = types.ModuleType("omegaconf"), types.ModuleType("omegaconf.dictconfig")
sys.modules.update({{module.__name__: module for module in names}})
class DictConfig(dict): pass
class Plain: pass
for made in (DictConfig, Plain):
    made.__module__ = "omegaconf.dictconfig"; made.__qualname__ = made.__name__
    setattr(names[1], made.__name__, made)
settings = Plain()
settings.__dict__ = {{"_content": {{"lr": 1}}, "kind": dict, "ref": typing.Any, "cache": collections.defaultdict(dict)}}
weights = torch.load({str(weights)!r}, weights_only=True)
torch.save({{"state_dict": weights, "hyper_parameters": {{"cfg": settings}}}}, {str(path)!r})
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    read, metadata = read_weights(path)
    assert torch.equal(read["w"], WEIGHTS["w"]) and metadata == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a torch file"),
        (b"PK\x03\x04 broken", "not a torch file"),
        (b"12345678{nonsense", "damaged safetensors"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read_weights(path)


def test_empty_file_ends_too_early(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"")
    with pytest.raises(InvalidInput, match="it ends too early; nothing was run"):
        read_weights(tmp_path / "x.pt")
