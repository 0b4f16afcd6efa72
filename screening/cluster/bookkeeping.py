"""What a run writes down beside the results of its tasks: itself, lost attempts, and the end of hopeless tasks."""

import subprocess
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from catalog.record import Attempt, Record, RunRecord
from catalog.store import Store
from screening.cluster.executor import Ended
from screening.errors import Failure, FailureKind
from screening.execution import software_versions
from screening.keys import canonical_json
from screening.screen import Screen
from screening.stages import stage_named
from screening.task import Resources, Task

__all__ = ["checkout", "failed_record", "lost_attempt", "remove_temporaries", "run_record", "utc_now"]

GIT_PATIENCE_S = 5.0


def utc_now() -> str:
    """Return the time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def run_record(screen: Screen, run_id: str, submission_id: str | None) -> RunRecord:
    """Describe a run that starts.

    Parameters
    ----------
    screen : Screen
        The screen.
    run_id : str
        The run.
    submission_id : str or None
        Ray job it runs in.

    Returns
    -------
    RunRecord
        With status ``running``.
    """
    commit, dirty = checkout(Path(__file__).resolve().parents[2])
    return RunRecord(
        run_id=run_id,
        submission_id=submission_id,
        started_at=utc_now(),
        finished_at=None,
        status="running",
        config=screen.config,
        config_sha256=sha256(canonical_json(screen.config).encode()).hexdigest(),
        git_commit=commit,
        git_dirty=dirty,
        software=software_versions(),
    )


def checkout(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit of a git checkout and whether it has changes; None for both where it is none.

    Parameters
    ----------
    folder : Path
        Root of the checkout; a repository further up is not its own.
    """
    if not (folder / ".git").exists():
        return None, None
    answers = []
    for question in (["rev-parse", "HEAD"], ["status", "--porcelain"]):
        try:
            answer = subprocess.run(
                ["git", "-C", str(folder), *question],
                capture_output=True,
                text=True,
                timeout=GIT_PATIENCE_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None, None
        answers.append(answer.stdout.strip())
    return answers[0], bool(answers[1])


def lost_attempt(ended: Ended, loss: Failure, run_id: str, resources: Resources) -> Attempt:
    """Describe an attempt of which the worker said nothing.

    Parameters
    ----------
    ended : Ended
        The attempt.
    loss : Failure
        Why.
    run_id : str
        The run.
    resources : Resources
        What was granted.

    Returns
    -------
    Attempt
        Processor time and memory are 0: nobody is left who measured them.
    """
    began = datetime.fromtimestamp(time.time() - ended.wall_s, UTC)
    return Attempt(
        run_id=run_id,
        attempt=ended.attempt,
        status="preempted" if loss.kind is FailureKind.PREEMPTED else "failed",
        failure=loss.kind.value,
        message=loss.message,
        cure=loss.cure,
        node=ended.node,
        accelerator=None,
        started_at=began.isoformat(timespec="milliseconds"),
        wall_s=round(ended.wall_s, 3),
        cpu_s=0.0,
        gpu_s=round(ended.wall_s * resources.gpus, 3),
        peak_rss_gib=0.0,
    )


def failed_record(task: Task, failure: Failure, attempt: Attempt) -> Record:
    """Describe the end of a task that no worker could describe, such as one that kills every worker."""
    return Record(
        key=task.key,
        stage=task.stage,
        stage_version=stage_named(task.stage).version,
        subject=task.subject,
        status="failed",
        inputs=task.inputs,
        upstream=task.upstream,
        settings=task.settings.determining(),
        outputs={"failure": {**asdict(failure)}},
        provenance={"software": dict(software_versions())},
        attempts=(attempt,),
        finished_at=utc_now(),
    )


def remove_temporaries(store: Store, older_than_s: float = 3600.0) -> int:
    """Remove the half-written files that killed processes left in a store.

    Parameters
    ----------
    store : Store
        The store.
    older_than_s : float
        Younger ones may belong to a process that lives.

    Returns
    -------
    int
        How many there were.
    """
    limit = time.time() - older_than_s
    removed = 0
    for pattern in ("objects/??/.tmp-*", "records/??/.tmp-*", "failures/*/.tmp-*", "runs/.tmp-*"):
        for path in store.root.glob(pattern):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
    return removed
