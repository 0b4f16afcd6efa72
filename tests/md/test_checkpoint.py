"""Sealed folders: whole or absent, and never another's content."""

import os
from pathlib import Path

import pytest

from md.checkpoint import begin, is_sealed, seal, verify
from md.errors import DamagedCheckpoint


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    working = begin(tmp_path / "segment_0001")
    (working / "state.xml").write_text("<State>" + "x" * 1000 + "</State>")
    (working / "trajectory.xtc").write_bytes(b"\x00\x01" * 50)
    return seal(working)


def test_a_folder_appears_whole(tmp_path: Path):
    working = begin(tmp_path / "a")
    (working / "state.xml").write_text("x")
    assert not (tmp_path / "a").exists()
    assert not is_sealed(tmp_path / "a")
    assert seal(working) == tmp_path / "a"
    assert not working.exists()
    assert is_sealed(tmp_path / "a")
    assert verify(tmp_path / "a") == tmp_path / "a"


def test_what_a_killed_attempt_left_is_thrown_away(tmp_path: Path):
    (begin(tmp_path / "a") / "half.xtc").write_text("half")
    working = begin(tmp_path / "a")
    assert list(working.iterdir()) == []


@pytest.mark.parametrize("name", ["state.xml", "trajectory.xtc"])
def test_truncation_is_found(sealed: Path, name: str):
    os.truncate(sealed / name, (sealed / name).stat().st_size // 2)
    with pytest.raises(DamagedCheckpoint, match=rf"{name}: \d+ bytes with sha256"):
        verify(sealed)


def test_one_flipped_bit_is_found(sealed: Path):
    content = bytearray((sealed / "state.xml").read_bytes())
    content[500] ^= 1
    (sealed / "state.xml").write_bytes(content)
    with pytest.raises(DamagedCheckpoint) as caught:
        verify(sealed)
    assert "delete" in caught.value.__notes__[0]


def test_a_lost_file_and_a_lost_seal_are_found(sealed: Path):
    (sealed / "trajectory.xtc").unlink()
    with pytest.raises(DamagedCheckpoint, match="sealed file is missing"):
        verify(sealed)
    (sealed / "seal.json").write_text("[]")
    with pytest.raises(DamagedCheckpoint, match="unreadable seal"):
        verify(sealed)
