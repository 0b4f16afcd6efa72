"""The zarr that the published code interprets genes into, reduced to a gene-by-motif matrix as it is read.

Layout: ``input`` (N, R, F), ``jacobians/OUTPUT/{0,1}/input/region_motif`` (N, R, F) with OUTPUT ``exp`` or ``atpm``,
``strand`` (N,), ``available_genes`` and ``chromosome`` padded with blanks, ``peak_coord`` (N, R, 2).

The published code leaves the gradient of strand 0 in place when it computes strand 1. Where it ran on a GPU, the file
holds J0 and J0 + J1, and J1 can be had back; where it ran on a processor, both arrays share memory and hold J0 + J1,
and neither can.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.attribution import Reduce
from get_core.errors import InvalidInput
from get_core.features import feature_names
from get_core.formats.matrix import GeneByMotif
from get_core.formats.zarr_group import Group, open_group

__all__ = ["Interpretation", "Strands", "check_interpretation", "read_interpretation"]

Strands = Literal["undo", "as_stored"]
ROWS = 256  # genes at a time: 58 MB of one Jacobian of 200 x 283


@dataclass(frozen=True, eq=False)
class Interpretation:
    """What a file held of each gene.

    Parameters
    ----------
    by_motif : GeneByMotif
        Attribution summed over regions, own strand; its notes say what was undone.
    chrom : tuple of str (g,)
        Chromosome of each gene.
    strand : int64 (g,)
        0 plus, 1 minus.
    predicted : float32 (g,) or None
        Prediction at the focus region and own strand, where the file has it.
    """

    by_motif: GeneByMotif
    chrom: tuple[str, ...]
    strand: NDArray[np.int64]
    predicted: NDArray[np.float32] | None


def check_interpretation(path: str | Path, *, motifs: tuple[str, ...] | None = None) -> None:
    """Check what can be told of an interpretation zarr without reading the Jacobians.

    Parameters
    ----------
    path, motifs
        As in `read_interpretation`.

    Raises
    ------
    InvalidInput
        Not such a file, a part of it is missing, or features that are not as many as the names.
    """
    _opened(path, motifs)


def read_interpretation(
    path: str | Path,
    *,
    motifs: tuple[str, ...] | None = None,
    strands: Strands = "undo",
    reduce: Reduce = "sum",
    progress: Callable[[int, int], None] | None = None,
) -> Interpretation:
    """Read an interpretation zarr of the published code.

    Parameters
    ----------
    path : str or Path
        The folder, or a zip of it.
    motifs : tuple of str, optional
        Names of the features, as the file has none; by default the 282 clusters and "Accessibility" when there are
        283 features.
    strands : {"undo", "as_stored"}
        Take the gradient of strand 0 off strand 1's, or trust the file.
    reduce : {"sum", "abs_mean", "signed_mean"}
        Over the regions of the window, as in `get_core.attribution.attribute`.
    progress : callable, optional
        Takes genes done and genes in all.

    Returns
    -------
    Interpretation

    Raises
    ------
    InvalidInput
        Not such a file, a part of it is missing or damaged, features that are not as many as the names, or (with
        "undo") both strands hold the same, so that nothing can be undone.
    """
    for name, value, known in (("strands", strands, get_args(Strands)), ("reduce", reduce, get_args(Reduce))):
        if value not in known:
            raise InvalidInput(f"{name} is {value!r}; it must be one of {', '.join(known)}")
    parts = _opened(path, motifs)
    group, count, strand = parts.group, len(parts.genes), parts.strand
    values = np.empty((count, len(parts.motifs)), np.float32)
    same = parts.two_strands
    for begin in range(0, count, ROWS):
        part = slice(begin, min(begin + ROWS, count))
        x = group.read("input", part).astype(np.float32)
        own = group.read(parts.jacobian(0), part).astype(np.float32)
        if parts.two_strands:
            minus = group.read(parts.jacobian(1), part).astype(np.float32)
            same = same and bool(np.array_equal(own, minus))
            minus = minus - own if strands == "undo" else minus
            own = np.where((strand[part] == 1)[:, None, None], minus, own)
        product = own * x
        if reduce == "abs_mean":
            np.abs(product, out=product)
        values[part] = product.sum(1) if reduce == "sum" else product.mean(1)
        if progress is not None:
            progress(part.stop, count)
    stored = f"the stored Jacobian ({parts.output}) x the stored input ({group.array('input').dtype})"
    notes = [f"{reduce} over regions of {stored}"]
    if parts.two_strands:
        notes.append(_about_strands(same, strands, path))
    predicted = _predicted(group, parts.output, strand, count)
    try:
        by_motif = GeneByMotif(parts.genes, parts.motifs, values, tuple(notes))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    return Interpretation(by_motif, parts.chrom, strand, predicted)


@dataclass(frozen=True, eq=False)
class _Parts:
    """An interpretation zarr whose parts fit each other."""

    group: Group
    output: str
    two_strands: bool
    genes: tuple[str, ...]
    chrom: tuple[str, ...]
    strand: NDArray[np.int64]
    motifs: tuple[str, ...]

    def jacobian(self, strand: int) -> str:
        """Return the name of the array with the gradient of a strand's output."""
        return f"jacobians/{self.output}/{strand}/input/region_motif"


def _opened(path: str | Path, motifs: tuple[str, ...] | None) -> _Parts:
    group = open_group(path, "an interpretation zarr of the published code")
    shape = group.array("input").shape
    if len(shape) != 3:
        raise InvalidInput(f"{path}: input has the shape {shape}, not (genes, regions, features)")
    genes, chrom = group.strings("available_genes"), group.strings("chromosome")
    strand = group.numbers("strand", (shape[0],)).astype(np.int64)
    if not len(genes) == len(chrom) == shape[0] or not np.isin(strand, (0, 1)).all():
        raise InvalidInput(f"{path}: {len(genes)} genes, {len(chrom)} chromosomes and {shape[0]} windows do not match")
    if not genes:
        raise InvalidInput(f"{path}: holds no gene")
    output = "exp" if group.has("jacobians/exp") else "atpm"
    second = group.has(f"jacobians/{output}/1/input/region_motif")
    parts = _Parts(group, output, second, tuple(genes), tuple(chrom), strand, _names(motifs, shape[2], path))
    for name in ("input", *(parts.jacobian(number) for number in range(1 + second))):
        if group.array(name).shape != shape:
            raise InvalidInput(f"{path}: {name} has the shape {group.array(name).shape}, input {shape}")
        group.refuse_holes(name)
    return parts


def _names(motifs: tuple[str, ...] | None, features: int, path: str | Path) -> tuple[str, ...]:
    from get_core.motifs import clusters

    names = feature_names(clusters()) if motifs is None else motifs
    if len(names) != features:
        raise InvalidInput(
            f"{path}: windows of {features} features, but {len(names)} names of motifs",
            cure="give the names of the features in their order",
        )
    return names


def _about_strands(same: bool, strands: Strands, path: str | Path) -> str:
    if strands == "as_stored":
        return "strands as stored: genes of the minus strand may hold the gradient of the plus strand, too"
    if same:
        raise InvalidInput(
            f"{path}: both strands hold the same Jacobian, the sum of both: it was written on a processor by code that "
            "mixes the strands, and neither can be had back",
            cure='interpret the genes again, or take the sums as they are: strands = "as_stored"',
        )
    return "strand contamination undone: the gradient of strand 0 was taken off that of strand 1"


def _predicted(group: Group, output: str, strand: NDArray[np.int64], count: int) -> NDArray[np.float32] | None:
    if not group.has(f"preds/{output}"):
        return None
    stored = group.numbers(f"preds/{output}", (count, -1, -1))
    # The published code asks for the middle region of each window.
    return stored[np.arange(count), stored.shape[1] // 2, np.minimum(strand, stored.shape[2] - 1)].astype(np.float32)
