"""From C-alpha traces to heavy atoms: backbone by dynamic programming, side chains by PDBFixer, strain out with ff14SB.

A trans peptide group is rigid and spans two C-alphas, so its rotation about their axis is the one unknown (Purisima &
Scheraga 1984, doi 10.1002/bip.360230706). The geometry of a residue depends only on the two groups it joins; hence the
best set of rotations, by N-CA-C angle and Ramachandran plot, is found exactly by dynamic programming over a grid.
"""

import io
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput, Unstable

if TYPE_CHECKING:
    import openmm
    from openmm import app

__all__ = ["ChainTrace", "RebuildReport", "backbone", "check_model", "rebuild"]

# Engh & Huber 2001, International Tables for Crystallography F, ch. 18.3, doi 10.1107/97809553602060000695.
CA_C, C_N, N_CA, C_O = 1.525, 1.336, 1.459, 1.229
"""Backbone bond lengths, Angstrom."""
CA_C_N, C_N_CA, CA_C_O, N_CA_C = (math.radians(x) for x in (117.2, 121.7, 120.1, 111.0))
"""Backbone angles, radians."""
N_CA_C_SPREAD = math.radians(2.7)
"""Standard deviation of the N-CA-C angle (same source)."""

RAMACHANDRAN: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "general": ((-63, -43, 12, 0.45), (-115, 132, 28, 0.30), (-68, 145, 17, 0.22), (57, 42, 14, 0.03)),
    "G": (
        (-63, -43, 15, 0.22), (63, 43, 20, 0.28), (-75, 165, 25, 0.20), (80, -170, 25, 0.20),
        (180, 180, 30, 0.10),
    ),
    "P": ((-63, -33, 14, 0.40), (-67, 147, 14, 0.60)),
}  # fmt: skip
"""Basins as (phi, psi, width, weight), degrees: round Gaussians over the favoured regions of Lovell et al. 2003,
doi 10.1002/prot.10286, for general residues, glycine and proline."""
RAMACHANDRAN_FLOOR = 1e-4
"""Density, relative to the largest weight, of what lies outside all basins."""

ANGLE_GRID = 72
"""Rotations tried per peptide group: every 5 degrees."""
CA_DISTANCE = 3.80
"""Of consecutive C-alphas in a trans peptide, Angstrom; follows from the constants above to 0.02."""
CA_ANGLE_LOW, CA_ANGLE_HIGH = math.radians(82.0), math.radians(146.0)
"""Range of the C-alpha angle that a tetrahedral N-CA-C between trans peptides allows; a one-bead model has none."""
CA_CLEARANCE = 4.0
"""Least distance of C-alphas that do not follow each other, Angstrom; 3.8-4.0 is the closest seen in proteins."""
CA_RESTRAINT = 1000.0
"""kJ/mol/nm^2, keeps the C-alphas near the trace in the all-atom minimisation."""
CLASH = 1.5
"""Heavy atoms that are not bonded nor share a neighbour are farther apart than this, Angstrom."""
ATTEMPTS = 3
"""Side-chain placements tried, each from another seed."""

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


@dataclass(frozen=True)
class RebuildReport:
    """Quality of a rebuilt model.

    Attributes
    ----------
    ca_rmsd_angstrom : float
        Between the trace and the model.
    wrong_chirality : tuple of str
        Residues that are not L, as ``CHAIN:NUMBER``.
    cis_peptides : tuple of str
        Residues whose peptide bond to the next one is more than 60 degrees from trans.
    longest_peptide_bond_angstrom : float
        Largest C-N distance.
    worst_bond_angstrom : float
        Largest deviation of a bond from its length in the force field.
    closest_angstrom : float
        Smallest distance of heavy atoms more than two bonds apart.
    """

    ca_rmsd_angstrom: float
    wrong_chirality: tuple[str, ...]
    cis_peptides: tuple[str, ...]
    longest_peptide_bond_angstrom: float
    worst_bond_angstrom: float
    closest_angstrom: float

    @property
    def problems(self) -> str:
        """What is wrong with the model; empty if nothing is."""
        found = []
        if self.wrong_chirality:
            found.append(f"not L: {', '.join(self.wrong_chirality)}")
        if self.cis_peptides:
            found.append(f"cis peptide after {', '.join(self.cis_peptides)}")
        if self.longest_peptide_bond_angstrom > 1.5:
            found.append(f"peptide bond of {self.longest_peptide_bond_angstrom:.2f} Angstrom")
        if self.worst_bond_angstrom > 0.25:
            found.append(f"bond strained by {self.worst_bond_angstrom:.2f} Angstrom")
        if self.closest_angstrom < CLASH:
            found.append(f"heavy atoms {self.closest_angstrom:.2f} Angstrom apart")
        return "; ".join(found)


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
        Seed of the side-chain placement.
    remark : str
        First line of the file.

    Returns
    -------
    RebuildReport
        Quality; a model with problems is not written.

    Raises
    ------
    InvalidInput
        Chains and positions do not match, or a chain has fewer than four residues.
    Unstable
        No attempt gave a model without problems.
    """
    from openmm import app, unit

    if sum(len(chain.sequence) for chain in chains) != len(ca_angstrom) or not np.isfinite(ca_angstrom).all():
        raise InvalidInput(f"C-alpha positions do not match chains {', '.join(c.chain for c in chains)}")
    if short := [chain.chain for chain in chains if len(chain.sequence) < 4]:
        raise InvalidInput(f"chain {', '.join(short)} has fewer than 4 residues, too few to orient a backbone")
    lengths = [len(chain.sequence) for chain in chains]
    mended = _mend_trace(lengths, ca_angstrom)
    traces = np.split(mended, np.cumsum(lengths)[:-1])
    text = _backbone_pdb(chains, [backbone(t, c.sequence) for c, t in zip(chains, traces, strict=True)])
    report = None
    for attempt in range(ATTEMPTS):
        topology, positions = _add_side_chains(text, seed + attempt)
        topology, positions, bonds = _minimise(topology, positions)
        report = check_model(topology, positions, bonds, ca_angstrom)
        if not report.problems:
            break
    else:
        raise Unstable(
            f"{ATTEMPTS} rebuilds of {structure.name} failed: {report.problems if report else ''}",
            cure="choose another seed",
        )
    heavy = app.Modeller(topology, positions * 0.1 * unit.nanometer)
    heavy.delete([atom for atom in topology.atoms() if atom.element.symbol == "H"])
    partial = structure.with_name(structure.name + ".partial")
    with partial.open("w") as handle:
        handle.write(f"REMARK   1 {remark}\n")
        app.PDBFile.writeFile(heavy.topology, heavy.positions, handle, keepIds=True)
    partial.replace(structure)
    return report


def backbone(ca_angstrom: NDArray[np.float64], sequence: str) -> NDArray[np.float64]:
    """Place N, C and O of one chain.

    Parameters
    ----------
    ca_angstrom : ndarray, shape (L, 3), float64
        C-alphas of consecutive residues, about 3.8 Angstrom apart.
    sequence : str
        L standard residues.

    Returns
    -------
    ndarray, shape (L, 4, 3), float64
        N, CA, C, O. All peptides are trans.
    """
    in_plane = _peptide_plane()
    grid = np.arange(ANGLE_GRID) * 2 * math.pi / ANGLE_GRID
    groups = np.stack([_place(a, b, in_plane, grid) for a, b in zip(ca_angstrom, ca_angstrom[1:], strict=False)])

    best = np.zeros(ANGLE_GRID)
    choices = []
    for i in range(1, len(sequence) - 1):
        before, after = groups[i - 1], groups[i]
        cost = best[:, None] + _junction_cost(before, ca_angstrom[i], after, sequence[i])
        choices.append(np.argmin(cost, axis=0))
        best = cost.min(axis=0)
    path = [int(np.argmin(best))]
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    chosen = groups[np.arange(len(groups)), path[::-1]]

    atoms = np.empty((len(sequence), 4, 3))
    atoms[:, 1] = ca_angstrom
    atoms[:-1, 2], atoms[1:, 0], atoms[:-1, 3] = chosen[:, 0], chosen[:, 1], chosen[:, 2]
    # The ends have no second peptide group: extended conformation.
    atoms[0, 0] = _extend(atoms[1, 0], atoms[0, 2], atoms[0, 1], N_CA, N_CA_C, math.radians(145))
    atoms[-1, 2] = _extend(atoms[-2, 2], atoms[-1, 0], atoms[-1, 1], CA_C, N_CA_C, math.radians(-68))
    atoms[-1, 3] = _extend(atoms[-1, 0], atoms[-1, 1], atoms[-1, 2], C_O, CA_C_O, math.radians(-35))
    return atoms


def _peptide_plane() -> NDArray[np.float64]:
    """C, N and O of a trans peptide, shape (3, 2), with CA at (0, 0) and the next CA at (1, 0) times `CA_DISTANCE`."""
    c = np.array([0.0, 0.0, 0.0])
    ca = np.array([CA_C, 0.0, 0.0])
    n = C_N * np.array([math.cos(CA_C_N), math.sin(CA_C_N), 0.0])
    following = _extend(ca, c, n, N_CA, C_N_CA, math.pi)
    o = C_O * np.array([math.cos(CA_C_O), -math.sin(CA_C_O), 0.0])
    along = following - ca
    along /= np.linalg.norm(along)
    across = np.array([-along[1], along[0], 0.0])
    return np.array([[(atom - ca) @ along, (atom - ca) @ across] for atom in (c, n, o)])


def _place(
    ca: NDArray[np.float64], following: NDArray[np.float64], in_plane: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """C, N, O of the group from `ca` to `following` at each rotation, shape (grid, 3, 3)."""
    along = following - ca
    length = np.linalg.norm(along)
    along = along / length
    side = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    side /= np.linalg.norm(side)
    across = np.cos(grid)[:, None] * side + np.sin(grid)[:, None] * np.cross(along, side)
    stretch = length / CA_DISTANCE
    return ca + (in_plane[:, :1] * stretch * along)[None] + in_plane[None, :, 1:] * across[:, None]


def _junction_cost(
    before: NDArray[np.float64], ca: NDArray[np.float64], after: NDArray[np.float64], residue: str
) -> NDArray[np.float64]:
    """Negative log-probability of the residue between two groups, shape (grid before, grid after)."""
    n, c, following_n = before[:, 1] - ca, after[:, 0] - ca, after[:, 1] - ca
    cosine = (n @ c.T) / np.outer(np.linalg.norm(n, axis=1), np.linalg.norm(c, axis=1))
    strain = (np.arccos(np.clip(cosine, -1, 1)) - N_CA_C) / N_CA_C_SPREAD
    phi = np.degrees(_dihedral(before[:, None, 0] - ca, n[:, None], np.zeros(3), c[None]))
    psi = np.degrees(_dihedral(n[:, None], np.zeros(3), c[None], following_n[None]))
    density = np.full(phi.shape, RAMACHANDRAN_FLOOR)
    for phi0, psi0, width, weight in RAMACHANDRAN.get(residue, RAMACHANDRAN["general"]):
        d_phi, d_psi = ((x + 180) % 360 - 180 for x in (phi - phi0, psi - psi0))
        density += weight * np.exp(-(d_phi**2 + d_psi**2) / (2 * width**2))
    return strain**2 / 2 - np.log(density)


def _dihedral(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Torsion about b-c, radians, IUPAC sign; broadcasts."""
    axis = c - b
    axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    first, second = np.cross(b - a, axis), np.cross(axis, d - c)
    return np.arctan2(np.sum(np.cross(first, second) * axis, axis=-1), np.sum(first * second, axis=-1))


def _extend(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], length: float, angle: float, torsion: float
) -> NDArray[np.float64]:
    """Position of the atom bonded to c, by internal coordinates."""
    back = (b - c) / np.linalg.norm(b - c)
    normal = np.cross(b - a, c - b)
    normal /= np.linalg.norm(normal)
    toward = np.cross(normal, back)
    return c + length * (
        math.cos(angle) * back - math.sin(angle) * (math.cos(torsion) * toward - math.sin(torsion) * normal)
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
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 2000)
    return np.array(context.getState(positions=True).getPositions(asNumpy=True)._value)


def _backbone_pdb(chains: tuple[ChainTrace, ...], backbones: list[NDArray[np.float64]]) -> str:
    """PDB text of the backbone atoms."""
    lines = []
    for chain, atoms in zip(chains, backbones, strict=True):
        for index, residue in enumerate(chain.sequence):
            for name, (x, y, z) in zip(("N", "CA", "C", "O"), atoms[index], strict=True):
                lines.append(
                    f"ATOM  {len(lines) % 99999 + 1:5d}  {name:<3s} {_THREE[residue]} {chain.chain}"
                    f"{chain.start + index:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {name[0]:>2s}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def _add_side_chains(text: str, seed: int) -> tuple["app.Topology", NDArray[np.float64]]:
    """Add side chains, the terminal oxygens and hydrogens; positions in Angstrom, shape (atoms, 3)."""
    from openmm import Platform, unit
    from pdbfixer import PDBFixer

    # PDBFixer draws from the global generator besides its own seed.
    state = random.getstate()
    random.seed(seed)
    platform = Platform.getPlatformByName("Reference")
    try:
        fixer = PDBFixer(pdbfile=io.StringIO(text), platform=platform)
        fixer.missingResidues = {}
        fixer.findMissingAtoms()
        fixer.addMissingAtoms(seed=seed + 1)
        fixer.addMissingHydrogens(7.0)
    finally:
        random.setstate(state)
    return fixer.topology, np.array(fixer.positions.value_in_unit(unit.angstrom))


def _minimise(
    topology: "app.Topology", positions: NDArray[np.float64]
) -> tuple["app.Topology", NDArray[np.float64], list[tuple[int, int, float]]]:
    """Take the strain out with C-alphas restrained; also return the bonds with their lengths, Angstrom.

    Solvent is left to the simulation that may follow: beyond the cutoff a reaction field stands for it.
    """
    import openmm
    from openmm import app

    system = app.ForceField("amber14/protein.ff14SB.xml").createSystem(
        topology, nonbondedMethod=app.CutoffNonPeriodic, nonbondedCutoff=1.0
    )
    restraint = openmm.CustomExternalForce(f"{CA_RESTRAINT / 2}*((x-x0)^2+(y-y0)^2+(z-z0)^2)")
    for axis in ("x0", "y0", "z0"):
        restraint.addPerParticleParameter(axis)
    for atom in topology.atoms():
        if atom.name == "CA":
            restraint.addParticle(atom.index, (positions[atom.index] / 10).tolist())
    system.addForce(restraint)
    bonds = next(force for force in system.getForces() if isinstance(force, openmm.HarmonicBondForce))
    lengths = []
    for index in range(bonds.getNumBonds()):
        i, j, length, _ = bonds.getBondParameters(index)
        lengths.append((i, j, length._value * 10))
    return topology, _minimised(system, positions / 10) * 10, lengths


def check_model(
    topology: "app.Topology",
    positions_angstrom: NDArray[np.float64],
    bonds: list[tuple[int, int, float]],
    ca_angstrom: NDArray[np.float64],
) -> RebuildReport:
    """Measure the quality of a model.

    Parameters
    ----------
    topology : openmm.app.Topology
        With hydrogens or without.
    positions_angstrom : ndarray, shape (atoms, 3), float64
        Positions.
    bonds : list of (int, int, float)
        Bonded atoms and the lengths, Angstrom, that they should have.
    ca_angstrom : ndarray, shape (residues, 3), float64
        The trace the model was built on.

    Returns
    -------
    RebuildReport
        All quality measures.
    """
    wrong, cis, longest, ca = [], [], 0.0, []
    for chain in topology.chains():
        residues = list(chain.residues())
        at = [{atom.name: positions_angstrom[atom.index] for atom in residue.atoms()} for residue in residues]
        ca += [atoms["CA"] for atoms in at]
        for index, (residue, atoms) in enumerate(zip(residues, at, strict=True)):
            label = f"{chain.id}:{residue.id}"
            if "CB" in atoms:
                n, c, cb = (atoms[name] - atoms["CA"] for name in ("N", "C", "CB"))
                # Looking from hydrogen, CO-R-N run clockwise in L-amino acids, so this triple product is positive.
                if np.dot(np.cross(n, c), cb) < 0:
                    wrong.append(label)
            if index + 1 < len(at):
                following = at[index + 1]
                longest = max(longest, float(np.linalg.norm(following["N"] - atoms["C"])))
                omega = _dihedral(atoms["CA"], atoms["C"], following["N"], following["CA"])
                if abs(math.degrees(float(omega))) < 120:
                    cis.append(label)
    deviations = [abs(np.linalg.norm(positions_angstrom[i] - positions_angstrom[j]) - d) for i, j, d in bonds]
    return RebuildReport(
        ca_rmsd_angstrom=float(np.sqrt(np.mean(np.sum((np.array(ca) - ca_angstrom) ** 2, axis=1)))),
        wrong_chirality=tuple(wrong),
        cis_peptides=tuple(cis),
        longest_peptide_bond_angstrom=longest,
        worst_bond_angstrom=float(max(deviations)),
        closest_angstrom=_closest_heavy(topology, positions_angstrom),
    )


def _closest_heavy(topology: "app.Topology", positions: NDArray[np.float64]) -> float:
    """Smallest distance of heavy atoms more than two bonds apart, Angstrom; at most 3."""
    from scipy.spatial import KDTree

    heavy = [atom.index for atom in topology.atoms() if atom.element.symbol != "H"]
    neighbours: dict[int, set[int]] = {atom.index: set() for atom in topology.atoms()}
    for bond in topology.bonds():
        neighbours[bond.atom1.index].add(bond.atom2.index)
        neighbours[bond.atom2.index].add(bond.atom1.index)
    closest = 3.0
    for a, b in KDTree(positions[heavy]).query_pairs(closest):
        i, j = heavy[a], heavy[b]
        if j not in neighbours[i] and not neighbours[i] & neighbours[j]:
            closest = min(closest, float(np.linalg.norm(positions[i] - positions[j])))
    return closest
