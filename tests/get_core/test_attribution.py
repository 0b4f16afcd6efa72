from pathlib import Path

import numpy as np
import pytest
import torch

from get_core.attribution import (
    attribute,
    deep_lift,
    gene_by_motif,
    input_times_gradient,
    integrated_gradients,
    jacobian,
)
from get_core.attribution.gradients import value_at
from get_core.checkpoints import load_get
from get_core.errors import InvalidInput
from get_core.model import GET, GetConfig, with_head
from get_core.windows import Windows, around

SMALL = GetConfig(features=7, embed=16, layers=2, heads=4)


@pytest.fixture
def model() -> GET:
    torch.manual_seed(2)
    return GET(SMALL).double().eval()


@pytest.fixture(scope="module")
def recorded(shared: Path) -> tuple[GET, dict[str, np.ndarray]]:
    folder = shared / "parity/get_model"
    with np.load(folder / "small_binary.npz", allow_pickle=False) as arrays:
        return load_get(folder / "small_state_dict.pt")[0], dict(arrays)


@pytest.mark.parametrize("strand", [0, 1])
def test_recorded_jacobians(recorded: tuple[GET, dict[str, np.ndarray]], strand: int) -> None:
    model, arrays = recorded
    x, focus = torch.from_numpy(arrays["input"]), int(arrays["focus"])
    single = jacobian(model, x, focus, strand)
    np.testing.assert_allclose(single, arrays[f"jac_strand{strand}"], rtol=0, atol=1e-5)
    product = input_times_gradient(model, x, focus, torch.tensor([strand, strand]))
    np.testing.assert_allclose(product, arrays[f"inputxgrad_strand{strand}"], rtol=0, atol=1e-5)
    exact = load_as_double(model)
    double = jacobian(exact, x.double(), focus, strand)
    np.testing.assert_allclose(double, arrays[f"jac_f64_strand{strand}"], rtol=0, atol=1e-10)


def load_as_double(model: GET) -> GET:
    double = GET(model.config).double().eval()
    double.load_state_dict(model.state_dict())
    return double


@pytest.mark.parametrize(("reduce", "name"), [("sum", "sum"), ("signed_mean", "mean"), ("abs_mean", "absmean")])
def test_recorded_gene_by_motif(recorded: tuple[GET, dict[str, np.ndarray]], reduce: str, name: str) -> None:
    model, arrays = recorded
    samples, length, _ = arrays["input"].shape
    index = np.arange(samples * length).reshape(samples, length)
    windows = Windows(index, np.full(samples, arrays["focus"]), np.zeros(samples, int))
    over = windows.over(arrays["input"].reshape(samples * length, -1))
    result = attribute(model, over, reduce=reduce, batch_size=1)  # pyright: ignore
    np.testing.assert_allclose(result.by_motif, arrays[f"gene_by_motif_{name}_strand0"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(result.by_region, arrays["region_importance_sum_strand0"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(result.output, arrays["output"][:, arrays["focus"], 0], rtol=0, atol=1e-5)


def test_finite_differences(model: GET) -> None:
    x, step = torch.rand(1, 5, 7, dtype=torch.float64), 1e-6
    gradient = jacobian(model, x, 3, 1)[0]
    for region, feature in [(0, 0), (3, 6), (4, 2)]:
        shift = torch.zeros_like(x)
        shift[0, region, feature] = step
        with torch.no_grad():
            slope = (model(x + shift)[0, 3, 1] - model(x - shift)[0, 3, 1]) / (2 * step)
        assert float(gradient[region, feature]) == pytest.approx(float(slope), rel=1e-6, abs=1e-10)


def test_one_strand_never_holds_the_other(model: GET) -> None:
    x = torch.rand(2, 5, 7, dtype=torch.float64)
    alone = jacobian(model, x, 2, 1)
    jacobian(model, x, 2, 0)
    again = jacobian(model, x, 2, 1)
    assert torch.equal(alone, again)
    mixed = jacobian(model, x, 2, torch.tensor([0, 1]))
    torch.testing.assert_close(mixed[1], alone[1], rtol=1e-12, atol=1e-14)
    with torch.no_grad():
        model.head.weight[1] = 0  # the minus strand loses its input, the plus strand must not notice
    assert jacobian(model, x, 2, 1).abs().max() == 0
    torch.testing.assert_close(jacobian(model, x, 2, 0)[0], mixed[0], rtol=1e-12, atol=1e-14)


def test_batch_equals_single_samples(model: GET) -> None:
    x = torch.rand(4, 5, 7, dtype=torch.float64)
    focus, strand = torch.tensor([0, 4, 2, 2]), torch.tensor([0, 1, 1, 0])
    batch = input_times_gradient(model, x, focus, strand)
    for i in range(4):
        alone = input_times_gradient(model, x[i : i + 1], int(focus[i]), int(strand[i]))
        torch.testing.assert_close(batch[i], alone[0], rtol=1e-10, atol=1e-13)


def test_regions_have_no_order(model: GET) -> None:
    x, order = torch.rand(1, 5, 7, dtype=torch.float64), torch.tensor([4, 2, 0, 1, 3])
    shuffled = jacobian(model, x[:, order], 0, 0)  # region 4 comes first
    torch.testing.assert_close(shuffled, jacobian(model, x, 4, 0)[:, order], rtol=1e-10, atol=1e-13)


def test_nothing_is_left_behind(model: GET) -> None:
    model.train()
    x = torch.rand(1, 5, 7, dtype=torch.float64, requires_grad=True)
    first = jacobian(model, x, 0, 0)
    assert torch.equal(first, jacobian(model, x, 0, 0))  # stochastic depth is off
    assert model.training
    assert x.grad is None
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not first.requires_grad


@pytest.mark.parametrize(
    "make", [np.asarray, lambda x: np.ascontiguousarray(x.numpy()[::-1])[::-1], lambda x: x.float().numpy(), list]
)
def test_arrays_serve_as_well_as_tensors(model: GET, make) -> None:
    x = torch.rand(2, 5, 7, dtype=torch.float32).double()
    given = make(x.tolist() if make is list else x)
    for function in (jacobian, input_times_gradient, integrated_gradients, deep_lift, value_at):
        expected = function(model, x, 2, torch.tensor([0, 1]))
        for strand in (np.array([0, 1], np.int32), [0, 1]):
            found = function(model, given, np.int64(2), strand)
            assert found.dtype == torch.float64  # as the model
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


class Linear(torch.nn.Module):
    """Output s of region r is the sum of weight[s] over all regions: J is known in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0, 0.0], [3.0, 0.5, -1.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.sum(1) @ self.weight.T).unsqueeze(1).expand(-1, x.shape[1], -1)


def test_closed_form_and_streaming() -> None:
    features = np.random.default_rng(0).random((9, 3)).astype(np.float32)
    windows = around(np.repeat(["a", "b"], [5, 4]), [0, 3, 6, 8, 2], [0, 1, 0, 1, 1], 4)
    linear, steps = Linear(), []
    result = attribute(linear, windows.over(features), batch_size=2, progress=lambda *at: steps.append(at))
    weight = linear.weight.detach().numpy()[windows.strand]
    np.testing.assert_allclose(result.by_motif, features[windows.index].sum(1) * weight, rtol=1e-5)
    np.testing.assert_allclose(result.by_region, (features[windows.index] * weight[:, None]).sum(2), rtol=1e-4)
    np.testing.assert_allclose(result.output, result.by_motif.sum(1), rtol=1e-4)
    assert steps == [(2, 5), (4, 5), (5, 5)]
    assert np.array_equal(gene_by_motif(linear, windows.over(features), batch_size=5), result.by_motif)
    absolute = gene_by_motif(linear, windows.over(features), reduce="abs_mean")
    np.testing.assert_allclose(absolute, abs(result.by_motif) / 4, rtol=1e-5)


def test_binary_models_are_attributed_by_their_logit(model: GET) -> None:
    logits = with_head(model, "accessibility", 1).eval()
    x = torch.rand(2, 5, 7, dtype=torch.float64)
    before = jacobian(logits, x, 1, 0)
    with torch.no_grad():
        logits.head.bias.add_(40)  # a probability would be saturated here
    torch.testing.assert_close(jacobian(logits, x, 1, 0), before, rtol=1e-10, atol=1e-13)
    assert before.abs().max() > 1e-3
    with pytest.raises(InvalidInput, match="strand runs from 1 to 1"):
        jacobian(logits, x, 1, 1)


def test_bad_input_is_named(model: GET) -> None:
    x = torch.rand(2, 5, 7, dtype=torch.float64)
    with pytest.raises(InvalidInput, match="focus runs from 5 to 5"):
        jacobian(model, x, 5, 0)
    with pytest.raises(InvalidInput, match="focus runs from -1"):
        jacobian(model, x, -1, 0)
    with pytest.raises(InvalidInput, match="strand must be one integer"):
        jacobian(model, x, 0, torch.tensor([0, 1, 0]))
    with pytest.raises(InvalidInput, match=r"\(batch, regions, features\)"):
        jacobian(model, x[0], 0, 0)
    with pytest.raises(InvalidInput, match="must be float"):
        jacobian(model, x.long(), 0, 0)
    with pytest.raises(InvalidInput, match=r"shape \(2, 5, 6\); the network takes \(batch, regions, 7\)"):
        jacobian(model, x[:, :, :6], 0, 0)
    windows = around(["a"] * 9, [1], 0, 4).over(np.zeros((9, 7)))
    with pytest.raises(InvalidInput, match="batch of -1"):
        gene_by_motif(model, windows, batch_size=-1)
    with pytest.raises(InvalidInput, match="must be one of sum"):
        gene_by_motif(model, windows, reduce="max")  # pyright: ignore
