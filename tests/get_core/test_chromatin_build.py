"""From files to an atlas: a toy counted by hand, and the real half megabase of chr22."""

import gzip
import importlib.util
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from get_core.atlas import Atlas
from get_core.chromatin.annotation import read_starts
from get_core.chromatin.build import build_atlas
from get_core.chromatin.expression import read_rna
from get_core.chromatin.genome import Genome
from get_core.chromatin.inputs import AtlasInputs, BuildSettings
from get_core.chromatin.motif_sources import read_jaspar, read_motifs
from get_core.errors import InvalidInput
from get_core.motifs import scan

REPOSITORY = Path(__file__).resolve().parents[2]
WORD = "GATTACAGCA"  # the one motif that is planted
OTHER = "CCCTGGGAAC"


def meme(*motifs: tuple[str, str, str]) -> str:
    text = "MEME version 4\n\nALPHABET= ACGT\n"
    for name, cluster, word in motifs:
        text += f"\nMOTIF {name} {cluster}\nletter-probability matrix: alength= 4 w= {len(word)}\n"
        text += "".join(" ".join("0.97" if letter == base else "0.01" for base in "ACGT") + "\n" for letter in word)
    return text


def toy(folder: Path) -> AtlasInputs:
    """Three cell types (c has too few cells), four peaks on two chromosomes."""
    rng = np.random.default_rng(1)
    chr1, chr2 = ("".join(rng.choice(list("ACGT"), size)) for size in (400, 130))
    chr1 = chr1[:110] + WORD + chr1[120:]
    chr2 = chr2[:20] + WORD + "TTT" + WORD + chr2[43:]
    wrapped = [[text[i : i + 60] for i in range(0, len(text), 60)] for text in (chr1, chr2)]
    files = {
        "genome.fa": f">chr1 first\n{chr(10).join(wrapped[0])}\n>chr2\n{chr(10).join(wrapped[1])}\n",
        "peaks.bed": "chr2\t10\t60\nchr1\t100\t200\nchr1\t300\t400\nchr1\t210\t260\n",
        "cells.tsv": "barcode\tcell_type\nA1\ta\nA2\ta\nB1\tb\nB2\tb\nC1\tc\n",
        # a: 100-200 has 3 (two of A1, one of A2), 300-400 has 1, chr2 none. b: chr2 has 2. c alone is in 210-260.
        "fragments.tsv": "chr1\t100\t200\tA1\t1\nchr1\t199\t301\tA2\t1\nchr2\t10\t60\tB1\t3\nchr1\t210\t260\tC1\t1\n",
        "motifs.meme": meme(("planted", "X", WORD), ("absent", "Y", OTHER)),
        # Starts (0-based): P 150 +, Q 150 +, R 399 -, S 25 - on chr2, T 230 + (in no kept region), U nowhere.
        "genes.gtf": "".join(
            f'{chrom}\tx\ttranscript\t{a}\t{b}\t.\t{strand}\t.\tgene_id "{gene}.3"; gene_name "{name}";\n'
            for chrom, a, b, strand, gene, name in [
                ("chr1", 151, 300, "+", "ENSG00000000001", "P"),
                ("chr1", 151, 310, "+", "ENSG00000000001", "P"),
                ("chr1", 160, 310, "+", "ENSG00000000001", "P"),
                ("chr1", 151, 200, "+", "ENSG00000000002", "Q"),
                ("chr1", 280, 400, "-", "ENSG00000000003", "R"),
                ("chr2", 1, 26, "-", "ENSG00000000004", "S"),
                ("chr1", 231, 300, "+", "ENSG00000000005", "T"),
                ("chr2", 100, 110, "+", "ENSG00000000006", "U"),
            ]
        ),
        "rna.tsv": "gene\tb\ta\nP\t0\t9\nENSG00000000002\t0\t99\nS\t999\t5\nNOWHERE\t1\t1\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return AtlasInputs(
        genome=folder / "genome.fa",
        motifs=folder / "motifs.meme",
        peaks=(folder / "peaks.bed",),
        fragments=(folder / "fragments.tsv",),
        cells=folder / "cells.tsv",
        annotation=folder / "genes.gtf",
        rna=folder / "rna.tsv",
    )


SETTINGS = BuildSettings(min_cells=1)


def same(a: Atlas, b: Atlas) -> bool:
    arrays = ("chrom", "start", "end", "scores", "accessibility", "expression_labels", "gene_expression")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)


def test_a_toy_by_hand(tmp_path: Path) -> None:
    atlas, report = build_atlas(toy(tmp_path), SETTINGS)
    places = list(zip(atlas.chrom.tolist(), atlas.start.tolist(), atlas.end.tolist(), strict=True))
    assert places == [("chr1", 100, 200), ("chr1", 300, 400), ("chr2", 10, 60)]
    assert atlas.start.dtype == atlas.end.dtype == np.int64
    assert atlas.cell_types == ("a", "b")
    s = [[math.log10(c / t * 1e5 + 1) for c in counts] for counts, t in (((3, 1, 0), 4), ((0, 0, 2), 2))]
    np.testing.assert_allclose(atlas.accessibility, s, rtol=1e-6)
    # P and Q start on plus of the first region: P counts once for its three starts. R has no expression.
    labels = np.zeros((2, 3, 2))
    labels[0, 0, 0] = 1 + 2  # log10(9 + 1) + log10(99 + 1)
    labels[1, 2, 1] = 3
    np.testing.assert_allclose(atlas.expression_labels, labels, atol=1e-6)
    assert atlas.promoters is not None
    rows = zip(atlas.promoters.gene, atlas.promoters.region.tolist(), atlas.promoters.strand.tolist(), strict=True)
    assert list(rows) == [("P", 0, 0), ("Q", 0, 0), ("R", 1, 1), ("S", 2, 1)]
    assert atlas.genes == ("P", "ENSG00000000002", "S", "NOWHERE")
    assert atlas.gene_expression.tolist() == [[9, 99, 5, 1], [0, 0, 999, 1]]
    # The word lies in the first and twice in the third region.
    assert atlas.motifs == ("X", "Y")
    assert atlas.scores[0, 0] > 0 and atlas.scores[2, 0] == pytest.approx(2 * atlas.scores[0, 0])
    assert atlas.scores[1, 0] == 0 and not atlas.scores[:, 1].any()
    left_out = {(row.kind, row.subject): row.reason for row in report.dropped}
    assert left_out == {
        ("cell type", "c"): "1 cells, not more than 1",
        ("region", "chr1:210-260"): "open in none of the cell types",
        ("gene", "T"): "no transcription start in a region",
        ("gene", "U"): "no transcription start in a region",
        ("gene", "R"): "no row of expression: adds 0",
        ("expression", "NOWHERE"): "not in the annotation: in no label",
    }
    assert report.depth == {"a": 4, "b": 2} and report.cells == {"a": 2, "b": 2}
    assert any("not sorted" in note for note in report.notes)
    assert "2 of 7 transcription starts lie in no region" in report.notes
    assert report.table().splitlines()[0] == "kind\tsubject\treason"
    assert {"accessibility", "open", "scores", "features", "expression_labels", "promoters"} <= set(atlas.definitions)


def test_scores_are_those_of_the_scanner(tmp_path: Path) -> None:
    inputs = toy(tmp_path)
    atlas, _ = build_atlas(inputs, SETTINGS)
    records = (tmp_path / "genome.fa").read_text().split(">")[1:]
    genome = {record.split()[0]: "".join(record.splitlines()[1:]) for record in records}
    sequences = {
        f"{chrom}{start}": genome[chrom][start:end]
        for chrom, start, end in zip(atlas.chrom.tolist(), atlas.start.tolist(), atlas.end.tolist(), strict=True)
    }
    np.testing.assert_array_equal(atlas.scores, scan(sequences, tmp_path / "motifs.meme"))


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    inputs = toy(tmp_path)
    alone, _ = build_atlas(inputs, SETTINGS)
    monkeypatch.setattr("get_core.chromatin.build.REGIONS_PER_JOB", 1)
    seen: list[tuple[str, int, int]] = []
    with ThreadPoolExecutor(workers) as pool:
        together, _ = build_atlas(inputs, SETTINGS, map=pool.map, progress=lambda *each: seen.append(each))
    assert same(alone, together)
    size = inputs.fragments[0].stat().st_size
    counting = [("counting fragments", n, size) for n in (0, size, size)]
    assert seen == [*counting, *(("scanning regions", n, 3) for n in (1, 2, 3))]


def test_combining_genes(tmp_path: Path) -> None:
    inputs = toy(tmp_path)
    expected = {"sum": 3.0, "mean": 1.5, "mean_of_starts": (1 + 1 + 2) / 3}
    for combine, value in expected.items():
        atlas, _ = build_atlas(inputs, replace(SETTINGS, combine=combine))
        assert atlas.expression_labels is not None
        # P's start at 150 stands twice in the file and is one start; 159 is another.
        assert atlas.expression_labels[0, 0, 0] == pytest.approx(value)
        assert atlas.definitions["expression_labels"].startswith("log10(TPM + 1)")


def test_a_start_lies_in_a_region_from_its_first_base_to_its_last(tmp_path: Path) -> None:
    inputs = toy(tmp_path)
    places = {"before": 100, "first": 101, "last": 200, "after": 201}  # 1-based; the region is 100-200 of a BED file
    rows = "".join(f"chr1\t{tss}\t+\t{gene}\n" for gene, tss in places.items())
    (tmp_path / "starts.tsv").write_text(f"chrom\ttss\tstrand\tgene_name\n{rows}chr2\t26\t-\tS\n")
    atlas, _ = build_atlas(replace(inputs, annotation=tmp_path / "starts.tsv"), SETTINGS)
    assert atlas.promoters is not None
    assert [name for name in atlas.promoters.gene if name != "S"] == ["first", "last"]


def test_extended_starts_reach_into_regions(tmp_path: Path) -> None:
    inputs = toy(tmp_path)
    atlas, report = build_atlas(inputs, replace(SETTINGS, extend=40))
    assert atlas.promoters is not None
    # U starts at 99 of chr2: 59, the last base of the region, is 40 away.
    assert ("U", 2) in set(zip(atlas.promoters.gene, atlas.promoters.region.tolist(), strict=True))
    assert [row.reason for row in report.dropped if row.subject == "U"] == ["no row of expression: adds 0"]
    closer, _ = build_atlas(inputs, replace(SETTINGS, extend=39))
    assert closer.promoters is not None and "U" not in closer.promoters.gene


def test_thresholds_close_regions(tmp_path: Path) -> None:
    atlas, report = build_atlas(toy(tmp_path), replace(SETTINGS, open_count=1))
    assert atlas.start.tolist() == [100, 10]
    assert atlas.accessibility[0, 0] == pytest.approx(math.log10(3 / 4 * 1e5 + 1))
    assert ("region", "chr1:300-400") in {(row.kind, row.subject) for row in report.dropped}
    assert "count > 1" in atlas.definitions["open"]


def test_counts_and_table_give_the_same_atlas(tmp_path: Path) -> None:
    import anndata
    import pandas as pd

    inputs = toy(tmp_path)
    atlas, _ = build_atlas(inputs, SETTINGS)
    names = ["chr2:10-60", "chr1:100-200", "chr1:300-400", "chr1:210-260", "chr9:1-2"]
    counts = np.array([[0, 2, 0, 0, 5], [0, 1, 1, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 2, 0]], np.float32)
    obs = pd.DataFrame({"kind": ["a", "a", "b", "b", "c"]}, index=pd.Index(["A1", "A2", "B1", "B2", "C1"]))
    anndata.AnnData(counts, obs, pd.DataFrame(index=pd.Index(names))).write_h5ad(tmp_path / "counts.h5ad")
    cells = replace(inputs, fragments=(), cells=None, counts=tmp_path / "counts.h5ad")
    from_h5ad, report = build_atlas(cells, replace(SETTINGS, cell_type_column="kind"))
    assert same(atlas, from_h5ad)
    assert "1 counted peaks were not asked for" in report.notes
    table = "chrom\tstart\tend\ta\tb\nchr1\t100\t200\t3\t0\nchr1\t300\t400\t1\t0\nchr2\t10\t60\t0\t2\n"
    (tmp_path / "table.tsv").write_text(table)
    ready = replace(inputs, fragments=(), cells=None, peaks=(), pseudobulk=tmp_path / "table.tsv")
    assert same(atlas, build_atlas(ready, SETTINGS)[0])


def test_rna_of_single_cells(tmp_path: Path) -> None:
    import anndata
    import pandas as pd

    counts = np.array([[1, 3], [2, 2], [0, 8]], np.float32)
    obs = pd.DataFrame({"cell_type": ["a", "a", "b"]}, index=pd.Index(["A1", "A2", "B1"]))
    anndata.AnnData(counts, obs, pd.DataFrame(index=pd.Index(["P", "S"]))).write_h5ad(tmp_path / "rna.h5ad")
    atlas, _ = build_atlas(replace(toy(tmp_path), rna=tmp_path / "rna.h5ad"), SETTINGS)
    np.testing.assert_allclose(atlas.gene_expression, [[375_000, 625_000], [0, 1_000_000]])
    assert "counts" in atlas.definitions["gene_expression"]


def test_units_of_rna(tmp_path: Path) -> None:
    path = tmp_path / "rna.tsv"
    path.write_text("gene\ta\nP\t1\nS\t3\n")
    assert read_rna(path, "counts")[0].values.tolist() == [[250_000, 750_000]]
    np.testing.assert_allclose(read_rna(path, "log10(TPM+1)")[0].values, [[9, 999]])
    path.write_text("gene\ta\nP\t12\n")
    with pytest.raises(InvalidInput, match="12 is no log10"):
        read_rna(path, "log10(TPM+1)")


def test_without_genes_there_are_no_labels(tmp_path: Path) -> None:
    atlas, _ = build_atlas(replace(toy(tmp_path), annotation=None, rna=None), SETTINGS)
    assert atlas.expression_labels is None and atlas.promoters is None and atlas.genes == ()


# --- bad input


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    ("edit", "fault", "cure"),
    [
        (change("peaks.bed", "chr1\t300\t400", "chr1\t300\t401"), r"peaks.bed:3: chr1:300-401 reaches past", "hg38"),
        (change("peaks.bed", "chr2", "2"), "peaks lie on 2, which the genome", "one file says 2, the other chr2"),
        (change("genome.fa", ">chr", ">"), "share no chromosome: chr1, chr2 against 1, 2", "says chr1, the other 1"),
        (change("genes.gtf", "chr", ""), "share no chromosome", "one file says chr1, the other 1"),
        (change("fragments.tsv", "A1", "A1-1"), "", ""),
        (change("rna.tsv", "gene\tb", "gene\tB"), "rna.tsv: no expression of b", "it has B, a"),
        (change("rna.tsv", "S\t999", "S\t-9"), r"rna.tsv:4: b: -9 is negative", ""),
        (change("genes.gtf", "transcript\t151\t300\t.\t+", "transcript\t151\t300\t.\t."), r"genes.gtf:1: a transc", ""),
        (
            change("genes.gtf", 'gene_id "ENSG00000000001.3"; gene_name "P";', "ID=T1;gene_name=P"),
            r"genes.gtf:1: .* this is GFF3",
            "gffread -T",
        ),
        (change("genome.fa", ">chr1 first", "chr1"), "genome.fa:1: not FASTA", "screening fetch hg38"),
        (change("motifs.meme", "0.97", "7"), r"motifs.meme:\d+: a matrix row", ""),
    ],
)
def test_bad_input_is_named(tmp_path: Path, edit: Callable[[Path], None], fault: str, cure: str) -> None:
    inputs = toy(tmp_path)
    edit(tmp_path)
    if not fault:  # a cell whose barcode is spelled otherwise is only counted
        notes = build_atlas(inputs, SETTINGS)[1].notes
        assert "2 of 5 cells have no fragment" in notes and "3 of 4 fragments are of a cell" in notes
        return
    with pytest.raises(InvalidInput, match=fault) as caught:
        build_atlas(inputs, SETTINGS)
    assert cure in "".join(getattr(caught.value, "__notes__", []))


@pytest.mark.parametrize(
    "edit",
    [
        change("peaks.bed", "chr2", "2"),
        change("genes.gtf", "chr", ""),
        change("rna.tsv", "gene\tb", "gene\tB"),
        change("rna.tsv", "S\t999", "S\t-9"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_before_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Path], None]
) -> None:
    inputs = toy(tmp_path)
    edit(tmp_path)
    monkeypatch.setattr("get_core.chromatin.count_sources.count_fragments", lambda *_, **__: pytest.fail("counted"))
    with pytest.raises(InvalidInput):
        build_atlas(inputs, SETTINGS)


def test_an_empty_file_of_motifs_and_a_matrix_alone(tmp_path: Path) -> None:
    inputs = toy(tmp_path)
    (tmp_path / "motifs.meme").write_text("\n# nothing\n")
    with pytest.raises(InvalidInput, match=r"motifs\.meme: the file is empty"):
        build_atlas(inputs, SETTINGS)
    (tmp_path / "matrix.mtx").write_text("")
    with pytest.raises(InvalidInput, match=r"matrix\.mtx: a matrix without its peaks") as caught:
        build_atlas(replace(toy(tmp_path), fragments=(), counts=tmp_path / "matrix.mtx"), SETTINGS)
    assert str(tmp_path) in caught.value.__notes__[0]


def test_rna_that_is_normalised_is_not_taken_for_counts(tmp_path: Path) -> None:
    import anndata
    import pandas as pd

    counts = np.array([[90, 10], [0, 3]], np.float32)
    obs, var = (
        pd.DataFrame({"cell_type": ["a", "b"]}, index=pd.Index(["1", "2"])),
        pd.DataFrame(index=pd.Index(["P", "S"])),
    )
    anndata.AnnData(np.log1p(counts), obs, var, layers={"raw": counts}).write_h5ad(tmp_path / "rna.h5ad")
    inputs = replace(toy(tmp_path), rna=tmp_path / "rna.h5ad")
    with pytest.raises(InvalidInput, match="values that are not whole numbers"):
        build_atlas(inputs, replace(SETTINGS, rna_unit="counts"))
    atlas, _ = build_atlas(inputs, replace(SETTINGS, rna_unit="counts", rna_layer="raw"))
    np.testing.assert_allclose(atlas.gene_expression, [[9e5, 1e5], [0, 1e6]], rtol=1e-6)


def test_no_cell_type_is_large_enough(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no cell type has more than 600 cells; a has 2") as caught:
        build_atlas(toy(tmp_path), BuildSettings())
    assert "--min-cells" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "changes", [{"fragments": ()}, {"pseudobulk": Path("x")}, {"cells": None}, {"peaks": ()}], ids=str
)
def test_inputs_that_do_not_belong_together(tmp_path: Path, changes: dict) -> None:
    with pytest.raises(InvalidInput) as caught:
        build_atlas(replace(toy(tmp_path), **changes), SETTINGS)
    assert caught.value.__notes__


# --- genome


def test_genome_makes_its_index_beside_or_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(tmp_path)
    path = tmp_path / "genome.fa"
    monkeypatch.setattr("get_core.chromatin.genome.os.access", lambda folder, mode: False)
    with Genome(path) as genome:
        elsewhere = genome.index
        assert genome.sequence("chr1", 110, 120) == WORD and elsewhere.parent != tmp_path
        with Genome(path, index=elsewhere) as second:
            assert second.index == elsewhere
        assert elsewhere.exists()
    assert not elsewhere.exists() and not (tmp_path / "genome.fa.fai").exists()
    monkeypatch.undo()
    with Genome(path) as genome:
        assert genome.index == tmp_path / "genome.fa.fai" and dict(genome.lengths) == {"chr1": 400, "chr2": 130}
        assert len(genome.sequence("chr2", 0, 130)) == 130
        for chrom, start, end in (("chr2", 100, 131), ("chr3", 0, 1), ("chr1", 5, 5)):
            with pytest.raises(InvalidInput, match=f"{chrom}:{start}-{end} is not on it"):
                genome.sequence(chrom, start, end)


def test_genomes_that_cannot_be_used(tmp_path: Path) -> None:
    toy(tmp_path)
    path = tmp_path / "genome.fa"
    zipped = tmp_path / "g.fa.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InvalidInput, match="gzip allows no random access") as caught:
        Genome(zipped)
    assert "bgzip" in caught.value.__notes__[0]
    Genome(path).close()
    os.truncate(path, 300)
    os.utime(path.with_name("genome.fa.fai"), (2e9, 2e9))
    with pytest.raises(InvalidInput, match="chr1:300-400"), Genome(path) as genome:
        genome.sequence("chr1", 300, 400)
    os.utime(path, (3e9, 3e9))
    with pytest.raises(InvalidInput, match=r"older than genome\.fa"):
        Genome(path)
    with pytest.raises(InvalidInput, match="no such file"):
        Genome(tmp_path / "none.fa")


# --- annotation and motifs


def test_starts_of_a_table_are_those_of_the_gtf(tmp_path: Path) -> None:
    toy(tmp_path)
    gtf = read_starts(tmp_path / "genes.gtf")
    assert gtf.position.tolist() == [150, 159, 150, 399, 25, 230, 99]
    rows = zip(gtf.chrom, gtf.position, gtf.strand, gtf.gene, gtf.gene_id, strict=True)
    text = "".join(
        f"{chrom}\t{place + 1}\t{'+-'[strand]}\t{gene}\t{key}.9\tx\n" for chrom, place, strand, gene, key in rows
    )
    (tmp_path / "tss.tsv").write_text("seqnames\ttss\tstrand\tgene_name\tgene_id\tgene_type\n" + text)
    table = read_starts(tmp_path / "tss.tsv", gene_types=("x",))
    assert table.gene == gtf.gene and table.gene_id == gtf.gene_id
    assert table.position.tolist() == gtf.position.tolist() and table.strand.tolist() == gtf.strand.tolist()
    with pytest.raises(InvalidInput, match="no transcription start of type y"):
        read_starts(tmp_path / "tss.tsv", gene_types=("y",))


def test_starts_of_real_annotations(shared: Path) -> None:
    genes = read_starts(shared / "data" / "gm12878_k562_chr4" / "chr4_genes.gtf.gz")
    # ZNF595 is on plus from 53286, a file of genes alone; ADD1's record of Ensembl runs on plus.
    row = genes.gene.index("ZNF595")
    assert (genes.position[row], genes.strand[row], genes.gene_id[row]) == (53285, 0, "ENSG00000272602")
    minus = genes.gene.index("ZNF732")
    assert (genes.position[minus], genes.strand[minus]) == (305473, 1)
    table = read_starts(shared / "data" / "annotation_hg38" / "tss_ensembl93.tsv.gz", gene_types=("protein_coding",))
    assert 0 < len(table) < 155_573 and "GATA1" in table.gene


JASPAR = """>MA0001.1 GATA1
A [ 9 0 ]
C [ 0 0 ]
G [ 0 9 ]
T [ 1 1 ]
>MA0002.1\tGATA1
1 0 0
0 1 0
0 0 1
0 0 0
"""


def test_jaspar(tmp_path: Path) -> None:
    path = tmp_path / "m.jaspar"
    path.write_text(JASPAR)
    library = read_motifs(path)
    assert library.names == ("MA0001.1", "MA0002.1") and library.cluster_names == ("GATA1",)
    np.testing.assert_allclose(library.matrices[0], [[0.9, 0, 0, 0.1], [0, 0, 0.9, 0.1]])
    np.testing.assert_allclose(library.matrices[1], np.eye(4)[:3])


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("C [ 0 0 ]", "G [ 0 0 ]", ":3: the row of G where that of C"),
        ("T [ 1 1 ]\n", "", "expected a header|:1: motif MA0001.1 is not four"),
        ("A [ 9 0 ]", "A [ 9 ]", ":1: motif MA0001.1 is not four rows of as many"),
        ("A [ 9 0 ]", "A [ x 0 ]", ":2: not a row of counts"),
        ("MA0002.1", "MA0001.1", ":6: motif MA0001.1 occurs twice"),
    ],
)
def test_wrong_jaspar(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "m.jaspar"
    path.write_text(JASPAR.replace(old, new))
    with pytest.raises(InvalidInput, match=fault):
        read_jaspar(path)


def test_jaspars_database() -> None:
    pytest.importorskip("pyjaspar")
    library = read_motifs("jaspar:CORE")
    ctcf = library.matrices[library.clusters.index("CTCF")]
    assert len(library.names) > 700
    np.testing.assert_allclose(ctcf.sum(axis=1), 1)
    with pytest.raises(InvalidInput, match="collection 'NONE'"):
        read_motifs("jaspar:NONE")
    with pytest.raises(InvalidInput, match="no such file"):
        read_motifs("none.meme")


# --- real data


def test_half_a_megabase_of_chr22(shared: Path, tmp_path: Path) -> None:
    path = REPOSITORY / "examples" / "mini_locus" / "build_inputs.py"
    spec = importlib.util.spec_from_file_location("mini_locus", path)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.main(["--data", str(shared / "data"), "--out", str(tmp_path)]) == 0
    inputs = AtlasInputs(
        genome=tmp_path / "genome.fa",
        motifs=shared / "data" / "motifs_vierstra_v1" / "motifs_2174.meme.gz",
        pseudobulk=tmp_path / "pseudobulk.tsv",
        annotation=tmp_path / "tss.tsv",
        rna=tmp_path / "rna.tsv",
    )
    atlas, report = build_atlas(inputs, BuildSettings())
    folder = shared / "data" / "mini_locus_chr22"
    regions = example.rows(folder / "k562_regions_hg38.tsv.gz")
    # The genome gives the very sequences that came with the regions.
    with Genome(tmp_path / "genome.fa") as genome:
        for row in regions:
            assert genome.sequence(row["chrom"], int(row["start"]), int(row["end"])) == row["sequence"].upper()
    counts = np.array([int(row["k562_atac_count"]) for row in regions])
    np.testing.assert_allclose(atlas.accessibility[0], np.log10(counts / counts.sum() * 1e5 + 1), rtol=1e-6)
    recorded = example.rows(folder / "tss_expression.tsv")
    assert atlas.expression_labels is not None and atlas.promoters is not None
    for row, (start, end) in enumerate(zip(atlas.start.tolist(), atlas.end.tolist(), strict=True)):
        for strand, sign in enumerate("+-"):
            here = {r["gene_name"]: r for r in recorded if r["strand"] == sign and start < int(r["tss"]) <= end}
            expected = sum(math.log10(float(r["k562_hpa_nx"] or 0) + 1) for r in here.values())
            assert atlas.expression_labels[0, row, strand] == pytest.approx(expected, abs=1e-5)
            of_row = (atlas.promoters.region == row) & (atlas.promoters.strand == strand)
            assert {gene for gene, yes in zip(atlas.promoters.gene, of_row, strict=True) if yes} == set(here)
    # The regions that the ABC pipeline calls promoters of a gene with starts here hold one of its starts.
    called = {(row["promoter_of"], int(row["start"])) for row in regions if row["promoter_of"]}
    ours = set(zip(atlas.promoters.gene, atlas.start[atlas.promoters.region].tolist(), strict=True))
    assert len(called & ours) >= 8
    assert {row.subject for row in report.dropped} == {"DGCR6L"}
    from get_core.motifs import clusters

    assert atlas.motifs == clusters()
    atlas.save(tmp_path / "atlas.zarr.zip")
    assert same(Atlas.load(tmp_path / "atlas.zarr.zip"), atlas)
