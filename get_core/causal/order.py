"""The causal order of DirectLiNGAM: one root at a time, by branch and bound over pairs.

At every step the root is the variable i with the smallest score ``M_i = Σ_j min(0, D_ij)²`` over the variables that
remain, where ``D_ij = (H(j) + H(i | j)) - (H(i) + H(j | i))`` is negative where j -> i fits better than i -> j
(Hyvärinen and Smith, J. Mach. Learn. Res. 14, 111-152 (2013)). ``D_ji = -D_ij``, so a pair is evaluated once. The terms
of a score are never negative: a partial sum is a lower bound, and a variable whose partial sum exceeds a complete
score cannot be the root. The search completes the score of the likeliest root first and refutes each other variable
with the partner that spoke most clearly against it when the two were last compared. Guesses decide what is computed
first, never what is found.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from get_core.causal.entropy import entropy_error

__all__ = ["Engine", "Search", "causal_order", "differences"]

# Largest |correlation| of two residuals: rounding must not make the variance that is left 0.
CLOSEST = 1 - 1e-12

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Engine(Protocol):
    """Standardised variables and the kernels that work on them; rows are numbered as in the data.

    Attributes
    ----------
    error : float64 (d,)
        Bound of the error of either mean behind a variable's entropy, per unit of the amplification
        ``1 / sqrt(1 - r²)`` by the regression; a residual has the smaller of the errors of its two variables. 0 where
        all is computed in float64.
    """

    error: Floats

    def entropies(self, i: Indices, j: Indices, r: Floats, *, exact: bool = False) -> Floats:
        """Return the entropies of i given j and of j given i, float64 (k, 2); `exact` asks for float64 throughout."""
        ...

    def remove(self, rows: Indices, cause: int, r: Floats) -> None:
        """Replace `rows` by their standardised residuals on `cause`, with which they correlate by `r`."""
        ...


@dataclass(frozen=True)
class Search:
    """What the search for the causal order did.

    Parameters
    ----------
    scores : tuple of float (d - 1,)
        Score of each root but the last: 0 where nothing speaks against it. From float32 elements a lower bound, off by
        no more than rounding.
    runners_up : tuple of float (d - 1,)
        Smallest score, or proven lower bound of one, among the other variables that could have been the root; inf
        where prior knowledge left one choice. A pruned search stops as soon as the bound exceeds the root's score, so
        the true runner-up may be larger; it is exact where `pairs_evaluated` is `pairs_total`.
    pairs_evaluated, pairs_total : int
        Comparisons of two variables made, and those that all steps together offer.
    arbitrations : int
        Comparisons made again in float64 because float32 could not tell two scores apart.
    noise_entropy : tuple of float (d,)
        Per variable, entropy of its standardised residual on all variables before it in the order.
    """

    scores: tuple[float, ...]
    runners_up: tuple[float, ...]
    pairs_evaluated: int
    pairs_total: int
    arbitrations: int
    noise_entropy: tuple[float, ...]

    @property
    def gaps(self) -> Floats:
        """Runner-up minus best score of each step, float64 (d - 1,): small where the choice is uncertain."""
        return np.subtract(self.runners_up, self.scores)


@dataclass
class _State:
    """Variables that remain, in ascending order: their statistics given all removed ones."""

    rows: Indices
    correlation: Floats
    entropy: Floats
    error: Floats
    # D as last evaluated, perhaps several steps ago.
    memory: Floats

    def without(self, root: int, rest: Indices, entropy: Floats, error: Floats) -> "_State":
        """Return the state after regressing a root out of the rest, whose residuals have these entropies."""
        r = self.correlation[rest, root]
        scale = 1 / np.sqrt(1 - np.square(r))
        inside = np.ix_(rest, rest)
        correlation = (self.correlation[inside] - np.outer(r, r)) * np.outer(scale, scale)
        np.clip(correlation, -CLOSEST, CLOSEST, out=correlation)
        np.fill_diagonal(correlation, 1.0)
        return _State(self.rows[rest], correlation, entropy, error, self.memory[inside])


@dataclass
class _Step:
    """Comparisons of one step."""

    state: _State
    engine: Engine
    evaluated: int = 0
    seen: NDArray[np.bool_] = field(init=False)
    residual: Floats = field(init=False)
    slack: Floats = field(init=False)
    lower: Floats = field(init=False)
    upper: Floats = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.state.rows)
        self.seen = np.eye(size, dtype=bool)
        # [i, j] is the entropy of i given j.
        self.residual = np.zeros((size, size))
        # Bound of the error of D.
        self.slack = np.zeros((size, size))
        self.lower = np.zeros(size)
        self.upper = np.zeros(size)

    def compare(self, i: Indices, j: Indices) -> None:
        """Evaluate pairs of positions not seen before, each once."""
        state = self.state
        r = state.correlation[i, j]
        given = self.engine.entropies(state.rows[i], state.rows[j], r)
        self.residual[i, j], self.residual[j, i] = given.T
        difference = (state.entropy[j] + given[:, 0]) - (state.entropy[i] + given[:, 1])
        state.memory[i, j], state.memory[j, i] = difference, -difference
        # Errors of four entropies, rounded independently.
        squares = np.square(self.residual_error(i, j, given)).sum(axis=1)
        slack = np.sqrt(squares + np.square(state.error[i]) + np.square(state.error[j]))
        self.slack[i, j] = self.slack[j, i] = slack
        size = len(state.rows)
        both, signed = np.concatenate([i, j]), np.concatenate([difference, -difference])
        low, high = _terms(signed, np.tile(slack, 2))
        self.lower += np.bincount(both, low, size)
        self.upper += np.bincount(both, high, size)
        self.seen[i, j] = self.seen[j, i] = True
        self.evaluated += len(i)

    def residual_error(self, i: Indices, j: Indices, entropy: Floats) -> Floats:
        """Return the errors of the entropies (k, 2) of i given j and of j given i."""
        state = self.state
        least = np.minimum(self.engine.error[state.rows[i]], self.engine.error[state.rows[j]])
        return entropy_error(entropy, (least / np.sqrt(1 - np.square(state.correlation[i, j])))[:, None])

    def bound(self, candidates: NDArray[np.bool_]) -> float:
        """Return the smallest score that a candidate surely does not exceed."""
        complete = candidates & self.seen.all(axis=1)
        return float(self.upper[complete].min(initial=np.inf))


def causal_order(
    engine: Engine,
    correlation: Floats,
    *,
    memory: Floats | None = None,
    precedes: NDArray[np.bool_] | None = None,
    prune: bool = True,
) -> tuple[list[int], Search]:
    """Find the causal order of standardised variables.

    Parameters
    ----------
    engine : Engine
        Holds the variables; it is left holding residuals.
    correlation : float64 (d, d)
        Correlations of the variables.
    memory : float64 (d, d), optional
        Guess of D, antisymmetric; it changes the time, not the result.
    precedes : bool (d, d), optional
        ``[i, j]`` where i must come before j; acyclic.
    prune : bool
        Without it every pair of every step is compared.

    Returns
    -------
    order : list of int (d,)
        Causes before effects. Of equal scores the first variable wins.
    search : Search
    """
    size = len(correlation)
    everything = np.arange(size)
    before = np.zeros((size, size), bool) if precedes is None else precedes
    entropy = _marginals(engine, everything, exact=False)
    error = entropy_error(entropy, engine.error)
    guess = np.zeros((size, size)) if memory is None else memory.copy()
    state = _State(everything, correlation, entropy, error, guess)
    order: list[int] = []
    noise_entropy = np.empty(size)
    scores, runners_up = [], []
    evaluated = arbitrations = 0
    while len(state.rows) > 1:
        candidates = np.logical_not(np.any(before[np.ix_(state.rows, state.rows)], axis=0))
        step = _Step(state, engine)
        _compare_until_decided(step, candidates, prune)
        contenders = candidates & step.seen.all(axis=1) & (step.lower <= step.bound(candidates))
        found = np.flatnonzero(contenders)
        score = step.lower.copy()
        if len(found) > 1 and engine.error.any():
            score[found], repeated = _arbitrate(step, found)
            arbitrations += repeated
        root = int(found[np.argmin(score[found])])
        rest = np.delete(np.arange(len(state.rows)), root)
        given = step.residual[rest, root]
        error = step.residual_error(rest, np.full(len(rest), root), given[:, None])[:, 0]
        others = candidates.copy()
        others[root] = False
        scores.append(float(score[root]))
        runners_up.append(float(score[others].min(initial=np.inf)))
        evaluated += step.evaluated
        order.append(int(state.rows[root]))
        noise_entropy[order[-1]] = state.entropy[root]
        engine.remove(state.rows[rest], order[-1], state.correlation[rest, root])
        state = state.without(root, rest, given, error)
    order.append(int(state.rows[0]))
    noise_entropy[order[-1]] = state.entropy[0]
    total = size * (size**2 - 1) // 6
    return order, Search(
        tuple(scores), tuple(runners_up), evaluated, total, arbitrations, tuple(noise_entropy.tolist())
    )


def differences(engine: Engine, correlation: Floats) -> Floats:
    """Compare all pairs of an engine's variables once; return D, float64 (d, d), antisymmetric."""
    size = len(correlation)
    rows = np.arange(size)
    entropy = _marginals(engine, rows, exact=False)
    step = _Step(_State(rows, correlation, entropy, np.zeros(size), np.zeros((size, size))), engine)
    step.compare(*np.triu_indices(size, 1))
    return step.state.memory


def _compare_until_decided(step: _Step, candidates: NDArray[np.bool_], prune: bool) -> None:
    """Compare until every candidate has a complete score or one that is surely not the smallest."""
    memory = step.state.memory
    size = len(memory)
    if not prune:
        step.compare(*np.triu_indices(size, 1))
        return
    predicted = np.square(np.minimum(memory, 0)).sum(axis=1)
    likeliest = int(np.argmin(np.where(candidates, predicted, np.inf)))
    others = np.delete(np.arange(size), likeliest)
    step.compare(np.full(size - 1, likeliest), others)
    width = 1
    while True:
        open_rows = np.flatnonzero(candidates & ~step.seen.all(axis=1) & (step.lower <= step.bound(candidates)))
        if not len(open_rows):
            return
        against = np.where(step.seen[open_rows], np.inf, memory[open_rows])
        width = min(width, size - 1)
        partners = np.argpartition(against, width - 1, axis=1)[:, :width].ravel()
        chosen = np.repeat(open_rows, width)
        fresh = ~step.seen[chosen, partners]
        low, high = np.minimum(chosen, partners)[fresh], np.maximum(chosen, partners)[fresh]
        step.compare(*np.divmod(np.unique(low * size + high), size))
        width *= 2


def _arbitrate(step: _Step, contenders: Indices) -> tuple[Floats, int]:
    """Repeat comparisons in float64, the most doubtful first, until one contender has the smallest score.

    Returns lower bounds of the contenders' scores, and how many comparisons were repeated.
    """
    state = step.state
    size = len(state.rows)
    low, high = _terms(state.memory[contenders], step.slack[contenders])
    settled = contenders[:, None] == np.arange(size)
    low[settled] = high[settled] = 0
    entropy = np.full(size, np.nan)
    repeated, width = 0, 1
    while True:
        lower = low.sum(axis=1)
        undecided = lower <= high.sum(axis=1).min()
        rows = np.flatnonzero(undecided & ~settled.all(axis=1))
        if undecided.sum() == 1 or not len(rows):
            return lower, repeated
        width = min(width, size - 1)
        doubt = np.where(settled[rows], -1, high[rows] - low[rows])
        partners = np.argpartition(-doubt, width - 1, axis=1)[:, :width].ravel()
        rows = np.repeat(rows, width)
        fresh = ~settled[rows, partners]
        rows, partners = rows[fresh], partners[fresh]
        i = contenders[rows]
        unknown = np.unique(np.concatenate([i, partners]))
        unknown = unknown[np.isnan(entropy[unknown])]
        entropy[unknown] = _marginals(step.engine, state.rows[unknown], exact=True)
        r = state.correlation[i, partners]
        given = step.engine.entropies(state.rows[i], state.rows[partners], r, exact=True)
        difference = (entropy[partners] + given[:, 0]) - (entropy[i] + given[:, 1])
        low[rows, partners] = high[rows, partners] = np.square(np.minimum(difference, 0))
        settled[rows, partners] = True
        repeated += len(rows)
        width *= 2


def _terms(difference: Floats, slack: Floats) -> tuple[Floats, Floats]:
    """Return the smallest and the largest term of a score that D, known up to `slack`, can stand for."""
    return np.square(np.maximum(-difference - slack, 0)), np.square(np.maximum(slack - difference, 0))


def _marginals(engine: Engine, rows: Indices, *, exact: bool) -> Floats:
    """Return the entropies of variables: residuals on a variable that does not correlate."""
    half = math.ceil(len(rows) / 2)
    given = engine.entropies(rows[:half], rows[-half:], np.zeros(half), exact=exact)
    return np.concatenate([given[: len(rows) - half, 0], given[:, 1]])
