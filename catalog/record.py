"""The record of one task: one immutable JSON document, the only truth the catalog is made from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from catalog.errors import CatalogError

__all__ = ["RECORD_VERSION", "Artifact", "Attempt", "Json", "Record", "Row", "RunRecord"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Row = Mapping[str, Json]

RECORD_VERSION = 1


@dataclass(frozen=True)
class Artifact:
    """A file a task made, stored under the hash of its content.

    Attributes
    ----------
    role : str
        What the file is to its task, for example ``structure`` or ``trajectory``.
    sha256 : str
        Hash of the content, hexadecimal.
    size_bytes : int
        Size of the content.
    media_type : str
        For example ``chemical/x-pdb``.
    path : str
        Place of the file below the root of the store.
    """

    role: str
    sha256: str
    size_bytes: int
    media_type: str
    path: str


@dataclass(frozen=True)
class Attempt:
    """One try at a task.

    Attributes
    ----------
    run_id : str
        The run that tried.
    attempt : int
        Counts from 1 within the run.
    status : str
        ``ok``, ``failed``, ``preempted`` or ``cancelled``.
    failure, message, cure : str or None
        Class of the failure, what happened, and what mends it.
    node : str
        Host name.
    accelerator : str or None
        Name of the GPU, None on a CPU.
    started_at : str
        UTC, ISO 8601.
    wall_s, cpu_s, gpu_s : float
        Seconds elapsed, of processor time, and of GPU reservation.
    peak_rss_gib : float
        Largest resident memory of the worker process so far.
    """

    run_id: str
    attempt: int
    status: str
    failure: str | None
    message: str | None
    cure: str | None
    node: str
    accelerator: str | None
    started_at: str
    wall_s: float
    cpu_s: float
    gpu_s: float
    peak_rss_gib: float


@dataclass(frozen=True)
class Record:
    """What a task was asked and what came of it.

    Attributes
    ----------
    key : str
        Content key of the task: hash of stage, version, inputs, upstream keys and settings.
    stage : str
        Name of the stage.
    stage_version : int
        Version of the stage's function.
    subject : str
        Readable name of what the task is about, for example ``PAX5`` or a segment pair.
    status : str
        ``ok``, or ``failed`` where a repetition would fail in the same way.
    inputs : dict
        Values that determine the result beside upstream tasks and settings.
    upstream : dict of str to str
        Role to key of the tasks whose results were read.
    settings : dict
        The settings that determine the result.
    outputs : dict
        What later stages read.
    tables : dict of str to list of row
        Rows for the tables of the catalog, by table and column name.
    artifacts : tuple of Artifact
        Files made. An artifact with role ``table:NAME`` is a Parquet file with further rows of table NAME.
    provenance : dict
        Versions, host and the like: recorded, never part of the key.
    attempts : tuple of Attempt
        The try that made this record.
    finished_at : str
        UTC, ISO 8601.
    """

    key: str
    stage: str
    stage_version: int
    subject: str
    status: str
    inputs: Mapping[str, Json]
    upstream: Mapping[str, str]
    settings: Mapping[str, Json]
    outputs: Mapping[str, Json] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    provenance: Mapping[str, Json] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    finished_at: str = ""

    @property
    def ok(self) -> bool:
        """Whether the task has a result."""
        return self.status == "ok"

    def artifact(self, role: str) -> Artifact:
        """Return the artifact with a role.

        Raises
        ------
        CatalogError
            The record has none.
        """
        for artifact in self.artifacts:
            if artifact.role == role:
                return artifact
        have = ", ".join(artifact.role for artifact in self.artifacts) or "none"
        raise CatalogError(
            f"record {self.key[:12]} ({self.stage} {self.subject}) has no artifact '{role}', only: {have}"
        )

    def to_bytes(self) -> bytes:
        """Return the document: UTF-8 JSON with sorted keys; not-a-number is refused."""
        body = {"record_version": RECORD_VERSION, **asdict(self)}
        return (json.dumps(body, sort_keys=True, allow_nan=False, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "Record":
        """Read a document.

        Parameters
        ----------
        data : bytes
            As written by `to_bytes`.
        where : str
            Name of the file, for messages.

        Raises
        ------
        CatalogError
            The document is torn, of another version, or lacks a field.
        """
        body = _parse(data, where)
        try:
            body["artifacts"] = tuple(Artifact(**artifact) for artifact in body["artifacts"])
            body["attempts"] = tuple(Attempt(**attempt) for attempt in body["attempts"])
            return cls(**body)
        except (KeyError, TypeError) as error:
            raise CatalogError(
                f"{where}: not a task record: {error}", cure="delete the file; its task runs again"
            ) from error


@dataclass(frozen=True)
class RunRecord:
    """One call of `screening run`: recorded when it starts and again when it ends.

    Attributes
    ----------
    run_id : str
        Time of start and a random part.
    submission_id : str or None
        Ray job it ran in.
    started_at, finished_at : str or None
        UTC, ISO 8601.
    status : str
        ``running``, ``finished``, ``finished_with_failures`` or ``interrupted``.
    config : dict
        The whole settings after overrides.
    config_sha256 : str
        Hash of the canonical settings.
    git_commit : str or None
        Commit of the platform's checkout; None outside one.
    git_dirty : bool or None
        Whether the checkout had changes.
    software : dict of str to str
        Package versions.
    """

    run_id: str
    submission_id: str | None
    started_at: str
    finished_at: str | None
    status: str
    config: Mapping[str, Json]
    config_sha256: str
    git_commit: str | None
    git_dirty: bool | None
    software: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return the document: UTF-8 JSON with sorted keys."""
        return (
            json.dumps({"record_version": RECORD_VERSION, **asdict(self)}, sort_keys=True, indent=1) + "\n"
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "RunRecord":
        """Read a document; raises CatalogError where it is torn or of another version."""
        body = _parse(data, where)
        try:
            return cls(**body)
        except TypeError as error:
            raise CatalogError(f"{where}: not a run record: {error}") from error


def _parse(data: bytes, where: str) -> dict:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise CatalogError(f"{where}: not JSON: {error}", cure="delete the file; its task runs again") from error
    if not isinstance(body, dict) or body.pop("record_version", None) != RECORD_VERSION:
        raise CatalogError(
            f"{where}: not a record of version {RECORD_VERSION}",
            cure="read it with the release that wrote it",
        )
    return body
