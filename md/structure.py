"""Read a predicted protein structure."""

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure

if TYPE_CHECKING:
    from openmm.app import Atom, Chain, Modeller, PDBFile, PDBxFile, Residue, Topology

__all__ = ["Structure", "atoms_named", "positions_nm_of", "read", "residue_name"]


@dataclass(frozen=True)
class Structure:
    """Heavy atoms of a protein.

    Parameters
    ----------
    topology : Topology
        Chains with their identifiers and residue numbers, without hydrogens.
    positions_nm : ndarray (n_atoms, 3), float64
    source : Path
        The file it came from, for messages.
    notes : tuple of str
        What of the file was left out: other models, other locations of the same atoms.
    """

    topology: "Topology"
    positions_nm: NDArray[np.float64]
    source: Path
    notes: tuple[str, ...] = ()


def read(path: Path, chains: Sequence[str] | None = None) -> Structure:
    """Read the first model of a PDB or mmCIF file, one location of each atom, without hydrogens.

    Parameters
    ----------
    path : Path
        ``.pdb``, ``.ent``, ``.cif`` or ``.mmcif``, each also with ``.gz``.
    chains : sequence of str, optional
        Keep only these chains; all by default.

    Returns
    -------
    Structure

    Raises
    ------
    InvalidStructure
        If the file cannot be read (``unreadable``), has no atoms (``no_atoms``) or lacks a chain that is asked for
        (``no_chain``).
    """
    from openmm.app import Modeller, PDBFile, PDBxFile

    readers = {".pdb": PDBFile, ".ent": PDBFile, ".cif": PDBxFile, ".mmcif": PDBxFile}
    compressed = path.suffix.lower() == ".gz"
    reader = readers.get((path.with_suffix("") if compressed else path).suffix.lower())
    if reader is None:
        raise InvalidStructure(f"{path}: not one of {', '.join(readers)}, plain or .gz", code="unreadable")
    try:
        with gzip.open(path, "rt") if compressed else path.open() as handle:
            text = handle.read()
        file = reader(io.StringIO(text))
    except OSError as error:
        raise InvalidStructure(f"{path}: {error.strerror or error}", code="unreadable") from error
    except Exception as error:  # OpenMM's parsers raise whatever the bad line provokes
        raise InvalidStructure(f"{path}: not a readable structure file ({error})", code="unreadable") from error
    if file.topology.getNumAtoms() == 0:
        raise InvalidStructure(f"{path}: no atoms", code="no_atoms")
    modeller = Modeller(file.topology, file.positions)
    present = [chain.id for chain in modeller.topology.chains()]
    if chains is not None:
        if not chains:
            raise InvalidStructure(f"{path}: no chain is asked for", code="no_chain", cure="name one or more chains")
        if unknown := sorted(set(chains) - set(present)):
            raise InvalidStructure(
                f"{path}: no chain {', '.join(unknown)}; it has {', '.join(map(str, present))}", code="no_chain"
            )
        modeller.delete([chain for chain in modeller.topology.chains() if chain.id not in chains])
    modeller.delete([a for a in modeller.topology.atoms() if a.element is None or a.element.symbol in ("H", "D")])
    return Structure(modeller.topology, positions_nm_of(modeller), path, _left_out(text, file))


def positions_nm_of(modeller: "Modeller") -> NDArray[np.float64]:
    """Return the positions of a Modeller.

    Parameters
    ----------
    modeller : Modeller

    Returns
    -------
    float64 (n_atoms, 3)
        nm.
    """
    from openmm import unit

    return np.array(modeller.positions.value_in_unit(unit.angstrom), dtype=np.float64).reshape(-1, 3) / 10.0


def atoms_named(chain: "Chain", name: str) -> list["Atom"]:
    """Return the atom of a name in each residue of a chain.

    Parameters
    ----------
    chain : Chain
        Each residue has one.
    name : str

    Returns
    -------
    list of Atom
    """
    return [next(atom for atom in residue.atoms() if atom.name == name) for residue in chain.residues()]


def residue_name(residue: "Residue") -> str:
    """Return ``chain:NAMEnumber``.

    Parameters
    ----------
    residue : Residue

    Returns
    -------
    str
    """
    return f"{residue.chain.id}:{residue.name}{residue.id}"


def _left_out(text: str, file: "PDBFile | PDBxFile") -> tuple[str, ...]:
    """Say which models and atoms of a file OpenMM's readers pass over without a word."""
    n_models = file.getNumFrames()
    n_lines = sum(line.startswith(("ATOM", "HETATM")) for line in text.splitlines())
    n_taken = sum(len(file.getPositions(frame=model)) for model in range(n_models))  # pyright: ignore[reportArgumentType]
    others = n_lines - n_taken
    notes = [f"the first of {n_models} models in the file"] if n_models > 1 else []
    if others > 0:
        notes.append(f"{others} atoms of the file are other locations of atoms that are taken, and left out")
    return tuple(notes)
