"""The O···H well of a99SB-disp: a Lennard-Jones term of its own between backbone oxygen and backbone hydrogen.

It is one small force over the pairs that have it. OpenMM's own way of writing such an exception would turn the
Lennard-Jones part of the whole system into a custom force: 3.3 to 3.8 times the cost of a step on a CPU
(benchmarks/results/md.md).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from openmm import CustomNonbondedForce, NonbondedForce, System
    from openmm.app import ForceField

__all__ = ["KCAL", "LJ_14_SCALE", "WELL_EPSILON_KJ_MOL", "WELL_SIGMA_NM", "BackboneWell"]

KCAL = 4.184  # kJ
WELL_SIGMA_NM = 0.150  # of backbone O with backbone H: Robustelli, Piana & Shaw 2018, doi 10.1073/pnas.1800690115
WELL_EPSILON_KJ_MOL = 0.300 * KCAL  # ibid.
LJ_14_SCALE = 0.5  # of Amber, and of the well between backbone atoms three bonds apart


class BackboneWell:
    """Puts the O···H well into each System that a ForceField creates.

    Parameters
    ----------
    oxygens, hydrogens : collection of str
        Atom types of backbone O and of backbone H.
    """

    def __init__(self, oxygens: Collection[str], hydrogens: Collection[str]) -> None:
        self.oxygens = frozenset(oxygens)
        self.hydrogens = frozenset(hydrogens)

    def createForce(self, system: "System", *_: object) -> None:
        """Do nothing yet: exceptions are known only when all forces are there."""

    def postprocessSystem(self, system: "System", data: "ForceField._SystemData", args: object) -> None:
        """Add the force and patch the pairs three bonds apart.

        Parameters
        ----------
        system : System
            Has one NonbondedForce, with its exceptions.
        data : ForceField._SystemData
            Knows each atom's type.
        args : object
            Not used.
        """
        import openmm

        types = [data.atomType[atom] for atom in data.atoms]
        oxygens = [i for i, name in enumerate(types) if name in self.oxygens]
        hydrogens = [i for i, name in enumerate(types) if name in self.hydrogens]
        nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
        if oxygens and hydrogens:
            self.patch_exceptions(nonbonded, frozenset(oxygens), frozenset(hydrogens))
            system.addForce(self.force(nonbonded, oxygens, hydrogens))

    @staticmethod
    def patch_exceptions(nonbonded: "NonbondedForce", oxygens: frozenset[int], hydrogens: frozenset[int]) -> None:
        """Give O and H three bonds apart the scaled well in place of the scaled Lennard-Jones term.

        Parameters
        ----------
        nonbonded : NonbondedForce
            Changed.
        oxygens, hydrogens : frozenset of int
            Particles.
        """
        for index in range(nonbonded.getNumExceptions()):
            i, j, charge, _, epsilon = nonbonded.getExceptionParameters(index)
            pair = (i in oxygens and j in hydrogens) or (j in oxygens and i in hydrogens)
            if pair and epsilon._value:
                nonbonded.setExceptionParameters(index, i, j, charge, WELL_SIGMA_NM, LJ_14_SCALE * WELL_EPSILON_KJ_MOL)

    @staticmethod
    def force(nonbonded: "NonbondedForce", oxygens: list[int], hydrogens: list[int]) -> "CustomNonbondedForce":
        """Return the well less the Lennard-Jones term that the NonbondedForce has for the same pairs.

        Parameters
        ----------
        nonbonded : NonbondedForce
            Its cutoff and exceptions are taken over.
        oxygens, hydrogens : list of int
            Particles of the two sides.

        Returns
        -------
        CustomNonbondedForce
            Without a long-range correction: the pairs are few and the difference decays as the sixth power.
        """
        import openmm

        _, sigma_o, epsilon_o = (value._value for value in nonbonded.getParticleParameters(oxygens[0]))
        _, sigma_h, epsilon_h = (value._value for value in nonbonded.getParticleParameters(hydrogens[0]))
        sigma, epsilon = (sigma_o + sigma_h) / 2.0, float(np.sqrt(epsilon_o * epsilon_h))
        a = 4.0 * (WELL_EPSILON_KJ_MOL * WELL_SIGMA_NM**12 - epsilon * sigma**12)
        b = 4.0 * (WELL_EPSILON_KJ_MOL * WELL_SIGMA_NM**6 - epsilon * sigma**6)
        force = openmm.CustomNonbondedForce(f"({a!r}*i6 - {b!r})*i6; i6 = 1/r^6")
        force.setName("BackboneWell")
        for _ in range(nonbonded.getNumParticles()):
            force.addParticle([])
        force.addInteractionGroup(oxygens, hydrogens)
        for index in range(nonbonded.getNumExceptions()):
            i, j, *_ = nonbonded.getExceptionParameters(index)
            force.addExclusion(i, j)
        match nonbonded.getNonbondedMethod():
            case openmm.NonbondedForce.NoCutoff:
                force.setNonbondedMethod(openmm.CustomNonbondedForce.NoCutoff)
            case openmm.NonbondedForce.CutoffNonPeriodic:
                force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
            case _:
                force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(nonbonded.getCutoffDistance())
        force.setUseSwitchingFunction(nonbonded.getUseSwitchingFunction())
        force.setSwitchingDistance(nonbonded.getSwitchingDistance())
        return force
