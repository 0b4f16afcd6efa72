"""Places where motifs match, by an inverted index of DNA words instead of a score at every place.

All places of a sequence are sorted by the k letters that follow. A matrix is described by what each letter loses
against the best letter of its column, and by the loss a match may have. Of the k columns in which random sequence loses
most, the words that lose no more than that are looked up; each of their places is followed up with the remaining
columns, six at a time from tables, until it has lost too much. The work is that of the candidates (2 % of the places
for k = 9 and the 2,174 motifs of Vierstra et al. 2020, doi 10.1038/s41586-020-2528-x, at p = 1e-4), and since losses
are whole numbers, the result is that of scoring every place.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from get_core.jit import jit

__all__ = ["LONGEST_WORD", "PLACE_BITS", "KmerIndex", "find_hits", "kmer_index", "sum_apart"]

UNKNOWN = 4
"""Code of every letter other than A, C, G, T, which are 0 to 3."""

FLANK = 6
"""Columns in a table of losses (16 KB): two of them fit the fastest cache."""

TAIL = 3
"""Columns of a word that are varied last; those before them are `FLANK` at most, since they have one table."""

LONGEST_WORD = FLANK + TAIL
"""Highest k: the 4^9 entries of the directory (1 MB) still fit a core's own cache."""

PLACE_BITS = 31
"""Of a place in the number of a hit."""


class KmerIndex(NamedTuple):
    """Places of a sequence by the word that begins there.

    Attributes
    ----------
    k : int
        Length of a word.
    letters : (n,) uint8
        The sequence: 0 to 3 for A, C, G, T; 4 for others, which count as A within words.
    sixes : (n,) uint16
        The `FLANK` letters from each place on as a number to base 4.
    first : (4^k + 1,) int32
        Where the places of each word begin in the arrays below.
    places : (m,) int32
        Places of known letters, sorted by word.
    before, after : (m,) uint16
        The `FLANK` letters before and after the word at each of these places.
    """

    k: int
    letters: NDArray[np.uint8]
    sixes: NDArray[np.uint16]
    first: NDArray[np.int32]
    places: NDArray[np.int32]
    before: NDArray[np.uint16]
    after: NDArray[np.uint16]


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
        Length of a word, 0 to `LONGEST_WORD`.

    Returns
    -------
    KmerIndex
        13 bytes per letter and the directory.
    """
    n = letters.size
    sixes = np.empty(n, np.uint16)
    six = 0
    for place in range(n - 1, -1, -1):
        six = (six >> 2) | ((letters[place] & 3) << 2 * (FLANK - 1))
        sixes[place] = six
    first = np.zeros((1 << 2 * k) + 1, np.int32)
    for place in range(margin, n - margin):
        if letters[place] < UNKNOWN:
            first[_word(sixes, place, k) + 1] += 1
    for word in range(first.size - 1):
        first[word + 1] += first[word]
    free = first.copy()
    places = np.empty(first[-1], np.int32)
    before = np.empty(places.size, np.uint16)
    after = np.empty(places.size, np.uint16)
    for place in range(margin, n - margin):
        if letters[place] < UNKNOWN:
            word = _word(sixes, place, k)
            rank = free[word]
            free[word] = rank + 1
            places[rank] = place
            before[rank] = sixes[place - FLANK]
            after[rank] = sixes[place + k]
    return KmerIndex(k, letters, sixes, first, places, before, after)


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
    widest = 0
    for matrix in range(limits.size):
        widest = max(widest, ends[matrix + 1] - ends[matrix])
    tables = np.empty((widest // FLANK + 6, 4**FLANK), np.int32)
    columns = np.empty(tables.shape[0], np.int64)
    hits, count = np.empty(1024, np.int64), np.int64(0)
    for matrix in range(limits.size):
        loss = losses[ends[matrix] : ends[matrix + 1]]
        tag = ((top - bests[matrix]) << (PLACE_BITS + width_bits)) | loss.shape[0]
        hits, count = _find(index, loss, limits[matrix], tag, width_bits, tables, columns, hits, count)
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
def _find(
    index: KmerIndex,
    loss: NDArray[np.int32],
    limit: int,
    tag: int,
    width_bits: int,
    tables: NDArray[np.int32],
    columns: NDArray[np.int64],
    hits: NDArray[np.int64],
    count: int | np.int64,
) -> tuple[NDArray[np.int64], int | np.int64]:
    """Append the hits of one matrix; gives back the array, which may have grown, and their number."""
    width = loss.shape[0]
    length = min(index.k, width)
    offset = 0
    for column in range(width - length + 1):
        if _lost(loss, column, length) > _lost(loss, offset, length):
            offset = column
    tail = min(TAIL, length)
    head = length - tail
    heads, tails, before, after = tables[0], tables[1], tables[2], tables[3]
    _tabulate(loss, offset, head, heads)
    _tabulate(loss, offset + head, tail, tails)
    _tabulate(loss, offset - FLANK, FLANK, before)
    _tabulate(loss, offset + length, FLANK, after)
    # The side that rules out more goes first.
    side, side_loss, other, other_loss = index.after, after, index.before, before
    if _lost(loss, offset - FLANK, FLANK) > _lost(loss, offset + length, FLANK):
        side, side_loss, other, other_loss = other, other_loss, side, side_loss
    stop = 4
    for column in range(offset - 2 * FLANK, -FLANK, -FLANK):
        columns[stop] = column
        stop += 1
    for column in range(offset + length + FLANK, width, FLANK):
        columns[stop] = column
        stop += 1
    for table in range(4, stop):
        _tabulate(loss, columns[table], FLANK, tables[table])
    # A matrix narrower than k is in every word that begins with it.
    spare = 2 * (index.k - length)
    for head_word in range(1 << 2 * head):
        if heads[head_word] > limit:
            continue
        for tail_word in range(1 << 2 * tail):
            allowed = np.int32(limit - heads[head_word] - tails[tail_word])
            if allowed < 0:
                continue
            word = (head_word << 2 * tail) | tail_word
            for rank in range(index.first[word << spare], index.first[(word + 1) << spare]):
                left = allowed - side_loss[side[rank]]
                if left < 0:
                    continue
                left -= other_loss[other[rank]]
                if left < 0:
                    continue
                start = index.places[rank] - offset
                for table in range(4, stop):
                    left -= tables[table, index.sixes[start + columns[table]]]
                    if left < 0:
                        break
                if left < 0 or not _known(index.letters, start, width):
                    continue
                if count == hits.size:
                    hits = np.concatenate((hits, np.empty_like(hits)))
                hits[count] = tag + ((limit - left) << (PLACE_BITS + width_bits)) + (start << width_bits)
                count += 1
    return hits, count


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


@jit()
def _known(letters: NDArray[np.uint8], start: int, width: int) -> bool:
    """Whether no letter of a place is unknown."""
    known = True
    for place in range(start, start + width):
        known &= letters[place] < UNKNOWN
    return known
