"""Structure file → capped, protonated, solvated System: everything that happens before the first step.

Modeller draws from Python's `random` and minimises on whatever platform is fastest, so preparation runs with a
seeded generator and a one-threaded CPU platform, and puts both back: the same file gives the same atoms.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.caps import CAPS, cap
from md.errors import InvalidStructure
from md.forcefields import FORCE_FIELDS
from md.settings import HYDROGEN_MASS_AMU, MdSettings
from md.structure import Structure, check, read

if TYPE_CHECKING:
    from openmm import Platform, System
    from openmm.app import ForceField, Modeller, Topology

__all__ = ["PreparedSystem", "prepare"]

PH = 7.0
LONGEST_DISULFIDE_NM = 0.25  # an S-S bond is 0.203 (Engh & Huber 1991); OpenMM itself bonds up to 0.30
_ATOMS_PER_NM3 = 100.2  # water: 33.4 molecules per nm³ at 300 K and 1 bar, three atoms each
_DODECAHEDRON = 0.707  # volume of a rhombic dodecahedron over that of the cube with the same image distance


@dataclass(frozen=True)
class PreparedSystem:
    """All that a simulation needs.

    Parameters
    ----------
    topology : Topology
        Solute first, then water and ions; chains and residue numbers as in the file, caps one before and after.
    positions_nm : ndarray (n_atoms, 3), float64
    system : System
        Forces and constraints, without thermostat, barostat or restraints.
    n_solute : int
        Atoms of the protein and its caps.
    notes : tuple of str
        What was decided on the way: caps, clashes, added atoms, histidines, disulfides.
    """

    topology: "Topology"
    positions_nm: NDArray[np.float64]
    system: "System"
    n_solute: int
    notes: tuple[str, ...]


def prepare(
    path: Path,
    settings: MdSettings,
    *,
    chains: Sequence[str] | None = None,
    true_termini: Mapping[str, tuple[bool, bool]] | None = None,
) -> PreparedSystem:
    """Make a structure file ready to simulate.

    Parameters
    ----------
    path : Path
        PDB or mmCIF file of protein chains; hydrogens in it are replaced.
    settings : MdSettings
    chains : sequence of str, optional
        Keep only these, e.g. one partner of a complex; all by default.
    true_termini : mapping of chain to (bool, bool), optional
        Whether a chain's first and last residues are the protein's own ends. Other ends get ACE and NME.

    Returns
    -------
    PreparedSystem

    Raises
    ------
    InvalidStructure
        If the structure must not be simulated, or the system would exceed ``settings.max_atoms``.
    """
    structure = read(path, chains)
    clashes = check(structure, max_clashes=settings.max_clashes)
    termini = dict(true_termini or {})
    if unknown := sorted(set(termini) - {chain.id for chain in structure.topology.chains()}):
        raise InvalidStructure(f"{path}: true_termini names chain {', '.join(unknown)}, which is not simulated")
    entry = FORCE_FIELDS[settings.force_field]
    force_field = entry.load()
    seed = settings.derived_seed(0, "prepare")
    with _repeatable(seed):
        modeller, notes = _complete(structure, termini, seed)
        notes += [f"{clashes} clashes of heavy atoms in the input"] if clashes else []
        notes += _bond_cysteines(modeller)
        variants = modeller.addHydrogens(force_field, pH=PH, platform=_cpu())
        histidines = [
            f"{residue.chain.id}:{residue.id} {variant}"
            for residue, variant in zip(modeller.topology.residues(), variants, strict=True)
            if residue.name == "HIS"
        ]
        notes += [f"histidines by hydrogen bonding at pH {PH:g}: {', '.join(histidines)}"] if histidines else []
        n_solute = modeller.topology.getNumAtoms()
        _refuse_size(path, modeller, settings)
        if entry.water_model is not None:
            _solvate(modeller, force_field, entry.water_model, settings)
    mass = HYDROGEN_MASS_AMU if settings.heavy_hydrogens else None
    system = entry.build(force_field, modeller.topology, mass)
    return PreparedSystem(modeller.topology, _positions(modeller), system, n_solute, tuple(notes))


def _complete(
    structure: Structure, termini: Mapping[str, tuple[bool, bool]], seed: int
) -> "tuple[Modeller, list[str]]":
    from io import StringIO

    from openmm import unit
    from openmm.app import Modeller, PDBFile
    from pdbfixer import PDBFixer

    capped = cap(structure, termini)
    text = StringIO()
    PDBFile.writeFile(capped.topology, unit.Quantity(10.0 * capped.positions_nm, unit.angstrom), text, keepIds=True)
    text.seek(0)
    fixer = PDBFixer(pdbfile=text, platform=_cpu())
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    added = [
        f"{residue.chain.id}:{residue.name}{residue.id} {' '.join(names)}"
        for residue, names in (
            *((residue, [atom.name for atom in atoms]) for residue, atoms in fixer.missingAtoms.items()),
            *fixer.missingTerminals.items(),
        )
    ]
    fixer.addMissingAtoms(seed=seed)
    caps = [
        f"{residue.chain.id}:{residue.name}{residue.id}"
        for residue in fixer.topology.residues()
        if residue.name in CAPS
    ]
    notes = [f"capped where the segment was cut: {', '.join(caps)}"] if caps else []
    notes += [f"heavy atoms added: {'; '.join(added)}"] if added else []
    return Modeller(fixer.topology, fixer.positions), notes


def _bond_cysteines(modeller: "Modeller") -> list[str]:
    at = _positions(modeller)
    made, dropped = [], []
    for bond in modeller.topology.bonds():
        first, second = sorted(bond, key=lambda atom: atom.index)
        if first.name == second.name == "SG":
            distance = float(np.linalg.norm(at[first.index] - at[second.index]))
            (made if distance < LONGEST_DISULFIDE_NM else dropped).append((first, second, distance))
    modeller.delete([(first, second) for first, second, _ in dropped])
    return [
        f"disulfide {a.residue.chain.id}:{a.residue.id} - {b.residue.chain.id}:{b.residue.id} ({10 * d:.2f} Å)"
        for a, b, d in made
    ]


def _refuse_size(path: Path, modeller: "Modeller", settings: MdSettings) -> None:
    n_atoms = modeller.topology.getNumAtoms()
    if FORCE_FIELDS[settings.force_field].water_model is not None:
        at = _positions(modeller)
        diameter = 2.0 * float(np.linalg.norm(at - (at.min(axis=0) + at.max(axis=0)) / 2.0, axis=1).max())
        n_atoms = round(_ATOMS_PER_NM3 * _DODECAHEDRON * (diameter + settings.padding_nm) ** 3)
    if n_atoms > settings.max_atoms:
        raise InvalidStructure(
            f"{path}: about {n_atoms} atoms, more than max_atoms = {settings.max_atoms}",
            cure="trim long disordered tails (cuts are capped), take implicit solvent, or raise max_atoms",
        )


def _solvate(modeller: "Modeller", force_field: "ForceField", water_model: str, settings: MdSettings) -> None:
    from openmm import unit

    modeller.addSolvent(
        force_field,
        model=water_model,
        boxShape="dodecahedron",
        padding=unit.Quantity(10.0 * settings.padding_nm, unit.angstrom),
        ionicStrength=unit.Quantity(settings.ionic_strength_molar, unit.molar),
    )


def _positions(modeller: "Modeller") -> NDArray[np.float64]:
    from openmm import unit

    return np.array(modeller.positions.value_in_unit(unit.angstrom), dtype=np.float64).reshape(-1, 3) / 10.0


def _cpu() -> "Platform":
    from openmm import Platform

    return Platform.getPlatformByName("CPU")


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    platform = _cpu()
    wanted = {"Threads": "1", "DeterministicForces": "true"}
    before = {name: platform.getPropertyDefaultValue(name) for name in wanted}
    state = random.getstate()
    random.seed(seed)
    for name, value in wanted.items():
        platform.setPropertyDefaultValue(name, value)
    try:
        yield
    finally:
        random.setstate(state)
        for name, value in before.items():
            platform.setPropertyDefaultValue(name, value)
