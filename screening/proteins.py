"""Proteins: accession, gene symbol, sequence and, where known, family; read from FASTA."""

import re
from dataclasses import dataclass
from pathlib import Path

from screening.errors import InvalidInput
from screening.text_file import read_text

__all__ = ["AMINO_ACIDS", "Protein", "check_accession", "check_sequence", "read_fasta"]

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
"""The 20 standard residues, one-letter codes of IUPAC-IUB (doi 10.1111/j.1432-1033.1984.tb07877.x)."""

# An accession or gene becomes part of a pair's name, so it must not hold that name's own separators (":", "+"), white
# space or anything that could be read as a path.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NOT_STANDARD = re.compile(f"[^{AMINO_ACIDS}]")
_WHY_REFUSED = {
    "U": "selenocysteine",
    "O": "pyrrolysine",
    "X": "unknown residue",
    "B": "Asp or Asn",
    "Z": "Glu or Gln",
    "J": "Leu or Ile",
    "*": "stop codon",
    "-": "gap",
}


@dataclass(frozen=True)
class Protein:
    """One protein of a screen.

    Attributes
    ----------
    accession : str
        Identifier, unique in a screen; UniProt's where there is one.
    gene : str
        Gene symbol.
    sequence : str
        One-letter sequence of the 20 standard residues, upper case.
    family : str or None
        Protein or DNA-binding-domain family; None where it was not given.
    """

    accession: str
    gene: str
    sequence: str
    family: str | None = None

    def __post_init__(self) -> None:
        check_accession(self.accession)
        if not _NAME.fullmatch(self.gene):
            raise InvalidInput(
                f"gene symbol {self.gene!r} of {self.accession} is not letters, digits, '_', '.' and '-' only"
            )
        check_sequence(self.sequence, self.accession)


def check_accession(accession: str) -> None:
    """Refuse an accession that could not be part of a name.

    Parameters
    ----------
    accession : str
        Candidate; letters, digits, ``_``, ``.`` and ``-``, starting with a letter or digit.

    Raises
    ------
    InvalidInput
        Anything else.
    """
    if not _NAME.fullmatch(accession):
        raise InvalidInput(f"accession {accession!r} is not letters, digits, '_', '.' and '-' only")


def check_sequence(sequence: str, where: str) -> None:
    """Refuse a sequence that is empty or holds anything but the 20 standard residues.

    Parameters
    ----------
    sequence : str
        One-letter sequence, upper case.
    where : str
        What to call it in the message.

    Raises
    ------
    InvalidInput
        The letter and its 1-based position.
    """
    if not sequence:
        raise InvalidInput(f"{where}: the sequence is empty")
    if bad := _NOT_STANDARD.search(sequence):
        meaning = _WHY_REFUSED.get(bad[0], "no residue")
        raise InvalidInput(
            f"{where}: {bad[0]!r} ({meaning}) at position {bad.start() + 1} of {len(sequence)}; "
            "only the 20 standard residues can be folded and simulated",
            cure="replace it by the residue you mean (U is usually modelled as C) or delete it",
        )


def read_fasta(path: Path) -> tuple[Protein, ...]:
    """Read the proteins of a screen.

    Headers may be ``>ACCESSION GENE=SYMBOL FAMILY=name to the end of the line``, UniProt's
    ``>sp|ACCESSION|NAME_SPECIES ... GN=SYMBOL ...``, or ``>ACCESSION|SYMBOL``; the family is optional in each.

    Parameters
    ----------
    path : Path
        FASTA file, plain or gzipped, ASCII. Lower-case residues are read as upper case.

    Returns
    -------
    tuple of Protein
        In file order.

    Raises
    ------
    InvalidInput
        A missing or empty file, text before the first header, a header without accession or gene, an accession or a
        gene that occurs twice, an empty record, a letter that is no standard residue. Each names file and line.
    """
    proteins: list[Protein] = []
    line_of_accession: dict[str, int] = {}
    line_of_gene: dict[str, int] = {}
    for line, header, lines in _records(path):
        where = f"{path}:{line}"
        accession, gene, family = _parse_header(header, where)
        for symbol, seen, what in (
            (accession, line_of_accession, "accession"),
            (gene, line_of_gene, "gene"),
        ):
            if symbol in seen:
                raise InvalidInput(
                    f"{where}: {what} {symbol} occurs twice, first in line {seen[symbol]}",
                    cure="keep one record of each accession and of each gene",
                )
            seen[symbol] = line
        for number, residues in lines:
            if residues:
                check_sequence(residues, f"{path}:{number} ({accession})")
        sequence = "".join(residues for _, residues in lines)
        if not sequence:
            raise InvalidInput(f"{where}: {accession} has no sequence", cure="add the sequence or delete the header")
        try:
            proteins.append(Protein(accession, gene, sequence, family))
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {error}", cure="edit the header") from None
    if not proteins:
        raise InvalidInput(f"{path}: no FASTA record", cure="put '>ACCESSION GENE=SYMBOL' and the sequence in it")
    return tuple(proteins)


def _records(path: Path) -> list[tuple[int, str, list[tuple[int, str]]]]:
    """Split a FASTA file into (line of the header, header, [(line, residues)])."""
    records: list[tuple[int, str, list[tuple[int, str]]]] = []
    for number, raw in enumerate(read_text(path, encoding="ascii").splitlines(), start=1):
        text = raw.strip()
        if text.startswith(">"):
            records.append((number, text[1:].strip(), []))
        elif text and not records:
            raise InvalidInput(
                f"{path}:{number}: sequence before the first '>' header",
                cure="start each record with '>ACCESSION GENE=SYMBOL'",
            )
        elif text:
            records[-1][2].append((number, text.upper()))
    return records


def _parse_header(header: str, where: str) -> tuple[str, str, str | None]:
    """Split a header into accession, gene and family."""
    identifier, description = [*header.split(maxsplit=1), "", ""][:2]
    fields = identifier.split("|")
    gene_field = re.search(r"(?:^|\s)(?:GENE|GN)=(\S+)", description)
    family_field = re.search(r"(?:^|\s)FAMILY=(.*\S)", description)
    if len(fields) == 3 and fields[0] in ("sp", "tr"):
        accession, gene = fields[1], ""
    elif len(fields) == 2:
        accession, gene = fields
    elif len(fields) == 1:
        accession, gene = identifier, ""
    else:
        raise InvalidInput(
            f"{where}: header {identifier!r} has no known form",
            cure="use '>ACCESSION GENE=SYMBOL', UniProt's form or '>ACCESSION|SYMBOL'",
        )
    if gene_field:
        gene = gene_field[1]
    if not accession or not gene:
        missing = "gene symbol" if accession else "accession"
        raise InvalidInput(
            f"{where}: header '>{header}' has no {missing}",
            cure="use '>ACCESSION GENE=SYMBOL', UniProt's form (with GN=SYMBOL) or '>ACCESSION|SYMBOL'",
        )
    return accession, gene, family_field[1] if family_field else None
