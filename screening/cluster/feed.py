"""Records on their way into the catalog: in batches, beside the loop of the run; a busy file delays, loses none."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from threading import Thread
from time import monotonic, sleep

from catalog.record import Record, RunRecord
from screening.screen import Screen

__all__ = ["Feed"]

BATCH = 2000
INTERVAL_S = 2.0
PAUSE_S = 0.2


@dataclass
class Batch:
    """What is brought in one transaction, and how that went."""

    keys: list[str]
    failed: list[Record]
    runs: list[RunRecord]
    error: Exception | None = None


@dataclass
class Feed:
    """Brings records, failed tries and runs into the catalog of a screen.

    The records are the truth and stay in the store whatever happens here; the catalog follows within seconds. A file
    that another program holds open is tried again later.

    Parameters
    ----------
    screen : Screen
        The screen; its store is where records are read.
    note : callable
        Takes a text for the user.
    clock : callable
        Seconds that only grow.
    """

    screen: Screen
    note: Callable[[str], None]
    clock: Callable[[], float] = monotonic
    _seen: set[str] = field(default_factory=set)
    _keys: deque[str] = field(default_factory=deque)
    _failed: deque[Record] = field(default_factory=deque)
    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _batch: Batch | None = None
    _thread: Thread | None = None
    _started: float = float("-inf")
    _warned: set[type[Exception]] = field(default_factory=set)

    def settled(self, keys: Iterable[str]) -> None:
        """Add tasks that have a record; those added before are passed over."""
        for key in keys:
            if key not in self._seen:
                self._seen.add(key)
                self._keys.append(key)

    def failed(self, record: Record) -> None:
        """Add a failed try."""
        self._failed.append(record)

    def run(self, run: RunRecord) -> None:
        """Add what is to be said of a run, in place of what was said before."""
        self._runs[run.run_id] = run

    @property
    def behind(self) -> int:
        """How much is not in the catalog yet."""
        return len(self._keys) + len(self._failed) + len(self._runs)

    def tick(self) -> None:
        """Start on the next batch if there is one, the last is through, and two seconds have passed."""
        if self.behind and self.clock() - self._started >= INTERVAL_S and self._is_free(0.0):
            self._start()

    def flush(self, patience_s: float) -> int:
        """Bring in all that is left.

        Parameters
        ----------
        patience_s : float
            Longest time to spend.

        Returns
        -------
        int
            How much is still not in the catalog.
        """
        until = monotonic() + patience_s
        while self._is_free(max(0.0, until - monotonic())) and self.behind and monotonic() < until:
            self._start()
            if self._is_free(max(0.0, until - monotonic())) and self._batch is not None and self._batch.error:
                sleep(PAUSE_S)
        return self.behind

    def _start(self) -> None:
        keys, failed = list(islice(self._keys, BATCH)), list(islice(self._failed, BATCH))
        self._batch = Batch(keys, failed, list(self._runs.values()))
        self._started = self.clock()
        self._thread = Thread(target=_bring, args=(self._batch, self.screen), name="catalog", daemon=True)
        self._thread.start()

    def _is_free(self, wait_s: float) -> bool:
        """Return whether no batch is under way, after taking note of how the last one ended."""
        if self._thread is None:
            return True
        self._thread.join(wait_s)
        if self._thread.is_alive():
            return False
        self._thread = None
        batch = self._batch
        if batch is None:
            return True
        if batch.error is None:
            self._drop(batch)
        elif type(batch.error) not in self._warned:
            self._warned.add(type(batch.error))
            self.note(f"the catalog is late, the screen goes on: {batch.error}")
        return True

    def _drop(self, batch: Batch) -> None:
        for _ in batch.keys:
            self._keys.popleft()
        for _ in batch.failed:
            self._failed.popleft()
        for run in batch.runs:
            if self._runs[run.run_id] is run:
                del self._runs[run.run_id]


def _bring(batch: Batch, screen: Screen) -> None:
    from catalog import Catalog, CatalogOutdated

    store = screen.store
    catalog = Catalog(screen.catalog_path)
    try:
        records = [record for record in map(store.get, batch.keys) if record is not None]
        try:
            catalog.ingest(records, batch.failed, batch.runs, store_root=store.root)
        except CatalogOutdated:
            catalog.rebuild(store)
            catalog.ingest(records, batch.failed, batch.runs, store_root=store.root)
    except Exception as error:  # whatever it is: the records are in the store, so this is late and not lost
        batch.error = error
