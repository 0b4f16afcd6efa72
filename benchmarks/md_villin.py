"""The villin headpiece that OpenMM brings, solvated: what the benchmarks of `md` run on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.settings import MdSettings
from md.system import prepare

if TYPE_CHECKING:
    from md.system import PreparedSystem

__all__ = ["cpu", "environment", "solvated", "table", "villin"]


def villin(path: Path, residues: int | None = None) -> Path:
    """Write villin's 36 residues or the first of them, heavy atoms only, as PDB."""
    from openmm import app

    source = app.PDBFile(str(Path(app.__file__).parent / "data" / "test.pdb"))
    modeller = app.Modeller(source.topology, source.positions)
    standard = set(app.PDBFile._standardResidues) - {"HOH"}
    modeller.delete([r for r in modeller.topology.residues() if r.name not in standard or r.name in ("CL", "NA")])
    modeller.delete([a for a in modeller.topology.atoms() if a.element is None or a.element.symbol == "H"])
    modeller.delete(list(modeller.topology.residues())[residues:] if residues else [])
    for chain in modeller.topology.chains():
        chain.id = "A"
    with path.open("w") as file:
        app.PDBFile.writeFile(modeller.topology, modeller.positions, file, keepIds=True)
    return path


def solvated(
    folder: Path, settings: MdSettings, residues: int | None = None
) -> tuple["PreparedSystem", NDArray[np.float64]]:
    """Return villin as `md` prepares it, and positions after a short minimisation."""
    import openmm

    prepared = prepare(villin(folder / "villin.pdb", residues), settings)
    context = openmm.Context(prepared.system, openmm.VerletIntegrator(0.001), *cpu())
    context.setPositions(prepared.positions_nm)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 60)  # pyright: ignore[reportArgumentType]
    return prepared, np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)


def cpu() -> tuple:
    """Return the platform and properties of all CPU runs."""
    import openmm

    return openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"}


def environment() -> str:
    """Say where the figures come from."""
    import os
    import platform
    from datetime import date

    import openmm

    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return (
        f"{date.today()}, {model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OpenMM {openmm.__version__}, "
        f"Python {platform.python_version()}; process CPU seconds, one thread"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
