"""Lines of text files as people have them: compressed, with a byte order mark, of other systems, or no files at all."""

import gzip
import os
from pathlib import Path

import pytest

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

LINES = [(1, "chr1\t1"), (4, "é\t2")]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_numbered_as_an_editor_does(tmp_path: Path, packed: bool, mark: bytes, end: bytes) -> None:
    text = mark + end.join([b"chr1\t1", b"", b"# a comment", "é\t2".encode(), b""])
    path = tmp_path / "table"
    path.write_bytes(gzip.compress(text) if packed else text)
    assert list(numbered_lines(path)) == LINES


def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latin1").write_bytes(b"B c\xe9ll\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(2000))[:-200])
    for name, fault, cure in (
        ("", "a folder, not a file", "Name the file in it"),
        ("none", "no such file", "Check the path"),
        ("latin1", r"latin1:1: not UTF-8", "Save the file as UTF-8"),
        ("cut.gz", r"cut.gz:1: (cannot be read|not UTF-8)", ""),
    ):
        with pytest.raises(InvalidInput, match=fault) as caught:
            list(numbered_lines(tmp_path / name))
        assert cure in caught.value.__notes__[0]

    def forbidden(*_: object, **__: object) -> None:  # the tests may run as root, who may read everything
        raise PermissionError

    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(InvalidInput, match="latin1: may not be read") as caught:
        list(numbered_lines(tmp_path / "latin1"))
    assert "chmod u+r" in caught.value.__notes__[0]
