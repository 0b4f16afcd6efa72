"""bfloat16 without instructions for it is said to be slow before it starts."""

import warnings

import numpy as np
import pytest
import torch

from get_core.attribution import attribute
from get_core.model import GET, GetConfig
from get_core.precision import SLOW_BFLOAT16, bfloat16_is_slow
from get_core.windows import FeatureWindows, Windows


@pytest.fixture
def windows() -> FeatureWindows:
    return Windows(np.arange(8)[None], np.array([4]), np.array([0])).over(np.random.default_rng(0).random((8, 5)))


def network() -> GET:
    return GET(GetConfig(features=5, embed=16, layers=1, heads=2)).eval()


def test_what_the_processor_says() -> None:
    known = torch.cpu.get_capabilities()
    if known["architecture"] == "x86_64":
        has = known["avx512_bf16"] or known["amx_bf16"] or known["avx512_bw"] or known["avx_ne_convert"]
        assert bfloat16_is_slow() is not has
    assert not bfloat16_is_slow("cuda")


@pytest.mark.parametrize("supported", [True, False])
def test_attribution_warns_where_it_would_crawl(
    windows: FeatureWindows, supported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attribute(network(), windows, precision="float32")
        assert not [each for each in caught if "bfloat16" in str(each.message)]
        attribute(network(), windows, precision="bfloat16")
    said = [str(each.message) for each in caught if "bfloat16" in str(each.message)]
    assert said == ([] if supported else [SLOW_BFLOAT16])
    assert 'precision = "float32"' in SLOW_BFLOAT16
