"""The zarr that the published code interprets genes into, reduced to a gene-by-motif matrix as it is read.

Layout: ``input`` (N, R, F), ``jacobians/OUTPUT/{0,1}/input/region_motif`` (N, R, F) with OUTPUT ``exp`` or ``atpm``,
``strand`` (N,), ``available_genes`` and ``chromosome`` padded with blanks, ``peak_coord`` (N, R, 2).

The published code leaves the gradient of strand 0 in place when it computes strand 1. Where it ran on a GPU, the file
holds J0 and J0 + J1, and J1 can be had back; where it ran on a processor, both arrays share memory and hold J0 + J1,
and neither can.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.features import feature_names
from get_core.formats.matrix import GeneByMotif
from get_core.formats.zarr_group import Group, open_group

__all__ = ["Interpretation", "Strands", "read_interpretation"]

Strands = Literal["undo", "as_stored"]
Reduce = Literal["sum", "abs_mean", "signed_mean"]
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


def read_interpretation(
    path: str | Path,
    *,
    motifs: tuple[str, ...] | None = None,
    strands: Strands = "undo",
    reduce: Reduce = "sum",
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
    group = open_group(path, "an interpretation zarr of the published code")
    output = "exp" if group.has("jacobians/exp") else "atpm"
    shape = group.array("input").shape
    if len(shape) != 3:
        raise InvalidInput(f"{path}: input has the shape {shape}, not (genes, regions, features)")
    count, _, features = shape
    names = _names(motifs, features, path)
    genes, chrom = group.strings("available_genes"), group.strings("chromosome")
    strand = group.numbers("strand", (count,)).astype(np.int64)
    if not len(genes) == len(chrom) == count or not np.isin(strand, (0, 1)).all():
        raise InvalidInput(f"{path}: {len(genes)} genes, {len(chrom)} chromosomes and {count} windows do not match")
    paths = [f"jacobians/{output}/{number}/input/region_motif" for number in (0, 1)]
    two_strands = group.has(paths[1])
    values = np.empty((count, features), np.float32)
    same = two_strands
    for begin in range(0, count, ROWS):
        part = slice(begin, min(begin + ROWS, count))
        x = group.read("input", part).astype(np.float32)
        own = group.read(paths[0], part).astype(np.float32)
        if two_strands:
            minus = group.read(paths[1], part).astype(np.float32)
            same = same and bool(np.array_equal(own, minus))
            minus = minus - own if strands == "undo" else minus
            own = np.where((strand[part] == 1)[:, None, None], minus, own)
        product = own * x
        if reduce == "abs_mean":
            np.abs(product, out=product)
        values[part] = product.sum(1) if reduce == "sum" else product.mean(1)
    notes = [f"{reduce} over regions of the stored Jacobian x the stored input ({group.array('input').dtype})"]
    if two_strands:
        notes.append(_about_strands(same, strands, path))
    predicted = _predicted(group, output, strand, count)
    return Interpretation(GeneByMotif(tuple(genes), names, values, tuple(notes)), tuple(chrom), strand, predicted)


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
            cure='interpret the genes again, or read the sums as they are with strands="as_stored"',
        )
    return "strand contamination undone: the gradient of strand 0 was taken off that of strand 1"


def _predicted(group: Group, output: str, strand: NDArray[np.int64], count: int) -> NDArray[np.float32] | None:
    if not group.has(f"preds/{output}"):
        return None
    stored = group.numbers(f"preds/{output}", (count, -1, -1))
    # The published code asks for the middle region of each window.
    return stored[np.arange(count), stored.shape[1] // 2, np.minimum(strand, stored.shape[2] - 1)].astype(np.float32)
