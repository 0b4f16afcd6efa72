"""Content-addressed files and task records under one folder, published by atomic rename."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from catalog.errors import CatalogError
from catalog.record import Artifact, Attempt, Record, RunRecord

__all__ = ["Store", "sha256_of_file", "write_atomically"]

CHUNK_BYTES = 1 << 20
SUFFIX = re.compile(r"(\.[a-z0-9]{1,11}){1,2}$")
"""What of a file's name becomes part of a stored name: readers tell formats by it."""


def sha256_of_file(path: Path) -> str:
    """Hash a file's content.

    Parameters
    ----------
    path : Path
        The file; read in pieces of 1 MiB.

    Returns
    -------
    str
        SHA-256, hexadecimal.
    """
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut.

    Parameters
    ----------
    path : Path
        Target; its folder is made.
    data : bytes
        The content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid4().hex}")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class Store:
    """Records and artifacts below a folder.

    The record of a task is written last, so a task either has its record and all its artifacts, or does not exist.

    Parameters
    ----------
    root : Path
        Folder seen by the driver and all workers.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    def path(self, artifact: Artifact) -> Path:
        """Return where an artifact lies."""
        return self.root / artifact.path

    def put(self, source: Path, role: str, media_type: str) -> Artifact:
        """Copy a file into the store under the hash of its content.

        Parameters
        ----------
        source : Path
            The file; stays where it is.
        role : str
            What it is to its task.
        media_type : str
            Its type.

        Returns
        -------
        Artifact
            Where the content lies; the same content is stored once.
        """
        sha256 = sha256_of_file(source)
        suffix = SUFFIX.search(source.name)
        path = f"objects/{sha256[:2]}/{sha256}{suffix.group() if suffix else ''}"
        artifact = Artifact(role, sha256, source.stat().st_size, media_type, path)
        target = self.path(artifact)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".tmp-{uuid4().hex}")
            try:
                shutil.copyfile(source, temporary)
                with temporary.open("rb") as handle:
                    os.fsync(handle.fileno())
                temporary.rename(target)
            finally:
                temporary.unlink(missing_ok=True)
        return artifact

    def publish(self, record: Record) -> None:
        """Write the record of a task: the point from which its result exists."""
        write_atomically(self.record_path(record.key), record.to_bytes())

    def record_path(self, key: str) -> Path:
        """Return where the record of a key lies, whether or not it exists."""
        return self.root / "records" / key[:2] / f"{key}.json"

    def get(self, key: str) -> Record | None:
        """Read the record of a key.

        Returns
        -------
        Record or None
            None where there is none, or where the file is damaged or an artifact of it is gone: a damaged record is set
            aside as ``.corrupt``, so that its task runs again and the evidence stays.
        """
        path = self.record_path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            record = Record.from_bytes(data, str(path))
        except CatalogError:
            path.rename(path.with_suffix(".corrupt"))
            return None
        if any(not self._has(artifact) for artifact in record.artifacts):
            path.rename(path.with_suffix(".corrupt"))
            return None
        return record

    def keys(self) -> set[str]:
        """Return the keys that have a record."""
        return {path.stem for path in self.root.glob("records/??/*.json")}

    def records(self) -> Iterator[Record]:
        """Yield all sound records in the order of their keys."""
        for key in sorted(self.keys()):
            record = self.get(key)
            if record is not None:
                yield record

    def add_failed_attempt(self, key: str, stage: str, subject: str, attempt: Attempt) -> None:
        """Keep a failed try that may succeed when repeated; it does not end the task."""
        record = Record(
            key, stage, 0, subject, "failed", {}, {}, {}, attempts=(attempt,), finished_at=attempt.started_at
        )
        write_atomically(self.root / "failures" / key / f"{attempt.run_id}-{attempt.attempt}.json", record.to_bytes())

    def failed_attempts(self) -> Iterator[Record]:
        """Yield the kept failed tries as records without inputs, settings and outputs."""
        for path in sorted(self.root.glob("failures/*/*.json")):
            yield Record.from_bytes(path.read_bytes(), str(path))

    def put_run(self, run: RunRecord) -> None:
        """Write the record of a run, replacing that of its start."""
        write_atomically(self.root / "runs" / f"{run.run_id}.json", run.to_bytes())

    def runs(self) -> Iterator[RunRecord]:
        """Yield the runs in the order of their start."""
        for path in sorted(self.root.glob("runs/*.json")):
            yield RunRecord.from_bytes(path.read_bytes(), str(path))

    def relate(self, group: str, key: str) -> None:
        """Note that a task is one of a group, such as the lengths of one trajectory.

        Parameters
        ----------
        group : str
            Hash of what the tasks have in common, hexadecimal.
        key : str
            Of the task. Without its record the note says nothing, so it may be made first.
        """
        place = self.root / "groups" / group[:2] / group
        place.mkdir(parents=True, exist_ok=True)
        (place / key).touch()

    def related(self, group: str) -> list[Record]:
        """Return the results of a group's tasks, in the order of their keys."""
        keys = sorted(path.name for path in self.root.glob(f"groups/{group[:2]}/{group}/*"))
        return [record for record in map(self.get, keys) if record is not None and record.ok]

    def workdir(self, key: str) -> Path:
        """Return the folder a task works in until its record is published."""
        return self.root / "work" / key

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Hold a task's folder alone, on this machine and all others that see the store; wait while another has it.

        The operating system gives the claim back when its process ends, however it ends. A file system without locks
        grants it to everybody.
        """
        path = self.workdir(f"{key}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with path.open("ab") as handle:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_EX)
                if not _is_at(handle.fileno(), path):  # whoever had it has removed it
                    continue
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return

    def _has(self, artifact: Artifact) -> bool:
        path = self.path(artifact)
        return path.is_file() and path.stat().st_size == artifact.size_bytes


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)
