"""Confidences that a folding program writes beside a structure: PAE, pLDDT, ipTM, pTM."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.text_file import read_text

__all__ = ["Confidences", "checked_pae", "checked_plddt", "read_confidences"]


@dataclass(frozen=True, eq=False)
class Confidences:
    """What a score file holds beside the structure; None where it does not.

    Attributes
    ----------
    pae : ndarray, shape (L, L), float32, or None
        Predicted aligned error in angstrom, row = aligned, column = scored.
    plddt : ndarray, shape (L,), float64, or None
        0-100.
    iptm, ptm : float or None
        0-1.
    """

    pae: NDArray[np.float32] | None = None
    plddt: NDArray[np.float64] | None = None
    iptm: float | None = None
    ptm: float | None = None


def read_confidences(path: Path, *, model: str | None = None) -> Confidences:
    """Read PAE, pLDDT, ipTM and pTM from a score file.

    Known are ColabFold's scores JSON (``pae``, ``plddt``, ``iptm``, ``ptm``), the PAE JSON of AlphaFold and its
    database (a list of one object with ``predicted_aligned_error``) and their confidence JSON (``confidenceScore``),
    AlphaFold 3 and Boltz summaries (``iptm``, ``ptm``), and npz files with ``pae`` and ``plddt``.

    Parameters
    ----------
    path : Path
        JSON, plain or gzipped, or npz.
    model : str, optional
        For a JSON of several models: the entry to take.

    Returns
    -------
    Confidences
        What the file has; nothing is None because it is broken.

    Raises
    ------
    InvalidInput
        The file is missing or broken, has none of these, or holds numbers that are not finite or out of range.
    """
    found = _npz_entries(path) if path.suffix == ".npz" else _json_entries(path, model)

    def entry(*names: str) -> object | None:
        return next((found[name] for name in names if found.get(name) is not None), None)

    pae, plddt = entry("pae", "predicted_aligned_error"), entry("plddt", "confidenceScore")
    confidences = Confidences(
        pae=None if pae is None else checked_pae(_array(pae, f"{path}: PAE"), str(path)),
        plddt=None if plddt is None else checked_plddt(_array(plddt, f"{path}: pLDDT"), 100.0, f"{path}: pLDDT"),
        iptm=_fraction(entry("iptm"), f"{path}: iptm"),
        ptm=_fraction(entry("ptm"), f"{path}: ptm"),
    )
    if all(value is None for value in (confidences.pae, confidences.plddt, confidences.iptm, confidences.ptm)):
        raise InvalidInput(
            f"{path}: holds no PAE, pLDDT, ipTM or pTM", cure="Name the score file that belongs to the structure."
        )
    return confidences


def checked_plddt(values: NDArray[np.floating], maximum: float, where: str) -> NDArray[np.float64]:
    """Check pLDDT and bring it to 0-100.

    Parameters
    ----------
    values : ndarray, shape (L,)
        pLDDT per residue.
    maximum : float
        pLDDT of a perfect residue on this scale: 100 or 1.
    where : str
        What to call it in the message.

    Returns
    -------
    ndarray, shape (L,), float64
        0-100.

    Raises
    ------
    InvalidInput
        Another shape, numbers that are not finite or outside the scale, or evidently fractions on a scale of 100.
    """
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise InvalidInput(f"{where}: pLDDT must be one finite number per residue")
    if values.min() < 0 or values.max() > maximum:
        raise InvalidInput(
            f"{where}: {values.min():g} to {values.max():g} is no pLDDT of 0 to {maximum:g}",
            cure="Say that the B factors are no pLDDT (has_plddt=False), or give the scale (plddt_maximum).",
        )
    if maximum > 1 and values.max() <= 1:
        raise InvalidInput(
            f"{where}: all are 1 or less, so they are fractions or no pLDDT",
            cure="Give plddt_maximum=1 for fractions, has_plddt=False where the B factors are no pLDDT.",
        )
    return np.asarray(values, dtype=np.float64) * (100.0 / maximum)


def checked_pae(values: NDArray[np.floating], where: str) -> NDArray[np.float32]:
    """Check a predicted aligned error.

    Parameters
    ----------
    values : ndarray, shape (L, L)
        PAE in angstrom.
    where : str
        What to call it in the message.

    Returns
    -------
    ndarray, shape (L, L), float32
        The same numbers.

    Raises
    ------
    InvalidInput
        Another shape, or numbers that are negative or not finite.
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InvalidInput(f"{where}: PAE has the shape {values.shape}, not (residues, residues)")
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0:
        raise InvalidInput(f"{where}: PAE holds numbers that are negative or not finite")
    return np.asarray(values, dtype=np.float32)


def _fraction(value: object | None, where: str) -> float | None:
    if value is None:
        return None
    number = _array(value, where)
    if number.shape != () or not 0 <= number <= 1:
        raise InvalidInput(f"{where} is {value!r}, not a number from 0 to 1")
    return float(number)


def _array(value: object, where: str) -> NDArray[np.float64]:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{where} is not an array of numbers") from None


def _json_entries(path: Path, model: str | None) -> dict[str, object]:
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{path}:{error.lineno}: broken JSON ({error.msg})", cure="Copy or write it again."
        ) from None
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict) and model is not None and isinstance(content.get(model), dict):
        content = content[model]
    if not isinstance(content, dict):
        raise InvalidInput(f"{path}: a JSON {type(content).__name__}, not an object with scores")
    return content


def _npz_entries(path: Path) -> dict[str, object]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file", cure="Correct the path.") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{path}: broken npz ({error})", cure="Write it again with numpy.savez.") from None
