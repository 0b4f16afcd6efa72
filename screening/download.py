"""A file from the network: resumed, retried, whole or not at all."""

import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from catalog.store import write_atomically
from screening.errors import FailureKind, InvalidInput, ScreeningError

__all__ = ["FetchFailed", "Progress", "check_space", "download", "read_small"]

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60.0
ATTEMPTS = 6
"""Tries without a new byte before giving up; one that brought something counts anew."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP states that pass by themselves (RFC 9110, RFC 6585)."""

SPARE_BYTES = 64 * 2**20
SMALL_BYTES = 4 * 2**20

Progress = Callable[[int, int | None], None]
Sleep = Callable[[float], None]


class FetchFailed(ScreeningError):
    """A server that does not give what was asked for; the part that came is kept for the next try."""

    kind = FailureKind.IO


@dataclass
class _Part:
    """A download under way: the bytes so far, and what tells whether the server still has the same file."""

    path: Path
    url: str

    @property
    def about(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    def validator(self) -> str:
        """Return the stored ETag or date, empty where the bytes so far are of another file or of an unknown one."""
        try:
            stored = json.loads(self.about.read_text())
            return str(stored["validator"]) if stored["url"] == self.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def remember(self, validator: str) -> None:
        write_atomically(self.about, json.dumps({"url": self.url, "validator": validator}).encode())

    def forget(self) -> None:
        self.about.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def download(url: str, part: Path, *, progress: Progress = lambda done, total: None, sleep: Sleep = time.sleep) -> str:
    """Download to a file, going on where an earlier try stopped.

    Parameters
    ----------
    url : str
        ``http`` or ``https``.
    part : Path
        Where to; bytes of an earlier try are kept where the server says that its file is still the same. The caller
        renames it.
    progress : callable
        Called with bytes so far and in all (None where the server does not say).
    sleep : callable
        Waits between tries.

    Returns
    -------
    str
        SHA-256 of the file, hexadecimal.

    Raises
    ------
    FetchFailed
        The server refuses, is not there, or breaks off again and again; what came stays in `part`.
    InvalidInput
        Not such a URL.
    OSError
        Not enough disk.
    """
    _check_url(url)
    part.parent.mkdir(parents=True, exist_ok=True)
    state = _Part(part, url)
    with part.open("a+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidInput(f"{part}: another fetch is writing it", cure="wait for it to end") from None
        tries, wait = 0, FIRST_WAIT_S
        while True:
            before = handle.seek(0, os.SEEK_END)
            try:
                if _attempt(state, handle, progress):
                    break
                fault = "the connection ended early"
            except urllib.error.HTTPError as error:
                if error.code not in AGAIN:
                    raise FetchFailed(
                        f"{url}: the server answers {error.code} {error.reason}",
                        cure="give another address or a file you have: --from URL_OR_FILE",
                    ) from None
                fault = f"the server answers {error.code} {error.reason}"
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                fault = str(getattr(error, "reason", error)) or type(error).__name__
            if handle.seek(0, os.SEEK_END) > before:
                tries, wait = 0, FIRST_WAIT_S
            tries += 1
            if tries >= ATTEMPTS:
                raise FetchFailed(
                    f"{url}: {fault}, {tries} times",
                    cure="give the command again later: it goes on where it stopped; or --from URL_OR_FILE",
                )
            sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)
        handle.flush()
        os.fsync(handle.fileno())
        state.about.unlink(missing_ok=True)
        handle.seek(0)
        digest = hashlib.sha256()
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()


def read_small(url: str) -> bytes:
    """Return a short answer of a server.

    Raises
    ------
    FetchFailed
        It does not answer, or at length.
    """
    _check_url(url)
    try:
        with _open(url, {}) as response:
            data = response.read(SMALL_BYTES + 1)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        reason = f"the server answers {error.code}" if isinstance(error, urllib.error.HTTPError) else str(error)
        raise FetchFailed(f"{url}: {reason}", cure="try later, or give a file: --from FILE") from None
    if len(data) > SMALL_BYTES:
        raise FetchFailed(f"{url}: an answer of more than {SMALL_BYTES} bytes", cure="give a file: --from FILE")
    return data


def check_space(folder: Path, needed: int) -> None:
    """Raise OSError where a folder's disk has not that many bytes, and some to spare."""
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        error = OSError(f"{folder}: {needed / 2**30:.2f} GiB are needed, {free / 2**30:.2f} GiB are free")
        error.add_note("free some, or fetch to another disk with --to FOLDER")
        raise error


def _attempt(state: _Part, handle: BinaryIO, progress: Progress) -> bool:
    """Ask once for the bytes that are not there yet; return whether all have come."""
    offset, validator = handle.seek(0, os.SEEK_END), state.validator()
    if offset and not validator:
        offset = handle.truncate(0)
    headers = {"Range": f"bytes={offset}-", "If-Range": validator} if offset else {}
    try:
        response = _open(state.url, headers)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # All bytes came before the last try was ended, or the file has become shorter.
        if error.headers.get("Content-Range", "") == f"bytes */{offset}":
            return True
        handle.truncate(0)
        return False
    with response:
        total = _length(response)
        if response.status == http.client.PARTIAL_CONTENT:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if span is None or int(span[1]) != offset:
                handle.truncate(0)
                return False
            total = int(span[2]) if span[2] != "*" else None
        else:
            offset = handle.truncate(0)
            etag = response.headers.get("ETag", "")
            # A weak ETag does not promise equal bytes.
            same = response.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
            state.remember(same) if same else state.about.unlink(missing_ok=True)
        if total is not None:
            check_space(state.path.parent, total - offset)
        done = offset
        progress(done, total)
        while chunk := response.read(CHUNK_BYTES):
            handle.write(chunk)
            done += len(chunk)
            progress(done, total)
        return total is None or done == total


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    # No compression on the way: it would change what a range means.
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "screening", **headers})
    response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    if urlsplit(response.url).scheme not in {"https", urlsplit(url).scheme}:
        response.close()
        raise FetchFailed(f"{url}: leads to {response.url}, which is not encrypted", cure="give --from URL_OR_FILE")
    return response


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidInput(f"{url}: not an address of the web", cure="give https://..., or a file")
