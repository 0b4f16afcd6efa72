"""Files in the layout of the published code (look-alikes, written here with zarr format 2 as it does)."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import zarr
from pyarrow import feather
from scipy.sparse import csr_matrix, save_npz

from get_core.attribution import jacobian
from get_core.errors import InvalidInput
from get_core.formats import (
    GeneByMotif,
    read_demo,
    read_interpretation,
    read_matrix,
    read_training,
    write_matrix,
)
from get_core.model import GET, GetConfig
from get_core.motifs import clusters

PEAKS = ["chr10:100-300", "chr2:500-900", "chr2:0-200", "chrX:7-9"]
SCORES = np.array([[1, 3, 0], [4, 1, 0], [2, 0, 8], [9, 6, 0]], np.float32)
ATPM = {"B cell": [0, 4, 1, 2.0], "T cell": [0.5, 1, 0, 0]}
PLUS, MINUS = {"B cell": [0, 0, 1.5, 2], "T cell": [0, 0, 2.5, 0]}, {"B cell": [0, 3, 0, 0], "T cell": [0, 1, 0, 0]}


@pytest.fixture
def training(tmp_path: Path) -> Path:
    path = tmp_path / "training.zarr"
    group = zarr.create_group(path, zarr_format=2)

    def write(name: str, values: object) -> None:
        array = np.asarray(values)
        group.create_array(name, data=array, chunks=tuple(max(1, size) for size in array.shape))

    write("data", SCORES)
    write("peak_names", np.array(PEAKS))
    write("motif_names", np.array(["GATA", "HD/10", "CTCF"]))
    for name in ATPM:
        write(f"atpm/{name}", np.array(ATPM[name], np.float32))
        write(f"expression_positive/{name}", np.array(PLUS[name], np.float32))
        write(f"expression_negative/{name}", np.array(MINUS[name], np.float32))
    write("gene_idx_info_index", np.array([2, 1, 3]))
    write("gene_idx_info_name", np.array(["GATA1", "CTCF", "GATA1"]))
    write("gene_idx_info_strand", np.array(["+", "-", "+"]))
    return path


def test_training_rows_stay_together_when_peaks_are_sorted(training: Path) -> None:
    atlas = read_training(training)
    assert [f"{c}:{s}-{e}" for c, s, e in zip(atlas.chrom, atlas.start, atlas.end, strict=True)] == [
        "chr2:0-200",
        "chr2:500-900",
        "chr10:100-300",
        "chrX:7-9",
    ]
    order = [2, 1, 0, 3]
    np.testing.assert_array_equal(atlas.scores, SCORES[order])
    assert atlas.cell_types == ("B cell", "T cell")
    np.testing.assert_array_equal(atlas.accessibility, np.array(list(ATPM.values()))[:, order])
    assert atlas.expression_labels is not None
    np.testing.assert_array_equal(atlas.expression_labels[0, :, 1], np.array(MINUS["B cell"])[order])
    assert atlas.promoters is not None
    assert atlas.promoters.gene == ("GATA1", "CTCF", "GATA1")
    assert atlas.promoters.region.tolist() == [0, 1, 3]
    assert atlas.promoters.strand.tolist() == [0, 1, 0]
    assert atlas.genes == ("CTCF", "GATA1")
    np.testing.assert_array_equal(atlas.gene_expression, [[3, 2], [1, 2.5]])
    assert (atlas.expression_unit, atlas.accessibility_kind) == ("log10(TPM + 1)", "measured")


def test_coordinates_stay_integers(tmp_path: Path, training: Path) -> None:
    # The published loader rounds coordinates to float32, by up to 16 bases at this place.
    group = zarr.open_group(training)
    names = np.array(["chr10:242193529-242193731", *PEAKS[1:]])
    del group["peak_names"]
    group.create_array("peak_names", data=names, chunks=(4,))
    assert 242193529 in read_training(training).start.tolist()


def test_training_of_chosen_cell_types(training: Path) -> None:
    assert read_training(training, ["T cell"]).cell_types == ("T cell",)
    with pytest.raises(InvalidInput, match="no accessibility of NK cell"):
        read_training(training, ["NK cell"])


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("peak_names", np.array(["chr1:1-2", "chr1", "chr1:5-6", "chr1:8-9"]), r"peak_names\[1\] is 'chr1'"),
        ("peak_names", np.array(PEAKS[:3]), "data is float32"),
        ("data", SCORES[:3], "data is float32"),
        ("data", np.where(SCORES == 9, np.nan, SCORES), r"data\[3, 0\] is not finite"),
        ("atpm/B cell", np.ones(3, np.float32), "atpm/B cell is float32"),
        ("expression_negative/T cell", np.ones((4, 1), np.float32), "expression_negative/T cell is float32"),
        ("gene_idx_info_index", np.array([2, 1, 4]), "reaches row 4 of 4 peaks"),
        ("gene_idx_info_strand", np.array(["+", "-", "1"]), "must hold \\+ or -"),
        ("peak_names", np.array([PEAKS[0], PEAKS[0], *PEAKS[2:]]), "occurs twice"),
    ],
)
def test_wrong_parts_of_a_training_zarr(training: Path, name: str, values: np.ndarray, fault: str) -> None:
    group = zarr.open_group(training)
    del group[name]
    group.create_array(name, data=values, chunks=values.shape)
    with pytest.raises(InvalidInput, match=fault):
        read_training(training)


def test_a_truncated_or_foreign_training_zarr(training: Path, tmp_path: Path) -> None:
    (chunk,) = (training / "atpm" / "B cell").glob("0*")
    chunk.write_bytes(chunk.read_bytes()[:4])
    with pytest.raises(InvalidInput, match="atpm/B cell cannot be read"):
        read_training(training)
    zarr.create_group(tmp_path / "empty.zarr")
    with pytest.raises(InvalidInput, match="lacks the array 'peak_names'"):
        read_training(tmp_path / "empty.zarr")
    with pytest.raises(InvalidInput, match="no such file"):
        read_training(tmp_path / "absent.zarr")


# --- interpretation


@pytest.fixture
def interpreted() -> tuple[GET, torch.Tensor, torch.Tensor, np.ndarray]:
    torch.manual_seed(3)
    model = GET(GetConfig(features=4, embed=16, layers=1, heads=2)).eval()
    x = torch.rand(5, 7, 4).half().float()  # stored as float16
    strand = torch.tensor([0, 1, 1, 0, 1])
    own = (jacobian(model, x, 3, strand) * x).sum(1).numpy()
    return model, x, strand, own


def write_interpretation(path: Path, model: GET, x: torch.Tensor, strand: torch.Tensor, *, on: str) -> None:
    """Write what the published flow stores: the second strand holds the sum of both."""
    plus, minus = (jacobian(model, x, 3, number).numpy() for number in (0, 1))
    stored = {"gpu": (plus, plus + minus), "cpu": (plus + minus, plus + minus)}[on]
    group = zarr.create_group(path, zarr_format=2)
    for number in (0, 1):
        name = f"jacobians/exp/{number}/input/region_motif"
        group.create_array(name, data=stored[number].astype("f4"), chunks=(2, 7, 4))
    group.create_array("input", data=x.numpy().astype("f2"), chunks=(2, 7, 4))
    group.create_array("strand", data=strand.numpy().astype("f4"), chunks=(5,))
    group.create_array("available_genes", data=np.array([f"G{i}".ljust(100) for i in range(5)]), chunks=(5,))
    group.create_array("chromosome", data=np.array(["chr1".ljust(30)] * 5), chunks=(5,))
    with torch.no_grad():
        group.create_array("preds/exp", data=model(x).numpy(), chunks=(5, 7, 2))


MOTIFS = ("a", "b", "c", "Accessibility")


def test_strand_contamination_is_undone(tmp_path: Path, interpreted) -> None:
    model, x, strand, own = interpreted
    write_interpretation(tmp_path / "gpu.zarr", model, x, strand, on="gpu")
    found = read_interpretation(tmp_path / "gpu.zarr", motifs=MOTIFS)
    np.testing.assert_allclose(found.by_motif.values, own, rtol=0, atol=1e-5)
    assert found.by_motif.genes == ("G0", "G1", "G2", "G3", "G4")
    assert found.chrom == ("chr1",) * 5
    assert "undone" in found.by_motif.notes[1]
    assert found.predicted is not None
    with torch.no_grad():
        np.testing.assert_allclose(found.predicted, model(x)[torch.arange(5), 3, strand], rtol=0, atol=1e-6)
    mixed = read_interpretation(tmp_path / "gpu.zarr", motifs=MOTIFS, strands="as_stored").by_motif
    plus = strand.numpy() == 0
    np.testing.assert_allclose(mixed.values[plus], own[plus], rtol=0, atol=1e-5)
    assert abs(mixed.values[~plus] - own[~plus]).max() > 1e-3
    assert "may hold" in mixed.notes[1]


def test_what_cannot_be_undone_is_refused(tmp_path: Path, interpreted) -> None:
    model, x, strand, _ = interpreted
    write_interpretation(tmp_path / "cpu.zarr", model, x, strand, on="cpu")
    with pytest.raises(InvalidInput, match="both strands hold the same Jacobian"):
        read_interpretation(tmp_path / "cpu.zarr", motifs=MOTIFS)


@pytest.mark.parametrize("reduce", ["abs_mean", "signed_mean"])
def test_other_reductions(tmp_path: Path, interpreted, reduce: str) -> None:
    model, x, strand, _ = interpreted
    write_interpretation(tmp_path / "gpu.zarr", model, x, strand, on="gpu")
    found = read_interpretation(tmp_path / "gpu.zarr", motifs=MOTIFS, reduce=reduce).by_motif.values  # pyright: ignore
    product = (jacobian(model, x, 3, strand) * x).numpy()
    expected = abs(product).mean(1) if reduce == "abs_mean" else product.mean(1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_features_need_their_names(tmp_path: Path, interpreted) -> None:
    model, x, strand, _ = interpreted
    write_interpretation(tmp_path / "gpu.zarr", model, x, strand, on="gpu")
    with pytest.raises(InvalidInput, match="windows of 4 features, but 283 names"):
        read_interpretation(tmp_path / "gpu.zarr")


# --- the demo's store


def write_demo(folder: Path, each: str, peaks: list[tuple[str, int, int]], features: np.ndarray) -> None:
    save_npz(folder / f"{each}.watac.npz", csr_matrix(features))
    np.save(folder / f"{each}.exp.npy", np.tile(np.arange(len(peaks), dtype="f4")[:, None], (1, 2)))
    rows = "".join(f"{i},{c},{s},{e}\n" for i, (c, s, e) in enumerate(peaks))
    (folder / f"{each}.csv").write_text(",Chromosome,Start,End\n" + rows)


def test_demo_cell_types_share_peaks(tmp_path: Path) -> None:
    features = np.zeros((2, 283), np.float32)
    features[:, 5], features[:, -1] = [0.2, 0.4], [0.5, 0.9]
    write_demo(tmp_path, "118", [("chr2", 5, 9), ("chr10", 1, 3)], features)
    write_demo(tmp_path, "7", [("chr1", 5, 9), ("chr10", 1, 3)], features * 2)
    atlas = read_demo(tmp_path, ["118", "7"], ["astrocyte", "B cell"])
    assert atlas.chrom.tolist() == ["chr1", "chr2", "chr10"]
    np.testing.assert_allclose(atlas.accessibility, [[0, 0.5, 0.9], [1, 0, 1.8]], rtol=1e-6)
    np.testing.assert_allclose(atlas.scores[:, 5], [0.4, 0.2, 0.8], rtol=1e-6)
    assert atlas.expression_labels is not None
    np.testing.assert_array_equal(atlas.expression_labels[:, :, 0], [[0, 0, 1], [0, 0, 1]])
    assert atlas.motifs == clusters()


def test_demo_files_that_do_not_fit(tmp_path: Path) -> None:
    features = np.ones((2, 283), np.float32)
    write_demo(tmp_path, "1", [("chr1", 5, 9), ("chr1", 10, 13)], features)
    with pytest.raises(InvalidInput, match=r"2\.watac\.npz: no such file"):
        read_demo(tmp_path, ["1", "2"])
    with pytest.raises(InvalidInput, match="no number of a cell type"):
        read_demo(tmp_path, ["../1"])
    (tmp_path / "1.csv").write_text(",Chromosome,Start,End\n0,chr1,5,9\n1,chr1,x,9\n")
    with pytest.raises(InvalidInput, match=r"1\.csv:3: not a peak"):
        read_demo(tmp_path, ["1"])
    (tmp_path / "1.csv").write_text(",Chromosome,Start,End\n0,chr1,5,9\n")
    with pytest.raises(InvalidInput, match=r"\(2, 283\) scores"):
        read_demo(tmp_path, ["1"])


# --- matrices

MATRIX = GeneByMotif(("TAL1", "GATA1", "TAL1"), ("GATA", "HD/10"), np.array([[1, -2], [0.5, 0], [3, 4]], np.float32))


@pytest.mark.parametrize("name", ["m.feather", "m.parquet", "m.tsv"])
def test_matrix_round_trip(tmp_path: Path, name: str) -> None:
    write_matrix(MATRIX, tmp_path / name)
    found = read_matrix(tmp_path / name)
    assert (found.genes, found.motifs) == (MATRIX.genes, MATRIX.motifs)
    np.testing.assert_array_equal(found.values, MATRIX.values)
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_published_feather_with_its_index(tmp_path: Path) -> None:
    table = pa.table({"GATA": pa.array([1.0, 2.0]), "HD/10": pa.array([3, 4]), "gene_name": ["TAL1", "GATA1"]})
    feather.write_feather(table, tmp_path / "118_gene_by_motif.feather")
    found = read_matrix(tmp_path / "118_gene_by_motif.feather")
    assert (found.genes, found.motifs) == (("TAL1", "GATA1"), ("GATA", "HD/10"))
    np.testing.assert_array_equal(found.values, [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"GATA": [1.0]}, "0 columns of text"),
        ({"a": ["x"], "b": ["y"], "GATA": [1.0]}, "2 columns of text"),
        ({"index": ["x"], "GATA": [None]}, "column 'GATA'"),
        ({"index": ["x"], "GATA": [float("nan")]}, "value of x and GATA is not finite"),
        ({"index": ["x"], "GATA": [True]}, "holds bool"),
    ],
)
def test_tables_that_are_no_matrix(tmp_path: Path, columns: dict[str, list[object]], fault: str) -> None:
    feather.write_feather(pa.table(columns), tmp_path / "m.feather")
    with pytest.raises(InvalidInput, match=fault):
        read_matrix(tmp_path / "m.feather")


def test_damaged_and_unknown_files(tmp_path: Path) -> None:
    (tmp_path / "m.feather").write_bytes(b"ARROW1 and no more")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_matrix(tmp_path / "m.feather")
    (tmp_path / "m.pkl").write_bytes(b"")
    with pytest.raises(InvalidInput, match="ends in"):
        read_matrix(tmp_path / "m.pkl")
    with pytest.raises(InvalidInput, match="no such file"):
        read_matrix(tmp_path / "absent.tsv")
