"""Speed of the residue-level backend against bare OpenMM loops, all on one core and in one process.

    python benchmarks/residue_md.py [--pair] [--domains FOLDER]

The system is that of two disordered chains of 60 residues in a cube of 17 nm with CALVADOS 2. Peers: OpenMM's CPU
platform with the force field written as its formulas read (10 fs steps, as its authors run it), and the same with
simpler expressions and the charges as an interaction group (`calvados.build_system`, 20 fs). Times are CPU seconds of
this process. `--pair` runs the default protocol on the pair, from sequences to the all-atom model; some minutes.
`--domains` simulates folded segments of transcription factors, 3 ns each, with one elastic network over the segment and
with one for each domain; FOLDER holds the predicted complexes named in `FOLDED`.
"""

import argparse
import gzip
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numba
import numpy as np
import openmm
from Bio.PDB.MMCIFParser import MMCIFParser
from Bio.PDB.PDBParser import PDBParser
from Bio.SeqUtils import seq1

from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.bead_dynamics import advance, beads_of, forces
from screening.folding.calvados import RESIDUES, Chain, Solution, build_system, elastic_pairs, springs
from screening.folding.chain_simulation import simulate
from screening.folding.checkpoint import read_checkpoint, write_checkpoint
from screening.folding.domains import find_domains, ranges_of
from screening.folding.protocol import FRICTION_PER_PS, ResidueMdSettings
from screening.folding.residue_md import ResidueMd

A = "MSEEKRKAQLNDSTGPRKYDEFWGHSSPQQTTKRAVLDEEGGSNNPKRKLYWSDEGHTSK"
B = "GSSPTKDEKRRQNWYFGHISSTGGNNQQDEKKPLAVSTYEEDDRRGGSSPAANWKTQHLM"
BOX_NM = 17.0
SOLUTION = Solution()
CHAINS = (Chain(A, False, False), Chain(B, False, False))


def naive_system() -> openmm.System:
    """The published formulas as they read: shifts and means in the expression, charges of all beads."""
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(np.eye(3) * BOX_NM))
    bonds = openmm.HarmonicBondForce()
    sticky = openmm.CustomNonbondedForce(
        "0.8368*select(step(r-2^(1/6)*s), 4*l*((s/r)^12-(s/r)^6-shift), 4*((s/r)^12-(s/r)^6-l*shift)+1-l);"
        "shift=(s/2)^12-(s/2)^6; s=0.5*(s1+s2); l=0.5*(l1+l2)"
    )
    kappa, strength = 1 / SOLUTION.debye_length_nm, SOLUTION.bjerrum_length_nm * SOLUTION.thermal_energy
    charge = openmm.CustomNonbondedForce(f"q1*q2*{strength}*(exp(-{kappa}*r)/r-exp(-{kappa}*4)/4)")
    for name in ("s", "l"):
        sticky.addPerParticleParameter(name)
    charge.addPerParticleParameter("q")
    for chain in CHAINS:
        for residue, mass, q in zip(chain.sequence, chain.masses_dalton(), chain.charges(SOLUTION.ph), strict=True):
            system.addParticle(float(mass))
            sticky.addParticle([RESIDUES[residue].sigma_nm, RESIDUES[residue].stickiness])
            charge.addParticle([float(q)])
    for i, j, length, constant in springs(CHAINS):
        bonds.addBond(i, j, length, constant)
        sticky.addExclusion(i, j)
        charge.addExclusion(i, j)
    system.addForce(bonds)
    for force, cutoff in ((sticky, 2.0), (charge, 4.0)):
        force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(cutoff)
        system.addForce(force)
    return system


def context_of(system: openmm.System, timestep_fs: float, positions: np.ndarray) -> openmm.Context:
    integrator = openmm.LangevinMiddleIntegrator(300.0, FRICTION_PER_PS, timestep_fs * 1e-3)
    cpu = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, cpu, {"Threads": "1"})
    context.setPositions(positions)
    context.setVelocitiesToTemperature(300.0, 1)
    return context


def steps_per_second(run: Callable[[int], None], steps: int) -> float:
    """Best of five, after a short run."""
    run(max(1, steps // 10))
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        run(steps)
        best = max(best, steps / (time.process_time() - started))
    return best


def start() -> np.ndarray:
    """Both chains as warm coils."""
    settings = ResidueMdSettings(production_ns=0.02, equilibration_ns=0.2, replicas=1, box_nm=BOX_NM)
    return simulate(CHAINS, (None, None), settings, seed=1).positions_nm[0, -1].astype(float)


def speed() -> None:
    positions = start()
    beads = beads_of(CHAINS, SOLUTION, BOX_NM)
    reference = openmm.Context(
        build_system(CHAINS, SOLUTION, BOX_NM),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    reference.setPositions(positions)
    expected = reference.getState(forces=True).getForces(asNumpy=True)._value
    difference = np.abs(forces(beads, positions) - expected).max() / np.abs(expected).max()
    print(f"largest difference of a force from OpenMM's Reference platform: {difference:.1e} of the largest force\n")

    generator = np.random.default_rng(2)
    energy = SOLUTION.thermal_energy
    x = np.ascontiguousarray(positions.T)
    v = generator.standard_normal(x.shape) * np.sqrt(energy / beads.masses_dalton)

    def kernel(timestep_fs: float) -> Callable[[int], None]:
        def run(steps: int) -> None:
            for _ in range(steps // 100):
                kicks = generator.standard_normal((100, *x.shape))
                advance(beads, x, v, kicks, timestep_fs * 1e-3, FRICTION_PER_PS, energy)

        return run

    naive = context_of(naive_system(), 10.0, positions)
    simple = context_of(build_system(CHAINS, SOLUTION, BOX_NM), 20.0, positions)
    rows = [
        ("OpenMM CPU, formulas as they read", 10.0, steps_per_second(naive.getIntegrator().step, 1500)),
        ("OpenMM CPU, `build_system`", 20.0, steps_per_second(simple.getIntegrator().step, 3000)),
        ("ours", 10.0, steps_per_second(kernel(10.0), 20000)),
        ("ours, default step", 20.0, steps_per_second(kernel(20.0), 20000)),
    ]
    base = rows[0][1] * rows[0][2]
    print(
        "| loop | step, fs | steps per CPU-second | ns per CPU-minute | simulated time, ratio |\n|---|---|---|---|---|"
    )
    for name, step, rate in rows:
        print(f"| {name} | {step:g} | {rate:,.0f} | {rate * step * 60e-6:.2f} | {rate * step / base:.1f} |")


FOLDED = (
    ("barnase, compact", "parity/interfaces", "barnase_barstar_unrelaxed*.pdb.gz", "A", 1, 110),
    ("KLF4, three C2H2 fingers", "data/afm_tf_complexes/high_quality", "O43474_P10276.pdb.gz", "A", 426, 513),
    ("SP1, three C2H2 fingers", "data/boltz2_tf_complexes", "P08047_P03372*.cif.gz", "A", 620, 712),
    ("GATA1, two GATA fingers", "data/afm_tf_complexes/high_quality", "Q01860_P15976.pdb.gz", "B", 202, 309),
    ("PAX8, paired domain", "data/afm_tf_complexes/high_quality", "Q01860_Q06710.pdb.gz", "B", 9, 139),
    ("RELA, two Ig-like folds", "data/boltz2_tf_complexes", "Q04206_P03372*.cif.gz", "A", 16, 292),
    ("ATF3, a long helix", "data/boltz2_tf_complexes", "P18847_P18847*.cif.gz", "A", 86, 149),
)
"""Name, folder, file, chain, first and last residue."""


def rmsd_nm(moved: np.ndarray, fixed: np.ndarray) -> float:
    """Root mean square deviation after superposition (Kabsch)."""
    a, b = moved - moved.mean(axis=0), fixed - fixed.mean(axis=0)
    u, _, v = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return float(np.sqrt(np.mean(np.sum((a @ turn - b) ** 2, axis=1))))


def domains(folder: Path) -> None:
    settings = ResidueMdSettings(production_ns=3.0, equilibration_ns=0.2, replicas=1, box_nm=14.0)
    print(
        "\nMean RMSD from the coordinates over 3 ns, nm:\n\n| segment | residues | domains | each, one network | "
        "each, its own network | whole, one network | whole, own networks |\n|---|---|---|---|---|---|---|"
    )
    for name, place, pattern, chain, first, last in FOLDED:
        path = next((folder / place).glob(pattern))
        parser = MMCIFParser(QUIET=True) if ".cif" in path.suffixes else PDBParser(QUIET=True)
        with gzip.open(path, "rt") as handle:
            structure = parser.get_structure(name, handle)
        if structure is None:
            raise SystemExit(f"{path} holds no structure")
        residues = [residue for residue in structure[0][chain] if first <= residue.id[1] <= last]
        fold = np.array([residue["CA"].get_coord() for residue in residues], float) / 10
        sequence = "".join(seq1(residue.get_resname()) for residue in residues)
        found = find_domains(fold, sequence)
        each, whole = [], []
        for network in ((np.arange(len(fold)),), found):
            folded = Chain(sequence, False, False, elastic_pairs(fold, network))
            frames = simulate((folded,), (fold,), settings, seed=1).positions_nm[0].astype(float)
            each.append(" ".join(f"{np.mean([rmsd_nm(f[d], fold[d]) for f in frames]):.2f}" for d in found))
            whole.append(f"{np.mean([rmsd_nm(f, fold) for f in frames]):.2f}")
        ranges = "; ".join(ranges_of(domain, first) for domain in found)
        print(f"| {name} | {first}-{last} | {ranges} | {' | '.join((*each, *whole))} |", flush=True)


def checkpoints() -> None:
    """What a checkpoint of a finished run costs: the largest that it writes."""
    print("\n| beads | frames | checkpoint, MB | write, s | read, s |\n|---|---|---|---|---|")
    generator = np.random.default_rng(1)
    for beads, frames in ((120, 4500), (400, 4500), (400, 15000)):
        arrays = {"positions": generator.normal(size=(frames, beads, 3)).astype(np.float32)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.checkpoint"
            began = time.monotonic()
            write_checkpoint(path, "run", arrays)
            written = time.monotonic()
            read_checkpoint(path, "run")
            times = (written - began, time.monotonic() - written)
            print(f"| {beads} | {frames} | {path.stat().st_size / 1e6:.1f} | {times[0]:.3f} | {times[1]:.3f} |")


def segment(accession: str, sequence: str) -> FoldSegment:
    return FoldSegment(accession, 11, 10 + len(sequence), "low_plddt", sequence, 500)


def pair() -> None:
    settings = ResidueMdSettings()
    with tempfile.TemporaryDirectory() as folder:
        started, wall = time.process_time(), time.monotonic()
        result = ResidueMd(settings).fold(FoldRequest(segment("Q1", A), segment("Q2", B), seed=1), Path(folder))
        seconds, wall = time.process_time() - started, time.monotonic() - wall
    print(
        f"\nDefault run, 60 + 60 residues, {settings.replicas} replicas of {settings.production_ns:g} ns: "
        f"{seconds:.0f} CPU-seconds ({wall:.0f} s of wall time), converged: {result.converged}"
        f"{': ' + result.reason if result.reason else ''}.\n\n| observable | value | 95 % | unit |\n|---|---|---|---|"
    )
    for item in result.observables:
        interval = "" if item.ci_low is None or item.ci_high is None else f"{item.ci_low:.4g} to {item.ci_high:.4g}"
        print(f"| {item.name} | {'NULL' if item.value is None else f'{item.value:.4g}'} | {interval} | {item.unit} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pair", action="store_true", help="run the default protocol on the pair as well")
    parser.add_argument("--domains", type=Path, metavar="FOLDER", help="simulate the folded segments that lie here")
    options = parser.parse_args()
    print(
        f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, OpenMM {openmm.__version__}, numba {numba.__version__}, one thread.\n"
    )
    speed()
    checkpoints()
    if options.domains:
        domains(options.domains)
    if options.pair:
        pair()


if __name__ == "__main__":
    main()
