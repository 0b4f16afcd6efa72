"""Which hydrogens a protein gets, and who decided: zinc, the user, PROPKA or hydrogen bonds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from md.errors import InvalidStructure
from md.settings import MdSettings
from md.structure import positions_nm_of, residue_name
from md.titration import Titrated, as_simulated, histidines, notes_on, titrate
from md.zinc import Finger, variants

if TYPE_CHECKING:
    from openmm.app import ForceField, Modeller

__all__ = ["VARIANTS", "add_hydrogens"]

VARIANTS: dict[str, tuple[str, ...]] = {
    "ASP": ("ASP", "ASH"),
    "CYS": ("CYS", "CYX"),
    "GLU": ("GLU", "GLH"),
    "HIS": ("HID", "HIE", "HIP", "HIN"),
    "LYS": ("LYS", "LYN"),
}
"""States that `Modeller.addHydrogens` knows by name."""

NEUTRAL_HISTIDINE_PH = 7.0  # above OpenMM's 6.5, so that a histidine nobody decided on is neutral


def add_hydrogens(
    modeller: "Modeller", force_field: "ForceField", settings: MdSettings, placed: Sequence[Finger]
) -> tuple[list[str], tuple[Titrated, ...]]:
    """Add hydrogens in the states that zinc needs, the user names, PROPKA predicts or hydrogen bonds favour.

    Parameters
    ----------
    modeller : Modeller
        Heavy atoms, capped, with their zincs; changed.
    force_field : ForceField
        Places them.
    settings : MdSettings
        ``protonation``, ``ph`` and ``variants``.
    placed : sequence of Finger
        Those with a zinc.

    Returns
    -------
    notes : list of str
        What was decided about histidines and by the user.
    titration : tuple of Titrated
        What PROPKA says; empty where it was not asked.

    Raises
    ------
    InvalidStructure
        ``no_residue``, ``no_variant``: the user names what is not there. ``propka``: it fails.
    Unavailable
        ``propka``: it is not installed.
    """
    from openmm import Platform

    residues = {(residue.chain.id, residue.id): residue for residue in modeller.topology.residues()}
    wanted = variants(placed)
    for name, variant in settings.variants.items():
        chain, _, number = name.partition(":")
        if (chain, number) not in residues:
            raise InvalidStructure(
                f"variants names {name!r}, which is not simulated",
                code="no_residue",
                cure='name residues by chain and number: variants = {"A:12" = "HIP"}',
            )
        kind = residues[chain, number].name
        if variant not in (known := VARIANTS.get(kind, ())):
            raise InvalidStructure(
                f"variants makes {kind} {name} {variant!r}, which it has not",
                code="no_variant",
                cure=f"one of {', '.join(known)}"
                if known
                else f"leave it out: one of {', '.join(VARIANTS)} can be named",
            )
        wanted[chain, number] = variant
    by_pka, groups, program, ph = {}, (), "", settings.ph
    if settings.protonation == "propka":
        program, groups = titrate(modeller.topology, positions_nm_of(modeller), settings.ph)
        by_pka, ph = histidines(groups), NEUTRAL_HISTIDINE_PH
    asked = [wanted.get(key, by_pka.get(key)) for key in residues]
    made = modeller.addHydrogens(force_field, pH=ph, variants=asked, platform=Platform.getPlatformByName("CPU"))
    after = {(residue.chain.id, residue.id): residue for residue in modeller.topology.residues()}
    decided = {
        key: variant
        for (key, residue), variant in zip(after.items(), made, strict=True)
        if residue.name == "HIS" and key not in wanted
    }
    if groups:
        groups = as_simulated(groups, {**decided, **wanted})
        notes = notes_on(program, settings.ph, groups, decided)
    else:
        listed = ", ".join(f"{chain}:{number} {variant}" for (chain, number), variant in decided.items())
        notes = [f"histidines by hydrogen bonding at pH {settings.ph:g}: {listed}"] if decided else []
    given = [f"{residue_name(after[key])} {variant}" for key, variant in wanted.items()]
    return notes + ([f"protonation given: {', '.join(given)}"] if given else []), groups
