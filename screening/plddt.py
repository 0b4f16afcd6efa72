"""Per-residue pLDDT of a protein alone: predicted from its sequence, or read from a file."""

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.atom_columns import structure_suffix
from screening.confidences import read_confidences
from screening.errors import InvalidInput
from screening.prediction import read_prediction
from screening.proteins import check_accession, check_sequence

__all__ = ["HOMODIMER", "METAPREDICT_NETWORK", "PlddtProfile", "find_plddt", "predict_plddt", "read_plddt"]

HOMODIMER = "(homodimer)"
"""Ends the source of a pLDDT that was read from a homodimer; the GET paper takes that or AlphaFold DB's monomer."""

METAPREDICT_NETWORK = "V2"
"""metapredict's default pLDDT network since its version 3 (Lotthammer et al. 2024, doi 10.1101/2024.11.05.622168)."""


@dataclass(frozen=True, eq=False)
class PlddtProfile:
    """pLDDT of one protein and where it comes from.

    Attributes
    ----------
    values : ndarray, shape (L,), float64
        0-100.
    source : str
        Program and version, or file name.
    proxy : bool
        Predicted from the sequence, without a structure.
    """

    values: NDArray[np.float64]
    source: str
    proxy: bool

    def __post_init__(self) -> None:
        values = self.values
        if values.ndim != 1 or values.size == 0:
            raise InvalidInput(f"{self.source}: pLDDT of shape {values.shape}, not one number per residue")
        bad = np.flatnonzero(~((values >= 0) & (values <= 100)))
        if bad.size:
            raise InvalidInput(
                f"{self.source}: pLDDT of residue {bad[0] + 1} is {values[bad[0]]}, not a number from 0 to 100 "
                f"({bad.size} of {values.size} are not)"
            )


def predict_plddt(sequence: str) -> PlddtProfile:
    """Predict what pLDDT AlphaFold 2 would give a protein, with metapredict's network, on the CPU.

    Parameters
    ----------
    sequence : str
        One-letter sequence of length L, the 20 standard residues.

    Returns
    -------
    PlddtProfile
        L values, marked as a proxy.

    Raises
    ------
    InvalidInput
        Another letter in the sequence.
    """
    check_sequence(sequence, "sequence")
    from metapredict.meta import predict_pLDDT

    values = predict_pLDDT(sequence, pLDDT_version=METAPREDICT_NETWORK)
    return PlddtProfile(
        np.asarray(values, dtype=np.float64), f"metapredict {version('metapredict')} {METAPREDICT_NETWORK}", proxy=True
    )


def read_plddt(path: Path, sequence: str) -> PlddtProfile:
    """Read a protein's pLDDT.

    Parameters
    ----------
    path : Path
        Structure with pLDDT as B factors (PDB or mmCIF), or JSON with ``plddt`` (ColabFold) or ``confidenceScore``
        (AlphaFold DB); plain or gzipped. The structure is the protein alone or its homodimer.
    sequence : str
        The protein's sequence; the file must have as many residues and, where it has a sequence, this one.

    Returns
    -------
    PlddtProfile
        One value per residue, not a proxy. Of a homodimer it is the mean of the two chains, and the source ends with
        ``(homodimer)``.

    Raises
    ------
    InvalidInput
        The file is broken, has another length or sequence, more than two chains, or numbers outside 0-100.
    """
    source = path.name
    if structure_suffix(path) is None:
        values = read_confidences(path).plddt
    else:
        prediction = read_prediction(path)
        n_chains = len(prediction.sequences)
        if n_chains > 2 or len(set(prediction.sequences)) > 1:
            raise InvalidInput(
                f"{path}: {n_chains} chains, neither the protein alone nor its homodimer",
                cure="give a structure of the protein alone, or of two whole copies of it",
            )
        _check_same(prediction.sequences[0], sequence, path)
        values = prediction.plddt
        if values is not None and n_chains == 2:
            values, source = values.reshape(2, -1).mean(axis=0), f"{path.name} {HOMODIMER}"
    if values is None:
        raise InvalidInput(f"{path}: holds no pLDDT", cure="give the confidence or scores JSON, or the structure")
    if len(values) != len(sequence):
        raise InvalidInput(f"{path}: pLDDT of {len(values)} residues for a protein of {len(sequence)}")
    return PlddtProfile(values, source, proxy=False)


def find_plddt(folder: Path, accession: str) -> Path | None:
    """Find a protein's pLDDT file in a folder.

    Parameters
    ----------
    folder : Path
        Folder with files named as in AlphaFold DB (``AF-ACCESSION-F1-model_v4.cif`` or ``.pdb``,
        ``AF-ACCESSION-F1-confidence_v4.json``) or ``ACCESSION.cif``, ``.pdb``, ``.json``; each also with ``.gz``.
    accession : str
        The protein.

    Returns
    -------
    Path or None
        Structures before JSON, the highest AlphaFold DB version first; None where there is no such file.

    Raises
    ------
    InvalidInput
        The folder does not exist, or the accession is none.
    """
    check_accession(accession)
    if not folder.is_dir():
        raise InvalidInput(f"{folder}: no such folder", cure="correct the path of the pLDDT folder")
    name = re.compile(
        rf"(?:AF-{re.escape(accession)}-F1-(?:model|confidence)_v(?P<version>\d+)|{re.escape(accession)})"
        r"\.(?P<suffix>cif|pdb|json)(?:\.gz)?"
    )
    found = [(match, path) for path in sorted(folder.iterdir()) if (match := name.fullmatch(path.name))]
    if not found:
        return None

    def rank(item: tuple[re.Match[str], Path]) -> tuple[int, int, str]:
        match, path = item
        return ("cif", "pdb", "json").index(match["suffix"]), -int(match["version"] or 0), path.name

    return min(found, key=rank)[1]


def _check_same(found: str, expected: str, path: Path) -> None:
    """Refuse a file of another protein, naming the first difference."""
    if found == expected:
        return
    if len(found) != len(expected):
        raise InvalidInput(f"{path}: {len(found)} residues for a protein of {len(expected)}")
    at = next(i for i, (x, y) in enumerate(zip(found, expected, strict=True)) if x != y)
    raise InvalidInput(
        f"{path}: residue {at + 1} is {found[at]}, the protein's is {expected[at]}",
        cure="give the structure of this very sequence (isoforms differ)",
    )
