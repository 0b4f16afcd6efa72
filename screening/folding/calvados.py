"""CALVADOS 2: a protein as one bead per residue, in implicit salt water.

Force field of Tesei & Lindorff-Larsen, Open Research Europe 2:94 (2022), doi 10.12688/openreseurope.14967.2, on the
functional form of Tesei et al., PNAS 118 e2111696118 (2021), doi 10.1073/pnas.2111696118: harmonic bonds, an
Ashbaugh-Hatch potential scaled by per-residue "stickiness" and a Debye-Hückel potential. Folded stretches are elastic
networks as in Cao et al., Protein Science 33 e5172 (2024), doi 10.1002/pro.5172. Lengths are in nm, energies in kJ/mol,
masses in dalton, charges in elementary charges.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput

if TYPE_CHECKING:
    import openmm

__all__ = [
    "BOND_LENGTH_NM",
    "RESIDUES",
    "Chain",
    "ResidueType",
    "Solution",
    "build_system",
    "elastic_pairs",
    "histidine_charge",
    "springs",
    "water_permittivity",
]


@dataclass(frozen=True)
class ResidueType:
    """Parameters of one amino acid.

    Attributes
    ----------
    mass_dalton : float
        Residue mass.
    sigma_nm : float
        Bead diameter.
    stickiness : float
        The lambda of the Ashbaugh-Hatch potential.
    charge : float
        Charge at neutral pH; histidine's is replaced by `histidine_charge`.
    """

    mass_dalton: float
    sigma_nm: float
    stickiness: float
    charge: float = 0.0


RESIDUES: dict[str, ResidueType] = {
    "A": ResidueType(71.07, 0.504, 0.2743297969040348),
    "C": ResidueType(103.14, 0.548, 0.5615435099141777),
    "D": ResidueType(115.09, 0.558, 0.0416040480605567, -1.0),
    "E": ResidueType(129.11, 0.592, 0.0006935460962935, -1.0),
    "F": ResidueType(147.18, 0.636, 0.8672358982062975),
    "G": ResidueType(57.05, 0.450, 0.7058843733666401),
    "H": ResidueType(137.14, 0.608, 0.4663667290557992),
    "I": ResidueType(113.16, 0.618, 0.5423623610671892),
    "K": ResidueType(128.17, 0.636, 0.1790211738990582, 1.0),
    "L": ResidueType(113.16, 0.618, 0.6440005007782226),
    "M": ResidueType(131.20, 0.618, 0.5308481134337497),
    "N": ResidueType(114.10, 0.568, 0.4255859009787713),
    "P": ResidueType(97.12, 0.556, 0.3593126576364644),
    "Q": ResidueType(128.13, 0.602, 0.3934318551056041),
    "R": ResidueType(156.19, 0.656, 0.7307624767517166, 1.0),
    "S": ResidueType(87.08, 0.518, 0.4625416811611541),
    "T": ResidueType(101.11, 0.562, 0.3713162976273964),
    "V": ResidueType(99.13, 0.586, 0.2083769608174481),
    "W": ResidueType(186.22, 0.678, 0.9893764740371644),
    "Y": ResidueType(163.18, 0.646, 0.9774611449343455),
}
"""The CALVADOS 2 stickiness scale (doi 10.12688/openreseurope.14967.2) with the bead
diameters of Kim & Hummer (2008) as tabulated there; the authors' deposited table has the same numbers."""

BOND_LENGTH_NM = 0.38
"""Distance of consecutive beads (PNAS 2021, Methods)."""
BOND_CONSTANT = 8033.0
"""kJ/mol/nm^2 (PNAS 2021, Methods)."""
EPSILON = 0.8368
"""Depth of the Ashbaugh-Hatch potential, kJ/mol (PNAS 2021, Methods: 0.2 kcal/mol)."""
STICKY_CUTOFF_NM = 2.0
"""Cutoff of the Ashbaugh-Hatch potential (doi 10.12688/openreseurope.14967.2: 2 nm for CALVADOS 2)."""
CHARGE_CUTOFF_NM = 4.0
"""Cutoff of the Debye-Hückel potential (PNAS 2021, Methods)."""
N_TERMINAL_MASS_DALTON = 2.0
"""Two hydrogens more on the first bead of a protein (authors' deposited simulation code)."""
C_TERMINAL_MASS_DALTON = 16.0
"""One oxygen more on the last bead of a protein (authors' deposited simulation code)."""
HISTIDINE_PKA = 6.0
"""PNAS 2021, Methods."""
ELASTIC_CONSTANT = 700.0
"""kJ/mol/nm^2, of the network in folded stretches (doi 10.1002/pro.5172, Methods)."""
ELASTIC_CUTOFF_NM = 0.9
"""Beads closer than this in the folded structure are connected (doi 10.1002/pro.5172, Methods)."""

# CODATA 2018, doi 10.1103/RevModPhys.93.025010
_GAS_CONSTANT = 8.31446261815324e-3
_AVOGADRO = 6.02214076e23
_ELEMENTARY_CHARGE_COULOMB = 1.602176634e-19
_VACUUM_PERMITTIVITY = 8.8541878128e-12


def water_permittivity(temperature_kelvin: float) -> float:
    """Relative permittivity of water.

    Parameters
    ----------
    temperature_kelvin : float
        Temperature.

    Returns
    -------
    float
        The empirical formula of Akerlof & Oshry (1950), doi 10.1021/ja01163a006, as PNAS 2021 uses it.
    """
    t = temperature_kelvin
    return 5321 / t + 233.76 - 0.9297 * t + 1.417e-3 * t**2 - 8.292e-7 * t**3


def histidine_charge(ph: float) -> float:
    """Mean charge of a histidine with the pKa of the force field (Henderson-Hasselbalch)."""
    return 1 / (1 + 10 ** (ph - HISTIDINE_PKA))


@dataclass(frozen=True)
class Solution:
    """Salt water around the chains.

    Attributes
    ----------
    temperature_kelvin : float
        Temperature.
    ionic_strength_molar : float
        Ionic strength.
    ph : float
        Sets the charge of histidine.
    """

    temperature_kelvin: float = 300.0
    ionic_strength_molar: float = 0.15
    ph: float = 7.4

    @property
    def bjerrum_length_nm(self) -> float:
        """Distance at which two unit charges have the thermal energy."""
        thermal_joule = _GAS_CONSTANT * 1e3 / _AVOGADRO * self.temperature_kelvin
        screened = 4 * math.pi * _VACUUM_PERMITTIVITY * water_permittivity(self.temperature_kelvin)
        return _ELEMENTARY_CHARGE_COULOMB**2 / (screened * thermal_joule) * 1e9

    @property
    def debye_length_nm(self) -> float:
        """Screening length; infinite without salt."""
        ions_per_nm3 = self.ionic_strength_molar * _AVOGADRO * 1e-24
        return 1 / math.sqrt(8 * math.pi * self.bjerrum_length_nm * ions_per_nm3) if ions_per_nm3 else math.inf

    @property
    def thermal_energy(self) -> float:
        """The gas constant times temperature, kJ/mol."""
        return _GAS_CONSTANT * self.temperature_kelvin


@dataclass(frozen=True)
class Chain:
    """One chain of beads.

    Attributes
    ----------
    sequence : str
        Standard residues.
    has_n_terminus, has_c_terminus : bool
        Whether its ends are a protein's own, which are charged; a cut end is not.
    elastic : tuple of (int, int, float)
        Zero-based bead pairs of an elastic network with their rest lengths, nm.
    """

    sequence: str
    has_n_terminus: bool = True
    has_c_terminus: bool = True
    elastic: tuple[tuple[int, int, float], ...] = ()

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sequence) - set(RESIDUES)):
            raise InvalidInput(f"CALVADOS 2 has no parameters for residue {', '.join(unknown)}")

    def masses_dalton(self) -> NDArray[np.float64]:
        """Return bead masses, shape (L,)."""
        masses = np.array([RESIDUES[residue].mass_dalton for residue in self.sequence])
        masses[0] += N_TERMINAL_MASS_DALTON * self.has_n_terminus
        masses[-1] += C_TERMINAL_MASS_DALTON * self.has_c_terminus
        return masses

    def diameters_nm(self) -> NDArray[np.float64]:
        """Return bead diameters, shape (L,)."""
        return np.array([RESIDUES[residue].sigma_nm for residue in self.sequence])

    def stickiness(self) -> NDArray[np.float64]:
        """Return the lambdas of the beads, shape (L,)."""
        return np.array([RESIDUES[residue].stickiness for residue in self.sequence])

    def charges(self, ph: float) -> NDArray[np.float64]:
        """Return bead charges at that pH, shape (L,)."""
        histidine = histidine_charge(ph)
        charges = np.array([histidine if r == "H" else RESIDUES[r].charge for r in self.sequence])
        charges[0] += self.has_n_terminus
        charges[-1] -= self.has_c_terminus
        return charges


def elastic_pairs(
    positions_nm: NDArray[np.float64], domains: Sequence[NDArray[np.int64]]
) -> tuple[tuple[int, int, float], ...]:
    """Connect the beads of folded domains, each within itself.

    Parameters
    ----------
    positions_nm : ndarray, shape (L, 3), float64
        C-alpha positions of the folded structure.
    domains : sequence of ndarray, int64
        Zero-based residues of each domain (`screening.folding.domains.find_domains`); no residue in two.

    Returns
    -------
    tuple of (int, int, float)
        Zero-based pairs of one domain, at least two residues apart and closer than `ELASTIC_CUTOFF_NM`, with their
        distances.
    """
    label = np.full(len(positions_nm), -1)
    for number, domain in enumerate(domains):
        label[domain] = number
    first, second = np.triu_indices(len(positions_nm), 2)
    distances = np.linalg.norm(positions_nm[first] - positions_nm[second], axis=1)
    joined = (distances < ELASTIC_CUTOFF_NM) & (label[first] == label[second]) & (label[first] >= 0)
    return tuple(zip(first[joined].tolist(), second[joined].tolist(), distances[joined].tolist(), strict=True))


def springs(chains: Sequence[Chain]) -> list[tuple[int, int, float, float]]:
    """List the bonds and elastic networks; the beads that they connect do not interact otherwise.

    Parameters
    ----------
    chains : sequence of Chain
        Their beads follow each other in this order.

    Returns
    -------
    list of (int, int, float, float)
        Zero-based beads, length in nm and force constant in kJ/mol/nm^2.
    """
    found: list[tuple[int, int, float, float]] = []
    offset = 0
    for chain in chains:
        bonds = [(i, i + 1, BOND_LENGTH_NM, BOND_CONSTANT) for i in range(len(chain.sequence) - 1)]
        elastic = [(i, j, length, ELASTIC_CONSTANT) for i, j, length in chain.elastic]
        found += [(offset + i, offset + j, length, constant) for i, j, length, constant in bonds + elastic]
        offset += len(chain.sequence)
    return found


def build_system(chains: Sequence[Chain], solution: Solution, box_nm: float) -> "openmm.System":
    """Set up the chains in a periodic cube.

    Parameters
    ----------
    chains : sequence of Chain
        Their beads follow each other in this order.
    solution : Solution
        Temperature, salt and pH.
    box_nm : float
        Edge of the cube, at least twice the longest cutoff.

    Returns
    -------
    openmm.System
        Bonds and elastic networks, then the Ashbaugh-Hatch and, with two charged beads or more, the Debye-Hückel force.

    Raises
    ------
    InvalidInput
        The cube is too small for the cutoffs.
    """
    import openmm

    if box_nm < 2 * CHARGE_CUTOFF_NM:
        raise InvalidInput(f"box edge {box_nm:g} nm is below {2 * CHARGE_CUTOFF_NM:g} nm, twice the longest cutoff")
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(np.eye(3) * box_nm))
    for chain in chains:
        for mass in chain.masses_dalton():
            system.addParticle(float(mass))

    # Chains stay whole (positions are never wrapped), so bonds need no minimum image.
    bonds = openmm.HarmonicBondForce()
    strings = springs(chains)
    for i, j, length, constant in strings:
        bonds.addBond(i, j, length, constant)
    excluded = [(i, j) for i, j, _, _ in strings]
    system.addForce(bonds)
    system.addForce(_sticky_force(chains, excluded))
    if (charged := _charge_force(chains, excluded, solution)) is not None:
        system.addForce(charged)
    return system


def _sticky_force(chains: Sequence[Chain], excluded: list[tuple[int, int]]) -> "openmm.CustomNonbondedForce":
    """Ashbaugh-Hatch potential, shifted to zero at its cutoff; arithmetic means of diameter and stickiness."""
    import openmm

    # Lorentz-Berthelot means enter as halves so that a pair needs one addition; min() picks the repulsive branch, where
    # the Lennard-Jones term stands alone, without evaluating two polynomials.
    force = openmm.CustomNonbondedForce(
        f"{EPSILON}*select(step(x-0.5), lj + 1 - l, l*lj) - {EPSILON}*l*(c*(c-1)*4);"
        "lj = 4*x*(x-1); x = (s*s/(r*r))^3; c = (s*s)^3*" + repr(STICKY_CUTOFF_NM**-6) + "; s = h1+h2; l = m1+m2"
    )
    force.addPerParticleParameter("h")
    force.addPerParticleParameter("m")
    for chain in chains:
        for diameter, stickiness in zip(chain.diameters_nm(), chain.stickiness(), strict=True):
            force.addParticle([diameter / 2, stickiness / 2])
    for i, j in excluded:
        force.addExclusion(i, j)
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(STICKY_CUTOFF_NM)
    return force


def _charge_force(
    chains: Sequence[Chain], excluded: list[tuple[int, int]], solution: Solution
) -> "openmm.CustomNonbondedForce | None":
    """Debye-Hückel potential, shifted to zero at its cutoff, among charged beads only."""
    import openmm

    charges = np.concatenate([chain.charges(solution.ph) for chain in chains])
    charged = np.flatnonzero(charges).tolist()
    if len(charged) < 2:
        return None
    kappa = 1 / solution.debye_length_nm
    prefactor = solution.bjerrum_length_nm * solution.thermal_energy
    shift = math.exp(-kappa * CHARGE_CUTOFF_NM) / CHARGE_CUTOFF_NM
    force = openmm.CustomNonbondedForce(f"q1*q2*(exp(-{kappa!r}*r)/r - {shift!r})")
    force.addPerParticleParameter("q")
    for charge in charges * math.sqrt(prefactor):
        force.addParticle([float(charge)])
    for i, j in excluded:
        force.addExclusion(i, j)
    force.addInteractionGroup(charged, charged)
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(CHARGE_CUTOFF_NM)
    return force
