"""What follows a failed attempt: another one, or the end of the task. A table, and no knowledge of Ray."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from screening.errors import Failure, FailureKind

__all__ = ["LADDER", "Circuit", "GiveUp", "Retry", "Rung", "decide"]


@dataclass(frozen=True)
class Rung:
    """How failures of one kind are answered.

    Attributes
    ----------
    retries : int or None
        Further attempts after failures of this kind, at most; None for no limit.
    delay_s : float
        Pause before the first of them, doubled for each further one.
    memory_factor : float
        What the next attempt's memory is multiplied with.
    ends_as : FailureKind or None
        Kind of the failure when the retries are used up; None for the same kind.
    """

    retries: int | None
    delay_s: float = 0.0
    memory_factor: float = 1.0
    ends_as: FailureKind | None = None


LADDER: Mapping[FailureKind, Rung] = MappingProxyType(
    {
        # the machine was taken away: not the task's doing
        FailureKind.PREEMPTED: Rung(None),
        FailureKind.NODE_LOST: Rung(10),
        # the worker died on a living node: an accident once or twice, the third time it is the task
        FailureKind.WORKER_LOST: Rung(2, ends_as=FailureKind.POISON),
        FailureKind.OUT_OF_MEMORY: Rung(2, memory_factor=2.0),
        FailureKind.DEVICE_ERROR: Rung(2),
        FailureKind.TIMEOUT: Rung(1),
        FailureKind.IO: Rung(6, delay_s=1.0),
        FailureKind.UNEXPECTED: Rung(1),
    }
)
"""Kinds that are not named here follow from the task's own input: no retry."""

NO_RETRY = Rung(0)


@dataclass(frozen=True)
class Retry:
    """Try again.

    Attributes
    ----------
    delay_s : float
        Pause before.
    memory_factor : float
        What the memory of the task is multiplied with, over what it was granted last.
    """

    delay_s: float
    memory_factor: float


@dataclass(frozen=True)
class GiveUp:
    """End the task.

    Attributes
    ----------
    failure : Failure
        What is reported; one of a permanent kind is recorded under the task's key.
    """

    failure: Failure


def decide(failure: Failure, history: Sequence[FailureKind]) -> Retry | GiveUp:
    """Answer a failed attempt.

    Parameters
    ----------
    failure : Failure
        How the attempt failed.
    history : sequence of FailureKind
        How earlier attempts at the task failed in this run.

    Returns
    -------
    Retry or GiveUp
        Each kind of failure has its own count.
    """
    rung = LADDER.get(failure.kind, NO_RETRY)
    before = sum(kind is failure.kind for kind in history)
    if rung.retries is None or before < rung.retries:
        return Retry(rung.delay_s * 2.0**before, rung.memory_factor)
    if before == 0:
        return GiveUp(failure)
    message = f"{before + 1} attempts failed, the last one: {failure.message}"
    return GiveUp(Failure(rung.ends_as or failure.kind, message, failure.cure))


WINDOW = 50
TOLERATED = 0.2
# Causes of single tasks (the machine was taken away, or the input asks for what cannot be): no sign of a broken stage.
NOT_COUNTED = frozenset(
    {
        FailureKind.PREEMPTED,
        FailureKind.NODE_LOST,
        FailureKind.INVALID_INPUT,
        FailureKind.UNSUPPORTED,
        FailureKind.TOO_LARGE,
    }
)


@dataclass
class Circuit:
    """Pauses a stage of which more than a fifth of the last 50 attempts failed, before it spends the whole cluster."""

    paused: dict[str, Failure] = field(default_factory=dict)
    """Stage to its most frequent failure."""
    _outcomes: dict[str, deque[Failure | None]] = field(default_factory=dict)

    def record(self, stage: str, failure: Failure | None) -> bool:
        """Take in how an attempt ended.

        Parameters
        ----------
        stage : str
            Stage of the task.
        failure : Failure or None
            None where it has a result.

        Returns
        -------
        bool
            Whether this attempt is the one that pauses the stage.
        """
        outcomes = self._outcomes.setdefault(stage, deque(maxlen=WINDOW))
        outcomes.append(failure if failure is not None and failure.kind not in NOT_COUNTED else None)
        failed = [outcome for outcome in outcomes if outcome is not None]
        if stage in self.paused or len(outcomes) < WINDOW or len(failed) <= TOLERATED * WINDOW:
            return False
        kinds = [outcome.kind for outcome in failed]
        top = max(kinds, key=kinds.count)
        self.paused[stage] = next(outcome for outcome in reversed(failed) if outcome.kind is top)
        return True
