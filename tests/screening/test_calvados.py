import numpy as np
import pytest

from screening.errors import InvalidInput
from screening.folding.calvados import RESIDUES, Chain, Solution, build_system, elastic_pairs, water_permittivity

# The authors' table as published with the CALVADOS package, to 12 digits, in their order.
PUBLISHED = """
R 156.19 0.730762476752 0.656 1
D 115.09 0.041604048061 0.558 -1
N 114.1 0.425585900979 0.568 0
E 129.11 0.000693546096 0.592 -1
K 128.17 0.179021173899 0.636 1
H 137.14 0.466366729056 0.608 0
Q 128.13 0.393431855106 0.602 0
S 87.08 0.462541681161 0.518 0
C 103.14 0.561543509914 0.548 0
G 57.05 0.705884373367 0.45 0
T 101.11 0.371316297627 0.562 0
A 71.07 0.274329796904 0.504 0
M 131.2 0.530848113434 0.618 0
Y 163.18 0.977461144934 0.646 0
V 99.13 0.208376960817 0.586 0
W 186.22 0.989376474037 0.678 0
L 113.16 0.644000500778 0.618 0
I 113.16 0.542362361067 0.618 0
P 97.12 0.359312657636 0.556 0
F 147.18 0.867235898206 0.636 0
"""


def energy(chains: list[Chain], solution: Solution, positions: np.ndarray, box: float) -> float:
    """The paper's formulas pair by pair: an independent sum to compare OpenMM with."""
    sequence = "".join(chain.sequence for chain in chains)
    charges = np.concatenate([chain.charges(solution.ph) for chain in chains])
    bonded: dict[tuple[int, int], tuple[float, float]] = {}
    offset = 0
    for chain in chains:
        for i in range(len(chain.sequence) - 1):
            bonded[offset + i, offset + i + 1] = (0.38, 8033.0)
        for i, j, length in chain.elastic:
            bonded[offset + i, offset + j] = (length, 700.0)
        offset += len(chain.sequence)
    t = solution.temperature_kelvin
    permittivity = 5321 / t + 233.76 - 0.9297 * t + 0.1417e-2 * t * t - 0.8292e-6 * t**3
    coulomb = 138.93545764 / permittivity  # kJ nm / mol / e^2
    kappa = np.sqrt(8 * np.pi * coulomb / (8.31446261815324e-3 * t) * solution.ionic_strength_molar * 0.602214076)
    total = 0.0
    for i in range(len(sequence)):
        for j in range(i + 1, len(sequence)):
            if (i, j) in bonded:
                length, constant = bonded[i, j]
                total += constant / 2 * (np.linalg.norm(positions[i] - positions[j]) - length) ** 2
                continue
            delta = positions[i] - positions[j]
            r = np.linalg.norm(delta - box * np.round(delta / box))
            a, b = RESIDUES[sequence[i]], RESIDUES[sequence[j]]
            sigma, sticky = (a.sigma_nm + b.sigma_nm) / 2, (a.stickiness + b.stickiness) / 2
            if r < 2.0:
                at = 4 * 0.8368 * ((sigma / r) ** 12 - (sigma / r) ** 6)
                at_cutoff = 4 * 0.8368 * ((sigma / 2.0) ** 12 - (sigma / 2.0) ** 6)
                if r <= 2 ** (1 / 6) * sigma:
                    total += at - sticky * at_cutoff + 0.8368 * (1 - sticky)
                else:
                    total += sticky * (at - at_cutoff)
            if r < 4.0:
                total += charges[i] * charges[j] * coulomb * (np.exp(-kappa * r) / r - np.exp(-kappa * 4) / 4)
    return float(total)


def walk(residues: int, seed: int) -> np.ndarray:
    """Bonds of 0.36-0.40 nm, beads two apart at 0.45 nm or more: both branches of the potential, no huge term."""
    generator = np.random.default_rng(seed)
    points = [np.zeros(3)]
    while len(points) < residues:
        step = generator.normal(size=3)
        new = points[-1] + step / np.linalg.norm(step) * generator.uniform(0.36, 0.40)
        if all(np.linalg.norm(new - old) > 0.45 for old in points[:-1]):
            points.append(new)
    return np.array(points)


def closest(first: np.ndarray, second: np.ndarray, box: float) -> float:
    delta = first[:, None] - second[None]
    return float(np.linalg.norm(delta - box * np.round(delta / box), axis=-1).min())


@pytest.fixture(scope="module")
def pair():
    """Two chains, all residue types, one elastic network, across a periodic boundary."""
    folded = walk(24, 1)
    chains = [
        Chain("ACDEFGHIKLMNPQRSTVWYHHKE", elastic=elastic_pairs(folded)),
        Chain("WYRKDEGGHHSTPLIV", has_n_terminus=False),
    ]
    second = walk(16, 2)
    first, second = (chain - chain.mean(axis=0) for chain in (folded, walk(16, 2)))
    second[:, 0] += 8.4
    while closest(first, second, 9.0) < 0.45:
        second[:, 1] += 0.05
    positions = np.concatenate([first, second])
    assert (np.abs(first[:, None] - second[None]).max(axis=(0, 1)) > 4.5).any(), "no pair across the boundary"
    return chains, positions, 9.0


def context(system, positions):
    import openmm

    result = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    result.setPositions(positions)
    return result


def test_parameters_are_the_published_ones():
    rows = [line.split() for line in PUBLISHED.strip().splitlines()]
    assert {row[0] for row in rows} == set(RESIDUES)
    for one, mass, stickiness, sigma, charge in rows:
        ours = RESIDUES[one]
        assert (ours.mass_dalton, ours.sigma_nm, ours.charge) == (float(mass), float(sigma), float(charge))
        assert ours.stickiness == pytest.approx(float(stickiness), abs=1e-12)


def test_water_and_screening():
    # Measured permittivity of water at 25 C is 78.3 (CRC Handbook); 0.304 nm / sqrt(I) is the textbook Debye length.
    assert water_permittivity(298.15) == pytest.approx(78.3, abs=0.3)
    assert Solution(298.15, 0.15).debye_length_nm == pytest.approx(0.304 / np.sqrt(0.15), rel=0.01)
    assert Solution(298.15).bjerrum_length_nm == pytest.approx(0.714, abs=0.003)


def test_ends_and_histidines_are_charged():
    assert Chain("AAA").charges(7.4).tolist() == [1, 0, -1]
    assert Chain("AAA", has_n_terminus=False, has_c_terminus=False).charges(7.4).tolist() == [0, 0, 0]
    inner = Chain("AHA", has_n_terminus=False, has_c_terminus=False)
    assert inner.charges(6.0)[1] == 0.5
    assert inner.charges(7.4)[1] == pytest.approx(1 / (1 + 10**1.4))
    assert Chain("GG").masses_dalton().tolist() == [59.05, 73.05]


@pytest.mark.parametrize("solution", [Solution(), Solution(310.0, 0.05, 6.0)])
def test_energy_is_the_papers(pair, solution: Solution):
    chains, positions, box = pair
    state = context(build_system(chains, solution, box), positions).getState(energy=True)
    expected = energy(chains, solution, positions, box)
    assert 10 < abs(expected) < 1e4
    assert state.getPotentialEnergy()._value == pytest.approx(expected, rel=1e-6)


def test_forces_are_minus_the_slope_of_the_papers_energy(pair):
    chains, positions, box = pair
    state = context(build_system(chains, Solution(), box), positions).getState(forces=True)
    forces = state.getForces(asNumpy=True)._value
    step = 1e-5
    for bead in (0, 6, 23, 24, 30, 39):
        for axis in range(3):
            moved = [positions.copy(), positions.copy()]
            moved[0][bead, axis] += step
            moved[1][bead, axis] -= step
            up, down = (energy(chains, Solution(), p, box) for p in moved)
            assert forces[bead, axis] == pytest.approx(-(up - down) / (2 * step), rel=1e-5, abs=1e-4)


def test_the_elastic_network_joins_what_is_near():
    line = np.array([[0.38 * i, 0, 0] for i in range(5)])
    assert [(i, j) for i, j, _ in elastic_pairs(line)] == [(0, 2), (1, 3), (2, 4)]
    assert all(length == pytest.approx(0.76) for _, _, length in elastic_pairs(line))


def test_what_cannot_be_set_up_is_refused():
    with pytest.raises(InvalidInput, match="residue U"):
        Chain("AAU")
    with pytest.raises(InvalidInput, match="box edge 7 nm"):
        build_system([Chain("AAAA")], Solution(), 7.0)


def test_chains_without_charges_need_no_charge_force():
    neutral = Chain("AGAG", has_n_terminus=False, has_c_terminus=False)
    assert build_system([neutral, neutral], Solution(), 10.0).getNumForces() == 2
