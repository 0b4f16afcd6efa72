"""Predictions that another program has already made, by the sequences of their chains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from screening.prediction_files import PredictionFiles, files_of
from screening.structure_file import read_structure

__all__ = ["Found", "ImportedPredictions", "index_predictions"]


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
    files = files_of(paths)
    by_sequences: dict[tuple[str, str], PredictionFiles] = {}
    other: list[tuple[PredictionFiles, int]] = []
    for done, item in enumerate(files, start=1):
        sequences = read_structure(item.structure).sequences
        if len(sequences) == 2:
            by_sequences.setdefault((sequences[0], sequences[1]), item)
        else:
            other.append((item, len(sequences)))
        if progress:
            progress(done, len(files))
    return ImportedPredictions(MappingProxyType(by_sequences), tuple(other))
