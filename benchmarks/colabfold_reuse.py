"""What keeping one compiled network saves: CPU seconds per pair, this platform's backend against `colabfold_batch`.

Tiny random weights on a processor, the same eight pairs of eight lengths, the same alignments and settings:

(a) one `colabfold_batch` process for each pair (three of the eight are run: shortest, middle, longest),
(b) one `colabfold_batch` process for a folder of all pairs,
(c) one process of this platform's backend, two buckets,
(d) as (c), a second process that finds the compiled networks in the cache folder.

Every way runs in processes of its own; CPU seconds are those of the processes and all their children, start-up
included. The network's compilations are counted in the process. ``python benchmarks/colabfold_reuse.py`` takes about
seven CPU minutes.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BUCKETS = (32, 64)
LENGTHS = ((12, 10), (13, 12), (15, 13), (16, 15), (20, 20), (24, 24), (30, 26), (31, 30))
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVK"
SINGLE = (0, 4, 7)
RECYCLES, MAX_MSA, MAX_EXTRA_MSA = 3, 8, 16


def pairs() -> list[tuple[str, str]]:
    """Two different sequences for each pair of lengths."""
    return [(SEQUENCE[:a], SEQUENCE[::-1][:b]) for a, b in LENGTHS]


def alignment(a: str, b: str) -> str:
    """Query and three paired homologues."""
    rows = [f"#{len(a)},{len(b)}\t1,1", ">101\t102", a + b]
    for row, letter in enumerate("LAS"):
        rows += [f">{row}\tx{row}", a[0] + letter + a[2:] + b[: -1 - row] + "-" * (1 + row)]
    rows += [">101", a + "-" * len(b), ">102", "-" * len(a) + b]
    return "\n".join(rows) + "\n"


def colabfold_batch(arguments: list[str], note: Path) -> None:
    """Run ColabFold's command line with the tiny network, and note how often the network was compiled."""
    from screening.folding.colabfold.network import TINY, sized
    from screening.folding.colabfold.runtime import colabfold_batch as module

    batch = module()
    from alphafold.model.model import RunModel

    built: list[RunModel] = []
    original = RunModel.__init__

    def remembered(self: RunModel, *words, **named) -> None:
        original(self, *words, **named)
        built.append(self)

    RunModel.__init__ = remembered
    sys.argv = ["colabfold_batch", *arguments]
    with sized(TINY):
        batch.main()
    note.write_text(json.dumps({"compiled": sum(shapes_of(model.apply) for model in built)}))


def shapes_of(function: object) -> int:
    """Return how many shapes a function of JAX has been compiled for."""
    return function._cache_size()  # type: ignore[attr-defined]


def ours(weights: Path, folder: Path, cache: Path, note: Path) -> None:
    """Fold all pairs with the backend, and note the CPU seconds of each."""
    from screening.folding.backend import FoldRequest, FoldSegment
    from screening.folding.colabfold import ColabFoldSettings
    from screening.folding.colabfold.backend import ColabFold
    from screening.folding.colabfold.runner import kept_runner
    from screening.folding.colabfold.weights import find_weights

    settings = ColabFoldSettings(
        recycles=RECYCLES, max_msa=MAX_MSA, max_extra_msa=MAX_EXTRA_MSA, buckets=BUCKETS, compile_cache=cache
    )
    backend = ColabFold(settings, find_weights(weights, (3,)))
    seconds, iptm = [], []
    for number, (a, b) in enumerate(pairs()):
        start = time.process_time()
        first, second = (FoldSegment(f"P{len(s)}", 1, len(s), "high_plddt", s, len(s)) for s in (a, b))
        workdir = folder / str(number)
        workdir.mkdir(parents=True)
        result = backend.fold(FoldRequest(first, second, msa=alignment(a, b)), workdir)
        seconds.append(time.process_time() - start)
        iptm.append(result.iptm)
    compiled = kept_runner(settings, backend.weights).compiled
    note.write_text(json.dumps({"compiled": compiled, "seconds": seconds, "iptm": iptm}))


def measured(words: list[str], note: Path) -> tuple[float, dict]:
    """Run this file again in a process of its own: CPU seconds of it and its children, and what it noted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-W", "ignore", __file__, *words, "--note", str(note)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, json.loads(note.read_text())


def compare(folder: Path) -> str:
    """Run all four ways; returns the table."""
    from screening.folding.colabfold.weights import make_random_weights

    weights, note = folder / "weights", folder / "note.json"
    make_random_weights(weights)
    queries = folder / "queries"
    queries.mkdir()
    for number, (a, b) in enumerate(pairs()):
        (queries / f"pair{number}.a3m").write_text(alignment(a, b))
    options = ["--data", str(weights), "--num-models", "1", "--model-order", "3", "--num-recycle", str(RECYCLES)]
    options += ["--model-type", "alphafold2_multimer_v3", "--max-msa", f"{MAX_MSA}:{MAX_EXTRA_MSA}", "--calc-extra-ptm"]
    single, compiled = [], 0
    for number in SINGLE:
        out = folder / "a" / str(number)
        words = ["batch", str(queries / f"pair{number}.a3m"), str(out), *options]
        cpu, told = measured(words, note)
        single.append(cpu)
        compiled += told["compiled"]
        print(f"(a) pair {number}: {cpu:.1f} CPU s", file=sys.stderr)
    rows: list[tuple[str, float, int, float]] = [
        ("(a) process per pair, 3 pairs", sum(single), compiled, sum(single) / len(SINGLE))
    ]
    cpu, told = measured(["batch", str(queries), str(folder / "b"), *options], note)
    rows.append(("(b) one process, a folder", cpu, told["compiled"], cpu / len(LENGTHS)))
    scores = [next((folder / "b").glob(f"pair{number}_scores_*.json")) for number in range(len(LENGTHS))]
    theirs = [json.loads(path.read_text())["iptm"] for path in scores]
    first_of_bucket = {min(at for at, (a, b) in enumerate(LENGTHS) if a + b > low) for low in (0, *BUCKETS[:-1])}
    for name, out in (("(c) ours", "c"), ("(d) ours, cache filled", "d")):
        cpu, told = measured(["ours", str(weights), str(folder / out), str(folder / "cache")], note)
        later = [seconds for at, seconds in enumerate(told["seconds"]) if at not in first_of_bucket]
        rows.append((name, cpu, told["compiled"], sum(later) / len(later)))
    differ = max(abs(x - y) for x, y in zip(theirs, told["iptm"], strict=True))
    lines = [
        "| way | compiled shapes | CPU s in all | CPU s per further pair | (a) / this |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {compiled} | {total:.1f} | {each:.2f} | {rows[0][3] / each:.1f} |"
            for name, total, compiled, each in rows
        ),
        "",
        f"Largest difference of ipTM between (b), which gives two decimals, and (d): {differ:.4f}.",
    ]
    return "\n".join(lines)


def environment() -> str:
    names = ("colabfold", "alphafold-colabfold", "jax", "jaxlib", "dm-haiku", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    cores = len(os.sched_getaffinity(0))
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {cores} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {versions}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--note", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    known, rest = parser.parse_known_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    match known.words:
        case ["batch", *paths]:
            colabfold_batch([*paths, *rest], known.note)
        case ["ours", weights, folder, cache]:
            ours(Path(weights), Path(folder), Path(cache), known.note)
        case _:
            begin = environment()
            with tempfile.TemporaryDirectory() as folder:
                print(f"{begin}\n\n{compare(Path(folder))}")


if __name__ == "__main__":
    main()
