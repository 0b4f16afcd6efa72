import numpy as np
import pytest

from screening.errors import InvalidInput
from screening.folding import bead_dynamics
from screening.folding.bead_dynamics import beads_of, between_chains
from screening.folding.calvados import RESIDUES, Chain, Solution, build_system, elastic_pairs, water_permittivity

# The authors' table as published with the CALVADOS package (examples/single_IDR/input/residues_CALVADOS2.csv of
# KULL-Centre/CALVADOS), to 12 digits, in their order: mass, lambda, sigma, charge.
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


def energies(chains: list[Chain], solution: Solution, positions: np.ndarray, box: float) -> tuple[float, float, float]:
    """The papers' formulas pair by pair: springs, Ashbaugh-Hatch and Debye-Hückel to compare programs with."""
    sequence = "".join(chain.sequence for chain in chains)
    charge = {"R": 1.0, "K": 1.0, "D": -1.0, "E": -1.0, "H": 1 / (1 + 10 ** (solution.ph - 6))}
    charges: list[float] = []
    springs: dict[tuple[int, int], tuple[float, float]] = {}
    for chain in chains:
        offset = len(charges)
        charges += [charge.get(residue, 0.0) for residue in chain.sequence]
        charges[offset] += chain.has_n_terminus
        charges[-1] -= chain.has_c_terminus
        for i in range(len(chain.sequence) - 1):
            springs[offset + i, offset + i + 1] = (0.38, 8033.0)
        for i, j, length in chain.elastic:
            springs[offset + i, offset + j] = (length, 700.0)
    t = solution.temperature_kelvin
    permittivity = 5321 / t + 233.76 - 0.9297 * t + 0.1417e-2 * t * t - 0.8292e-6 * t**3
    coulomb = 138.93545764 / permittivity  # kJ nm / mol / e^2
    kappa = np.sqrt(8 * np.pi * coulomb / (8.31446261815324e-3 * t) * solution.ionic_strength_molar * 0.602214076)
    table = {row.split()[0]: [float(value) for value in row.split()[1:]] for row in PUBLISHED.strip().splitlines()}
    bonded = sticky = electric = 0.0
    for i in range(len(sequence)):
        for j in range(i + 1, len(sequence)):
            if (i, j) in springs:
                length, constant = springs[i, j]
                bonded += constant / 2 * (np.linalg.norm(positions[i] - positions[j]) - length) ** 2
                continue
            delta = positions[i] - positions[j]
            r = np.linalg.norm(delta - box * np.round(delta / box))
            (_, lambda_i, sigma_i, _), (_, lambda_j, sigma_j, _) = table[sequence[i]], table[sequence[j]]
            sigma, stickiness = (sigma_i + sigma_j) / 2, (lambda_i + lambda_j) / 2
            if r < 2.0:
                at = 4 * 0.8368 * ((sigma / r) ** 12 - (sigma / r) ** 6)
                at_cutoff = 4 * 0.8368 * ((sigma / 2.0) ** 12 - (sigma / 2.0) ** 6)
                if r <= 2 ** (1 / 6) * sigma:
                    sticky += at - stickiness * at_cutoff + 0.8368 * (1 - stickiness)
                else:
                    sticky += stickiness * (at - at_cutoff)
            if r < 4.0:
                electric += charges[i] * charges[j] * coulomb * (np.exp(-kappa * r) / r - np.exp(-kappa * 4) / 4)
    return float(bonded), float(sticky), float(electric)


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
        Chain("ACDEFGHIKLMNPQRSTVWYHHKE", elastic=elastic_pairs(folded, [np.arange(24)])),
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


SOLUTIONS = [Solution(), Solution(310.0, 0.05, 6.0), Solution(278.0, 1.0, 8.0)]


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_each_term_of_openmm_is_the_papers(pair, solution: Solution):
    chains, positions, box = pair
    system = build_system(chains, solution, box)
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    reference = context(system, positions)
    terms = energies(chains, solution, positions, box)
    assert all(0.1 < abs(term) < 1e4 for term in terms)
    for group, term in enumerate(terms):
        energy = reference.getState(energy=True, groups={group}).getPotentialEnergy()._value
        assert energy == pytest.approx(term, rel=1e-6)


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_each_term_of_the_kernel_is_the_papers(pair, solution: Solution):
    chains, positions, box = pair
    found = bead_dynamics.energies(beads_of(chains, solution, box), positions)
    assert found == pytest.approx(energies(chains, solution, positions, box), rel=1e-6)


def test_the_temperature_changes_the_charges_only(pair):
    chains, positions, box = pair
    cold, warm = (energies(chains, Solution(t), positions, box) for t in (278.0, 330.0))
    ours = [bead_dynamics.energies(beads_of(chains, Solution(t), box), positions) for t in (278.0, 330.0)]
    assert cold[:2] == warm[:2]
    assert ours[1][2] - ours[0][2] == pytest.approx(warm[2] - cold[2], rel=1e-5)
    assert abs(warm[2] - cold[2]) > 0.01


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_forces_of_the_kernel_are_those_of_openmm(pair, solution: Solution):
    chains, positions, box = pair
    reference = context(build_system(chains, solution, box), positions).getState(forces=True)
    expected = reference.getForces(asNumpy=True)._value
    found = bead_dynamics.forces(beads_of(chains, solution, box), positions)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert np.abs(expected).max() > 100


def test_forces_are_minus_the_slope_of_the_papers_energy(pair):
    chains, positions, box = pair
    found = bead_dynamics.forces(beads_of(chains, Solution(), box), positions)
    step = 1e-5
    for bead in (0, 6, 23, 24, 30, 39):
        for axis in range(3):
            moved = [positions.copy(), positions.copy()]
            moved[0][bead, axis] += step
            moved[1][bead, axis] -= step
            up, down = (sum(energies(chains, Solution(), p, box)) for p in moved)
            assert found[bead, axis] == pytest.approx(-(up - down) / (2 * step), rel=1e-5, abs=1e-4)


def test_only_what_is_between_the_chains_remains(pair):
    chains, positions, box = pair
    both = energies(chains, Solution(), positions, box)
    alone = [energies([c], Solution(), p, box) for c, p in zip(chains, np.split(positions, [24]), strict=True)]
    across = bead_dynamics.energies(between_chains(beads_of(chains, Solution(), box), 24), positions)
    assert across[0] == 0
    assert across[1:] == pytest.approx([both[k] - alone[0][k] - alone[1][k] for k in (1, 2)], rel=1e-6)


def test_the_elastic_network_joins_what_is_near_within_a_domain():
    line = np.array([[0.38 * i, 0, 0] for i in range(6)])
    everywhere = elastic_pairs(line, [np.arange(6)])
    assert [(i, j) for i, j, _ in everywhere] == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert all(length == pytest.approx(0.76) for _, _, length in everywhere)
    assert [(i, j) for i, j, _ in elastic_pairs(line, [np.arange(3), np.arange(3, 5)])] == [(0, 2)]
    assert elastic_pairs(line, []) == ()


def test_what_cannot_be_set_up_is_refused():
    with pytest.raises(InvalidInput, match="residue U"):
        Chain("AAU")
    with pytest.raises(InvalidInput, match="box edge 7 nm"):
        build_system([Chain("AAAA")], Solution(), 7.0)


def test_chains_without_charges_need_no_charge_force():
    neutral = Chain("AGAG", has_n_terminus=False, has_c_terminus=False)
    assert build_system([neutral, neutral], Solution(), 10.0).getNumForces() == 2
    positions = walk(4, 3)
    assert bead_dynamics.energies(beads_of([neutral], Solution(), 10.0), positions)[2] == 0
    assert np.isfinite(bead_dynamics.forces(beads_of([neutral], Solution(), 10.0), positions)).all()
