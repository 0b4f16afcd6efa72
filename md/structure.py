"""Read a predicted protein structure."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure

if TYPE_CHECKING:
    from openmm.app import Topology

__all__ = ["Structure", "read"]


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
    """

    topology: "Topology"
    positions_nm: NDArray[np.float64]
    source: Path


def read(path: Path, chains: Sequence[str] | None = None) -> Structure:
    """Read the first model of a PDB or mmCIF file, without its hydrogens.

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
    from openmm import unit
    from openmm.app import Modeller, PDBFile, PDBxFile

    readers = {".pdb": PDBFile, ".ent": PDBFile, ".cif": PDBxFile, ".mmcif": PDBxFile}
    compressed = path.suffix.lower() == ".gz"
    reader = readers.get((path.with_suffix("") if compressed else path).suffix.lower())
    if reader is None:
        raise InvalidStructure(f"{path}: not one of {', '.join(readers)}, plain or .gz", code="unreadable")
    try:
        with gzip.open(path, "rt") if compressed else path.open() as handle:
            file = reader(handle)
    except OSError as error:
        raise InvalidStructure(f"{path}: {error.strerror or error}", code="unreadable") from error
    except Exception as error:  # OpenMM's parsers raise whatever the bad line provokes
        raise InvalidStructure(f"{path}: not a readable structure file ({error})", code="unreadable") from error
    if file.topology.getNumAtoms() == 0:
        raise InvalidStructure(f"{path}: no atoms", code="no_atoms")
    modeller = Modeller(file.topology, file.positions)
    present = [chain.id for chain in modeller.topology.chains()]
    if chains is not None:
        if unknown := sorted(set(chains) - set(present)):
            raise InvalidStructure(
                f"{path}: no chain {', '.join(unknown)}; it has {', '.join(map(str, present))}", code="no_chain"
            )
        modeller.delete([chain for chain in modeller.topology.chains() if chain.id not in chains])
    modeller.delete([a for a in modeller.topology.atoms() if a.element is None or a.element.symbol in ("H", "D")])
    positions = np.array(modeller.positions.value_in_unit(unit.angstrom), dtype=np.float64).reshape(-1, 3) / 10.0
    return Structure(modeller.topology, positions, path)
