"""Arrays among the files of tasks."""

from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "read_arrays"]

Floats = NDArray[np.float64]


def read_arrays(path: Path, names: Collection[str]) -> dict[str, Floats]:
    """Read some arrays of numbers.

    Parameters
    ----------
    path : Path
        npz.
    names : collection of str
        Arrays to read.

    Returns
    -------
    dict of str to ndarray
        Those of them that are there.

    Raises
    ------
    ValueError
        The file is damaged, or an array is none of numbers.
    OSError
        It cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], np.float64) for name in names if name in arrays}
    except (BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: no arrays: {error}") from error
