"""The store of the published web demo: a cell type in a few files that share its number.

``ID.watac.npz`` holds scores of P peaks × 283 features as a sparse matrix (scipy), the last of them accessibility;
``ID.csv`` the peaks; ``ID.exp.npy`` (P, 2) expression per strand, log10(TPM + 1); ``ID.tss.npy`` (P, 2) whether a
transcription starts there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.atlas import Atlas
from get_core.errors import InvalidInput
from get_core.tables import chromosome_ranks
from get_core.text import numbered_lines

__all__ = ["read_demo"]

COLUMNS = ("Chromosome", "Start", "End")


def read_demo(folder: str | Path, ids: Sequence[str], names: Sequence[str] | None = None) -> Atlas:
    """Read cell types of the published demo.

    Cell types of the demo have peaks of their own; the atlas has all of them, and a cell type is closed at the peaks
    of the others.

    Parameters
    ----------
    folder : str or Path
        Where the files lie.
    ids : sequence of str
        Numbers of the cell types, as in the names of the files.
    names : sequence of str, optional
        What to call them; their numbers by default.

    Returns
    -------
    Atlas

    Raises
    ------
    InvalidInput
        A file is missing, damaged or of another length than the others.
    """
    from get_core.motifs import clusters

    folder, motifs = Path(folder), clusters()
    names = ids if names is None else names
    if not ids or len(names) != len(ids):
        raise InvalidInput(f"{len(ids)} cell types with {len(names)} names; give one name for each of at least one")
    parts = [_cell_type(folder, each, len(motifs) + 1) for each in ids]
    chrom = np.concatenate([part.chrom for part in parts])
    keys = np.rec.fromarrays(
        [chromosome_ranks(chrom), *(np.concatenate([getattr(p, e) for p in parts]) for e in ("start", "end"))]
    )
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    count = len(first)
    scores = np.zeros((count, len(motifs)), np.float32)
    level, labels = np.zeros((len(ids), count), np.float32), np.zeros((len(ids), count, 2), np.float32)
    begin = 0
    for row, part in enumerate(parts):
        rows = place[begin : begin + len(part.chrom)]
        begin += len(part.chrom)
        scores[rows] = np.maximum(scores[rows], part.features[:, :-1])
        level[row, rows] = part.features[:, -1]
        labels[row, rows] = part.expression
    return Atlas(
        chrom=chrom[first],
        start=np.concatenate([part.start for part in parts])[first],
        end=np.concatenate([part.end for part in parts])[first],
        motifs=motifs,
        scores=scores,
        cell_types=tuple(names),
        accessibility=level,
        expression_labels=labels,
        genes=(),
        gene_expression=np.zeros((len(ids), 0), np.float32),
        expression_unit="",
        accessibility_kind="binary" if np.isin(level, (0, 1)).all() else "measured",
        simulated=False,
        definitions={"source": "store of the published demo", "scores": "as stored, the larger where peaks are shared"},
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One cell type as stored."""

    chrom: NDArray[np.str_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    features: NDArray[np.float32]
    expression: NDArray[np.float32]


def _cell_type(folder: Path, each: str, width: int) -> _Part:
    from scipy.sparse import load_npz

    if not each or "/" in each or each.startswith("."):
        raise InvalidInput(f"{each!r} is no number of a cell type")
    matrix, peaks, expression = (folder / f"{each}.{end}" for end in ("watac.npz", "csv", "exp.npy"))
    for path in (matrix, peaks, expression):
        if not path.is_file():
            raise InvalidInput(f"{path}: no such file", cure="give the folder with ID.watac.npz, ID.csv and ID.exp.npy")
    try:
        features = load_npz(matrix).toarray().astype(np.float32)
        levels = np.load(expression, allow_pickle=False).astype(np.float32)
    except Exception as error:
        # The readers raise many types on damaged bytes; none of them may reach the user as a traceback.
        raise InvalidInput(f"{matrix} or {expression}: cannot be read: {type(error).__name__}: {error}") from error
    chrom, start, end = _peaks(peaks)
    if features.shape != (len(chrom), width) or levels.shape != (len(chrom), 2):
        raise InvalidInput(
            f"{matrix}: {features.shape} scores and {levels.shape} expression for {len(chrom)} peaks; expected "
            f"({len(chrom)}, {width}) and ({len(chrom)}, 2)"
        )
    return _Part(chrom, start, end, features, levels)


def _peaks(path: Path) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.int64]]:
    lines = numbered_lines(path)
    number, header = next(lines, (1, ""))
    titles = [title.strip().strip('"') for title in header.split(",")]
    if not set(COLUMNS) <= set(titles):
        raise InvalidInput(f"{path}:{number}: no columns {', '.join(COLUMNS)}")
    columns = [titles.index(name) for name in COLUMNS]
    chrom: list[str] = []
    ends: list[tuple[int, int]] = []
    for number, line in lines:
        cells = line.split(",")
        try:
            name, start, end = (cells[column].strip().strip('"') for column in columns)
            ends.append((int(start), int(end)))
        except (IndexError, ValueError):
            raise InvalidInput(f"{path}:{number}: not a peak: {line[:80]!r}") from None
        chrom.append(name)
    both = np.array(ends, np.int64).reshape(-1, 2)
    return np.array(chrom, np.str_), both[:, 0], both[:, 1]
