"""The closed taxonomy of failures: a failed task is a value with a kind, a message and a cure."""

import errno
import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Failure",
    "FailureKind",
    "InvalidInput",
    "InvalidOutput",
    "ScreeningError",
    "TooLarge",
    "Unstable",
    "Unsupported",
    "failure_of",
]


class FailureKind(StrEnum):
    """Why a task has no result.

    The kinds of `PERMANENT` follow from the task's own input, so repeating the task repeats the failure: it is recorded
    under the task's key and not tried again. All other kinds come from the machine and are tried again.
    """

    INVALID_INPUT = "invalid_input"
    INVALID_OUTPUT = "invalid_output"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    UNSTABLE = "unstable"
    POISON = "poison"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE_ERROR = "device_error"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    NODE_LOST = "node_lost"
    PREEMPTED = "preempted"
    IO = "io"
    UNEXPECTED = "unexpected"

    @property
    def permanent(self) -> bool:
        """Whether repeating the task would fail in the same way."""
        return self in PERMANENT


OUT_OF_MEMORY = re.compile(r"OutOfMemoryError|RESOURCE_EXHAUSTED|out of memory", re.IGNORECASE)
DEVICE_ERROR = re.compile(r"\bCUDA\b|cuBLAS|cuDNN|XlaRuntimeError|\bHIP\b|device-side assert", re.IGNORECASE)
"""How PyTorch, JAX and OpenMM word the failures of a GPU: none of them has a type that says so."""

UNSAFE_ADVICE = re.compile(r" If you trust the file you can load it unsafely using[^.]*\.load\(\)`\.")
"""What numpy says of bytes that are no array."""

OS_CURES = {
    errno.EACCES: "see who may write or read there (ls -ld), or name another path",
    errno.EPERM: "see who may write or read there (ls -ld), or name another path",
    errno.EROFS: "name a path on a file system that can be written",
    errno.ENOSPC: "make room on that disk and give the same command again",
    errno.EDQUOT: "make room in your quota and give the same command again",
    errno.EEXIST: "name another path, or move away what is there",
    errno.ENOTDIR: "name a path below a folder, not below a file",
    errno.ENOENT: "correct the path",
}
"""What mends the errors of the operating system that a person can mend."""

PERMANENT = frozenset(
    {
        FailureKind.INVALID_INPUT,
        FailureKind.INVALID_OUTPUT,
        FailureKind.UNSUPPORTED,
        FailureKind.TOO_LARGE,
        FailureKind.UNSTABLE,
        FailureKind.POISON,
    }
)


@dataclass(frozen=True)
class Failure:
    """Why a task has no result.

    Attributes
    ----------
    kind : FailureKind
        Class of the failure.
    message : str
        What, where and why.
    cure : str
        The next command or edit; empty where there is none.
    """

    kind: FailureKind
    message: str
    cure: str = ""


class ScreeningError(ValueError):
    """Base of the errors that name their own failure kind.

    Parameters
    ----------
    message : str
        What is wrong, where (``file:line`` where there is one) and why.
    cure : str, optional
        The next command or edit that mends it; kept as an exception note.
    """

    kind = FailureKind.INVALID_INPUT

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        if cure:
            self.add_note(cure)


class InvalidInput(ScreeningError):
    """Input that no setting can make usable."""


class InvalidOutput(ScreeningError):
    """A program gave a result that contradicts its input or is not finite."""

    kind = FailureKind.INVALID_OUTPUT


class Unsupported(ScreeningError):
    """A sound request that the chosen backend cannot serve."""

    kind = FailureKind.UNSUPPORTED


class TooLarge(ScreeningError):
    """A request beyond a stated limit of length, memory or time."""

    kind = FailureKind.TOO_LARGE


class Unstable(ScreeningError):
    """A simulation that left finite numbers in spite of its bounded retries."""

    kind = FailureKind.UNSTABLE


class FailedElsewhere(ScreeningError):
    """What another process classified.

    Parameters
    ----------
    failure : Failure
        As that process said.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, cure=failure.cure)
        self.kind = failure.kind


def failure_of(error: BaseException) -> Failure:
    """Classify what a stage function raised.

    Parameters
    ----------
    error : BaseException
        The exception; its notes (PEP 678) are the cure.

    Returns
    -------
    Failure
        `ScreeningError` names its own kind. Every other `ValueError` is invalid input, `MemoryError` out of memory,
        `OSError` input/output; the rest is unexpected.
    """
    cure = " ".join(getattr(error, "__notes__", ()))
    message = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror is not None:
        place = f"{error.filename}: " if error.filename else ""
        message = f"{place}{error.strerror}"
        cure = cure or OS_CURES.get(error.errno or 0, "")
    match error:
        case ScreeningError():
            kind = error.kind
        case MemoryError():
            kind = FailureKind.OUT_OF_MEMORY
        case OSError():
            kind = FailureKind.IO
        case ValueError():
            kind = FailureKind.INVALID_INPUT
        case _ if OUT_OF_MEMORY.search(f"{type(error).__name__}: {message}"):
            kind = FailureKind.OUT_OF_MEMORY
        case _ if DEVICE_ERROR.search(f"{type(error).__name__}: {message}"):
            kind = FailureKind.DEVICE_ERROR
        case _:
            kind = FailureKind.UNEXPECTED
            message = f"{type(error).__name__}: {message}"
    return Failure(kind, _printable(message), cure)


def _printable(message: str) -> str:
    """Leave out what must not be passed on: bytes of a broken file, and advice to switch a safety off."""
    kept = (letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in message)
    return UNSAFE_ADVICE.sub("", "".join(kept))
