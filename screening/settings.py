"""One screen of settings, read from TOML: a section for each stage, all frozen, nothing unknown accepted.

A field that holds a path, or that says where a task runs, is excluded from the content key of its stage: the content of
the file enters by its hash, and the machine must not change the numbers.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeGuard

from pydantic import BaseModel, Field, ValidationError

from catalog.record import Json
from screening.errors import InvalidInput
from screening.sections.base import Section, merged
from screening.sections.chromatin import (
    AtlasSettings,
    AttributionSettings,
    EvaluationSettings,
    FinetuneSettings,
    PretrainSettings,
)
from screening.sections.complexes import MsaSettings, ScoreSettings, StructureSettings
from screening.sections.dynamics import MdAnalysisSettings, MdStageSettings, SelectSettings
from screening.sections.network import CausalSettings, ResampleSettings, TfPairSettings
from screening.sections.proteins import PlddtSettings, SegmentPairSettings, SegmentSettings
from screening.sections.readouts import ReadoutSettings
from screening.text_file import read_text

__all__ = ["ResourceOverride", "ScreenSettings", "load_settings"]


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
    evaluation: EvaluationSettings = EvaluationSettings()
    attribution: AttributionSettings = AttributionSettings()
    readout: ReadoutSettings = ReadoutSettings()
    resample: ResampleSettings = ResampleSettings()
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
        No such file, no TOML, an unknown setting or a value out of range; with file and line, or with the override.
    """
    if path.is_dir():
        raise InvalidInput(f"{path}: a folder, not the settings of a screen", cure=f"name {path / 'screen.toml'}")
    if not path.exists():
        raise InvalidInput(f"{path}: no such file", cure="correct the path, or write a screen: screening init demo")
    text = read_text(path)
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
        message = "\n".join(_explained(error, path, text, overrides))
        raise InvalidInput(message, cure="correct that; docs/settings.md has every setting with its default") from None
    stages = [name for name, field in ScreenSettings.model_fields.items() if _is_section(field.annotation)]
    for name in sorted(set(settings.resources) - set(stages)):
        where = _place(path, text, overrides, ["resources", name])
        hint = _nearest(name, stages) or f"one of {', '.join(stages)}"
        raise InvalidInput(f"{where}: [resources.{name}] names no stage", cure=f"write {hint}")
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


def _explained(error: ValidationError, path: Path, text: str, overrides: Sequence[str]) -> Iterator[str]:
    """Say each problem in a line of its own."""
    for problem in error.errors():
        names = [str(part) for part in problem["loc"]]
        what = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            nearest = _nearest(names[-1], _fields_at(names[:-1]))
            what = "no such setting" + (f"; did you mean {nearest}?" if nearest else "")
        elif problem["type"] in ("model_type", "model_attributes_type", "dict_type"):
            what = f"a section, not a value: write its settings below [{'.'.join(names)}]"
        # What is wrong with a section as a whole is said by its own message.
        given = "" if isinstance(problem["input"], dict) else f" (given: {problem['input']!r})"
        yield f"{_place(path, text, overrides, names)}: {'.'.join(names)}: {what}{given}"


def _place(path: Path, text: str, overrides: Sequence[str], names: Sequence[str]) -> str:
    """Return where a setting was given: the override, else the file with its line."""
    for override in reversed(overrides):
        given = override.partition("=")[0].strip().split(".")
        if given == list(names[: len(given)]):
            return f"--set {override}"
    line = _line_of(text, names)
    return f"{path}:{line}" if line else str(path)


def _is_section(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields_at(names: Sequence[str]) -> Sequence[str]:
    """Return the settings of the section at a path, none where there is no section."""
    section: object = ScreenSettings
    for name in names:
        section = (
            section.model_fields[name].annotation if _is_section(section) and name in section.model_fields else None
        )
    return tuple(section.model_fields) if _is_section(section) else ()


def _nearest(name: str, names: Sequence[str]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1)), None)


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
