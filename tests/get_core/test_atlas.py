"""The atlas: its checks, features, file and tables, and the inputs of the K562 / HepG2 example."""

import gzip
import importlib.util
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from get_core.atlas import Atlas, Promoters, build
from get_core.errors import InvalidInput
from get_core.motifs import clusters, genes_of
from get_core.tables import chromosome_ranks, read_cell_types, read_expression, read_regions

REPOSITORY = Path(__file__).resolve().parents[2]

TOY = Atlas(
    chrom=np.array(["chr2", "chr2", "chr10", "chrX"]),
    start=np.array([0, 500, 100, 7]),
    end=np.array([200, 900, 300, 9]),
    motifs=("GATA", "HD/10", "CTCF"),
    scores=np.array([[2, 0, 8], [4, 1, 0], [1, 3, 0], [9, 6, 0]], np.float32),
    cell_types=("a", "b"),
    accessibility=np.array([[1, 4, 0, 2], [0, 1, 0.5, 0]], np.float32),
    expression_labels=None,
    genes=("GATA1", "CTCF"),
    gene_expression=np.array([[3, 1], [0, 2]], np.float32),
    expression_unit="TPM",
    accessibility_kind="measured",
    simulated=True,
)


def same(a: Atlas, b: Atlas) -> bool:
    pairs = [(getattr(a, field.name), getattr(b, field.name)) for field in fields(Atlas)]
    return all(type(x) is type(y) and np.array_equal(x, y) for x, y in pairs)


# --- checks


def changed(name: str, index: object, value: float) -> dict[str, np.ndarray]:
    array = getattr(TOY, name).copy()
    array[index] = value
    return {name: array}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"start": TOY.start[:3]}, r"start has the shape \(3,\), not \(4,\)"),
        ({"scores": TOY.scores[:, :2]}, "scores has the shape"),
        ({"accessibility": TOY.accessibility.T}, "accessibility has the shape"),
        ({"gene_expression": TOY.gene_expression[:1]}, "gene_expression has the shape"),
        ({"expression_labels": np.zeros((2, 4, 1), np.float32)}, "expression_labels has the shape"),
        (changed("scores", (1, 1), -0.5), "scores holds negative"),
        (changed("scores", (1, 1), np.nan), "scores holds negative or non-finite"),
        (changed("accessibility", (0, 0), np.inf), "accessibility holds"),
        (changed("gene_expression", (0, 0), np.nan), "gene_expression holds"),
        ({"motifs": ("GATA", "CTCF", "GATA")}, "motifs names 'GATA' twice"),
        ({"cell_types": ("a", "a")}, "cell_types names 'a' twice"),
        ({"genes": ("CTCF", "CTCF")}, "genes names 'CTCF' twice"),
        (changed("end", 1, 500), "chr2:500-500 .*does not end after"),
        (changed("start", 0, -1), "chr2:-1-200 starts below 0"),
        ({"chrom": np.array(["chr10", "chr10", "chr2", "chrX"])}, "chr2:100-300 comes after chr10:500-900"),
        ({"start": np.array([0, 500, 100, 7])[[1, 0, 2, 3]]}, "chr2:.* starts below 0 or does not end"),
        ({"start": np.array([3, 1, 100, 7])}, "chr2:1-900 comes after chr2:3-200"),
        ({"start": np.array([0, 0, 100, 7]), "end": np.array([200, 200, 300, 9])}, "chr2:0-200 occurs twice"),
        (changed("accessibility", 1, 0), "b has no accessible region"),
        ({"accessibility_kind": "binary"}, "values other than 0 and 1"),
        ({"accessibility_kind": "loud"}, "'loud'"),
    ],
)
def test_a_wrong_atlas_cannot_be_made(change: dict, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        replace(TOY, **change)


def test_an_atlas_without_regions_is_refused() -> None:
    empty = {name: getattr(TOY, name)[:0] for name in ("chrom", "start", "end", "scores")}
    with pytest.raises(InvalidInput, match="0 regions"):
        replace(TOY, accessibility=TOY.accessibility[:, :0], **empty)


@settings(max_examples=50)
@given(st.lists(st.sampled_from([*(f"chr{i}" for i in range(1, 23)), "chrM", "chrX", "chrY"]), min_size=1))
def test_chromosomes_rank_in_natural_order(names: list[str]) -> None:
    expected = [f"chr{i}" for i in range(1, 23)] + ["chrM", "chrX", "chrY"]
    ordered = [names[i] for i in np.argsort(chromosome_ranks(np.array(names)), kind="stable")]
    assert ordered == sorted(names, key=expected.index)


# --- features


def test_features_by_hand() -> None:
    # a is accessible in rows 0, 1, 3: maxima 9, 6, 8. b in rows 1, 2: maxima 4, 3 and none for CTCF.
    np.testing.assert_allclose(
        TOY.features("a"),
        [[2 / 9, 0, 1, 0.25], [4 / 9, 1 / 6, 0, 1], [1 / 9, 0.5, 0, 0], [1, 1, 0, 0.5]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        TOY.features("b"),
        [[0.5, 0, 1, 0], [1, 1 / 3, 0, 1], [0.25, 1, 0, 0.5], [1, 1, 0, 0]],
        rtol=1e-6,
    )
    assert TOY.features("a").dtype == np.float32


def test_features_that_hide_accessibility_end_in_ones() -> None:
    hidden = TOY.features("b", accessibility=False)
    np.testing.assert_array_equal(hidden[:, :-1], TOY.features("b")[:, :-1])
    np.testing.assert_array_equal(hidden[:, -1], 1)


def test_features_of_an_unknown_cell_type() -> None:
    with pytest.raises(InvalidInput, match="'c'") as caught:
        TOY.features("c")
    assert "a, b" in caught.value.__notes__[0]


# --- file

STARTS = Promoters(("GATA1", "CTCF", "GATA1"), np.array([0, 3, 3]), np.array([0, 1, 1]))


@pytest.mark.parametrize("name", ["atlas.zarr.zip", "atlas.zarr"])
@pytest.mark.parametrize(
    "atlas",
    [
        TOY,
        replace(TOY, expression_labels=np.ones((2, 4, 2), np.float32), simulated=False),
        replace(TOY, genes=(), gene_expression=np.zeros((2, 0), np.float32), expression_unit=""),
        replace(TOY, promoters=STARTS, definitions={"accessibility": "log10(count / total · 1e5 + 1)"}),
    ],
)
def test_saved_and_loaded_is_the_same(tmp_path: Path, atlas: Atlas, name: str) -> None:
    TOY.save(tmp_path / name)
    atlas.save(tmp_path / name)
    loaded = Atlas.load(tmp_path / name)
    assert same(replace(loaded, promoters=None), replace(atlas, promoters=None))
    assert (loaded.promoters is None) == (atlas.promoters is None)
    if loaded.promoters is not None and atlas.promoters is not None:
        assert loaded.promoters.gene == atlas.promoters.gene
        np.testing.assert_array_equal(loaded.promoters.region, atlas.promoters.region)
        np.testing.assert_array_equal(loaded.promoters.strand, atlas.promoters.strand)
    assert os.listdir(tmp_path) == [name]


def test_the_same_atlas_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        TOY.save(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("name", ["atlas.zarr.zip", "atlas.zarr"])
def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    TOY.save(path)
    original = zarr.Group.create_array

    def fail(self: zarr.Group, name: str, **more: object) -> object:
        if name == "scores":
            raise OSError("disk full")
        return original(self, name, **more)  # pyright: ignore

    monkeypatch.setattr(zarr.Group, "create_array", fail)
    with pytest.raises(OSError, match="disk full"):
        replace(TOY, simulated=False).save(path)
    assert same(Atlas.load(path), TOY)
    assert os.listdir(tmp_path) == [name]


def test_files_that_are_no_atlas_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "atlas.zarr.zip"
    with pytest.raises(InvalidInput, match="no such file"):
        Atlas.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidInput, match="not an atlas"):
        Atlas.load(path)
    TOY.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="not an atlas"):
        Atlas.load(path)
    zarr.create_group(tmp_path / "other.zarr")
    with pytest.raises(InvalidInput, match="its format is None"):
        Atlas.load(tmp_path / "other.zarr")


def test_damage_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "atlas.zarr"
    TOY.save(path)
    (path / "scores" / "c" / "0" / "0").unlink()
    with pytest.raises(InvalidInput, match="scores has 0 of 1 chunks"):
        Atlas.load(path)
    TOY.save(path)
    chunk = path / "accessibility" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(InvalidInput, match="not an atlas"):
        Atlas.load(path)
    TOY.save(path)
    shutil.rmtree(path / "scores")
    with pytest.raises(InvalidInput, match="it lacks 'scores'"):
        Atlas.load(path)


def test_a_file_whose_contents_are_wrong_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "atlas.zarr"
    TOY.save(path)
    scores = zarr.open_group(path)["scores"]
    scores[...] = -TOY.scores  # pyright: ignore
    with pytest.raises(InvalidInput, match=r"atlas\.zarr: atlas: scores holds negative"):
        Atlas.load(path)


@pytest.mark.parametrize(
    "starts",
    [
        Promoters(("a",), np.array([4]), np.array([0])),
        Promoters(("a",), np.array([0]), np.array([2])),
        Promoters(("a", "b"), np.array([0]), np.array([0])),
    ],
)
def test_promoters_must_fit(starts: Promoters) -> None:
    with pytest.raises(InvalidInput, match="promoters"):
        replace(TOY, promoters=starts)


# --- tables

REGIONS = "chrom\tstart\tend\tsequence\tB cell\tT cell\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_read_regions_sorts(tmp_path: Path) -> None:
    rows = "chr10\t5\t9\tACGT\t1\t0\n# a comment\n\nchr2\t7\t9\tNNAC\t0.5\t2e1\nchr2\t3\t9\tacgt\t0\t1\n"
    path = tmp_path / "regions.tsv.gz"
    path.write_bytes(gzip.compress((REGIONS + rows).encode()))
    regions = read_regions(path)
    assert regions.chrom.tolist() == ["chr2", "chr2", "chr10"]
    assert regions.start.tolist() == [3, 7, 5]
    assert regions.end.tolist() == [9, 9, 9]
    assert regions.sequences == ("acgt", "NNAC", "ACGT")
    assert regions.cell_types == read_cell_types(path) == ("B cell", "T cell")
    np.testing.assert_array_equal(regions.accessibility, np.array([[0, 0.5, 1], [1, 20, 0]], np.float32))


FIRST = "chr1\t5\t9\tACGT\t1\t1\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file is empty"),
        (REGIONS, "no region follows"),
        ("chrom\tstart\tsequence\tB cell\n", ":1: column 3 must be 'end'"),
        ("chrom start end sequence B\n", ":1: column 1 must be 'chrom'"),
        ("chrom\tstart\tend\tsequence\n", ":1: no column of a cell type"),
        ("chrom\tstart\tend\tsequence\tB\tB\n", ":1: two columns are called 'B'"),
        ("chrom\tstart\tend\tsequence\t\n", ":1: a cell type has no name"),
        (REGIONS + FIRST + "chr1\t5\t9\tACGT\t1\n", ":3: 5 columns, but 6"),
        (REGIONS + FIRST + "chr1\t9\t8\tACGT\t1\t1\n", ":3: the region ends at 8"),
        (REGIONS + FIRST + "chr1\t9\t9\tACGT\t1\t1\n", ":3: the region ends at 9"),
        (REGIONS + FIRST + "chr1\tx\t9\tACGT\t1\t1\n", ":3: chr1:x-9 is not"),
        (REGIONS + FIRST + "chr1\t-4\t9\tACGT\t1\t1\n", ":3: chr1:-4-9 is not"),
        (REGIONS + FIRST + "chr1\t1.5\t9\tACGT\t1\t1\n", ":3: chr1:1.5-9 is not"),
        (REGIONS + FIRST + FIRST, ":3: chr1:5-9 is already on line 2"),
        (REGIONS + FIRST + "chr1\t6\t9\tACXT\t1\t1\n", ":3: the sequence has 'X' at position 3"),
        (REGIONS + FIRST + "chr1\t6\t9\t\t1\t1\n", ":3: the sequence is empty"),
        (REGIONS + FIRST + "chr1\t6\t9\tACGT\topen\t1\n", ":3: B cell: 'open' is not a number"),
        (REGIONS + FIRST + "chr1\t6\t9\tACGT\t1\tnan\n", ":3: T cell: nan is negative or not finite"),
        (REGIONS + FIRST + "chr1\t6\t9\tACGT\t1\t-1\n", ":3: T cell: -1 is negative"),
        (REGIONS + "chr1\t6\t9\tACGT\t1\t0\n", "T cell has no accessible region"),
    ],
)
def test_a_wrong_table_of_regions_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=f"regions.tsv{fault}" if fault[0] == ":" else f"regions.tsv: {fault}"):
        read_regions(write(tmp_path / "regions.tsv", text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("symbol\tB cell\n", ":1: column 1 must be 'gene'"),
        ("gene\tB cell\n", ": no gene follows"),
        ("gene\tB cell\nPAX5\thigh\n", ":2: B cell: 'high' is not a number"),
        ("gene\tB cell\nPAX5\t\n", ":2: B cell: '' is not a number"),
        ("gene\tB cell\nPAX5\t1\nPAX5\t2\n", ":3: PAX5 is already on line 2"),
        ("gene\tB cell\n\t1\n", ":2: a row without a gene"),
    ],
)
def test_a_wrong_table_of_expression_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=f"expression.tsv{fault}"):
        read_expression(write(tmp_path / "expression.tsv", text))


# --- building

MEME = "MEME version 4\nALPHABET= ACGT\n" + "".join(
    f"MOTIF {word}\nletter-probability matrix: w= {len(word)}\n"
    + "".join(" ".join("1" if letter == base else "0" for base in "ACGT") + "\n" for letter in word)
    for word in ("TTGACCA", "GGGAAAC")
)


def test_build_joins_regions_motifs_and_expression(tmp_path: Path) -> None:
    regions = REGIONS + "chr10\t5\t99\tTTGACCATT\t1\t0\nchr2\t7\t99\tCCGTTTCCCTTGACCAGTGGTCAA\t0\t1\n"
    expression = "gene\tT cell\tliver\tB cell\nPAX5\t0.5\t7\t11\nCD3E\t8\t7\t0\n"
    calls: list[tuple[int, int]] = []
    atlas = build(
        write(tmp_path / "regions.tsv", regions),
        write(tmp_path / "library.meme", MEME),
        expression_path=write(tmp_path / "expression.tsv", expression),
        expression_unit="TPM",
        progress=lambda done, n: calls.append((done, n)),
    )
    assert atlas.chrom.tolist() == ["chr2", "chr10"]
    assert atlas.motifs == ("GGGAAAC", "TTGACCA")
    # Rows follow their region: chr2 holds one GGGAAAC (as GTTTCCC) and two TTGACCA, chr10 one TTGACCA.
    scores = atlas.scores
    assert scores[1, 0] == 0
    assert scores[0, 0] > 0
    assert scores[0, 1] == pytest.approx(2 * scores[1, 1])
    assert scores[1, 1] > 0
    np.testing.assert_array_equal(atlas.accessibility, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(atlas.gene_expression, [[11, 0], [0.5, 8]])
    assert (atlas.genes, atlas.expression_unit) == (("PAX5", "CD3E"), "TPM")
    assert (atlas.accessibility_kind, atlas.simulated, atlas.expression_labels) == ("binary", False, None)
    assert calls == [(2, 2)]


def test_build_without_expression(tmp_path: Path) -> None:
    regions = write(tmp_path / "regions.tsv", REGIONS + "chr10\t5\t99\tTTGACCATT\t1\t0.25\n")
    atlas = build(regions, write(tmp_path / "library.meme", MEME))
    assert atlas.gene_expression.shape == (2, 0)
    assert atlas.accessibility_kind == "measured"


def test_expression_must_cover_every_cell_type_and_state_its_unit(tmp_path: Path) -> None:
    regions = write(tmp_path / "regions.tsv", REGIONS + FIRST)
    library = write(tmp_path / "library.meme", MEME)
    expression = write(tmp_path / "expression.tsv", "gene\tB cell\nPAX5\t3\n")
    with pytest.raises(InvalidInput, match="unit is not stated"):
        build(regions, library, expression_path=expression)
    with pytest.raises(InvalidInput, match="no column for 'T cell'"):
        build(regions, library, expression_path=expression, expression_unit="TPM")


# --- the K562 / HepG2 example


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_inputs", REPOSITORY / "examples/k562_hepg2/build_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_example_inputs_are_balanced_and_readable(shared: Path, tmp_path: Path, example: ModuleType) -> None:
    def inputs(folder: Path) -> dict[str, bytes]:
        assert example.main(["--data", str(shared / "data"), "--out", str(folder), "--regions", "60"]) == 0
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    files = inputs(tmp_path / "one")
    assert sorted(files) == ["expression.tsv", "motifs.meme.gz", "proteins.fasta", "regions.tsv.gz"]
    assert inputs(tmp_path / "two") == files
    regions = read_regions(tmp_path / "one/regions.tsv.gz")
    assert regions.cell_types == ("K562", "HepG2")
    np.testing.assert_array_equal(regions.accessibility.sum(axis=1), [30, 30])
    expression = read_expression(tmp_path / "one/expression.tsv")
    level = dict(zip(expression.genes, expression.values.T, strict=True))
    assert level["GATA1"][0] > 10 > level["GATA1"][1]
    assert level["HNF4A"][1] > 10 > level["HNF4A"][0]
    headers = [line for line in files["proteins.fasta"].decode().splitlines() if line.startswith(">")]
    assert ">Q02548 GENE=PAX5 FAMILY=Paired box" in headers
    genes = {header.split("GENE=")[1].split(" ")[0] for header in headers}
    motif_genes = {gene for cluster in clusters() for gene in genes_of(cluster)}
    assert motif_genes - genes == {"MSX3", "RHOX11"}  # mouse genes
    assert genes <= motif_genes


def test_example_merges_a_region_of_both_cell_types(tmp_path: Path, example: ModuleType, capsys) -> None:
    rows = ["chr\tstart\tend\tsequence\tcell", *(f"chr1\t{i}\t9\tACGT\t{c}" for i, c in ((1, "K562"), (1, "HepG2")))]
    text = gzip.decompress(example.regions_table(write(tmp_path / "sites.tsv", "\n".join(rows)), None)).decode()
    assert text.splitlines()[1:] == ["chr1\t1\t9\tACGT\t1\t1"]
    assert "1 repeated in the source" in capsys.readouterr().out


def test_example_refuses_absent_data_and_writes_nothing(tmp_path: Path, example: ModuleType, capsys) -> None:
    assert example.main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "out")]) == 2
    assert "dhs_sequences_train.tsv.gz: no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
