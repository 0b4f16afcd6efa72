"""Which padded lengths to compile: exact dynamic programming over the lengths that are planned."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["LADDER_STEP", "STEP", "BucketPlan", "bucket_of", "plan_buckets"]

STEP = 8
"""Padded lengths are multiples of this: what the matrix units of a GPU divide tensors by."""

LADDER_STEP = 64
"""Spacing of the buckets for a length that no plan knew of."""


def plan_buckets(
    lengths: Mapping[int, int],
    compile_s: float,
    inference_s: Callable[[int], float],
    compiled: Iterable[int] = (),
) -> tuple[int, ...]:
    """Choose the padded lengths that minimise compilation plus inference.

    Parameters
    ----------
    lengths : mapping of int to int
        Residues to number of pairs.
    compile_s : float
        Seconds to compile one bucket.
    inference_s : callable
        Seconds for one pair padded to a length; must not fall with the length.
    compiled : iterable of int, optional
        Buckets that need no compilation any more.

    Returns
    -------
    tuple of int
        Ascending; multiples of `STEP`, or of `compiled`; the last one holds the longest pair. Of several optima the one
        with the fewest buckets.
    """
    paid = set(compiled)
    counts = Counter({length: count for length, count in lengths.items() if count > 0})
    if not counts:
        return ()
    longest = max(counts)
    tops = sorted({_rounded(length) for length in counts} | paid)
    # Pairs that are no longer than each candidate, after those that are no longer than none.
    below = [0, *(sum(count for length, count in counts.items() if length <= top) for top in tops)]
    best: list[tuple[float, int]] = [(0.0, 0)]
    before: list[int] = []
    for last, top in enumerate(tops):
        own, each = (0.0 if top in paid else compile_s), inference_s(top)
        seconds, buckets, first = min(
            (best[first][0] + own + each * (below[last + 1] - below[first]), best[first][1] + 1, first)
            for first in range(last + 1)
        )
        best.append((seconds, buckets))
        before.append(first)
    chosen: list[int] = []
    end = min((seconds, buckets, at) for at, (seconds, buckets) in enumerate(best) if at and tops[at - 1] >= longest)[2]
    while end:
        chosen.append(tops[end - 1])
        end = before[end - 1]
    return tuple(reversed(chosen))


def bucket_of(length: int, buckets: Iterable[int]) -> int:
    """Return the smallest bucket that holds so many residues; beyond all of them, the next multiple of 64.

    Parameters
    ----------
    length : int
        Residues of the pair.
    buckets : iterable of int
        Planned buckets, ascending.
    """
    ladder = tuple(buckets)
    at = bisect_left(ladder, length)
    return ladder[at] if at < len(ladder) else -(-length // LADDER_STEP) * LADDER_STEP


@dataclass
class BucketPlan:
    """Buckets for a screen whose pairs become known in portions.

    A plan is made anew only when the pairs known have doubled since the last one, or one is longer than all buckets,
    and what earlier plans had is reckoned as compiled: the buckets change a logarithmic number of times.

    Attributes
    ----------
    compile_s, inference_s
        As for `plan_buckets`.
    buckets : tuple of int
        The plan as it stands.
    """

    compile_s: float
    inference_s: Callable[[int], float]
    buckets: tuple[int, ...] = ()
    _portions: dict[str, Counter[int]] = field(default_factory=dict)
    _planned: int = 0

    def add(self, name: str, lengths: Iterable[int]) -> tuple[int, ...]:
        """Take in the lengths of a portion; one of the same name is replaced.

        Returns
        -------
        tuple of int
            The plan as it stands now.
        """
        self._portions[name] = Counter(lengths)
        known = sum((portion.total() for portion in self._portions.values()), 0)
        longest = max((max(portion) for portion in self._portions.values() if portion), default=0)
        if known >= 2 * self._planned or longest > max(self.buckets, default=0):
            total: Counter[int] = Counter()
            for portion in self._portions.values():
                total.update(portion)
            fresh = plan_buckets(total, self.compile_s, self.inference_s, self.buckets)
            self.buckets = tuple(sorted({*self.buckets, *fresh}))
            self._planned = known
        return self.buckets


def _rounded(length: int) -> int:
    return -(-length // STEP) * STEP
