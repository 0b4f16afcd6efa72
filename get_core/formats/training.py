"""The zarr that the published code trains on: all peaks of several cell types, as an atlas.

Layout (format 2 of zarr): ``data`` (P, 282) raw motif scores, ``peak_names`` such as ``chr1:9999-10300`` (0-based),
``motif_names``, ``atpm/CELL_TYPE`` (P,), ``expression_positive/CELL_TYPE`` and ``expression_negative/CELL_TYPE`` (P,)
as log10(TPM + 1), and ``gene_idx_info_{index,name,strand}``, the rows that hold a gene's transcription starts.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Atlas, Promoters
from get_core.errors import InvalidInput
from get_core.formats.zarr_group import Group, open_group
from get_core.tables import chromosome_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_training"]

PEAK = re.compile(r"([^\s:]+):(\d+)-(\d+)")
UNIT = "log10(TPM + 1)"


def read_training(path: str | Path, cell_types: "Sequence[str] | None" = None) -> Atlas:
    """Read a training zarr of the published code.

    Peaks are put in order; every array of the file goes by the order of ``peak_names``, so they stay together.

    Parameters
    ----------
    path : str or Path
        The folder, or a zip of it.
    cell_types : sequence of str, optional
        Which to read; all by default.

    Returns
    -------
    Atlas
        With promoters where the file names genes. A gene's expression in a cell type is the largest of its starts'.

    Raises
    ------
    InvalidInput
        Not such a file, a part of it is missing or has another length, a peak that is no region or occurs twice.
    """
    group = open_group(path, "a training zarr of the published code")
    names = group.strings("peak_names")
    chrom, start, end = _regions(names, group)
    motifs = tuple(name for name in group.strings("motif_names"))
    scores = group.numbers("data", (len(names), len(motifs))).astype(np.float32)
    there = group.members("atpm")
    chosen = list(there if cell_types is None else cell_types)
    unknown = [name for name in chosen if name not in there]
    if unknown or not chosen:
        raise InvalidInput(
            f"{path}: no accessibility of {', '.join(unknown) or 'any cell type'}",
            cure=f"choose among {', '.join(there[:20]) or 'none'}",
        )
    size = (len(names),)
    level = np.stack([group.numbers(f"atpm/{name}", size) for name in chosen]).astype(np.float32)
    labels = None
    if group.has("expression_positive"):
        labels = np.stack(
            [
                np.stack([group.numbers(f"expression_{strand}/{name}", size) for strand in ("positive", "negative")], 1)
                for name in chosen
            ]
        ).astype(np.float32)
    order = np.lexsort((end, start, chromosome_ranks(chrom)))
    promoters, genes, expression = None, (), np.zeros((len(chosen), 0), np.float32)
    if group.has("gene_idx_info_index") and labels is not None:
        place = np.empty(len(names), np.int64)
        place[order] = np.arange(len(names))
        promoters = _promoters(group, place)
        genes, expression = _expression(promoters, labels[:, order])
    return Atlas(
        chrom=chrom[order],
        start=start[order],
        end=end[order],
        motifs=motifs,
        scores=scores[order],
        cell_types=tuple(chosen),
        accessibility=level[:, order],
        expression_labels=None if labels is None else labels[:, order],
        genes=genes,
        gene_expression=expression,
        expression_unit=UNIT if genes else "",
        accessibility_kind="binary" if np.isin(level, (0, 1)).all() else "measured",
        simulated=False,
        promoters=promoters,
        definitions={
            "source": "training zarr of the published code",
            "accessibility": "atpm, as stored",
            "scores": "summed motif scores, as stored",
            "expression_labels": f"{UNIT}, as stored",
        },
    )


def _regions(names: list[str], group: Group) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.int64]]:
    matches = [PEAK.fullmatch(name) for name in names]
    for row, match in enumerate(matches):
        if match is None:
            raise InvalidInput(f"{group.path}: peak_names[{row}] is {names[row]!r}, not chrom:start-end")
    parts = [match.groups() for match in matches if match is not None]
    chrom = np.array([part[0] for part in parts], np.str_)
    start, end = (np.array([int(part[column]) for part in parts], np.int64) for column in (1, 2))
    return chrom, start, end


def _promoters(group: Group, place: NDArray[np.int64]) -> Promoters:
    genes = tuple(group.strings("gene_idx_info_name"))
    rows = group.numbers("gene_idx_info_index", (len(genes),)).astype(np.int64)
    strands = group.strings("gene_idx_info_strand")
    if len(strands) != len(genes) or set(strands) - {"+", "-"}:
        raise InvalidInput(f"{group.path}: gene_idx_info_strand must hold + or - for each of {len(genes)} rows")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(place):
        raise InvalidInput(f"{group.path}: gene_idx_info_index reaches row {rows.max()} of {len(place)} peaks")
    return Promoters(genes, place[rows], np.array([strand == "-" for strand in strands], np.int64))


def _expression(promoters: Promoters, labels: NDArray[np.float32]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    names, owner = np.unique(np.array(promoters.gene, np.str_), return_inverse=True)
    expression = np.zeros((len(labels), len(names)), np.float32)
    for row, of_cell_type in enumerate(labels):
        np.maximum.at(expression[row], owner, of_cell_type[promoters.region, promoters.strand])
    return tuple(names.tolist()), expression
