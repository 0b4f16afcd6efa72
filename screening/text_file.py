"""Text files of a screen, plain or gzipped."""

import codecs
import gzip
import zlib
from pathlib import Path

from screening.errors import InvalidInput

__all__ = ["read_text"]

_GZIP_MAGIC = b"\x1f\x8b"


def read_text(path: Path, *, encoding: str = "utf-8") -> str:
    r"""Read a text file; gzip is recognised by its first two bytes, whatever the file is called.

    Parameters
    ----------
    path : Path
        File to read.
    encoding : str, optional
        ``"ascii"`` for formats that allow nothing else.

    Returns
    -------
    str
        The whole text, with line ends made ``\n`` and without the byte order mark that Windows programs write.

    Raises
    ------
    InvalidInput
        The file is missing, a broken gzip, or holds bytes outside the encoding (named with their line).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file", cure="correct the path") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path}: is a folder, not a file", cure="name a file inside it") from None
    if data.startswith(_GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidInput(f"{path}: broken gzip ({error})", cure="copy or download it again") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{path}:{line}: byte 0x{data[error.start]:02x} is not {encoding} text",
            cure=f"save the file as {encoding} text",
        ) from None
    return text.replace("\r\n", "\n")
