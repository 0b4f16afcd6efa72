"""What a command lacks is named with the `screening fetch` that gets it; where fetched things lie, others look."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from get_core.chromatin.annotation import read_starts
from get_core.chromatin.genome import Genome
from get_core.chromatin.motif_sources import read_motifs
from screening.cli import app
from screening.commands.network import _interactions
from screening.doctor import examine
from screening.errors import InvalidInput
from screening.fetch import fetch
from screening.folding.colabfold.runtime import default_compile_cache
from screening.folding.colabfold.weights import default_folder, find_weights
from screening.network_benchmark import against_planted
from screening.resources import WEIGHTS, cache_folder, cure_for, folder_of, hint_for, resource_named, resources
from screening.screen import Screen
from screening.sections.proteins import PlddtSettings
from screening.settings import load_settings
from screening.steps.alphafold import require_weights
from screening.steps.first_tasks import cell_types
from screening.steps.proteins import plddt, plddt_folder

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"screening fetch(?:-weights| ((?!NAME\b)[A-Za-z0-9][\w:-]*))")


SIMULATED = '[atlas]\nsource = "simulated"\n'


def screen_of(folder: Path, text: str) -> Screen:
    (folder / "screen.toml").write_text(text)
    settings, config = load_settings(folder / "screen.toml", ())
    return Screen(settings, folder, config)


def command(*words: object) -> Callable[[Path], object]:
    def run(folder: Path) -> None:
        done = CliRunner().invoke(app, [str(word).replace("FOLDER", str(folder)) for word in words])
        assert done.exception is not None
        raise done.exception

    return run


def checkpoint(path: str) -> Callable[[Path], object]:
    def run(folder: Path) -> None:
        (folder / "tfs.fasta").write_text(">P04637 GENE=TP53\nMKV\n")
        pretrain = f'[pretrain]\ncheckpoint = "{path}"\n'
        pairs = '[tf_pairs]\nproteins = "tfs.fasta"\nallow_missing = true\n'
        cell_types(screen_of(folder, SIMULATED + pairs + pretrain))

    return run


class Lonely:
    """A workspace of a protein without a file."""

    task = type("Task", (), {"sources": {}})()

    def text_input(self, name: str) -> str:
        return {"accession": "P04637", "gene": "TP53", "sequence": "MKV"}[name]


def no_folder(folder: Path) -> None:
    plddt_folder(screen_of(folder, '[plddt]\nsource = "files"\nfolder = "none"\n'))


def no_model(folder: Path) -> None:
    plddt(Lonely(), PlddtSettings(source="files", folder=Path("models")))  # pyright: ignore[reportArgumentType]


def no_weights(folder: Path) -> None:
    require_weights(screen_of(folder, '[structure]\nbackend = "colabfold"\n'))


def files_screen(folder: Path) -> None:
    cell_types(screen_of(folder, '[atlas]\nsource = "files"\nregions = "screen.toml"\nmotifs = "none.meme"\n'))


def no_gene_sets(folder: Path) -> None:
    (folder / "screen.toml").write_text("")
    command("get", "targets", "FOLDER/screen.toml", "--cell-type", "x", "--motif", "y", "--gene-sets", "n.gmt")(folder)


LACKING: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "atlas build, no genome": (command("atlas", "build", "--motifs", "m", "-o", "FOLDER/a.zarr.zip"), {"hg38"}),
    "atlas build, no motifs": (
        command("atlas", "build", "--genome", "g.fa", "-o", "FOLDER/a.zarr.zip"),
        {"vierstra-v2-motifs"},
    ),
    "atlas check, no genome": (command("atlas", "check", "--motifs", "m"), {"hg38"}),
    "genome, no such file": (lambda folder: Genome(folder / "none.fa"), {"hg38"}),
    "motifs, no such file": (lambda folder: read_motifs(folder / "none.meme"), {"vierstra-v2-motifs"}),
    "annotation, no such file": (lambda folder: read_starts(folder / "none.gtf"), {"gencode-v40"}),
    "atlas.motifs": (files_screen, {"vierstra-v2-motifs"}),
    "tf_pairs.proteins not given": (lambda folder: cell_types(screen_of(folder, SIMULATED)), {"human-tf-sequences"}),
    "tf_pairs.proteins absent": (
        lambda folder: cell_types(screen_of(folder, SIMULATED + '[tf_pairs]\nproteins = "none.fasta"\n')),
        {"human-tf-sequences"},
    ),
    "pretrain.checkpoint": (checkpoint("none.pth"), {"get-pretrain-fetal-adult", "get-finetune-astrocyte"}),
    "plddt.folder": (no_folder, {"alphafold:ACCESSION"}),
    "plddt of a protein": (no_model, {"alphafold:P04637"}),
    "weights": (no_weights, {WEIGHTS}),
    "planted edges": (lambda folder: against_planted("x", None, None, [], None), {"string-physical"}),  # type: ignore
    "names of STRING": (
        lambda folder: _interactions(Path(__file__), "", folder / "none.txt", 700),
        {"string-info"},
    ),
    "gene sets": (no_gene_sets, {"reactome-pathways"}),
}


@pytest.mark.parametrize("lacking", LACKING)
def test_what_is_lacking_is_named_with_its_fetch(lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCREENING_WEIGHTS", str(tmp_path / "weights"))
    cause, expected = LACKING[lacking]
    with pytest.raises(ValueError) as caught:
        cause(tmp_path)
    named = {match[1] or WEIGHTS for match in COMMAND.finditer(" ".join(caught.value.__notes__))}
    assert named == expected
    for name in named - {"alphafold:ACCESSION"}:
        assert resource_named(name).url.startswith(("https://", "s3://"))


def test_every_resource_that_serves_a_command_is_named_by_one() -> None:
    tested = set().union(*(names for _, names in LACKING.values()))
    assert {name for name, row in resources().items() if row.serves} <= tested
    assert hint_for("--genome") == "; public: screening fetch hg38" and hint_for("md.steps") == ""


def test_every_fetch_that_is_written_anywhere_exists() -> None:
    """In code, manuals and the read-me, so that no message and no page names what is not there."""
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("examples/**/*.md")]
    code = [
        path for folder in ("screening", "get_core", "md", "catalog") for path in REPOSITORY.glob(f"{folder}/**/*.py")
    ]
    found = 0
    for path in [*pages, *code]:
        for match in COMMAND.finditer(path.read_text(encoding="utf-8")):
            name = match[1] or WEIGHTS
            if not name.startswith("alphafold:"):  # followed by an accession, or by what gives one
                assert cure_for(name), f"{path}: {match[0]}"
                found += 1
    assert found > 15


def test_doctor_names_what_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SCREENING_WEIGHTS", raising=False)

    def finding(what: str):
        return next(each for each in examine() if each.what == what)

    before = finding("resources")
    assert before.state == "note" and "none; not there: hg38, gencode-v40" in before.detail
    assert "screening fetch NAME" in before.cure
    (tmp_path / "one.fa").write_text(">chr1\nACGT\n")
    fetch("hg38", folder_of("hg38"), source=str(tmp_path / "one.fa"))
    (tmp_path / "screening" / "AF-P04637-F1-model_v6.cif").touch()
    after = finding("resources").detail
    assert "screening: hg38, alphafold:ACCESSION; not there: gencode-v40" in after
    assert finding("weights").cure == "screening fetch-weights"


@pytest.mark.parametrize("given", ["", "weights"])
def test_weights_are_looked_for_where_they_are_put(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder for everything: that of the cache, or the one that SCREENING_WEIGHTS names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SCREENING_WEIGHTS", given and str(tmp_path / given))
    assert cache_folder() == tmp_path / "screening" and default_compile_cache() == cache_folder() / "jax"
    assert default_folder() == folder_of(WEIGHTS) == (tmp_path / given if given else cache_folder() / WEIGHTS)
    assert folder_of("hg38") == cache_folder()
    put: list[Path] = []
    monkeypatch.setattr("screening.commands.fetch._run", lambda name, folder, origin: put.append(folder))
    monkeypatch.setattr("screening.commands.fetch._report", lambda fetched: None)
    for words in (["fetch-weights"], ["fetch", WEIGHTS]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert put == [default_folder()] * 2
    with pytest.raises(InvalidInput, match=re.escape(f"in {default_folder()}")):
        find_weights(default_folder(), (3,))


def packed(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return path


def test_a_zip_gives_its_one_file(tmp_path: Path) -> None:
    text = "Cell Cycle\tR-HSA-1640170\tAAAS\tABL1\n" * 50
    archive = packed(tmp_path / "r.zip", ReactomePathways_gmt=text, README_txt="x")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("../evil.gmt", "x")
    got = fetch("reactome-pathways", tmp_path / "to", source=str(archive))
    assert [path.name for path in got.files] == ["ReactomePathways.gmt"] and got.files[0].read_text() == text
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["ReactomePathways.gmt", "fetch.lock.json"]
    assert fetch("reactome-pathways", tmp_path / "to", source=str(archive)).was_there


def test_zips_that_are_not_what_they_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="0 of 1 files"):
        fetch("reactome-pathways", tmp_path / "to", source=str(packed(tmp_path / "a.zip", Other_gmt="x")))
    whole = packed(tmp_path / "b.zip", ReactomePathways_gmt="text " * 1000)
    data = bytearray(whole.read_bytes())
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    data[60] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(data)
    for name in ("cut.zip", "flipped.zip"):
        with pytest.raises(InvalidInput, match="broken zip"):
            fetch("reactome-pathways", tmp_path / "to", source=str(tmp_path / name))
    monkeypatch.setattr("screening.fetch.LARGEST_UNPACKED", 10)
    with pytest.raises(InvalidInput, match="refused"):
        fetch("reactome-pathways", tmp_path / "to", source=str(whole))
    assert [path for path in (tmp_path / "to").iterdir() if not path.name.startswith(".")] == []
