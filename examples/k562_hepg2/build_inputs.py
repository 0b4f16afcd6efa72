"""Write the inputs of the K562 / HepG2 example from public data.

``python examples/k562_hepg2/build_inputs.py --data FOLDER`` reads, in FOLDER:

- ``dhs_k562_hepg2/dhs_sequences_train.tsv.gz``: DNase-hypersensitive sites with 200 bp of hg38 sequence, each specific
  to one of the two cell lines (Meuleman et al. 2020, doi 10.1038/s41586-020-2559-3);
- ``motifs_vierstra_v1/motifs_2174.meme.gz``: the motifs (Vierstra et al. 2020, doi 10.1038/s41586-020-2528-x);
- ``expression/hpa_tissues_celllines_nx.tsv.gz``: normalised expression (NX) of the Human Protein Atlas, v19;
- ``tf_sequences/human_tf_cofactor_sequences.fasta.gz`` and ``human_tf_table.tsv``: sequences (UniProt) and families of
  DNA-binding domains (Lambert et al. 2018, doi 10.1016/j.cell.2018.01.029).

It writes regions.tsv.gz, motifs.meme.gz, expression.tsv and proteins.fasta.
"""

import argparse
import gzip
import os
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from get_core.errors import InvalidInput
from get_core.motifs import clusters, genes_of
from get_core.text import numbered_lines

__all__ = ["main"]

CELL_TYPES = ("K562", "HepG2")
HPA_COLUMNS = ("K-562", "Hep G2")

# Symbols of the sources that HGNC has since replaced, where the motif clusters use the new one.
RENAMED = {"ARNTL": "BMAL1", "T": "TBXT"}

SEED = 0


@dataclass
class Site:
    """One DHS: its sequence and the cell types in which it is accessible."""

    sequence: str
    open_in: set[str]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Write the inputs of the K562 / HepG2 example from public data.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds dhs_k562_hepg2/ and the others")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="default: data/ beside this")
    parser.add_argument("--regions", type=int, metavar="N", help="a random N regions, half of each cell type")
    options = parser.parse_args(arguments)
    try:
        contents = {
            "regions.tsv.gz": regions_table(
                options.data / "dhs_k562_hepg2/dhs_sequences_train.tsv.gz", options.regions
            ),
            "motifs.meme.gz": motifs(options.data / "motifs_vierstra_v1/motifs_2174.meme.gz"),
            "expression.tsv": expression_table(options.data / "expression/hpa_tissues_celllines_nx.tsv.gz"),
            "proteins.fasta": proteins(options.data / "tf_sequences"),
        }
        write(options.out, contents)
    except (InvalidInput, OSError) as error:
        print(f"error: {error}", *getattr(error, "__notes__", []), sep="\n  ", file=sys.stderr)
        return 2
    print(f"wrote {', '.join(contents)} to {options.out}")
    return 0


def regions_table(path: Path, limit: int | None) -> bytes:
    """Return the gzipped table of regions; a site that both cell lines list is one region accessible in both."""
    sites: dict[tuple[str, int, int], Site] = {}
    repeated = 0
    for number, row in rows(path, ("chr", "start", "end", "sequence", "cell")):
        if row["cell"] not in CELL_TYPES or not (row["start"].isdecimal() and row["end"].isdecimal()):
            raise InvalidInput(f"{path}:{number}: not a region of {' or '.join(CELL_TYPES)}")
        place = (row["chr"], int(row["start"]), int(row["end"]))
        repeated += place in sites
        sites.setdefault(place, Site(row["sequence"], set())).open_in.add(row["cell"])
    chosen = sorted(sites) if limit is None else sample(sites, limit)
    lines = ["\t".join(("chrom", "start", "end", "sequence", *CELL_TYPES))]
    for place in chosen:
        site = sites[place]
        levels = ["1" if name in site.open_in else "0" for name in CELL_TYPES]
        lines.append("\t".join((*map(str, place), site.sequence, *levels)))
    counts = [f"{sum(name in sites[place].open_in for place in chosen)} in {name}" for name in CELL_TYPES]
    print(f"regions: {len(chosen)} of {len(sites)} ({', '.join(counts)}); {repeated} repeated in the source")
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def sample(sites: dict[tuple[str, int, int], Site], limit: int) -> list[tuple[str, int, int]]:
    """Choose as many regions of each cell type, without choosing one twice."""
    each = limit // len(CELL_TYPES)
    rng = np.random.default_rng(SEED)
    chosen: set[tuple[str, int, int]] = set()
    for name in CELL_TYPES:
        candidates = [place for place in sorted(sites) if name in sites[place].open_in and place not in chosen]
        if not 0 < each <= len(candidates):
            raise InvalidInput(f"--regions {limit}: {each} regions of {name} asked for, of {len(candidates)}")
        chosen.update(candidates[i] for i in rng.choice(len(candidates), each, replace=False))
    return sorted(chosen)


def motifs(path: Path) -> bytes:
    """Return the motif file as it is."""
    if not path.is_file():
        raise InvalidInput(f"{path}: no such file")
    return path.read_bytes()


def expression_table(path: Path) -> bytes:
    """Return the expression of every gene; of two Ensembl genes with one symbol the higher value counts."""
    values: dict[str, list[float]] = {}
    repeated = 0
    for number, row in rows(path, ("gene_name", *HPA_COLUMNS)):
        try:
            found = [float(row[column]) for column in HPA_COLUMNS]
        except ValueError:
            raise InvalidInput(f"{path}:{number}: expression of {row['gene_name']} is not a number") from None
        gene = RENAMED.get(row["gene_name"], row["gene_name"])
        repeated += gene in values
        values[gene] = [max(pair) for pair in zip(found, values.get(gene, found), strict=True)]
    lines = ["\t".join(("gene", *CELL_TYPES))]
    lines += ["\t".join((gene, *(f"{value:g}" for value in values[gene]))) for gene in sorted(values)]
    print(f"expression: {len(values)} genes; {repeated} symbols repeated in the source")
    return ("\n".join(lines) + "\n").encode()


def proteins(folder: Path) -> bytes:
    """Return the TFs that have a motif: ``>ACCESSION GENE=SYMBOL FAMILY=family`` and the sequence."""
    wanted = {gene for cluster in clusters() for gene in genes_of(cluster)}
    table = folder / "human_tf_table.tsv"
    families = {RENAMED.get(row["gene"], row["gene"]): row["dbd"] for _, row in rows(table, ("gene", "dbd"))}
    records: dict[str, str] = {}
    for accession, symbol, sequence in fasta(folder / "human_tf_cofactor_sequences.fasta.gz"):
        gene = RENAMED.get(symbol, symbol)
        if gene in wanted:
            family = families.get(gene, "Unknown")
            label = "" if family in ("", "Unknown") else f" FAMILY={family}"
            records[gene] = f">{accession} GENE={gene}{label}\n{textwrap.fill(sequence, 60)}\n"
    missing = sorted(wanted - set(records))
    print(f"proteins: {len(records)} TFs of {len(wanted)} with a motif; no sequence for {', '.join(missing) or 'none'}")
    return "".join(records[gene] for gene in sorted(records)).encode()


def fasta(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (accession, gene, sequence) of a FASTA file with headers ``>ACCESSION|GENE``."""
    records: list[tuple[str, str, list[str]]] = []
    for number, line in numbered_lines(path):
        accession, bar, gene = line[1:].strip().partition("|")
        if line.startswith(">") and bar:
            records.append((accession, gene, []))
        elif records and not line.startswith(">"):
            records[-1][2].append(line.strip())
        else:
            raise InvalidInput(f"{path}:{number}: expected a header >ACCESSION|GENE")
    for accession, gene, parts in records:
        yield accession, gene, "".join(parts)


def rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and rows of a tab-separated table that has at least these columns."""
    lines = numbered_lines(path)
    number, line = next(lines, (1, ""))
    header = line.split("\t")
    absent = [column for column in columns if column not in header]
    if absent:
        raise InvalidInput(f"{path}:{number}: no column {absent[0]!r}")
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) != len(header):
            raise InvalidInput(f"{path}:{number}: {len(cells)} columns, but {len(header)} in the header")
        yield number, dict(zip(header, cells, strict=True))


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all files; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        part = folder / f".{name}.part"
        part.write_bytes(content)
        os.replace(part, folder / name)


if __name__ == "__main__":
    sys.exit(main())
