"""The file of an atlas: zarr, in one ``.zip`` or as a folder.

Numbers are arrays; names and definitions are attributes of the group. Nothing in it can be executed.
"""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from zarr import Array

    from get_core.atlas import Atlas

__all__ = ["read_atlas", "write_atlas"]

FORMAT = "get atlas 1"
ROWS_PER_CHUNK = 16_384  # of 282 scores: 18 MB before compression
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file holds no earlier time; the same atlas gives the same bytes
ARRAYS = ("start", "end", "scores", "accessibility", "gene_expression")


def write_atlas(atlas: "Atlas", path: str | Path) -> None:
    """Write an atlas; the file or folder appears whole or not at all.

    Parameters
    ----------
    atlas : Atlas
        What to write.
    path : str or Path
        A name that ends in ``.zip`` makes one file, any other a folder; what is there is replaced.
    """
    import zarr

    path = Path(path)
    chromosomes = list(dict.fromkeys(atlas.chrom.tolist()))
    arrays: dict[str, NDArray] = {name: getattr(atlas, name) for name in ARRAYS}
    codes = {name: number for number, name in enumerate(chromosomes)}
    arrays["chrom"] = np.fromiter((codes[name] for name in atlas.chrom.tolist()), np.int32, len(atlas.chrom))
    if atlas.expression_labels is not None:
        arrays["expression_labels"] = atlas.expression_labels
    if atlas.promoters is not None:
        arrays["promoter_region"], arrays["promoter_strand"] = atlas.promoters.region, atlas.promoters.strand
    attributes = {
        "format": FORMAT,
        "chromosomes": chromosomes,
        "motifs": list(atlas.motifs),
        "cell_types": list(atlas.cell_types),
        "genes": list(atlas.genes),
        "promoter_genes": None if atlas.promoters is None else list(atlas.promoters.gene),
        "expression_unit": atlas.expression_unit,
        "accessibility_kind": atlas.accessibility_kind,
        "simulated": atlas.simulated,
        "definitions": dict(atlas.definitions),
    }
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        group = zarr.create_group(part / "atlas", attributes=attributes)
        for name, array in arrays.items():
            rows = max(1, min(len(array), ROWS_PER_CHUNK))
            chunks = (rows, *array.shape[1:]) if len(array) == len(atlas.chrom) else array.shape
            chunks = tuple(max(1, size) for size in chunks)
            group.create_array(name, data=array, chunks=chunks, config={"write_empty_chunks": True})
        written = part / "atlas"
        if path.suffix == ".zip":
            written = _zipped(written)
        if path.is_dir():
            os.rename(path, part / "old")
        os.replace(written, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read_atlas(path: str | Path) -> "Atlas":
    """Read what `write_atlas` wrote, and check it.

    Parameters
    ----------
    path : str or Path
        File or folder.

    Returns
    -------
    Atlas

    Raises
    ------
    InvalidInput
        No such file, not an atlas, damaged, or contents that are wrong.
    """
    import zarr
    from zarr.storage import ZipStore

    from get_core.atlas import Atlas, Promoters

    path = Path(path)
    if not path.exists():
        raise InvalidInput(f"{path}: no such file", cure="build the atlas first")
    try:
        group = zarr.open_group(ZipStore(path, mode="r") if path.is_file() else path, mode="r")
        stored = cast(Mapping[str, object], dict(group.attrs))
        if stored.get("format") != FORMAT:
            raise InvalidInput(f"{path}: not an atlas: its format is {stored.get('format')!r}, not {FORMAT!r}")
        arrays = {name: _whole(array, path) for name, array in group.arrays()}
    except InvalidInput:
        raise
    except Exception as error:
        # zarr and its codecs raise many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(
            f"{path}: not an atlas: {type(error).__name__}: {str(error)[:200]}", cure="build the atlas again"
        ) from error
    try:
        chromosomes = np.array(stored["chromosomes"], np.str_)
        promoters = None
        if stored["promoter_genes"] is not None:
            genes = tuple(cast(list[str], stored["promoter_genes"]))
            promoters = Promoters(genes, arrays["promoter_region"], arrays["promoter_strand"])
        return Atlas(
            chrom=chromosomes[arrays["chrom"]],
            start=arrays["start"],
            end=arrays["end"],
            motifs=tuple(cast(list[str], stored["motifs"])),
            scores=arrays["scores"],
            cell_types=tuple(cast(list[str], stored["cell_types"])),
            accessibility=arrays["accessibility"],
            expression_labels=arrays.get("expression_labels"),
            genes=tuple(cast(list[str], stored["genes"])),
            gene_expression=arrays["gene_expression"],
            expression_unit=str(stored["expression_unit"]),
            accessibility_kind=str(stored["accessibility_kind"]),
            simulated=bool(stored["simulated"]),
            promoters=promoters,
            definitions=cast(dict[str, str], stored["definitions"]),
        )
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", cure="build the atlas again") from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        lacking = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InvalidInput(f"{path}: not an atlas: {lacking}", cure="build the atlas again") from error


def _whole(array: "Array", path: Path) -> NDArray:
    # zarr gives zeros for a chunk that is not there; every chunk was written, so its absence is damage.
    if array.nchunks_initialized != array.nchunks:
        raise InvalidInput(
            f"{path}: not an atlas: {array.basename} has {array.nchunks_initialized} of {array.nchunks} chunks",
            cure="copy or build the atlas again",
        )
    return np.asarray(array[...])


def _zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(item for item in folder.rglob("*") if item.is_file()):
            archive.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH), file.read_bytes())
    return target
