import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from get_core.checkpoints import CHANNELS_PER_HEAD, load_get, save_get
from get_core.errors import InvalidInput
from get_core.model import GET, GetConfig

EXPRESSION = GetConfig(features=7, embed=128, layers=2, heads=2)
PRETRAIN = GetConfig(features=7, embed=128, layers=2, heads=2, outputs=7, head="pretrain")
Weights = dict[str, torch.Tensor]


def made(config: GetConfig) -> GET:
    torch.manual_seed(3)
    return GET(config).eval()


def renamed(weights: Weights, *pairs: tuple[str, str], every: str = "") -> Weights:
    result = {}
    for name, value in weights.items():
        for ours, theirs in pairs:
            if name.startswith(ours):
                name = theirs + name.removeprefix(ours)
                break
        result[every + name] = value
    return result


def final(weights: Weights) -> Weights:
    head = "head_mask." if "mask_token" in weights else "head_exp.head."
    pairs = (("region_embed.", "region_embed.embed."), ("blocks.", "encoder.blocks."), ("norm.", "encoder.norm."))
    return renamed(weights, *pairs, ("head.", head))


def v1_finetune(weights: Weights) -> Weights:
    return renamed(weights, ("region_embed.", "region_embed.proj."), ("norm.", "fc_norm."))


def v1_pretrain(weights: Weights) -> Weights:
    pairs = [(name, f"encoder.{name}") for name in ("cls_token", "blocks.", "norm.", "head.")]
    return renamed(weights, ("region_embed.", "encoder.region_embed.proj."), *pairs)


def lightning(weights: Weights) -> Weights:
    return renamed(final(weights), every="model.")


def convolution(weights: Weights) -> Weights:
    old = v1_finetune(weights)
    return {**old, "region_embed.proj.weight": old["region_embed.proj.weight"].unsqueeze(-1)}


@pytest.mark.parametrize(
    ("naming", "config", "wrapper"),
    [
        (final, EXPRESSION, None),
        (final, PRETRAIN, None),
        (v1_finetune, EXPRESSION, "model"),
        (v1_pretrain, PRETRAIN, "model"),
        (lightning, EXPRESSION, "state_dict"),
        (lightning, PRETRAIN, "state_dict"),
        (convolution, EXPRESSION, "model"),
    ],
)
def test_every_naming_loads_whole(
    tmp_path: Path, naming: Callable[[Weights], Weights], config: GetConfig, wrapper: str | None
) -> None:
    model = made(config)
    weights = naming(model.state_dict())
    path = tmp_path / "checkpoint.pth"
    torch.save({wrapper: weights, "epoch": 3, "args": argparse.Namespace(lr=1e-3)} if wrapper else weights, path)
    loaded, report = load_get(path)
    assert (report.missing, report.unexpected) == ((), ())
    assert report.config == config
    assert set(report.loaded) == set(model.state_dict())
    x = torch.rand(2, 5, 7)
    assert torch.equal(loaded(x), model(x))
    assert not loaded.training


class Correction(torch.nn.Module):
    """What minLoRA puts on a matrix: W + B A / rank, with a mask for dropout among its buffers."""

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        self.lora_A = torch.nn.Parameter(torch.randn(rank, weight.shape[1]))
        self.lora_B = torch.nn.Parameter(torch.randn(weight.shape[0], rank) / 10)
        self.register_buffer("lora_dropout_mask", torch.ones(1, weight.shape[1]))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.lora_B @ self.lora_A / len(self.lora_A)


def test_low_rank_corrections_are_merged(tmp_path: Path) -> None:
    corrected = made(EXPRESSION)
    for name, module in list(corrected.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "head":
            # The reference's loop over module names puts several corrections on one matrix.
            for rank in (8,) if name == "region_embed" else (8, 8, 4):
                torch.nn.utils.parametrize.register_parametrization(module, "weight", Correction(module.weight, rank))
    path = tmp_path / "lora.ckpt"
    torch.save({"state_dict": lightning(corrected.state_dict())}, path)
    loaded, report = load_get(path)
    assert (report.missing, report.unexpected) == ((), ())
    assert set(report.merged) == {
        name for name, value in loaded.state_dict().items() if value.ndim == 2 and name != "head.weight"
    }
    x = torch.rand(2, 5, 7)
    with torch.no_grad():
        np.testing.assert_allclose(loaded(x), corrected(x), rtol=0, atol=1e-5)
        assert abs(loaded(x) - load_get(path, lora_alpha=2.0)[0](x)).max() > 1e-3


@pytest.mark.parametrize("lost", ["original", "0.lora_A", "0.lora_B"])
def test_half_a_correction_is_refused(tmp_path: Path, lost: str) -> None:
    corrected = made(EXPRESSION)
    module = corrected.region_embed
    torch.nn.utils.parametrize.register_parametrization(module, "weight", Correction(module.weight, 4))
    weights = corrected.state_dict()
    del weights[f"region_embed.parametrizations.weight.{lost}"]
    torch.save(weights, tmp_path / "lora.pt")
    with pytest.raises(InvalidInput, match=r"correction 0 of region_embed.weight is incomplete"):
        load_get(tmp_path / "lora.pt")


@pytest.mark.parametrize("name", ["small_state_dict.pt", "small_v1_checkpoint.pth"])
def test_recorded_files(shared: Path, name: str) -> None:
    folder = shared / "parity/get_model"
    model, report = load_get(folder / name)
    assert report.config == GetConfig(features=283, embed=96, layers=3, heads=4)
    assert (len(report.loaded), report.missing, report.unexpected) == (46, (), ())
    with np.load(folder / "small_binary.npz", allow_pickle=False) as arrays, torch.no_grad():
        np.testing.assert_allclose(model(torch.from_numpy(arrays["input"])), arrays["output"], rtol=0, atol=1e-5)
        x = torch.from_numpy(arrays["input"]).double()
        np.testing.assert_allclose(model.double()(x), arrays["output_float64"], rtol=0, atol=1e-10)


def test_official_full_size_names_are_all_known(shared: Path) -> None:
    from get_core.checkpoints import _rename

    listing = json.loads((shared / "parity/get_model/full_size_state_dict_keys.json").read_text())
    with torch.device("meta"):
        finetune = set(GET(GetConfig()).state_dict())
        pretrain = set(GET(GetConfig(head="pretrain", outputs=283)).state_dict())
    for keys, ours in [
        (listing["GETRegionFinetune"]["state_dict"], finetune),
        (listing["GETRegionPretrain"]["state_dict"], pretrain),
        (listing["_v1_name_map_finetune"], finetune),
        (listing["_v1_name_map_pretrain"], pretrain),
    ]:
        assert set(_rename(dict.fromkeys(keys, torch.empty(1)), Path("x"))) == ours


@pytest.mark.parametrize("config", [EXPRESSION, PRETRAIN, GetConfig(7, 24, 1, 3, 1, "accessibility", 0.25)])
def test_ours_round_trip(tmp_path: Path, config: GetConfig) -> None:
    model, path = made(config), tmp_path / "get.safetensors"
    save_get(model, path)
    loaded, report = load_get(path)
    assert report.config == loaded.config == config
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
    )
    assert os.listdir(tmp_path) == ["get.safetensors"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "get.safetensors"
    save_get(made(EXPRESSION), path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_get(made(PRETRAIN), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["get.safetensors"]


def test_safetensors_in_official_names(tmp_path: Path) -> None:
    model = made(EXPRESSION)
    save_file(final(model.state_dict()), tmp_path / "official.safetensors")
    assert load_get(tmp_path / "official.safetensors")[1].config == EXPRESSION


def test_coverage_is_refused_or_reported(tmp_path: Path) -> None:
    weights = final(made(EXPRESSION).state_dict())
    del weights["encoder.blocks.1.mlp.fc1.bias"]
    weights["pos_embed.pe"] = torch.zeros(1000, 1, 128)
    torch.save(weights, tmp_path / "odd.pt")
    with pytest.raises(InvalidInput, match=r"missing: blocks.1.mlp.fc1.bias; unexpected: pos_embed.pe") as caught:
        load_get(tmp_path / "odd.pt")
    assert "strict=False" in caught.value.__notes__[0]
    _, report = load_get(tmp_path / "odd.pt", strict=False)
    assert report.missing == ("blocks.1.mlp.fc1.bias",)
    assert report.unexpected == ("pos_embed.pe",)


def test_heads_come_from_the_caller_or_a_matching_description(tmp_path: Path) -> None:
    assert CHANNELS_PER_HEAD == 64
    config = GetConfig(features=7, embed=24, layers=1, heads=3)
    path = tmp_path / "narrow.pt"
    torch.save(final(made(config).state_dict()), path)
    with pytest.raises(InvalidInput, match="24 channels are no multiple of 64") as caught:
        load_get(path)
    assert "heads=" in caught.value.__notes__[0]
    assert load_get(path, heads=3)[1].config == config
    (tmp_path / "other_config.json").write_text(json.dumps({"embed_dim": 96, "num_heads": 4}))
    with pytest.raises(InvalidInput, match="no multiple"):
        load_get(path)
    (tmp_path / "narrow_config.json").write_text(json.dumps({"embed_dim": 24, "num_layers": 1, "num_heads": 3}))
    assert load_get(path)[1].config == config


def test_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    with pytest.raises(InvalidInput, match="no such checkpoint"):
        load_get(path)
    torch.save([1, 2], path)
    with pytest.raises(InvalidInput, match="holds a list"):
        load_get(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(InvalidInput, match="without weights: epoch"):
        load_get(path)
    torch.save({"conv.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(InvalidInput, match=r"not a GET region model.*conv.weight"):
        load_get(path)
    mixed = made(EXPRESSION).state_dict()
    torch.save({**mixed, "fc_norm.weight": mixed["norm.weight"]}, path)
    with pytest.raises(InvalidInput, match=r"both mean norm.weight"):
        load_get(path)
    torch.save({**mixed, "head.bias": torch.zeros(5)}, path)
    with pytest.raises(InvalidInput, match=r"head.bias has shape \(5,\), expected \(2,\)"):
        load_get(path)


def test_names_of_features_are_kept_and_files_are_the_same_bytes(tmp_path: Path) -> None:
    model, names = made(EXPRESSION), [f"motif {number}" for number in range(EXPRESSION.features)]
    written = set()
    for number in range(8):
        save_get(model, tmp_path / f"{number}.safetensors", features=names)
        written.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(written) == 1
    assert load_get(tmp_path / "0.safetensors")[1].features == tuple(names)
    save_get(model, tmp_path / "0.safetensors")
    assert load_get(tmp_path / "0.safetensors")[1].features is None
    save_get(model, tmp_path / "0.safetensors", features=names[1:])
    with pytest.raises(InvalidInput, match="features in the header"):
        load_get(tmp_path / "0.safetensors")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda w: {**w, "norm.bias": w["norm.bias"] * torch.nan}, r"norm.bias holds values that are not finite"),
        (lambda w: {**w, "head.weight": torch.tensor(1.0)}, r"head.weight has shape \(\), expected"),
        (lambda w: {k.replace("blocks.1.", "blocks.99999999."): v for k, v in w.items()}, r"100000000 layers, but \d+"),
    ],
)
def test_weights_that_make_no_network(tmp_path: Path, change: Callable[[Weights], Weights], fault: str) -> None:
    torch.save(change(made(EXPRESSION).state_dict()), tmp_path / "x.pt")
    with pytest.raises(InvalidInput, match=fault) as caught:
        load_get(tmp_path / "x.pt", heads=EXPRESSION.heads)
    assert caught.value.__notes__
