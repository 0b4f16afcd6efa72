"""Settings from alignments to scored complexes."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from catalog.record import Json
from screening.folding.colabfold import ColabFoldSettings
from screening.folding.residue_md import ResidueMdSettings
from screening.sections.base import Section

__all__ = ["MmseqsSettings", "MsaServerSettings", "MsaSettings", "ScoreSettings", "StructureSettings"]


class MmseqsSettings(Section):
    """``[msa.mmseqs]``: a search with the `mmseqs` program; the defaults are those of ``colabfold_search``.

    Attributes
    ----------
    database : Path
        Name of an MMseqs2 sequence database; its content enters the key, its place does not.
    sensitivity, e_value, iterations, maximum_sequences : float, float, int, int
        ``-s``, ``-e``, ``--num-iterations`` and ``--max-seqs`` of ``mmseqs search``.
    filtered : bool
        Whether to thin alignments of over 1,000 rows as ColabFold does.
    """

    database: Path | None = Field(default=None, exclude=True)
    sensitivity: float = Field(default=8.0, ge=1, le=9)
    e_value: float = Field(default=0.1, gt=0)
    iterations: int = Field(default=3, ge=1)
    maximum_sequences: int = Field(default=10_000, ge=1)
    filtered: bool = True


class MsaServerSettings(Section):
    """``[msa.server]``: a server that speaks the protocol of ColabFold's; nothing is sent while `offline` is true.

    Attributes
    ----------
    url : str
        Where the server is. Sequences are sent to it.
    mode : str
        ``env`` (with environmental sequences) or ``all``; ``-nofilter`` for unthinned alignments.
    offline : bool
        Whether to fail before any connection is opened.
    contact : str
        Mail address in the User-Agent, so that the server's operators can reach you.
    interval_s : float
        Least time between two requests of this screen, s.
    """

    url: str = Field(default="https://api.colabfold.com", pattern=r"^https?://[^\s/]+(/\S*)?$")
    mode: Literal["env", "all", "env-nofilter", "nofilter"] = "env"
    offline: bool = Field(default=True, exclude=True)
    contact: str = Field(default="", pattern=r"^[\x20-\x7e]*$", exclude=True)
    interval_s: float = Field(default=2.0, ge=0, exclude=True)


class MsaSettings(Section):
    """``[msa]``: where the alignment of each full-length protein comes from.

    Attributes
    ----------
    source : str
        ``query_only`` (its own sequence alone), ``files`` (a3m or Stockholm, by accession), ``mmseqs`` (a local
        database) or ``server`` (a ColabFold server).
    folder : Path
        Folder of ``files``: ``ACCESSION.a3m`` or ``ACCESSION.sto``, each also with ``.gz``.
    mmseqs : MmseqsSettings
        The local search.
    server : MsaServerSettings
        The server.
    """

    source: Literal["query_only", "files", "mmseqs", "server"] = "query_only"
    folder: Path | None = Field(default=None, exclude=True)
    mmseqs: MmseqsSettings = MmseqsSettings()
    server: MsaServerSettings = MsaServerSettings()

    def determining(self) -> dict[str, Json]:
        """Return the recipe: the source and the parameters of the chosen one only."""
        chosen = {"mmseqs": self.mmseqs, "server": self.server}.get(self.source)
        return {"source": self.source} | ({} if chosen is None else {self.source: chosen.determining()})


class StructureSettings(Section):
    """``[structure]``: how segment pairs become complexes.

    Attributes
    ----------
    backend : str
        ``residue_md`` (co-simulation of residues, no weights), ``colabfold`` (AlphaFold-Multimer) or ``imported``
        (predictions made elsewhere).
    seed : int
        Seed of the backend.
    residue_md : ResidueMdSettings
        Protocol of that backend.
    colabfold : ColabFoldSettings
        Networks, weights and buckets of that backend.
    predictions : Path
        Folder searched by ``imported``; a prediction belongs to a pair when its chains have the pair's sequences.
    """

    backend: Literal["residue_md", "colabfold", "imported"] = "residue_md"
    seed: int = Field(default=0, ge=0, lt=2**31)
    residue_md: ResidueMdSettings = ResidueMdSettings()
    colabfold: ColabFoldSettings = ColabFoldSettings()
    predictions: Path | None = Field(default=None, exclude=True)

    def determining(self) -> dict[str, Json]:
        """Return what determines numbers: the settings of the chosen backend only."""
        values = super().determining()
        others = {"residue_md", "colabfold"} - {self.backend}
        if self.backend == "imported":
            others.add("seed")
        return {name: value for name, value in values.items() if name not in others}


class ScoreSettings(Section):
    """``[score]``: interface metrics have no settings."""
