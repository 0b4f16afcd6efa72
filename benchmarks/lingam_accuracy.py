"""How well causal networks are found where the truth is known: DirectLiNGAM, its bootstrap, ICA-LiNGAM, correlations.

    python benchmarks/lingam_accuracy.py --seeds 0 1 2 3
    python benchmarks/lingam_accuracy.py --settings "half Gaussian" "5 latent causes" --variables 20 --rows 2000

Linear models over Erdős-Rényi graphs (`get_core.causal.linear_model`), columns z-scored, one BLAS thread. Every method
ranks all ordered pairs of variables; a score without direction counts for both. Numbers are means over the seeds.
"""

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from get_core.causal import DirectLiNGAM, ICALiNGAM, partial_correlation, spearman
from get_core.causal.columns import standardise
from get_core.causal.correlation import pearson
from get_core.causal.estimator import Estimator
from get_core.causal.linear_model import LinearModel, simulate_linear
from get_core.causal.stability import RESAMPLES, bootstrap

Matrix = NDArray[np.float64]

STANDARD = LinearModel(variables=50, degree=3, weights=(0.3, 1.0))
SETTINGS: dict[str, tuple[LinearModel, int]] = {
    "laplace": (replace(STANDARD, noise="laplace"), 5000),
    "uniform": (replace(STANDARD, noise="uniform"), 5000),
    "exponential": (replace(STANDARD, noise="exponential"), 5000),
    "mixed": (STANDARD, 5000),
    "mixed, n = 1000": (STANDARD, 1000),
    "dense (degree 10)": (replace(STANDARD, degree=10, weights=(0.1, 0.5)), 5000),
    "half Gaussian": (replace(STANDARD, noise="half_gaussian"), 5000),
    "5 latent causes": (replace(STANDARD, latent=5), 5000),
}
EDGE = 0.05
"""|effect| in standard deviations from which a pair counts as an edge where sets of edges are compared."""


@dataclass(frozen=True)
class Finding:
    """Values of ordered pairs, [effect, cause], ranked by absolute value; the edges they stand for; what they cost."""

    values: Matrix
    edges: NDArray[np.bool_]
    seconds: float


def permuted(estimator: Estimator, z: Matrix, seed: int) -> Matrix:
    """Fit with the columns in a random order; effects in the given order."""
    permutation = np.random.default_rng(seed).permutation(z.shape[1])
    effects = np.zeros((z.shape[1], z.shape[1]))
    effects[np.ix_(permutation, permutation)] = estimator.fit(z[:, permutation]).adjacency_matrix_
    return effects


def timed(find: Callable[[], Matrix]) -> Finding:
    """Take what is found, its edges and the processor time."""
    start = time.process_time()
    values = find()
    return Finding(values, np.abs(values) > EDGE, time.process_time() - start)


def bootstrapped(z: Matrix, resamples: int, seed: int) -> Finding:
    """Rank by probability × |mean effect|; an edge is what more than half of the resamples have."""
    start = time.process_time()
    found = bootstrap(z, resamples=resamples, seed=seed)
    return Finding(np.nan_to_num(found.score), found.probability > 0.5, time.process_time() - start)


def findings(z: Matrix, *, resamples: int = RESAMPLES, reruns: int = 3) -> dict[str, list[Finding]]:
    """Apply every method, `reruns` times where a seed or the order of the columns may matter.

    Parameters
    ----------
    z : float64 (n, d)
        Standardised observations.
    resamples : int
        Of the bootstrap.
    reruns : int
        With other seeds and other orders of the columns.
    """
    ica = [timed(lambda seed=seed: permuted(ICALiNGAM(random_state=seed), z, seed)) for seed in range(reruns)]
    mean = np.mean([each.values for each in ica], axis=0)
    return {
        "Direct": [timed(lambda seed=seed: permuted(DirectLiNGAM(), z, seed)) for seed in range(reruns)],
        f"Direct, {resamples} bootstraps": [bootstrapped(z, resamples, seed) for seed in range(reruns)],
        "ICA": ica,
        f"ICA, mean of {reruns}": [Finding(mean, np.abs(mean) > EDGE, sum(each.seconds for each in ica))],
        "Spearman": [timed(lambda: spearman(z))],
        "partial correlation": [timed(lambda: partial_correlation(pearson(z)))],
    }


def measures(found: Sequence[Finding], truth: NDArray[np.bool_], *, directed: bool) -> dict[str, float]:
    """Compare the first finding with the truth, and the findings with each other."""
    score = np.abs(found[0].values)
    pairs = ~np.eye(len(truth), dtype=bool)
    above = np.triu(pairs)
    either = np.maximum(score, score.T)
    agreement = [(a.edges & b.edges).sum() / max((a.edges | b.edges).sum(), 1) for a, b in combinations(found, 2)]
    return {
        "AUROC": float(roc_auc_score(truth[pairs], score[pairs])),
        "AUPR": float(average_precision_score(truth[pairs], score[pairs])),
        "skeleton AUPR": float(average_precision_score((truth | truth.T)[above], either[above])),
        "reversed": float((score.T[truth] > score[truth]).mean()) if directed else float("nan"),
        "P@1 %": precision_at(score[pairs], truth[pairs], 0.01),
        "Jaccard": float(np.mean(agreement)) if agreement else float("nan"),
        "CPU s": found[0].seconds,
    }


def precision_at(score: Matrix, truth: NDArray[np.bool_], share: float) -> float:
    """Return the share of true pairs among the top; pairs that tie for the last places count in proportion."""
    k = max(round(share * len(score)), 1)
    last = np.sort(score)[-k]
    ahead, tied = score > last, score == last
    return float((truth[ahead].sum() + (k - ahead.sum()) * truth[tied].mean()) / k)


def compare(
    model: LinearModel, rows: int, seeds: Sequence[int], *, resamples: int = RESAMPLES, reruns: int = 3
) -> dict[str, dict[str, float]]:
    """Return the measures of each method in one setting, means over the seeds."""
    runs: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        drawn = simulate_linear(model, rows, seed)
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            every = findings(standardise(drawn.values), resamples=resamples, reruns=reruns)
        for method, found in every.items():
            directed = method not in ("Spearman", "partial correlation")
            runs.setdefault(method, []).append(measures(found, drawn.effects != 0, directed=directed))
    return {
        method: {name: float(np.mean([each[name] for each in every])) for name in every[0]}
        for method, every in runs.items()
    }


def table(setting: str, rows: dict[str, dict[str, float]]) -> str:
    """Format one setting as Markdown."""
    names = list(next(iter(rows.values())))
    lines = [f"### {setting}\n", "| method | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for method, values in rows.items():
        shown = ["-" if np.isnan(value) else f"{value:.3f}" for value in values.values()]
        lines.append(f"| {method} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--variables", type=int, help="instead of 50")
    parser.add_argument("--rows", type=int, help="instead of the setting's")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--reruns", type=int, default=3)
    asked = parser.parse_args()
    bootstrap(simulate_linear(replace(STANDARD, variables=5), 100, 0).values, resamples=1)  # compiles the kernels
    machine = platform.processor() or platform.machine()
    print(f"{date.today()}, {machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scikit-learn")))
    print(f"seeds {asked.seeds}; Jaccard over {asked.reruns} reruns with other seeds and orders of the columns\n")
    for setting in asked.settings:
        model, rows = SETTINGS[setting]
        model = replace(model, variables=asked.variables or model.variables)
        rows = asked.rows or rows
        found = compare(model, rows, asked.seeds, resamples=asked.resamples, reruns=asked.reruns)
        print(table(f"{setting} (d = {model.variables}, n = {rows})", found), flush=True)


if __name__ == "__main__":
    main()
