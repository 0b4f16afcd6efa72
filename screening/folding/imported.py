"""Predictions that another program has already made: find them in folders and by sequence."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from screening.errors import InvalidInput
from screening.prediction import Prediction, read_prediction, structure_suffix
from screening.text_file import read_text

__all__ = [
    "Found",
    "ImportedPredictions",
    "PredictionFiles",
    "find_predictions",
    "index_predictions",
    "prediction_files",
    "predictions",
]

_COLABFOLD = re.compile(r"(?P<job>.+)_(?P<kind>unrelaxed|relaxed)_rank_(?P<rank>\d+)_(?P<model>.+)")
_ALPHAFOLD = re.compile(r"(?P<kind>unrelaxed|relaxed)_(?P<model>model_\d+.*)")
_ALPHAFOLD_COPY = re.compile(r"ranked_\d+")
_SCORE_SUFFIXES = (".json", ".json.gz", ".npz")


@dataclass(frozen=True, order=True)
class PredictionFiles:
    """The files of one prediction.

    Attributes
    ----------
    structure : Path
        PDB or mmCIF.
    pae : Path or None
        Score file with the predicted aligned error.
    confidence : Path or None
        JSON file with ipTM and pTM, where `pae` has none.
    """

    structure: Path
    pae: Path | None = None
    confidence: Path | None = None

    def read(self, *, has_plddt: bool = True, plddt_maximum: float = 100.0) -> Prediction:
        """Read them.

        Parameters
        ----------
        has_plddt, plddt_maximum
            As `screening.prediction.read_prediction`.

        Returns
        -------
        Prediction
            Structure and confidences.

        Raises
        ------
        InvalidInput
            As `screening.prediction.read_prediction`.
        """
        return read_prediction(
            self.structure,
            self.pae,
            confidence=self.confidence,
            has_plddt=has_plddt,
            plddt_maximum=plddt_maximum,
        )


@dataclass(frozen=True)
class Found:
    """A prediction of two given sequences.

    Attributes
    ----------
    files : PredictionFiles
        The prediction.
    swapped : bool
        Its first chain is the second of the given sequences.
    """

    files: PredictionFiles
    swapped: bool


@dataclass(frozen=True, eq=False)
class ImportedPredictions:
    """Two-chain predictions by the sequences of their chains.

    Residue numbers in the files usually start at 1 in each chain, also for a segment: where the segment lies in its
    protein is not known here.

    Attributes
    ----------
    by_sequences : mapping of (str, str) to PredictionFiles
        Key is the sequence of the first chain, then of the second.
    other : tuple of (PredictionFiles, int)
        Files that do not have two chains, with their number of chains.
    """

    by_sequences: Mapping[tuple[str, str], PredictionFiles]
    other: tuple[tuple[PredictionFiles, int], ...]

    def find(self, sequence_a: str, sequence_b: str) -> Found | None:
        """Look for a prediction of two sequences, in either order of chains.

        Parameters
        ----------
        sequence_a, sequence_b : str
            One-letter sequences.

        Returns
        -------
        Found or None
            The prediction with the chains in this order before one with them swapped.
        """
        if files := self.by_sequences.get((sequence_a, sequence_b)):
            return Found(files, swapped=False)
        if files := self.by_sequences.get((sequence_b, sequence_a)):
            return Found(files, swapped=True)
        return None


def index_predictions(
    paths: Sequence[Path], *, progress: Callable[[int, int], None] | None = None
) -> ImportedPredictions:
    """Index predictions by the sequences of their chains.

    Parameters
    ----------
    paths : sequence of Path
        Folders (searched with everything below them) and structure files.
    progress : callable, optional
        Called with (done, total) after each structure.

    Returns
    -------
    ImportedPredictions
        Of several predictions with the same sequences, the first by path.

    Raises
    ------
    InvalidInput
        A path that does not exist, or a structure that cannot be read.
    """
    files = _files_of(paths)
    by_sequences: dict[tuple[str, str], PredictionFiles] = {}
    other: list[tuple[PredictionFiles, int]] = []
    for done, item in enumerate(files, start=1):
        # The B factors are not looked at: whoever reads the prediction says what they are.
        sequences = read_prediction(item.structure, has_plddt=False).sequences
        if len(sequences) == 2:
            by_sequences.setdefault((sequences[0], sequences[1]), item)
        else:
            other.append((item, len(sequences)))
        if progress:
            progress(done, len(files))
    return ImportedPredictions(MappingProxyType(by_sequences), tuple(other))


def predictions(paths: Sequence[Path], *, progress: Callable[[int, int], None] | None = None) -> list[Prediction]:
    """Read every prediction in folders and files.

    Parameters
    ----------
    paths : sequence of Path
        Folders (searched with everything below them) and structure files.
    progress : callable, optional
        Called with (done, total) after each structure.

    Returns
    -------
    list of Prediction
        Sorted by path.

    Raises
    ------
    InvalidInput
        A path that does not exist, or a file that cannot be read.
    """
    files = _files_of(paths)
    read: list[Prediction] = []
    for item in files:
        read.append(item.read())
        if progress:
            progress(len(read), len(files))
    return read


def find_predictions(folder: Path) -> tuple[PredictionFiles, ...]:
    """Find the predictions below a folder.

    Of a ColabFold job only rank 1 is taken, of a folder of AlphaFold-Multimer models only the one that its
    ``ranking_debug.json`` puts first (all where there is none), unrelaxed before relaxed; every other PDB or mmCIF file
    is a prediction of its own. A score file belongs to a structure by its name.

    Parameters
    ----------
    folder : Path
        Folder to search with everything below it.

    Returns
    -------
    tuple of PredictionFiles
        Sorted by path; the same folder gives the same result.

    Raises
    ------
    InvalidInput
        The folder does not exist, or a ``ranking_debug.json`` is broken.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder}: no such folder", cure="Correct the path.")
    structures: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and structure_suffix(path):
            structures.setdefault(path.parent, []).append(path)
    return tuple(sorted(files for parent, paths in structures.items() for files in _chosen(parent, paths)))


def prediction_files(structure: Path) -> PredictionFiles:
    """Attach the score files that belong to a structure by name.

    Parameters
    ----------
    structure : Path
        PDB or mmCIF file, named as ColabFold, AlphaFold-Multimer, AlphaFold DB or Boltz name theirs; of any other
        name, the scores are ``pae_NAME``, ``NAME`` or ``confidence_NAME`` with ``.json``, ``.json.gz`` or ``.npz``.

    Returns
    -------
    PredictionFiles
        With the score files that exist.
    """
    stem = _stem(structure)
    if match := _COLABFOLD.fullmatch(stem):
        pae, confidence = [f"{match['job']}_scores_rank_{match['rank']}_{match['model']}"], []
    elif match := _ALPHAFOLD.fullmatch(stem):
        pae, confidence = [f"pae_{match['model']}"], ["iptm_ptm"]
    else:
        database = re.sub(r"-model_(v\d+)$", r"-predicted_aligned_error_\1", stem)
        pae, confidence = [f"pae_{stem}", stem, *([database] if database != stem else [])], [f"confidence_{stem}"]

    def first(stems: Iterable[str]) -> Path | None:
        candidates = (structure.with_name(name + suffix) for name in stems for suffix in _SCORE_SUFFIXES)
        return next((path for path in candidates if path.is_file()), None)

    return PredictionFiles(structure, first(pae), first(confidence))


def _files_of(paths: Sequence[Path]) -> list[PredictionFiles]:
    files: set[PredictionFiles] = set()
    for path in paths:
        if path.is_dir():
            files.update(find_predictions(path))
        elif path.is_file():
            files.add(prediction_files(path))
        else:
            raise InvalidInput(f"{path}: no such file or folder", cure="Correct the path.")
    return sorted(files)


def _stem(path: Path) -> str:
    return path.name.removesuffix(structure_suffix(path) or "")


def _chosen(parent: Path, paths: Iterable[Path]) -> list[PredictionFiles]:
    """Choose the predictions among the structures of one folder."""
    best: dict[str, Path] = {}
    models: dict[str, Path] = {}
    copies: list[Path] = []
    plain: list[Path] = []
    for path in paths:
        stem = _stem(path)
        if match := _COLABFOLD.fullmatch(stem):
            if int(match["rank"]) == 1 and (match["kind"] == "unrelaxed" or match["job"] not in best):
                best[match["job"]] = path
        elif match := _ALPHAFOLD.fullmatch(stem):
            if match["kind"] == "unrelaxed" or match["model"] not in models:
                models[match["model"]] = path
        elif _ALPHAFOLD_COPY.fullmatch(stem):
            copies.append(path)
        else:
            plain.append(path)
    order = _alphafold_order(parent) if models else []
    first = next((models[name] for name in order if name in models), None)
    # AlphaFold writes each model a second time, as ranked_N; those count only where the models themselves are gone.
    return [prediction_files(p) for p in [*best.values(), *([first] if first else models.values() or copies), *plain]]


def _alphafold_order(parent: Path) -> list[str]:
    path = parent / "ranking_debug.json"
    if not path.is_file():
        return []
    try:
        order = json.loads(read_text(path))["order"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise InvalidInput(f"{path}: no list 'order' of models", cure="Copy it again or delete it.") from None
    return [str(name) for name in order]
