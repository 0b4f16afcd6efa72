"""Protonation by PROPKA: pKa values from the structure, and the states of histidines that follow from them.

A histidine whose pKa is above the pH gets both its hydrogens; any other is neutral, on the nitrogen that hydrogen
bonds favour. All other titratable groups are simulated in their usual states, and those that PROPKA sees in another
one are named. PROPKA 3: Olsson et al. 2011, doi 10.1021/ct100578z; an error of about one unit is to be expected.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from md.errors import InvalidStructure, Unavailable
from md.residues import CAPS

if TYPE_CHECKING:
    from openmm.app import Topology

__all__ = ["Titrated", "as_simulated", "histidines", "notes_on", "titrate"]

CHARGED, NEUTRAL = "charged", "neutral"
_ACIDS = frozenset({"ASP", "GLU", "C-", "CYS", "TYR"})  # charged above their pKa; the other groups below it
_USUAL: dict[str, str] = {
    **dict.fromkeys(("ASP", "GLU", "C-", "LYS", "ARG", "N+"), CHARGED),
    **dict.fromkeys(("CYS", "TYR"), NEUTRAL),
}
_STATE_OF: dict[str, str] = {
    **dict.fromkeys(("HID", "HIE", "ASH", "GLH", "LYN"), NEUTRAL),
    **dict.fromkeys(("HIP", "HIN", "CYX"), CHARGED),
}


@dataclass(frozen=True)
class Titrated:
    """One titratable group.

    Parameters
    ----------
    chain : str
    residue : int
        Number in the structure.
    group : str
        Residue name, or ``N+`` and ``C-`` for the ends of a chain.
    pka, model_pka : float
        In the structure, and of the group alone in water.
    predicted, simulated : str
        ``charged`` or ``neutral``: at this pH by the pKa, and in the simulation.
    """

    chain: str
    residue: int
    group: str
    pka: float
    model_pka: float
    predicted: str
    simulated: str


def titrate(topology: "Topology", positions_nm: NDArray[np.float64], ph: float) -> tuple[str, tuple[Titrated, ...]]:
    """Compute pKa values.

    Parameters
    ----------
    topology : Topology
        Heavy atoms of proteins, with their caps and zincs, without water.
    positions_nm : float64 (n_atoms, 3)
    ph : float

    Returns
    -------
    program : str
        Name and version.
    groups : tuple of Titrated
        In the order of the structure; `simulated` is what `predicted` is until `as_simulated` says otherwise.

    Raises
    ------
    InvalidStructure
        ``propka``: it fails, or says nothing of a histidine.
    Unavailable
        ``propka``: it is not installed.
    """
    try:
        from propka.run import single
    except ImportError as error:
        raise Unavailable(
            f'protonation = "propka" needs the package propka, which is not installed ({error})',
            code="propka",
            cure='pip install propka, or set protonation = "standard"',
        ) from error
    cure = 'set protonation = "standard", and variants where another state is known'
    try:
        text = io.StringIO(_pdb(topology, positions_nm))
        groups = single("structure.pdb", ["--quiet"], text, write_pka=False).conformations["AVR"].groups
    except Exception as error:  # whatever a structure provokes that it cannot read
        raise InvalidStructure(f"propka fails: {type(error).__name__}: {error}", code="propka", cure=cure) from error
    found = []
    for group in groups:
        kind, pka = group.residue_type, float(group.pka_value)
        if kind == "HIS" or kind in _USUAL:
            state = CHARGED if (pka < ph) == (kind in _ACIDS) else NEUTRAL
            place = group.atom.chain_id, group.atom.res_num
            found.append(Titrated(*place, kind, pka, float(group.model_pka), state, state))
    known = {(each.chain, each.residue) for each in found if each.group == "HIS" and np.isfinite(each.pka)}
    for residue in topology.residues():
        if residue.name == "HIS" and (residue.chain.id, int(residue.id)) not in known:
            raise InvalidStructure(
                f"propka gives no pKa of {residue.chain.id}:HIS{residue.id}", code="propka", cure=cure
            )
    return f"PROPKA {version('propka')}", tuple(found)


def histidines(groups: Iterable[Titrated]) -> dict[tuple[str, str], str]:
    """Return the histidines with both hydrogens, as `Modeller.addHydrogens` takes them.

    Parameters
    ----------
    groups : iterable of Titrated

    Returns
    -------
    dict of (chain, residue number) to str
        ``HIP``; those that are not named are neutral.
    """
    both = [each for each in groups if each.group == "HIS" and each.predicted == CHARGED]
    return {(each.chain, str(each.residue)): "HIP" for each in both}


def as_simulated(groups: Iterable[Titrated], chosen: Mapping[tuple[str, str], str]) -> tuple[Titrated, ...]:
    """Put in the states that are simulated.

    Parameters
    ----------
    groups : iterable of Titrated
    chosen : mapping of (chain, residue number) to str
        Variants of all histidines and of what else was decided otherwise than by its name.

    Returns
    -------
    tuple of Titrated
    """

    def state(each: Titrated) -> str:
        variant = chosen.get((each.chain, str(each.residue)), "")
        side_chain = each.group not in ("N+", "C-")
        return _STATE_OF[variant] if side_chain and variant in _STATE_OF else _USUAL[each.group]

    return tuple(replace(each, simulated=state(each)) for each in groups)


def notes_on(program: str, ph: float, groups: Sequence[Titrated], chosen: Mapping[tuple[str, str], str]) -> list[str]:
    """Say what was decided, and where PROPKA sees another state than is simulated.

    Parameters
    ----------
    program : str
        Name and version.
    ph : float
    groups : sequence of Titrated
        As simulated.
    chosen : mapping of (chain, residue number) to str
        Variants of the histidines that were decided by their pKa.

    Returns
    -------
    list of str
    """
    decided = [
        f"{each.chain}:{each.residue} {chosen[each.chain, str(each.residue)]} (pKa {each.pka:.2f})"
        for each in groups
        if each.group == "HIS" and (each.chain, str(each.residue)) in chosen
    ]
    others = [
        f"{each.chain}:{each.group}{each.residue} {each.simulated} (pKa {each.pka:.2f})"
        for each in groups
        if each.predicted != each.simulated
    ]
    notes = [f"histidines by {program} at pH {ph:g}: {', '.join(decided)}"] if decided else []
    return notes + ([f"simulated otherwise than {program} predicts: {', '.join(others)}"] if others else [])


def _pdb(topology: "Topology", positions_nm: NDArray[np.float64]) -> str:
    """Write PDB in which caps are parts of their chains: PROPKA would take residues after a hetero group for ends."""
    from openmm import unit
    from openmm.app import PDBFile

    text = io.StringIO()
    PDBFile.writeFile(topology, unit.Quantity(10.0 * positions_nm, unit.angstrom), text, keepIds=True)
    lines = text.getvalue().splitlines(keepends=True)
    return "".join("ATOM  " + line[6:] if line[17:20] in CAPS and line[:6] == "HETATM" else line for line in lines)
