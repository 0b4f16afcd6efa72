"""Peaks, fragments and counts per cell: by hand, against plain Python, and against ArchR's own matrix."""

import gzip
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from get_core.chromatin.counts import read_h5ad, read_matrix_folder, read_pseudobulk
from get_core.chromatin.fragments import count_fragments, read_cells
from get_core.chromatin.peaks import Peaks, check_shared_names, overlapping, read_peaks, sort_peaks
from get_core.errors import InvalidInput


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def made(*regions: tuple[str, int, int]) -> Peaks:
    chrom, start, end = zip(*regions, strict=True)
    return sort_peaks(chrom, start, end, [f"r{i}" for i in range(len(regions))])[0]


def names(peaks: Peaks) -> list[str]:
    return [peaks.name(row) for row in range(len(peaks))]


# --- peaks


def test_peaks_of_one_file_are_sorted_with_a_note(tmp_path: Path) -> None:
    text = 'track name="x"\nchr10\t5\t9\tname\t1\nchr2\t30\t40\nchr2\t10\t35\nchr2\t30\t40\n'
    peaks, notes = read_peaks([write(tmp_path / "a.bed.gz", text)])
    assert names(peaks) == ["chr2:10-35", "chr2:30-40", "chr10:5-9"]
    assert any("not sorted" in note for note in notes) and "1 repeated peaks dropped" in notes
    assert peaks.origin[0].endswith("a.bed.gz:4")
    assert peaks.start.dtype == np.int64


def test_peaks_of_several_files_are_merged(tmp_path: Path) -> None:
    a = write(tmp_path / "a.narrowPeak", "chr1\t10\t20\nchr1\t50\t60\nchr2\t0\t9\n")
    b = write(tmp_path / "b.bed", "chr1\t19\t30\nchr1\t60\t70\nchr1\t55\t58\n")
    peaks, notes = read_peaks([a, b])
    # 50-60 and 60-70 touch without a common base, so they stay two.
    assert names(peaks) == ["chr1:10-30", "chr1:50-60", "chr1:60-70", "chr2:0-9"]
    assert "6 peaks of 2 files merged into 4" in notes


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("chr1\t10", "2 columns"),
        ("chr1\t10\t10", "ends at 10, not after"),
        ("chr1\t-1\t10", "'-1' is not a coordinate"),
        ("chr1\t1e3\t2000", "'1e3' is not a coordinate"),
        ("chr1\t1\t99999999999999999999", "not a coordinate"),
    ],
)
def test_a_wrong_peak_is_named_with_its_line(tmp_path: Path, line: str, fault: str) -> None:
    path = write(tmp_path / "a.bed", f"chr1\t1\t2\n{line}\n")
    with pytest.raises(InvalidInput, match=fault) as caught:
        read_peaks([path])
    assert "a.bed:2" in str(caught.value)


def test_chromosomes_are_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bed", "chr1\t1\t2\nchrM\t1\t2\n")
    assert names(read_peaks([path], chromosomes=("chr1",))[0]) == ["chr1:1-2"]
    with pytest.raises(InvalidInput, match="no peak on chr9"):
        read_peaks([path], chromosomes=("chr9",))


def test_names_of_chromosomes_that_do_not_match() -> None:
    with pytest.raises(InvalidInput, match="peaks and the genome share no chromosome: chr1") as caught:
        check_shared_names(["chr1", "chrM"], "peaks", ["1", "MT"], "the genome")
    assert caught.value.__notes__ == ["one file says chr1, the other 1: rename the chromosomes in one of them"]
    with pytest.raises(InvalidInput, match="lie on chrM, which the genome lacks") as caught:
        check_shared_names(["chr1", "chrM"], "peaks", ["chr1", "MT"], "the genome", all_needed=True)
    assert "one file says chrM, the other MT" in caught.value.__notes__[0]
    check_shared_names(["chr1", "chrM"], "peaks", ["chr1"], "the fragments")


intervals = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15)), max_size=12)


@settings(max_examples=150)
@given(intervals, intervals)
def test_overlaps_are_those_of_two_loops(regions: list[tuple[int, int]], queries: list[tuple[int, int]]) -> None:
    sorted_regions = sorted((a, a + w) for a, w in regions)
    start, end = (np.array([each[i] for each in sorted_regions], np.int64) for i in (0, 1))
    first = np.array([a for a, _ in queries], np.int64)
    last = np.array([a + w for a, w in queries], np.int64)
    found = set(zip(*(each.tolist() for each in overlapping(start, end, first, last)), strict=True))
    expected = {
        (q, r) for q, (a, w) in enumerate(queries) for r, (s, e) in enumerate(sorted_regions) if a < e and s < a + w
    }
    assert found == expected


# --- fragments

PEAKS = made(("chr1", 100, 200), ("chr1", 150, 300), ("chr2", 0, 50))
CELLS = {"AA-1": "a", "BB-1": "b", "CC-1": "a"}
FRAGMENTS = """# id=toy
chr1\t100\t200\tAA-1\t7
chr1\t150\t301\tBB-1\t1
chr1\t99\t151\tCC-1\t1
chr2\t49\t60\tAA-1\t1
chr2\t50\t60\tAA-1\t1
chr3\t1\t9\tAA-1\t1
chr1\t100\t120\tZZ-1\t1
"""


def test_insertions_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path / "fragments.tsv.gz", FRAGMENTS)
    found = count_fragments([path], PEAKS, CELLS, ("a", "b"))
    # AA 100-200: 100 in the first, 199 in both. BB 150-301: 150 in both, 300 in none. CC: 99 in none, 150 in both.
    # AA 49-60 on chr2: 49 in, 59 out.
    assert found.counts.tolist() == [[3, 2, 1], [1, 1, 0]]
    assert (found.n_fragments, found.n_matched, found.barcodes_seen) == (7, 6, 3)


def test_a_ceiling_counts_per_cell_and_peak(tmp_path: Path) -> None:
    text = "chr1\t110\t120\tAA-1\t1\n" * 3 + "chr1\t110\t120\tCC-1\t1\n"
    path = write(tmp_path / "f.tsv", text)
    assert count_fragments([path], PEAKS, CELLS, ("a", "b")).counts.tolist() == [[8, 0, 0], [0, 0, 0]]
    capped = count_fragments([path], PEAKS, CELLS, ("a", "b"), cell_ceiling=4)
    assert capped.counts.tolist() == [[4 + 2, 0, 0], [0, 0, 0]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["chr1", "chr2", "chr10"]),
            st.integers(0, 60),
            st.integers(1, 30),
            st.sampled_from([*CELLS, "other"]),
        ),
        min_size=1,
        max_size=60,
    ),
    st.lists(st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 60), st.integers(1, 30)), min_size=1),
    st.sampled_from([None, 1, 2]),
)
def test_counts_are_those_of_plain_python(
    tmp_path_factory: pytest.TempPathFactory,
    fragments: list[tuple[str, int, int, str]],
    regions: list[tuple[str, int, int]],
    ceiling: int | None,
) -> None:
    peaks = made(*((chrom, start, start + width) for chrom, start, width in regions))
    fragments = [*fragments, (str(peaks.chrom[0]), 0, 1, "AA-1")]
    by_cell: Counter = Counter()
    for chrom, start, width, barcode in fragments:
        for place in (start, start + width - 1):
            for row in range(len(peaks)):
                if peaks.chrom[row] == chrom and peaks.start[row] <= place < peaks.end[row]:
                    by_cell[row, barcode] += 1
    expected = np.zeros((2, len(peaks)), int)
    for (row, barcode), count in by_cell.items():
        if barcode in CELLS:
            expected["ab".index(CELLS[barcode]), row] += min(count, ceiling or count)
    text = "".join(f"{chrom}\t{start}\t{start + width}\t{barcode}\t1\n" for chrom, start, width, barcode in fragments)
    path = write(tmp_path_factory.mktemp("f") / "f.tsv", text)
    for block in (1 << 20, 40):
        found = count_fragments([path], peaks, CELLS, ("a", "b"), cell_ceiling=ceiling, block_bytes=block)
        assert found.counts.tolist() == expected.tolist()


def test_counts_are_archrs(shared: Path, tmp_path: Path) -> None:
    """ArchR counts both ends of a fragment, at most 4 of a cell in a peak; its matrix was summed per cell type."""
    folder = shared / "data" / "scatac_pbmc_small"
    recorded = read_pseudobulk(folder / "peaks_pseudobulk.tsv.gz")
    cells = read_cells(folder / "cells.tsv")
    fragments = [folder / "fragments_hg19_chr5_chr11.tsv.gz"]
    found = count_fragments(fragments, recorded.peaks, cells, ("B", "Mono", "T"), cell_ceiling=4)
    assert found.barcodes_seen == len(cells) == 127
    assert found.counts.sum(axis=1).tolist() == [13386, 8215, 18592]
    np.testing.assert_array_equal(found.counts, recorded.counts)
    # The order of the file is of no account.
    lines = gzip.decompress(fragments[0].read_bytes()).decode().splitlines(keepends=True)
    shuffled = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))]
    again = count_fragments(
        [write(tmp_path / "f.tsv", "".join(shuffled))], recorded.peaks, cells, ("B", "Mono", "T"), cell_ceiling=4,
        block_bytes=100_000,
    )  # fmt: skip
    np.testing.assert_array_equal(again.counts, found.counts)


@pytest.mark.parametrize(
    ("text", "fault", "cure"),
    [
        ("chr1\t5\t9\tAA\t1\n", "none of its barcodes, such as 'AA', is a cell, such as 'AA-1'", "suffix"),
        ("1\t5\t9\tAA-1\t1\n", "share no chromosome: chr1, chr2 against 1", "one file says chr1, the other 1"),
        ("chr1\t5\t9\tAA-1\t1\nchr1\t9\t5\tAA-1\t1\n", r":2: chr1:9-5 is not a fragment", ""),
        ("chr1\t5\tx\tAA-1\t1\n", "cannot be read as fragments", "tabs"),
        ("chr1\t5\n", "cannot be read as fragments", "tabs"),
        ("", "no fragment in it", ""),
        ("# only a comment\n", "no fragment in it", ""),
    ],
)
def test_wrong_fragments(tmp_path: Path, text: str, fault: str, cure: str) -> None:
    with pytest.raises(InvalidInput, match=fault) as caught:
        count_fragments([write(tmp_path / "f.tsv", text)], PEAKS, CELLS, ("a", "b"))
    assert cure in "".join(getattr(caught.value, "__notes__", []))


def test_truncated_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv.gz", FRAGMENTS + "".join(f"chr1\t{i}\t{i + 9}\tAA-1\t1\n" for i in range(5000)))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InvalidInput, match=r"f.tsv.gz.*cannot be read"):
        count_fragments([path], PEAKS, CELLS, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("AA\ta\nAA\tb\n", ":2: barcode AA occurs twice"),
        ("AA\n", ":1: not a barcode and a cell type"),
        ("barcode\tcell_type\n", "no cell"),
    ],
)
def test_wrong_cells(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        read_cells(write(tmp_path / "cells.tsv", text))


# --- tables, h5ad and matrix folders: the same toy three times

LABELS = ["chr2:5-9", "chr1:100-200", "chr1:30-60"]
MATRIX = np.array([[1, 0, 2], [0, 4, 0], [3, 0, 1], [9, 9, 9]])  # cells x peaks
BARCODES, TYPES = ["AA", "BB", "CC", "DD"], {"AA": "a", "BB": "b", "CC": "a"}
SUMS = {"chr1:30-60": (3, 0), "chr1:100-200": (0, 4), "chr2:5-9": (4, 0)}


def check_toy(table) -> None:
    assert names(table.peaks) == list(SUMS) and not table.in_order
    assert table.cell_types == ("a", "b")
    assert table.counts.T.tolist() == [list(pair) for pair in SUMS.values()]


def test_pseudobulk(tmp_path: Path) -> None:
    rows = [f"{label.replace(':', '-').replace('-', chr(9))}\t{SUMS[label][0]}\t{SUMS[label][1]}\n" for label in LABELS]
    path = write(tmp_path / "t.tsv.gz", "chrom\tstart\tend\ta\tb\n" + "".join(rows))
    table = read_pseudobulk(path)
    check_toy(table)
    assert table.cells is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("chrom\tstart\tend\n", ":1: the header"),
        ("chrom\tstart\tend\ta\ta\n", ":1: the header"),
        ("chrom\tstart\tend\ta\nchr1\t1\t2\n", ":2: 3 columns, but 4"),
        ("chrom\tstart\tend\ta\nchr1\t1\t2\t-3\n", ":2: a: -3 is negative"),
        ("chrom\tstart\tend\ta\nchr1\t1\t2\tnan\n", ":2: a: nan is negative or not finite"),
        ("chrom\tstart\tend\ta\nchr1\t1\t2\t3\nchr1\t1\t2\t4\n", "chr1:1-2 occurs twice"),
        ("chrom\tstart\tend\ta\n", "no peak follows"),
    ],
)
def test_wrong_pseudobulk(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        read_pseudobulk(write(tmp_path / "t.tsv", text))


def h5ad(path: Path, matrix: np.ndarray, labels: list[str], types: list[str | None], *, sparse: bool = True) -> Path:
    import anndata
    import pandas as pd
    from scipy.sparse import csr_matrix

    obs = pd.DataFrame({"cell_type": types}, index=pd.Index(BARCODES[: len(types)]))
    data = anndata.AnnData(
        csr_matrix(matrix.astype(np.float32)) if sparse else matrix.astype(np.float32),
        obs,
        pd.DataFrame(index=pd.Index(labels)),
    )
    data.write_h5ad(path)
    return path


@pytest.mark.parametrize("sparse", [True, False])
def test_h5ad(tmp_path: Path, sparse: bool) -> None:
    labels = [label.replace(":", "-") for label in LABELS]
    path = h5ad(tmp_path / "c.h5ad", MATRIX, labels, ["a", "b", "a", None], sparse=sparse)
    table = read_h5ad(path, "cell_type")
    check_toy(table)
    assert table.cells == (2, 1)
    check_toy(read_h5ad(path, "none", cells=TYPES))


def test_h5ad_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("get_core.chromatin.h5ad.ROWS", 3)
    check_toy(read_h5ad(h5ad(tmp_path / "c.h5ad", MATRIX, LABELS, ["a", "b", "a", None]), "cell_type"))


def multiome(path: Path, **stored: object) -> Path:
    """Write MATRIX and a gene beside it, as scanpy reads a multiome file; `stored` goes into the file as given."""
    import anndata
    import pandas as pd

    genes = np.full((len(MATRIX), 1), 0.5, np.float32)
    obs = pd.DataFrame({"cell_type": ["a", "b", "a", None]}, index=pd.Index(BARCODES))
    var = pd.DataFrame({"feature_types": ["Gene Expression"] + ["Peaks"] * 3}, index=pd.Index(["GATA1", *LABELS]))
    whole = np.hstack([genes, MATRIX.astype(np.float32)])
    layers = {name: made(whole) for name, made in stored.items() if name != "x"}  # pyright: ignore[reportCallIssue]
    data = anndata.AnnData(stored["x"](whole), obs, var, layers=layers)  # pyright: ignore[reportCallIssue]
    data.write_h5ad(path)
    return path


def test_normalised_values_are_not_taken_for_counts(tmp_path: Path) -> None:
    from scipy.sparse import csr_matrix

    path = multiome(tmp_path / "m.h5ad", x=lambda x: csr_matrix(np.log1p(x / 3)), counts=csr_matrix)
    with pytest.raises(InvalidInput, match=r"X of cells 0 to 4: values that are not whole numbers") as caught:
        read_h5ad(path, "cell_type")
    assert "--counts-layer" in caught.value.__notes__[0] and "its layers are counts" in caught.value.__notes__[0]
    check_toy(read_h5ad(path, "cell_type", layer="counts"))
    assert 0 < read_h5ad(path, "cell_type", layer="X").counts.sum() < MATRIX.sum()
    with pytest.raises(InvalidInput, match="no layer 'raw'"):
        read_h5ad(path, "cell_type", layer="raw")


def test_a_matrix_stored_by_column_is_read_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from anndata._core.sparse_dataset import BaseCompressedSparseDataset
    from scipy.sparse import csc_matrix

    path = multiome(tmp_path / "m.h5ad", x=np.asarray, counts=csc_matrix)
    monkeypatch.setattr("get_core.chromatin.h5ad.ROWS", 2)
    # What anndata does of a matrix that is cut across its storage: all of it comes into memory, for each block.
    monkeypatch.setattr(BaseCompressedSparseDataset, "to_memory", lambda _: pytest.fail("all of it was read"))
    check_toy(read_h5ad(path, "cell_type", layer="counts"))


def test_a_file_without_a_matrix(tmp_path: Path) -> None:
    path = multiome(tmp_path / "m.h5ad", x=lambda _: None, counts=np.asarray)
    with pytest.raises(InvalidInput, match=r"no matrix X") as caught:
        read_h5ad(path, "cell_type")
    assert "its layers are counts" in caught.value.__notes__[0]
    check_toy(read_h5ad(path, "cell_type", layer="counts"))


def test_wrong_h5ad(tmp_path: Path) -> None:
    path = h5ad(tmp_path / "c.h5ad", MATRIX, LABELS, ["a", "b", "a", "b"])
    with pytest.raises(InvalidInput, match="obs has no column 'leiden'") as caught:
        read_h5ad(path, "leiden")
    assert "cell_type" in caught.value.__notes__[0]
    with pytest.raises(InvalidInput, match="no cell has a type"):
        read_h5ad(path, "cell_type", cells={"XX": "a"})
    with pytest.raises(InvalidInput, match="peak 2: 'GATA1' is not chrom:start-end"):
        read_h5ad(h5ad(tmp_path / "d.h5ad", MATRIX, [LABELS[0], "GATA1", LABELS[2]], ["a"] * 4), "cell_type")
    with pytest.raises(InvalidInput, match="X of cells 0 to 4: negative or non-finite values"):
        read_h5ad(h5ad(tmp_path / "e.h5ad", MATRIX - 1.0, LABELS, ["a"] * 4), "cell_type")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InvalidInput, match="cannot be read as h5ad"):
        read_h5ad(path, "cell_type")
    with pytest.raises(InvalidInput, match="no such file"):
        read_h5ad(tmp_path / "none.h5ad", "cell_type")


def folder(path: Path, matrix: np.ndarray, *, bed: bool) -> Path:
    path.mkdir()
    entries = [(i + 1, j + 1, matrix[i, j]) for i, j in np.argwhere(matrix)]
    size = f"{matrix.shape[0]} {matrix.shape[1]} {len(entries)}\n"
    text = "%%MatrixMarket matrix coordinate integer general\n%\n" + size
    write(path / "matrix.mtx.gz", text + "".join(f"{i} {j} {n}\n" for i, j, n in entries))
    write(path / "barcodes.tsv", "".join(f"{name}\n" for name in BARCODES))
    if bed:
        split = [label.replace(":", "-").split("-") for label in LABELS]
        write(path / "peaks.bed", "".join("\t".join(parts) + "\n" for parts in split))
    else:
        write(path / "features.tsv.gz", "".join(f"{label}\t{label}\tPeaks\n" for label in LABELS))
    return path


@pytest.mark.parametrize("bed", [True, False])
def test_matrix_folder(tmp_path: Path, bed: bool) -> None:
    table = read_matrix_folder(folder(tmp_path / "peaks_by_cells", MATRIX.T, bed=bed), TYPES)
    check_toy(table)
    assert table.cells == (2, 1)
    check_toy(read_matrix_folder(folder(tmp_path / "cells_by_peaks", MATRIX, bed=bed), TYPES))


def test_wrong_matrix_folder(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", MATRIX.T, bed=True)
    with pytest.raises(InvalidInput, match="none of its barcodes"):
        read_matrix_folder(path, {"AA-1": "a"})
    whole = gzip.decompress((path / "matrix.mtx.gz").read_bytes()).decode()
    write(path / "matrix.mtx.gz", whole.rsplit("\n", 2)[0] + "\n")
    with pytest.raises(InvalidInput, match="7 entries, 8 announced"):
        read_matrix_folder(path, TYPES)
    write(path / "matrix.mtx.gz", whole.replace("3 4 8", "3 5 8"))
    with pytest.raises(InvalidInput, match=r"matrix.mtx.gz:3: 3 x 5, but beside it are 3 peaks and 4 barcodes"):
        read_matrix_folder(path, TYPES)
    (path / "barcodes.tsv").unlink()
    with pytest.raises(InvalidInput, match=r"no barcodes.tsv"):
        read_matrix_folder(path, TYPES)


def test_genes_of_a_multiome_matrix_are_passed_over(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", np.vstack([np.full((1, 4), 7), MATRIX.T]), bed=False)
    (path / "features.tsv.gz").unlink()
    rows = "".join(f"{label}\t{label}\tPeaks\n" for label in LABELS)
    write(path / "features.tsv", f"ENSG00000102145\tGATA1\tGene Expression\n{rows}")
    check_toy(read_matrix_folder(path, TYPES))
    write(path / "features.tsv", "ENSG00000102145\tGATA1\tGene Expression\n")
    with pytest.raises(InvalidInput, match=r"features.tsv: no peak in it"):
        read_matrix_folder(path, TYPES)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("general", "symmetric", r"matrix.mtx:1: .*not coordinates of a general matrix"),
        ("coordinate", "array", r"matrix.mtx:1: .*not coordinates"),
        ("\n3 4 9\n", "\n3 4 x\n", r"matrix.mtx:11: 'x' is not a number"),
        ("\n3 4 9\n", "\n3 4.5 4\n", r"matrix.mtx:11: not an entry: '3 4.5 4'"),
        ("\n3 4 9\n", "\n3 4 -4\n", r"matrix.mtx:11: -4 is negative"),
        ("\n3 4 9\n", "\n0 4 4\n", r"matrix.mtx:11: entry '0 4 4' lies outside of 3 x 4"),
        ("\n3 4 9\n", "\n3 4\n", r"matrix.mtx:4: of the entries from here on some have a count"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = folder(tmp_path / "m", MATRIX.T, bed=True)
    text = gzip.decompress((path / "matrix.mtx.gz").read_bytes()).decode()
    assert old in text, text
    (path / "matrix.mtx.gz").unlink()
    write(path / "matrix.mtx", text.replace(old, new))
    with pytest.raises(InvalidInput, match=fault):
        read_matrix_folder(path, TYPES)
