"""Settings from attribution to TF pairs: the causal network and the TFs that stand for motifs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.record import Json
from screening.sections.base import Section

__all__ = ["CausalSettings", "ResampleSettings", "TfPairSettings"]


class CausalSettings(Section):
    """``[causal]``: LiNGAM on the attribution matrix; the top 5 % by absolute effect are kept (GET Methods).

    Attributes
    ----------
    method : str
        ``direct`` (DirectLiNGAM, deterministic) or ``ica`` (ICA-LiNGAM, the paper's).
    top_fraction : float
        Share of the non-zero effects that is kept.
    accessibility : bool
        Whether accessibility takes part beside the motifs, as in the reference; no TF stands for it.
    seed : int
        Seed of ``ica`` and of the bootstrap.
    bootstraps : int
        Resamples of the attributed rows whose networks tell how far each edge can be relied on; 0 for none. Resample k
        is the same whatever their number, so raising it keeps those that are done.
    """

    method: Literal["direct", "ica"] = "direct"
    top_fraction: float = Field(default=0.05, gt=0, le=1)
    accessibility: bool = False
    seed: int = Field(default=0, ge=0)
    bootstraps: int = Field(default=20, ge=0)

    def of_one_fit(self) -> dict[str, Json]:
        """Return the settings that determine the network of one resample."""
        return {"method": self.method, "accessibility": self.accessibility, "seed": self.seed}


class ResampleSettings(Section):
    """``[resample]``: resamples have no settings but those of ``[causal]``."""


class TfPairSettings(Section):
    """``[tf_pairs]``: the highest-expressed TF of each motif.

    Attributes
    ----------
    proteins : Path
        FASTA with accession, gene and DNA-binding family of the TFs.
    minimum_expression : float
        In the unit of the expression table.
    allow_missing : bool
        Begin although the TFs of a motif have no sequence; its pairs are dropped with that reason.
    limit : int or None
        Keep this many pairs, those of the strongest effects.
    """

    proteins: Path | None = Field(default=None, exclude=True)
    minimum_expression: float = Field(default=0.0, ge=0)
    allow_missing: bool = Field(default=False, exclude=True)
    limit: int | None = Field(default=None, ge=1)
