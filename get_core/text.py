"""Lines of a text file, plain or gzipped, with their numbers for messages."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from get_core.errors import InvalidInput

__all__ = ["numbered_lines"]


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that are neither blank nor a ``#`` comment.

    Parameters
    ----------
    path : str or Path
        UTF-8 text, with or without a byte order mark; decompressed when it starts with the gzip signature, whatever its
        name.

    Yields
    ------
    tuple[int, str]
        Line number, counted from 1, and the line without its end.

    Raises
    ------
    InvalidInput
        No such file, not readable, not UTF-8, or a damaged gzip file.
    """
    number = 0
    try:
        with open(path, "rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8-sig") if gzipped else open(path, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not line.startswith("#"):
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file", cure="Check the path.") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path}: a folder, not a file", cure="Name the file in it.") from None
    except PermissionError:
        raise InvalidInput(f"{path}: may not be read", cure=f"chmod u+r {path}, or ask its owner.") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path}:{number + 1}: not UTF-8 text ({error.reason})", cure="Save the file as UTF-8 text."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path}:{number + 1}: cannot be read: {error}", cure="Make the file again.") from error
