"""Confidences that a folding program writes beside a structure: PAE, pLDDT, ipTM, pTM, actifpTM.

One function per format reads its entries; which one applies is told by the entries, not by the file's name.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.errors import InvalidInput
from screening.text_file import read_text

__all__ = ["Confidences", "checked_pae", "checked_plddt", "read_confidences"]

PAE_STEPS_PER_ANGSTROM = 1000
"""Steps of the PAE that this platform stores as 16-bit integers: its largest error is 0.0005 angstrom."""


@dataclass(frozen=True, eq=False)
class Confidences:
    """What a score file holds beside the structure; None where it does not.

    Attributes
    ----------
    pae : ndarray, shape (T, T), float32, or None
        Predicted aligned error in angstrom, row = aligned, column = scored; T tokens, which are residues unless the
        complex has nucleic acids, ligands or modified residues.
    plddt : ndarray, shape (L,), float64, or None
        Per residue, 0-100.
    iptm, ptm : float or None
        Of the whole complex, 0-1.
    actifptm : float or None
        ipTM of the interface alone, from the program's logits and contact probabilities, 0-1.
    pair_iptm, pair_actifptm : mapping of (int, int) to float
        ipTM and actifpTM of pairs of chains, counted from 0 in file order; empty where they are not given.
    token_chains : tuple of str or None
        Chain of each token, where the program says so.
    """

    pae: NDArray[np.float32] | None = None
    plddt: NDArray[np.float64] | None = None
    iptm: float | None = None
    ptm: float | None = None
    actifptm: float | None = None
    pair_iptm: Mapping[tuple[int, int], float] = field(default_factory=dict)
    pair_actifptm: Mapping[tuple[int, int], float] = field(default_factory=dict)
    token_chains: tuple[str, ...] | None = None


def read_confidences(path: Path, *, model: str | None = None) -> Confidences:
    """Read what a score file has.

    Known are ColabFold's scores JSON, the PAE, confidence and ipTM JSON of AlphaFold 2 and its database, the full and
    the summary JSON of AlphaFold 3 and its server, the npz and JSON of Boltz, and this platform's own npz.

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
        The file is missing, broken or a pickle, has none of these, or holds numbers not finite or out of range.
    """
    if path.suffix in (".pkl", ".pickle"):
        raise InvalidInput(
            f"{path}: a pickle, which can hold a program and is never read",
            cure="name the JSON that the program wrote beside it, such as pae_model_*.json",
        )
    entries = _npz_entries(path) if path.suffix == ".npz" else _json_entries(path, model)
    parse = next((parse for marks, parse in _FORMATS if marks & entries.keys()), _colabfold)
    confidences = parse(entries, str(path))
    if all(value is None for value in (confidences.pae, confidences.plddt, confidences.iptm, confidences.ptm)):
        raise InvalidInput(
            f"{path}: holds no PAE, pLDDT, ipTM or pTM", cure="name the score file that belongs to the structure"
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
    if values.ndim != 1 or values.size == 0:
        raise InvalidInput(f"{where}: pLDDT has the shape {values.shape}, not one finite number per residue")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InvalidInput(
            f"{where}: pLDDT of residue {bad[0] + 1} is {values[bad[0]]}: {bad.size} of {values.size} are not finite"
        )
    if values.min() < 0 or values.max() > maximum:
        raise InvalidInput(
            f"{where}: {values.min():g} to {values.max():g} is no pLDDT of 0 to {maximum:g}",
            cure="say that the B factors are no pLDDT (--no-plddt; in Python has_plddt=False), or give the scale "
            "(--plddt-maximum)",
        )
    if maximum > 1 and values.max() <= 1:
        raise InvalidInput(
            f"{where}: all are 1 or less, so they are fractions or no pLDDT",
            cure="--plddt-maximum 1 for fractions, --no-plddt where the B factors are no pLDDT (in Python "
            "plddt_maximum=1, has_plddt=False)",
        )
    return np.asarray(values, dtype=np.float64) * (100.0 / maximum)


def checked_pae(values: NDArray[np.floating], where: str) -> NDArray[np.float32]:
    """Check a predicted aligned error.

    Parameters
    ----------
    values : ndarray, shape (T, T)
        PAE in angstrom.
    where : str
        What to call it in the message.

    Returns
    -------
    ndarray, shape (T, T), float32
        The same numbers.

    Raises
    ------
    InvalidInput
        Another shape, or numbers that are negative or not finite.
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InvalidInput(f"{where}: PAE has the shape {values.shape}, not (residues, residues)")
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InvalidInput(
            f"{where}: PAE of residues {row + 1} and {column + 1} is {values[row, column]}: "
            f"{int(wrong.sum())} of {values.size} numbers are negative or not finite"
        )
    return np.asarray(values, dtype=np.float32)


_Entries = Mapping[str, object]


def _colabfold(entries: _Entries, where: str) -> Confidences:
    """Scores JSON of ColabFold; with ``--calc-extra-ptm`` it also has actifpTM and the ipTM of pairs of chains."""
    return Confidences(
        pae=_pae(entries.get("pae"), where),
        plddt=_plddt(entries.get("plddt"), where),
        iptm=_optional_fraction(entries.get("iptm"), f"{where}: iptm"),
        ptm=_optional_fraction(entries.get("ptm"), f"{where}: ptm"),
        actifptm=_optional_fraction(entries.get("actifptm"), f"{where}: actifptm"),
        pair_iptm=_lettered(entries.get("pairwise_iptm"), f"{where}: pairwise_iptm"),
        pair_actifptm=_lettered(entries.get("pairwise_actifptm"), f"{where}: pairwise_actifptm"),
    )


def _alphafold(entries: _Entries, where: str) -> Confidences:
    """PAE JSON and confidence JSON of AlphaFold 2, AlphaFold-Multimer and AlphaFold DB."""
    return Confidences(
        pae=_pae(entries.get("predicted_aligned_error"), where), plddt=_plddt(entries.get("confidenceScore"), where)
    )


def _alphafold_list(entries: _Entries, where: str) -> Confidences:
    """PAE JSON of the first releases of AlphaFold DB, AlphaFold's notebook and ColabFold: one entry for each pair."""
    aligned, scored, pae = (
        _array(entries.get(name), f"{where}: {name}").ravel() for name in ("residue1", "residue2", "distance")
    )
    length = round(pae.size**0.5)
    row, column = np.indices((length, length)).reshape(2, -1) + 1
    if pae.size != length**2 or not (np.array_equal(aligned, row) and np.array_equal(scored, column)):
        raise InvalidInput(f"{where}: residue1 and residue2 do not name all pairs of residues, row by row")
    return Confidences(pae=checked_pae(pae.reshape(length, length), where))


def _alphafold3(entries: _Entries, where: str) -> Confidences:
    """Full or summary JSON of AlphaFold 3; its pLDDT is per atom and is read from the structure instead."""
    tokens = entries.get("token_chain_ids")
    matrix = entries.get("chain_pair_iptm")
    pairs: dict[tuple[int, int], float] = {}
    for i, row in enumerate(matrix if isinstance(matrix, list) else ()):
        for j, value in enumerate(row if isinstance(row, list) else ()):
            if value is not None:  # undefined for chains of ions
                pairs[i, j] = _fraction(value, f"{where}: chain_pair_iptm of chains {i + 1} and {j + 1}")
    return Confidences(
        pae=_pae(entries.get("pae"), where),
        iptm=_optional_fraction(entries.get("iptm"), f"{where}: iptm"),
        ptm=_optional_fraction(entries.get("ptm"), f"{where}: ptm"),
        pair_iptm=pairs,
        token_chains=tuple(map(str, tokens)) if isinstance(tokens, list) else None,
    )


def _boltz_summary(entries: _Entries, where: str) -> Confidences:
    """Confidence JSON of Boltz."""
    pairs = {
        (_index(i, where), _index(j, where)): _fraction(value, f"{where}: pair_chains_iptm {i} {j}")
        for i, row in _object(entries.get("pair_chains_iptm"), f"{where}: pair_chains_iptm").items()
        for j, value in _object(row, f"{where}: pair_chains_iptm {i}").items()
    }
    return Confidences(
        iptm=_optional_fraction(entries.get("iptm"), f"{where}: iptm"),
        ptm=_optional_fraction(entries.get("ptm"), f"{where}: ptm"),
        pair_iptm=pairs,
    )


def _platform(entries: _Entries, where: str) -> Confidences:
    """PAE as this platform stores it (`screening.model_file.write_pae`)."""
    steps = entries["pae_milliangstrom"]
    if not isinstance(steps, np.ndarray) or steps.dtype != np.uint16:
        raise InvalidInput(f"{where}: pae_milliangstrom is not an array of uint16", cure="copy or write it again")
    return Confidences(pae=checked_pae(steps / float(PAE_STEPS_PER_ANGSTROM), where))


_FORMATS: tuple[tuple[frozenset[str], Callable[[_Entries, str], Confidences]], ...] = (
    (frozenset({"pae_milliangstrom"}), _platform),
    (frozenset({"token_chain_ids", "chain_pair_iptm", "atom_plddts"}), _alphafold3),
    (frozenset({"pair_chains_iptm", "complex_plddt"}), _boltz_summary),
    (frozenset({"predicted_aligned_error", "confidenceScore"}), _alphafold),
    (frozenset({"residue1", "residue2"}), _alphafold_list),
)
"""Entries that only one format has. What has none of them is read as ColabFold's, whose names others use as well:
AlphaFold-Multimer's ``iptm`` and ``ptm``, Boltz's npz with ``pae``."""


def _pae(value: object | None, where: str) -> NDArray[np.float32] | None:
    return None if value is None else checked_pae(_array(value, f"{where}: PAE"), where)


def _plddt(value: object | None, where: str) -> NDArray[np.float64] | None:
    return None if value is None else checked_plddt(_array(value, f"{where}: pLDDT"), 100.0, where)


def _optional_fraction(value: object | None, where: str) -> float | None:
    return None if value is None else _fraction(value, where)


def _fraction(value: object, where: str) -> float:
    number = _array(value, where)
    if number.shape != () or not 0 <= number <= 1:
        raise InvalidInput(f"{where} is {value!r}, not a number from 0 to 1")
    return float(number)


def _lettered(value: object | None, where: str) -> dict[tuple[int, int], float]:
    """Values of pairs of chains that are named ``A-B``."""
    pairs: dict[tuple[int, int], float] = {}
    for name, number in _object(value, where).items():
        if not re.fullmatch("[A-Z]-[A-Z]", name):
            raise InvalidInput(f"{where}: {name!r} is no pair of chains")
        pairs[ord(name[0]) - ord("A"), ord(name[2]) - ord("A")] = _fraction(number, f"{where} {name}")
    return pairs


def _index(text: str, where: str) -> int:
    if not text.isdecimal():
        raise InvalidInput(f"{where}: {text!r} is no index of a chain")
    return int(text)


def _object(value: object | None, where: str) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} is a JSON {type(value).__name__}, not an object")
    return value


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
        raise InvalidInput(f"{path}:{error.lineno}: broken JSON ({error.msg})", cure="copy or write it again") from None
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
        raise InvalidInput(f"{path}: no such file", cure="correct the path") from None
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        size = path.stat().st_size
        raise InvalidInput(f"{path}: broken npz of {size} bytes ({error})", cure="copy or write it again") from None
