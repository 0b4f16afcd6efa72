"""What a run tells its user: the interface, and how a run ended."""

import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from screening.errors import Failure
from screening.frontier import State

__all__ = ["NullReporter", "Reporter", "Summary"]


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes
    ----------
    run_id : str
        The run.
    counts : mapping of str to Counter
        Stage to tasks by state.
    executed : int
        Attempts that ended in this run.
    cached, failed, blocked : int
        Tasks that had a result before, that have none, and that wait for one of these.
    wall_s : float
        Duration.
    paused : mapping of str to Failure
        Stages that failed too often to go on, with the most frequent failure.
    behind : int
        Records that are in the store and not yet in the catalog.
    stopped_by : int or None
        The signal that ended the run.
    """

    run_id: str
    counts: Mapping[str, Counter[State]]
    executed: int
    cached: int
    failed: int
    blocked: int
    wall_s: float
    paused: Mapping[str, Failure]
    behind: int
    stopped_by: int | None

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 0 after SIGTERM, 3 where a stage was paused, otherwise 0."""
        if self.stopped_by is not None:
            return 130 if self.stopped_by == signal.SIGINT else 0
        return 3 if self.paused else 0


class Reporter(Protocol):
    """Shows a run to its user."""

    def start(self, resume_command: str) -> None:
        """Say how to go on after an interruption; this comes before everything else."""
        ...

    def update(self, counts: Mapping[str, Counter[State]], running: Mapping[str, tuple[int, int]]) -> None:
        """Show tasks by stage and state, and what runs with its steps done and in all, (0, 0) if not told."""
        ...

    def note(self, text: str) -> None:
        """Show a line that stays."""
        ...

    def end(self) -> None:
        """Stop drawing, also after an error."""
        ...


class NullReporter:
    """Shows nothing."""

    def start(self, resume_command: str) -> None:
        """Show nothing."""

    def update(self, counts: Mapping[str, Counter[State]], running: Mapping[str, tuple[int, int]]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Show nothing."""
