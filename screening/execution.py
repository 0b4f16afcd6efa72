"""Running one task: stage function → artifacts → record. Knows nothing of Ray."""

import os
import platform
import resource
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from traceback import format_exception

from catalog.record import Artifact, Attempt, Record, Row
from catalog.store import Store
from screening.errors import Failure, InvalidOutput, failure_of
from screening.keys import canonical_json
from screening.stages import stage_named
from screening.task import OutputFile, Resources, Result, Task, Workspace

__all__ = ["Launch", "Report", "execute", "software_versions"]

Launch = Callable[[Workspace, int], Result]
"""Takes a task's workspace and the number of processes, gives what the stage function gives."""

INLINE_ROWS = 500
PARQUET = "application/vnd.apache.parquet"
PROVENANCE_PACKAGES = (
    *("alphafold-colabfold", "colabfold", "dm-haiku", "duckdb", "jax", "mdtraj", "metapredict", "numba"),
    *("numpy", "openmm", "propka", "ray", "scikit-learn", "scipy", "torch"),
)


@dataclass(frozen=True)
class Report:
    """How an attempt ended.

    Attributes
    ----------
    key : str
        Key of the task.
    failure : Failure or None
        None where the task has a result.
    attempt : Attempt
        The bookkeeping of the attempt.
    """

    key: str
    failure: Failure | None
    attempt: Attempt

    @property
    def settled(self) -> bool:
        """Whether the task has its record: a result, or a failure that a repetition would repeat."""
        return self.failure is None or self.failure.kind.permanent


@cache
def software_versions() -> Mapping[str, str]:
    """Return the versions of Python, this platform and the packages its numbers depend on."""
    versions = {"python": platform.python_version()}
    for package in ("structural-interaction-screening", *PROVENANCE_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def execute(
    task: Task,
    store_root: Path,
    run_id: str,
    attempt: int,
    resources: Resources,
    progress: Callable[[int, int], None] | None = None,
    launch: Launch | None = None,
) -> Report:
    """Run a task and publish its record.

    Parameters
    ----------
    task : Task
        The task; the records of its upstream tasks lie in the store.
    store_root : Path
        The store.
    run_id : str
        The run this attempt belongs to.
    attempt : int
        Counts from 1 within the run.
    resources : Resources
        What was granted.
    progress : callable, optional
        Takes steps done and steps in all.
    launch : callable, optional
        Runs a stage function in several processes at once; without it one process does the work alone.

    Returns
    -------
    Report
        A failure is a value. A permanent one is published as the task's record; any other is kept beside the records
        and leaves the task open.
    """
    store = Store(store_root)
    # The folder of a resumable task outlives an attempt, so two at once would write into each other's files.
    with store.claimed(task.key) if stage_named(task.stage).resumable else nullcontext():
        return _done_elsewhere(task, store) or _attempted(task, store, run_id, attempt, resources, progress, launch)


def _done_elsewhere(task: Task, store: Store) -> Report | None:
    """Return how a task ended well in another run of the same screen at the same time."""
    done = store.get(task.key)
    return Report(task.key, None, done.attempts[-1]) if done is not None and done.ok else None


def _attempted(
    task: Task,
    store: Store,
    run_id: str,
    attempt: int,
    resources: Resources,
    progress: Callable[[int, int], None] | None,
    launch: Launch | None,
) -> Report:
    """Run a task in its folder and publish its record."""
    stage = stage_named(task.stage)
    folder = store.workdir(task.key)
    if not stage.resumable:
        folder = folder / f"{run_id}-{attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(task, store, folder, resources.cpus, resources.gpus, progress or (lambda done, total: None))
    started_at, wall, cpu = _now(), time.monotonic(), time.process_time()
    result, failure = Result(), None
    try:
        replicas = stage.replicas(task.settings)
        if launch is not None and replicas > 1:
            result = launch(workspace, replicas)
        else:
            result = stage.run(workspace, task.settings)
        _refuse_not_finite(result)
        artifacts, tables = _kept(result, store, folder)
    except Exception as error:  # every failure of a stage function becomes a value
        failure, artifacts, tables = failure_of(error), (), {}
        (folder / "traceback.txt").write_text("".join(format_exception(error)))
    wall = time.monotonic() - wall
    trial = Attempt(
        run_id=run_id,
        attempt=attempt,
        status="failed" if failure else "ok",
        failure=failure.kind.value if failure else None,
        message=failure.message if failure else None,
        cure=failure.cure if failure else None,
        node=platform.node(),
        accelerator=result.accelerator,
        started_at=started_at,
        wall_s=round(wall, 3),
        cpu_s=round(time.process_time() - cpu, 3),
        gpu_s=round(wall * resources.gpus, 3),
        peak_rss_gib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
    )
    report = Report(task.key, failure, trial)
    if report.settled:
        record = Record(
            key=task.key,
            stage=task.stage,
            stage_version=stage.version,
            subject=task.subject,
            status="failed" if failure else "ok",
            inputs=task.inputs,
            upstream=task.upstream,
            settings=task.settings.determining(),
            outputs=result.outputs if not failure else {"failure": {**asdict(failure)}},
            tables=tables,
            artifacts=artifacts,
            provenance={"software": dict(software_versions()), "host": platform.node(), "pid": os.getpid()},
            attempts=(trial,),
            finished_at=_now(),
        )
        if done := _done_elsewhere(task, store):  # a record never changes: the catalog may have it already
            report = done
        else:
            store.publish(record)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another run may be at the same task
            store.workdir(task.key).rmdir()
    else:
        store.add_failed_attempt(task.key, task.stage, task.subject, trial)
    return report


def _refuse_not_finite(result: Result) -> None:
    try:
        canonical_json(
            [dict(result.outputs), {name: [dict(row) for row in rows] for name, rows in result.tables.items()}]
        )
    except ValueError as error:
        raise InvalidOutput(f"the result holds a number that is not finite: {error}") from error


def _kept(result: Result, store: Store, folder: Path) -> tuple[tuple[Artifact, ...], dict[str, list[Row]]]:
    tables: dict[str, list[Row]] = {}
    files = list(result.files)
    for name, rows in result.tables.items():
        if len(rows) <= INLINE_ROWS:
            tables[name] = list(rows)
        else:
            files.append(OutputFile(f"table:{name}", _parquet(rows, folder / f"{name}.parquet"), PARQUET))
    return tuple(store.put(file.path, file.role, file.media_type) for file in files), tables


def _parquet(rows: Sequence[Row], path: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path, compression="zstd")
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
