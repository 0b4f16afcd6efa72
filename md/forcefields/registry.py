"""Force fields by name, each with the plain statement of what its trajectories are evidence for.

An entry of `FORCE_FIELDS` says how to load a force field and what its water is; `user_force_field` makes one from
OpenMM XML files. Nothing else in `md` knows any of them by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from md.errors import InvalidStructure
from md.forcefields import disp
from md.forcefields.implicit import add_obc2

if TYPE_CHECKING:
    from openmm import System
    from openmm.app import ForceField, Topology

__all__ = ["DEFAULT", "FORCE_FIELDS", "WATER_MODELS", "ForceFieldEntry", "user_force_field"]

DEFAULT = "a99sb-disp"
WATER_MODELS = ("tip3p", "spce", "tip4pew", "tip5p", "swm4ndp")
"""Water boxes that OpenMM brings; any three- or four-site water can start from the one with its sites."""

CUTOFF_NM = 1.0  # of the GET protocol, and of the published a99SB-disp simulations to within a tenth


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
    water : str
        Name of the water, for records.
    water_model : str or None
        The name `Modeller.addSolvent` knows a water of the same sites by; None for implicit solvent.
    implicit : callable, optional
        (System, Topology) -> None, adds the implicit solvent.
    """

    evidence: str
    source: str
    load: "Callable[[], ForceField]"
    water: str
    water_model: str | None
    implicit: "Callable[[System, Topology], None] | None" = None

    def build(self, force_field: "ForceField", topology: "Topology", hydrogen_mass_amu: float | None) -> "System":
        """Return the System of a topology.

        Parameters
        ----------
        force_field : ForceField
            As loaded.
        topology : Topology
            With hydrogens; with water and ions and a box, where the water is explicit.
        hydrogen_mass_amu : float or None
            Mass of hydrogens outside water, taken from the heavy atom they are bound to; None keeps 1.008.

        Returns
        -------
        System
            Bonds to hydrogen constrained. Explicit water: PME, a cutoff of 1.0 nm, long-range dispersion correction;
            implicit water: no cutoff. Without a barostat: pressure belongs to the protocol.
        """
        from openmm import app

        periodic = self.water_model is not None
        system = force_field.createSystem(
            topology,
            nonbondedMethod=app.PME if periodic else app.NoCutoff,  # pyright: ignore[reportArgumentType]
            nonbondedCutoff=CUTOFF_NM,
            constraints=app.HBonds,
            rigidWater=True,
            hydrogenMass=hydrogen_mass_amu,
        )
        if self.implicit is not None:
            self.implicit(system, topology)
        return system


def user_force_field(files: Sequence[Path], water_model: str | None) -> ForceFieldEntry:
    """Return an entry for OpenMM XML files, e.g. DES-Amber, GB99dms or CHARMM36m.

    Parameters
    ----------
    files : sequence of Path
        OpenMM ForceField XML. ``<Script>`` elements would run as code and are refused.
    water_model : str or None
        The name `Modeller.addSolvent` knows a water of the same sites by; None for implicit solvent or vacuum.

    Returns
    -------
    ForceFieldEntry

    Raises
    ------
    InvalidStructure
        A file is absent, is not a force field, or holds a script.
    """

    def load() -> "ForceField":
        from openmm import app

        try:
            return app.ForceField(*map(str, files))
        except Exception as error:  # OpenMM's parser raises whatever the bad line provokes
            raise InvalidStructure(
                f"{', '.join(map(str, files))}: not an OpenMM force field ({error})", code="force_field"
            ) from error

    for path in files:
        _refuse_script(path)
    return ForceFieldEntry(
        evidence="unknown: the force field was supplied by the user; not evidence on disordered regions unless its "
        "authors show so",
        source=", ".join(path.name for path in files),
        load=load,
        water="user-supplied",
        water_model=water_model,
    )


def _refuse_script(path: Path) -> None:
    from xml.etree.ElementTree import ParseError, parse

    try:
        root = parse(path).getroot()
    except OSError as error:
        raise InvalidStructure(f"{path}: {error.strerror or error}", code="force_field") from error
    except ParseError as error:
        raise InvalidStructure(f"{path}: not XML ({error})", code="force_field") from error
    if root.tag != "ForceField":
        raise InvalidStructure(f"{path}: <{root.tag}> is not <ForceField>", code="force_field")
    if next(root.iter("Script"), None) is not None or next(root.iter("InitializationScript"), None) is not None:
        raise InvalidStructure(
            f"{path}: it holds a <Script>, which OpenMM would run as code",
            code="force_field",
            cure="convert the force field to one without scripts, e.g. with ParmEd",
        )
    include = next(root.iter("Include"), None)
    if include is not None:
        raise InvalidStructure(
            f"{path}: it includes {include.get('file')}", code="force_field", cure="name every file in the settings"
        )


def _bundled(*files: str) -> "Callable[[], ForceField]":
    def load() -> "ForceField":
        from openmm import app

        return app.ForceField(*files)

    return load


FORCE_FIELDS: dict[str, ForceFieldEntry] = {
    "a99sb-disp": ForceFieldEntry(
        evidence=(
            "folded and disordered chains in explicit water, tuned on single chains; complexes may come apart too "
            "easily, so compare replicas and do not read affinities"
        ),
        source="doi 10.1073/pnas.1800690115",
        load=disp.a99sb_disp,
        water="a99SB-disp water (four sites)",
        water_model=disp.WATER_MODEL,
    ),
    "ff19sb-opc": ForceFieldEntry(
        evidence=(
            "folded and disordered chains in explicit water by another force field, a check on a99sb-disp; not "
            "evidence on affinities"
        ),
        source="ff19SB: doi 10.1021/acs.jctc.9b00591; OPC: doi 10.1021/jz501780a",
        load=_bundled("amber19/protein.ff19SB.xml", "amber19/opc.xml"),
        water="OPC",
        water_model="tip4pew",
    ),
    "ff14sb-tip3p": ForceFieldEntry(
        evidence=(
            "folded domains in explicit water; not evidence on disordered regions, which this pair over-compacts"
        ),
        source="ff14SB: doi 10.1021/acs.jctc.5b00255; TIP3P: doi 10.1063/1.445869",
        load=_bundled("amber14/protein.ff14SB.xml", "amber14/tip3p.xml"),
        water="TIP3P",
        water_model="tip3p",
    ),
    "ff14sb-obc2": ForceFieldEntry(
        evidence=(
            "smoke: shows that the structure is sound and the run works; not evidence on disordered regions, "
            "which implicit solvent over-compacts, nor on binding"
        ),
        source="ff14SB: doi 10.1021/acs.jctc.5b00255; OBC2: doi 10.1002/prot.20033",
        load=_bundled("amber14/protein.ff14SB.xml"),
        water="OBC2 implicit",
        water_model=None,
        implicit=add_obc2,
    ),
}
