"""Small proteins built from sequence, for all tests of `md`."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from md.caps import place

THREE = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP",
    "Y": "TYR", "V": "VAL",
}  # fmt: skip
PHI, PSI = -65.0, -40.0  # a helix, so that chains are compact


def backbone(n_residues: int) -> list[dict[str, np.ndarray]]:
    """N, CA, C, O and CB of a helix in nm, by the ideal geometry of Engh & Huber."""
    n, ca = np.zeros(3), np.array([0.1458, 0.0, 0.0])
    c = ca + 0.1525 * np.array([-np.cos(np.radians(111.0)), np.sin(np.radians(111.0)), 0.0])
    residues = []
    for i in range(n_residues):
        if i:
            previous = residues[-1]
            n = place(previous["N"], previous["CA"], previous["C"], 0.1329, 116.2, PSI)
            ca = place(previous["CA"], previous["C"], n, 0.1458, 121.7, 180.0)
            c = place(previous["C"], n, ca, 0.1525, 111.0, PHI)
        o = place(n, ca, c, 0.1231, 120.5, PSI + 180.0)
        residues.append({"N": n, "CA": ca, "C": c, "O": o, "CB": _beta(n, ca, c)})
    return residues


def _beta(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    bisector = (ca - n) / np.linalg.norm(ca - n) + (ca - c) / np.linalg.norm(ca - c)
    bisector /= np.linalg.norm(bisector)
    normal = np.cross(n - ca, c - ca)
    normal /= np.linalg.norm(normal)
    half = np.radians(109.5 / 2.0)
    return ca + 0.153 * (np.cos(half) * bisector + np.sin(half) * normal)


def pdb_text(chains: dict[str, tuple[int, str]], spacing_nm: float) -> str:
    """PDB lines of backbones and CB; chain -> (number of the first residue, sequence), side by side."""
    lines, serial = [], 0
    for k, (chain, (first, sequence)) in enumerate(chains.items()):
        for i, (letter, atoms) in enumerate(zip(sequence, backbone(len(sequence)), strict=True)):
            for name, position in atoms.items():
                if name == "CB" and letter == "G":
                    continue
                serial += 1
                x, y, z = 10.0 * (position + np.array([0.0, 0.0, k * spacing_nm]))
                lines.append(
                    f"ATOM  {serial:5d}  {name:<3s} {THREE[letter]} {chain}{first + i:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 70.00           {name[0]}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Write a heavy-atom PDB of helices side by side and return its path."""

    def make(name: str = "pair.pdb", spacing_nm: float = 1.2, **chains: tuple[int, str]) -> Path:
        path = tmp_path / name
        path.write_text(_with_side_chains(pdb_text(chains, spacing_nm)), encoding="ascii")
        return path

    return make


@cache
def _with_side_chains(text: str) -> str:
    from openmm import Platform
    from openmm.app import PDBFile
    from pdbfixer import PDBFixer

    fixer = PDBFixer(pdbfile=io.StringIO(text), platform=Platform.getPlatformByName("Reference"))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.missingTerminals = {}
    fixer.addMissingAtoms(seed=1)
    out = io.StringIO()
    PDBFile.writeFile(fixer.topology, fixer.positions, out, keepIds=True)
    return out.getvalue()


@pytest.fixture
def sound(build: Callable[..., Path]) -> Path:
    return build(A=(11, "GLEKWAHC"), B=(200, "KKAEFY"))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two capped peptides in contact, 18 residues: the structure of the start, and 40 frames of dynamics from it."""
    import mdtraj
    import openmm
    from openmm import unit
    from openmm.app import ForceField, PDBFile

    start = Path(__file__).with_name("capped_pair.pdb")
    file = PDBFile(str(start))
    system = ForceField("amber14-all.xml", "implicit/obc2.xml").createSystem(file.topology)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 5.0, 0.001)
    integrator.setRandomNumberSeed(3)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPositions(file.positions)
    context.setVelocitiesToTemperature(600.0, 3)  # half of it goes into the minimised bonds at once
    frames = []
    for _ in range(40):
        integrator.step(10)
        frames.append(context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    trajectory = mdtraj.Trajectory(
        np.array(frames, np.float32), mdtraj.load(str(start)).topology, time=np.arange(1, 41) * 0.01
    )
    path = tmp_path_factory.mktemp("simulated") / "trajectory.xtc"
    trajectory.save_xtc(str(path))
    return start, path
