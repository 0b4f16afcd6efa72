import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.keys import canonical_json, content_key

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.dictionaries(st.text(), scalars | st.lists(scalars), max_size=6)


def test_key_is_the_hash_of_the_canonical_text():
    text = '["score",2,{"n":1},{"structure":"abc"},{"x":0.5}]'
    assert (
        content_key("score", 2, {"n": 1}, {"structure": "abc"}, {"x": 0.5}) == hashlib.sha256(text.encode()).hexdigest()
    )


@given(values)
def test_order_of_names_is_no_part_of_the_key(mapping):
    backwards = dict(reversed(list(mapping.items())))
    assert content_key("s", 1, mapping, {}, {}) == content_key("s", 1, backwards, {}, {})


@given(values, values)
def test_different_inputs_have_different_keys(a, b):
    assert (content_key("s", 1, a, {}, {}) == content_key("s", 1, b, {}, {})) == (
        canonical_json(a) == canonical_json(b)
    )


@pytest.mark.parametrize(
    "other", [("t", 1, {}, {}, {}), ("s", 2, {}, {}, {}), ("s", 1, {}, {"r": "k"}, {}), ("s", 1, {}, {}, {"x": 1})]
)
def test_every_part_counts(other):
    assert content_key(*other) != content_key("s", 1, {}, {}, {})


def test_not_a_number_has_no_key():
    with pytest.raises(ValueError):
        content_key("s", 1, {"x": float("nan")}, {}, {})
