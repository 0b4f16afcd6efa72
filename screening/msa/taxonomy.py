"""Which species a row of an alignment comes from, read from its header."""

import re

__all__ = ["taxon"]

# UniProt's FASTA headers hold "OX=9606", UniRef's "TaxID=9606" (https://www.uniprot.org/help/fasta-headers).
_TAXON_FIELDS = ("TaxID=", "OX=")
_DIGITS = re.compile(r"\d+")
# The rows that the ColabFold server gives for pairing are called UniRef100_ACCESSION_9606.
_SERVER_NAME = re.compile(r"UniRef\d+_[A-Za-z0-9-]+_(\d+)(?=[\s/]|$)")
# Database, accession (with "_0" for an isoform) and entry name, whose second half is UniProt's mnemonic of the species:
# the one form that AlphaFold-Multimer reads (alphafold/data/msa_identifiers.py, doi 10.1101/2021.10.04.463034).
_ENTRY_NAME = re.compile(r"(?:sp|tr)\|[A-Za-z0-9]{6,10}(?:_\d)?\|[A-Za-z0-9]+_([A-Za-z0-9]{1,5})(?:_\d+)?(?=[\s/]|$)")


def taxon(header: str) -> str:
    """Return the species of a row.

    Parameters
    ----------
    header : str
        Header without ``>``.

    Returns
    -------
    str
        NCBI taxonomy identifier from ``OX=``, ``TaxID=`` or ``UniRef100_ACCESSION_TAXID``; else the mnemonic of
        ``sp|ACCESSION|NAME_SPECIES`` or ``tr|...``; empty where there is none. An identifier and a mnemonic never equal
        each other, so alignments whose headers name species in different ways do not pair.
    """
    for field in _TAXON_FIELDS:
        at = header.find(field)
        if at >= 0 and not header[at - 1 : at].isalnum() and (digits := _DIGITS.match(header, at + len(field))):
            return digits[0]
    found = _SERVER_NAME.match(header) or _ENTRY_NAME.match(header)
    return found[1] if found else ""
