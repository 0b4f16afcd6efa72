"""Arrays that a running computation leaves behind for its next attempt: whole, checked and its own, or not there."""

import hashlib
import io
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.store import write_atomically

__all__ = ["read_checkpoint", "write_checkpoint"]

DIGEST_BYTES = hashlib.sha256().digest_size
_log = logging.getLogger(__name__)


def write_checkpoint(path: Path, identity: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Seal arrays: a reader finds all of them or the file of before, also after a kill or a power cut.

    Parameters
    ----------
    path : Path
        The file; a SHA-256 of the rest, then an npz without pickles.
    identity : str
        What computation the arrays belong to.
    arrays : mapping of str to ndarray
        Numbers and text; any name but ``identity``.
    """
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, identity=np.array(identity), **arrays)
    content = body.getbuffer()
    write_atomically(path, b"".join((hashlib.sha256(content).digest(), content)))


def read_checkpoint(path: Path, identity: str) -> Mapping[str, NDArray[np.generic]] | None:
    """Take up what an earlier attempt left.

    Parameters
    ----------
    path : Path
        A file of `write_checkpoint`, or nothing.
    identity : str
        As it was written.

    Returns
    -------
    mapping or None
        The arrays; None where there is no file, and where it is cut short, altered or of another computation: then it
        is removed and the log says why.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return _discard(path, f"cannot be read: {error}")
    digest, body = content[:DIGEST_BYTES], memoryview(content)[DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return _discard(path, f"is cut short or altered ({len(content)} bytes)")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        return _discard(path, f"is no npz of plain arrays: {error}")
    if str(arrays.pop("identity", "")) != identity:
        return _discard(path, "belongs to another computation or another version of this program")
    return arrays


def _discard(path: Path, reason: str) -> None:
    _log.warning("%s %s: discarded, its work is done again", path, reason)
    with suppress(OSError):
        path.unlink()
