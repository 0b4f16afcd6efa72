"""Alignments from a server that speaks the protocol of ColabFold's (doi 10.1038/s41592-022-01488-1).

A sequence is posted to ``ticket/msa``; the answer names a ticket, whose state ``ticket/ID`` tells; once it is complete,
``result/download/ID`` gives an archive with one a3m file for each database.
"""

import fcntl
import io
import json
import re
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Literal, cast

from screening.msa.a3m import Msa, read_a3m

__all__ = ["MsaServer", "ServerMode"]

ServerMode = Literal["env", "all", "env-nofilter", "nofilter"]

_MEMBERS = ("uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m")
"""Alignments in the archive; the second only in the modes with environmental sequences."""

_LONGEST_ANSWER = 1 << 16
_LARGEST_ARCHIVE = 1 << 28
_LARGEST_UNPACKED = 1 << 30
_TICKET = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _user_agent(contact: str) -> str:
    try:
        release = version("structural-interaction-screening")
    except PackageNotFoundError:
        release = "0"
    return f"structural-interaction-screening/{release} {contact}".strip()


@dataclass(frozen=True)
class MsaServer:
    """A client of one server: polite, patient, and silent when it is offline.

    Attributes
    ----------
    url : str
        Where the server is, for example ``https://api.colabfold.com``.
    pace : Path
        File that all clients of this screen share: the time of the last request.
    mode : str
        ``"env"`` with environmental sequences, ``"all"`` without; ``-nofilter`` for unthinned alignments.
    offline : bool
        Whether to refuse before any connection is opened.
    contact : str
        Mail address for the server's operators, part of the User-Agent.
    interval_s : float
        Least time between two requests, over all processes that share `pace`, s.
    patience_s : float
        Longest time for one alignment, s.
    timeout_s : float
        Longest time for one answer to begin, s.
    attempts : int
        Tries of a request that fails.
    sleep, clock : callable
        Stand-ins for time.
    """

    url: str
    pace: Path
    mode: ServerMode = "env"
    offline: bool = True
    contact: str = ""
    interval_s: float = 2.0
    patience_s: float = 3000.0
    timeout_s: float = 30.0
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    def search(self, sequence: str) -> Msa:
        """Let the server search a protein.

        Parameters
        ----------
        sequence : str
            The query; it leaves this machine.

        Returns
        -------
        Msa
            Rows of UniRef30, then of the environmental database.

        Raises
        ------
        PermissionError
            The client is offline.
        TimeoutError
            No result within `patience_s`.
        OSError
            The server failed, is in maintenance, or sent what is no alignment of this sequence. All of these are worth
            another try later.
        """
        if self.offline:
            error = PermissionError(f"msa.server.offline is true: nothing is sent to {self.url}")
            error.add_note("set msa.server.offline = false to send sequences there, or msa.source = 'files'")
            raise error
        deadline = self.clock() + self.patience_s
        ticket = self._submit(sequence, deadline)
        self._await(ticket, deadline)
        with self._request(f"result/download/{ticket}") as answer:
            archive = answer.read(_LARGEST_ARCHIVE + 1)
        if len(archive) > _LARGEST_ARCHIVE:
            raise OSError(f"{self.url}: ticket {ticket}: an archive of over {_LARGEST_ARCHIVE >> 20} MiB")
        return self._alignment(archive, sequence, ticket)

    def _submit(self, sequence: str, deadline: float) -> str:
        """Post the sequence until the server takes it; return the ticket."""
        form = urllib.parse.urlencode({"q": f">101\n{sequence}\n", "mode": self.mode}).encode()
        pause = 5.0
        while True:
            answer = self._json("ticket/msa", form)
            status, ticket = answer.get("status"), str(answer.get("id", ""))
            self._refuse_failure(status, "the submission")
            if status in ("PENDING", "RUNNING", "COMPLETE"):
                if not _TICKET.fullmatch(ticket):
                    raise OSError(f"{self.url}: a ticket named {ticket[:80]!r}")
                return ticket
            self._pause(pause, deadline, f"the submission is {status}")
            pause = min(2 * pause, 60.0)

    def _await(self, ticket: str, deadline: float) -> None:
        """Ask for the state of a ticket, ever less often, until it is complete."""
        pause = 5.0
        while True:
            status = self._json(f"ticket/{ticket}").get("status")
            self._refuse_failure(status, f"ticket {ticket}")
            if status == "COMPLETE":
                return
            self._pause(pause, deadline, f"ticket {ticket} is {status}")
            pause = min(1.5 * pause, 60.0)

    def _refuse_failure(self, status: object, what: str) -> None:
        if status in ("PENDING", "RUNNING", "COMPLETE", "UNKNOWN", "RATELIMIT"):
            return
        error = OSError(f"{self.url}: {what} is {status}")
        cure = {"MAINTENANCE": "try again in some minutes", "ERROR": "try again in an hour"}
        error.add_note(cure.get(str(status), "check msa.server.url: this is no answer of an MSA server"))
        raise error

    def _pause(self, seconds: float, deadline: float, state: str) -> None:
        if self.clock() + seconds > deadline:
            raise TimeoutError(f"{self.url}: {state} after {self.patience_s:g} s")
        self.sleep(seconds)

    def _json(self, path: str, form: bytes | None = None) -> Mapping[str, object]:
        with self._request(path, form) as answer:
            text = answer.read(_LONGEST_ANSWER)
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        return cast(Mapping[str, object], values) if isinstance(values, dict) else {"status": "no JSON object"}

    def _request(self, path: str, form: bytes | None = None) -> IO[bytes]:
        """Send a request when its turn has come; again after a failure of the connection or of the server."""
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/{path}", data=form, headers={"User-Agent": _user_agent(self.contact)}
        )
        for attempt in range(1, self.attempts + 1):
            self._wait_turn()
            try:
                return urllib.request.urlopen(
                    request, timeout=self.timeout_s
                )  # http(s) only: checked with the settings
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429:
                    raise OSError(f"{request.full_url}: {error.code} {error.reason}") from None
                failure = f"{error.code} {error.reason}"
            except OSError as error:
                failure = str(error)
            if attempt < self.attempts:
                self.sleep(min(2.0**attempt, 60.0))
        raise OSError(f"{request.full_url}: failed {self.attempts} times, last with: {failure}")

    def _wait_turn(self) -> None:
        """Hold the requests of all processes of this screen `interval_s` apart."""
        self.pace.parent.mkdir(parents=True, exist_ok=True)
        with self.pace.open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            handle.seek(0)
            last = handle.read()
            wait = (float(last) if last else 0.0) + self.interval_s - self.clock()
            if wait > 0:
                self.sleep(min(wait, self.interval_s))
            handle.seek(0)
            handle.truncate()
            handle.write(f"{self.clock():.3f}")

    def _alignment(self, archive: bytes, sequence: str, ticket: str) -> Msa:
        """Join the alignments of an archive; nothing of it is written to the disk."""
        where = f"{self.url}: ticket {ticket}"
        try:
            texts = _members(archive)
        except (tarfile.TarError, zlib.error, EOFError, OSError, UnicodeDecodeError) as error:
            raise OSError(f"{where}: broken archive ({error})") from None
        if _MEMBERS[0] not in texts:
            raise OSError(f"{where}: the archive holds no {_MEMBERS[0]}")
        names: list[str] = ["query"]
        rows: list[str] = [sequence]
        for name in _MEMBERS:
            if name in texts:
                try:
                    found = read_a3m(texts[name].replace("\0", ""), sequence)
                except ValueError as error:
                    raise OSError(f"{where}: {name}: {error}") from None
                names += found.names[1:]
                rows += found.rows[1:]
        return Msa(tuple(names), tuple(rows))


def _members(archive: bytes) -> dict[str, str]:
    """Read the alignments of an archive; whatever else it holds is passed over."""
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        for member in files:
            if member.offset_data + member.size > _LARGEST_UNPACKED:
                raise OSError(f"over {_LARGEST_UNPACKED >> 20} MiB unpacked")
            handle = files.extractfile(member) if member.isreg() and member.name in _MEMBERS else None
            if handle is not None:
                texts[member.name] = handle.read().decode("utf-8")
    return texts
