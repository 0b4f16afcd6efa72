"""All interface metrics of a 400-residue pair: ours against the public ipsae.py script, in one process, CPU time.

The script is not part of this repository; give the path of your copy (github.com/DunbrackLab/IPSAE, version 4 of
January 2026). It computes ipSAE, pDockQ, pDockQ2 and LIS; ours those and the rest of `InterfaceScores`.

    python benchmarks/scoring.py --ipsae PATH/ipsae.py
"""

import argparse
import contextlib
import cProfile
import gc
import io
import json
import os
import platform
import pstats
import runpy
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from screening.confidences import read_confidences
from screening.model_file import ModelChain, write_model, write_pae
from screening.prediction import Prediction, read_prediction
from screening.scores import InterfaceScores, score_complex, score_prediction
from screening.structure_file import read_structure

HEAVY_ATOMS = {"LEU": "N CA C O CB CG CD1 CD2", "LYS": "N CA C O CB CG CD CE NZ", "GLU": "N CA C O CB CG CD OE1 OE2"}


def write_pair(folder: Path, length: int, seed: int = 0) -> tuple[Path, Path]:
    """Write two chains of compact random walks that touch, in ColabFold's layout, with a PAE low at the interface."""
    rng = np.random.default_rng(seed)
    names = list(HEAVY_ATOMS)
    lines: list[str] = []
    serial = 0
    centres: list[np.ndarray] = []
    plddts: list[float] = []
    for chain, offset in (("A", 0.0), ("B", 34.0)):
        grid = np.array([(x, y, z) for x in range(6) for y in range(6) for z in range(6)][:length]) * 5.5
        for number, place in enumerate(grid + rng.normal(scale=0.6, size=grid.shape) + [offset, 0, 0], start=1):
            residue = names[rng.integers(3)]
            plddt = round(float(rng.uniform(60, 98)), 2)
            plddts.append(plddt)
            centres.append(place)
            for atom in HEAVY_ATOMS[residue].split():
                serial += 1
                x, y, z = place + (rng.normal(scale=1.2, size=3) if atom != "CA" else 0)
                text = f"ATOM  {serial:>5}  {atom:<3} {residue} {chain}{number:>4}    {x:8.3f}{y:8.3f}{z:8.3f}"
                lines.append(f"{text}{1:6.2f}{plddt:6.2f}          {atom[0]:>2}\n")
        lines.append("TER\n")
    distance = np.linalg.norm(np.array(centres)[:, None] - np.array(centres)[None], axis=-1)
    pae = np.clip(distance / 3 + rng.exponential(2.0, distance.shape), 0.25, 31.75).round(2)
    stem = "rank_001_alphafold2_multimer_v3_model_3_seed_000"
    structure, scores = folder / f"pair_unrelaxed_{stem}.pdb", folder / f"pair_scores_{stem}.json"
    structure.write_text("".join(lines) + "END\n")
    scores.write_text(json.dumps({"plddt": plddts, "pae": pae.tolist(), "iptm": 0.5, "ptm": 0.6}))
    return structure, scores


def cpu_s(run: Callable[[], object], repeats: int) -> float:
    """Smallest CPU time of several runs, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def peer(script: Path, structure: Path, scores: Path) -> None:
    """Run the script as its command line does, in this process: importing numpy is not counted against it."""
    arguments, sys.argv = sys.argv, [str(script), str(scores), str(structure), "15", "15"]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv = arguments
        gc.collect()  # closes the tables that the script leaves open


def agreement(structure: Path, ours: InterfaceScores) -> float:
    """Largest difference to the script's answers in the metrics that both have."""
    table = structure.with_name(structure.stem + "_15_15.txt").read_text().splitlines()
    header, *rows = [line.split() for line in table if line.strip()]
    found = {(row[0], row[1]): dict(zip(header, row, strict=True)) for row in rows if "asym" in row}
    pairs = [
        (found["A", "B"]["ipSAE"], ours.ipsae_ab),
        (found["B", "A"]["ipSAE"], ours.ipsae_ba),
        (found["A", "B"]["pDockQ"], ours.pdockq),
        (found["A", "B"]["ipTM_d0chn"], ours.iptm_d0chn_ab),
        (found["B", "A"]["ipTM_d0chn"], ours.iptm_d0chn_ba),
        (found["A", "B"]["LIS"], ours.lis_ab),
        (found["B", "A"]["LIS"], ours.lis_ba),
    ]
    return max(abs(float(theirs) - value) for theirs, value in pairs if value is not None)


def read_parts(structure: Path, scores: Path, repeats: int) -> list[tuple[str, float]]:
    """Where our time goes."""
    prediction: Prediction = read_prediction(structure, scores)
    return [
        ("read the structure", cpu_s(lambda: read_structure(structure), repeats)),
        ("read PAE and confidences", cpu_s(lambda: read_confidences(scores), repeats)),
        ("all metrics", cpu_s(lambda: score_prediction(prediction), repeats)),
    ]


def json_alone(scores: Path) -> None:
    """What any reader in Python pays for the same file: the standard decoder and one array."""
    np.array(json.loads(scores.read_text())["pae"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ipsae", type=Path, help="a copy of ipsae.py; without it only ours is measured")
    parser.add_argument("--length", type=int, default=200, help="residues of each chain")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--profile", action="store_true", help="print where our time goes, call by call")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        structure, scores = write_pair(Path(name), options.length)
        ours = score_complex(structure, scores)
        whole = cpu_s(lambda: score_complex(structure, scores), options.repeats)
        print(f"{2 * options.length} residues, {ours.n_contacts} contacts; smallest of {options.repeats} runs, CPU ms")
        print(f"  ours, from files to {len(InterfaceScores.__dataclass_fields__)} scores  {1000 * whole:8.1f}")
        parts = read_parts(structure, scores, options.repeats)
        for label, seconds in parts:
            print(f"    {label:32s} {1000 * seconds:8.1f}")
        prediction = read_prediction(structure, scores)
        own = Path(name) / "own.cif.gz"
        chains = [ModelChain("a", 1, "A"), ModelChain("b", 1, "B")]
        write_model(own, prediction, chains, title="pair", software="made", metrics={})
        assert prediction.pae is not None
        write_pae(Path(name) / "pae_own.npz", prediction.pae)
        stored = cpu_s(lambda: score_complex(own, Path(name) / "pae_own.npz"), options.repeats)
        print(f"  ours, from this platform's own files     {1000 * stored:8.1f}")
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(score_complex, structure, scores)
            pstats.Stats(profile).sort_stats("tottime").print_stats(15)
        if options.ipsae:
            theirs = cpu_s(lambda: peer(options.ipsae, structure, scores), 3)
            metrics = parts[-1][1]
            decoding = cpu_s(lambda: json_alone(scores), options.repeats)
            print(f"  json.loads and numpy.array of the PAE    {1000 * decoding:8.1f}")
            print(f"  ipsae.py, from files to its tables       {1000 * theirs:8.1f}")
            print(f"  ratio, files to scores                   {theirs / whole:8.1f}")
            print(f"  its limit, if all but that took no time  {theirs / decoding:8.1f}")
            print(f"  ratio of the metrics, without that       {(theirs - decoding) / metrics:8.1f}")
            print(f"  largest difference of the shared scores  {agreement(structure, ours):8.1e} (of 4 to 6 digits)")
    print(
        f"python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, {datetime.now(UTC):%Y-%m-%d}"
    )


if __name__ == "__main__":
    main()
