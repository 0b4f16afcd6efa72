"""DNA sequences → motif-cluster scores, and which genes stand behind each cluster.

GET describes a region by 282 numbers, one per cluster of similar motifs (Vierstra et al. 2020, doi
10.1038/s41586-020-2528-x, clustering v1.0): the summed scores of the cluster's hits that do not overlap one another.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

if TYPE_CHECKING:
    from lightmotif.lib import ScoringMatrix, StripedSequence

__all__ = ["BACKGROUND", "MotifLibrary", "clusters", "clusters_of", "genes_of", "read_meme", "scan"]

LETTERS = "ACGT"

BACKGROUND = (0.2977, 0.2023, 0.2023, 0.2977)
"""Frequencies of A, C, G, T in the MOODS scanner of GET's own library (gcell, dna/motif.py, prepare_scanner)."""

PSEUDOCOUNT = 0.01
"""Weight of the background in each matrix row, from the same scanner."""

STEPS_PER_NAT = 256
"""Scores lie on a grid of 1/256 nat. Sums of such numbers are exact in float32, so a score does not depend on the
order of addition, both strands agree to the last bit, and p-values are exact for the matrices that are scanned."""

CHUNK_BASES = 200_000
"""Bases scanned at a time: scores of one motif then stay in the processor's cache (0.8 MB)."""

NEVER = -1e6
"""Score of a letter other than A, C, G, T: no sum that contains it reaches a threshold."""


@cache
def _cluster_genes() -> dict[str, tuple[str, ...]]:
    table = (files("get_core") / "data" / "motif_clusters_v1.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {cluster: tuple(genes.split(",")) for cluster, genes in rows[1:]}


def clusters() -> tuple[str, ...]:
    """Names of the 282 motif clusters in GET's feature order.

    Returns
    -------
    tuple[str, ...]
        For example ``KLF/SP/2`` or ``Ebox/CACCTG``.
    """
    return tuple(_cluster_genes())


def genes_of(cluster: str) -> list[str]:
    """Genes whose motifs a cluster holds.

    Parameters
    ----------
    cluster : str
        One of `clusters`.

    Returns
    -------
    list[str]
        HGNC symbols, sorted; at least one.

    Raises
    ------
    InvalidInput
        There is no such cluster.
    """
    genes = _cluster_genes().get(cluster)
    if genes is None:
        close = difflib.get_close_matches(cluster, clusters(), n=3)
        cure = f"Did you mean {' or '.join(close)}?" if close else "get_core.motifs.clusters() lists them all."
        raise InvalidInput(f"no motif cluster is called {cluster!r}", cure=cure)
    return list(genes)


def clusters_of(gene: str) -> list[str]:
    """Clusters that hold a motif of a gene.

    Parameters
    ----------
    gene : str
        HGNC symbol.

    Returns
    -------
    list[str]
        In feature order; empty for a gene without a motif.
    """
    return [cluster for cluster, genes in _cluster_genes().items() if gene in genes]


@dataclass(frozen=True)
class MotifLibrary:
    """Motifs and the cluster each belongs to.

    Parameters
    ----------
    names : tuple[str, ...]
        Unique names of the m motifs.
    clusters : tuple[str, ...]
        Cluster of each motif, m entries.
    matrices : tuple of (w, 4) float64
        Probabilities of A, C, G, T at each of the motif's w positions.
    """

    names: tuple[str, ...]
    clusters: tuple[str, ...]
    matrices: tuple[NDArray[np.float64], ...]

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """Clusters in the order of the columns of `scan`: sorted, which is GET's own order for its 282."""
        return tuple(sorted(set(self.clusters)))


def read_meme(path: str | Path) -> MotifLibrary:
    """Read a motif library in MEME format, version 4.

    Parameters
    ----------
    path : str or Path
        Text, plain or gzipped. ``MOTIF name cluster``; a motif without the second name is its own cluster.

    Returns
    -------
    MotifLibrary
        The motifs in file order.

    Raises
    ------
    InvalidInput
        Not a MEME file of DNA motifs, or a matrix that is incomplete or not made of probabilities.
    """
    matrices: dict[str, NDArray[np.float64]] = {}
    cluster: dict[str, str] = {}
    name = ""
    lines = numbered_lines(path)
    number, line = next(lines, (1, ""))
    if not line.startswith("MEME version"):
        raise InvalidInput(f"{path}:{number}: does not begin with 'MEME version'", cure="Give a MEME motif file.")
    for number, line in lines:
        words = line.split()
        if words[0] == "ALPHABET=" and words[1:] != [LETTERS]:
            raise InvalidInput(f"{path}:{number}: the alphabet is {line[9:].strip()}, not {LETTERS}")
        if words[0] == "MOTIF":
            if name and name not in matrices:
                raise InvalidInput(f"{path}:{number}: motif {name} above has no letter-probability matrix")
            if len(words) < 2 or words[1] in cluster:
                fault = f"motif {words[1]} occurs twice" if len(words) > 1 else "a motif without a name"
                raise InvalidInput(f"{path}:{number}: {fault}")
            name = words[1]
            cluster[name] = words[2] if len(words) > 2 else name
        elif words[0] == "letter-probability":
            if not name or name in matrices:
                raise InvalidInput(f"{path}:{number}: a matrix that follows no MOTIF line")
            matrices[name] = _matrix(f"{path}", number, line, lines)
    if len(matrices) < len(cluster):
        raise InvalidInput(f"{path}:{number}: the file ends before the matrix of motif {name}")
    if not matrices:
        raise InvalidInput(f"{path}:{number}: no motif in the file")
    return MotifLibrary(tuple(matrices), tuple(cluster[name] for name in matrices), tuple(matrices.values()))


def _matrix(path: str, number: int, header: str, lines: Iterator[tuple[int, str]]) -> NDArray[np.float64]:
    """Read the rows that a ``letter-probability matrix:`` line announces."""
    width = re.search(r"\bw= *([1-9]\d*)", header)
    if width is None:
        raise InvalidInput(
            f"{path}:{number}: the matrix does not state its width", cure="Write w= and the number of rows."
        )
    rows = []
    for _ in range(int(width[1])):
        number, line = next(lines, (number, "(end of file)"))
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            raise InvalidInput(
                f"{path}:{number}: the matrix ends after {len(rows)} of {width[1]} rows: {line.strip()[:60]}"
            ) from None
        if len(row) != 4:
            raise InvalidInput(f"{path}:{number}: a matrix row has {len(row)} numbers, not 4")
        # Motif files are rounded to as few as three decimals, so a row may miss 1 by a few thousandths.
        if min(row) < 0 or not abs(sum(row) - 1) <= 0.01:
            raise InvalidInput(f"{path}:{number}: a matrix row is not made of probabilities that sum to 1")
        rows.append(row)
    return np.array(rows)


@dataclass(frozen=True)
class _Scanner:
    """One motif on one strand, ready to scan."""

    column: int
    width: int
    threshold: float
    matrix: "ScoringMatrix"


_Hits = tuple[NDArray[np.int64], NDArray[np.float32]]


def scan(
    sequences: Mapping[str, str],
    library: MotifLibrary | str | Path,
    *,
    p_value: float = 1e-4,
    background: tuple[float, float, float, float] = BACKGROUND,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Score every motif cluster in every sequence.

    A hit is a place, on either strand, where the log-odds score of a motif (natural logarithm) reaches the threshold
    that random sequence reaches with probability `p_value`. Of the hits of one cluster in one sequence the best stands
    and those that overlap it fall, and so on with the rest (ties: the leftmost); the scores of those that stand are
    summed. Scanning as in MOODS with the settings of GET's library (p = 1e-4); a motif too short or too vague to reach
    `p_value` never matches.

    Parameters
    ----------
    sequences : Mapping[str, str]
        n named sequences, either case. Letters other than A, C, G, T (IUPAC codes, N) never match.
    library : MotifLibrary or str or Path
        Motifs, or a MEME file of them.
    p_value : float
        Probability of a hit at one place of one strand, in (0, 1).
    background : tuple of 4 floats
        Frequencies of A, C, G, T; equal for A and T and for C and G, because both strands are scanned.
    threads : int
        Worker threads; the result does not depend on it.
    progress : callable, optional
        Called with (sequences done, n).

    Returns
    -------
    (n, c) float32
        Summed scores in nats, never negative, with columns `MotifLibrary.cluster_names`.

    Raises
    ------
    InvalidInput
        An empty sequence or one with letters that are no DNA, or settings out of range.
    """
    if not isinstance(library, MotifLibrary):
        library = read_meme(library)
    if not 0 < p_value < 1:
        raise InvalidInput(f"p_value is {p_value}, not between 0 and 1")
    a, c, g, t = background
    if min(background) <= 0 or abs(sum(background) - 1) > 1e-6 or a != t or c != g:
        raise InvalidInput(
            f"background {background} is not four positive frequencies with A = T and C = G that sum to 1",
            cure="Average the frequencies of both strands.",
        )
    if threads < 1:
        raise InvalidInput(f"threads is {threads}, not at least 1")
    prepared = [_prepared(name, sequence) for name, sequence in sequences.items()]
    scanners = _scanners(library, p_value, np.array(background))
    # lightmotif's filter is twice as fast as scoring every place, but holds Python's lock.
    find = _filtered_hits if threads <= 2 else _scored_hits
    # Every chunk ends in enough N for the widest motif to fit.
    tail = "N" * max(len(matrix) for matrix in library.matrices)
    n_clusters = len(library.cluster_names)
    scores = np.zeros((len(prepared), n_clusters), dtype=np.float32)

    def score_chunk(rows: slice) -> int:
        scores[rows] = _scan_chunk(prepared[rows], tail, scanners, n_clusters, find)
        return rows.stop - rows.start

    with ThreadPoolExecutor(threads) as pool:
        for done in accumulate(pool.map(score_chunk, _chunks(prepared))):
            if progress:
                progress(done, len(prepared))
    return scores


def _prepared(name: str, sequence: str) -> str:
    """Give the sequence in capitals, with N for whatever is not A, C, G or T."""
    illegal = re.search("[^ACGTRYSWKMBDHVNacgtryswkmbdhvn]", sequence)
    if illegal:
        raise InvalidInput(
            f"sequence {name}: {illegal[0]!r} at position {illegal.start() + 1} is no DNA letter",
            cure="Use A, C, G, T, or N where the base is not known.",
        )
    if not sequence:
        raise InvalidInput(f"sequence {name} is empty", cure="Remove it, or write its bases.")
    return re.sub("[^ACGT]", "N", sequence.upper())


def _chunks(sequences: list[str]) -> Iterator[slice]:
    """Cut the list into runs of about `CHUNK_BASES` bases."""
    start, bases = 0, 0
    for stop, sequence in enumerate(sequences, start=1):
        bases += len(sequence)
        if bases >= CHUNK_BASES or stop == len(sequences):
            yield slice(start, stop)
            start, bases = stop, 0


def _scanners(library: MotifLibrary, p_value: float, background: NDArray[np.float64]) -> list[_Scanner]:
    """Turn the motifs into scoring matrices of both strands; the same matrix twice in a cluster adds nothing."""
    from lightmotif.lib import ScoringMatrix

    column = {cluster: index for index, cluster in enumerate(library.cluster_names)}
    scanners, seen = [], set()
    for cluster, matrix in zip(library.clusters, library.matrices, strict=True):
        odds = (matrix + PSEUDOCOUNT * background) / (matrix.sum(axis=1, keepdims=True) + PSEUDOCOUNT) / background
        steps = np.rint(np.log(odds) * STEPS_PER_NAT).astype(np.int64)
        threshold = _threshold(steps, p_value, background)
        if threshold > steps.max(axis=1).sum():
            continue
        for strand in (steps, steps[::-1, ::-1]):
            if (cluster, strand.tobytes()) in seen:
                continue
            seen.add((cluster, strand.tobytes()))
            nats = strand / STEPS_PER_NAT
            values: dict[str, Iterable[float]] = {letter: nats[:, i].tolist() for i, letter in enumerate(LETTERS)}
            values["N"] = [NEVER] * len(nats)
            # Only scores above zero count as evidence for a motif.
            at_least = max(threshold, 1) / STEPS_PER_NAT
            scanners.append(_Scanner(column[cluster], len(nats), at_least, ScoringMatrix(values)))
    return scanners


def _threshold(steps: NDArray[np.int64], p_value: float, background: NDArray[np.float64]) -> int:
    """Give the lowest score that random sequence reaches with probability at most `p_value`.

    Parameters
    ----------
    steps : (w, 4) int64
        Log-odds scores in grid steps.
    p_value : float
        Tail probability.
    background : (4,) float64
        Letter frequencies of random sequence.

    Returns
    -------
    int
        In grid steps; above the best possible score when even that is likelier than `p_value`.
    """
    lowest = steps.min(axis=1)
    chance = np.ones(1)
    for row in steps - lowest[:, None]:
        longer = np.zeros(len(chance) + row.max())
        for step, frequency in zip(row, background, strict=True):
            longer[step : step + len(chance)] += frequency * chance
        chance = longer
    # A tail of exactly p_value counts as reached although its sum carries rounding errors.
    reached = np.searchsorted(np.cumsum(chance[::-1]), p_value * (1 + 1e-9), side="right")
    return int(len(chance) - reached + lowest.sum())


def _filtered_hits(scanner: _Scanner, joined: "StripedSequence") -> _Hits:
    """Return positions and scores at the threshold; only places that pass a coarse score are scored."""
    from lightmotif.lib import scan as find

    hits = [(hit.position, hit.score) for hit in find(scanner.matrix, joined, threshold=scanner.threshold)]
    return np.array([hit[0] for hit in hits], np.int64), np.array([hit[1] for hit in hits], np.float32)


def _scored_hits(scanner: _Scanner, joined: "StripedSequence") -> _Hits:
    """Return positions and scores at the threshold; every place is scored."""
    striped = scanner.matrix.calculate(joined)
    position = np.array(striped.threshold(scanner.threshold), np.int64)
    # lightmotif cuts the sequence into lanes of equal length and keeps position i of all lanes side by side.
    by_lane = np.asarray(striped)
    return position, by_lane[np.divmod(position, by_lane.shape[1])]


def _scan_chunk(
    sequences: list[str],
    tail: str,
    scanners: list[_Scanner],
    n_clusters: int,
    find: "Callable[[_Scanner, StripedSequence], _Hits]",
) -> NDArray[np.float64]:
    """Scan a few sequences at once.

    They are joined by single N: a window that spans two of them contains the N, so no hit does.
    """
    from lightmotif.lib import stripe

    joined = stripe("N".join(sequences) + tail)
    begins = np.cumsum([0] + [len(sequence) + 1 for sequence in sequences[:-1]])
    starts, scores, widths, columns = [], [], [], []
    for scanner in scanners:
        position, score = find(scanner, joined)
        starts.append(position)
        scores.append(score)
        widths.append(np.full(len(starts[-1]), scanner.width))
        columns.append(np.full(len(starts[-1]), scanner.column))
    if not starts:
        return np.zeros((len(sequences), n_clusters))
    start = np.concatenate(starts)
    group = (np.searchsorted(begins, start, side="right") - 1) * n_clusters + np.concatenate(columns)
    total = _best_apart(
        group, start, start + np.concatenate(widths), np.concatenate(scores), len(sequences) * n_clusters
    )
    return total.reshape(len(sequences), n_clusters)


def _best_apart(
    group: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    score: NDArray[np.float32],
    n_groups: int,
) -> NDArray[np.float64]:
    """Sum the scores of the greedily chosen hits of each group that do not overlap.

    Every round takes the best hit left in each group and drops what overlaps it, in all groups at once.
    """
    order = np.lexsort((end, start, -score, group))
    group, start, end, score = group[order], start[order], end[order], score[order]
    total = np.zeros(n_groups)
    while group.size:
        best = np.flatnonzero(np.diff(group, prepend=-1))
        total[group[best]] += score[best]
        rival = np.repeat(best, np.diff(best, append=group.size))
        apart = (end <= start[rival]) | (start >= end[rival])
        group, start, end, score = group[apart], start[apart], end[apart], score[apart]
    return total
