"""Integrated gradients and DeepLIFT against captum's, and against what must add up."""

import numpy as np
import pytest
import torch
from captum.attr import DeepLift, IntegratedGradients
from torch import nn

from get_core.attribution import attribute, deep_lift, input_times_gradient, integrated_gradients, jacobian
from get_core.attribution.gradients import STEPS, value_at
from get_core.errors import InvalidInput
from get_core.model import GET, GetConfig
from get_core.windows import Windows

FOCUS, STRAND = torch.tensor([3, 0]), torch.tensor([1, 0])


@pytest.fixture
def model() -> GET:
    torch.manual_seed(4)
    model = GET(GetConfig(features=7, embed=16, layers=2, heads=4)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(2)  # Xavier's start is too smooth to tell methods apart
            else:  # without biases an empty window is normalised to noise, and no path integral converges there
                parameter.add_(0.5 * torch.randn_like(parameter))
    return model


def inputs(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


class Plain(nn.Module):
    """A network of each region by itself, of layers whose rescale rule captum knows."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(nn.Linear(7, 9), *layers).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def plain() -> Plain:
    return Plain(nn.Tanh(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 2), nn.Softplus())


@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_integrated_gradients_equal_captums(model: GET, baseline: float) -> None:
    x = inputs()
    ours = integrated_gradients(model, x, FOCUS, STRAND, baseline=baseline, steps=STEPS)

    def chosen(batch: torch.Tensor) -> torch.Tensor:
        repeats = len(batch) // 2
        return model(batch)[torch.arange(len(batch)), FOCUS.repeat(repeats), STRAND.repeat(repeats)]

    theirs = IntegratedGradients(chosen).attribute(x, baselines=baseline, n_steps=STEPS)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)  # captum keeps its places in float32
    difference = value_at(model, x, FOCUS, STRAND) - value_at(model, torch.full_like(x, baseline), FOCUS, STRAND)
    torch.testing.assert_close(ours.sum((1, 2)), difference, rtol=0, atol=1e-4)
    assert (input_times_gradient(model, x, FOCUS, STRAND).sum((1, 2)) - difference).abs().max() > 1e-3


@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_deep_lift_equals_captums(baseline: float) -> None:
    network, x = plain(), inputs()
    ours = deep_lift(network, x, FOCUS, STRAND, baseline=baseline)
    for sample in range(2):
        theirs = DeepLift(network).attribute(
            x[sample : sample + 1],
            baselines=torch.full_like(x[:1], baseline),
            target=(int(FOCUS[sample]), int(STRAND[sample])),
        )
        torch.testing.assert_close(ours[sample], theirs[0].detach(), rtol=0, atol=1e-10)


def test_deep_lift_adds_up_without_attention() -> None:
    # GELU is not among captum's layers; the sum is what holds for any elementwise nonlinearity.
    network, x = Plain(nn.GELU(), nn.Linear(9, 2), nn.Softplus()), inputs()
    shares = deep_lift(network, x, FOCUS, STRAND)
    difference = value_at(network, x, FOCUS, STRAND) - value_at(network, torch.zeros_like(x), FOCUS, STRAND)
    torch.testing.assert_close(shares.sum((1, 2)), difference, rtol=0, atol=1e-9)
    gap = (input_times_gradient(network, x, FOCUS, STRAND).sum((1, 2)) - difference).abs()
    assert gap.max() > 1e-3


def test_deep_lift_of_equal_inputs_is_nothing_and_near_ones_is_the_gradient(model: GET) -> None:
    x = inputs()
    assert deep_lift(model, x, FOCUS, STRAND, baseline=x).abs().max() == 0
    start = x - 1e-7
    near = deep_lift(model, x, FOCUS, STRAND, baseline=start)
    torch.testing.assert_close(near, jacobian(model, x, FOCUS, STRAND) * (x - start), rtol=1e-4, atol=1e-12)


def test_deep_lift_leaves_the_network_as_it_was(model: GET) -> None:
    x = inputs()
    before = jacobian(model, x, FOCUS, STRAND)
    deep_lift(model, x, FOCUS, STRAND)
    assert torch.equal(jacobian(model, x, FOCUS, STRAND), before)
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("method", "single"),
    [
        ("gradient", jacobian),
        ("input_times_gradient", input_times_gradient),
        ("integrated_gradients", integrated_gradients),
        ("deep_lift", deep_lift),
    ],
)
def test_streaming_equals_the_whole(model: GET, method: str, single) -> None:
    network, table = model.float(), inputs(4).float().flatten(0, 1).numpy()
    index = np.arange(20).reshape(4, 5)
    focus, strand = np.array([0, 2, 4, 1]), np.array([0, 1, 1, 0])
    found = attribute(network, Windows(index, focus, strand).over(table), method=method, batch_size=3)  # pyright: ignore
    whole = single(network, torch.from_numpy(table[index]), torch.from_numpy(focus), torch.from_numpy(strand))
    np.testing.assert_allclose(found.by_motif, whole.sum(1), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.by_region, whole.sum(2), rtol=0, atol=1e-4)
    if method in ("gradient", "input_times_gradient"):
        assert found.unexplained is None
    else:
        x, empty = torch.from_numpy(table[index]), torch.zeros(4, 5, 7)
        at = torch.from_numpy(focus), torch.from_numpy(strand)
        left = value_at(network, x, *at) - value_at(network, empty, *at) - whole.sum((1, 2))
        assert found.unexplained is not None
        np.testing.assert_allclose(found.unexplained, left, rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:bfloat16 on a processor")
def test_bfloat16_gives_nearly_the_same_matrix() -> None:
    torch.manual_seed(0)
    network = GET(GetConfig(features=30, embed=64, layers=3, heads=4)).eval()
    table = np.random.default_rng(0).random((400, 30)).astype(np.float32)
    windows = Windows(np.arange(400).reshape(20, 20), np.full(20, 10), np.arange(20) % 2).over(table)
    exact = attribute(network, windows).by_motif
    rough = attribute(network, windows, precision="bfloat16").by_motif
    assert abs(rough - exact).max() > 0
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.999


def test_what_cannot_be_asked(model: GET) -> None:
    windows = Windows(np.arange(5)[None], np.array([2]), np.array([0])).over(inputs(1)[0].float().numpy())
    with pytest.raises(InvalidInput, match="method is 'saliency'"):
        attribute(model.float(), windows, method="saliency")  # pyright: ignore
    with pytest.raises(InvalidInput, match="at least one step"):
        integrated_gradients(model.double(), inputs(), 0, 0, steps=0)
