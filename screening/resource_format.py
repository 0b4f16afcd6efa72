"""Whether a fetched file is of the kind that its name says, told from its first bytes."""

import re
import zlib
from pathlib import Path

from screening.errors import InvalidInput

__all__ = ["refuse_other_format", "start_of"]

PEEKED_BYTES = 1 << 16
SHOWN_CHARACTERS, SHOWN_BYTES = 40, 8
GZIP_MAGIC = b"\x1f\x8b"

# Comments come first in GTF, BED and mmCIF. Of each kind of file, by the ending of its name: what it is called and how
# it begins. A torch checkpoint is a zip, a safetensors file (8 bytes and JSON), or an old stream of pickles.
FORMATS = {
    ".fa": ("FASTA", rb">\S"),
    ".fasta": ("FASTA", rb">\S"),
    ".gtf": ("GTF", rb"(#[^\n]*\n)*([^\t\n]+\t){3}\d+\t\d+\t[^\t\n]+\t[-+.]\t[012.]\t"),
    ".bed": ("BED", rb"((#|track|browser)[^\n]*\n)*[^\t\n]+\t\d+\t\d+\b"),
    ".tbi": ("tabix index", rb"TBI\x01"),
    ".meme": ("MEME motif file", rb"\s*MEME version \d"),
    ".txt": ("table of STRING", rb"protein1 protein2 |#string_protein_id\t"),
    ".gmt": ("GMT file of gene sets", rb"[^\t\n]+\t[^\t\n]*\t[^\t\n]+"),
    ".cif": ("mmCIF", rb"(#[^\n]*\n|\s)*data_"),
    ".npz": ("NumPy archive", rb"PK\x03\x04"),
    ".pth": ("checkpoint", rb"PK\x03\x04|.{8}\{|\x80\x02\x8a"),
}
SERVERS_ANSWER = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)


def refuse_other_format(path: Path, name: str, origin: str) -> None:
    """Refuse a file that does not begin as one of its name does.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What it is to be called; names of an unknown ending are not judged, but for answer pages of a server.
    origin : str
        Where it came from, for the message.

    Raises
    ------
    InvalidInput
        With the first characters of what was found.
    """
    with path.open("rb") as file:
        raw = file.read(PEEKED_BYTES)
    plain = _unzipped(raw)
    kind, pattern = FORMATS.get(Path(name.removesuffix(".gz")).suffix, ("", rb""))
    if SERVERS_ANSWER.match(plain):
        wrong = f"a server's page and no {kind or name}"
    elif not re.match(pattern, plain, re.DOTALL):
        wrong = f"no {kind}"
    elif name.endswith(".gz") and not raw.startswith(GZIP_MAGIC):
        raise InvalidInput(f"{origin}: not gzipped, but {name} is", cure="compress it with gzip, or bgzip for tabix")
    else:
        return
    raise InvalidInput(f"{origin}: {start_of(path)}: {wrong}", cure="give another address or file: --from URL_OR_FILE")


def start_of(path: Path) -> str:
    """Say in words how a file begins, gzipped or not."""
    with path.open("rb") as file:
        plain = _unzipped(file.read(PEEKED_BYTES))
    text = plain.decode("utf-8", "replace").strip()[:SHOWN_CHARACTERS].partition("\n")[0]
    if "\ufffd" in text or not text.replace("\t", " ").isprintable():
        return f"starts with the bytes {plain[:SHOWN_BYTES].hex(' ')}"
    return f"starts with {text!r}" if text else "is empty"


def _unzipped(raw: bytes) -> bytes:
    """Return the beginning of a file as it is without gzip; of a damaged one what can be read."""
    if not raw.startswith(GZIP_MAGIC):
        return raw
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(raw, PEEKED_BYTES)
    except zlib.error:
        return b""
