"""Three definitions of mobility told apart by motions that only some of them see; p-values under a true null."""

import mdtraj
import numpy as np
import pytest
from scipy import stats

from md.analysis.mobility import (
    MOBILITIES,
    against_plddt,
    checked_plddt,
    correlation,
    squared_displacements_nm2,
)
from md.analysis.solute import Chain, Solute
from md.errors import InvalidStructure


def alpha_only(frames: np.ndarray, start: np.ndarray, lengths: tuple[int, ...]) -> Solute:
    topology, chains, first = mdtraj.Topology(), [], 0
    for name, length in zip("ABC", lengths, strict=False):
        chain = topology.add_chain(name)
        for number in range(length):
            topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain, resSeq=number + 5))
        own = np.arange(first, first + length)
        chains.append(Chain(name, tuple(range(5, 5 + length)), own, own, own, np.arange(length), own))
        first += length
    return Solute(
        topology, tuple(chains), np.full(first, 12.0), start, frames.astype(np.float32), None, np.arange(len(frames))
    )


def mobilities(solute: Solute) -> dict[str, np.ndarray]:
    return {name: np.sqrt(values.mean(axis=0)) for name, values in squared_displacements_nm2(solute).items()}


def test_each_definition_sees_its_own_motion():
    generator = np.random.default_rng(1)
    start = generator.standard_normal((40, 3))
    apart = np.repeat(start[None], 30, axis=0)
    apart[:, 20:, 0] += np.linspace(0.0, 3.0, 30)[:, None]  # chain B leaves as a body
    found = mobilities(alpha_only(apart, start, (20, 20)))
    assert found["displacement_complex"].min() > 0.1
    np.testing.assert_allclose(found["displacement_chain"], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["rmsf"], 0.0, atol=1e-6)
    jumped = np.repeat(start[None], 30, axis=0)
    jumped[:, 3] += [0.0, 0.0, 1.0]  # one residue is elsewhere from the first frame on, and stays
    found = mobilities(alpha_only(jumped, start, (20, 20)))
    assert found["displacement_chain"][3] > 0.8
    np.testing.assert_allclose(found["rmsf"], 0.0, atol=1e-6)


def test_displacement_by_hand():
    # Six atoms of a rigid cross, one pair of which breathes symmetrically: superposing changes nothing.
    start = np.concatenate([10.0 * np.eye(3), -10.0 * np.eye(3)])
    frames = np.repeat(start[None], 4, axis=0)
    for frame, shift in enumerate((0.1, 0.2, 0.3, 0.4)):
        frames[frame, 0, 0] += shift
        frames[frame, 3, 0] -= shift
    found = mobilities(alpha_only(frames, start, (6,)))
    rms = np.sqrt(np.mean(np.square([0.1, 0.2, 0.3, 0.4])))
    assert found["displacement_chain"][0] == pytest.approx(rms, abs=1e-6)
    assert found["displacement_complex"][0] == pytest.approx(rms, abs=1e-6)
    assert found["rmsf"][0] == pytest.approx(np.std([0.1, 0.2, 0.3, 0.4]), abs=1e-6)


def test_coefficients_are_scipys_and_a_real_relation_is_found():
    generator = np.random.default_rng(3)
    plddt = 60.0 + 30.0 * np.sin(np.arange(80) / 3.0) + generator.normal(0.0, 5.0, 80)
    width = 0.3 - 0.002 * plddt
    squared = (width * generator.standard_normal((400, 80))) ** 2
    found = correlation("A", "rmsf", squared, plddt)
    values = np.sqrt(squared.mean(axis=0))
    assert found.pearson == pytest.approx(stats.pearsonr(values, plddt).statistic)
    assert found.spearman == pytest.approx(stats.spearmanr(values, plddt).statistic)
    assert found.spearman < -0.9
    assert found.spearman_p is not None and found.spearman_p < 0.01 and found.n_residues == 80


def smooth(n: int, generator: np.random.Generator) -> np.ndarray:
    x = np.zeros(n)
    for i in range(1, n):
        x[i] = 0.8 * x[i - 1] + generator.standard_normal()
    return x


def test_p_is_right_where_residues_are_alike_along_the_chain():
    # Mobility and pLDDT are smooth along the chain and have nothing to do with each other. Taking residues as
    # independent finds "p < 0.05" in a third of such chains.
    generator = np.random.default_rng(4)
    ours, naive = [], []
    for _ in range(60):
        width, plddt = np.exp(0.3 * smooth(120, generator)), smooth(120, generator)
        squared = (width * generator.standard_normal((60, 120))) ** 2
        found = correlation("A", "rmsf", squared, plddt)
        if found.pearson_p is not None:
            ours.append(found.pearson_p)
            naive.append(stats.pearsonr(np.sqrt(squared.mean(axis=0)), plddt).pvalue)
    assert len(ours) > 40
    assert np.mean(np.array(naive) < 0.05) > 0.2
    assert np.mean(np.array(ours) < 0.05) < 0.13


def test_p_is_withheld_where_it_cannot_be_known():
    generator = np.random.default_rng(5)
    plddt = generator.uniform(0.0, 100.0, 40)
    drifting = np.linspace(0.1, 1.0, 200)[:, None] * np.linspace(1.0, 2.0, 40)
    found = correlation("A", "rmsf", drifting, plddt)
    assert found.pearson is not None and found.pearson_p is None
    assert "p withheld: 200 frames are worth" in found.note
    constant = correlation("A", "rmsf", drifting, np.full(40, 50.0))
    assert constant.pearson is None and "same for all" in constant.note


def test_scopes_and_a_table_of_another_length():
    generator = np.random.default_rng(6)
    start = generator.standard_normal((30, 3))
    solute = alpha_only(start + 0.01 * generator.standard_normal((60, 30, 3)), start, (20, 10))
    plddt = checked_plddt(solute, {"B": [50.0] * 9 + [60.0], "A": np.arange(20.0), "Z": [1.0]})
    assert plddt[:3].tolist() == [0.0, 1.0, 2.0] and plddt[-1] == 60.0
    rows = against_plddt(solute, squared_displacements_nm2(solute), plddt)
    assert [(row.chain, row.mobility) for row in rows] == [(c, m) for c in ("all", "A", "B") for m in MOBILITIES]
    assert [row.n_residues for row in rows[::3]] == [30, 20, 10]
    with pytest.raises(InvalidStructure, match=r"chain B: 9 values for 10 residues.*plddt_length"):
        checked_plddt(solute, {"A": [1.0] * 20, "B": [1.0] * 9})
    with pytest.raises(InvalidStructure, match="chain B: 0 values for 10"):
        checked_plddt(solute, {"A": [1.0] * 20})
    for wrong in (float("nan"), 101.0):
        with pytest.raises(InvalidStructure, match=r"residue 7: .* is not in 0..100.*plddt_range"):
            checked_plddt(solute, {"A": [1.0, 2.0, wrong] + [1.0] * 17, "B": [1.0] * 10})
