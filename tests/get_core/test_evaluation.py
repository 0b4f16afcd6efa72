import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import r2_score, roc_auc_score

from get_core.errors import InvalidInput
from get_core.evaluation import binary_metrics, predict, regression_metrics
from get_core.model import GET, GetConfig
from get_core.windows import tile

RNG = np.random.default_rng(5)
CHROM = np.repeat([f"chr{i}" for i in range(6)], 100)
FEATURES = RNG.random((600, 12)).astype(np.float32)


def test_predict_covers_exactly_the_windows() -> None:
    torch.manual_seed(0)
    model = GET(GetConfig(features=12, embed=32, layers=2, heads=4))
    windows = tile(CHROM, 20, 10)[27:36]  # those of chr3
    predicted = predict(model, windows.over(FEATURES), batch_size=3)
    assert np.isfinite(predicted).all(axis=1).tolist() == (CHROM == "chr3").tolist()
    model.eval()
    with torch.no_grad():
        first, second = (model(torch.from_numpy(FEATURES[windows.index[i]])[None])[0].numpy() for i in (0, 1))
    np.testing.assert_allclose(predicted[windows.index[0, :10]], first[:10], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(predicted[windows.index[0, 10:]], (first[10:] + second[:10]) / 2, rtol=1e-4, atol=1e-6)


def test_metrics_agree_with_scipy_and_sklearn() -> None:
    y, f = RNG.random(50).round(1), RNG.random(50).round(1)  # with ties
    expected = {"pearson": pearsonr(y, f)[0], "spearman": spearmanr(y, f)[0], "r2": r2_score(y, f)}
    assert regression_metrics(y, f) == pytest.approx(expected)
    assert binary_metrics(y > 0.5, f) == pytest.approx({"auroc": roc_auc_score(y > 0.5, f)})
    assert regression_metrics(np.ones(5), f[:5]) == {"pearson": None, "spearman": None, "r2": None}
    assert regression_metrics(y[:5], np.ones(5))["pearson"] is None
    assert binary_metrics(np.ones(5), f[:5]) == {"auroc": None}


def test_bad_input_is_named() -> None:
    with pytest.raises(InvalidInput, match="cannot be compared"):
        regression_metrics(np.zeros(3), np.zeros(4))
    with pytest.raises(InvalidInput, match="not finite"):
        binary_metrics(np.zeros(2), np.array([0, np.nan]))
