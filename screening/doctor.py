"""What this machine can do, and what mends what it cannot."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

__all__ = ["Finding", "examine", "print_findings"]

NEEDED_GIB = 5.0
PACKAGES = ("duckdb", "lightmotif", "lingam", "mdtraj", "metapredict", "networkx", "openmm", "pdbfixer", "ray", "torch")


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
    checks: Sequence[Callable[[], Finding]] = (_python, _packages, _cores, _disk, _torch_gpu, _openmm)
    return [check() for check in checks]


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
