"""A run from the command line: in this process, on a Ray of its own, or on the cluster that ``RAY_ADDRESS`` names."""

import atexit
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from screening.cluster.driver import run
from screening.cluster.executor import Executor, InlineExecutor
from screening.cluster.reporter import Summary
from screening.errors import InvalidInput
from screening.screen import Screen
from screening.task import Task

__all__ = ["connect", "new_run_id", "run_inline", "run_on_ray", "submission_id"]

OBJECT_STORE_BYTES = 200_000_000
"""Tasks exchange keys and reports only; what is large goes through the store."""


def run_on_ray(
    screen: Screen, tasks: Iterable[Task], *, resume_command: str, until: str | None = None, cpus: int | None = None
) -> Summary:
    """Run tasks and all that follow from them on Ray.

    Parameters
    ----------
    screen : Screen
        The screen.
    tasks : iterable of Task
        Where to begin.
    resume_command : str
        What goes on where this run stops.
    until : str, optional
        The last stage to run; all by default.
    cpus : int, optional
        Cores of a local Ray.

    Returns
    -------
    Summary
        How it ended.
    """
    with connect(cpus=cpus):
        from screening.cluster.pool import RayExecutor

        run_id = new_run_id()
        return _run(screen, tasks, RayExecutor(screen.store.root, run_id), run_id, resume_command, until)


def run_inline(screen: Screen, tasks: Iterable[Task], *, resume_command: str, until: str | None = None) -> Summary:
    """Run tasks and all that follow from them in this process, one after the other; see `run_on_ray`."""
    run_id = new_run_id()
    return _run(screen, tasks, InlineExecutor(screen.store.root, run_id), run_id, resume_command, until)


def _run(
    screen: Screen, tasks: Iterable[Task], executor: Executor, run_id: str, resume_command: str, until: str | None
) -> Summary:
    from screening.progress import ScreenReporter

    reporter = ScreenReporter()
    if submission_id() is not None and not screen.settings.output.is_absolute():
        reporter.note(f"results lie in Ray's copy of the working directory, {screen.output}; to keep them set output")
    try:
        return run(
            screen,
            tasks,
            executor,
            run_id=run_id,
            resume_command=resume_command,
            reporter=reporter,
            until=until,
            submission_id=submission_id(),
        )
    finally:
        executor.close()


def new_run_id() -> str:
    """Return a name for a run: the time, UTC, and a random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def submission_id() -> str | None:
    """Return the name of the Ray job this process is the entry point of; None where it is none."""
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    return config.get("metadata", {}).get("job_submission_id")


@contextmanager
def connect(*, cpus: int | None = None, gpus: int | None = None) -> Iterator[None]:
    """Connect this process to Ray.

    Where ``RAY_ADDRESS`` is set, as in ``ray job submit``, to that cluster. Otherwise to a Ray of its own on this
    machine, reachable with a token that only this user can read, and ended afterwards.

    Parameters
    ----------
    cpus : int, optional
        Cores of a Ray of its own; all by default.
    gpus : int, optional
        GPUs of a Ray of its own; those found by default. May be more than there are, for tests.

    Raises
    ------
    InvalidInput
        Nothing answers at ``RAY_ADDRESS``, or it is an address of another kind.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        _private_token()
    import ray

    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        if "://" in address:
            raise InvalidInput(
                f"RAY_ADDRESS={address}: a running screen must be inside the cluster",
                cure=f"ray job submit --address {address} --working-dir . -- python -m screening run screen.toml",
            )
        try:
            ray.init(address=address, **quiet)
        except ConnectionError as error:
            raise InvalidInput(
                f"RAY_ADDRESS={address}: no Ray cluster answers: {error}",
                cure="start it, correct RAY_ADDRESS, or unset it to run on this machine",
            ) from None
    else:
        ray.init(
            address="local",
            num_cpus=cpus,
            num_gpus=gpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            runtime_env={"env_vars": {"PYTHONPATH": _search_path()}},
            **quiet,
        )
    try:
        yield
    finally:
        ray.shutdown()


def _search_path() -> str:
    """Return where workers find these packages: beside this one, also where it runs from a checkout."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


@cache
def _private_token() -> None:
    """Let a Ray of its own ask for a token that nobody else can read, unless the user has made other arrangements.

    Ray turns its tokens on by itself, and keeps the first one it has read as long as the process lives.
    """
    if any(name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        return
    handle, path = tempfile.mkstemp(prefix="ray-token-")  # readable by this user alone
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    atexit.register(Path(path).unlink, missing_ok=True)
    os.environ["RAY_AUTH_TOKEN_PATH"] = path
