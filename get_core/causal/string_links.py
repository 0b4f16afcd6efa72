"""Interactions as STRING publishes them: links of proteins with scores, and the gene names of the proteins."""

from pathlib import Path

from get_core.causal.interactions import Interactions
from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["HIGH_CONFIDENCE", "read_string"]

HIGH_CONFIDENCE = 700
"""STRING's own name for links of at least this score, of 1000 (Szklarczyk et al. 2023, doi 10.1093/nar/gkac1000)."""


def read_string(links: str | Path, names: str | Path, *, minimum_score: int = HIGH_CONFIDENCE) -> Interactions:
    """Read the interactions of STRING.

    Parameters
    ----------
    links : str or Path
        ``9606.protein.physical.links.v12.0.txt.gz`` or alike: two proteins and, last in the line, the combined score,
        separated by blanks; plain or gzipped.
    names : str or Path
        ``9606.protein.info.v12.0.txt.gz``: protein and its preferred name first, separated by tabs.
    minimum_score : int
        Links below it are passed over, 0 to 1000.

    Returns
    -------
    Interactions
        Between genes; STRING lists each link in both directions, and `n_lines` counts both.

    Raises
    ------
    InvalidInput
        With file and line: another format, a protein without a name, or no link of that score.
    """
    gene_of = _names(names)
    pairs: set[tuple[str, str]] = set()
    count = 0
    for number, line in numbered_lines(links):
        words = line.split(" ")
        if words[0] == "protein1":
            continue
        if len(words) < 3 or not words[-1].isdecimal():
            raise InvalidInput(
                f"{links}:{number}: not two proteins and a score, separated by blanks: {line[:60]!r}",
                cure="give protein.links or protein.physical.links of STRING",
            )
        if int(words[-1]) < minimum_score:
            continue
        for protein in words[:2]:
            if protein not in gene_of:
                raise InvalidInput(
                    f"{links}:{number}: protein {protein} has no name in {names}",
                    cure="give links and names of the same species and release",
                )
        first, second = sorted(gene_of[protein] for protein in words[:2])
        pairs.add((first, second))
        count += 1
    if not pairs:
        raise InvalidInput(f"{links}: no link has a score of {minimum_score} or more", cure="lower the score")
    return Interactions(frozenset(pairs), count)


def _names(path: str | Path) -> dict[str, str]:
    """Return the preferred name of each protein."""
    gene_of: dict[str, str] = {}
    for number, line in numbered_lines(path):
        protein, *rest = line.split("\t")
        if not rest or not rest[0].strip():
            raise InvalidInput(
                f"{path}:{number}: no protein and name, separated by a tab: {line[:60]!r}",
                cure="give protein.info of STRING: screening fetch string-info",
            )
        gene_of[protein] = rest[0].strip()
    if not gene_of:
        raise InvalidInput(f"{path}: names no protein", cure="screening fetch string-info")
    return gene_of
