"""Nanoseconds a day on a GPU: boxes of 25, 50 and 90 thousand particles, one and several simulations at a time.

    python benchmarks/md_gpu.py [--platform CUDA] [--atoms 25000 50000 90000] [--at-once 1 2 4 8] [--seconds 30]
    python benchmarks/md_gpu.py --platform CPU --tiny                       # a check of the script, no measurement

Villin in a cube of a99SB-disp water, `fast` preset: 4 fs, heavy hydrogens, barostat, mixed precision. Simulations at
once are processes that begin together; with `nvidia-cuda-mps-control -d` running they share the GPU, without they
take turns. The table goes to benchmarks/results/md_gpu_<date>.md, with the machine it came from.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from datetime import date
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from md_villin import table, villin

from md.forcefields import FORCE_FIELDS, disp
from md.settings import HYDROGEN_MASS_AMU, MdSettings

RESULTS = Path(__file__).parent / "results"
PARTICLES_PER_NM3 = 4 * 33.4  # four-site water


def make_box(n_particles: int, folder: Path) -> Path:
    """Write the System and State of villin in so much water; return their folder."""
    import openmm
    from openmm import Vec3, app, unit

    settings, entry = MdSettings.fast(), FORCE_FIELDS["a99sb-disp"]
    force_field = entry.load()
    file = app.PDBFile(str(villin(folder / "villin.pdb")))
    modeller = app.Modeller(file.topology, file.positions)
    modeller.addHydrogens(force_field)
    edge = 10.0 * (n_particles / PARTICLES_PER_NM3) ** (1 / 3)
    box = unit.Quantity(Vec3(edge, edge, edge), unit.angstrom)
    modeller.addSolvent(force_field, model=disp.WATER_MODEL, boxSize=box)
    system = entry.build(force_field, modeller.topology, HYDROGEN_MASS_AMU)
    integrator = openmm.LangevinMiddleIntegrator(settings.temperature_kelvin, 1.0, 0.001)
    simulation = app.Simulation(modeller.topology, system, integrator)
    simulation.context.setPositions(modeller.positions)
    simulation.minimizeEnergy(maxIterations=200)
    simulation.context.setVelocitiesToTemperature(settings.temperature_kelvin, 1)
    simulation.step(100)
    state = simulation.context.getState(positions=True, velocities=True)
    out = folder / str(n_particles)
    out.mkdir()
    (out / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    (out / "state.xml").write_text(openmm.XmlSerializer.serialize(state))
    return out


def simulate(box: str, platform_name: str, seconds: float, gate: Barrier, rates: "Queue[float]") -> None:
    """Run one simulation for some seconds after all have warmed up, and report its ns a day."""
    import openmm

    system = openmm.XmlSerializer.deserialize((Path(box) / "system.xml").read_text())
    system.addForce(openmm.MonteCarloBarostat(1.0, 300.0, 25))
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.004)
    platform = openmm.Platform.getPlatformByName(platform_name)
    properties = {"Precision": "mixed"} if platform_name in ("CUDA", "HIP", "OpenCL") else {"Threads": "1"}
    context = openmm.Context(system, integrator, platform, properties)
    context.setState(openmm.XmlSerializer.deserialize((Path(box) / "state.xml").read_text()))
    block = 500 if properties.get("Precision") else 5
    integrator.step(block)
    context.getState(energy=True)
    gate.wait()
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        integrator.step(block)
        context.getState(energy=True)  # waits for the device
        steps += block
    rates.put(steps * 0.004e-3 / (time.monotonic() - began) * 86400.0)


def rate(box: Path, platform_name: str, at_once: int, seconds: float) -> list[float]:
    """Return the ns a day of each of some simulations that run together."""
    context = multiprocessing.get_context("spawn")
    gate, rates = context.Barrier(at_once), context.Queue()
    arguments = (str(box), platform_name, seconds, gate, rates)
    processes = [context.Process(target=simulate, args=arguments) for _ in range(at_once)]
    for process in processes:
        process.start()
    found = [rates.get(timeout=600.0 + seconds) for _ in processes]
    for process in processes:
        process.join()
    return found


def machine() -> dict[str, str]:
    """Return what the figures belong to."""
    import openmm

    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        gpu = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
        mps = subprocess.run(["pgrep", "-f", "nvidia-cuda-mps"], capture_output=True, check=False).returncode == 0
    except (OSError, subprocess.CalledProcessError):
        gpu, mps = "none", False
    return {"gpu": gpu, "mps": "on" if mps else "off", "openmm": openmm.__version__, "cores": str(os.cpu_count())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="CUDA")
    parser.add_argument("--atoms", type=int, nargs="+", default=[25_000, 50_000, 90_000])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--tiny", action="store_true", help="one small box for seconds; writes nothing")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.atoms, arguments.at_once, arguments.seconds = [9_000], [1, 2], 2.0
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for n_particles in arguments.atoms:
            box = make_box(n_particles, Path(name))
            alone = None
            for at_once in arguments.at_once:
                found = rate(box, arguments.platform, at_once, arguments.seconds)
                alone = alone or sum(found) / at_once
                together = sum(found)
                numbers = [f"{together / at_once:.1f}", f"{together:.1f}", f"{together / alone:.2f}"]
                rows.append([str(n_particles), str(at_once), *numbers])
                print(rows[-1], flush=True)
    head = ["particles", "simulations at once", "ns a day each", "ns a day together", "over one"]
    title = f"# Molecular dynamics on {arguments.platform}, {date.today()}"
    text = f"{title}\n\n{json.dumps(machine())}\n\n{table(head, rows)}\n"
    print(text)
    if not arguments.tiny:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"md_gpu_{date.today()}.md").write_text(text)


if __name__ == "__main__":
    main()
