"""Settings from proteins to segment pairs."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from screening.sections.base import Section
from screening.segments import SegmentKind

__all__ = ["PlddtSettings", "SegmentPairSettings", "SegmentSettings"]


class PlddtSettings(Section):
    """``[plddt]``: per-residue confidence of the monomer.

    Attributes
    ----------
    source : str
        ``metapredict``, a network's estimate from the sequence (labelled a proxy), or ``files`` of AlphaFold DB or
        ColabFold.
    folder : Path
        Where the files lie.
    """

    source: Literal["metapredict", "files"] = "metapredict"
    folder: Path | None = Field(default=None, exclude=True)


class SegmentSettings(Section):
    """``[segments]``: where proteins are cut.

    Attributes
    ----------
    rule : str
        ``plddt``, the paper's rule; or ``full_length``: each protein is one segment, as homodimers are folded.
    compat : str or None
        ``proscope`` for the code of the paper's authors in place of its rule.
    """

    rule: Literal["plddt", "full_length"] = "plddt"
    compat: Literal["proscope"] | None = None

    @model_validator(mode="after")
    def _compat_cuts(self) -> Self:
        if self.rule == "full_length" and self.compat is not None:
            raise ValueError('compat belongs to rule = "plddt"')
        return self


class SegmentPairSettings(Section):
    """``[segment_pairs]``: which segment pairs of a TF pair are folded.

    Attributes
    ----------
    kinds : tuple of str
        Kinds of segments that take part.
    minimum_segment_length, maximum_length : int
        Residues of one segment at least; of a pair at most.
    limit : int or None
        Keep this many pairs of each TF pair, in the order of the residues.
    """

    kinds: tuple[SegmentKind, ...] = ("high_plddt", "low_plddt", "full_length")
    minimum_segment_length: int = Field(default=1, ge=1)
    maximum_length: int | None = Field(default=None, ge=2)
    limit: int | None = Field(default=None, ge=1)
