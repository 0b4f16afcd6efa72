"""The simulated atlas: its shape, its truth, and that causal discovery can find it."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from get_core.causal import CausalEdge, causal_network, recovery
from get_core.errors import InvalidInput
from get_core.simulation import (
    PlantedEdge,
    SimulatedAtlas,
    SimulatedCellType,
    SimulatedFactor,
    SimulationSettings,
    simulate,
)
from get_core.tf_pairs import choose_tf_pairs


@pytest.fixture(scope="module")
def atlas() -> SimulatedAtlas:
    return simulate(SimulationSettings())


def test_shapes_and_types(atlas: SimulatedAtlas) -> None:
    n, m, c, p, g = 4000, 18, 2, 1500, len(atlas.genes)
    expected = {
        "start": (np.int64, (n,)),
        "end": (np.int64, (n,)),
        "scores": (np.float32, (n, m)),
        "accessibility": (np.float32, (c, n)),
        "expression_labels": (np.float32, (c, n, 2)),
        "gene_expression": (np.float32, (c, g)),
        "promoters": (np.int64, (p,)),
        "strand": (np.int64, (p,)),
        "motif_effects": (np.float64, (c, m)),
    }
    for name, (dtype, shape) in expected.items():
        array = getattr(atlas, name)
        assert (name, array.dtype, array.shape) == (name, dtype, shape)
        assert np.isfinite(array).all()
    assert atlas.chrom.dtype.kind == "U"
    assert len(atlas.motifs) == m
    assert len(atlas.cell_types) == c
    assert all(name.startswith("simulated ") for name in atlas.cell_types)


def test_regions_are_sorted_and_disjoint(atlas: SimulatedAtlas) -> None:
    assert (atlas.start >= 0).all()
    assert (atlas.end > atlas.start).all()
    same = atlas.chrom[1:] == atlas.chrom[:-1]
    assert (atlas.start[1:][same] >= atlas.end[:-1][same]).all()
    assert (~same).sum() == 3
    assert sorted(set(atlas.chrom.tolist())) == ["chr1", "chr2", "chr3", "chr4"]


def test_scores_and_labels_keep_their_promises(atlas: SimulatedAtlas) -> None:
    assert atlas.scores.min() == 0
    assert 0.1 < (atlas.scores > 0).mean() < 0.5
    labelled = atlas.expression_labels != 0
    assert not labelled[:, np.setdiff1d(np.arange(4000), atlas.promoters)].any()
    assert (labelled.sum(axis=2) <= 1).all()
    assert labelled[:, atlas.promoters, atlas.strand].mean() > 0.99
    assert (atlas.expression_labels >= 0).all()
    assert (atlas.accessibility[:, atlas.promoters] > 0.6).all()
    enhancers = np.setdiff1d(np.arange(4000), atlas.promoters)
    assert ((atlas.accessibility[:, enhancers] > 0).sum(axis=0) == 1).all()


def test_the_same_seed_gives_the_same_atlas(atlas: SimulatedAtlas) -> None:
    again, other = simulate(SimulationSettings()), simulate(SimulationSettings(seed=1))
    for field in fields(SimulatedAtlas):
        if isinstance(array := getattr(atlas, field.name), np.ndarray):
            np.testing.assert_array_equal(array, getattr(again, field.name))
    assert not np.array_equal(atlas.scores, other.scores)
    assert not np.array_equal(atlas.promoters, other.promoters)


def test_scores_follow_the_planted_model(atlas: SimulatedAtlas) -> None:
    # What the planted edges do not explain must be the innovations: not negative, and mostly zero.
    column = {motif: number for number, motif in enumerate(atlas.motifs)}
    enhancer = ~np.isin(np.arange(4000), atlas.promoters)
    for number, edges in enumerate(atlas.edges):
        scores = atlas.scores[enhancer & (atlas.accessibility[number] > 0)].astype(float)
        left = scores.copy()
        for edge in edges:
            left[:, column[edge.effect]] -= edge.weight * scores[:, column[edge.cause]]
        assert left.min() > -1e-5
        assert (np.abs(left) > 1e-5).mean() == pytest.approx(atlas.settings.motif_density, abs=0.02)


def test_contributions_by_hand(atlas: SimulatedAtlas) -> None:
    rng = np.random.default_rng(0)
    for cell_type in (0, 1):
        found = atlas.contributions(cell_type)
        opened = atlas.accessibility[cell_type] > 0
        for gene in rng.choice(1500, 20, replace=False):
            row = atlas.promoters[gene]
            near = [r for r in range(4000) if opened[r] and atlas.chrom[r] == atlas.chrom[row]]
            start = min(max(near.index(row) - 10, 0), len(near) - 20)
            window = near[start : start + 20]
            expected = atlas.scores[window].sum(axis=0, dtype=float) * atlas.motif_effects[cell_type]
            np.testing.assert_allclose(found[gene], expected, rtol=1e-9)


def test_expression_follows_the_contributions(atlas: SimulatedAtlas) -> None:
    for cell_type in (0, 1):
        total = atlas.contributions(cell_type).sum(axis=1) + atlas.settings.baseline
        labels = atlas.expression_labels[cell_type, atlas.promoters, atlas.strand]
        assert np.std(labels - np.log1p(np.exp(total))) == pytest.approx(atlas.settings.noise, rel=0.1)
        assert labels.std() > 4 * atlas.settings.noise


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("cell_type", [0, 1])
def test_planted_edges_are_found(seed: int, cell_type: int) -> None:
    atlas = simulate(SimulationSettings(seed=seed))
    network = causal_network(atlas.contributions(cell_type), atlas.motifs)
    planted = {(edge.cause, edge.effect) for edge in atlas.edges[cell_type]}
    found = recovery(network, planted)
    assert found.auprc > 0.95
    assert found.reversed == 0
    # Signs of weights are those of the two effects' product.
    effect = dict(zip(atlas.motifs, atlas.motif_effects[cell_type], strict=True))
    for edge in network.edges[: found.n_true]:
        assert edge.weight * effect[edge.cause] * effect[edge.effect] > 0


def test_edges_of_the_other_cell_type_are_not_found(atlas: SimulatedAtlas) -> None:
    network = causal_network(atlas.contributions(0), atlas.motifs)
    foreign = {(edge.cause, edge.effect) for edge in atlas.settings.cell_types[1].edges}
    assert recovery(network, foreign).auprc < 0.3


def test_intended_tfs_are_chosen(atlas: SimulatedAtlas, shared: Path) -> None:
    with (shared / "parity" / "motifs" / "motif_clusters_v1.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    genes_of = {row["cluster"]: row["genes_corrected"].split(",") for row in rows}
    assert set(atlas.motifs) <= set(genes_of)
    for factor in atlas.settings.factors:
        assert {factor.gene, factor.rival or factor.gene} <= set(genes_of[factor.motif])
    edges = [CausalEdge(motif, "CTCF", 0.5, 1, 100.0, selected=True) for motif in atlas.motifs if motif != "CTCF"]
    for expression in atlas.gene_expression:
        levels = dict(zip(atlas.genes, expression.tolist(), strict=True))
        chosen = choose_tf_pairs(edges, levels, genes_of, {}, {gene: gene for gene in atlas.genes}).chosen
        assert dict(chosen) == {factor.motif: factor.gene for factor in atlas.settings.factors}


def test_small_atlas_of_one_cell_type() -> None:
    factors = tuple(SimulatedFactor(motif, motif, (9.0,), (0.1,)) for motif in ("A", "B"))
    cell_types = (SimulatedCellType("simulated cell", (PlantedEdge("A", "B", 1.0),)),)
    settings = SimulationSettings(
        n_regions=60, n_chromosomes=1, n_genes=60, window=5, factors=factors, common_edges=(), cell_types=cell_types
    )
    atlas = simulate(settings)
    assert atlas.contributions(0).shape == (60, 2)
    assert atlas.gene_expression.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_genes": 5000}, "cannot lie"),
        ({"n_genes": 0}, "cannot lie"),
        ({"n_genes": 40}, "may not fill a window"),
        ({"window": 0}, "window >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"cell_types": ()}, "a cell type"),
        ({"motif_density": 0.0}, "motif_density"),
        ({"noise": -0.1}, "noise"),
        ({"common_edges": (PlantedEdge("ZFX", "XXX", 1.0),)}, "unknown motif"),
        ({"common_edges": (PlantedEdge("ZFX", "CTCF", -1.0),)}, "not positive"),
        ({"common_edges": (PlantedEdge("ZFX", "CTCF", 1.0),) * 2}, "twice"),
        ({"common_edges": (PlantedEdge("ZFX", "CTCF", 1.0), PlantedEdge("CTCF", "ZFX", 1.0))}, "circle"),
        ({"factors": SimulationSettings().factors * 2}, "share a motif"),
        ({"factors": (SimulatedFactor("A", "A", (1.0,), (1.0, 1.0)),)}, "one tpm and one effect"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        replace(SimulationSettings(), **change)
