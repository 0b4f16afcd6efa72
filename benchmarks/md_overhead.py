"""What our runner costs over a bare OpenMM script with the same system.

    python benchmarks/md_overhead.py [--frames 12]

Bare: one Context, an XTC reporter of OpenMM, nothing else. Ours: a production segment of `md`, with its checks of the
energy, frames of the solute, State in XML, hashes, flushes and rename. Two lengths of each give the cost of a step and
the cost of a segment apart; the segments here are seconds long, those of a screen ten minutes or more. Also: a whole
smoke run of two 14-mers, from PDB to trajectory.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from md_villin import cpu, environment, solvated, table, villin

from md.checkpoint import write_text
from md.context import make_context
from md.production import Run, _segment
from md.settings import MdSettings
from md.simulate import run
from md.system import PreparedSystem

STEPS_PER_FRAME = 100  # smoke has 50, the published protocol 50,000: each costs an energy, as much as a step


def bare(prepared: PreparedSystem, state: str, settings: MdSettings, frames: int, folder: Path) -> float:
    """Return CPU seconds of a script as anyone would write it."""
    import openmm
    from openmm import app

    began = time.process_time()
    system = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(prepared.system))
    if system.usesPeriodicBoundaryConditions():
        system.addForce(openmm.MonteCarloBarostat(1.0, settings.temperature_kelvin, 25))
    integrator = openmm.LangevinMiddleIntegrator(settings.temperature_kelvin, 1.0, settings.timestep_fs / 1000.0)
    platform, properties = cpu()
    properties = {**properties, "DeterministicForces": "true"}
    simulation = app.Simulation(prepared.topology, system, integrator, platform, properties)
    simulation.context.setState(openmm.XmlSerializer.deserialize(state))
    kept = list(range(prepared.n_solute))
    simulation.reporters.append(app.XTCReporter(str(folder / "bare.xtc"), STEPS_PER_FRAME, atomSubset=kept))
    simulation.step(frames * STEPS_PER_FRAME)
    return time.process_time() - began


def ours(prepared: PreparedSystem, state: str, settings: MdSettings, frames: int, folder: Path) -> float:
    """Return CPU seconds of one sealed segment."""
    write_text(folder / "start.xml", state)
    interval_ps = STEPS_PER_FRAME * settings.timestep_fs / 1000.0
    length = {"frame_interval_ps": interval_ps, "checkpoint_interval_ps": frames * interval_ps}
    began = time.process_time()
    run = Run(folder, prepared, settings.model_copy(update=length), 1, lambda _: None)
    _segment(folder / f"segment_{time.monotonic_ns()}", run, folder / "start.xml", 1)
    return time.process_time() - began


def start_of(prepared: PreparedSystem, positions: np.ndarray, settings: MdSettings) -> str:
    """Return a State with velocities."""
    import openmm

    context = make_context(prepared.system, settings, 1, settings.timestep_fs, pressure=False)
    context.setPositions(positions)
    context.setVelocitiesToTemperature(settings.temperature_kelvin, 1)
    return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--frames", type=int, default=2, help="frames of the shorter segment; the longer has three times"
    )
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, settings, factor in (
            ("OBC2, villin", MdSettings.smoke(), 4),
            ("a99SB-disp, villin in water", MdSettings.fast().model_copy(update={"platform": "CPU"}), 1),
        ):
            prepared, positions = solvated(folder, settings)
            state = start_of(prepared, positions, settings)
            lengths = [factor * arguments.frames, 3 * factor * arguments.frames]
            cost = {(way, n): float("inf") for way in (bare, ours) for n in lengths}
            for _ in range(arguments.repeats):
                for way, n in cost:
                    cost[way, n] = min(cost[way, n], way(prepared, state, settings, n, folder))
            short, long = lengths
            steps = (long - short) * STEPS_PER_FRAME
            step = {way: (cost[way, long] - cost[way, short]) / steps for way in (bare, ours)}
            fixed = {way: cost[way, short] - short * STEPS_PER_FRAME * step[way] for way in (bare, ours)}
            rows.append(
                [
                    f"{label}, {prepared.system.getNumParticles()} particles",
                    f"{1000 * step[bare]:.3f}",
                    f"{1000 * step[ours]:.3f}",
                    f"{100 * (step[ours] / step[bare] - 1):+.1f} %",
                    f"{fixed[ours] - fixed[bare]:+.2f}",
                    f"{100 * (cost[ours, long] / cost[bare, long] - 1):+.1f} % of {long * STEPS_PER_FRAME} steps",
                ]
            )
        print(f"{environment()}; a frame every {STEPS_PER_FRAME} steps\n")
        head = ["system", "bare ms a step", "ours", "over bare", "more s a segment", "whole short segment"]
        print(table(head, rows))
        smoke(folder)


def smoke(folder: Path) -> None:
    """Print what a smoke run of two 14-mers takes, end to end."""
    from openmm import app

    file = app.PDBFile(str(villin(folder / "villin.pdb")))
    modeller = app.Modeller(file.topology, file.positions)
    residues = list(modeller.topology.residues())
    modeller.delete(residues[14:-14])
    chains = app.Modeller(app.Topology(), [])
    for part in (slice(0, 14), slice(14, 28)):
        one = app.Modeller(modeller.topology, modeller.positions)
        every = list(one.topology.residues())
        one.delete([r for r in every if r not in every[part]])
        chains.add(one.topology, one.positions)
    for chain, letter in zip(chains.topology.chains(), "AB", strict=True):
        chain.id = letter
    with (folder / "pair.pdb").open("w") as out:
        app.PDBFile.writeFile(chains.topology, chains.positions, out, keepIds=True)
    wall, cpu_seconds = time.monotonic(), time.process_time()
    result = run(folder / "pair.pdb", MdSettings.smoke(), folder / "smoke")
    wall, cpu_seconds = time.monotonic() - wall, time.process_time() - cpu_seconds
    print(
        f"\nsmoke run of two 14-mers end to end: {cpu_seconds:.1f} CPU s, {wall:.1f} s of wall time, {result.n_atoms} "
        f"atoms, {result.completed_ps:g} ps, {result.n_frames} frames"
    )


if __name__ == "__main__":
    main()
