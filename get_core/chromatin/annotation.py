"""Transcription starts of genes, from GTF files and tables."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from get_core.chromatin.peaks import whole_number
from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["Starts", "read_starts"]

ATTRIBUTE = re.compile(r'(\w+)\s+"([^"]*)"')
CHROM, GENE, POSITION = ("chrom", "seqnames"), ("gene_name", "gene"), ("tss",)
TYPES = ("gene_type", "gene_biotype", "transcript_type")


@dataclass(frozen=True, eq=False)
class Starts:
    """t distinct transcription starts.

    Parameters
    ----------
    gene, gene_id : tuple of str (t,)
        Symbol, and identifier without its version (empty where unknown).
    chrom : str (t,)
        Chromosome.
    position : int64 (t,)
        0-based.
    strand : int64 (t,)
        0 plus, 1 minus.
    """

    gene: tuple[str, ...]
    gene_id: tuple[str, ...]
    chrom: NDArray[np.str_]
    position: NDArray[np.int64]
    strand: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.gene)


def read_starts(path: str | Path, *, gene_types: Collection[str] = ()) -> Starts:
    """Read transcription starts.

    Parameters
    ----------
    path : str or Path
        GTF (GENCODE, Ensembl; plain or gzipped): the 5' end of each transcript, or of each gene where the file has no
        transcripts. Or a table with a header that names ``chrom`` (or ``seqnames``), ``tss`` (1-based, as in GTF),
        ``strand``, ``gene_name`` (or ``gene``) and, if it likes, ``gene_id`` and ``gene_type``.
    gene_types : collection of str
        Keep only these, such as ``protein_coding``; all by default.

    Returns
    -------
    Starts
        In file order, each gene, place and strand once.

    Raises
    ------
    InvalidInput
        With file and line.
    """
    if not Path(path).is_file():
        raise InvalidInput(f"{path}: no such file", cure="check the path, or screening fetch gencode-v40")
    lines = numbered_lines(path)
    first = next(lines, None)
    if first is None:
        raise InvalidInput(f"{path}: the file is empty", cure="screening fetch gencode-v40")
    rows = _table(path) if "tss" in [cell.strip() for cell in first[1].split("\t")] else _gtf(path)
    kept: dict[tuple[str, str, str, int, int], None] = {}
    for gene, gene_id, kind, chrom, position, strand in rows:
        if not gene_types or kind in gene_types:
            kept[(gene, gene_id, chrom, position, strand)] = None
    if not kept:
        of_type = f" of type {', '.join(sorted(gene_types))}" if gene_types else ""
        raise InvalidInput(f"{path}: no transcription start{of_type} in it", cure="screening fetch gencode-v40")
    gene, gene_id, chrom, position, strand = zip(*kept, strict=True)
    return Starts(gene, gene_id, np.array(chrom, np.str_), np.array(position, np.int64), np.array(strand, np.int64))


Row = tuple[str, str, str, str, int, int]


def _gtf(path: str | Path) -> list[Row]:
    found: dict[str, list[Row]] = {"transcript": [], "gene": []}
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        where = f"{path}:{number}"
        if len(cells) != 9:
            raise InvalidInput(
                f"{where}: {len(cells)} columns, a GTF file has 9",
                cure="give GTF, or a table with the header chrom tss strand gene_name",
            )
        if cells[2] not in found:
            continue
        attributes = dict(ATTRIBUTE.findall(cells[8]))
        gene_id = attributes.get("gene_id", "").partition(".")[0]
        gene = attributes.get("gene_name") or gene_id
        if not gene or cells[6] not in "+-":
            gff3 = cells[8].lstrip().startswith("ID=")
            raise InvalidInput(
                f"{where}: a {cells[2]} without gene_name, gene_id or strand{': this is GFF3' if gff3 else ''}",
                cure="give GTF: GENCODE and Ensembl have both, gffread -T turns GFF3 into GTF" if gff3 else "",
            )
        first, last = whole_number(cells[3], where), whole_number(cells[4], where)
        if not 1 <= first <= last:
            raise InvalidInput(f"{where}: {first}-{last} is not a range of a GTF file, which counts from 1")
        kind = next((attributes[name] for name in TYPES if name in attributes), "")
        position = (first if cells[6] == "+" else last) - 1
        found[cells[2]].append((gene, gene_id, kind, cells[0], position, int(cells[6] == "-")))
    return found["transcript"] or found["gene"]


def _table(path: str | Path) -> list[Row]:
    lines = numbered_lines(path)
    number, header = next(lines, (1, ""))
    titles = [cell.strip() for cell in header.split("\t")]
    chrom, gene, tss, strand = (_column(path, number, titles, names) for names in (CHROM, GENE, POSITION, ("strand",)))
    gene_id = titles.index("gene_id") if "gene_id" in titles else None
    kind = next((titles.index(name) for name in TYPES if name in titles), None)
    rows: list[Row] = []
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        where = f"{path}:{number}"
        if len(cells) != len(titles):
            raise InvalidInput(f"{where}: {len(cells)} columns, but {len(titles)} in the header")
        position = whole_number(cells[tss], where)
        identifier = "" if gene_id is None else cells[gene_id].partition(".")[0]
        name = cells[gene] or identifier
        if cells[strand] not in ("+", "-") or position < 1 or not name:
            raise InvalidInput(f"{where}: not a start: a gene, a position from 1 on, and strand + or -")
        sort = "" if kind is None else cells[kind]
        rows.append((name, identifier, sort, cells[chrom], position - 1, int(cells[strand] == "-")))
    return rows


def _column(path: str | Path, number: int, titles: list[str], names: tuple[str, ...]) -> int:
    for name in names:
        if name in titles:
            return titles.index(name)
    raise InvalidInput(f"{path}:{number}: no column {' or '.join(names)}", cure="head it chrom tss strand gene_name")
