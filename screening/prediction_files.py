"""Which files are a prediction: the folders and names that ColabFold, AlphaFold 2 and 3 and Boltz write."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screening.atom_columns import structure_suffix
from screening.errors import InvalidInput
from screening.prediction import Prediction, read_prediction
from screening.text_file import read_text

__all__ = ["PredictionFiles", "files_of", "find_predictions", "prediction_files"]

_COLABFOLD = re.compile(r"(?P<job>.+)_(?P<kind>unrelaxed|relaxed)_rank_(?P<rank>\d+)_(?P<model>.+)")
_ALPHAFOLD = re.compile(r"(?P<kind>unrelaxed|relaxed)_(?P<model>model_\d+.*)")
_ALPHAFOLD_COPY = re.compile(r"ranked_\d+")
_ALPHAFOLD3 = re.compile(r"(?P<prefix>(?:.+_)?)model")
_ALPHAFOLD3_SAMPLE = re.compile(r"seed-\d+_sample-\d+")
# Boltz and the AlphaFold server write the best model as number 0.
_NUMBERED = re.compile(r"(?P<job>.+)_model_(?P<rank>\d+)")
_DATABASE = re.compile(r"(?P<entry>.+)-model_(?P<version>v\d+)")
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


def find_predictions(folder: Path) -> tuple[PredictionFiles, ...]:
    """Find the predictions below a folder.

    Of each job only the best model by its own program's ranking is taken: rank 1 of ColabFold; the model that
    ``ranking_debug.json`` puts first of AlphaFold-Multimer (all where there is none); the model above the folders
    ``seed-N_sample-N`` of AlphaFold 3 (all samples where there is none); number 0 of the AlphaFold server and of Boltz.
    Unrelaxed comes before relaxed. Every other PDB or mmCIF file is a prediction of its own. A score file belongs to a
    structure by its name.

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
        raise InvalidInput(f"{folder}: no such folder", cure="correct the path")
    structures: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if structure_suffix(path) and path.is_file():
            structures.setdefault(path.parent, []).append(path)
    return tuple(
        sorted(
            files
            for parent, paths in structures.items()
            if not _is_copied_sample(parent, structures.get(parent.parent, ()))
            for files in _chosen(parent, paths)
        )
    )


def prediction_files(structure: Path) -> PredictionFiles:
    """Attach the score files that belong to a structure by name.

    Parameters
    ----------
    structure : Path
        PDB or mmCIF file, named as ColabFold, AlphaFold-Multimer, AlphaFold 3, its server, AlphaFold DB or Boltz name
        theirs; of any other name, the scores are ``pae_NAME``, ``NAME`` or ``confidence_NAME`` with ``.json``,
        ``.json.gz`` or ``.npz``.

    Returns
    -------
    PredictionFiles
        With the score files that exist.
    """
    stem = _stem(structure)
    pae, confidence = [f"pae_{stem}", stem], [f"confidence_{stem}"]
    if match := _COLABFOLD.fullmatch(stem):
        pae, confidence = [f"{match['job']}_scores_rank_{match['rank']}_{match['model']}"], []
    elif match := _ALPHAFOLD.fullmatch(stem):
        pae, confidence = [f"pae_{match['model']}"], ["iptm_ptm"]
    elif match := _NUMBERED.fullmatch(stem):
        pae.append(f"{match['job']}_full_data_{match['rank']}")
        confidence.append(f"{match['job']}_summary_confidences_{match['rank']}")
    elif match := _ALPHAFOLD3.fullmatch(stem):
        pae.insert(0, f"{match['prefix']}confidences")
        confidence.insert(0, f"{match['prefix']}summary_confidences")
    elif match := _DATABASE.fullmatch(stem):
        pae.append(f"{match['entry']}-predicted_aligned_error_{match['version']}")

    def first(stems: Iterable[str]) -> Path | None:
        candidates = (structure.with_name(name + suffix) for name in stems for suffix in _SCORE_SUFFIXES)
        return next((path for path in candidates if path.is_file()), None)

    return PredictionFiles(structure, first(pae), first(confidence))


def files_of(paths: Sequence[Path]) -> list[PredictionFiles]:
    """Find the predictions in folders and files.

    Parameters
    ----------
    paths : sequence of Path
        Folders, as `find_predictions`, and structure files.

    Returns
    -------
    list of PredictionFiles
        Sorted by path, each once.

    Raises
    ------
    InvalidInput
        A path that does not exist, or as `find_predictions`.
    """
    files: set[PredictionFiles] = set()
    for path in paths:
        if path.is_dir():
            files.update(find_predictions(path))
        elif path.is_file():
            files.add(prediction_files(path))
        else:
            raise InvalidInput(f"{path}: no such file or folder", cure="correct the path")
    return sorted(files, key=lambda item: item.structure)


def _stem(path: Path) -> str:
    return path.name.removesuffix(structure_suffix(path) or "")


def _is_copied_sample(folder: Path, above: Sequence[Path]) -> bool:
    """Whether a folder is a sample of AlphaFold 3, the best of which lies as a copy in the folder above."""
    return bool(_ALPHAFOLD3_SAMPLE.search(folder.name)) and any(_ALPHAFOLD3.fullmatch(_stem(path)) for path in above)


def _chosen(parent: Path, paths: Iterable[Path]) -> list[PredictionFiles]:
    """Choose the predictions among the structures of one folder."""
    best: dict[str, Path] = {}
    models: dict[str, Path] = {}
    numbered: dict[str, tuple[int, Path]] = {}
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
        elif match := _NUMBERED.fullmatch(stem):
            numbered[match["job"]] = min(
                numbered.get(match["job"], (int(match["rank"]), path)), (int(match["rank"]), path)
            )
        elif _ALPHAFOLD_COPY.fullmatch(stem):
            copies.append(path)
        else:
            plain.append(path)
    order = _alphafold_order(parent) if models else []
    first = next((models[name] for name in order if name in models), None)
    # AlphaFold writes each model a second time, as ranked_N; those count only where the models themselves are gone.
    alphafold = [first] if first else list(models.values()) or copies
    return [prediction_files(p) for p in [*best.values(), *alphafold, *(p for _, p in numbered.values()), *plain]]


def _alphafold_order(parent: Path) -> list[str]:
    path = parent / "ranking_debug.json"
    if not path.is_file():
        return []
    try:
        order = json.loads(read_text(path))["order"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise InvalidInput(f"{path}: no list 'order' of models", cure="copy it again or delete it") from None
    return [str(name) for name in order]
