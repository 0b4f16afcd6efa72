"""Settings from alignments to scored complexes."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.record import Json
from screening.folding.residue_md import ResidueMdSettings
from screening.sections.base import Section

__all__ = ["MsaSettings", "ScoreSettings", "StructureSettings"]


class MsaSettings(Section):
    """``[msa]``: the alignment of each full-length protein: its own sequence alone, or a3m files by accession."""

    source: Literal["query_only", "files"] = "query_only"
    folder: Path | None = Field(default=None, exclude=True)


class StructureSettings(Section):
    """``[structure]``: how segment pairs become complexes.

    Attributes
    ----------
    backend : str
        ``residue_md`` (co-simulation of residues, no weights) or ``imported`` (predictions made elsewhere).
    seed : int
        Seed of the backend.
    residue_md : ResidueMdSettings
        Protocol of that backend.
    predictions : Path
        Folder searched by ``imported``; a prediction belongs to a pair when its chains have the pair's sequences.
    """

    backend: Literal["residue_md", "imported"] = "residue_md"
    seed: int = Field(default=0, ge=0)
    residue_md: ResidueMdSettings = ResidueMdSettings()
    predictions: Path | None = Field(default=None, exclude=True)

    def determining(self) -> dict[str, Json]:
        """Return what determines numbers: the settings of the chosen backend only."""
        values = super().determining()
        if self.backend != "residue_md":
            del values["residue_md"]
            del values["seed"]
        return values


class ScoreSettings(Section):
    """``[score]``: interface metrics have no settings."""
