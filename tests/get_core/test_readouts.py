"""Enrichment, perturbation, reporter assays and embeddings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact

from get_core.embeddings import embed_regions, leiden_clusters, two_dimensions
from get_core.enrichment import benjamini_hochberg, enrichment, read_gene_sets, top_targets
from get_core.errors import InvalidInput
from get_core.evaluation import predict_focus
from get_core.model import GET, GetConfig
from get_core.perturbation import perturb, reporter_activity
from get_core.windows import Windows, around

GENES = [f"G{i}" for i in range(100)]

# --- enrichment


def test_p_value_is_fishers() -> None:
    targets, members = GENES[:20], [*GENES[12:30], "unknown"]
    (found,) = enrichment([*targets, "elsewhere"], GENES, {"set": members})
    assert found.overlap == tuple(sorted(GENES[12:20]))
    assert found.size == 18
    table = [[8, 12], [10, 70]]
    assert found.p_value == pytest.approx(fisher_exact(table, alternative="greater")[1])
    assert found.fold == pytest.approx((8 / 20) / (18 / 100))
    assert found.q_value == found.p_value


def test_sets_are_ranked_and_small_or_large_ones_left_out() -> None:
    sets = {"few": GENES[:4], "hit": GENES[:10], "miss": GENES[50:60], "all": GENES}
    found = enrichment(GENES[:10], GENES, sets, largest=90)
    assert [each.name for each in found] == ["hit", "miss"]
    assert found[1].p_value == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discovery_rates_are_scipys(p_values: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values), atol=1e-12)


def test_targets_are_the_most_raised_genes() -> None:
    genes = ["A", "B", "A", "C", "D"]
    assert top_targets([1, 3, 5, -9, 0], genes, 0.5) == ("A", "B")
    assert top_targets([2, 2, 1, 1, 1], genes, 1) == ("A", "B", "C", "D")


def test_gene_sets_of_both_kinds(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "x.gmt").write_text("S1\thttp://x\tA\tB\nS2\t\tC\nS1\t\tD\n")
    assert read_gene_sets(tmp_path / "x.gmt") == {"S1": {"A", "B", "D"}, "S2": {"C"}}
    table = read_gene_sets(shared / "data/go_bp_human/go_bp_gene_sets.tsv.gz")
    assert len(table) == 5022
    assert len(table["GO:0030097 hemopoiesis"]) == 570
    (tmp_path / "bad.tsv").write_text("set\tgenes\nS1 A B\n")
    with pytest.raises(InvalidInput, match=r"bad\.tsv:2: no tab"):
        read_gene_sets(tmp_path / "bad.tsv")
    with pytest.raises(InvalidInput, match="none of 1 targets"):
        enrichment(["X"], GENES, {})


# --- perturbation

CHROM = np.repeat(["chr1", "chr2"], 30)
FEATURES = np.random.default_rng(1).random((60, 6)).astype(np.float32)
WINDOWS = around(CHROM, np.arange(0, 60, 7), 0, 9)


@pytest.fixture(scope="module")
def model() -> GET:
    torch.manual_seed(6)
    return GET(GetConfig(features=6, embed=16, layers=2, heads=2)).eval()


def test_taking_out_a_motif_is_predicting_without_it(model: GET) -> None:
    effect = perturb(model, WINDOWS.over(FEATURES), motifs=[2], batch_size=4)
    without = FEATURES.copy()
    without[:, 2] = 0
    np.testing.assert_allclose(effect.after, predict_focus(model, WINDOWS.over(without)), atol=1e-6)
    np.testing.assert_allclose(effect.before, predict_focus(model, WINDOWS.over(FEATURES)), atol=1e-6)
    assert effect.changed.all()
    assert abs(effect.change).max() > 1e-3


def test_closing_a_region_changes_its_windows_only(model: GET) -> None:
    effect = perturb(model, WINDOWS.over(FEATURES), regions=[1])
    holds = (WINDOWS.index == 1).any(1)
    assert holds.sum() not in (0, len(holds))
    np.testing.assert_array_equal(effect.changed, holds)
    assert (effect.change[~holds] == 0).all()
    assert (abs(effect.change[holds]).max(1) > 1e-6).all()
    one = perturb(model, WINDOWS.over(FEATURES), regions=[1], motifs=[3])
    assert abs(one.change[holds] - effect.change[holds]).max() > 1e-6


@pytest.mark.parametrize("what", [{}, {"motifs": [6]}, {"regions": [-1]}])
def test_nothing_or_nowhere_to_change(model: GET, what: dict[str, list[int]]) -> None:
    with pytest.raises(InvalidInput):
        perturb(model, WINDOWS.over(FEATURES), **what)


# --- reporter assays


def test_an_element_is_averaged_over_its_contexts(model: GET) -> None:
    torch.manual_seed(7)
    opening = GET(GetConfig(features=6, embed=16, layers=1, heads=2, outputs=1, head="accessibility")).eval()
    elements = np.random.default_rng(2).random((3, 6)).astype(np.float32)
    found = reporter_activity(model, elements, WINDOWS.over(FEATURES), accessibility=opening)
    for number, element in enumerate(elements):
        expression, opened = [], []
        for index, focus in zip(WINDOWS.index, WINDOWS.focus, strict=True):
            x = FEATURES[index].copy()
            x[focus] = element
            with torch.no_grad():
                expression.append(model(torch.from_numpy(x)[None])[0, focus].mean().item())
                x[:, -1] = 1
                opened.append(torch.sigmoid(opening(torch.from_numpy(x)[None])[0, focus, 0]).item())
        assert found.expression[number] == pytest.approx(np.mean(expression), abs=1e-6)
        assert found.accessibility is not None
        assert found.accessibility[number] == pytest.approx(np.mean(opened), abs=1e-6)
        assert found.activity[number] == pytest.approx(np.mean(expression) * np.mean(opened), abs=1e-6)
    assert found.contexts == len(WINDOWS)
    alone = reporter_activity(model, elements, WINDOWS.over(FEATURES))
    assert alone.accessibility is None
    np.testing.assert_array_equal(alone.activity, alone.expression)


def test_the_element_of_a_context_gives_back_its_prediction(model: GET) -> None:
    one = WINDOWS[:1]
    found = reporter_activity(model, FEATURES[one.rows], one.over(FEATURES))
    assert found.expression[0] == pytest.approx(float(predict_focus(model, one.over(FEATURES)).mean()), abs=1e-6)
    with pytest.raises(InvalidInput, match="contexts have 6 features"):
        reporter_activity(model, np.ones((2, 5)), one.over(FEATURES))
    with pytest.raises(InvalidInput, match="no genomic context"):
        reporter_activity(model, FEATURES, WINDOWS[:0].over(FEATURES))


# --- embeddings


def test_layers_of_the_network(model: GET) -> None:
    windows = WINDOWS.over(FEATURES)
    alone = embed_regions(model, windows, 0, batch_size=3)
    with torch.no_grad():
        expected = model.region_embed(torch.from_numpy(FEATURES[WINDOWS.rows]))
        last = torch.from_numpy(embed_regions(model, windows, 2))
        head = torch.nn.functional.softplus(model.head(model.norm(last)))
    np.testing.assert_allclose(alone, expected, atol=1e-6)
    np.testing.assert_allclose(head, predict_focus(model, windows), atol=1e-6)
    with pytest.raises(InvalidInput, match="layers 0 to 2, not 3"):
        embed_regions(model, windows, 3)


def two_groups() -> np.ndarray:
    generator = np.random.default_rng(3)
    return np.concatenate([generator.normal(0, 1, (40, 5)), generator.normal(30, 1, (25, 5))]).astype(np.float32)


def test_groups_that_are_apart_are_found() -> None:
    clusters = leiden_clusters(two_groups(), neighbours=10, resolution=0.05)
    assert clusters.tolist() == [0] * 40 + [1] * 25
    assert (leiden_clusters(two_groups(), neighbours=10, resolution=0.05) == clusters).all()


def test_the_plane_keeps_groups_apart_and_repeats() -> None:
    points = two_groups()
    plane = two_dimensions(points, neighbours=10)
    assert plane.shape == (65, 2)
    centres = plane[:40].mean(0), plane[40:].mean(0)
    spread = max(plane[:40].std(), plane[40:].std())
    assert np.linalg.norm(centres[0] - centres[1]) > spread
    np.testing.assert_array_equal(two_dimensions(points, neighbours=10), plane)
    with pytest.raises(InvalidInput, match="have no 15 neighbours"):
        two_dimensions(points[:10])


def test_windows_keep_their_order_in_batches(model: GET) -> None:
    windows = Windows(WINDOWS.index[::-1].copy(), WINDOWS.focus[::-1].copy(), WINDOWS.strand)
    np.testing.assert_allclose(
        embed_regions(model, windows.over(FEATURES), 1, batch_size=2),
        embed_regions(model, WINDOWS.over(FEATURES), 1)[::-1],
        atol=1e-6,
    )
