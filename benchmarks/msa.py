"""Slicing and pairing of alignments: ours, a plain Python loop, and AlphaFold-Multimer's own pairing, on one input.

``python benchmarks/msa.py`` prints a table of CPU times, the medians of several calls.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version

import numpy as np

from screening.msa import Msa, complex_msa, pair_a3m, parse_a3m, slice_a3m, slice_msa, taxon
from screening.msa.depth import measure_depth

ROWS, COLUMNS, TAXA = 5000, 500, 1500
SEGMENTS = ((101, 300), (201, 450))
LETTERS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)


def alignment(seed: int) -> Msa:
    """Make rows of falling similarity with gaps at both ends, an insertion in every fifth, and species."""
    generator = np.random.default_rng(seed)
    query = generator.choice(LETTERS, COLUMNS)
    rows = []
    for i in range(ROWS):
        row = np.where(generator.random(COLUMNS) < 0.1 + 0.6 * i / ROWS, generator.choice(LETTERS, COLUMNS), query)
        if i:
            ends = generator.integers(0, COLUMNS // 3, 2)
            row[: ends[0]] = row[COLUMNS - ends[1] :] = ord("-")
        else:
            row = query
        text = row.tobytes().decode()
        if i and i % 5 == 0:
            at = int(generator.integers(1, COLUMNS))
            text = text[:at] + "gks" + text[at:]
        rows.append(text)
    names = [f"UniRef100_A{i:06d} n=1 Tax=x TaxID={t}" for i, t in enumerate(generator.integers(1, TAXA, ROWS))]
    return Msa(("query", *names[1:]), tuple(rows))


def loop_slice(text: str, start: int, end: int) -> str:
    """Slice with one step for each character."""
    lines = text.splitlines()
    seen, out = set(), []
    for name, row in zip(lines[::2], lines[1::2], strict=True):
        column, kept = 0, []
        for character in row:
            if character.islower():
                if start - 1 < column < end:
                    kept.append(character)
            else:
                if start - 1 <= column < end:
                    kept.append(character)
                column += 1
        cut = "".join(kept)
        if cut not in seen and any(c.isupper() for c in cut):
            seen.add(cut)
            out.append(f"{name}\n{cut}\n")
    return "".join(out)


def loop_pair(a: Msa, b: Msa) -> list[tuple[int, int]]:
    """Pair by AlphaFold-Multimer's rule with dictionaries and one step for each character."""
    ranked = []
    for msa in (a, b):
        species: dict[str, list[tuple[int, int]]] = {}
        for i, (name, row) in enumerate(zip(msa.names[1:], msa.rows[1:], strict=True), start=1):
            equal = sum(x == y for x, y in zip((c for c in row if not c.islower()), msa.query, strict=True))
            if key := taxon(name):
                species.setdefault(key, []).append((-equal, i))
        ranked.append({key: [i for _, i in sorted(rows)] for key, rows in species.items()})
    pairs = [
        pair
        for key in sorted(set(ranked[0]) & set(ranked[1]))
        if max(len(side[key]) for side in ranked) <= 600
        for pair in zip(ranked[0][key], ranked[1][key], strict=False)
    ]
    return [(0, 0), *sorted(pairs, key=lambda pair: pair[0] * pair[1])]


def alphafold_pair(a: Msa, b: Msa) -> np.ndarray:
    """Pair with the installed AlphaFold-Multimer, from the arrays that it would have made before."""
    from alphafold.data import msa_pairing

    features: list[dict[str, np.ndarray]] = [
        {"msa_all_seq": msa.columns, "msa_species_identifiers_all_seq": species}
        for msa, species in ((m, np.array([b"", *(taxon(n).encode() for n in m.names[1:])], object)) for m in (a, b))
    ]
    return msa_pairing.reorder_paired_rows(msa_pairing.pair_sequences(features))  # pyright: ignore[reportArgumentType]


def cpu_ms(call: Callable[[], object], repeats: int) -> float:
    """Return the median CPU time of a call, ms."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        times.append(1000 * (time.process_time() - begin))
    return statistics.median(times)


def fresh(msa: Msa) -> Msa:
    """Return the same rows without anything computed before."""
    return Msa(msa.names, msa.rows)


def main() -> None:
    a, b = alignment(1), alignment(2)
    text_a, text_b = a.to_text(), b.to_text()
    assert slice_a3m(text_a, *SEGMENTS[0]) == loop_slice(text_a, *SEGMENTS[0])
    paired = pair_a3m(a, b)
    assert list(paired.indices) == loop_pair(a, b)
    assert len(alphafold_pair(a, b)) == paired.depth

    def slice_and_pair(msa_a: Msa, msa_b: Msa) -> None:
        slice_msa(msa_a, *SEGMENTS[0])
        slice_msa(msa_b, *SEGMENTS[1])
        pair_a3m(msa_a, msa_b).sliced(*SEGMENTS)

    def loop_both() -> None:
        loop_slice(text_a, *SEGMENTS[0])
        loop_slice(text_b, *SEGMENTS[1])
        loop_pair(a, b)

    loops = cpu_ms(loop_both, 1)
    loop_pairing = cpu_ms(lambda: loop_pair(a, b), 1)
    results = [
        ("slice both + pair + slice the pairs, parsed", cpu_ms(lambda: slice_and_pair(fresh(a), fresh(b)), 9), loops),
        (
            "the same for each further segment pair",
            cpu_ms(lambda: complex_msa(a, b, *SEGMENTS, paired=paired), 9),
            None,
        ),
        ("the same from text", cpu_ms(lambda: slice_and_pair(parse_a3m(text_a), parse_a3m(text_b)), 9), loops),
        ("slice one, parsed", cpu_ms(lambda: slice_msa(fresh(a), *SEGMENTS[0]), 9), None),
        ("pair, parsed", cpu_ms(lambda: pair_a3m(fresh(a), fresh(b)), 9), loop_pairing),
        ("pair: AlphaFold-Multimer's functions", cpu_ms(lambda: alphafold_pair(a, b), 3), loop_pairing),
        ("depth and Neff of one", cpu_ms(lambda: measure_depth(a), 1), None),
    ]
    print(f"{ROWS} rows x {COLUMNS} columns each, {paired.depth} paired rows, segments {SEGMENTS}")
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    peer = f"alphafold-colabfold {version('alphafold-colabfold')}"
    print(f"{date.today()}, {machine}, Python {sys.version.split()[0]}, numpy {np.__version__}, {peer}\n")
    print("| what | CPU ms | Python loop, CPU ms | ratio |\n|---|---|---|---|")
    for name, ours, loop in results:
        print(f"| {name} | {ours:.1f} | {f'{loop:.0f}' if loop else ''} | {f'{loop / ours:.0f}' if loop else ''} |")


if __name__ == "__main__":
    main()
