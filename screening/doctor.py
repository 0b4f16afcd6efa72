"""What this machine can do, and what mends what it cannot."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

from screening.errors import InvalidInput
from screening.resources import WEIGHTS, cache_folder, cure_for, fetched, resources

__all__ = ["Finding", "examine", "print_findings"]

NEEDED_GIB = 5.0
PACKAGES = ("duckdb", "lingam", "mdtraj", "metapredict", "networkx", "openmm", "pdbfixer", "ray", "torch")


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes
    ----------
    what : str
        What was looked at.
    state : str
        ``ok``, ``note`` (works, with less) or ``fails``.
    detail : str
        What was found.
    cure : str
        What mends it.
    """

    what: str
    state: str
    detail: str
    cure: str = ""


def examine() -> Sequence[Finding]:
    """Look at the interpreter, the packages, the hardware and the simulation platforms."""
    machine: Sequence[Callable[[], Finding]] = (_python, _packages, _cores, _disk, _torch_gpu, _openmm, _jax)
    return [check() for check in (*machine, _weights, _resources)]


def print_findings() -> int:
    """Print the findings; returns 1 where one fails, else 0."""
    findings = examine()
    for finding in findings:
        print(f"{finding.state:5s}  {finding.what:12s}  {finding.detail}")
        if finding.cure:
            print(f"       next: {finding.cure}")
    return int(any(finding.state == "fails" for finding in findings))


def _python() -> Finding:
    version = platform.python_version()
    if not version.startswith("3.11."):
        return Finding("python", "fails", f"{version}, 3.11 is needed", "make install PYTHON=python3.11")
    return Finding("python", "ok", version)


def _packages() -> Finding:
    versions, absent = [], []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            absent.append(package)
    if absent:
        return Finding("packages", "fails", f"absent: {', '.join(absent)}", "make install")
    return Finding("packages", "ok", ", ".join(versions))


def _cores() -> Finding:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Finding("cores", "ok", f"{len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB of memory")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    if free < NEEDED_GIB:
        return Finding("disk", "note", f"{free:.1f} GiB free here", "set output in screen.toml to a larger disk")
    return Finding("disk", "ok", f"{free:.0f} GiB free here")


def _torch_gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("gpu", "ok", f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}")
    return Finding(
        "gpu", "note", "none: training and simulation run on the processor", "point RAY_ADDRESS at a cluster"
    )


def _openmm() -> Finding:
    from md.platforms import platform_names

    return Finding("openmm", "ok", f"{metadata.version('openmm')}, platforms: {', '.join(platform_names())}")


def _jax() -> Finding:
    """Say where AlphaFold-Multimer would run; a GPU that only PyTorch sees is a failure."""
    from screening.folding.colabfold import ColabFoldSettings
    from screening.folding.colabfold.cost import cpu_seconds
    from screening.folding.colabfold.runtime import device, prepare

    try:
        version = metadata.version("alphafold-colabfold")
        prepare()
        found = device(0)
    except (ImportError, metadata.PackageNotFoundError):
        return Finding("alphafold", "note", "not installed: no backend 'colabfold'", "pip install '.[fold]'")
    name = f"alphafold-colabfold {version}, jax {metadata.version('jax')}"
    if found.platform == "gpu":
        return Finding("alphafold", "ok", f"{name}, on {found.kind}")
    if _torch_gpu().state == "ok":
        return Finding("alphafold", "fails", f"{name} sees no GPU, PyTorch does", "pip install 'jax[cuda12]'")
    hours = float(f"{cpu_seconds(400, ColabFoldSettings()) / 3600:.1g}")
    return Finding(
        "alphafold",
        "note",
        f"{name}, on the processor: a pair of 400 residues may take {hours:g} core hours",
        "fold on a machine with a GPU",
    )


def _weights() -> Finding:
    """Say which parameters lie in the folder that is looked at by default."""
    from screening.folding.colabfold.weights import MODELS, default_folder, find_weights, is_random

    folder = default_folder()
    found = {}
    for model in MODELS:
        with suppress(InvalidInput):
            found |= find_weights(folder, (model,))
    if not found:
        return Finding("weights", "note", f"AlphaFold-Multimer: none in {folder}", cure_for(WEIGHTS))
    try:
        random = [model for model, path in found.items() if is_random(path)]
    except InvalidInput as error:
        return Finding("weights", "fails", str(error), " ".join(error.__notes__))
    models = ", ".join(map(str, found))
    if random:
        return Finding("weights", "note", f"AlphaFold-Multimer models {models} in {folder} are random: no hits")
    return Finding("weights", "ok", f"AlphaFold-Multimer models {models} in {folder}")


def _resources() -> Finding:
    """Say which public resources lie in the cache; those that commands are given from elsewhere are not looked for."""
    there = [name for name in resources() if name != WEIGHTS and fetched(name)]
    absent = [name for name in resources() if name != WEIGHTS and name not in there]
    detail = f"in {cache_folder()}: {', '.join(there) or 'none'}; not there: {', '.join(absent) or 'none'}"
    if not absent:
        return Finding("resources", "ok", detail)
    return Finding("resources", "note", detail, "screening fetch NAME for those you need; screening fetch --list")
