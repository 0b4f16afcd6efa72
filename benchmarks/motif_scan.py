"""Motif scanning: MOODS, the library underneath (lightmotif), and ours, with the same matrices and thresholds.

    python benchmarks/motif_scan.py MOTIFS.meme [--sequences 23936] [--length 200]

MOODS (pip install MOODS-python) and lightmotif find hits; ours finds the same hits and also reduces overlapping ones of
a cluster to the best and sums them. Sequences are random with the background's composition. CPU seconds, one thread.
"""

import argparse
import importlib
import platform
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import numpy as np

from get_core.motifs import BACKGROUND, _chunks, _scanners, read_meme, scan

P_VALUE = 1e-4


def with_library(sequences: list[str], scanners: list) -> tuple[float, int]:
    """Return CPU seconds and hits of lightmotif alone: scores of every place, and those at the threshold."""
    from lightmotif.lib import stripe

    begin, hits = time.process_time(), 0
    tail = "N" * max(scanner.width for scanner in scanners)
    for rows in _chunks(sequences):
        joined = stripe("N".join(sequences[rows]) + tail)
        for scanner in scanners:
            hits += len(scanner.matrix.calculate(joined).threshold(scanner.threshold))
    return time.process_time() - begin, hits


def with_filter(sequences: list[str], scanners: list) -> tuple[float, int]:
    """Return CPU seconds and hits of lightmotif's own scanner, which scores only what passes a coarse score."""
    from lightmotif.lib import scan as find
    from lightmotif.lib import stripe

    begin, hits = time.process_time(), 0
    tail = "N" * max(scanner.width for scanner in scanners)
    for rows in _chunks(sequences):
        joined = stripe("N".join(sequences[rows]) + tail)
        for scanner in scanners:
            hits += sum(1 for _ in find(scanner.matrix, joined, threshold=scanner.threshold))
    return time.process_time() - begin, hits


def with_moods(sequences: list[str], scanners: list, matrices: list[np.ndarray]) -> tuple[float, int] | None:
    """Return CPU seconds and hits of MOODS, or None where it is not installed."""
    try:
        moods = importlib.import_module("MOODS.scan")
    except ImportError:
        return None
    begin = time.process_time()
    engine = moods.Scanner(7)
    engine.set_motifs(
        [matrix.T.tolist() for matrix in matrices],
        list(BACKGROUND),
        # A hair below, because MOODS adds the same numbers in double precision.
        [scanner.threshold - 1e-6 for scanner in scanners],
    )
    joined = "N".join(sequences)
    hits = sum(len(found) for found in engine.scan(joined))
    return time.process_time() - begin, hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motifs", type=Path)
    parser.add_argument("--sequences", type=int, default=23_936)
    parser.add_argument("--length", type=int, default=200)
    options = parser.parse_args()
    library = read_meme(options.motifs)
    generator = np.random.default_rng(0)
    drawn = generator.choice(list("ACGT"), (options.sequences, options.length), p=np.array(BACKGROUND))
    sequences = ["".join(row) for row in drawn]
    begin = time.process_time()
    scanners = _scanners(library, P_VALUE, np.array(BACKGROUND))
    # lightmotif keeps its columns as A, C, T, G, N.
    matrices = [
        np.asarray([list(cast(Sequence, scanner.matrix)[i]) for i in range(scanner.width)])[:, [0, 1, 3, 2]]
        for scanner in scanners
    ]
    prepared = time.process_time() - begin
    begin = time.process_time()
    scan({str(i): sequence for i, sequence in enumerate(sequences)}, library, p_value=P_VALUE)
    ours = time.process_time() - begin
    alone, hits = with_library(sequences, scanners)
    filtered, filtered_hits = with_filter(sequences, scanners)
    moods = with_moods(sequences, scanners, matrices)
    print(
        f"{platform.machine()}, one thread, {date.today()}; {len(scanners)} matrices (both strands), "
        f"{options.sequences:,} x {options.length} bp, p = {P_VALUE:g}\n"
    )
    print("| what | CPU s | hits | ours is faster by |")
    print("|---|---|---|---|")
    if moods is not None:
        print(f"| MOODS {_version('MOODS-python')}, hits | {moods[0]:.1f} | {moods[1]:,} | {moods[0] / ours:.1f} |")
    print(f"| lightmotif {_version('lightmotif')}, every place scored | {alone:.1f} | {hits:,} | {alone / ours:.1f} |")
    print(f"| lightmotif, its scanner | {filtered:.1f} | {filtered_hits:,} | {filtered / ours:.1f} |")
    print(f"| ours, cluster scores (of it {prepared:.1f} s matrices and thresholds) | {ours:.1f} | the same | 1 |")
    assert {hits, filtered_hits} == {hits if moods is None else moods[1]}, "the programs disagree"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


if __name__ == "__main__":
    main()
