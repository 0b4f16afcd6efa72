"""Settings of molecular dynamics: which complexes, how, and how they are read."""

from typing import Literal, cast

from pydantic import Field, model_validator

from catalog.record import Json
from md.settings import PRESETS, MdSettings, Preset
from screening.sections.base import Section, merged

__all__ = ["MdAnalysisSettings", "MdStageSettings", "SelectSettings"]


class SelectSettings(Section):
    """``[select]``: which complexes are simulated.

    Attributes
    ----------
    metric : str
        Column of the scores or of the structures.
    minimum : float
        Smallest value selected.
    limit : int
        Largest number selected, the best first; 0 for none.
    """

    metric: Literal["pdockq", "ipsae", "iptm", "n_contacts", "interface_plddt", "bound_fraction"] = "bound_fraction"
    minimum: float = 0.0
    limit: int = Field(default=1, ge=0)


class MdStageSettings(Section):
    """``[md]``: molecular dynamics of the selected complexes.

    Attributes
    ----------
    systems : tuple of str
        What to simulate of each complex.
    replicas : int
        Independent runs of each system, with seeds of their own.
    preset : str
        What ``[md.protocol]`` starts from: ``smoke`` (picoseconds, shows that it runs), ``published`` (the paper's
        text, 100 ns), ``as_coded`` (its scripts) or ``fast`` (the same physics at a third of the cost).
    protocol : MdSettings
        ``[md.protocol]``; values not given there are the preset's.
    """

    systems: tuple[Literal["complex", "monomer_a", "monomer_b"], ...] = ("complex",)
    replicas: int = Field(default=1, ge=1, le=1000)
    preset: Preset = "smoke"
    protocol: MdSettings = MdSettings.smoke()

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, given: dict[str, Json]) -> dict[str, Json]:
        protocol = given.get("protocol", {})
        if not isinstance(protocol, dict):
            return given
        name = given.get("preset", "smoke")
        start = MdSettings.preset(name) if name in PRESETS else MdSettings()  # other names are refused by their field
        return {**given, "protocol": merged(start.model_dump(mode="json"), protocol)}

    def determining(self) -> dict[str, Json]:
        """Return what determines the numbers of one run: the protocol itself, not its name nor the machine.

        Which systems and replicas there are does not: each run's task says which it is, so that more of them leave
        those that are there alone.
        """
        return {"protocol": cast(dict[str, Json], self.protocol.determining())}


class MdAnalysisSettings(Section):
    """``[md_analysis]``: how trajectories are read.

    Attributes
    ----------
    discard_ps : float
        Left out at the start of everything, picoseconds.
    detect_equilibration : bool
        Leave out of each mean what its series needs to forget the start, too.
    hydrogen_bonds : str
        Criterion, one of `md.analysis.hydrogen_bonds.CRITERIA`.
    image_cutoff_nm : float
        Frames in which the protein is closer than this to an image of itself are flagged.
    """

    discard_ps: float = Field(default=0.0, ge=0)
    detect_equilibration: bool = True
    hydrogen_bonds: Literal["baker_hubbard", "wernet_nilsson", "donor_acceptor"] = "baker_hubbard"
    image_cutoff_nm: float = Field(default=1.0, gt=0)
