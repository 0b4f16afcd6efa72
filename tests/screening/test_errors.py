import errno
from pathlib import Path

import numpy as np
import pytest

from screening.errors import Failure, FailureKind, InvalidInput, failure_of


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EEXIST, errno.ENOTDIR, errno.ENOENT])
def test_errors_of_the_system_name_file_reason_and_cure(number: int) -> None:
    found = failure_of(OSError(number, "Reason", "/some/file"))
    assert (found.kind, found.message) == ("io", "/some/file: Reason")
    assert found.cure


def test_error_of_the_system_without_file_or_known_cure() -> None:
    assert failure_of(OSError(errno.EIO, "Input/output error")) == Failure(FailureKind.IO, "Input/output error")
    assert failure_of(OSError("disk")) == Failure(FailureKind.IO, "disk")


def test_notes_win() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "x")
    error.add_note("another disk")
    assert failure_of(error).cure == "another disk"
    assert failure_of(InvalidInput("no", cure="yes")) == Failure(FailureKind.INVALID_INPUT, "no", "yes")


def test_messages_can_be_printed_and_give_no_unsafe_advice(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x9b31m no array")
    with pytest.raises(ValueError, match="allow_pickle") as caught:
        np.load(tmp_path / "x.npy", allow_pickle=False)
    assert failure_of(caught.value).message == "This file contains pickled (object) data."
    broken = failure_of(InvalidInput("x.tsv:3: \x1b[31m\x00 is no number\nsecond\tline", cure="no"))
    assert broken.message == "x.tsv:3: \ufffd[31m\ufffd is no number\nsecond\tline"
