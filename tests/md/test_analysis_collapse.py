"""The difference of a chain in the complex and alone, by hand."""

import numpy as np
import pytest

from md.analysis.collapse import Run, difference
from md.series import Metric


def run(mean: float | None, error: float | None, completed_ps: float = 1000.0) -> Run:
    return Run(completed_ps, Metric("radius_of_gyration_A", "nm", mean, mean, mean, error, 10.0))


def test_difference_by_hand():
    # The complex's replicas agree within their errors, those of the chain alone do not: s / sqrt(2) = 0.2.
    found = difference([run(1.5, 0.04), run(1.5, 0.03)], [run(2.0, 0.01), run(2.4, 0.01)])
    assert found.in_complex == 1.5 and found.alone == pytest.approx(2.2)
    assert found.difference == pytest.approx(-0.7)
    assert found.standard_error == pytest.approx(np.hypot(0.05 / 2.0, 0.2))
    assert found.z == pytest.approx(-0.7 / np.hypot(0.025, 0.2))


@pytest.mark.parametrize(
    ("in_complex", "alone", "reason"),
    [
        ([run(1.0, 0.1)], [], "1 replicas of the complex, 0 of the chain alone"),
        ([], [], "0 replicas"),
        ([run(1.0, 0.1)], [run(1.0, 0.1, 500.0)], "lengths differ, from 500 to 1000 ps"),
        ([run(1.0, 0.1)], [run(None, None)], "the mean of a replica is withheld"),
    ],
)
def test_what_cannot_be_compared_is_withheld(in_complex: list[Run], alone: list[Run], reason: str):
    found = difference(in_complex, alone)
    assert (found.difference, found.standard_error, found.z) == (None, None, None)
    assert reason in found.note
