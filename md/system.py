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

from md.caps import cap
from md.checks import check
from md.cost import measured
from md.errors import InvalidStructure
from md.forcefields import ForceFieldEntry
from md.protonation import add_hydrogens
from md.residues import CAPS
from md.settings import HYDROGEN_MASS_AMU, MdSettings
from md.size import box_vectors_nm, estimate, refuse_size
from md.structure import Structure, positions_nm_of, read
from md.titration import Titrated
from md.zinc import Finger, add_zinc, bonds_to_zinc, elastic_network, find_fingers

if TYPE_CHECKING:
    from openmm import Platform, System
    from openmm.app import ForceField, Modeller, Topology

__all__ = ["PreparedSystem", "prepare"]

LONGEST_DISULFIDE_NM = 0.25  # an S-S bond is 0.203 (Engh & Huber 1991); OpenMM itself bonds up to 0.30


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
        Atoms of the protein, its caps and its zincs.
    notes : tuple of str
        What was decided on the way: caps, clashes, added atoms, histidines, disulfides, zinc.
    titration : tuple of Titrated
        pKa and state of each titratable group; empty with ``protonation = "standard"``, which knows none.
    """

    topology: "Topology"
    positions_nm: NDArray[np.float64]
    system: "System"
    n_solute: int
    notes: tuple[str, ...]
    titration: tuple[Titrated, ...] = ()


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
        The structure must not be simulated (`md.checks.check`); a finger has no place for its zinc (``zinc_finger``);
        a name is not one of the structure's (``no_chain``, ``no_residue``), or a variant none of its residue's
        (``no_variant``); the force field does not know a residue
        (``force_field``); PROPKA fails (``propka``); the system would exceed
        ``settings.max_atoms`` (``too_large``).
    Unavailable
        PROPKA is wanted and not installed.
    """
    structure = read(path, chains)
    notes = [*structure.notes, *check(structure, max_clashes=settings.max_clashes)]
    present = {chain.id for chain in structure.topology.chains()}
    termini = dict(true_termini or {})
    if unknown := sorted(set(termini) - present):
        raise InvalidStructure(
            f"{path}: true_termini names chain {', '.join(unknown)}, which is not simulated",
            code="no_chain",
            cure=f"it has {', '.join(sorted(present))}",
        )
    if not settings.caps:
        termini = dict.fromkeys(present, (True, True))
    refuse_size(path, estimate(structure.positions_nm, settings, measured()), settings)
    entry = settings.force_field_entry()
    force_field = entry.load()
    placed, held, said = _zinc(structure, settings, entry)
    seed = settings.derived_seed(0, "prepare")
    with _repeatable(seed):
        modeller, changes = _complete(structure, termini, seed)
        notes += changes + said
        notes += _bond_cysteines(modeller, placed, settings)
        if placed:
            modeller = _with_zinc(modeller, placed)
        try:
            said, titration = add_hydrogens(modeller, force_field, settings, placed)
            notes += said
            n_solute = modeller.topology.getNumAtoms()
            if entry.water_model is not None:
                _solvate(modeller, force_field, entry.water_model, settings)
            mass = HYDROGEN_MASS_AMU if settings.heavy_hydrogens else None
            system = entry.build(force_field, modeller.topology, mass)
        except ValueError as error:  # OpenMM: "No template found for residue ..."
            if isinstance(error, InvalidStructure):
                raise
            raise InvalidStructure(
                f"{path}: {settings.force_field} cannot describe it: {error}",
                code="force_field",
                cure="correct the atoms of that residue: none too many, none of another name; OXT ends chains only; "
                "a chain of one residue needs caps",
            ) from error
    if placed:
        system.addForce(bonds_to_zinc(modeller.topology, placed))
    if held:
        system.addForce(elastic_network(modeller.topology, positions_nm_of(modeller), held))
    return PreparedSystem(modeller.topology, positions_nm_of(modeller), system, n_solute, tuple(notes), titration)


def _zinc(
    structure: Structure, settings: MdSettings, entry: ForceFieldEntry
) -> tuple[list[Finger], list[Finger], list[str]]:
    """Return the fingers that get a zinc, those that are held, and what is said about them."""
    if settings.zinc_fingers == "ignore":
        return [], [], []
    fingers = find_fingers(structure.topology, structure.positions_nm)
    explicit = entry.water_model is not None
    placed = [finger for finger in fingers if explicit and finger.zinc_nm is not None]
    held = [finger for finger in fingers if finger not in placed]
    reason = "four ligands do not stand round one point" if explicit else "implicit solvent has no zinc"
    if held and settings.zinc_fingers == "refuse":
        first = held[0]
        raise InvalidStructure(
            f"{structure.source}: {len(held)} zinc fingers without a place for their zinc, first {first.name} "
            f"(misfit {10 * first.misfit_nm:.2f} Å): {reason}",
            code="zinc_finger",
            cure='use a model with a folded finger, or set zinc_fingers = "hold"',
        )
    notes = [
        f"zinc placed in {finger.name}, misfit {10 * finger.misfit_nm:.2f} Å; harmonic bonds hold it"
        for finger in placed
    ]
    return placed, held, notes + [f"zinc finger {finger.name} held as a body: {reason}" for finger in held]


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


def _bond_cysteines(modeller: "Modeller", placed: Sequence[Finger], settings: MdSettings) -> list[str]:
    """Keep the disulfides that are wanted of those OpenMM makes, and report every close pair."""
    at = positions_nm_of(modeller)
    bound = {(finger.chain, str(number)) for finger in placed for number in finger.ligands[:2]}
    dropped, notes = [], []
    for bond in modeller.topology.bonds():
        first, second = sorted(bond, key=lambda atom: atom.index)
        if first.name == second.name == "SG":
            distance = float(np.linalg.norm(at[first.index] - at[second.index]))
            close = distance < LONGEST_DISULFIDE_NM
            zinc = any((atom.residue.chain.id, atom.residue.id) in bound for atom in bond)
            made = settings.disulfides and close and not zinc
            if not made:
                dropped.append((first, second))
            if close:
                pair = f"{first.residue.chain.id}:{first.residue.id} - {second.residue.chain.id}:{second.residue.id}"
                why = "" if made else " not bonded: " + ("a ligand of zinc" if zinc else "disulfides = false")
                notes.append(f"disulfide {pair} ({10 * distance:.2f} Å){why}")
    modeller.delete(dropped)
    return notes


def _with_zinc(modeller: "Modeller", placed: Sequence[Finger]) -> "Modeller":
    from openmm import unit
    from openmm.app import Modeller

    topology, positions = add_zinc(modeller.topology, positions_nm_of(modeller), placed)
    return Modeller(topology, unit.Quantity(10.0 * positions, unit.angstrom))


def _solvate(modeller: "Modeller", force_field: "ForceField", water_model: str, settings: MdSettings) -> None:
    from openmm import Vec3, unit

    vectors = [Vec3(*vector.tolist()) for vector in 10.0 * box_vectors_nm(positions_nm_of(modeller), settings)]
    modeller.addSolvent(
        force_field,
        model=water_model,
        boxVectors=unit.Quantity(vectors, unit.angstrom),
        ionicStrength=unit.Quantity(settings.ionic_strength_molar, unit.molar),
    )


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
