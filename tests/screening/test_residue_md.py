import gzip
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from screening.errors import InvalidInput, Unsupported
from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.binding import (
    Trajectory,
    block_error,
    contact_statistics,
    dissociation_constant_molar,
    effective_samples,
    wilson_interval,
)
from screening.folding.calvados import Chain, elastic_pairs
from screening.folding.residue_md import DEMO, ResidueMd, ResidueMdSettings, box_edge_nm, read_ca_nm, simulate

SHORT = ResidueMdSettings(production_ns=0.1, equilibration_ns=0.02, replicas=1, frame_interval_ps=5.0)
SMALL_BOX = ResidueMdSettings(production_ns=0.6, equilibration_ns=0.2, replicas=1, frame_interval_ps=5.0, box_nm=8.0)


def segment(sequence: str, **changes: object) -> FoldSegment:
    values: dict = {
        "accession": "Q1",
        "start": 11,
        "end": 10 + len(sequence),
        "kind": "low_plddt",
        "sequence": sequence,
        "protein_length": 500,
    }
    return FoldSegment(**(values | changes))


def inner(sequence: str) -> Chain:
    return Chain(sequence, has_n_terminus=False, has_c_terminus=False)


def test_sticky_chains_bind_and_like_charges_do_not():
    # Aromatic residues are the stickiest of the scale, glutamates the least sticky and all of one charge.
    sticky, repelled = (inner("WWFYWWFYWWWWFYWWFYWW"), inner("E" * 10))
    bound, unbound = (
        contact_statistics(simulate((chain, chain), (None, None), SMALL_BOX, 1), 0.8) for chain in (sticky, repelled)
    )
    assert bound.fraction > 0.3
    assert unbound.fraction < 0.1
    assert bound.probability.sum() > 10 * unbound.probability.sum()


def test_a_disordered_chain_has_the_size_of_one():
    # Uncharged polar chain of 40; the Hofmann et al. (2012) law with exponents from ideal (0.5) to good solvent (0.588)
    # gives 1.42 to 1.84 nm, and a quarter either way covers sequence and a run of this length.
    settings = ResidueMdSettings(
        production_ns=1.5, equilibration_ns=0.3, replicas=1, frame_interval_ps=5.0, box_nm=20.0
    )
    chain = inner("GSQNSTGPSA" * 4)
    for radius in simulate((chain, chain), (None, None), settings, 2).rg_nm():
        assert 0.75 * 1.42 < radius < 1.25 * 1.84


def test_the_same_seed_gives_the_same_bits():
    chains = (inner("GSKRDEYFLQ"), inner("PEDKSGWAVT"))
    one, two, other = (simulate(chains, (None, None), SHORT, seed).positions_nm for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert one.shape == (1, 20, 20, 3)


def test_twenty_femtoseconds_keep_bonds_at_temperature():
    # A harmonic bond has the variance kT/k; sqrt(2.494/8033) = 0.0176 nm.
    settings = ResidueMdSettings(production_ns=0.4, equilibration_ns=0.3, replicas=1, frame_interval_ps=2.0)
    positions = simulate((inner("GSQNGSQNGS"), inner("GSQNGSQNGS")), (None, None), settings, 3).positions_nm[0]
    bonds = np.linalg.norm(np.diff(positions[:, :10].astype(float), axis=1), axis=-1)
    assert bonds.std() == pytest.approx(np.sqrt(8.314462618e-3 * 300 / 8033), rel=0.05)


def test_a_folded_segment_keeps_its_fold():
    turn = np.radians(100 * np.arange(16))
    helix = np.column_stack([0.23 * np.cos(turn), 0.23 * np.sin(turn), 0.15 * np.arange(16)])
    chain = Chain("AEKLAEKLAEKLAEKL", elastic=elastic_pairs(helix))
    trajectory = simulate((chain, inner("GSGSGSGS")), (helix, None), SHORT, 1)
    moved = trajectory.positions_nm[0, -1, :16].astype(float)
    first, second = np.triu_indices(16, 1)
    change = np.linalg.norm(moved[first] - moved[second], axis=1) - np.linalg.norm(helix[first] - helix[second], axis=1)
    assert np.sqrt(np.mean(change**2)) < 0.15


def test_supports_says_why_not(tmp_path: Path):
    backend, disordered = ResidueMd(DEMO), segment("GSGSGS")
    folded = segment("GSGSGS", kind="high_plddt")
    assert backend.supports(FoldRequest(disordered, disordered)) is None
    reason = backend.supports(FoldRequest(disordered, folded))
    assert reason == "high_plddt segment Q1:11-16 without coordinates of its fold"
    assert backend.supports(FoldRequest(segment("GSG"), disordered)) == "segment Q1:11-13 has fewer than 4 residues"
    with pytest.raises(Unsupported, match="without coordinates"):
        backend.fold(FoldRequest(disordered, folded), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pair_becomes_a_structure_with_honest_numbers(tmp_path: Path):
    a = segment("MSGSKRWYLE", start=1, end=10)
    b = segment("EDFYPTGAVH", accession="Q2", start=91, end=100, protein_length=100)
    seen: list[tuple[int, int]] = []
    request = FoldRequest(a, b, seed=7)
    result = ResidueMd(SHORT).fold(request, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert (result.backend, result.has_plddt, result.plddt, result.iptm, result.pae) == (
        "residue_md", False, None, None, None,
    )  # fmt: skip
    assert not result.converged
    assert "fewer than" in result.reason
    assert result.observable("kd").value is None
    assert result.observable("kd").note == result.reason
    assert result.contacts is not None
    with np.load(result.contacts, allow_pickle=False) as arrays:
        assert arrays["contact_probability"].shape == (10, 10)
        assert arrays["bound"].mean() == result.observable("bound_fraction").value
    atoms = [line for line in result.structure.read_text().splitlines() if line.startswith("ATOM")]
    numbers = {(line[21], int(line[22:26])) for line in atoms}
    assert numbers == {("A", i) for i in range(1, 11)} | {("B", i) for i in range(91, 101)}
    assert {float(line[60:66]) for line in atoms} == {0.0}
    assert "NOT AN ALPHAFOLD MODEL" in result.structure.read_text().splitlines()[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contacts.npz", "model.pdb"]


def toy(gaps_nm: list[float]) -> Trajectory:
    """Two chains of two beads in a cube of 10 nm; the second bead of A and the first of B are `gaps_nm` apart."""
    frames = [[[0.0, 0, 0], [0.4, 0, 0], [0.4 + gap, 0, 0], [0.8 + gap, 0, 0]] for gap in gaps_nm]
    return Trajectory(np.array([frames], np.float32), 2, 10.0)


def test_contacts_of_a_toy_are_counted():
    statistics = contact_statistics(toy([0.5, 2.0, 0.7, 9.1]), 0.8)
    assert statistics.bound.tolist() == [[True, False, True, True]]
    # In the last frame chain B is 9.5 to 9.9 nm to the right of A's first bead: 0.5 to 0.1 nm to the left of it.
    assert statistics.probability[1, 0] == 0.5
    assert statistics.probability[0, 1] == 0.25
    assert statistics.fraction == 0.75
    assert statistics.transitions == 2


def test_an_unbound_run_is_represented_by_its_closest_approach():
    statistics = contact_statistics(toy([3.0, 1.5, 2.0]), 0.8)
    assert statistics.fraction == 0
    assert statistics.representative == (0, 1)
    assert statistics.not_converged.startswith("0 binding and unbinding events")


def test_the_representative_is_the_commonest_contact():
    other = toy([0.5] * 3 + [2.0])
    flipped = other.positions_nm.copy()
    flipped[0, 3, 2:] = [[-0.9, 0, 0], [-0.5, 0, 0]]
    assert contact_statistics(Trajectory(flipped, 2, 10.0), 0.8).representative[1] < 3


def test_a_frame_is_put_together_across_the_boundary():
    frame = toy([9.1]).together(0, 0)
    assert np.linalg.norm(frame[0] - frame[3]) == pytest.approx(0.1, abs=1e-5)
    assert np.linalg.norm(frame[2] - frame[3]) == pytest.approx(0.4, abs=1e-5)


def test_effective_samples_of_known_series():
    generator = np.random.default_rng(0)
    white = generator.random((1, 20000)) < 0.3
    assert effective_samples(white) == pytest.approx(20000, rel=0.15)
    # Each value held for 20 frames: the integrated autocorrelation time is 20 frames.
    held = np.repeat(generator.random((1, 2000)) < 0.3, 20, axis=1)
    assert effective_samples(held) == pytest.approx(2000, rel=0.25)
    assert effective_samples(np.zeros((3, 50), bool)) == 3


def test_errors_of_fractions_are_the_textbooks():
    # Wilson 1927 for 8 of 10 is the standard worked example: 0.490 to 0.943.
    assert wilson_interval(0.8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert wilson_interval(0.0, 3)[0] == 0
    assert wilson_interval(0.0, 3)[1] > 0.5
    series = np.array([[True] * 10 + [False] * 10])
    # Block means 1, 1, 1/2, 0, 0: standard deviation 1/2, over the root of five.
    assert block_error(series) == pytest.approx(0.5 / np.sqrt(5))
    assert block_error(series[:, :4]) is None


def test_the_dissociation_constant_of_one_pair():
    # One molecule in 1660.54 nm^3 is 1 mmol/L; bound half of the time means Kd equals that.
    assert dissociation_constant_molar(0.5, 1660.539 ** (1 / 3)) == pytest.approx(1e-3, rel=1e-5)
    assert dissociation_constant_molar(0.8, 10.0) == pytest.approx(dissociation_constant_molar(0.5, 10.0) / 4)


def test_the_box_holds_both_chains():
    assert box_edge_nm(DEMO, (60, 60)) == 17
    assert box_edge_nm(DEMO, (100, 60)) > 17
    assert box_edge_nm(SMALL_BOX, (100, 60)) == 8.0


@pytest.mark.parametrize(
    "wrong", [{"timestep_fs": 30}, {"box_nm": 7.9}, {"replicas": 0}, {"steps": 1}, {"temperature_kelvin": 200}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValidationError):
        ResidueMdSettings.model_validate(wrong)


def test_coordinates_are_read_and_checked(shared: Path, tmp_path: Path):
    source = shared / "data" / "afm_tf_complexes" / "dtot" / "O43474_O43325.pdb.gz"
    found = read_ca_nm(segment("MRQP", start=1, end=4, kind="high_plddt", coordinates=source))
    lines = [
        s for s in gzip.decompress(source.read_bytes()).decode().splitlines() if s[12:16] == " CA " and s[21] == "A"
    ]
    expected = [[float(line[i : i + 8]) / 10 for i in (30, 38, 46)] for line in lines[:4]]
    assert found == pytest.approx(np.array(expected))
    with pytest.raises(InvalidInput, match=r"residue 2 in .* is R, in Q1:1-4 W"):
        read_ca_nm(segment("MWQP", start=1, end=4, coordinates=source))
    with pytest.raises(InvalidInput, match="no C-alpha of residue 90000"):
        read_ca_nm(segment("MRQP", start=90000, end=90003, protein_length=90003, coordinates=source))
    broken = tmp_path / "broken.pdb.gz"
    broken.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(InvalidInput, match="not a readable"):
        read_ca_nm(segment("MRQP", start=1, end=4, coordinates=broken))
