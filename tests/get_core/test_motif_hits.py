"""The inverted index and the coarse score: hits equal those of scoring every place, by NumPy and by lightmotif."""

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from get_core.motif_hits import (
    BLOCK,
    FLANK,
    LONGEST_WORD,
    PLACE_BITS,
    SHORTEST_WORD,
    _by_word,
    _telling,
    encode,
    find_hits,
    kmer_index,
    sum_apart,
)

Hit = tuple[int, int, int]
"""Score, place, width."""

Case = tuple[np.ndarray, list[np.ndarray], list[int], list[int], int]


def found(letters: np.ndarray, losses: list[np.ndarray], limits: list[int], bests: list[int], k: int) -> list[Hit]:
    widest = max(len(loss) for loss in losses)
    margin, width_bits, top = widest + 2 * LONGEST_WORD, widest.bit_length(), max(bests)
    unknown = np.full(margin, 4, np.uint8)
    index = kmer_index(np.concatenate([unknown, letters, unknown]), margin, k)
    ends = np.cumsum([0] + [len(loss) for loss in losses])
    together = np.concatenate(losses).astype(np.int32)
    numbers = np.sort(find_hits(index, together, ends, np.array(limits), np.array(bests), top, width_bits)).tolist()
    return [
        (
            top - (number >> PLACE_BITS + width_bits),
            (number >> width_bits) % 2**PLACE_BITS - margin,
            number % 2**width_bits,
        )
        for number in numbers
    ]


def scored_everywhere(letters: np.ndarray, losses: list[np.ndarray], limits: list[int], bests: list[int]) -> list[Hit]:
    hits = []
    for loss, limit, best in zip(losses, limits, bests, strict=True):
        count = max(0, len(letters) - len(loss) + 1)
        lost = np.zeros(count, np.int64)
        for column, row in enumerate(loss):
            lost += np.append(row, limit + 1)[letters[column : column + count]]
        hits += [(best - int(lost[place]), place, len(loss)) for place in np.flatnonzero(lost <= limit).tolist()]
    return sorted(hits, key=lambda hit: (-hit[0], hit[1], hit[2]))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    unknown = draw(st.sampled_from([0.0, 0.02, 0.3]))
    size = draw(st.one_of(st.integers(1, 400), st.integers(BLOCK - 200, 2 * BLOCK)))
    letters = rng.choice(5, size, p=[*[(1 - unknown) / 4] * 4, unknown]).astype(np.uint8)
    losses, limits, bests = [], [], []
    for _ in range(draw(st.integers(1, 4))):
        width = draw(st.one_of(st.integers(1, 12), st.integers(13, 60)))
        # Few different losses make ties; one letter of each column loses nothing.
        loss = rng.integers(0, draw(st.sampled_from([2, 20, 2000])), (width, 4))
        loss[np.arange(width), rng.integers(0, 4, width)] = 0
        if draw(st.booleans()):
            loss[rng.random(width) < 0.5] = 0  # columns that say nothing
        losses.append(loss)
        limits.append(int(loss.mean(axis=1).sum() * draw(st.sampled_from([0, 0.3, 0.7, 1.2]))))
        bests.append(limits[-1] + int(rng.integers(1, 50)))
    # Matches of every matrix, so that strict limits are met too.
    for loss in losses:
        place = int(rng.integers(0, max(1, len(letters) - len(loss))))
        letters[place : place + len(loss)] = loss.argmin(axis=1)[: len(letters) - place]
    return letters, losses, limits, bests, draw(st.integers(0, LONGEST_WORD))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_hits_are_those_of_scoring_every_place(case: Case) -> None:
    letters, losses, limits, bests, k = case
    assert found(letters, losses, limits, bests, k) == scored_everywhere(letters, losses, limits, bests)


def test_letters_are_numbers() -> None:
    text = bytes(range(256))
    expected = [
        "ACGT".find(letter) % 5 for letter in text.decode("latin-1").translate({97: 65, 99: 67, 103: 71, 116: 84})
    ]
    assert encode(np.frombuffer(text, np.uint8)).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(SHORTEST_WORD, LONGEST_WORD))
def test_hits_are_the_same_on_both_sides_of_the_choice_between_words_and_places(case: Case, k: int) -> None:
    letters, losses, *_ = case
    loss = losses[0].astype(np.int32)
    length = min(k, len(loss))
    tables = np.empty((4, 4**FLANK), np.int32)

    def by_place(limit: int) -> bool:
        return not _by_word(loss, limit, _telling(loss, length), length, tables)

    # The higher the limit, the more words may match; at the highest loss there is, all do.
    border = bisect_left(range(loss.max(axis=1).sum()), True, key=by_place)
    assert by_place(border)
    assume(border > 0)
    assert not by_place(border - 1)
    for limit in (border - 1, border):
        assert found(letters, [loss], [limit], [9], k) == scored_everywhere(letters, [loss], [limit], [9])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([0, 1, 252, 253, 254, 255, 507, 508, 509, 100_000]) | st.integers(0, 9000),
    st.integers(1, 60),
    st.integers(0, 2**32),
)
def test_rounded_losses_keep_a_place_that_loses_just_the_limit(limit: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, 4, 500).astype(np.uint8)
    place = int(rng.integers(0, 500 - width + 1))
    loss = rng.integers(0, 2 * limit // width + 2, (width, 4))
    loss[np.arange(width), letters[place : place + width]] = rng.multinomial(limit, [1 / width] * width)
    expected = scored_everywhere(letters, [loss], [limit], [limit + 1])
    assert (1, place, width) in expected
    assert found(letters, [loss], [limit], [limit + 1], 0) == expected


@pytest.mark.parametrize("k", range(LONGEST_WORD + 1))
def test_places_are_sorted_by_word(k: int) -> None:
    margin = LONGEST_WORD + FLANK
    letters = np.random.default_rng(k).integers(0, 5, 600).astype(np.uint8)
    letters[:margin] = letters[-margin:] = 4
    index = kmer_index(letters, margin, k)
    if k < SHORTEST_WORD:
        assert index.k == index.places.size == 0
        return

    def number(begin: int, count: int) -> int:
        return int("".join(str(letter % 4) for letter in letters[begin : begin + count]), 4)

    known = np.flatnonzero(letters < 4).tolist()
    assert index.places.tolist() == sorted(known, key=lambda place: (number(place, k), place))
    assert index.before.tolist() == [number(place - FLANK, FLANK) for place in index.places]
    assert index.after.tolist() == [number(place + k, FLANK) for place in index.places]
    words = [number(place, k) for place in index.places]
    assert index.first.tolist() == [bisect_left(words, word) for word in range(4**k + 1)]


@pytest.mark.parametrize("k", range(LONGEST_WORD + 1))
@pytest.mark.parametrize("telling", [0, 7, 20, 39])
def test_the_word_may_lie_anywhere_in_a_wide_matrix(k: int, telling: int) -> None:
    # One column says most, the others a little: the word contains it, and tables on both sides hold the rest.
    rng = np.random.default_rng(telling)
    loss = rng.integers(0, 30, (40, 4))
    loss[telling] = 900
    loss[np.arange(40), rng.integers(0, 4, 40)] = 0
    letters = rng.integers(0, 4, 3000).astype(np.uint8)
    limit = int(loss[np.arange(40) != telling].mean(axis=1).sum())
    expected = scored_everywhere(letters, [loss], [limit], [limit + 1])
    assert len(expected) > 100
    assert found(letters, [loss], [limit], [limit + 1], k) == expected


@pytest.mark.parametrize("k", [0, LONGEST_WORD])
@pytest.mark.parametrize("width", [1, 200])
def test_more_hits_than_the_first_arrays_hold(width: int, k: int) -> None:
    # Every place is a hit of both. Where there are words, those of 200 columns that say nothing are looked up.
    letters = np.random.default_rng(0).integers(0, 4, 3 * BLOCK + 1).astype(np.uint8)
    loss = np.tile([0, 1, 2, 3], (width, 1)) * (width == 1)
    expected = scored_everywhere(letters, [loss, loss], [3, 3], [4, 5])
    assert len(expected) == 2 * (len(letters) - width + 1)
    assert found(letters, [loss, loss], [3, 3], [4, 5], k) == expected


@pytest.mark.parametrize("k", [0, 7])
def test_hits_are_those_of_lightmotif(k: int) -> None:
    from lightmotif.lib import ScoringMatrix, scan, stripe

    rng = np.random.default_rng(5)
    text = "".join(rng.choice(list("ACGTN"), 30_000, p=[0.3, 0.19, 0.19, 0.3, 0.02]))
    letters = np.array(["ACGTN".index(letter) for letter in text], np.uint8)
    for width in (4, 8, 13, 21, 34):
        probability = rng.dirichlet([2] * 4, width)
        steps = np.rint(np.log((probability + 0.003) / 0.253) * 256).astype(int)
        best = int(steps.max(axis=1).sum())
        threshold = int(
            np.quantile([steps[np.arange(width), rng.integers(0, 4, width)].sum() for _ in range(999)], 0.98)
        )
        threshold = max(threshold, 1)
        values: dict[str, Iterable[float]] = {letter: (steps[:, i] / 256).tolist() for i, letter in enumerate("ACGT")}
        values["N"] = [-1e6] * width
        peer = scan(ScoringMatrix(values), stripe(text + "N" * width), threshold=threshold / 256)
        expected = sorted((hit.position, round(hit.score * 256)) for hit in peer)
        ours = found(letters, [steps.max(axis=1, keepdims=True) - steps], [best - threshold], [best], k)
        assert len(expected) > 50
        assert sorted((place, score) for score, place, _ in ours) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 200), st.integers(1, 90)), max_size=60))
@example([(5, 60, 8), (5, 68, 60), (4, 127, 2), (3, 0, 60)])  # ends and begins at the words of 64 places
def test_standing_hits_are_chosen_greedily(hits: list[Hit]) -> None:
    begins, top, width_bits = [0, 100], 9, 7
    # No hit spans two sequences.
    hits = [(score, place, width) for score, place, width in hits if place >= 100 or place + width < 100]
    expected, standing = [0, 0], []
    for score, place, width in sorted(hits, key=lambda hit: (-hit[0], hit[1], hit[2])):
        if all(place + width <= begin or place >= end for begin, end in standing):
            standing.append((place, place + width))
            expected[place >= 100] += score
    numbers = [(((top - score) << PLACE_BITS) + place << width_bits) + width for score, place, width in hits]
    scores = np.zeros(2, np.int64)
    sum_apart(np.sort(np.array(numbers, np.int64)), top, width_bits, np.array(begins), 300, scores)
    assert scores.tolist() == expected
