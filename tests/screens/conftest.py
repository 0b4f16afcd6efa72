"""A screen on small files of its own, written anew for each test."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

MOTIFS = {"GATA": "AGATAAG", "SPI": "GAGGAAGT", "CTCF": "CCAGCAGGGGG"}
PROTEINS = {
    "GATA1": (
        "P15976",
        "GATA",
        "MEFPGLGSLGTSEPLPQFVDPALVSSTPESGVFFPSGPEGLDAAASSTAPSTATAAAAALAYYRDAEAYRHSPVFQVYPLLNCMEGIPGGSPYAGWAYG",
    ),
    "SPI1": (
        "P17947",
        "Ets",
        "MLQACKMEGFPLVPPPSEDLVPYDTDLYQRQTHEYYPYLSSDGESHSDHYWDFHPHHVHSEFESFAENNFTELQSVQPPQLQQLYRHMELEQMHVLD",
    ),
    "CTCF": (
        "P49711",
        "C2H2 ZF",
        "MEGDAVEAIVEESETFIKGKERKTYQRRREGGQEEDACHLPQNQTDGGEVVQDVNSSVQMVMMEQLDPTLLQMKTEVMEGTVAPEAEAAVDDTQII",
    ),
}


@dataclass(frozen=True)
class Files:
    """The input files of a small screen."""

    folder: Path

    @property
    def screen(self) -> Path:
        return self.folder / "screen.toml"

    def replace(self, name: str, old: str, new: str) -> Path:
        """Change the first occurrence of some text in a file."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call the command line as a user does."""
        command = [sys.executable, "-m", "screening", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=300)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Forty regions with three motifs in two cell types."""
    rng = np.random.default_rng(3)
    lines = ["chrom\tstart\tend\tsequence\tK562\tHepG2"]
    for number in range(40):
        sequence = "".join(rng.choice(list("ACGT"), 60))
        word = list(MOTIFS.values())[number % 3]
        sequence = sequence[:20] + word + sequence[20 + len(word) :]
        chrom = "chr1" if number < 20 else "chr2"
        lines.append(
            f"{chrom}\t{1000 + 500 * number}\t{1060 + 500 * number}\t{sequence}\t{number % 2}\t{1 - number % 2}"
        )
    (tmp_path / "regions.tsv").write_text("\n".join(lines) + "\n")
    meme = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for cluster, word in MOTIFS.items():
        meme += [f"MOTIF {cluster}_example {cluster}", f"letter-probability matrix: alength= 4 w= {len(word)}"]
        meme += [" ".join("0.97" if letter == base else "0.01" for letter in "ACGT") for base in word] + [""]
    (tmp_path / "motifs.meme").write_text("\n".join(meme))
    (tmp_path / "expression.tsv").write_text("gene\tK562\tHepG2\nGATA1\t120\t0\nSPI1\t60\t1\nCTCF\t40\t45\n")
    fasta = [
        f">{accession} GENE={gene} FAMILY={family}\n{sequence}"
        for gene, (accession, family, sequence) in PROTEINS.items()
    ]
    (tmp_path / "proteins.fasta").write_text("\n".join(fasta) + "\n")
    (tmp_path / "screen.toml").write_text(
        """name = "small"

[atlas]
regions = "regions.tsv"
motifs = "motifs.meme"
expression = "expression.tsv"

[finetune]
target = "accessibility"

[attribution]
rows = "accessible"

[tf_pairs]
proteins = "proteins.fasta"
"""
    )
    return Files(tmp_path)
