"""Differences of pLDDT against the definitions written as loops, and through the stages of a screen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.errors import InvalidInput
from screening.induced_folding import RISE, WINDOW, induced_folding
from screening.steps.baselines import baseline_kind


def test_constants() -> None:
    assert (WINDOW, RISE) == (10, 10.0)


def test_by_hand() -> None:
    alone = np.full(12, 40.0)
    in_complex = alone + np.array([0, 0, 20, 20, 20, 20, 20, 20, 20, 20, 20, 10.0])
    touched = np.zeros(12, dtype=bool)
    touched[[0, 2]] = True
    found = induced_folding(in_complex, alone, touched)
    assert found.mean == pytest.approx(190 / 12)
    assert found.median == 20.0
    assert found.maximum_window == 19.0  # residues 3 to 12: nine of 20 and one of 10
    assert found.fraction_risen == pytest.approx(9 / 12)  # a rise of exactly 10 does not count
    assert (found.n_interface, found.interface_mean, found.interface_median) == (2, 10.0, 10.0)
    assert found.interface_fraction_risen == 0.5
    assert found.interface_maximum_window == 19.0  # it holds residue 3, which has a contact


def test_a_window_without_contacts_does_not_count_at_the_interface() -> None:
    rise = np.concatenate([np.zeros(10), np.full(10, 30.0)])
    touched = np.zeros(20, dtype=bool)
    touched[0] = True
    found = induced_folding(50 + rise, np.full(20, 50.0), touched)
    assert (found.maximum_window, found.interface_maximum_window) == (30.0, 0.0)


def test_short_segments_have_one_window_and_no_interface_is_unknown() -> None:
    found = induced_folding(np.array([60.0, 70.0]), np.array([50.0, 50.0]), np.zeros(2, dtype=bool))
    assert (found.maximum_window, found.n_interface) == (15.0, 0)
    assert found.interface_mean is found.interface_median is found.interface_maximum_window is None
    assert found.interface_fraction_risen is None


@given(st.integers(0, 2**32 - 1))
def test_windows_equal_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 40))
    alone, bound = rng.uniform(0, 100, length), rng.uniform(0, 100, length)
    touched = rng.random(length) < 0.2
    found = induced_folding(bound, alone, touched)
    rise, width = bound - alone, min(10, length)
    starts = range(length - width + 1)
    assert found.maximum_window == pytest.approx(max(rise[i : i + width].mean() for i in starts))
    near = [rise[i : i + width].mean() for i in starts if touched[i : i + width].any()]
    assert found.interface_maximum_window == (pytest.approx(max(near)) if near else None)


def test_wrong_lengths_and_numbers_are_refused() -> None:
    touched = np.zeros(3, dtype=bool)
    with pytest.raises(InvalidInput, match="pLDDT of 3 residues in the complex, 2 of the reference"):
        induced_folding(np.zeros(3), np.zeros(2), touched)
    with pytest.raises(InvalidInput, match="pLDDT of 1 of 3 residues is not finite"):
        induced_folding(np.array([1.0, np.nan, 2.0]), np.zeros(3), touched)
    with pytest.raises(InvalidInput):
        induced_folding(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))


def test_kinds_of_baselines() -> None:
    assert baseline_kind("metapredict 3.1 V2", True) == "sequence"
    assert baseline_kind("AF-P00648-F1-model_v4.cif", False) == "monomer"
    assert baseline_kind("x.pdb (homodimer)", False) == "homodimer"
