"""``screening fetch``: a public resource by name into a folder, checked against what it was before."""

import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from catalog.store import sha256_of_file, write_atomically
from screening.download import CHUNK_BYTES, FetchFailed, Progress, check_space, download, read_small
from screening.errors import InvalidInput
from screening.resource_format import refuse_other_format, start_of
from screening.resources import ALPHAFOLD_DB, WEIGHTS, Resource, resource_named

__all__ = ["Fetched", "fetch"]

LOCK_FILE = "fetch.lock.json"
LARGEST_UNPACKED = 16 * 2**30
"""Bytes that one archive may unpack to: five times the largest resource of the table."""

MODEL_FILE = re.compile(r"AF-[A-Z0-9]+-F1-model_v\d+\.cif(\.gz)?")
COLABFOLD_MARK = "download_complexes_multimer_v3_finished.txt"
"""What ColabFold looks for before it looks for parameters of AlphaFold-Multimer v3."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch gave.

    Attributes
    ----------
    files : tuple of Path
        The files, in the folder.
    sha256 : str
        Of the download.
    was_there : bool
        True where they lay there already, unchanged.
    first : bool
        True where there was nothing to compare the checksum with.
    """

    files: tuple[Path, ...]
    sha256: str
    was_there: bool
    first: bool


def fetch(
    name: str, folder: Path, *, source: str | None = None, progress: Progress = lambda done, total: None
) -> Fetched:
    """Get a resource, unless it is there.

    Parameters
    ----------
    name : str
        As for `screening.resources.resource_named`.
    folder : Path
        Where to; made.
    source : str, optional
        Another address or a local file to take it from; the same checksum is asked of it.
    progress : callable
        Called with bytes so far and in all.

    Returns
    -------
    Fetched

    Raises
    ------
    InvalidInput
        No such resource, no such file, a file of another kind, such as a server's page, another checksum than before,
        or an archive without what it should hold. The download is removed.
    FetchFailed
        The server; the part that came is kept.
    OSError
        Not enough disk.
    """
    resource = resource_named(name)
    lock = _read_lock(folder)
    known = lock.get(name, {})
    there = _unchanged(folder, known)
    if there:
        return Fetched(there, str(known["sha256"]), was_there=True, first=False)
    local = source is not None and "://" not in source
    url = source or resource.url
    if urlsplit(url).scheme == "s3":
        raise InvalidInput(
            f"{name} lies at {url}, which asks for an account that pays for the transfer",
            cure=f"aws s3 cp --request-payer requester {url} {resource.file}, "
            f"then screening fetch {name} --from {resource.file}",
        )
    if source is None and name.startswith(ALPHAFOLD_DB):
        url = _model_url(url)
    file = Path(urlsplit(url).path).name
    target = file if name.startswith(ALPHAFOLD_DB) and MODEL_FILE.fullmatch(file) else resource.file
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{target}.part"
    sha256 = _copied(Path(url), part, progress) if local else download(url, part, progress=progress)
    expected = resource.sha256 or str(known.get("sha256", ""))
    try:
        if not resource.members:
            refuse_other_format(part, target, url)
        if expected and sha256 != expected:
            raise InvalidInput(
                f"{url}: its SHA-256 is {sha256}, not {expected} as "
                + ("published" if resource.sha256 else f"at the first download ({folder / LOCK_FILE})"),
                cure="fetch it again; if its publisher changed it on purpose, remove its entry from fetch.lock.json",
            )
        files = _placed(resource, part, folder, target, url)
    except InvalidInput:
        part.unlink()
        raise
    entry = {
        "url": url if not local else str(Path(url).name),
        "sha256": sha256,
        "files": {str(path.relative_to(folder)): sha256_of_file(path) for path in files},
    }
    lock = {**_read_lock(folder), name: entry}
    write_atomically(folder / LOCK_FILE, (json.dumps(lock, indent=1, sort_keys=True) + "\n").encode())
    return Fetched(files, sha256, was_there=False, first=not expected)


def _read_lock(folder: Path) -> dict[str, Mapping[str, object]]:
    path = folder / LOCK_FILE
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or not all(
            isinstance(each, dict) and each["sha256"] for each in stored.values()
        ):
            raise ValueError("not checksums by name")
    except (ValueError, KeyError) as error:
        raise InvalidInput(f"{path}: broken: {error}", cure=f"remove {path}; checksums are then learnt anew") from None
    return stored


def _unchanged(folder: Path, known: Mapping[str, object]) -> tuple[Path, ...]:
    """Return the files of an earlier fetch where all are still as they were."""
    stored = known.get("files")
    if not isinstance(stored, dict) or not stored:
        return ()
    paths = {folder / name: digest for name, digest in stored.items() if ".." not in Path(name).parts}
    good = all(path.is_file() and sha256_of_file(path) == digest for path, digest in paths.items())
    return tuple(paths) if good else ()


def _model_url(api: str) -> str:
    """Ask AlphaFold DB where the newest model of an accession lies."""
    answer = read_small(api)
    try:
        url = str(json.loads(answer)[0]["cifUrl"])
    except (ValueError, LookupError, TypeError):
        raise FetchFailed(f"{api}: the answer names no model", cure="check the accession, or --from FILE") from None
    if urlsplit(url)[:2] != urlsplit(api)[:2] or MODEL_FILE.fullmatch(Path(urlsplit(url).path).name) is None:
        raise FetchFailed(f"{api}: names {url[:200]}, which is no model of AlphaFold DB", cure="--from FILE")
    return url


def _copied(source: Path, part: Path, progress: Progress) -> str:
    if not source.is_file():
        what = "is a folder" if source.is_dir() else "no such file"
        raise InvalidInput(f"{source}: {what}", cure="give --from a file, or an address that begins with https://")
    total = source.stat().st_size
    check_space(part.parent, total)
    digest, done = hashlib.sha256(), 0
    try:
        with source.open("rb") as origin, part.open("wb") as copy:
            while chunk := origin.read(CHUNK_BYTES):
                copy.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress(done, total)
    except BaseException:  # half a copy is of no use: unlike half a download, it is not gone on with
        part.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def _placed(resource: Resource, part: Path, folder: Path, target: str, origin: str) -> tuple[Path, ...]:
    """Unpack a whole download and move what it holds to its place; the download goes."""
    if not resource.unpack:
        os.replace(part, folder / target)
        return (folder / target,)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack-") as scratch:
        if resource.unpack == "gzip":
            made = [_gunzipped(part, Path(scratch) / target, origin)]
        else:
            unpack = _members_of_tar if resource.unpack == "tar" else _members_of_zip
            made = unpack(part, resource, Path(scratch), origin)
            _check_complete(made, resource, origin)
        place = folder / resource.folder
        place.mkdir(exist_ok=True)
        files = []
        for path in made:
            os.replace(path, place / path.name)
            files.append(place / path.name)
    part.unlink()
    if resource.name == WEIGHTS:
        (place / COLABFOLD_MARK).touch()
    return tuple(files)


def _gunzipped(part: Path, target: Path, origin: str) -> Path:
    with part.open("rb") as raw:
        if raw.read(2) != b"\x1f\x8b":  # a mirror or a local file may be unpacked already
            shutil.copyfile(part, target)
            return target
    written = 0
    try:
        with gzip.open(part, "rb") as packed, target.open("wb") as plain:
            while chunk := packed.read(CHUNK_BYTES):
                written += len(chunk)
                _check_unpacked(written, origin)
                plain.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(f"{origin}: broken gzip ({error})", cure="fetch it again") from None
    return target


def _members_of_tar(part: Path, resource: Resource, scratch: Path, origin: str) -> list[Path]:
    """Extract the wanted files of a tar, without their folders."""
    made: list[Path] = []
    try:
        with tarfile.open(part) as archive:
            wanted = [
                member
                for member in archive
                if member.isreg() and re.fullmatch(resource.members, Path(member.name).name) is not None
            ]
            total = sum(member.size for member in wanted)
            _check_unpacked(total, origin)
            check_space(scratch, total)
            for member in wanted:
                flat = member.replace(name=Path(member.name).name, deep=False)
                archive.extract(flat, scratch, filter="data")
                made.append(scratch / flat.name)
    except (tarfile.TarError, EOFError, zlib.error):
        raise _broken("tar", part, origin) from None
    return made


def _members_of_zip(part: Path, resource: Resource, scratch: Path, origin: str) -> list[Path]:
    """Extract the wanted files of a zip, without their folders."""
    made: list[Path] = []
    try:
        with zipfile.ZipFile(part) as archive:
            wanted = [
                member
                for member in archive.infolist()
                if not member.is_dir() and re.fullmatch(resource.members, Path(member.filename).name) is not None
            ]
            total = sum(member.file_size for member in wanted)
            _check_unpacked(total, origin)
            check_space(scratch, total)
            for member in wanted:
                made.append(scratch / Path(member.filename).name)
                with archive.open(member) as packed, made[-1].open("wb") as plain:
                    shutil.copyfileobj(packed, plain, CHUNK_BYTES)
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError):
        raise _broken("zip", part, origin) from None
    return made


def _broken(kind: str, part: Path, origin: str) -> InvalidInput:
    return InvalidInput(
        f"{origin}: no {kind}, or a broken {kind}: it {start_of(part)}", cure="fetch it again, or --from another"
    )


def _check_complete(made: list[Path], resource: Resource, origin: str) -> None:
    if len({path.name for path in made}) != resource.expected:
        raise InvalidInput(
            f"{origin}: {len(made)} of {resource.expected} files in it are called like {resource.members}",
            cure="fetch it again, or give the right archive with --from",
        )
    for path in made:
        refuse_other_format(path, path.name, f"{origin}: {path.name}")


def _check_unpacked(size: int, origin: str) -> None:
    if size > LARGEST_UNPACKED:
        raise InvalidInput(f"{origin}: unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB: refused")
