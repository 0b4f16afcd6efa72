"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a place to write to; at the end of the ``with`` block the file takes its own name.

    Parameters
    ----------
    path : str or Path
        Target; replaced if it is there, left alone if the block fails. Its folder is made.

    Yields
    ------
    Path
        A name in the same folder, with the same suffix, since some writers add their own to any other name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
