"""A screen: its settings, the folder it was written in, and the tasks that they make."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from catalog.record import Json
from catalog.store import Store, sha256_of_file
from screening.errors import InvalidInput
from screening.keys import content_key
from screening.resources import hint_for
from screening.sections.base import Section
from screening.settings import ScreenSettings
from screening.stages import stage_named
from screening.steps.taken_over import is_taken_over
from screening.task import Resources, Task

__all__ = ["Screen"]


@dataclass(frozen=True)
class Screen:
    """Settings with the place they belong to.

    Parameters
    ----------
    settings : ScreenSettings
        Validated settings, after overrides.
    folder : Path
        Folder of ``screen.toml``: relative paths start here.
    config : mapping
        The settings as the catalog keeps them, paths included.
    """

    settings: ScreenSettings
    folder: Path
    config: Mapping[str, Json]

    @property
    def output(self) -> Path:
        """Folder of the store, the catalog and the report."""
        return (self.folder / self.settings.output).resolve()

    @property
    def store(self) -> Store:
        """Records and artifacts; several screens may share one."""
        return Store(self.output / "store")

    @property
    def catalog_path(self) -> Path:
        """The DuckDB file."""
        return self.output / "catalog.duckdb"

    @property
    def report_path(self) -> Path:
        """The HTML report."""
        return self.output / "report.html"

    def source(self, name: str, path: Path | None, *, setting: str, folder: bool = False) -> Path:
        """Return the absolute path of an input file, or, where `folder` allows it, of a folder.

        Raises
        ------
        InvalidInput
            The setting is absent or names no such thing.
        """
        if path is None:
            section, _, key = setting.rpartition(".")
            raise InvalidInput(
                f"setting '{setting}' is not given: {name} is needed",
                cure=f'add below [{section}] in screen.toml: {key} = "FILE"{hint_for(setting)}',
            )
        place = (self.folder / path).resolve()
        if not (place.is_file() or (folder and place.is_dir())):
            raise InvalidInput(
                f'{setting} = "{path}": no such file {place}',
                cure=f"correct {setting} in screen.toml{hint_for(setting)}",
            )
        return place

    def input_folder(self, path: Path | None, *, setting: str) -> Path:
        """Return the absolute path of a folder of input files.

        Raises
        ------
        InvalidInput
            The setting is absent or names no folder.
        """
        if path is None:
            said = f"setting '{setting}' is not given: a folder is needed"
        elif (folder := (self.folder / path).resolve()).is_dir():
            return folder
        else:
            said = f'{setting} = "{path}": no such folder {folder}'
        raise InvalidInput(said, cure=f"set {setting} in screen.toml{hint_for(setting)}")

    def resources(self, stage: str) -> Resources:
        """Return what one task of a stage needs, after the overrides of ``[resources.STAGE]``."""
        declared = stage_named(stage).resources(getattr(self.settings, stage))
        override = self.settings.resources.get(stage)
        if override is None:
            return declared
        return Resources(
            declared.cpus if override.cpus is None else override.cpus,
            declared.gpus if override.gpus is None else override.gpus,
            declared.memory_gib if override.memory_gib is None else override.memory_gib,
            declared.deadline_s if override.deadline_s is None else override.deadline_s,
        )

    def resources_of(self, task: Task) -> Resources:
        """Return what a task needs: what its stage's do, but no GPU where it reads its result from a file."""
        needs = self.resources(task.stage)
        return replace(needs, gpus=0.0) if is_taken_over(task) else needs

    def task(
        self,
        stage: str,
        subject: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        upstream: Mapping[str, str] | None = None,
        shares: Mapping[str, str] | None = None,
        sources: Mapping[str, Path] | None = None,
        section: Section | None = None,
    ) -> Task:
        """Make a task of a stage.

        Parameters
        ----------
        stage : str
            Name of the stage.
        subject : str
            Readable name of what the task is about.
        inputs : mapping, optional
            Values that determine the result.
        upstream : mapping of str to str, optional
            Role to key of the tasks read.
        shares : mapping of str to str, optional
            Role to key of tasks that did this one's work among them. They are read, too, but do not enter its key: the
            result is the same however the work was shared out.
        sources : mapping of str to Path, optional
            Input files; their hashes join `inputs` as ``NAME_sha256``.
        section : Section, optional
            Settings in place of the stage's own, for a task to which those mean nothing.

        Returns
        -------
        Task
            With its content key.
        """
        paths = {name: str(path) for name, path in (sources or {}).items()}
        hashes = {f"{name}_sha256": hash_of_source(path) for name, path in paths.items()}
        values = {**(inputs or {}), **hashes}
        settings: Section = section or getattr(self.settings, stage)
        key = content_key(stage, stage_named(stage).version, values, upstream or {}, settings.determining())
        return Task(key, stage, subject, values, {**(upstream or {}), **(shares or {})}, settings, paths)


def hash_of_source(path: str) -> str:
    """Hash an input file, or a folder with the names of its files, once as long as nothing in it changes."""
    place = Path(path)
    found = sorted(each for each in place.rglob("*") if each.is_file()) if place.is_dir() else [place]
    states = ((each, each.stat()) for each in found)
    return _hash_of(place, tuple((each, state.st_mtime_ns, state.st_size) for each, state in states))


@cache
def _hash_of(place: Path, states: tuple[tuple[Path, int, int], ...]) -> str:
    if not place.is_dir():
        return sha256_of_file(place)
    lines = (f"{sha256_of_file(each)}  {each.relative_to(place).as_posix()}\n" for each, _, _ in states)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
