from hypothesis import given
from hypothesis import strategies as st

from screening.selection import choose

VALUES = {"a": 0.2, "b": 0.9, "c": None, "d": 0.9, "e": 0.5}


def test_best_first_ties_by_key_and_reasons():
    choices = choose(VALUES, metric="pdockq", minimum=0.3, limit=2)
    assert [(c.structure, c.selected, c.rank) for c in choices] == [
        ("b", True, 1),
        ("d", True, 2),
        ("e", False, 3),
        ("a", False, 4),
        ("c", False, None),
    ]
    assert choices[2].reason == "rank 3 by pdockq is beyond the limit of 2"
    assert choices[3].reason == "pdockq 0.2 is below 0.3"
    assert choices[4].reason == "pdockq is NULL"


@given(st.dictionaries(st.text(max_size=3), st.none() | st.floats(0, 1)), st.floats(0, 1), st.integers(0, 5))
def test_never_too_many_and_never_a_worse_one_before_a_better(values, minimum, limit):
    choices = choose(values, metric="m", minimum=minimum, limit=limit)
    assert len(choices) == len(values)
    taken = [c.value for c in choices if c.selected]
    left = [c.value for c in choices if not c.selected and c.value is not None and c.value >= minimum]
    assert len(taken) <= limit
    assert not left or (len(taken) == limit and (not taken or min(taken) >= max(left)))
