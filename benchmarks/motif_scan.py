"""Motif scanning: MOODS, the fastest library (lightmotif), and ours, with the same matrices and thresholds.

    python benchmarks/motif_scan.py MOTIFS.meme [--sequences 23936] [--length 200]

Parts of the library are scanned one after the other: all motifs, a hundred, ten, one, and the wide ones. MOODS (pip
install MOODS-python) and lightmotif find hits in texts, with matrices and thresholds given. Ours is timed twice: when
it finds the same hits likewise, and as `scan`, which also checks the texts, prepares matrices and thresholds, reduces
hits of a cluster that overlap to the best and sums them. Sequences are random with the background's composition. CPU
seconds of one thread, best of some turns, which the programs take one after the other; without the compilation of ours,
which happens once per machine and is stated.
"""

import argparse
import importlib
import os
import platform
import time
from collections.abc import Callable, Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from get_core.motif_scanner import (
    PSEUDOCOUNT,
    STEPS_PER_NAT,
    MotifScanner,
    _chunks,
    _word_length,
    motif_scanner,
)
from get_core.motifs import BACKGROUND, MotifLibrary, read_meme, scan

if TYPE_CHECKING:
    from lightmotif.lib import ScoringMatrix

P_VALUE = 1e-4
LETTERS = "ACGT"
CHUNK = 1000
"""Sequences that lightmotif scans at a time: scores of one matrix then stay in the processor's cache (0.8 MB)."""

WIDE = 20
"""Columns from which a motif counts as wide."""

SLOW = 8.0
"""CPU seconds after which a program gets no second turn."""

NEVER = -1e6
"""Score of other letters: no sum that contains it reaches a threshold."""

Value = TypeVar("Value")


def timed(function: Callable[[], Value]) -> tuple[float, Value]:
    """Return CPU seconds and the value of a call."""
    begin = time.process_time()
    value = function()
    return time.process_time() - begin, value


def score_matrices(library: MotifLibrary, scanner: MotifScanner) -> list[np.ndarray]:
    """Return the scores (width, 4) in nats behind each of the scanner's matrices, which hold losses."""
    frequency = np.array(BACKGROUND)
    steps_of = {}
    for matrix in library.matrices:
        odds = (matrix + PSEUDOCOUNT * frequency) / (matrix.sum(axis=1, keepdims=True) + PSEUDOCOUNT) / frequency
        forward = np.rint(np.log(odds) * STEPS_PER_NAT).astype(np.int64)
        for steps in (forward, forward[::-1, ::-1]):
            best = steps.max(axis=1, keepdims=True)
            steps_of[best.sum(), (best - steps).astype(np.int32).tobytes()] = steps
    parts = zip(scanner.bests, scanner.ends, scanner.ends[1:], strict=False)
    return [steps_of[best, scanner.losses[begin:end].tobytes()] / STEPS_PER_NAT for best, begin, end in parts]


def lightmotif_matrix(matrix: np.ndarray) -> "ScoringMatrix":
    from lightmotif.lib import ScoringMatrix

    values: dict[str, Iterable[float]] = {letter: matrix[:, i].tolist() for i, letter in enumerate(LETTERS)}
    values["N"] = [NEVER] * len(matrix)
    return ScoringMatrix(values)


def with_lightmotif(
    sequences: list[str], matrices: "list[ScoringMatrix]", widest: int, thresholds: np.ndarray, filtered: bool
) -> int:
    """Return the number of hits of lightmotif; its scanner scores only what passes a coarse score."""
    from lightmotif.lib import scan as find
    from lightmotif.lib import stripe

    hits = 0
    for begin in range(0, len(sequences), CHUNK):
        joined = stripe("N".join(sequences[begin : begin + CHUNK]) + "N" * widest)
        for matrix, threshold in zip(matrices, thresholds.tolist(), strict=True):
            if filtered:
                hits += sum(1 for _ in find(matrix, joined, threshold=threshold))
            else:
                hits += len(matrix.calculate(joined).threshold(threshold))
    return hits


def with_moods(sequences: list[str], matrices: list[np.ndarray], thresholds: np.ndarray) -> int:
    """Return the number of hits of MOODS."""
    moods = importlib.import_module("MOODS.scan")
    engine = moods.Scanner(7)
    # A hair below, because MOODS adds the same numbers in double precision.
    engine.set_motifs([matrix.T.tolist() for matrix in matrices], list(BACKGROUND), (thresholds - 1e-6).tolist())
    return sum(len(found) for found in engine.scan("N".join(sequences)))


def with_ours(sequences: list[str], scanner: MotifScanner) -> int:
    """Return the number of hits before overlapping ones are reduced, found as `MotifScanner.scan` finds them."""
    from get_core.motif_hits import LONGEST_WORD, encode, find_hits, kmer_index

    margin = scanner.widest + 2 * LONGEST_WORD
    top, bits = int(scanner.bests.max()), scanner.widest.bit_length()
    hits = 0
    for rows in _chunks(sequences):
        joined = "N" * margin + "N".join(sequences[rows]) + "N" * margin
        letters = encode(np.frombuffer(joined.encode(), np.uint8))
        index = kmer_index(letters, margin, _word_length(letters.size, scanner.limits.size))
        hits += len(find_hits(index, scanner.losses, scanner.ends, scanner.limits, scanner.bests, top, bits))
    return hits


def in_turns(functions: list[Callable[[], Value]], turns: int) -> list[tuple[float, Value]]:
    """Return the least CPU seconds and the value of each function; what is slow has one turn."""
    best: list[tuple[float, Value] | None] = [None] * len(functions)
    for _ in range(turns):
        for number, function in enumerate(functions):
            before = best[number]
            if before is None or before[0] < SLOW:
                cpu, value = timed(function)
                best[number] = (cpu if before is None else min(cpu, before[0]), value)
    return [call for call in best if call is not None]


def row(name: str, sequences: list[str], library: MotifLibrary) -> str:
    """Scan with every program; return a line of the table."""
    named = {str(i): sequence for i, sequence in enumerate(sequences)}
    scanner = motif_scanner(library, p_value=P_VALUE)
    matrices = score_matrices(library, scanner)
    thresholds = (scanner.bests - scanner.limits) / STEPS_PER_NAT
    striped = [lightmotif_matrix(matrix) for matrix in matrices]
    calls = in_turns(
        [
            lambda: np.count_nonzero(scan(named, library, p_value=P_VALUE)),
            lambda: with_ours(sequences, scanner),
            lambda: with_lightmotif(sequences, striped, scanner.widest, thresholds, True),
            lambda: with_lightmotif(sequences, striped, scanner.widest, thresholds, False),
            lambda: with_moods(sequences, matrices, thresholds),
        ],
        turns=5,
    )
    hits = [found for _, found in calls[1:]]
    assert len(set(hits)) == 1, f"the programs disagree: {hits}"
    summed, ours, coarse, every, moods = (cpu for cpu, _ in calls)
    return (
        f"| {name} | {len(matrices):,} | {hits[0]:,} | {_seconds(summed)} | {_seconds(ours)} | {_seconds(coarse)} "
        f"| {_seconds(every)} | {_seconds(moods)} | {coarse / ours:.1f} | {moods / ours:.1f} |"
    )


def parts(library: MotifLibrary) -> dict[str, MotifLibrary]:
    """Return what is scanned, by name."""
    count, widths = len(library.names), [len(matrix) for matrix in library.matrices]
    wide = [i for i in range(count) if widths[i] >= WIDE]
    chosen = {f"all {count:,}": list(range(count))}
    chosen |= {f"{n}": list(range(0, count, count // n))[:n] for n in (100, 10) if n < count}
    chosen["1, of median width"] = [int(np.argsort(widths, kind="stable")[count // 2])]
    chosen[f"{len(wide)}, of {WIDE} columns and more"] = wide
    return {
        name: MotifLibrary(
            tuple(library.names[i] for i in members),
            tuple(library.clusters[i] for i in members),
            tuple(library.matrices[i] for i in members),
        )
        for name, members in chosen.items()
        if members
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motifs", type=Path)
    parser.add_argument("--sequences", type=int, default=23_936)
    parser.add_argument("--length", type=int, default=200)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    drawn = generator.choice(list(LETTERS), (options.sequences, options.length), p=np.array(BACKGROUND))
    sequences, library = ["".join(row) for row in drawn], read_meme(options.motifs)
    first, _ = timed(lambda: scan({"one": sequences[0]}, library, p_value=P_VALUE))
    prepared, _ = timed(lambda: motif_scanner(library, p_value=P_VALUE))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {date.today()}; Python "
        f"{platform.python_version()}, numba {_version('numba')}, lightmotif {_version('lightmotif')}, MOODS "
        f"{_version('MOODS-python')}; {len(sequences):,} x {options.length} bp, p = {P_VALUE:g}.\n"
        f"The first sequence of the process takes ours {first:.1f} s, with the compiler or its cache; matrices and "
        f"thresholds of all motifs {prepared:.2f} s.\n\n"
        "| motifs | matrices | hits | ours, `scan` | ours, hits | lightmotif, scanner | lightmotif, every place "
        "| MOODS | lightmotif / ours | MOODS / ours |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, part in parts(library).items():
        print(row(name, sequences, part), flush=True)


def _seconds(cpu: float) -> str:
    return f"{cpu:.3g} s" if cpu >= 1 else f"{1000 * cpu:.3g} ms"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


if __name__ == "__main__":
    main()
