"""What a run is: all that decides its numbers but its length, and the atoms it simulates."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from md.errors import DamagedCheckpoint, InvalidStructure
from md.settings import MdSettings

if TYPE_CHECKING:
    from openmm.app import Topology

__all__ = ["atoms_sha256", "identity_of", "refuse_another"]


def identity_of(
    structure: Path,
    settings: MdSettings,
    chains: Sequence[str] | None,
    true_termini: Mapping[str, tuple[bool, bool]] | None,
    replica: int,
) -> dict[str, object]:
    """Return what decides every number of a run, but for its length.

    Parameters
    ----------
    structure : Path
    settings : MdSettings
    chains : sequence of str or None
    true_termini : mapping of chain to (bool, bool) or None
    replica : int

    Returns
    -------
    dict
        Plain JSON values.

    Raises
    ------
    InvalidStructure
        ``unreadable``: the structure or a file of the force field.
    """
    try:
        content = structure.read_bytes()
        protocol = settings.determining()
    except OSError as error:
        raise InvalidStructure(f"{error.filename}: {error.strerror or error}", code="unreadable") from error
    del protocol["production_ps"]
    return {
        "structure_sha256": hashlib.sha256(content).hexdigest(),
        "settings": protocol,
        "chains": None if chains is None else list(chains),
        "true_termini": {chain: list(ends) for chain, ends in sorted((true_termini or {}).items())},
        "replica": replica,
    }


def refuse_another(path: Path, identity: dict[str, object]) -> None:
    """Refuse a folder in which another run was begun.

    Parameters
    ----------
    path : Path
        ``run.json`` of the folder; need not exist.
    identity : dict
        Of the run that is to be there.

    Raises
    ------
    DamagedCheckpoint
        ``another_run``.
    """
    if not path.exists():
        return
    cure = "give each run a folder of its own"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedCheckpoint(f"{path}: not JSON ({error})", code="another_run", cure=cure) from error
    if found != identity:
        raise DamagedCheckpoint(
            f"{path.parent} holds a run of another structure or protocol", code="another_run", cure=cure
        )


def atoms_sha256(topology: "Topology") -> str:
    """Sum up which atoms are simulated, and so in which protonation and with how much water.

    Parameters
    ----------
    topology : Topology

    Returns
    -------
    str
        SHA-256, hexadecimal, of chain, residue and name of each atom in order. A State fits a system only if these are
        the same, and another version of what adds water and hydrogens may add others.
    """
    digest = hashlib.sha256()
    for atom in topology.atoms():
        residue = atom.residue
        digest.update(f"{residue.chain.id} {residue.id} {residue.name} {atom.name}\n".encode())
    return digest.hexdigest()
