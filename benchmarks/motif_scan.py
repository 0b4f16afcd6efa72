"""Motif scanning: MOODS, the fastest library (lightmotif), and ours, with the same matrices and thresholds.

    python benchmarks/motif_scan.py MOTIFS.meme [--sequences 23936] [--length 200]

MOODS (pip install MOODS-python) and lightmotif find hits; ours finds the same hits and also reduces overlapping ones of
a cluster to the best and sums them. Sequences are random with the background's composition. CPU seconds of one thread,
without the compilation of ours, which happens once per machine and is stated.
"""

import argparse
import importlib
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from get_core.motif_scanner import CODES, PSEUDOCOUNT, STEPS_PER_NAT, MotifScanner, motif_scanner
from get_core.motifs import BACKGROUND, MotifLibrary, read_meme, scan

if TYPE_CHECKING:
    from lightmotif.lib import ScoringMatrix

P_VALUE = 1e-4
LETTERS = "ACGT"
CHUNK = 1000
"""Sequences that lightmotif scans at a time: scores of one matrix then stay in the processor's cache (0.8 MB)."""

NEVER = -1e6
"""Score of other letters: no sum that contains it reaches a threshold."""

Value = TypeVar("Value")


def timed(function: Callable[[], Value]) -> tuple[float, float, Value]:
    """Return CPU seconds, wall seconds and the value of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    value = function()
    return time.process_time() - cpu, time.perf_counter() - wall, value


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


def with_moods(sequences: list[str], matrices: list[np.ndarray], thresholds: np.ndarray) -> int | None:
    """Return the number of hits of MOODS, or None where it is not installed."""
    try:
        moods = importlib.import_module("MOODS.scan")
    except ImportError:
        return None
    engine = moods.Scanner(7)
    # A hair below, because MOODS adds the same numbers in double precision.
    engine.set_motifs([matrix.T.tolist() for matrix in matrices], list(BACKGROUND), (thresholds - 1e-6).tolist())
    return sum(len(found) for found in engine.scan("N".join(sequences)))


def our_hits(sequences: list[str], scanner: MotifScanner) -> int:
    """Return the number of hits before overlapping ones are reduced."""
    from get_core.motif_hits import LONGEST_WORD, find_hits, kmer_index

    margin = scanner.widest + 2 * LONGEST_WORD
    joined = "N" * margin + "N".join(sequences) + "N" * margin
    index = kmer_index(np.frombuffer(joined.encode().translate(CODES), np.uint8), margin, LONGEST_WORD)
    top, bits = int(scanner.bests.max()), scanner.widest.bit_length()
    return len(find_hits(index, scanner.losses, scanner.ends, scanner.limits, scanner.bests, top, bits))


def best_of_two(function: Callable[[], Value]) -> tuple[float, float, Value]:
    """Return the call that took less CPU time."""
    return min((timed(function) for _ in range(2)), key=lambda call: call[0])


def rows(sequences: list[str], library: MotifLibrary) -> Iterator[tuple[str, float, float, int]]:
    """Yield what was run, its CPU and wall seconds, and its hits."""
    named = {str(i): sequence for i, sequence in enumerate(sequences)}
    first, _, _ = timed(lambda: scan({"one": sequences[0]}, library, p_value=P_VALUE))
    prepared, _, scanner = best_of_two(lambda: motif_scanner(library, p_value=P_VALUE))
    hits = our_hits(sequences, scanner)
    matrices = score_matrices(library, scanner)
    thresholds = (scanner.bests - scanner.limits) / STEPS_PER_NAT
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {date.today()}; Python "
        f"{platform.python_version()}, numba {_version('numba')}; {len(matrices)} matrices (both strands), "
        f"{len(sequences):,} x {len(sequences[0])} bp, p = {P_VALUE:g}.\n"
        f"The first sequence of the process takes ours {first:.1f} s, with the compiler or its cache; matrices and "
        f"thresholds {prepared:.2f} s.\n"
    )
    cpu, wall, alone = best_of_two(lambda: scan(named, library, p_value=P_VALUE))
    yield "ours, cluster scores, with matrices and thresholds", cpu, wall, hits
    cpu, wall, shared = best_of_two(lambda: scan(named, library, p_value=P_VALUE, threads=2))
    assert np.array_equal(alone, shared)
    yield "the same, two threads", cpu, wall, hits
    filtering = [lightmotif_matrix(matrix) for matrix in matrices]
    name = f"lightmotif {_version('lightmotif')}"
    cpu, wall, found = timed(lambda: with_lightmotif(sequences, filtering, scanner.widest, thresholds, True))
    yield f"{name}, its scanner", cpu, wall, found
    cpu, wall, found = timed(lambda: with_lightmotif(sequences, filtering, scanner.widest, thresholds, False))
    yield f"{name}, every place scored", cpu, wall, found
    cpu, wall, found = timed(lambda: with_moods(sequences, matrices, thresholds))
    if found is not None:
        yield f"MOODS {_version('MOODS-python')}", cpu, wall, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motifs", type=Path)
    parser.add_argument("--sequences", type=int, default=23_936)
    parser.add_argument("--length", type=int, default=200)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    drawn = generator.choice(list(LETTERS), (options.sequences, options.length), p=np.array(BACKGROUND))
    results = list(rows(["".join(row) for row in drawn], read_meme(options.motifs)))
    print("| what | CPU s | wall s | hits | ours is faster by (CPU) |")
    print("|---|---|---|---|---|")
    for what, cpu, wall, hits in results:
        print(f"| {what} | {cpu:.1f} | {wall:.1f} | {hits:,} | {cpu / results[0][1]:.1f} |")
    assert len({hits for *_, hits in results}) == 1, "the programs disagree"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


if __name__ == "__main__":
    main()
