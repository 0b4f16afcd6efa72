"""Neff: toys by hand, and a comparison of every two sequences letter by letter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.msa import parse_a3m, query_only
from screening.msa.depth import IDENTITY, measure_depth, sequence_weights


def weights_letter_by_letter(rows: list[str], identity: float) -> list[float]:
    weights = []
    for x in rows:
        near = 0
        for y in rows:
            either = [(p, q) for p, q in zip(x, y, strict=True) if p != "-" or q != "-"]
            near += bool(either) and sum(p == q for p, q in either) / len(either) >= identity - 1e-9
        weights.append(1 / near if near else 0.0)
    return weights


def as_columns(rows: list[str]) -> np.ndarray:
    return np.array([list(row.encode()) for row in rows], dtype=np.uint8)


def test_constant():
    assert IDENTITY == 0.8


def test_by_hand():
    # Rows 0-2 are within 80 % of each other (8 of 10, 8 of 10, but 6 of 10 between 1 and 2); row 3 is alone.
    rows = ["AAAAAAAAAA", "CCAAAAAAAA", "AAAAAAAACC", "GGGGGGGGGG"]
    assert sequence_weights(as_columns(rows)).tolist() == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1])
    # Half a sequence equals the other half only over the columns where either has a residue: 5 of 10.
    assert sequence_weights(as_columns(["AAAAAAAAAA", "AAAAA-----"])).tolist() == [1, 1]
    assert sequence_weights(as_columns(["AAAAAAAAAA", "AAAAAAAA--", "AAAAAAAA--"])).tolist() == pytest.approx(
        [1 / 3] * 3
    )


def test_measures():
    depth = measure_depth(parse_a3m(">q\nMKVLD\n>a OX=1\nMKVLa-\n>b OX=1\nGG---\n>c OX=2\nHHH--\n>d\nMKVLD\n"))
    # q, a and d are near copies (4 of 5 columns); b and c stand alone: weights 1/3 x 3, 1, 1. Per residue: 3, 3, 2, 1,
    # and 2/3 in the last column, where a, b and c have gaps.
    assert (depth.rows, depth.n_taxa) == (5, 2)
    assert depth.neff == pytest.approx(3)
    assert depth.median_residue_neff == pytest.approx(2)
    alone = measure_depth(query_only("MKV"))
    assert (alone.rows, alone.neff, alone.median_residue_neff, alone.n_taxa) == (1, 1.0, 1.0, 0)


@settings(deadline=None)
@given(
    st.integers(1, 140).flatmap(lambda n: st.lists(st.text("AC-", min_size=n, max_size=n), min_size=1, max_size=12)),
    st.sampled_from([0.5, 0.62, 0.8, 1.0]),
)
def test_as_letter_by_letter(rows, identity):
    assert sequence_weights(as_columns(rows), identity).tolist() == pytest.approx(
        weights_letter_by_letter(rows, identity)
    )


def test_more_than_one_block():
    generator = np.random.default_rng(0)
    query = generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 70)
    rows = []
    for i in range(400):
        row = np.where(generator.random(70) < 0.3 * i / 400, generator.choice(list("ACDEFGHIKLMNPQRSTVWYX"), 70), query)
        row[: generator.integers(0, 30)] = "-"
        rows.append("".join(row))
    assert sequence_weights(as_columns(rows)).tolist() == pytest.approx(weights_letter_by_letter(rows, 0.8))
