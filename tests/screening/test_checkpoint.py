import hashlib
import io
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from screening.folding.checkpoint import read_checkpoint, write_checkpoint

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "done": np.array(7), "text": np.array("a b")}


def sealed(body: bytes) -> bytes:
    return hashlib.sha256(body).digest() + body


def test_what_was_written_is_read(tmp_path: Path):
    path = tmp_path / "run.checkpoint"
    assert read_checkpoint(path, "run 1") is None
    write_checkpoint(path, "run 1", ARRAYS)
    found = read_checkpoint(path, "run 1")
    assert found is not None
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    write_checkpoint(path, "run 1", {"done": np.array(8)})
    assert int((read_checkpoint(path, "run 1") or {})["done"]) == 8
    assert [left.name for left in tmp_path.iterdir()] == ["run.checkpoint"]


def test_another_runs_checkpoint_is_discarded(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "run.checkpoint"
    write_checkpoint(path, "run 1", ARRAYS)
    with caplog.at_level(logging.WARNING):
        assert read_checkpoint(path, "run 2") is None
    assert "belongs to another computation" in caplog.text
    assert not path.exists()


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_seen(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "run.checkpoint"
    write_checkpoint(path, "run 1", ARRAYS)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert read_checkpoint(path, "run 1") is None
    assert not path.exists()


def pickled() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, identity=np.array("run 1"), x=np.array([{}], object))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut short or altered"),
        (b"not a checkpoint at all, but long enough to have a digest", "cut short or altered"),
        (sealed(b"text"), "no npz of plain arrays"),
        (sealed(b"PK\x03\x04" + bytes(40)), "no npz of plain arrays"),
        (sealed(pickled()), "no npz of plain arrays"),
    ],
)
def test_what_is_no_checkpoint_is_discarded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, reason: str
):
    path = tmp_path / "run.checkpoint"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert read_checkpoint(path, "run 1") is None
    assert reason in caplog.text
    assert not path.exists()
