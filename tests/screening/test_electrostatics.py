"""Charges across an interface against pairs counted by hand and the Bjerrum length from constants of nature."""

from math import pi

import numpy as np
import pytest

from screening.electrostatics import BJERRUM_ANGSTROM, CHARGED_ATOMS, CHARGES, PH, charged_atoms, interface_charges
from screening.structure_file import Atoms


def test_constants() -> None:
    # CODATA 2018 exact values and the vacuum permittivity; 78.4 is the dielectric constant of water at 298.15 K.
    charge, permittivity, boltzmann = 1.602176634e-19, 8.8541878128e-12, 1.380649e-23
    bjerrum = charge**2 / (4 * pi * permittivity * 78.4 * boltzmann * 298.15) * 1e10
    assert bjerrum == pytest.approx(BJERRUM_ANGSTROM, abs=0.005)
    assert PH == 7.4
    assert CHARGES == {"D": -1, "E": -1, "K": 1, "R": 1}
    assert CHARGED_ATOMS.keys() == CHARGES.keys()


def chains(*placed: tuple[str, float]) -> tuple[str, Atoms]:
    """Residues on a line, each with CA and its charged atoms at one place."""
    names, residue, x = [], [], []
    for k, (letter, place) in enumerate(placed):
        for name in ("CA", *CHARGED_ATOMS.get(letter, ())):
            names.append(name)
            residue.append(k)
            x.append(place)
    xyz = np.zeros((len(x), 3))
    xyz[:, 0] = x
    return "".join(letter for letter, _ in placed), Atoms(tuple(names), np.array(residue), xyz, np.zeros(len(x)))


def test_pairs_by_hand() -> None:
    # Chain a: K at 0, D at 100, A at 200; chain b: E at 7.1 (attracts K), E at 7.2 (too far), D at 107 (repels D),
    # R at 93 (attracts D), K at 200 (beside an uncharged residue), H at 0 (counts as neutral).
    placed = [("K", 0.0), ("D", 100.0), ("A", 200.0)]
    placed += [("E", 7.1), ("E", 7.2), ("D", 107.0), ("R", 93.0), ("K", 200.0), ("H", 0.0)]
    sequence, atoms = chains(*placed)
    contacts = np.logical_and.outer([True, True, False], [True, False, True, True, False, True])
    found = interface_charges(sequence[:3], sequence[3:], atoms, slice(0, 3), slice(3, 9), contacts)
    assert (found.n_opposite, found.n_like) == (2, 1)
    assert found.complementarity == pytest.approx(1 / 3)
    assert (found.charge_a, found.charge_b) == (0, -1)


def test_a_pair_counts_once_however_many_atoms_are_near() -> None:
    sequence, atoms = chains(("R", 0.0), ("D", 1.0))
    one = np.ones((1, 1), dtype=bool)
    found = interface_charges(sequence[0], sequence[1], atoms, slice(0, 1), slice(1, 2), one)
    assert (found.n_opposite, found.complementarity) == (1, 1.0)
    assert len(charged_atoms("R", atoms, slice(0, 1))[0]) == 3


def test_without_charges_it_is_unknown_not_zero() -> None:
    sequence, atoms = chains(("A", 0.0), ("D", 1.0))
    none = np.zeros((1, 1), dtype=bool)
    found = interface_charges(sequence[0], sequence[1], atoms, slice(0, 1), slice(1, 2), none)
    assert (found.n_opposite, found.n_like, found.complementarity) == (0, 0, None)
