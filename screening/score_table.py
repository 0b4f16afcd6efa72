"""Scores of prediction files as a table: one row for each pair of chains, or for each file that cannot be scored."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from screening.errors import InvalidInput, failure_of
from screening.prediction_files import PredictionFiles, files_of
from screening.scores import InterfaceScores, score_pairs, score_prediction

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SHORT_COLUMNS", "ScoreRow", "score_files", "table_of"]

ScoreRow = dict[str, str | int | float | None]

_LARGER_OF_BOTH = {name: (f"{name}_a", f"{name}_b") for name in ("pdockq2", "pdockq2_zhu2023")} | {
    name: (f"{name}_ab", f"{name}_ba") for name in ("ipsae", "ipsae10", "reactifptm", "iptm_d0chn")
}
_MEAN_OF_BOTH = {name: (f"{name}_ab", f"{name}_ba") for name in ("lis", "lia", "clis", "clia", "ilis")}
SHORT_COLUMNS = (
    *("file", "chain_a", "chain_b", "n_contacts", "interface_plddt", "pdockq", "pdockq2", "iptm", "ipsae", "lis"),
    "min_ipae",
)
"""What fits in a window."""


def score_files(
    paths: Sequence[Path],
    *,
    chains: tuple[str, str] | None = None,
    has_plddt: bool = True,
    plddt_maximum: float = 100.0,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[ScoreRow]:
    """Score predictions of any program.

    Parameters
    ----------
    paths : sequence of Path
        Folders, searched with everything below them for the best model of each job, and structure files.
    chains : (str, str), optional
        Only this pair of chains; every pair by default.
    has_plddt, plddt_maximum
        As `screening.prediction.read_prediction`.
    progress : callable, optional
        Called with (done, total) after each prediction.

    Yields
    ------
    dict
        ``file``, ``pae_file``, ``chain_a``, ``chain_b``, ``length_a``, ``length_b``, the fields of `InterfaceScores`,
        the larger or the mean of both directions where a metric has two, ``error``: None, or why the file has no
        scores, which are then None as well, and ``cure``: what mends that, where it is known.
    """
    found: list[PredictionFiles | tuple[Path, Exception]] = []
    for path in paths:
        try:
            here = files_of([path])
            if not here:
                raise InvalidInput(f"{path}: no PDB or mmCIF file there", cure="name the folder that holds them")
            found += here
        except (ValueError, OSError) as error:
            found.append((path, error))
    unique = list(dict.fromkeys(found))
    for done, item in enumerate(unique, start=1):
        if isinstance(item, PredictionFiles):
            yield from _rows(item, chains, has_plddt, plddt_maximum)
        else:
            yield _failed(*item)
        if progress:
            progress(done, len(unique))


def table_of(rows: Sequence[ScoreRow], columns: Sequence[str] | None = None) -> "pa.Table":
    """Return rows as an Arrow table with the types of their columns, also where every value is missing.

    Parameters
    ----------
    rows : sequence of dict
        As `score_files` yields them.
    columns : sequence of str, optional
        All by default.
    """
    import pyarrow as pa

    names = columns or tuple(_empty())
    return pa.table({name: pa.array([row[name] for row in rows], _arrow_type(name)) for name in names})


def _rows(
    files: PredictionFiles, chains: tuple[str, str] | None, has_plddt: bool, plddt_maximum: float
) -> list[ScoreRow]:
    try:
        prediction = files.read(has_plddt=has_plddt, plddt_maximum=plddt_maximum)
        scored = [(*chains, score_prediction(prediction, chains))] if chains else score_pairs(prediction)
    except (ValueError, OSError, MemoryError) as error:
        return [_failed(files.structure, error)]
    length = {name: len(seq) for name, seq in zip(prediction.chain_ids, prediction.sequences, strict=True)}
    rows: list[ScoreRow] = []
    for a, b, scores in scored:
        values: ScoreRow = asdict(scores)
        for name, (first, second) in _LARGER_OF_BOTH.items():
            x, y = getattr(scores, first), getattr(scores, second)
            values[name] = None if x is None or y is None else max(x, y)
        for name, (first, second) in _MEAN_OF_BOTH.items():
            x, y = getattr(scores, first), getattr(scores, second)
            values[name] = None if x is None or y is None else (x + y) / 2
        place: ScoreRow = {
            "file": str(files.structure),
            "pae_file": str(files.pae) if files.pae else None,
            "chain_a": a,
            "chain_b": b,
            "length_a": length[a],
            "length_b": length[b],
        }
        rows.append({**_empty(), **place, **values})
    return rows


def _failed(path: Path, error: Exception) -> ScoreRow:
    failure = failure_of(error)
    return {**_empty(), "file": str(path), "error": f"{failure.kind}: {failure.message}", "cure": failure.cure or None}


def _empty() -> ScoreRow:
    names = ["file", "pae_file", "chain_a", "chain_b", "length_a", "length_b"]
    names += [*_LARGER_OF_BOTH, *_MEAN_OF_BOTH, *(field.name for field in fields(InterfaceScores)), "error", "cure"]
    return dict.fromkeys(names)


def _arrow_type(name: str) -> "pa.DataType":
    import pyarrow as pa

    if name in ("file", "pae_file", "chain_a", "chain_b", "error", "cure"):
        return pa.string()
    whole = {field.name for field in fields(InterfaceScores) if "int" in str(field.type)}
    return pa.int64() if name in whole or name.startswith("length_") else pa.float64()
