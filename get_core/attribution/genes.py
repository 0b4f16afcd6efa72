"""From transcription starts to genes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

__all__ = ["mean_by_gene"]


def mean_by_gene(matrix: NDArray[np.float32], genes: Sequence[str]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Average the rows of each gene's transcription starts.

    Parameters
    ----------
    matrix : float32 (w, F)
        One row per transcription start.
    genes : sequence of str, length w
        Gene of each row.

    Returns
    -------
    matrix : float32 (g, F)
        One row per gene, summed in float64 in the order of the rows.
    genes : tuple of str (g,)
        Sorted.

    Raises
    ------
    InvalidInput
        Not one gene per row.
    """
    if len(genes) != len(matrix):
        raise InvalidInput(f"{len(matrix)} rows cannot belong to {len(genes)} genes")
    names, owner = np.unique(np.asarray(genes, np.str_), return_inverse=True)
    total = np.zeros((len(names), matrix.shape[1]))
    np.add.at(total, owner, matrix)
    count = np.bincount(owner, minlength=len(names))
    return (total / np.maximum(count, 1)[:, None]).astype(np.float32), tuple(names.tolist())
