"""Stages, their tasks, and what a stage function is given and gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from catalog.record import Json, Record, Row
from catalog.store import Store
from screening.sections.base import Section

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["OutputFile", "Progress", "Resources", "Result", "Stage", "Task", "Workspace"]

S = TypeVar("S")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Resources:
    """What one task of a stage needs.

    Attributes
    ----------
    cpus : int
        Processor cores; the stage function uses no more threads.
    gpus : float
        GPUs; a stage with any runs in supervised actors that keep their weights and compiled shapes.
    memory_gib : float
        Expected peak of resident memory.
    deadline_s : float
        Seconds after which the worker is ended and the attempt counts as ``timeout``.
    """

    cpus: int = 1
    gpus: float = 0.0
    memory_gib: float = 1.0
    deadline_s: float = 3600.0


@dataclass(frozen=True)
class Task:
    """One application of a stage.

    Attributes
    ----------
    key : str
        Content key (`screening.keys.content_key`).
    stage : str
        Name of the stage.
    subject : str
        Readable name; no part of the key.
    inputs : mapping
        Values and file hashes that determine the result.
    upstream : mapping of str to str
        Role to key of the tasks that are read.
    settings : Section
        The stage's own section of the settings; its `determining` says what of it enters the key.
    sources : mapping of str to str
        Name to path of the files whose hashes stand in `inputs`; no part of the key.
    """

    key: str
    stage: str
    subject: str
    inputs: Mapping[str, Json]
    upstream: Mapping[str, str]
    settings: Section
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputFile:
    """A file made by a stage function, to be kept as an artifact.

    Attributes
    ----------
    role : str
        What the file is, for example ``structure``.
    path : Path
        Where it lies, below the workspace's folder.
    media_type : str
        For example ``chemical/x-pdb``.
    """

    role: str
    path: Path
    media_type: str


@dataclass(frozen=True)
class Result:
    """What a stage function gives back.

    Attributes
    ----------
    outputs : mapping
        What later stages read: plain JSON values.
    tables : mapping of str to sequence of row
        Rows for the catalog, by table and column name.
    files : sequence of OutputFile
        Files to keep.
    accelerator : str or None
        GPU that did the work.
    """

    outputs: Mapping[str, Json] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    files: Sequence[OutputFile] = ()
    accelerator: str | None = None


@dataclass(frozen=True)
class Workspace:
    """What a stage function may touch: its task, what it reads, and a folder of its own.

    Attributes
    ----------
    task : Task
        The task.
    store : Store
        Where the results of other tasks are read.
    folder : Path
        Empty at the start; for a resumable stage it holds what an interrupted attempt left.
    cpus : int
        Cores to use.
    gpus : float
        GPUs granted.
    progress : callable
        Takes steps done and steps in all.
    """

    task: Task
    store: Store
    folder: Path
    cpus: int
    gpus: float
    progress: Progress

    def upstream(self, role: str) -> Record:
        """Return the record of the task read in a role."""
        record = self.store.get(self.task.upstream[role])
        if record is None or not record.ok:
            raise OSError(f"{self.task.stage} {self.task.subject}: the result of '{role}' is gone")
        return record

    def file(self, role: str, artifact: str) -> Path:
        """Return an artifact of the task read in a role."""
        return self.store.path(self.upstream(role).artifact(artifact))

    def source(self, name: str) -> Path:
        """Return an input file of the screen."""
        return Path(self.task.sources[name])

    def text_input(self, name: str) -> str:
        """Return an input that is text."""
        value = self.task.inputs[name]
        if not isinstance(value, str):
            raise TypeError(f"{self.task.stage}: input '{name}' is {type(value).__name__}, not text")
        return value


def _one(settings: object) -> int:
    return 1


@dataclass(frozen=True)
class Stage(Generic[S]):
    """A kind of task: the table of contents of the platform is a tuple of these (`screening.stages`).

    Attributes
    ----------
    name : str
        Also the name of its section in ``screen.toml``.
    version : int
        Raised whenever the function gives other numbers for the same input.
    reads : tuple of str
        Stages whose results it reads.
    resources : callable
        Takes the stage's settings, gives what one task needs.
    run : callable
        The stage function.
    follow : mapping of str to callable
        By the first of their stages: takes a finished record and the screen, gives the tasks its result makes possible.
        It is not called where that stage is not wanted, and need not have the inputs then.
    gathers : callable or None
        For a stage that needs all results of earlier stages at once: takes the finished records of `reads` and the
        screen, gives its tasks.
    resumable : bool
        Whether an interrupted attempt's folder is handed to the next attempt.
    replicas : callable
        Takes the stage's settings, gives the number of processes that do one task together.
    """

    name: str
    version: int
    reads: tuple[str, ...]
    resources: Callable[[S], Resources]
    run: Callable[[Workspace, S], Result]
    follow: "Mapping[str, Callable[[Record, Screen], Sequence[Task]]]" = field(default_factory=dict)
    gathers: "Callable[[Sequence[Record], Screen], Sequence[Task]] | None" = None
    resumable: bool = False
    replicas: Callable[[S], int] = _one
