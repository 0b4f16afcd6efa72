"""Places where motifs match: looked up in an inverted index of DNA words, or by a coarse score of every place.

A matrix is described by what each letter loses against the best letter of its column, and by the loss a match may have.
All places of a sequence are sorted by the k letters that follow. Of the k columns of a matrix in which random sequence
loses most, the words that lose no more than that are looked up, and each of their places is followed up with the six
columns on either side: the work is that of the candidates (2 % of the places for k = 9 and the 2,174 motifs of Vierstra
et al. 2020, doi 10.1038/s41586-020-2528-x, at p = 1e-4). Where few words are ruled out, as in a wide matrix whose
columns each say little, and where few matrices would share the index, losses rounded down to 8 bits are added up at
every place instead, 32 places at a time. What either way leaves is scored exactly, and losses are whole numbers, so the
hits are those of scoring every place.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from get_core.jit import jit

__all__ = ["LONGEST_WORD", "PLACE_BITS", "KmerIndex", "encode", "find_hits", "kmer_index", "sum_apart"]

UNKNOWN = 4
"""Code of every letter other than A, C, G, T, which are 0 to 3."""

FLANK = 6
"""Columns in a table of losses (16 KB): two of them fit the fastest cache."""

TAIL = 3
"""Columns of a word that are varied last; those before them are `FLANK` at most, since they have one table."""

LONGEST_WORD = FLANK + TAIL
"""Highest k: the 4^9 entries of the directory (1 MB) still fit a core's own cache."""

SHORTEST_WORD = 6
"""Lowest k for which places are sorted: the index costs as much as 300 to 400 columns of the coarse score, so it pays
from some 30 matrices on, whatever the number of bases (benchmarks/results/motif_scan.md)."""

CANDIDATE_COLUMNS = 150
"""Time to follow up one place of a word, in columns of the coarse score at one place: 4 ns and 0.026 ns
(benchmarks/results/motif_scan.md)."""

BLOCK = 4096
"""Places that the coarse score takes at a time, so that they stay in the fastest cache: best of 1,024 to 8,192."""

PLACE_BITS = 31
"""Of a place in the number of a hit."""


class KmerIndex(NamedTuple):
    """Places of a sequence by the word that begins there.

    Attributes
    ----------
    k : int
        Length of a word; 0 where there is no index and all arrays but `letters` are empty.
    letters : (n,) uint8
        The sequence: 0 to 3 for A, C, G, T; 4 for others, which count as A within words.
    first : (4^k + 1,) int32
        Where the places of each word begin in the arrays below.
    places : (m,) int32
        Places of known letters, sorted by word.
    before, after : (m,) uint16
        The `FLANK` letters before and after the word at each of these places, as numbers to base 4.
    """

    k: int
    letters: NDArray[np.uint8]
    first: NDArray[np.int32]
    places: NDArray[np.int32]
    before: NDArray[np.uint16]
    after: NDArray[np.uint16]


@jit()
def encode(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn characters into letters, as in `KmerIndex`.

    Parameters
    ----------
    text : (n,) uint8
        ASCII codes; upper and lower case are the same.

    Returns
    -------
    (n,) uint8
        0 to 3 for A, C, G, T; 4 for others.
    """
    letters = np.empty(text.size, np.uint8)
    for place in range(text.size):
        upper = text[place] & 0xDF
        code = 0 if upper == 65 else (1 if upper == 67 else (2 if upper == 71 else (3 if upper == 84 else UNKNOWN)))
        letters[place] = code
    return letters


@jit()
def kmer_index(letters: NDArray[np.uint8], margin: int, k: int) -> KmerIndex:
    """Sort the places of a sequence by word.

    Parameters
    ----------
    letters : (n,) uint8
        As in `KmerIndex`; the first and last `margin` are unknown.
    margin : int
        At least k + `FLANK`, and the width of the widest motif + `FLANK`.
    k : int
        Length of a word, at most `LONGEST_WORD`; below `SHORTEST_WORD` nothing is sorted.

    Returns
    -------
    KmerIndex
        9 bytes per letter and the directory.
    """
    n = letters.size
    if k < SHORTEST_WORD:
        number, none = np.empty(0, np.int32), np.empty(0, np.uint16)
        return KmerIndex(0, letters, number, number, none, none)
    sixes = np.zeros(n, np.uint16)  # the letters from each place on
    for place in range(n - FLANK + 1):
        six = 0
        for column in range(FLANK):
            six = six << 2 | letters[place + column] & 3
        sixes[place] = six
    first = np.zeros((1 << 2 * k) + 1, np.int32)
    for place in range(margin, n - margin):
        first[_word(sixes, place, k) + 1] += letters[place] < UNKNOWN
    for word in range(first.size - 1):
        first[word + 1] += first[word]
    free = first.copy()
    places = np.empty(first[-1], np.int32)
    for place in range(margin, n - margin):
        if letters[place] < UNKNOWN:
            word = _word(sixes, place, k)
            places[free[word]] = place
            free[word] += 1
    # A loop of their own, because the one above waits for writes that go everywhere.
    before = np.empty(places.size, np.uint16)
    after = np.empty(places.size, np.uint16)
    for rank in range(places.size):
        before[rank] = sixes[places[rank] - FLANK]
        after[rank] = sixes[places[rank] + k]
    return KmerIndex(k, letters, first, places, before, after)


@jit()
def _word(sixes: NDArray[np.uint16], place: int, k: int) -> int:
    """Give the k letters from a place on as a number to base 4."""
    return ((np.int64(sixes[place]) << 2 * FLANK) | sixes[place + FLANK]) >> 2 * (2 * FLANK - k)


@jit()
def find_hits(
    index: KmerIndex,
    losses: NDArray[np.int32],
    ends: NDArray[np.int64],
    limits: NDArray[np.int64],
    bests: NDArray[np.int64],
    top: int,
    width_bits: int,
) -> NDArray[np.int64]:
    """Find the hits of some matrices.

    Parameters
    ----------
    index : KmerIndex
        Of the sequence.
    losses : (w, 4) int32
        What a letter loses against the best of its column, in steps of a grid; the m matrices one after the other.
    ends : (m + 1,) int64
        Where the matrices begin and end; ends[0] may be above 0.
    limits : (m,) int64
        Highest loss of a hit, not negative.
    bests : (m,) int64
        Score without any loss, above the limit.
    top : int
        Highest of `bests`.
    width_bits : int
        Number of bits of the widest matrix; with the bits of `top` at most 32.

    Returns
    -------
    (h,) int64
        A number for each hit, such that sorting brings the highest score first, then the leftmost place, then the
        shortest: from the highest bits on `top` less the score, `PLACE_BITS` of the place, `width_bits` of the width.
    """
    tables = np.empty((4, 4**FLANK), np.int32)
    starts, hits, count = np.empty(0, np.int64), np.empty(1024, np.int64), 0
    for matrix in range(limits.size):
        loss, limit = losses[ends[matrix] : ends[matrix + 1]], limits[matrix]
        length = min(index.k, loss.shape[0])
        offset = _telling(loss, length)
        if index.k and _by_word(loss, limit, offset, length, tables):
            starts, found = _look_up(index, loss, limit, offset, length, tables, starts)
        else:
            starts, found = _score_all(index.letters, loss, limit, starts)
        if hits.size < count + found:
            hits = np.concatenate((hits, np.empty(hits.size + found, np.int64)))
        tag = ((top - bests[matrix]) << (PLACE_BITS + width_bits)) | loss.shape[0]
        for start in starts[:found]:
            lost = _lost_at(index.letters, loss, start, limit)
            hits[count] = tag + (lost << (PLACE_BITS + width_bits)) + (start << width_bits)
            count += lost <= limit
    return hits[:count]


@jit()
def sum_apart(
    hits: NDArray[np.int64],
    top: int,
    width_bits: int,
    begins: NDArray[np.int64],
    n_places: int,
    scores: NDArray[np.int64],
) -> None:
    """Sum the scores of the hits that do not overlap: the best stands and those that overlap it fall, and so on.

    Parameters
    ----------
    hits : (h,) int64
        Sorted numbers of `find_hits`.
    top, width_bits : int
        As there.
    begins : (s,) int64
        Where the sequences begin.
    n_places : int
        Length of all sequences with what is between them.
    scores : (s,) int64
        Sums for each sequence, in steps of the grid; added to.
    """
    taken = np.zeros((n_places >> 6) + 1, np.uint64)
    for hit in hits:
        start = (hit >> width_bits) & ((1 << PLACE_BITS) - 1)
        end = start + (hit & ((1 << width_bits) - 1))
        overlap = np.uint64(0)
        for place in range(start, end):
            overlap |= taken[place >> 6] >> np.uint64(place & 63)
        if overlap & np.uint64(1):
            continue
        for place in range(start, end):
            taken[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
        sequence = np.searchsorted(begins, start, side="right") - 1
        scores[sequence] += top - (hit >> (PLACE_BITS + width_bits))


@jit()
def _telling(loss: NDArray[np.int32], length: int) -> int:
    """Give the first of the neighbouring columns in which random sequence loses most."""
    offset = 0
    for column in range(loss.shape[0] - length + 1):
        if _lost(loss, column, length) > _lost(loss, offset, length):
            offset = column
    return offset


@jit()
def _by_word(loss: NDArray[np.int32], limit: int, offset: int, length: int, tables: NDArray[np.int32]) -> bool:
    """Write the first two tables, of words, and tell whether so few may match that looking them up is faster."""
    tail = min(TAIL, length)
    head = length - tail
    heads, tails = tables[0][: 1 << 2 * head], tables[1][: 1 << 2 * tail]
    _tabulate(loss, offset, head, heads)
    _tabulate(loss, offset + head, tail, tails)
    words = 0
    for lost in heads:
        if lost <= limit:
            for more in tails:
                words += lost + more <= limit
    return CANDIDATE_COLUMNS * words <= loss.shape[0] << 2 * length


@jit()
def _look_up(
    index: KmerIndex,
    loss: NDArray[np.int32],
    limit: int,
    offset: int,
    length: int,
    tables: NDArray[np.int32],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], int]:
    """Give the places whose word and flanks lose no more than the limit, and their number, after `_by_word`."""
    tail = min(TAIL, length)
    head = length - tail
    heads, tails, before, after = tables[0], tables[1], tables[2], tables[3]
    _tabulate(loss, offset - FLANK, FLANK, before)
    _tabulate(loss, offset + length, FLANK, after)
    # The side that rules out more goes first.
    side, side_loss, other, other_loss = index.after, after, index.before, before
    if _lost(loss, offset - FLANK, FLANK) > _lost(loss, offset + length, FLANK):
        side, side_loss, other, other_loss = other, other_loss, side, side_loss
    # A matrix narrower than k is in every word that begins with it.
    spare = 2 * (index.k - length)
    found = 0
    for head_word in range(1 << 2 * head):
        if heads[head_word] > limit:
            continue
        first = head_word << 2 * tail
        places = index.first[(first + (1 << 2 * tail)) << spare] - index.first[first << spare]
        starts = _with_room(starts, found, places)
        for tail_word in range(1 << 2 * tail):
            allowed = np.int32(limit - heads[head_word] - tails[tail_word])
            if allowed < 0:
                continue
            word = first | tail_word
            for rank in range(index.first[word << spare], index.first[(word + 1) << spare]):
                left = allowed - side_loss[side[rank]]
                if left < 0:
                    continue
                starts[found] = index.places[rank] - offset
                found += left >= other_loss[other[rank]]
    return starts, found


@jit()
def _score_all(
    letters: NDArray[np.uint8], loss: NDArray[np.int32], limit: int, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Give the places that lose no more than the limit by a coarse score, and their number.

    Losses are rounded down to steps of which the limit holds at most 254, so no hit loses more than the limit. Unknown
    letters count as T. The compiler translates the innermost loop to instructions on 32 places at a time.
    """
    width = loss.shape[0]
    step = limit // 254 + 1
    coarse = np.minimum(loss // step, 255).astype(np.uint8)
    left = np.empty(BLOCK, np.uint8)
    eights = left.view(np.uint64)
    stop = letters.size - width + 1
    found = 0
    for begin in range(0, stop, BLOCK):
        starts = _with_room(starts, found, BLOCK)
        block = left[: min(BLOCK, stop - begin)]
        left[block.size :] = 0
        block[:] = limit // step + 1
        for column in range(width):
            window = letters[begin + column : begin + column + block.size]
            a, c, g, t = coarse[column]
            for place in range(block.size):
                letter = window[place]
                lost = a if letter == 0 else (c if letter == 1 else (g if letter == 2 else t))
                block[place] = max(block[place], lost) - lost
        for eight in range(eights.size):
            if eights[eight]:
                for place in range(8 * eight, 8 * eight + 8):
                    starts[found] = begin + place
                    found += left[place] > 0
    return starts, found


@jit()
def _with_room(starts: NDArray[np.int64], found: int, more: int) -> NDArray[np.int64]:
    """Give the array, or a longer one if `more` entries and one to spare do not fit behind those found."""
    if found + more < starts.size:
        return starts
    return np.concatenate((starts[:found], np.empty(found + more + 1, np.int64)))


@jit()
def _lost_at(letters: NDArray[np.uint8], loss: NDArray[np.int32], start: int, limit: int) -> int:
    """Give the loss at a place, or more than the limit where a letter is unknown."""
    lost = 0
    for column in range(loss.shape[0]):
        letter = letters[start + column]
        lost += loss[column, letter] if letter < UNKNOWN else limit + 1
    return lost


@jit()
def _lost(loss: NDArray[np.int32], begin: int, columns: int) -> int:
    """Add up what the letters of some columns lose; those outside the matrix lose nothing."""
    total = 0
    for column in range(max(begin, 0), min(begin + columns, loss.shape[0])):
        for letter in range(4):
            total += loss[column, letter]
    return total


@jit()
def _tabulate(loss: NDArray[np.int32], begin: int, columns: int, table: NDArray[np.int32]) -> None:
    """Write the loss of every word in some columns; those outside the matrix cost nothing."""
    table[0] = 0
    size = 1
    for column in range(begin + columns - 1, begin - 1, -1):
        inside = 0 <= column < loss.shape[0]
        # A comes last because its losses replace those of the shorter words.
        for letter in range(3, -1, -1):
            more = loss[column, letter] if inside else np.int32(0)
            longer = table[letter * size : (letter + 1) * size]
            for word in range(size):
                longer[word] = table[word] + more
        size *= 4
