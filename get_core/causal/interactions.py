"""Known interactions between genes, and the pairs of motif clusters that they join."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.text import numbered_lines
from get_core.tf_pairs import UNKNOWN_FAMILIES

__all__ = ["Interactions", "interacting_motifs", "read_interactions", "related_motifs"]


@dataclass(frozen=True)
class Interactions:
    """Known interactions between genes, without direction.

    Parameters
    ----------
    pairs : frozenset of (str, str)
        Symbols of each pair in alphabetical order; a gene may interact with itself.
    n_lines : int
        Lines they were read from; repeated pairs count once.
    """

    pairs: frozenset[tuple[str, str]]
    n_lines: int


def read_interactions(path: str | Path, columns: tuple[str, str] = ("gene_a", "gene_b")) -> Interactions:
    """Read a table of interactions.

    Parameters
    ----------
    path : str or Path
        Tab-separated with a header, plain or gzipped; further columns are ignored.
    columns : tuple of str
        Names of the two columns with gene symbols.

    Returns
    -------
    Interactions

    Raises
    ------
    InvalidInput
        With file and line: no such column, a row of another width, or a gene without a name.
    """
    lines = numbered_lines(path)
    number, line = next(lines, (0, ""))
    if not number:
        raise InvalidInput(f"{path}: the file is empty", cure="begin with a header, for example gene_a and gene_b")
    header = [cell.strip() for cell in line.split("\t")]
    absent = [column for column in columns if column not in header]
    if absent or columns[0] == columns[1]:
        raise InvalidInput(
            f"{path}:{number}: the header has no column {absent[0]!r}" if absent else "both columns are the same one",
            cure=f"name the columns of the two genes; the header has {', '.join(header)}",
        )
    places = [header.index(column) for column in columns]
    pairs = list(_pairs(path, lines, places, len(header)))
    if not pairs:
        raise InvalidInput(f"{path}: no interaction follows the header")
    return Interactions(frozenset(pairs), len(pairs))


def interacting_motifs(genes_of: Sequence[Sequence[str]], interactions: Interactions) -> NDArray[np.bool_]:
    """Mark the pairs of motif clusters of which any TF of one interacts with any TF of the other.

    Parameters
    ----------
    genes_of : sequence of sequence of str (d,)
        TF genes of each cluster.
    interactions : Interactions
        What is known.

    Returns
    -------
    bool (d, d)
        Symmetric; False on the diagonal.
    """
    return _any_common(genes_of, interactions.pairs)


def related_motifs(genes_of: Sequence[Sequence[str]], families: Mapping[str, str]) -> NDArray[np.bool_]:
    """Mark the pairs of motif clusters that share a TF or a DNA-binding domain family.

    Such clusters have similar motifs, so their scores go together whatever the cell does, and TFs of one family
    often interact: the pairs that a benchmark gets for nothing.

    Parameters
    ----------
    genes_of : sequence of sequence of str (d,)
        TF genes of each cluster.
    families : mapping of gene to str
        Families; a missing or unknown one (``get_core.tf_pairs.UNKNOWN_FAMILIES``) equals no other.

    Returns
    -------
    bool (d, d)
        Symmetric; False on the diagonal.
    """
    known = {gene: family.strip() for gene, family in families.items()}
    labels = [
        {f"gene {gene}" for gene in genes}
        | {f"family {known[gene]}" for gene in genes if gene in known and known[gene].lower() not in UNKNOWN_FAMILIES}
        for genes in genes_of
    ]
    return _any_common(
        [sorted(label) for label in labels], frozenset((name, name) for label in labels for name in label)
    )


def _any_common(labels_of: Sequence[Sequence[str]], pairs: frozenset[tuple[str, str]]) -> NDArray[np.bool_]:
    """Mark the pairs (i, j) with a label of i and a label of j that `pairs` joins, in either order."""
    names = sorted({label for labels in labels_of for label in labels})
    number = {label: i for i, label in enumerate(names)}
    has = np.zeros((len(labels_of), len(names)), np.float32)
    for i, labels in enumerate(labels_of):
        has[i, [number[label] for label in labels]] = 1
    joined = np.zeros((len(names), len(names)), np.float32)
    for a, b in pairs:
        if a in number and b in number:
            joined[number[a], number[b]] = joined[number[b], number[a]] = 1
    marked = has @ joined @ has.T > 0
    np.fill_diagonal(marked, False)
    return marked


def _pairs(
    path: str | Path, lines: Iterator[tuple[int, str]], places: Sequence[int], width: int
) -> Iterator[tuple[str, str]]:
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != width:
            raise InvalidInput(f"{path}:{number}: {len(cells)} columns, but {width} in the header")
        first, second = sorted(cells[place] for place in places)
        if not first:
            raise InvalidInput(f"{path}:{number}: a gene without a name")
        yield first, second
