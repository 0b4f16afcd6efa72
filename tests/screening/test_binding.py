import numpy as np
import pytest

from screening.folding.binding import (
    Trajectory,
    block_error,
    closest_nm,
    contact_statistics,
    dissociation_constant_molar,
    effective_samples,
    null_score,
    replica_agreement,
    wilson_interval,
)


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


@pytest.mark.parametrize("box", [6.0, 12.0])
def test_kd_of_two_particles_in_a_well_is_exact_in_any_box(box: float):
    # Two points that are 6 RT lower within 0.8 nm: Ka = N_A v e^6 with v the sphere's volume, whatever the box; counted
    # as bound/unbound, the volume of the unbound state is V - v.
    well, gain = 4 / 3 * np.pi * 0.8**3, np.exp(6.0)
    probability = well * gain / (well * gain + box**3 - well)
    generator = np.random.default_rng(1)
    frames = 40000
    near = generator.random(frames) < probability
    directions = generator.normal(size=(frames, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    inside = directions * 0.8 * np.cbrt(generator.random((frames, 1)))
    outside = generator.uniform(-box / 2, box / 2, size=(8 * frames, 3))
    outside = outside[np.linalg.norm(outside, axis=1) > 0.8][:frames]
    second = np.where(near[:, None], inside, outside)
    positions = np.stack([np.zeros_like(second), second + box * generator.integers(-2, 3, size=(frames, 1))], axis=1)
    statistics = contact_statistics(Trajectory(positions[None].astype(np.float32), 1, box), 0.8)
    kd = 1 / (0.602214076 * well * gain) * (1 - well / box**3)
    found, high, low = (
        dissociation_constant_molar(p, box) for p in (statistics.fraction, statistics.ci_low, statistics.ci_high)
    )
    assert found == pytest.approx(kd, rel=0.03)
    assert low < kd < high


def test_agreement_of_replicas_by_hand():
    # Variances 1/3 and 1/4 within, means 1/2 and 3/4: R^2 = 3/4 + (1/32) / (7/24).
    series = np.array([[True, False, True, False], [True, True, True, False]])
    assert replica_agreement(series) == pytest.approx(np.sqrt(3 / 4 + (1 / 32) / (7 / 24)))
    assert replica_agreement(series[:1]) is None
    assert replica_agreement(np.array([[True] * 4, [False] * 4])) is None


def test_replicas_of_one_distribution_agree_and_others_do_not():
    generator = np.random.default_rng(2)
    same = generator.random((3, 4000)) < 0.4
    apart = np.vstack([same[:2], generator.random((1, 4000)) < 0.95])
    assert replica_agreement(same) == pytest.approx(1, abs=0.01)
    assert (replica_agreement(apart) or 0) > 1.1


def test_why_a_run_is_not_converged():
    changing = [0.5, 2.0] * 200
    one = toy(changing)
    assert contact_statistics(one, 0.8).not_converged.startswith("one replica")
    two = Trajectory(np.repeat(one.positions_nm, 2, axis=0), 2, 10.0)
    assert contact_statistics(two, 0.8).not_converged == ""
    mostly_bound = toy([0.5] * 380 + [0.5, 2.0] * 10).positions_nm
    mostly_free = toy([2.0] * 380 + [0.5, 2.0] * 10).positions_nm
    unequal = contact_statistics(Trajectory(np.concatenate([mostly_bound, mostly_free]), 2, 10.0), 0.8)
    assert "disagree" in unequal.not_converged or "independent samples" in unequal.not_converged
    assert contact_statistics(toy([0.5] * 100), 0.8).not_converged.startswith("0 binding")


def test_the_score_against_shuffles_by_hand():
    # Mean 0.2, standard deviation 0.1: 0.3 / (0.1 sqrt(4/3)).
    assert null_score(0.5, np.array([0.1, 0.2, 0.3])) == pytest.approx(0.3 / (0.1 * np.sqrt(4 / 3)))
    assert null_score(0.5, np.array([0.0, 0.0, 0.0])) is None


def test_the_score_against_shuffles_has_students_distribution():
    from scipy.stats import kstest, t

    draws = np.random.default_rng(3).normal(0.4, 0.1, size=(3000, 6))
    scores = [null_score(float(row[0]), row[1:]) for row in draws]
    assert kstest(scores, t(df=4).cdf).pvalue > 0.01


def test_closest_distances_of_a_toy():
    assert closest_nm(toy([0.5, 9.1])) == pytest.approx(np.array([[0.5, 0.1]]), abs=1e-5)
