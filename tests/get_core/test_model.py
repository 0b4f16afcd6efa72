import json
from pathlib import Path

import numpy as np
import pytest
import torch

from get_core.errors import InvalidInput
from get_core.model import DROP_PATH, GET, LAYER_NORM_EPS, MLP_RATIO, DropPath, GetConfig, evaluating, with_head

SMALL = GetConfig(features=7, embed=16, layers=3, heads=4)


@pytest.fixture
def model() -> GET:
    torch.manual_seed(1)
    return GET(SMALL).eval()


def by_hand(model: GET, x: torch.Tensor) -> torch.Tensor:
    """The network written with explicit softmax attention, straight from the published description."""
    embed, heads = model.config.embed, model.config.heads
    state = {k: v.detach() for k, v in model.state_dict().items()}

    def normalise(z: torch.Tensor, name: str) -> torch.Tensor:
        centred = z - z.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return centred / scale * state[f"{name}.weight"] + state[f"{name}.bias"]

    z = x @ state["region_embed.weight"].T + state["region_embed.bias"]
    z = torch.cat([state["cls_token"].expand(len(x), 1, embed), z], 1)
    for i in range(model.config.layers):
        at = f"blocks.{i}"
        bias = torch.cat([state[f"{at}.attn.q_bias"], torch.zeros(embed), state[f"{at}.attn.v_bias"]])
        qkv = normalise(z, f"{at}.norm1") @ state[f"{at}.attn.qkv.weight"].T + bias
        q, k, v = qkv.reshape(len(x), z.shape[1], 3, heads, embed // heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / (embed // heads) ** 0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(z.shape)
        z = z + mixed @ state[f"{at}.attn.proj.weight"].T + state[f"{at}.attn.proj.bias"]
        hidden = normalise(z, f"{at}.norm2") @ state[f"{at}.mlp.fc1.weight"].T + state[f"{at}.mlp.fc1.bias"]
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
        z = z + hidden @ state[f"{at}.mlp.fc2.weight"].T + state[f"{at}.mlp.fc2.bias"]
    out = normalise(z, "norm")[:, 1:] @ state["head.weight"].T + state["head.bias"]
    return torch.log1p(out.exp())


def test_forward_is_the_published_network(model: GET) -> None:
    for parameter in model.parameters():  # biases and the CLS token start at zero and would hide mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.rand(2, 6, 7)
    torch.testing.assert_close(model(x), by_hand(model, x), rtol=1e-4, atol=1e-5)


def test_constants_are_the_reference_ones() -> None:
    assert (LAYER_NORM_EPS, MLP_RATIO, DROP_PATH) == (1e-6, 4, 0.1)


@pytest.mark.parametrize(
    ("config", "parameters", "tensors"),
    [
        (GetConfig(), 85_267_202, 163),
        (GetConfig(head="pretrain", outputs=283), 85_484_059, 164),
    ],
)
def test_full_size_matches_the_published_counts(config: GetConfig, parameters: int, tensors: int) -> None:
    with torch.device("meta"):
        state = GET(config).state_dict()
    assert sum(value.numel() for value in state.values()) == parameters
    assert len(state) == tensors


def test_full_size_shapes_match_the_official_list(shared: Path) -> None:
    listing = json.loads((shared / "parity/get_model/full_size_state_dict_keys.json").read_text())
    official = [tuple(shape) for shape, _ in listing["GETRegionFinetune"]["state_dict"].values()]
    with torch.device("meta"):
        ours = [tuple(value.shape) for value in GET(GetConfig()).state_dict().values()]
    assert sorted(ours) == sorted(official)


def test_focus_shortcut_equals_the_full_forward(model: GET) -> None:
    x, focus = torch.rand(5, 6, 7), torch.tensor([0, 5, 2, 2, 3])
    torch.testing.assert_close(model.at(x, focus), model(x)[torch.arange(5), focus], rtol=1e-5, atol=1e-6)


def test_regions_have_no_order(model: GET) -> None:
    x, order = torch.rand(2, 6, 7), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], rtol=1e-5, atol=1e-6)


def test_heads_end_as_documented(model: GET) -> None:
    x = torch.rand(2, 6, 7)
    logits = with_head(model, "accessibility", 1).eval()
    torch.nn.init.constant_(logits.head.bias, -50.0)
    assert logits(x).max() < -20
    torch.nn.init.constant_(model.head.bias, -50.0)
    assert (model(x) >= 0).all()
    assert model(x).max() < 1e-9


def test_mask_hides_the_features(model: GET) -> None:
    blind = with_head(model, "pretrain", 7).eval()
    x, mask = torch.rand(2, 6, 7), torch.zeros(2, 6, dtype=torch.bool)
    mask[:, 2] = True
    other = x.clone()
    other[:, 2] += 5
    assert torch.equal(blind(x, mask), blind(other, mask))
    assert not torch.allclose(blind(x), blind(other))


def test_new_head_keeps_the_trunk(model: GET) -> None:
    changed = with_head(model, "accessibility", 1)
    assert changed.config.outputs == 1
    for name, value in changed.state_dict().items():
        assert name.startswith("head.") or torch.equal(value, model.state_dict()[name])


def test_stochastic_depth_keeps_the_mean_and_rests_in_evaluation() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    kept = drop(torch.ones(20_000, 2, 3))
    assert np.unique(kept.numpy()).tolist() == pytest.approx([0, 1 / 0.75])
    assert (kept[:, 0, 0] == kept[:, 1, 2]).all()  # whole samples
    assert kept.mean() == pytest.approx(1, abs=0.02)
    assert torch.equal(drop.eval()(torch.ones(4, 2, 3)), torch.ones(4, 2, 3))
    rates = [block.drop_path.rate for block in GET(SMALL).blocks]  # pyright: ignore
    assert rates == pytest.approx([0, 0.05, 0.1])


def test_evaluating_restores_the_mode(model: GET) -> None:
    model.train()
    with evaluating(model):
        assert not model.training
    assert model.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "not divisible"),
        ({"layers": 0}, "layers is 0"),
        ({"head": "exp"}, "must be one of"),
        ({"head": "pretrain"}, "rebuilds 283 features"),
        ({"drop_path": 1.0}, "must lie in"),
    ],
)
def test_impossible_sizes_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        GetConfig(**change)
