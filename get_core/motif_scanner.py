"""Motifs prepared for scanning: losses of both strands, the loss a hit may have, and the scan itself."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.motifs import BACKGROUND, MotifLibrary

__all__ = ["MotifScanner", "motif_scanner"]

PSEUDOCOUNT = 0.01
"""Weight of the background in each matrix row, from the scanner that `BACKGROUND` is from."""

STEPS_PER_NAT = 256
"""Scores lie on a grid of 1/256 nat. Sums of such numbers are exact in float32, so a score does not depend on the
order of addition, both strands agree to the last bit, and p-values are exact for the matrices that are scanned."""

CHUNK_BASES = 2_000_000
"""Bases scanned at a time, unless one sequence is longer: 18 MB of index and, in each thread, 8 to 24 bytes for
each hit of a cluster."""

LONGEST_SEQUENCE = 2**30
"""Places, which are kept in 31 bits, also count what comes before the sequence."""

FEWEST_MATRICES = 32
"""Fewer do not pay for an index (benchmarks/results/motif_scan.md)."""

DNA = b"ACGTRYSWKMBDHVNacgtryswkmbdhvn"


@dataclass(frozen=True, eq=False)
class MotifScanner:
    """Motifs of both strands with their thresholds.

    Attributes
    ----------
    cluster_names : tuple[str, ...]
        The c clusters, sorted.
    losses : (w, 4) int32
        What each letter loses against the best of its column, in steps of 1/256 nat; all matrices one after the other,
        cluster by cluster.
    ends : (m + 1,) int64
        Where the m matrices begin and end in `losses`.
    clusters : (c + 1,) int64
        Which matrices belong to each cluster.
    limits : (m,) int64
        Highest loss of a hit.
    bests : (m,) int64
        Score without any loss.
    """

    cluster_names: tuple[str, ...]
    losses: NDArray[np.int32]
    ends: NDArray[np.int64]
    clusters: NDArray[np.int64]
    limits: NDArray[np.int64]
    bests: NDArray[np.int64]

    @property
    def widest(self) -> int:
        """Columns of the widest matrix."""
        return int(np.diff(self.ends).max(initial=1))

    def scan(
        self,
        sequences: Mapping[str, str],
        *,
        threads: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Score every motif cluster in every sequence, as `get_core.motifs.scan`.

        Parameters
        ----------
        sequences : Mapping[str, str]
            n named sequences.
        threads : int
            Worker threads; the result does not depend on it.
        progress : callable, optional
            Called with (sequences done, n).

        Returns
        -------
        (n, c) float32
            Summed scores in nats.

        Raises
        ------
        InvalidInput
            A sequence that is empty, has letters that are no DNA or is longer than `LONGEST_SEQUENCE`, or no thread.
        """
        if threads < 1:
            raise InvalidInput(f"threads is {threads}, not at least 1")
        for name, sequence in sequences.items():
            _check(name, sequence)
        texts = list(sequences.values())
        scores = np.zeros((len(texts), len(self.cluster_names)), np.float32)
        with ThreadPoolExecutor(threads) as pool:
            for rows in _chunks(texts):
                # Handing a cluster to another thread costs as much as scanning it in a few sequences.
                self._scan_chunk(texts[rows], scores[rows], pool.map if threads > 1 else map)
                if progress:
                    progress(rows.stop, len(texts))
        return scores

    def _scan_chunk(
        self,
        sequences: list[str],
        scores: NDArray[np.float32],
        each: Callable[[Callable[[int], None], NDArray[np.int64]], Iterable[None]],
    ) -> None:
        """Scan a few sequences at once, joined by unknown letters; no hit contains one, so none spans two of them."""
        from get_core.motif_hits import LONGEST_WORD, encode, find_hits, kmer_index, sum_apart

        margin = self.widest + 2 * LONGEST_WORD
        joined = "N" * margin + "N".join(sequences) + "N" * margin
        letters = encode(np.frombuffer(joined.encode(), np.uint8))
        begins = margin + np.cumsum([0] + [len(sequence) + 1 for sequence in sequences[:-1]])
        index = kmer_index(letters, margin, _word_length(letters.size, self.limits.size))
        top, width_bits = int(self.bests.max(initial=1)), self.widest.bit_length()

        def score(cluster: int) -> None:
            begin, end = self.clusters[cluster : cluster + 2]
            ends, limits, bests = self.ends[begin : end + 1], self.limits[begin:end], self.bests[begin:end]
            hits = np.sort(find_hits(index, self.losses, ends, limits, bests, top, width_bits))
            steps = np.zeros(len(sequences), np.int64)
            sum_apart(hits, top, width_bits, begins, letters.size, steps)
            scores[:, cluster] = steps / STEPS_PER_NAT

        # Large clusters first, so that the threads end together.
        for _ in each(score, np.argsort(-np.diff(self.clusters), kind="stable")):
            pass


def motif_scanner(
    library: MotifLibrary,
    *,
    p_value: float = 1e-4,
    background: tuple[float, float, float, float] = BACKGROUND,
) -> MotifScanner:
    """Turn motifs into scoring matrices of both strands, with the thresholds of a p-value.

    Parameters
    ----------
    library : MotifLibrary
        Motifs.
    p_value : float
        Probability of a hit at one place of one strand, in (0, 1).
    background : tuple of 4 floats
        Frequencies of A, C, G, T; equal for A and T and for C and G, because both strands are scanned.

    Returns
    -------
    MotifScanner
        Without the matrices that cannot reach `p_value`, and without copies within a cluster.

    Raises
    ------
    InvalidInput
        Settings out of range, no motif, or a matrix of thousands of columns.
    """
    from get_core.motif_hits import PLACE_BITS
    from get_core.motif_thresholds import loss_limits

    if not library.matrices:
        raise InvalidInput("the library holds no motif")
    if not 0 < p_value < 1:
        raise InvalidInput(f"p_value is {p_value}, not between 0 and 1")
    a, c, g, t = background
    if min(background) <= 0 or abs(sum(background) - 1) > 1e-6 or a != t or c != g:
        raise InvalidInput(
            f"background {background} is not four positive frequencies with A = T and C = G that sum to 1",
            cure="Average the frequencies of both strands.",
        )
    frequency = np.array(background)
    probability = np.concatenate(library.matrices)
    odds = (probability + PSEUDOCOUNT * frequency) / (probability.sum(axis=1, keepdims=True) + PSEUDOCOUNT) / frequency
    steps = np.rint(np.log(odds) * STEPS_PER_NAT).astype(np.int64)
    best = steps.max(axis=1)
    losses = (best[:, None] - steps).astype(np.int32)
    ends = np.cumsum([0] + [len(matrix) for matrix in library.matrices])
    bests = np.add.reduceat(best, ends[:-1])
    widest = int(np.diff(ends).max())
    # A hit is kept as one number of 63 bits.
    if PLACE_BITS + widest.bit_length() + int(bests.max()).bit_length() > 63:
        raise InvalidInput(
            f"a motif has {widest} columns and one a score of up to {bests.max() / STEPS_PER_NAT:.0f} nats",
            cure="Remove it: this is more than any motif of a DNA-binding protein.",
        )
    limits = np.empty(len(library.matrices), np.int64)
    # Only scores above zero count as evidence for a motif.
    loss_limits(losses, ends, bests - 1, p_value, frequency, limits)
    column = {cluster: index for index, cluster in enumerate(library.cluster_names)}
    kept: dict[tuple[int, int, bytes], tuple[int, NDArray[np.int32]]] = {}
    for motif in np.flatnonzero(limits >= 0).tolist():
        forward = losses[ends[motif] : ends[motif + 1]]
        for strand in (forward, forward[::-1, ::-1]):
            # The same matrix twice in a cluster adds nothing.
            kept.setdefault((column[library.clusters[motif]], int(bests[motif]), strand.tobytes()), (motif, strand))
    order = sorted(kept, key=lambda identity: identity[0])
    motifs = [kept[identity][0] for identity in order]
    strands = [kept[identity][1] for identity in order]
    return MotifScanner(
        cluster_names=library.cluster_names,
        losses=np.concatenate([np.zeros((0, 4), np.int32), *strands]),
        ends=np.cumsum([0] + [len(strand) for strand in strands]),
        clusters=np.searchsorted([identity[0] for identity in order], np.arange(len(column) + 1)),
        limits=limits[motifs],
        bests=bests[motifs],
    )


def _word_length(bases: int, matrices: int) -> int:
    """Choose k: longer words rule out more, but cost more to sort and to look up (benchmarks/results/motif_scan.md)."""
    from get_core.motif_hits import LONGEST_WORD

    if matrices < FEWEST_MATRICES:
        return 0
    return max(0, min(LONGEST_WORD, int(math.log(bases, 4)) - 2, int(math.log(matrices, 4)) + 4))


def _check(name: str, sequence: str) -> None:
    """Raise for a sequence that is none."""
    if sequence.encode("ascii", "replace").translate(None, DNA):
        illegal = re.search(f"[^{DNA.decode()}]", sequence)
        assert illegal
        raise InvalidInput(
            f"sequence {name}: {illegal[0]!r} at position {illegal.start() + 1} is no DNA letter",
            cure="Use A, C, G, T, or N where the base is not known.",
        )
    if len(sequence) > LONGEST_SEQUENCE:
        raise InvalidInput(f"sequence {name} has more than {LONGEST_SEQUENCE} bases", cure="Cut it.")
    if not sequence:
        raise InvalidInput(f"sequence {name} is empty", cure="Remove it, or write its bases.")


def _chunks(sequences: list[str]) -> Iterator[slice]:
    """Cut the list into runs of nearly equal numbers of bases: `CHUNK_BASES` or less, and one sequence more."""
    bases = np.cumsum([len(sequence) for sequence in sequences])
    if not sequences:
        return
    count = -(-bases[-1] // CHUNK_BASES)
    start = 0
    for stop in np.unique(np.searchsorted(bases, bases[-1] * np.arange(1, count + 1) // count)).tolist():
        yield slice(start, stop + 1)
        start = stop + 1
