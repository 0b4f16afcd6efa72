"""Careful reading of zarr groups that other programs wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput

if TYPE_CHECKING:
    from zarr import Array
    from zarr import Group as ZarrGroup

__all__ = ["Group", "open_group"]


@dataclass(frozen=True)
class Group:
    """A group whose parts are checked as they are read.

    Parameters
    ----------
    path : Path
        Where it lies, for messages.
    kind : str
        What it should be, for messages.
    inner : zarr.Group
        The group.
    """

    path: Path
    kind: str
    inner: "ZarrGroup"

    def has(self, name: str) -> bool:
        """Return whether there is an array or group of a name."""
        return name in self.inner

    def members(self, name: str) -> list[str]:
        """Return the names of the arrays in a subgroup, sorted."""
        import zarr

        subgroup = self.inner.get(name)
        if not isinstance(subgroup, zarr.Group):
            raise InvalidInput(f"{self.path}: not {self.kind}: it lacks the group {name!r}")
        return sorted(subgroup.array_keys())

    def array(self, name: str) -> "Array":
        """Return an array, unread.

        Raises
        ------
        InvalidInput
            No such array.
        """
        import zarr

        found = self.inner.get(name)
        if not isinstance(found, zarr.Array):
            raise InvalidInput(f"{self.path}: not {self.kind}: it lacks the array {name!r}")
        return found

    def refuse_holes(self, name: str) -> None:
        """Refuse an array of which chunks are not in the file: zarr reads them as zeros.

        Only for arrays whose chunks are never all zero, as those need not be written.

        Raises
        ------
        InvalidInput
            No such array, or chunks of it are missing.
        """
        array = self.array(name)
        missing = array.nchunks - array.nchunks_initialized
        if missing:
            raise InvalidInput(
                f"{self.path}: {name}: {missing} of {array.nchunks} chunks are missing", cure="copy the file again"
            )

    def numbers(self, name: str, shape: tuple[int, ...]) -> NDArray:
        """Read an array of numbers.

        Parameters
        ----------
        name : str
            Path in the group.
        shape : tuple of int
            What it must have; -1 for any size.

        Returns
        -------
        array
            As stored.

        Raises
        ------
        InvalidInput
            No such array, another shape, not numbers, or not finite.
        """
        array = self.array(name)
        fits = len(array.shape) == len(shape) and all(
            want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind not in "fiub":
            raise InvalidInput(f"{self.path}: {name} is {array.dtype} {array.shape}, not numbers of shape {shape}")
        values = self.read(name, slice(None))
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0].tolist()
            raise InvalidInput(f"{self.path}: {name}{bad} is not finite")
        return values

    def read(self, name: str, rows: slice) -> NDArray:
        """Read some rows of an array; what cannot be decoded is an error with the array's name."""
        array = self.array(name)
        try:
            return np.asarray(array[rows])
        except Exception as error:
            # Codecs raise many types on damaged bytes; none of them may reach the user as a traceback.
            raise InvalidInput(
                f"{self.path}: {name} cannot be read: {type(error).__name__}: {str(error)[:200]}",
                cure="copy the file again",
            ) from error

    def strings(self, name: str) -> list[str]:
        """Read an array of text, without the blanks that pad it."""
        array = self.array(name)
        if array.ndim != 1 or array.dtype.kind not in "UTOS":
            raise InvalidInput(f"{self.path}: {name} is {array.dtype} {array.shape}, not a list of names")
        return [str(value).strip() for value in self.read(name, slice(None)).tolist()]


def open_group(path: str | Path, kind: str) -> Group:
    """Open a zarr group for reading.

    Parameters
    ----------
    path : str or Path
        Folder, or zip of it.
    kind : str
        What it should be, for messages.

    Returns
    -------
    Group

    Raises
    ------
    InvalidInput
        No such file, or not zarr.
    """
    import zarr
    from zarr.storage import ZipStore

    path = Path(path)
    if not path.exists():
        raise InvalidInput(f"{path}: no such file or folder", cure=f"give the path of {kind}")
    try:
        return Group(path, kind, zarr.open_group(ZipStore(path, mode="r") if path.is_file() else path, mode="r"))
    except Exception as error:
        raise InvalidInput(f"{path}: not {kind}: {type(error).__name__}: {str(error)[:200]}") from error
