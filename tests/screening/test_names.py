"""What is said of a name that is not there."""

import pytest

from screening.names import no_such


@pytest.mark.parametrize(
    ("typed", "known", "cure"),
    [
        ("ebf", ["PAX/1", "EBF1"], "did you mean EBF1?"),  # another case, and nearest by difflib
        # Too far for difflib, but part of the name.
        ("b cell", ["NK", "simulated B cell"], "did you mean simulated B cell?"),
        ("a", ["bcde_a1", "bcde_a2", "bcde_a3", "bcde_a4"], "did you mean bcde_a1 or bcde_a2 or bcde_a3?"),
        ("x", ["ab", "ac", "ab"], "it has ab, ac"),
        ("", ["ab"], "it has ab"),
        ("x", [], "it has none"),
        ("x", [f"n{number:02d}" for number in range(20)], "and 8 more"),
    ],
)
def test_the_cure_has_the_names_that_may_have_been_meant(typed: str, known: list[str], cure: str) -> None:
    error = no_such("nothing", typed, known)
    assert str(error) == "nothing"
    assert error.__notes__[0].endswith(cure)
