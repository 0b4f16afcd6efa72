"""Pairs of proteins that somebody asks for by name: homodimers, tables of pairs, cofactors."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from screening.errors import InvalidInput
from screening.proteins import Protein, read_fasta
from screening.sections.network import TfPairSettings
from screening.text_file import read_text

__all__ = ["ProteinPair", "homodimers", "named_proteins", "pairs_by_name", "read_pairs"]

_HEADER = re.compile(r"(gene|accession|uniprot|protein)_a\t\1_b", re.IGNORECASE)


@dataclass(frozen=True)
class ProteinPair:
    """Two proteins, which may be the same: ``a.accession <= b.accession``."""

    a: Protein
    b: Protein


def named_proteins(names: Iterable[str], proteins: Sequence[Protein], where: str) -> tuple[Protein, ...]:
    """Look up proteins by gene or accession.

    Parameters
    ----------
    names : iterable of str
        Genes or accessions; an accession comes before a gene of the same name.
    proteins : sequence of Protein
        Proteins with a sequence.
    where : str
        Setting or file with line, for the message.

    Returns
    -------
    tuple of Protein
        In the order of the names, each once.

    Raises
    ------
    InvalidInput
        A name that no protein has.
    """
    known = {protein.gene: protein for protein in proteins} | {protein.accession: protein for protein in proteins}
    found: dict[str, Protein] = {}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            raise InvalidInput(
                f"{where}: no protein of the FASTA file has the gene or accession '{name}'"
                + (f"; similar: {', '.join(near)}" if near else ""),
                cure=f"correct the name, or add '>ACCESSION GENE={name}' and its sequence to tf_pairs.proteins",
            )
        found.setdefault(known[name].accession, known[name])
    return tuple(found.values())


def homodimers(proteins: Sequence[Protein], genes: Sequence[str] = ()) -> tuple[ProteinPair, ...]:
    """Pair each protein with itself.

    Parameters
    ----------
    proteins : sequence of Protein
        Proteins with a sequence.
    genes : sequence of str, optional
        Only these genes or accessions.

    Returns
    -------
    tuple of ProteinPair
        In the order of the proteins, or of the genes.

    Raises
    ------
    InvalidInput
        As `named_proteins`.
    """
    chosen = named_proteins(genes, proteins, "tf_pairs.genes") if genes else proteins
    return tuple(ProteinPair(protein, protein) for protein in chosen)


def read_pairs(path: Path, proteins: Sequence[Protein]) -> tuple[ProteinPair, ...]:
    """Read a table of pairs.

    Parameters
    ----------
    path : Path
        Two columns of genes or accessions, separated by tabs; plain or gzipped. Empty lines and those that begin with
        ``#`` are passed over, as is a header (``gene_a``, ``gene_b``, or ``accession_a`` and so on).
    proteins : sequence of Protein
        Proteins with a sequence.

    Returns
    -------
    tuple of ProteinPair
        In file order; a pair that is there twice, in either order, once.

    Raises
    ------
    InvalidInput
        A line without two fields or with a name that no protein has, or no pair at all; with file and line.
    """
    pairs: dict[ProteinPair, None] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#") or (not pairs and _HEADER.fullmatch(line.strip())):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise InvalidInput(
                f"{path}:{number}: not two names separated by a tab: {line!r}",
                cure="write one pair a line, for example SNAI1, a tab, RELA",
            )
        named = [named_proteins([field], proteins, f"{path}:{number}")[0] for field in fields]
        pairs[ProteinPair(*sorted(named, key=lambda protein: protein.accession))] = None
    if not pairs:
        raise InvalidInput(f"{path}: no pair in it", cure="write one pair a line, for example SNAI1, a tab, RELA")
    return tuple(pairs)


def pairs_by_name(settings: TfPairSettings, fasta: Path, table: Path | None) -> tuple[ProteinPair, ...]:
    """Return the pairs that the settings ask for without a network.

    Parameters
    ----------
    settings : TfPairSettings
        With ``source`` ``homodimers`` or ``table``.
    fasta : Path
        The proteins.
    table : Path or None
        The pairs, where the source is a table.

    Raises
    ------
    InvalidInput
        As `screening.proteins.read_fasta`, `homodimers` and `read_pairs`.
    """
    proteins = read_fasta(fasta)
    return homodimers(proteins, settings.genes) if table is None else read_pairs(table, proteins)
