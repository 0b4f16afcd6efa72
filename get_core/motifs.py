"""DNA sequences → motif-cluster scores, and which genes stand behind each cluster.

GET describes a region by 282 numbers, one per cluster of similar motifs (Vierstra et al. 2020, doi
10.1038/s41586-020-2528-x, clustering v1.0): the summed scores of the cluster's hits that do not overlap one another.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["BACKGROUND", "MotifLibrary", "clusters", "clusters_of", "genes_of", "read_meme", "scan"]

LETTERS = "ACGT"

BACKGROUND = (0.2977, 0.2023, 0.2023, 0.2977)
"""Frequencies of A, C, G, T in the MOODS scanner of GET's own library (gcell, dna/motif.py, prepare_scanner)."""


@cache
def _cluster_genes() -> dict[str, tuple[str, ...]]:
    table = (files("get_core") / "data" / "motif_clusters_v1.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {cluster: tuple(genes.split(",")) for cluster, genes in rows[1:]}


def clusters() -> tuple[str, ...]:
    """Names of the 282 motif clusters in GET's feature order.

    Returns
    -------
    tuple[str, ...]
        For example ``KLF/SP/2`` or ``Ebox/CACCTG``.
    """
    return tuple(_cluster_genes())


def genes_of(cluster: str) -> list[str]:
    """Genes whose motifs a cluster holds.

    Parameters
    ----------
    cluster : str
        One of `clusters`.

    Returns
    -------
    list[str]
        HGNC symbols, sorted; at least one.

    Raises
    ------
    InvalidInput
        There is no such cluster.
    """
    genes = _cluster_genes().get(cluster)
    if genes is None:
        close = difflib.get_close_matches(cluster, clusters(), n=3)
        cure = f"Did you mean {' or '.join(close)}?" if close else "get_core.motifs.clusters() lists them all."
        raise InvalidInput(f"no motif cluster is called {cluster!r}", cure=cure)
    return list(genes)


def clusters_of(gene: str) -> list[str]:
    """Clusters that hold a motif of a gene.

    Parameters
    ----------
    gene : str
        HGNC symbol.

    Returns
    -------
    list[str]
        In feature order; empty for a gene without a motif.
    """
    return [cluster for cluster, genes in _cluster_genes().items() if gene in genes]


@dataclass(frozen=True)
class MotifLibrary:
    """Motifs and the cluster each belongs to.

    Parameters
    ----------
    names : tuple[str, ...]
        Unique names of the m motifs.
    clusters : tuple[str, ...]
        Cluster of each motif, m entries.
    matrices : tuple of (w, 4) float64
        Probabilities of A, C, G, T at each of the motif's w positions.
    """

    names: tuple[str, ...]
    clusters: tuple[str, ...]
    matrices: tuple[NDArray[np.float64], ...]

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """Clusters in the order of the columns of `scan`: sorted, which is GET's own order for its 282."""
        return tuple(sorted(set(self.clusters)))


def read_meme(path: str | Path) -> MotifLibrary:
    """Read a motif library in MEME format, version 4.

    Parameters
    ----------
    path : str or Path
        Text, plain or gzipped. ``MOTIF name cluster``; a motif without the second name is its own cluster.

    Returns
    -------
    MotifLibrary
        The motifs in file order.

    Raises
    ------
    InvalidInput
        Not a MEME file of DNA motifs, or a matrix that is incomplete or not made of probabilities.
    """
    matrices: dict[str, NDArray[np.float64]] = {}
    cluster: dict[str, str] = {}
    name = ""
    lines = numbered_lines(path)
    number, line = next(lines, (1, ""))
    if not line.startswith("MEME version"):
        raise InvalidInput(f"{path}:{number}: does not begin with 'MEME version'", cure="Give a MEME motif file.")
    for number, line in lines:
        words = line.split()
        if words[0] == "ALPHABET=" and words[1:] != [LETTERS]:
            raise InvalidInput(f"{path}:{number}: the alphabet is {line[9:].strip()}, not {LETTERS}")
        if words[0] == "MOTIF":
            if name and name not in matrices:
                raise InvalidInput(f"{path}:{number}: motif {name} above has no letter-probability matrix")
            if len(words) < 2 or words[1] in cluster:
                fault = f"motif {words[1]} occurs twice" if len(words) > 1 else "a motif without a name"
                raise InvalidInput(f"{path}:{number}: {fault}")
            name = words[1]
            cluster[name] = words[2] if len(words) > 2 else name
        elif words[0] == "letter-probability":
            if not name or name in matrices:
                raise InvalidInput(f"{path}:{number}: a matrix that follows no MOTIF line")
            matrices[name] = _matrix(f"{path}", number, line, lines)
    if len(matrices) < len(cluster):
        raise InvalidInput(f"{path}:{number}: the file ends before the matrix of motif {name}")
    if not matrices:
        raise InvalidInput(f"{path}:{number}: no motif in the file")
    return MotifLibrary(tuple(matrices), tuple(cluster[name] for name in matrices), tuple(matrices.values()))


def _matrix(path: str, number: int, header: str, lines: Iterator[tuple[int, str]]) -> NDArray[np.float64]:
    """Read the rows that a ``letter-probability matrix:`` line announces."""
    width = re.search(r"\bw= *([1-9]\d*)", header)
    if width is None:
        raise InvalidInput(
            f"{path}:{number}: the matrix does not state its width", cure="Write w= and the number of rows."
        )
    rows = []
    for _ in range(int(width[1])):
        number, line = next(lines, (number, "(end of file)"))
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            raise InvalidInput(
                f"{path}:{number}: the matrix ends after {len(rows)} of {width[1]} rows: {line.strip()[:60]}"
            ) from None
        if len(row) != 4:
            raise InvalidInput(f"{path}:{number}: a matrix row has {len(row)} numbers, not 4")
        # Motif files are rounded to as few as three decimals, so a row may miss 1 by a few thousandths.
        if min(row) < 0 or not abs(sum(row) - 1) <= 0.01:
            raise InvalidInput(f"{path}:{number}: a matrix row is not made of probabilities that sum to 1")
        rows.append(row)
    return np.array(rows)


def scan(
    sequences: Mapping[str, str],
    library: MotifLibrary | str | Path,
    *,
    p_value: float = 1e-4,
    background: tuple[float, float, float, float] = BACKGROUND,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Score every motif cluster in every sequence.

    A hit is a place, on either strand, where the log-odds score of a motif (natural logarithm) reaches the threshold
    that random sequence reaches with probability `p_value`. Of the hits of one cluster in one sequence the best stands
    and those that overlap it fall, and so on with the rest (ties: the leftmost); the scores of those that stand are
    summed. Scanning as in MOODS with the settings of GET's library (p = 1e-4); a motif too short or too vague to reach
    `p_value` never matches.

    Parameters
    ----------
    sequences : Mapping[str, str]
        n named sequences, either case. Letters other than A, C, G, T (IUPAC codes, N) never match.
    library : MotifLibrary or str or Path
        Motifs, or a MEME file of them.
    p_value : float
        Probability of a hit at one place of one strand, in (0, 1).
    background : tuple of 4 floats
        Frequencies of A, C, G, T; equal for A and T and for C and G, because both strands are scanned.
    threads : int
        Worker threads; the result does not depend on it.
    progress : callable, optional
        Called with (sequences done, n).

    Returns
    -------
    (n, c) float32
        Summed scores in nats, never negative, with columns `MotifLibrary.cluster_names`.

    Raises
    ------
    InvalidInput
        An empty sequence or one with letters that are no DNA, or settings out of range.
    """
    if not isinstance(library, MotifLibrary):
        library = read_meme(library)
    from get_core.motif_scanner import motif_scanner

    scanner = motif_scanner(library, p_value=p_value, background=background)
    return scanner.scan(sequences, threads=threads, progress=progress)
