"""From C-alpha traces to heavy atoms: backbone, side chains, then a minimisation with ff14SB that keeps the traces.

`screening.folding.backbone` and `screening.folding.side_chains` place the atoms. The model is checked
(`screening.folding.model_quality`), and is not written if it fails.
"""

import io
import math
import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput, Unstable
from screening.folding.backbone import CA_DISTANCE, backbone, dihedral
from screening.folding.model_quality import RebuildReport, check_model, chiral_centres
from screening.folding.side_chains import place_side_chains

if TYPE_CHECKING:
    import openmm
    from openmm import app

__all__ = ["ChainTrace", "rebuild"]

CA_ANGLE_LOW, CA_ANGLE_HIGH = math.radians(82.0), math.radians(146.0)
"""Range of the C-alpha angle that a tetrahedral N-CA-C between trans peptides allows; a one-bead model has none."""
CA_CLEARANCE = 4.0
"""Least distance of C-alphas that do not follow each other, Angstrom; 3.8-4.0 is the closest seen in proteins."""
CA_RESTRAINT = 5000.0
"""kJ/mol/nm^2, keeps the C-alphas near the trace in the all-atom minimisation."""
TRANS_BARRIER = 200.0
"""kJ/mol, half of what a cis peptide costs in that minimisation."""
CHIRAL_BARRIER = 500.0
"""kJ/mol, half of what the inversion of a centre costs in that minimisation: strain must not turn L into D."""
SHORTEST = 4
"""Residues of a chain: a backbone is oriented by four C-alphas that follow each other."""
_THREE = {
    "A": "ALA", "C": "CYS", "D": "ASP", "E": "GLU", "F": "PHE", "G": "GLY", "H": "HIS",
    "I": "ILE", "K": "LYS", "L": "LEU", "M": "MET", "N": "ASN", "P": "PRO", "Q": "GLN", "R": "ARG",
    "S": "SER", "T": "THR", "V": "VAL", "W": "TRP", "Y": "TYR",
}  # fmt: skip


@dataclass(frozen=True)
class ChainTrace:
    """What a chain of the model is called.

    Attributes
    ----------
    chain : str
        Chain identifier.
    start : int
        Number of its first residue in the full-length protein.
    sequence : str
        Standard residues.
    """

    chain: str
    start: int
    sequence: str


def rebuild(
    chains: tuple[ChainTrace, ...],
    ca_angstrom: NDArray[np.float64],
    structure: Path,
    *,
    seed: int = 0,
    remark: str = "ALL-ATOM REBUILD OF A C-ALPHA TRACE. B-FACTORS ARE EMPTY.",
) -> RebuildReport:
    """Rebuild heavy atoms on C-alpha traces and write them as PDB.

    Parameters
    ----------
    chains : tuple of ChainTrace
        The chains in the order of their C-alphas.
    ca_angstrom : ndarray, shape (residues, 3), float64
        The traces. They are first mended as little as needed where no trans-peptide chain could follow them.
    structure : Path
        PDB file to write; nothing is left behind on failure.
    seed : int
        Seed of the hydrogens.
    remark : str
        First line of the file.

    Returns
    -------
    RebuildReport
        Quality; a model with problems is not written.

    Raises
    ------
    InvalidInput
        Chains and positions do not match, a chain has fewer than four residues or others than the twenty, or its name
        or numbers do not fit into a PDB file.
    Unstable
        The model has problems.
    """
    from openmm import app, unit

    _refuse(chains, ca_angstrom)
    lengths = [len(chain.sequence) for chain in chains]
    mended = _mend_trace(lengths, ca_angstrom)
    traces = np.split(mended, np.cumsum(lengths)[:-1])
    backbones = [backbone(t, c.sequence) for c, t in zip(chains, traces, strict=True)]
    topology, positions = _add_hydrogens(_heavy_pdb(chains, backbones), seed)
    positions, bonds = _minimise(topology, positions)
    report = check_model(topology, positions, bonds, ca_angstrom)
    if report.problems:
        raise Unstable(
            f"the all-atom rebuild of {structure.name} failed: {report.problems}",
            cure="choose another seed, and so another frame",
        )
    heavy = app.Modeller(topology, unit.Quantity(positions, unit.angstrom))
    heavy.delete([atom for atom in topology.atoms() if atom.element.symbol == "H"])
    partial = structure.with_name(structure.name + ".partial")
    with partial.open("w") as handle:
        handle.write(f"REMARK   1 {remark}\n")
        app.PDBFile.writeFile(heavy.topology, heavy.positions, handle, keepIds=True)
    partial.replace(structure)
    return report


def _refuse(chains: tuple[ChainTrace, ...], ca_angstrom: NDArray[np.float64]) -> None:
    """Refuse chains and traces that do not match, or that a PDB file cannot hold."""
    names = ", ".join(chain.chain for chain in chains)
    if (n_residues := sum(len(chain.sequence) for chain in chains)) != len(ca_angstrom):
        raise InvalidInput(
            f"{len(ca_angstrom)} C-alpha positions do not match the {n_residues} residues of chains {names}",
            cure="give one position for each residue, chain after chain",
        )
    if not np.isfinite(ca_angstrom).all():
        raise InvalidInput(
            f"C-alpha positions of chains {names} that are not finite", cure="choose another frame of the simulation"
        )
    for chain in chains:
        last = chain.start + len(chain.sequence) - 1
        if len(chain.sequence) < SHORTEST:
            raise InvalidInput(
                f"chain {chain.chain} has fewer than {SHORTEST} residues, too few to orient a backbone",
                cure="fold longer segments",
            )
        if unknown := sorted(set(chain.sequence) - set(_THREE)):
            raise InvalidInput(
                f"chain {chain.chain} has residues {', '.join(unknown)}, which are not among the twenty",
                cure="replace them in the sequence by what they are closest to",
            )
        if len(chain.chain) != 1 or chain.start <= -1000 or last >= 10_000:
            raise InvalidInput(
                f"chain {chain.chain}, residues {chain.start} to {last}: a PDB file has one column for the chain and "
                "four for the number",
                cure="name chains by one letter, and number the segment from 1",
            )


def _mend_trace(lengths: list[int], ca_angstrom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move C-alphas as little as needed to peptide distances, possible angles and clearance; shape and unit kept."""
    import openmm

    system = openmm.System()
    for _ in ca_angstrom:
        system.addParticle(100.0)
    bonds = openmm.HarmonicBondForce()
    angles = openmm.CustomAngleForce(f"2000*(max(0,theta-{CA_ANGLE_HIGH!r})^2+max(0,{CA_ANGLE_LOW!r}-theta)^2)")
    near = openmm.CustomNonbondedForce(f"20000*max(0,{CA_CLEARANCE / 10}-r)^2")
    for _ in ca_angstrom:
        near.addParticle([])
    near.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
    near.setCutoffDistance(1.0)
    offset = 0
    for length in lengths:
        for i in range(offset, offset + length - 1):
            bonds.addBond(i, i + 1, CA_DISTANCE / 10, 50000.0)
            near.addExclusion(i, i + 1)
        for i in range(offset, offset + length - 2):
            angles.addAngle(i, i + 1, i + 2, [])
        offset += length
    tether = openmm.CustomExternalForce("50*((x-x0)^2+(y-y0)^2+(z-z0)^2)")
    for axis in ("x0", "y0", "z0"):
        tether.addPerParticleParameter(axis)
    for index, position in enumerate(ca_angstrom / 10):
        tether.addParticle(index, position.tolist())
    for force in (bonds, angles, near, tether):
        system.addForce(force)
    return _minimised(system, ca_angstrom / 10) * 10


def _minimised(system: "openmm.System", positions_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Local energy minimum on one thread, nm."""
    import openmm

    platform = openmm.Platform.getPlatformByName("CPU")
    properties = {"Threads": "1", "DeterministicForces": "true"}
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
    context.setPositions(positions_nm)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 2000)
    return np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)


def _heavy_pdb(chains: tuple[ChainTrace, ...], backbones: list[NDArray[np.float64]]) -> str:
    """PDB text of the heavy atoms, with a second oxygen at the end of each chain."""
    names = [_THREE[residue] for chain in chains for residue in chain.sequence]
    side_chains = iter(place_side_chains(names, np.concatenate(backbones)))
    lines: list[str] = []

    def add(atom: str, residue: str, chain: str, number: int, position: NDArray[np.float64]) -> None:
        x, y, z = position
        lines.append(
            f"ATOM  {len(lines) % 99999 + 1:5d}  {atom:<3s} {residue} {chain}{number:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom[0]:>2s}"
        )

    for chain, atoms in zip(chains, backbones, strict=True):
        last = len(chain.sequence) - 1
        for index, one_letter in enumerate(chain.sequence):
            residue, number, side = _THREE[one_letter], chain.start + index, next(side_chains)
            n, ca, c, o = atoms[index]
            oxt = (("OXT", c + _opposite(ca - c, o - c)),) if index == last else ()
            placed = (("N", n), ("CA", ca), ("C", c), ("O", o))
            for name, position in (*placed, *zip(side.names, side.positions_angstrom, strict=True), *oxt):
                add(name, residue, chain.chain, number, position)
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def _opposite(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Third arm of a planar centre, as long as the second."""
    bisector = first / np.linalg.norm(first) + second / np.linalg.norm(second)
    return -bisector / np.linalg.norm(bisector) * np.linalg.norm(second)


def _add_hydrogens(text: str, seed: int) -> tuple["app.Topology", NDArray[np.float64]]:
    """Add hydrogens at pH 7; positions in Angstrom, shape (atoms, 3)."""
    from openmm import Platform, app, unit

    pdb = app.PDBFile(io.StringIO(text))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    # OpenMM scatters new hydrogens by the global generator before it relaxes them.
    state = random.getstate()
    random.seed(seed)
    try:
        modeller.addHydrogens(pH=7.0, platform=Platform.getPlatformByName("Reference"))
    finally:
        random.setstate(state)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom))


def _minimise(
    topology: "app.Topology", positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[tuple[int, int, float]]]:
    """Take the strain out with C-alphas restrained; also return the bonds with their lengths, Angstrom.

    Solvent is left to the simulation that may follow: beyond the cutoff a reaction field stands for it.
    """
    import openmm
    from openmm import app

    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(
        topology,
        nonbondedMethod=app.CutoffNonPeriodic,  # pyright: ignore[reportArgumentType]  # OpenMM annotates one of the methods
        nonbondedCutoff=1.0,
    )
    restraint = openmm.CustomExternalForce(f"{CA_RESTRAINT / 2}*((x-x0)^2+(y-y0)^2+(z-z0)^2)")
    for axis in ("x0", "y0", "z0"):
        restraint.addPerParticleParameter(axis)
    for atom in topology.atoms():
        if atom.name == "CA":
            restraint.addParticle(atom.index, (positions[atom.index] / 10).tolist())
    system.addForce(restraint)
    trans = openmm.PeriodicTorsionForce()
    for chain in topology.chains():
        for residue, following in pairwise(chain.residues()):
            here, there = ({atom.name: atom.index for atom in r.atoms()} for r in (residue, following))
            trans.addTorsion(here["CA"], here["C"], there["N"], there["CA"], 1, 0.0, TRANS_BARRIER)
    system.addForce(trans)
    chiral = openmm.CustomTorsionForce(f"{CHIRAL_BARRIER}*(1-cos(theta-theta0))")
    chiral.addPerTorsionParameter("theta0")
    for centre in chiral_centres(topology):
        chiral.addTorsion(*centre, [float(dihedral(*positions[list(centre)]))])
    system.addForce(chiral)
    bonds = next(force for force in system.getForces() if isinstance(force, openmm.HarmonicBondForce))
    lengths = []
    for index in range(bonds.getNumBonds()):
        i, j, length, _ = bonds.getBondParameters(index)
        lengths.append((i, j, length._value * 10))
    return _minimised(system, positions / 10) * 10, lengths
