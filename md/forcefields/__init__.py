"""Force fields by name, each with the plain statement of what its trajectories are evidence for.

An entry of `FORCE_FIELDS` says which files to load and how to turn a topology into a System. A new force field
is one more entry; nothing else in `md` knows any of them by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openmm import System
    from openmm.app import ForceField, Topology

__all__ = ["FORCE_FIELDS", "ForceFieldEntry", "add_obc2", "ff14sb_obc2_system", "ff14sb_tip3p_system"]

# Born radii of the mbondi2 set in nm, and screening factors, by element: Onufriev, Bashford & Case 2004,
# doi 10.1002/prot.20033 (the OBC2 model); screening factors of Hawkins, Cramer & Truhlar 1996, doi 10.1021/jp961710n.
_OBC2_PARAMETERS: dict[str, tuple[float, float]] = {
    "H": (0.12, 0.85),
    "C": (0.17, 0.72),
    "N": (0.155, 0.79),
    "O": (0.15, 0.85),
    "S": (0.18, 0.96),
}
_RADIUS_HYDROGEN_ON_NITROGEN_NM = 0.13  # mbondi2, ibid.
_SOLVENT_DIELECTRIC = 78.5  # water near 298 K, the value OBC2 was fitted with, ibid.
_CUTOFF_NM = 1.0  # real-space cutoff of the GET protocol


@dataclass(frozen=True)
class ForceFieldEntry:
    """One way to compute forces.

    Parameters
    ----------
    evidence : str
        What a trajectory made with it does and does not show; printed wherever results are shown.
    source : str
        Where the parameters were published.
    load : callable
        () -> the OpenMM ForceField, which also places hydrogens.
    build : callable
        (ForceField, Topology with hydrogens and any solvent, hydrogen mass in amu or None) -> System,
        bonds to hydrogen constrained.
    water_model : str or None
        The name `Modeller.addSolvent` knows the water by; None for implicit solvent.
    """

    evidence: str
    source: str
    load: "Callable[[], ForceField]"
    build: "Callable[[ForceField, Topology, float | None], System]"
    water_model: str | None


def _load_ff14sb() -> "ForceField":
    from openmm.app import ForceField

    return ForceField("amber14/protein.ff14SB.xml")


def _load_ff14sb_tip3p() -> "ForceField":
    from openmm.app import ForceField

    return ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")


def ff14sb_obc2_system(force_field: "ForceField", topology: "Topology", hydrogen_mass_amu: float | None) -> "System":
    """ff14SB in OBC2 implicit water: no cutoff, no salt, surface tension by OpenMM's default.

    Parameters
    ----------
    force_field : ForceField
        ff14SB.
    topology : Topology
        Protein with hydrogens.
    hydrogen_mass_amu : float or None
        Mass of hydrogens, taken from the heavy atom they are bound to; None keeps 1.008.

    Returns
    -------
    System
        With native ``GBSAOBCForce``: the same energies as the bundled ``implicit/obc2.xml``, about six times faster.
    """
    from openmm import app

    system = force_field.createSystem(
        topology,
        nonbondedMethod=app.NoCutoff,
        constraints=app.HBonds,
        hydrogenMass=hydrogen_mass_amu,
    )
    add_obc2(system, topology)
    return system


def add_obc2(system: "System", topology: "Topology") -> None:
    """Add OBC2 implicit water to a System of protein charges.

    Parameters
    ----------
    system : System
        Has one NonbondedForce, whose charges are used.
    topology : Topology
        The atoms of `system`, H, C, N, O and S only.
    """
    import openmm

    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    on_nitrogen = {
        hydrogen.index
        for bond in topology.bonds()
        for hydrogen, partner in ((bond[0], bond[1]), (bond[1], bond[0]))
        if hydrogen.element.symbol == "H" and partner.element.symbol == "N"
    }
    solvent = openmm.GBSAOBCForce()
    solvent.setSolventDielectric(_SOLVENT_DIELECTRIC)
    solvent.setSoluteDielectric(1.0)
    solvent.setNonbondedMethod(openmm.GBSAOBCForce.NoCutoff)
    for atom in topology.atoms():
        radius_nm, screening = _OBC2_PARAMETERS[atom.element.symbol]
        if atom.index in on_nitrogen:
            radius_nm = _RADIUS_HYDROGEN_ON_NITROGEN_NM
        charge, _, _ = nonbonded.getParticleParameters(atom.index)
        solvent.addParticle(charge, radius_nm, screening)
    nonbonded.setReactionFieldDielectric(1.0)
    system.addForce(solvent)


def ff14sb_tip3p_system(force_field: "ForceField", topology: "Topology", hydrogen_mass_amu: float | None) -> "System":
    """ff14SB in TIP3P water: PME, 1.0 nm cutoff, long-range dispersion correction.

    Parameters
    ----------
    force_field : ForceField
        ff14SB with TIP3P water and its ions.
    topology : Topology
        Solvated and periodic.
    hydrogen_mass_amu : float or None
        Mass of hydrogens outside water, taken from the heavy atom they are bound to; None keeps 1.008.

    Returns
    -------
    System
        Without a barostat: pressure belongs to the protocol.
    """
    from openmm import app

    return force_field.createSystem(
        topology,
        nonbondedMethod=app.PME,  # pyright: ignore[reportArgumentType]
        nonbondedCutoff=_CUTOFF_NM,
        constraints=app.HBonds,
        rigidWater=True,
        hydrogenMass=hydrogen_mass_amu,
    )


FORCE_FIELDS: dict[str, ForceFieldEntry] = {
    "ff14sb-obc2": ForceFieldEntry(
        evidence=(
            "smoke: shows that the structure is sound and the run works; not evidence on disordered regions, "
            "which implicit solvent over-compacts, nor on binding"
        ),
        source="ff14SB: doi 10.1021/acs.jctc.5b00255; OBC2: doi 10.1002/prot.20033",
        load=_load_ff14sb,
        build=ff14sb_obc2_system,
        water_model=None,
    ),
    "ff14sb-tip3p": ForceFieldEntry(
        evidence=(
            "folded domains in explicit water; not evidence on disordered regions, which this pair over-compacts"
        ),
        source="ff14SB: doi 10.1021/acs.jctc.5b00255; TIP3P: doi 10.1063/1.445869",
        load=_load_ff14sb_tip3p,
        build=ff14sb_tip3p_system,
        water_model="tip3p",
    ),
}
