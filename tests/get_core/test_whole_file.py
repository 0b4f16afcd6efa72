from pathlib import Path

import pytest

from get_core.whole_file import whole_file


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.tsv"
    with whole_file(target) as part:
        assert part.parent == target.parent and part.suffix == ".tsv"
        part.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"
    assert list(target.parent.iterdir()) == [target]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "table.tsv"
    target.write_text("before")

    def interrupted() -> None:
        with whole_file(target) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "table.tsv"
    with pytest.raises(FileNotFoundError), whole_file(target):
        pass
    assert list(tmp_path.iterdir()) == []
