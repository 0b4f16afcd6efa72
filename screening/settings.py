"""One screen of settings, read from TOML: a section for each stage, all frozen, nothing unknown accepted.

A field that holds a path, or that says where a task runs, is excluded from the content key of its stage: the content of
the file enters by its hash, and the machine must not change the numbers.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catalog.record import Json
from md.settings import MdSettings
from screening.errors import InvalidInput
from screening.folding.residue_md import ResidueMdSettings
from screening.segments import SegmentKind

__all__ = ["ScreenSettings", "determining", "load_settings", "merged"]


def merged(base: Mapping[str, Json], override: Mapping[str, Json]) -> dict[str, Json]:
    """Return `base` with the values of `override` in their places, section by section."""
    result = dict(base)
    for name, value in override.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


class Section(BaseModel):
    """A section of ``screen.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class AtlasSettings(Section):
    """``[atlas]``: regions × motif scores, accessibility and expression.

    Attributes
    ----------
    source : str
        ``files``, or ``simulated`` for an atlas with planted effects (`get_core.simulation`), labelled so everywhere.
    regions, motifs, expression : Path
        Table of regions with sequences and accessibility; motif matrices (MEME); gene expression per cell type.
    expression_unit : str
        Unit of the expression table, for example ``TPM``.
    p_value : float
        Threshold of a motif match; 1e-4 as in the Vierstra archetypes that GET reads (doi 10.1038/s41586-020-2528-x).
    seed, n_regions, n_genes : int
        Of a simulated atlas.
    """

    source: Literal["files", "simulated"] = "files"
    regions: Path | None = Field(default=None, exclude=True)
    motifs: Path | None = Field(default=None, exclude=True)
    expression: Path | None = Field(default=None, exclude=True)
    expression_unit: str = "TPM"
    p_value: float = Field(default=1e-4, gt=0, lt=0.1)
    seed: int = Field(default=0, ge=0)
    n_regions: int = Field(default=4000, ge=200)
    n_genes: int = Field(default=1500, ge=80)


class PretrainSettings(Section):
    """``[pretrain]``: the network and its pretraining by masked regions, once for all cell types.

    GET itself has 768 channels, 12 layers, 12 heads and windows of 200 regions (Methods); the defaults are a size that
    a processor trains in a minute.

    Attributes
    ----------
    window : int
        Regions per window, here and in finetuning and attribution.
    embed, layers, heads : int
        Size of the network.
    epochs, batch_size, learning_rate, mask_ratio, seed
        Of the training.
    checkpoint : Path
        A pretrained network, in any of GET's formats, in place of pretraining.
    """

    checkpoint: Path | None = Field(default=None, exclude=True)
    window: int = Field(default=32, ge=2)
    embed: int = Field(default=64, ge=8)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    mask_ratio: float = Field(default=0.5, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> "PretrainSettings":
        if self.embed % self.heads:
            raise ValueError(f"embed ({self.embed}) must be a multiple of heads ({self.heads})")
        return self


class FinetuneSettings(Section):
    """``[finetune]``: finetuning for one cell type.

    Attributes
    ----------
    target : str
        ``expression`` per strand (Poisson likelihood), or ``accessibility``: is the region open in this cell type?
    leave_out : tuple of str
        Chromosomes kept for validation; none of their regions is seen in training.
    """

    target: Literal["expression", "accessibility"] = "expression"
    leave_out: tuple[str, ...] = ()
    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    seed: int = Field(default=0, ge=0)


class AttributionSettings(Section):
    """``[attribution]``: input × gradient, streamed to rows × motifs.

    Attributes
    ----------
    rows : str
        ``promoters``: one row for each region with an expression label, its own strand; ``accessible``: one row for
        each region open in the cell type; ``regions``: all regions.
    reduce : str
        ``sum`` over the window (GET Methods, equation 10), ``abs_mean`` or ``signed_mean``.
    """

    rows: Literal["promoters", "accessible", "regions"] = "promoters"
    reduce: Literal["sum", "abs_mean", "signed_mean"] = "sum"
    batch_size: int = Field(default=64, ge=1)


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
        Seed of ``ica``.
    """

    method: Literal["direct", "ica"] = "direct"
    top_fraction: float = Field(default=0.05, gt=0, le=1)
    accessibility: bool = False
    seed: int = Field(default=0, ge=0)


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
    """``[segments]``: the paper's rule, or ``compat = "proscope"`` for its authors' code."""

    compat: Literal["proscope"] | None = None


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

    kinds: tuple[SegmentKind, ...] = ("high_plddt", "low_plddt")
    minimum_segment_length: int = Field(default=1, ge=1)
    maximum_length: int | None = Field(default=None, ge=2)
    limit: int | None = Field(default=None, ge=1)


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


class ScoreSettings(Section):
    """``[score]``: interface metrics have no settings."""


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
        What ``[md.protocol]`` starts from: ``smoke`` (picoseconds, shows that it runs) or ``production``
        (`md.settings.MdSettings`: 100 ns, as the paper).
    protocol : MdSettings
        ``[md.protocol]``; values not given there are the preset's.
    """

    systems: tuple[Literal["complex", "monomer_a", "monomer_b"], ...] = ("complex",)
    replicas: int = Field(default=1, ge=1)
    preset: Literal["smoke", "production"] = "smoke"
    protocol: MdSettings = MdSettings.smoke()

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, given: dict[str, Json]) -> dict[str, Json]:
        protocol = given.get("protocol", {})
        if not isinstance(protocol, dict):
            return given
        start = MdSettings() if given.get("preset") == "production" else MdSettings.smoke()
        return {**given, "protocol": merged(start.model_dump(mode="json"), protocol)}


class MdAnalysisSettings(Section):
    """``[md_analysis]``: what is cut from the start of a trajectory before means are taken, picoseconds."""

    discard_ps: float = Field(default=0.0, ge=0)


class ResourceOverride(Section):
    """``[resources.STAGE]``: what one task of a stage is granted instead of what the stage declares."""

    cpus: int | None = Field(default=None, ge=1)
    gpus: float | None = Field(default=None, ge=0)
    memory_gib: float | None = Field(default=None, gt=0)
    deadline_s: float | None = Field(default=None, gt=0)


class ScreenSettings(Section):
    """The whole of ``screen.toml``.

    Attributes
    ----------
    name : str
        Name of the screen.
    output : Path
        Folder of the store, the catalog and the report.
    cell_types : tuple of str
        Cell types of the atlas to screen; empty for all.
    resources : dict of str to ResourceOverride
        Overrides by stage.
    """

    name: str = Field(default="screen", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")
    output: Path = Path(".")
    cell_types: tuple[str, ...] = ()
    resources: dict[str, ResourceOverride] = Field(default_factory=dict)
    atlas: AtlasSettings = AtlasSettings()
    pretrain: PretrainSettings = PretrainSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    attribution: AttributionSettings = AttributionSettings()
    causal: CausalSettings = CausalSettings()
    tf_pairs: TfPairSettings = TfPairSettings()
    plddt: PlddtSettings = PlddtSettings()
    segments: SegmentSettings = SegmentSettings()
    segment_pairs: SegmentPairSettings = SegmentPairSettings()
    msa: MsaSettings = MsaSettings()
    structure: StructureSettings = StructureSettings()
    score: ScoreSettings = ScoreSettings()
    select: SelectSettings = SelectSettings()
    md: MdStageSettings = MdStageSettings()
    md_analysis: MdAnalysisSettings = MdAnalysisSettings()


def determining(section: BaseModel) -> dict[str, Json]:
    """Return the part of a section that determines numbers, as it enters the content key.

    Parameters
    ----------
    section : BaseModel
        A stage's section.

    Returns
    -------
    dict
        Plain JSON values, without paths, machine choices and the settings of backends that are not chosen.
    """
    values = section.model_dump(mode="json")
    if isinstance(section, StructureSettings) and section.backend != "residue_md":
        del values["residue_md"]
        del values["seed"]
    if isinstance(section, MdStageSettings):
        for machine in ("platform", "threads"):
            del values["protocol"][machine]
        del values["protocol"]["replicas"]
        del values["preset"]
    if isinstance(section, AtlasSettings):
        for other in ("seed", "n_regions", "n_genes") if section.source == "files" else ("p_value", "expression_unit"):
            del values[other]
    return values


def load_settings(path: Path, overrides: Sequence[str] = ()) -> tuple[ScreenSettings, dict[str, Json]]:
    """Read ``screen.toml``.

    Parameters
    ----------
    path : Path
        The file.
    overrides : sequence of str
        ``section.name=value`` each, the value written as in TOML; quotes of a string may be left out.

    Returns
    -------
    settings : ScreenSettings
        Validated.
    config : dict
        The effective settings with their paths, as the catalog keeps them.

    Raises
    ------
    InvalidInput
        No such file, no TOML, an unknown setting or a value out of range; with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file", cure="write one with: screening init demo") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InvalidInput(f"{path}: not a text file: {error}") from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path}:{line.group(1)}" if line else str(path)
        raise InvalidInput(f"{place}: not TOML: {error}", cure=f"correct {path}") from None
    for override in overrides:
        given = merged(given, _parsed_override(override))
    try:
        settings = ScreenSettings.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(_explained(error, path, text), cure=f"correct {path}; docs/settings.md lists all") from None
    unknown = set(settings.resources) - set(ScreenSettings.model_fields)
    if unknown:
        raise InvalidInput(f"{path}: [resources.{min(unknown)}] names no stage", cure="screening plan lists the stages")
    return settings, merged(settings.model_dump(mode="json"), given)


def _parsed_override(override: str) -> dict[str, Json]:
    name, equals, value = override.partition("=")
    if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name.strip()):
        raise InvalidInput(f"--set {override!r}: not of the form section.name=value", cure="--set structure.seed=7")
    try:
        parsed: Json = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    *sections, last = name.strip().split(".")
    given: dict[str, Json] = {last: parsed}
    for section in reversed(sections):
        given = {section: given}
    return given


def _explained(error: ValidationError, path: Path, text: str) -> str:
    lines = []
    for problem in error.errors():
        names = [str(part) for part in problem["loc"]]
        line = _line_of(text, names)
        place = f"{path}:{line}" if line else str(path)
        what = "no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"{place}: {'.'.join(names)}: {what} (given: {problem['input']!r})")
    return "; ".join(lines)


def _line_of(text: str, names: Sequence[str]) -> int | None:
    """Return the line where a setting stands, or the deepest section of its path; 1-based."""
    section: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            section = [part.strip().strip('"') for part in header.group(1).split(".")]
            full = section
        elif entry := re.match(r"\s*([A-Za-z0-9_-]+)\s*=", line):
            full = [*section, entry.group(1)]
        else:
            continue
        if list(names[: len(full)]) == full and (best is None or len(full) > best[0]):
            best = (len(full), number)
    return best[1] if best else None
