"""Settings from attribution to TF pairs: the causal network and the TFs that stand for motifs."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

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
    files : dict of str to Path
        Networks that are there already, by cell type: lists of edges, one ``source target weight`` a line. Such a cell
        type gets no network of its own and no resamples; of the settings above, `top_fraction` alone matters to it.
    first_column : str or None
        What `source` is in lists without the header ``cause effect weight``, which cannot say it: ``effect`` in lists
        of the published code, whose edges are reversed, ``cause`` where edges run as written. Without it such lists
        are refused.
    """

    method: Literal["direct", "ica"] = "direct"
    top_fraction: float = Field(default=0.05, gt=0, le=1)
    accessibility: bool = False
    seed: int = Field(default=0, ge=0, lt=2**31)
    bootstraps: int = Field(default=20, ge=0)
    files: dict[str, Path] = Field(default_factory=dict, exclude=True)
    first_column: Literal["cause", "effect"] | None = None

    def determining(self) -> dict[str, Json]:
        """Return what determines a network that is fitted; `first_column` is an input of those that need it."""
        return {name: value for name, value in super().determining().items() if name != "first_column"}

    def of_one_fit(self) -> dict[str, Json]:
        """Return the settings that determine the network of one resample."""
        return {"method": self.method, "accessibility": self.accessibility, "seed": self.seed}


class ResampleSettings(Section):
    """``[resample]``: resamples have no settings but those of ``[causal]``."""


class TfPairSettings(Section):
    """``[tf_pairs]``: which pairs of proteins are screened.

    Attributes
    ----------
    source : str
        ``network``: the highest-expressed TFs of the motifs of each selected edge; ``homodimers``: each protein with
        itself; ``table``: the pairs of a file. The last two read no chromatin and fit no network.
    proteins : Path
        FASTA with accession, gene and DNA-binding family of the TFs.
    minimum_expression : float
        Of ``network``, in the unit of the expression table.
    allow_missing : bool
        Of ``network``: begin although the TFs of a motif have no sequence; its pairs are dropped with that reason.
    limit : int or None
        Of ``network``: keep this many pairs, those of the strongest effects.
    cofactors : tuple of str
        Of ``network``: genes or accessions that are paired with both TFs of every edge of negative effect, as the GET
        paper does with EP300 for SNAI1 and RELA. They come on top of `limit`, and their expression is not asked for.
    genes : tuple of str
        Of ``homodimers``: only these genes or accessions; empty for all proteins of the FASTA file.
    pairs : Path
        Of ``table``: two columns of genes or accessions, separated by tabs.
    """

    source: Literal["network", "homodimers", "table"] = "network"
    proteins: Path | None = Field(default=None, exclude=True)
    minimum_expression: float = Field(default=0.0, ge=0)
    allow_missing: bool = Field(default=False, exclude=True)
    limit: int | None = Field(default=None, ge=1)
    cofactors: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    pairs: Path | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _of_the_source(self) -> Self:
        owner = {"limit": "network", "cofactors": "network", "genes": "homodimers", "pairs": "table"}
        for name, source in owner.items():
            if getattr(self, name) and self.source != source:
                raise ValueError(f'{name} belongs to source = "{source}", not to "{self.source}"')
        return self

    def determining(self) -> dict[str, Json]:
        """Return what determines the pairs: the settings of the chosen source only."""
        match self.source:
            case "network":
                found: dict[str, Json] = {"minimum_expression": self.minimum_expression, "limit": self.limit}
                if self.cofactors:
                    found["cofactors"] = [*sorted(set(self.cofactors))]
                return found
            case "homodimers":
                return {"source": self.source, "genes": [*sorted(set(self.genes))]}
            case "table":
                return {"source": self.source}
