"""Radii of gyration of disordered proteins: experiment, published CALVADOS 2 and ours.

``python benchmarks/calvados_rg.py [PROTEIN ...]`` takes some minutes of one core for all of them and writes
results/calvados_rg.md and docs/residue_md_rg.svg; with names it prints their rows only.

`calvados_rg.tsv` holds proteins that CALVADOS 2 was not trained on, their conditions, experimental radii (with the DOI
of the experiment) and the authors' simulated radii: test set of Tesei et al., Nature (2024),
doi 10.1038/s41586-023-07004-5, file md_simulations/data/tests/rg_test_data.csv of KULL-Centre/_2023_Tesei_IDRome.
"""

import csv
import os
import platform
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numba
import numpy as np

from screening.folding.binding import Trajectory
from screening.folding.calvados import Chain
from screening.folding.chain_simulation import simulate
from screening.folding.protocol import ResidueMdSettings

HERE = Path(__file__).parent
RESULT = HERE / "results" / "calvados_rg.md"
FIGURE = HERE.parent / "docs" / "residue_md_rg.svg"
REPLICAS, PRODUCTION_NS = 3, 10.0
BLOCKS = 5
"""Per replica; a block should be longer than the nanosecond in which a radius of gyration is forgotten."""


@dataclass(frozen=True)
class Row:
    """One protein: experiment, published simulation and ours, nm."""

    protein: str
    residues: int
    conditions: str
    experiment: tuple[float, float]
    published: tuple[float, float]
    ours: tuple[float, float]
    temperature: float

    @property
    def z(self) -> float:
        """Difference from the published value over the standard error of the difference."""
        return (self.ours[0] - self.published[0]) / float(np.hypot(self.ours[1], self.published[1]))


def rg_with_error(trajectory: Trajectory, masses: np.ndarray) -> tuple[float, float]:
    """Mean over frames of the mass-weighted radius of gyration, as the authors take it, and its block error."""
    weights = (masses / masses.sum())[:, None]
    positions = trajectory.positions_nm.astype(float)
    centred = positions - (positions * weights).sum(axis=2, keepdims=True)
    rg = np.sqrt((centred**2 * weights).sum(axis=(2, 3)))
    blocks = rg[:, : rg.shape[1] // BLOCKS * BLOCKS].reshape(len(rg) * BLOCKS, -1).mean(axis=1)
    return float(rg.mean()), float(blocks.std(ddof=1) / np.sqrt(len(blocks)))


def measure(entry: dict[str, str]) -> Row:
    chain = Chain(entry["sequence"])
    settings = ResidueMdSettings(
        production_ns=PRODUCTION_NS,
        equilibration_ns=1.0,
        replicas=REPLICAS,
        temperature_kelvin=float(entry["temperature_kelvin"]),
        ionic_strength_molar=float(entry["ionic_strength_molar"]),
        ph=float(entry["ph"]),
        frame_interval_ps=20.0,
        box_nm=0.38 * (len(chain.sequence) - 1) + 4.0,
    )
    trajectory = simulate((chain,), (None,), settings, seed=1)
    numbers = {name: float(entry[name]) for name in entry if name.endswith("_nm")}
    return Row(
        entry["protein"],
        len(chain.sequence),
        f"{settings.temperature_kelvin:g} K, {settings.ionic_strength_molar:g} M, pH {settings.ph:g}",
        (numbers["experiment_nm"], numbers["experiment_error_nm"]),
        (numbers["published_nm"], numbers["published_error_nm"]),
        rg_with_error(trajectory, chain.masses_dalton()),
        trajectory.temperature_kelvin or 0.0,
    )


def line(row: Row) -> str:
    pairs = (f"{value:.2f} ± {error:.2f}" for value, error in (row.experiment,))
    simulated = (f"{value:.3f} ± {error:.3f}" for value, error in (row.published, row.ours))
    return (
        f"| {row.protein} | {row.residues} | {row.conditions} | {' | '.join((*pairs, *simulated))} "
        f"| {row.z:+.1f} | {row.temperature:.1f} |"
    )


HEAD = """| protein | N | conditions | experiment, nm | CALVADOS 2 published, nm | ours, nm | z | T, K |
|---|---|---|---|---|---|---|---|"""


def summary(rows: list[Row]) -> str:
    def root_mean_square(values: list[float]) -> float:
        return 100 * float(np.sqrt(np.mean(np.square(values))))

    published = root_mean_square([row.published[0] / row.experiment[0] - 1 for row in rows])
    ours = root_mean_square([row.ours[0] / row.experiment[0] - 1 for row in rows])
    between = root_mean_square([row.ours[0] / row.published[0] - 1 for row in rows])
    z = np.sqrt(np.mean([row.z**2 for row in rows]))
    return (
        f"Root mean square deviation from experiment: published {published:.1f} %, ours {ours:.1f} %. "
        f"Ours from published: {between:.1f} %; root mean square z {z:.2f}."
    )


def draw(rows: list[Row]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "residue_md"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.2, 4.0))
    for attribute, colour, label in (("experiment", "0.6", "experiment"), ("published", "C0", "CALVADOS 2, published")):
        x = [getattr(row, attribute) for row in rows]
        axes.errorbar(
            [value for value, _ in x],
            [row.ours[0] for row in rows],
            xerr=[error for _, error in x],
            yerr=[row.ours[1] for row in rows],
            fmt="o",
            markersize=4,
            color=colour,
            label=label,
        )
    axes.plot([1.4, 3.1], [1.4, 3.1], color="0.3", linewidth=0.8)
    axes.set(xlabel="radius of gyration, nm", ylabel="ours, nm")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(FIGURE, metadata={"Date": None})


def environment() -> str:
    return (
        f"{date.today()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, numba {numba.__version__}."
    )


def main() -> None:
    with (HERE / "calvados_rg.tsv").open() as handle:
        entries = list(csv.DictReader(handle, delimiter="\t"))
    wanted = sys.argv[1:]
    started = time.process_time()
    print(HEAD)
    rows = []
    for entry in entries:
        if not wanted or entry["protein"] in wanted:
            rows.append(measure(entry))
            print(line(rows[-1]), flush=True)
    print(summary(rows))
    if not wanted:
        text = (
            f"# Radii of gyration: experiment, published CALVADOS 2, ours\n\n{environment()}\n"
            f"{REPLICAS} replicas of {PRODUCTION_NS:g} ns each (20 fs steps), "
            f"{(time.process_time() - started) / 60:.0f} CPU-minutes in all. ± of ours is the standard error of "
            f"{REPLICAS * BLOCKS} blocks; z is ours minus published over the error of the difference.\n\n"
            f"{HEAD}\n" + "\n".join(line(row) for row in rows) + f"\n\n{summary(rows)}\n"
        )
        RESULT.write_text(text)
        draw(rows)


if __name__ == "__main__":
    main()
