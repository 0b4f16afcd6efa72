"""`screening atlas`: build, check, show and import as a user types them, on a toy; a screen that reads the result."""

import json
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from get_core.atlas import Atlas
from screening.cli import app
from screening.errors import InvalidInput
from screening.execution import execute
from screening.screen import Screen
from screening.settings import load_settings
from screening.steps.atlas import cell_types
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


@pytest.mark.ray
def test_on_ray_the_atlas_is_the_same(toy: dict[str, Path], tmp_path: Path) -> None:
    for name, cpus in (("one", 1), ("two", 2)):
        out = tmp_path / name
        out.mkdir()
        done = run("atlas", "build", *options(toy), "-o", out / "atlas.zarr.zip", "--cpus", cpus)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "one" / "atlas.zarr.zip").read_bytes() == (tmp_path / "two" / "atlas.zarr.zip").read_bytes()


def test_import_of_a_training_zarr(tmp_path: Path) -> None:
    import zarr

    group = zarr.open_group(tmp_path / "t.zarr", mode="w", zarr_format=2)
    group.create_array("data", data=np.ones((3, 2), np.float32))
    group.create_array("peak_names", data=np.array(["chr2:1-5", "chr1:1-5", "chr1:9-12"]))
    group.create_array("motif_names", data=np.array(["a", "b"]))
    atpm = group.create_group("atpm")
    atpm.create_array("x", data=np.array([1, 2, 3], np.float32))
    out = tmp_path / "atlas.zarr.zip"
    done = run("atlas", "import", tmp_path / "t.zarr", "-o", out)
    assert done.exit_code == 0, done.output
    assert Atlas.load(out).accessibility.tolist() == [[2, 3, 1]]
    assert "motif-list" in done.output


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
