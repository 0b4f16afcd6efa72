"""`screening atlas`: build, check, show and import as a user types them, on a toy; a screen that reads the result."""

import json
import re
import runpy
import shlex
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyjaspar
import pysam
import pytest
import zarr
from scipy.sparse import csr_matrix, save_npz
from typer.testing import CliRunner, Result

from get_core.atlas import Atlas
from screening.cli import app
from screening.errors import InvalidInput
from screening.execution import execute
from screening.screen import Screen
from screening.settings import load_settings
from screening.steps.atlas_inputs import atlas_sources
from screening.steps.first_tasks import cell_types
from screening.task import Resources

WORD = "GATTACAGCA"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def toy(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    genome = {name: "".join(rng.choice(list("ACGT"), 5000)) for name in ("chr1", "chr2", "chr3")}
    genome["chr1"] = genome["chr1"][:120] + WORD + genome["chr1"][130:]
    matrix = "".join(" ".join("0.97" if letter == base else "0.01" for base in "ACGT") + "\n" for letter in WORD)
    regions = [(name, start) for name in genome for start in range(100, 4500, 300)]
    counts = rng.poisson(3, (len(regions), 2))
    counts[0] = 5
    files = {
        "genome": "".join(f">{name}\n{text}\n" for name, text in genome.items()),
        "motifs": "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m1 X\nletter-probability matrix: alength= 4 w= 10\n"
        + matrix,
        "pseudobulk": "chrom\tstart\tend\tB cell\tT cell\n"
        + "".join(
            f"{name}\t{start}\t{start + 200}\t{a}\t{b}\n" for (name, start), (a, b) in zip(regions, counts, strict=True)
        ),
        "annotation": "chrom\ttss\tstrand\tgene_name\n"
        + "".join(f"{name}\t{start + 50}\t+\tG{i}\n" for i, (name, start) in enumerate(regions)),
        "rna": "gene\tT cell\tB cell\n" + "".join(f"G{i}\t{b}\t{a}\n" for i, (a, b) in enumerate(counts)),
    }
    paths = {}
    for name, text in files.items():
        paths[name] = tmp_path / f"{name}.txt"
        paths[name].write_text(text)
    return paths


def options(paths: dict[str, Path]) -> list[object]:
    return [word for name, path in paths.items() for word in (f"--{name}", path)]


def test_build_check_show(toy: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "atlas.zarr.zip"
    done = run("atlas", "build", *options(toy), "-o", out, "--window", 8)
    assert done.exit_code == 0, done.output
    assert f"wrote {out}: 45 regions, 1 motifs, B cell, T cell" in done.output
    atlas = Atlas.load(out)
    assert atlas.scores[0, 0] > 0 and atlas.expression_labels is not None
    assert (tmp_path / "atlas.left_out.tsv").read_text().startswith("kind\tsubject\treason\n")
    checked = run("atlas", "check", out, "--genome", toy["genome"], "--window", 8)
    assert checked.exit_code == 0 and "usable, with less than it could give" in checked.output
    assert "correlation: B cell" in checked.output
    again = run("atlas", "build", *options(toy), "-o", tmp_path / "small.zarr.zip")
    assert again.exit_code == 1 and "not usable: 1 error" in again.output
    assert Atlas.load(tmp_path / "small.zarr.zip").cell_types == atlas.cell_types
    small = run("atlas", "check", out)
    assert small.exit_code == 1 and "error    few-regions" in small.output and "next: " in small.output
    assert small.output.splitlines()[-1].startswith("not usable: 1 error")
    shown = run("atlas", "show", out)
    assert "45 regions on 3 chromosomes, 1 motifs, 45 genes (TPM)" in shown.output
    assert "accessibility: s = log10(c / t" in shown.output and "  B cell: " in shown.output


def test_inputs_are_checked_without_an_atlas(toy: dict[str, Path], tmp_path: Path) -> None:
    done = run("atlas", "check", *options(toy), "--window", 8)
    assert done.exit_code == 0, done.output
    assert "counts in peaks" in done.output and not list(tmp_path.glob("*.zip"))
    toy["genome"].write_text(">chr1\nACGT\n>chr2\nACGT\n>chr3\nACGT\n")
    toy["genome"].with_name("genome.txt.fai").unlink()
    bad = run("atlas", "check", *options(toy))
    assert isinstance(bad.exception, ValueError) and "reaches past chr1, which has 4 bases" in str(bad.exception)


@pytest.mark.parametrize("missing", ["genome", "motifs", "pseudobulk"])
def test_what_is_missing_is_named_with_its_cure(toy: dict[str, Path], tmp_path: Path, missing: str) -> None:
    del toy[missing]
    done = run("atlas", "build", *options(toy), "-o", tmp_path / "atlas.zarr.zip")
    assert isinstance(done.exception, ValueError)
    cures = {"genome": "screening fetch hg38", "motifs": "screening fetch", "pseudobulk": "give one of fragments"}
    assert cures[missing] in done.exception.__notes__[0]
    assert not list(tmp_path.glob("*.zip"))


def test_nothing_is_written_where_something_is_wrong(toy: dict[str, Path], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = run("atlas", "build", *options(toy), "-o", tmp_path / "none" / "atlas.zarr.zip")
    assert isinstance(done.exception, ValueError) and "no such folder" in str(done.exception)
    toy["rna"].write_text("gene\tT cell\nG1\t1\n")
    done = run("atlas", "build", *options(toy), "-o", tmp_path / "atlas.zarr.zip")
    assert isinstance(done.exception, ValueError) and "no expression of B cell" in str(done.exception)
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} == {"genome.txt.fai"}


def test_check_needs_something(tmp_path: Path) -> None:
    assert isinstance(run("atlas", "check").exception, InvalidInput)
    (tmp_path / "x.zip").write_bytes(b"no zip")
    assert "not an atlas" in str(run("atlas", "check", tmp_path / "x.zip").exception)


def with_fragments(paths: dict[str, Path], folder: Path) -> list[object]:
    """Return options that give the counts as fragments, compressed and indexed by tabix."""
    rng = np.random.default_rng(1)
    rows = sorted((f"chr{rng.integers(1, 4)}", int(at), int(rng.integers(20))) for at in rng.integers(0, 4800, 2000))
    text = "".join(f"{chrom}\t{at}\t{at + 150}\tcell{cell}\t1\n" for chrom, at, cell in rows)
    (folder / "f.tsv").write_text(text)
    pysam.tabix_compress(str(folder / "f.tsv"), str(folder / "f.tsv.gz"))
    pysam.tabix_index(str(folder / "f.tsv.gz"), preset="bed")
    (folder / "cells.tsv").write_text("".join(f"cell{i}\t{'TB'[i % 2]} cell\n" for i in range(18)))
    table = paths["pseudobulk"].read_text().splitlines()[1:]
    (folder / "peaks.bed").write_text("".join("\t".join(line.split("\t")[:3]) + "\n" for line in table))
    others = {name: path for name, path in paths.items() if name != "pseudobulk"}
    files = ("--fragments", folder / "f.tsv.gz", "--peaks", folder / "peaks.bed", "--cells", folder / "cells.tsv")
    return [*options(others), *files, "--min-cells", 1, "--window", 8]


@pytest.mark.ray
def test_on_ray_the_atlas_is_the_same(toy: dict[str, Path], tmp_path: Path) -> None:
    given = with_fragments(toy, tmp_path)
    for name, cpus in (("one", 1), ("two", 2)):
        out = tmp_path / name
        out.mkdir()
        done = run("atlas", "build", *given, "--cell-ceiling", 2, "-o", out / "atlas.zarr.zip", "--cpus", cpus)
        assert done.exit_code == 0, done.output
        assert "of 2000 fragments are of a cell" in done.output and "in one piece" not in done.output
    assert (tmp_path / "one" / "atlas.zarr.zip").read_bytes() == (tmp_path / "two" / "atlas.zarr.zip").read_bytes()


def test_fragments_without_an_index_are_named_with_the_cure(toy: dict[str, Path], tmp_path: Path) -> None:
    given = with_fragments(toy, tmp_path)
    (tmp_path / "f.tsv.gz.tbi").unlink()
    done = run("atlas", "check", *given)
    assert done.exit_code == 0, done.output
    assert f"note     fragments counted in one piece: {tmp_path / 'f.tsv.gz'}: no index" in done.output
    assert f"tabix -p bed {tmp_path / 'f.tsv.gz'}" in done.output


def test_what_takes_long_is_shown(
    toy: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("screening.progress.SHORT_S", -1.0)
    monkeypatch.setattr("screening.progress.QUIET_INTERVAL_S", -1.0)
    with pytest.raises(SystemExit, match="0"):
        app([str(word) for word in ("atlas", "build", *with_fragments(toy, tmp_path), "-o", tmp_path / "a.zarr.zip")])
    lines = capfd.readouterr().err.splitlines()
    assert "counting fragments: 100%" in lines and "scanning regions: 100%" in lines


def test_motifs_of_jaspar(toy: dict[str, Path], tmp_path: Path) -> None:
    """The database that pyjaspar carries, from the command to the atlas; its release is on record."""
    given = options({name: path for name, path in toy.items() if name != "motifs"})
    out = tmp_path / "atlas.zarr.zip"
    done = run("atlas", "build", *given, "--motifs", "jaspar:CORE", "-o", out, "--window", 8)
    assert done.exit_code == 0, done.output
    atlas, release = Atlas.load(out), pyjaspar.jaspardb().release
    assert re.fullmatch(r"JASPAR20\d\d", release)
    assert f"of {release} CORE, vertebrates (pyjaspar {version('pyjaspar')}) in" in atlas.definitions["scores"]
    assert {"CTCF", "GATA1::TAL1"} <= set(atlas.motifs) and (atlas.scores > 0).any()


def test_without_pyjaspar_the_cure_is_named(
    toy: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyjaspar", None)
    given = options({name: path for name, path in toy.items() if name != "motifs"})
    out = tmp_path / "atlas.zarr.zip"
    for words in (("build", *given, "-o", out), ("check", *given)):
        done = run("atlas", *words, "--motifs", "jaspar:CORE")
        assert isinstance(done.exception, ValueError) and "jaspar:CORE needs the package pyjaspar" in str(
            done.exception
        )
        assert done.exception.__notes__[0].startswith("pip install pyjaspar")
    assert not out.exists()


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A training zarr of the published code: three peaks, two motifs, two cell types."""
    group = zarr.open_group(tmp_path / "t.zarr", mode="w", zarr_format=2)
    group.create_array("data", data=np.ones((3, 2), np.float32))
    group.create_array("peak_names", data=np.array(["chr2:1-5", "chr1:1-5", "chr1:9-12"]))
    group.create_array("motif_names", data=np.array(["a", "b"]))
    for name, levels in (("x", [1, 2, 3]), ("y", [0, 1, 0])):
        group.create_array(f"atpm/{name}", data=np.array(levels, np.float32))
    return tmp_path / "t.zarr"


def test_import_of_a_training_zarr(training: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas.zarr.zip"
    done = run("atlas", "import", training, "-o", out)
    assert done.exit_code == 1 and "not usable" in done.output  # three regions fill no window of GET's 200
    atlas = Atlas.load(out)
    assert atlas.cell_types == ("x", "y") and atlas.accessibility.tolist() == [[2, 3, 1], [1, 0, 0]]
    assert "motif-list" in done.output and f"wrote {out}: 3 regions, 2 motifs, x, y" in done.output
    run("atlas", "import", training, "--cell-type", "y", "-o", out)
    assert Atlas.load(out).cell_types == ("y",)
    before = out.read_bytes()
    wrong = run("atlas", "import", training, "--format", "training", "--cell-type", "z", "-o", out)
    assert isinstance(wrong.exception, ValueError) and "no accessibility of z" in str(wrong.exception)
    assert wrong.exception.__notes__ == ["choose among x, y"] and out.read_bytes() == before


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The folder of the published demo: two cell types with a peak in common, 283 features."""
    folder = tmp_path / "demo"
    folder.mkdir()
    for number, chrom, level in (("118", "chr2", 0.5), ("7", "chr1", 0.25)):
        features = np.zeros((2, 283), np.float32)
        features[:, 5], features[:, -1] = [0.2, level], [level, 2 * level]
        save_npz(folder / f"{number}.watac.npz", csr_matrix(features))
        np.save(folder / f"{number}.exp.npy", np.array([[0, 2], [1, 0]], np.float32))
        (folder / f"{number}.csv").write_text(f",Chromosome,Start,End\n0,{chrom},5,9\n1,chr10,1,3\n")
    return folder


def test_import_of_the_demo(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas.zarr.zip"
    words = ("atlas", "import", demo, "--format", "demo", "--window", 1, "-o", out)
    done = run(*words, "--cell-type", "118=Astrocyte", "--cell-type", "7")
    assert done.exit_code == 0, done.output
    assert f"wrote {out}: 3 regions, 282 motifs, Astrocyte, 7" in done.output
    atlas = Atlas.load(out)
    assert atlas.chrom.tolist() == ["chr1", "chr2", "chr10"] and atlas.definitions["source"].endswith("demo")
    assert atlas.accessibility.tolist() == [[0, 0.5, 1], [0.25, 0, 0.5]]
    assert atlas.scores[2, 5] == 0.5 and atlas.scores[0, 5] == np.float32(0.2)
    assert atlas.expression_labels is not None
    assert atlas.expression_labels[0].tolist() == [[0, 0], [0, 2], [1, 0]]
    assert run(*words).exit_code == 0 and Atlas.load(out).cell_types == ("118", "7")


def test_a_demo_that_is_none(demo: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas.zarr.zip"
    (tmp_path / "empty").mkdir()
    none = run("atlas", "import", tmp_path / "empty", "--format", "demo", "-o", out)
    assert isinstance(none.exception, InvalidInput) and "no NUMBER.watac.npz in it" in str(none.exception)
    (demo / "7.exp.npy").unlink()
    absent = run("atlas", "import", demo, "--format", "demo", "-o", out)
    assert isinstance(absent.exception, ValueError) and "7.exp.npy: no such file" in str(absent.exception)
    assert not out.exists()


def test_a_screen_reads_a_ready_atlas(toy: dict[str, Path], tmp_path: Path) -> None:
    run("atlas", "build", *options(toy), "-o", tmp_path / "atlas.zarr.zip")
    (tmp_path / "tfs.fasta").write_text(">P1 GENE=X\nMKV\n")
    text = (
        '[atlas]\nsource = "atlas"\npath = "atlas.zarr.zip"\n[tf_pairs]\nproteins = "tfs.fasta"\nallow_missing = true\n'
    )
    (tmp_path / "screen.toml").write_text(text)
    settings, config = load_settings(tmp_path / "screen.toml", ())
    screen = Screen(settings, tmp_path, config)
    assert cell_types(screen) == ("B cell", "T cell")
    assert json.dumps(settings.atlas.determining()) == '{"source": "atlas"}'
    task = screen.task("atlas", "toy", sources={"atlas": tmp_path / "atlas.zarr.zip"})
    report = execute(task, screen.store.root, "run", 1, Resources())
    record = screen.store.get(task.key)
    assert report.failure is None and record is not None and record.status == "ok"
    assert {row["name"] for row in record.tables["cell_types"]} == {"B cell", "T cell"}
    assert record.tables["cell_types"][0]["source_sha256"] == task.inputs["atlas_sha256"]
    (tmp_path / "atlas.zarr.zip").unlink()
    with pytest.raises(InvalidInput, match=r"atlas.path"):
        cell_types(screen)


def test_a_screen_reads_an_atlas_that_is_a_folder(toy: dict[str, Path], tmp_path: Path) -> None:
    """All that is in the folder enters the key, and its place does not."""
    run("atlas", "build", *options(toy), "-o", tmp_path / "atlas.zarr")
    (tmp_path / "screen.toml").write_text('[atlas]\nsource = "atlas"\npath = "atlas.zarr"\n')
    settings, config = load_settings(tmp_path / "screen.toml", ())
    screen = Screen(settings, tmp_path, config)

    def task(folder: Path):
        return screen.task("atlas", "toy", sources={"atlas": folder})

    made = task(atlas_sources(screen)["atlas"])
    assert made == task(tmp_path / "atlas.zarr")
    assert execute(made, screen.store.root, "run", 1, Resources()).failure is None
    record = screen.store.get(made.key)
    assert record is not None and {row["name"] for row in record.tables["cell_types"]} == {"B cell", "T cell"}
    moved = shutil.copytree(tmp_path / "atlas.zarr", tmp_path / "elsewhere")
    assert task(moved).key == made.key
    chunk = max((path for path in moved.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(data)
    assert task(moved).key != made.key
    chunk.rename(chunk.with_name("other"))
    assert task(moved).key != made.key
    (tmp_path / "screen.toml").write_text('[atlas]\nsource = "atlas"\npath = "none.zarr"\n')
    settings, config = load_settings(tmp_path / "screen.toml", ())
    with pytest.raises(InvalidInput, match=r'atlas.path = "none.zarr": no such file'):
        atlas_sources(Screen(settings, tmp_path, config))


def test_the_commands_of_the_manual_run(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "data.md").read_text()
    commands = page.split("## Try it")[1].split("```")[1].strip().splitlines()
    assert len(commands) == 5
    monkeypatch.chdir(tmp_path)
    for line in commands:
        first, *words = shlex.split(line.replace("../shared/data", str(shared / "data")))
        if first == "python":
            main = runpy.run_path(str(root / words[0]))["main"]
            assert main(words[1:]) == 0
        else:
            done = run(*words)
            assert first == "screening" and done.exit_code == 0, done.output
    assert "usable, with less than it could give" in done.output
    assert Atlas.load(tmp_path / "locus" / "atlas.zarr.zip").cell_types == ("K562", "B cell")
