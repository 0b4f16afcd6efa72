"""AlphaFold-Multimer on this machine's GPU: compile and pass times of each bucket, and padded = unpadded.

``python benchmarks/colabfold_gpu.py --weights FOLDER`` writes ``benchmarks/results/colabfold_gpu_DATE.md``. Without
weights, look-alikes of full size with random values are made first; times are those of the real network, numbers mean
nothing. ``--platform cpu --tiny`` shows on any machine that it runs.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from screening.folding.colabfold import ColabFoldSettings
from screening.folding.colabfold.cost import gpu_memory_gb

BUCKETS = (128, 192, 256, 384, 512, 768, 1024)
TINY_BUCKETS = (32, 48)
SEED = 0


def two_chains(residues: int) -> tuple[str, str]:
    """Random sequences, so many residues in all."""
    letters = np.random.default_rng(residues).choice(list("ACDEFGHIKLMNPQRSTVWY"), residues)
    return "".join(letters[: residues // 2]), "".join(letters[residues // 2 :])


def alignment(a: str, b: str, rows: int) -> str:
    """Queries and so many paired rows, each with a fifth of its residues changed."""
    generator = np.random.default_rng(rows)
    letters = np.array(list(a + b))
    lines = [f"#{len(a)},{len(b)}\t1,1", ">101\t102", a + b]
    for row in range(rows):
        changed = np.where(generator.random(len(letters)) < 0.2, generator.permutation(letters), letters)
        lines += [f">{row}\tx{row}", "".join(changed)]
    return "\n".join([*lines, ">101", a + "-" * len(b), ">102", "-" * len(a) + b]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=Path, help="folder with params_model_3_multimer_v3.npz")
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--tiny", action="store_true", help="a tiny network in small buckets")
    parser.add_argument("--buckets", type=int, nargs="+", help="padded lengths to measure")
    parser.add_argument("--rows", type=int, default=1000, help="paired rows of the alignment")
    parser.add_argument("--out", type=Path, help="file to write")
    given = parser.parse_args()

    from screening.folding.colabfold.runtime import device, prepare

    gpus = 1.0 if given.platform == "gpu" else 0.0
    prepare(len(os.sched_getaffinity(0)), gpus)
    hardware = device(gpus)
    with tempfile.TemporaryDirectory() as folder:
        text = report(given, Path(folder), f"{hardware.kind} ({hardware.platform})")
    name = f"colabfold_gpu_{datetime.now(UTC):%Y-%m-%d}.md"
    out = given.out or Path(__file__).resolve().parent / "results" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    print(f"{text}\n{out}")


def report(given: argparse.Namespace, folder: Path, hardware: str) -> str:
    from screening.folding.colabfold.features import features_of
    from screening.folding.colabfold.network import TINY
    from screening.folding.colabfold.runner import Runner
    from screening.folding.colabfold.weights import find_weights, is_random, make_random_weights

    if given.weights is None:
        make_random_weights(folder, TINY if given.tiny else {}, models=(3,))
    weights = find_weights(given.weights or folder, (3,))
    depth = {"max_msa": 8, "max_extra_msa": 8} if given.tiny else {}
    settings = ColabFoldSettings(early_stop_tolerance=0.0).model_copy(update=depth)
    rows = min(given.rows, 3) if given.tiny else given.rows
    buckets = given.buckets or (TINY_BUCKETS if given.tiny else BUCKETS)
    runner = Runner(settings, weights)

    def timed(residues: int, bucket: int) -> float:
        chains = two_chains(residues)
        features = features_of(alignment(*chains, rows), chains, settings.max_msa)
        start = time.perf_counter()
        runner.answer(features, bucket, 3, SEED)
        return time.perf_counter() - start

    lines = [
        f"# AlphaFold-Multimer on {hardware}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "colabfold", "alphafold-colabfold")),
        "",
        f"Model 3, {settings.recycles} recycles without early stop, {rows} paired rows, {settings.max_msa} + "
        f"{settings.max_extra_msa} rows in the network, bfloat16 {settings.bfloat16}; "
        f"{'random' if is_random(weights[3]) else 'trained'} weights{', tiny network' if given.tiny else ''}. "
        "The compile time is the first run less a later one; pairs of two lengths share each bucket.",
        "",
        "| bucket | compile s | run s | one pass s | memory estimate GB | peak on device GB | compiled shapes |",
        "|---|---|---|---|---|---|---|",
    ]
    for bucket in buckets:
        first, _, later = timed(bucket, bucket), timed(bucket - 8, bucket), timed(bucket, bucket)
        lines.append(
            f"| {bucket} | {first - later:.1f} | {later:.2f} | {later / (settings.recycles + 1):.2f} | "
            f"{gpu_memory_gb(bucket):.1f} | {peak()} | {runner.compiled} |"
        )
    lines += ["", "Put what differs from an A100 into `[structure.colabfold.cost]`.", ""]
    lines += ["## Padded = unpadded", "", "float32, 1 recycle, from 20 residues less than the bucket.", ""]
    lines += [
        "| residues | bucket | PAE A | CA A | pLDDT | pTM | ipTM | actifpTM |",
        "|---|---|---|---|---|---|---|---|",
    ]
    exact = Runner(settings.model_copy(update={"bfloat16": False, "recycles": 1}), weights)
    bucket = buckets[0]
    chains = two_chains(bucket - 20)
    features = features_of(alignment(*chains, rows), chains, settings.max_msa)
    padded, plain = (exact.answer(features, length, 3, SEED) for length in (bucket, bucket - 20))
    differences = [
        np.abs(padded.pae.astype(float) - plain.pae).max(),
        np.abs(padded.atom_angstrom - plain.atom_angstrom)[:, 1].max(),
        np.abs(padded.plddt - plain.plddt).max(),
        *(abs(getattr(padded, name) - getattr(plain, name)) for name in ("ptm", "iptm", "actifptm")),
    ]
    lines.append(f"| {bucket - 20} | {bucket} | " + " | ".join(f"{value:.2g}" for value in differences) + " |")
    return "\n".join(lines) + "\n"


def peak() -> str:
    """Return the peak memory of JAX's device in 10^9 bytes, where it tells."""
    import jax

    statistics = jax.devices()[0].memory_stats() or {}
    return f"{statistics['peak_bytes_in_use'] / 1e9:.1f}" if "peak_bytes_in_use" in statistics else "-"


if __name__ == "__main__":
    main()
