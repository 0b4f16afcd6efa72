"""One task in several processes: a stage function under Ray Train, where torch makes them one process group."""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.store import Store, write_atomically
from screening.errors import FailedElsewhere, Failure, FailureKind, failure_of
from screening.execution import Report, execute
from screening.stages import stage_named
from screening.steps.training import CHECKPOINT
from screening.task import OutputFile, Progress, Resources, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.sections.chromatin import TrainingSettings

__all__ = ["execute_together", "launch"]

RESULT, PROGRESS = "replicas.json", "replicas-progress.json"
POLL_S = 1.0


def execute_together(
    task: Task,
    store_root: Path,
    run_id: str,
    attempt: int,
    resources: Resources,
    progress: Progress | None = None,
    /,
) -> Report:
    """Run a task as `screening.execution.execute` does, in several processes where its settings say so."""
    return execute(task, store_root, run_id, attempt, resources, progress, launch)


def launch(workspace: Workspace, count: int) -> Result:
    """Run a task's stage function in several processes of one torch process group.

    Every process runs the same function on the same task in the same folder, which therefore must lie on a disk that
    all machines see; `get_core.training` shares the batches out. The first process writes the files, and its result
    is the task's. The task itself keeps one core of its own and no GPU: the processes ask Ray for theirs.

    Parameters
    ----------
    workspace : Workspace
        Of the task; its settings say what each process is granted.
    count : int
        Number of processes.

    Returns
    -------
    Result

    Raises
    ------
    FailedElsewhere
        The stage function failed, as it was classified there.
    RuntimeError
        Ray could not start the processes, or lost them.
    """
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    settings = cast("TrainingSettings", workspace.task.settings)
    for name in (RESULT, PROGRESS):
        (workspace.folder / name).unlink(missing_ok=True)
    trainer = TorchTrainer(
        _replica,
        train_loop_config={
            "task": workspace.task,
            "store": str(workspace.store.root),
            "folder": str(workspace.folder),
            "cpus": settings.worker_cpus,
            "gpus": settings.worker_gpus,
        },
        scaling_config=ScalingConfig(
            num_workers=count,
            use_gpu=settings.worker_gpus > 0,
            resources_per_worker={"CPU": settings.worker_cpus, "GPU": settings.worker_gpus},
        ),
        run_config=RunConfig(name=workspace.task.key[:16], storage_path=str(workspace.folder / "ray-train")),
    )
    over = threading.Event()
    threading.Thread(target=_follow, args=(workspace, over), daemon=True).start()
    try:
        trainer.fit()
    except Exception as error:
        # Where the function failed, its own words say more than Ray's account of the group's end.
        _raise_told_failure(workspace.folder)
        raise RuntimeError(f"the {count} processes of the training ended: {error}") from error
    finally:
        over.set()
    _raise_told_failure(workspace.folder)
    told = json.loads((workspace.folder / RESULT).read_text())
    files = [OutputFile(role, workspace.folder / name, media_type) for role, name, media_type in told["files"]]
    return Result(told["outputs"], told["tables"], files, told["accelerator"])


def _replica(config: Mapping[str, object]) -> None:
    """Run the stage function in one of the processes; the first tells what came out."""
    from torch import distributed

    task, folder = cast(Task, config["task"]), Path(str(config["folder"]))
    first = not distributed.is_initialized() or distributed.get_rank() == 0
    # Files of the others are never kept: each process but the first writes into a folder of its own.
    own = folder if first else folder / f"replica-{distributed.get_rank()}"
    own.mkdir(parents=True, exist_ok=True)
    if not first:
        with suppress(FileNotFoundError, FileExistsError):
            os.link(folder / CHECKPOINT, own / CHECKPOINT)

    def tell(done: int, total: int) -> None:
        if first:
            write_atomically(folder / PROGRESS, json.dumps([done, total]).encode())

    store, cpus, gpus = Store(Path(str(config["store"]))), int(str(config["cpus"])), float(str(config["gpus"]))
    workspace = Workspace(task, store, own, cpus, gpus, tell)
    try:
        result = stage_named(task.stage).run(workspace, task.settings)
    except Exception as error:
        write_atomically(folder / RESULT, json.dumps({"failure": asdict(failure_of(error))}).encode())
        raise
    if first:
        told = {
            "outputs": dict(result.outputs),
            "tables": {name: [dict(row) for row in rows] for name, rows in result.tables.items()},
            "files": [(file.role, str(file.path.relative_to(folder)), file.media_type) for file in result.files],
            "accelerator": result.accelerator,
        }
        write_atomically(folder / RESULT, json.dumps(told).encode())


def _raise_told_failure(folder: Path) -> None:
    with suppress(FileNotFoundError):
        failure = json.loads((folder / RESULT).read_text()).get("failure")
        if failure is not None:
            raise FailedElsewhere(Failure(FailureKind(failure["kind"]), failure["message"], failure["cure"]))


def _follow(workspace: Workspace, over: threading.Event) -> None:
    """Pass the first process's progress on."""
    while not over.wait(POLL_S):
        with suppress(FileNotFoundError, ValueError):
            done, total = json.loads((workspace.folder / PROGRESS).read_text())
            workspace.progress(done, total)
