"""Write the inputs of a small atlas, half a megabase of chr22 with real sequence, peaks and expression.

``python examples/mini_locus/build_inputs.py --data FOLDER --out FOLDER`` reads, in FOLDER/mini_locus_chr22:

- ``chr22_20000001_21000000_hg19.fa.gz`` and ``blocks.tsv``: sequence of hg19 and the two stretches of it whose place in
  hg38 is known (HISAT2's example reference);
- ``k562_regions_hg38.tsv.gz``: regions with ATAC counts of K562 (example output of the ABC pipeline);
- ``bcell_peaks_hg38.tsv.gz``: peaks of B cells (10x lymph-node multiome), without counts;
- ``tss_expression.tsv``: transcription starts (Ensembl 93) with expression in K562 (Human Protein Atlas) and B cells.

It writes genome.fa (chr22 of hg38 up to the end of the second stretch, N elsewhere), pseudobulk.tsv, tss.tsv and
rna.tsv. The counts of B cells say presence alone: 1 where a peak of theirs overlaps.
"""

import argparse
import gzip
import os
import sys
from pathlib import Path

from get_core.errors import InvalidInput
from get_core.text import numbered_lines

__all__ = ["main"]

HG19_START = 20_000_000  # 0-based place of the first base of the sequence
LINE = 60


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Write the inputs of a small atlas of chr22.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mini_locus_chr22/")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="default: data/ beside this")
    options = parser.parse_args(arguments)
    folder = options.data / "mini_locus_chr22"
    try:
        contents = {
            "genome.fa": genome(folder),
            "pseudobulk.tsv": pseudobulk(folder),
            "tss.tsv": starts(folder),
            "rna.tsv": expression(folder),
        }
        options.out.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            part = options.out / f".{name}.part"
            part.write_text(text)
            os.replace(part, options.out / name)
    except (InvalidInput, OSError) as error:
        print(f"error: {error}", *getattr(error, "__notes__", []), sep="\n  ", file=sys.stderr)
        return 2
    print(f"wrote {', '.join(contents)} to {options.out}")
    return 0


def genome(folder: Path) -> str:
    """Return chr22 in coordinates of hg38: the two known stretches, N elsewhere."""
    with gzip.open(folder / "chr22_20000001_21000000_hg19.fa.gz", "rt") as lines:
        sequence = "".join(line.strip() for line in lines if not line.startswith(">"))
    blocks = rows(folder / "blocks.tsv")
    chromosome = bytearray(b"N" * max(int(block["hg38_end"]) for block in blocks))
    for block in blocks:
        start, end, shift = (int(block[name]) for name in ("hg38_start", "hg38_end", "hg38_minus_hg19"))
        first = start - shift - HG19_START
        chromosome[start:end] = sequence[first : first + end - start].encode()
    text = chromosome.decode()
    return ">chr22\n" + "".join(f"{text[i : i + LINE]}\n" for i in range(0, len(text), LINE))


def pseudobulk(folder: Path) -> str:
    """Return the counts of K562 regions, and whether a peak of B cells overlaps."""
    peaks = [(int(row["start"]), int(row["end"])) for row in rows(folder / "bcell_peaks_hg38.tsv.gz")]
    lines = ["chrom\tstart\tend\tK562\tB cell"]
    for row in rows(folder / "k562_regions_hg38.tsv.gz"):
        start, end = int(row["start"]), int(row["end"])
        present = int(any(first < end and start < last for first, last in peaks))
        lines.append(f"{row['chrom']}\t{start}\t{end}\t{row['k562_atac_count']}\t{present}")
    return "\n".join(lines) + "\n"


def starts(folder: Path) -> str:
    """Return the transcription starts, counted from 1."""
    columns = ("seqnames", "tss", "strand", "gene_id", "gene_name")
    lines = ["\t".join(("chrom", *columns[1:]))]
    lines += ["\t".join(row[name] for name in columns) for row in rows(folder / "tss_expression.tsv")]
    return "\n".join(lines) + "\n"


def expression(folder: Path) -> str:
    """Return the expression of each gene."""
    genes = {
        row["gene_name"]: (row["k562_hpa_nx"], row["bcell_mean_umi"]) for row in rows(folder / "tss_expression.tsv")
    }
    lines = ["gene\tK562\tB cell", *(f"{gene}\t{a or 0}\t{b or 0}" for gene, (a, b) in genes.items())]
    return "\n".join(lines) + "\n"


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a tab-separated table with a header."""
    lines = numbered_lines(path)
    header = next(lines, (1, ""))[1].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for _, line in lines]


if __name__ == "__main__":
    sys.exit(main())
