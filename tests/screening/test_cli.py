"""`screening plan` and `screening run` up to a stage, on a small simulated screen without what later stages read."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner, Result

import screening.cluster.job
from catalog import Catalog
from screening.cli import StageName, app
from screening.commands.screens import open_screen, typed_command
from screening.errors import InvalidInput
from screening.plan import plan_of
from screening.stages import STAGES
from tests.screening.tiny import TINY

NAMES = [stage.name for stage in STAGES]
SCREEN = (
    """
name = "small"
cell_types = ["simulated B cell"]
"""
    + TINY
    + """
[finetune]
epochs = 2
[causal]
bootstraps = 2
[structure]
backend = "colabfold"
[structure.colabfold]
weights = "none"
"""
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A screen without sequences and without parameters; its tasks run in this process."""
    monkeypatch.chdir(tmp_path)

    def in_process(screen, tasks, *, resume_command, until=None, cpus=None):
        return screening.cluster.job.run_inline(screen, tasks, resume_command=resume_command, until=until)

    monkeypatch.setattr("screening.cluster.job.run_on_ray", in_process)
    path = tmp_path / "screen.toml"
    path.write_text(SCREEN)
    return path


def give(monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.setattr(sys, "argv", ["screening", *words])
    return CliRunner().invoke(app, words)


def planned(screen: Path, until: str | None = None) -> dict[str, int]:
    return {stage.stage: stage.to_run for stage in plan_of(open_screen(screen), until=until).stages if stage.to_run}


def test_names_are_those_of_the_stages() -> None:
    assert list(get_args(StageName)) == NAMES


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_name_is_told_with_the_right_ones_in_order(
    small: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    result = give(monkeypatch, command, "screen.toml", "--until", "casual")
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "--until" in said and "casual" in said and ", ".join(f"'{name}'" for name in NAMES) in said
    assert ", ".join(NAMES) in " ".join(give(monkeypatch, command, "--help").output.split())


def test_run_until_the_networks_needs_no_protein_and_goes_on(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = ["atlas", "pretrain", "finetune", "evaluation", "attribution", "resample", "causal"]
    first = give(monkeypatch, "run", "screen.toml", "--until", "pretrain", "--set", "cell_types=[]")
    assert first.exit_code == 0, first.output
    assert "to go on after an interruption: screening run screen.toml --until pretrain --set" in first.output
    assert "2 tasks run, 0 done before" in first.output
    last = first.output.splitlines()[-1]
    assert last == "stopped after pretrain, as --until says; next: screening run screen.toml --set 'cell_types=[]'"
    assert planned(small, "pretrain") == {}
    assert list(planned(small, "causal")) == upstream[2:]

    second = give(monkeypatch, "run", "screen.toml", "--until=causal")
    assert second.exit_code == 0, second.output
    assert f"{len(upstream) - 2} tasks run, 2 done before" in second.output
    assert second.output.splitlines()[-1].endswith("; next: screening run screen.toml")
    done = Catalog(small.parent / "catalog.duckdb").sql("select distinct stage from tasks").column(0).to_pylist()
    assert sorted(done) == sorted(upstream)
    report = (small.parent / "report.html").read_text()
    assert "Causal networks" in report and report.count("Nothing yet.") >= 4  # hits, structures, dynamics, proteins

    small.write_text(f'{SCREEN}[tf_pairs]\nproteins = "tfs.fasta"\nallow_missing = true\n')
    (small.parent / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    assert planned(small) == {"tf_pairs": 1}  # nothing is done twice
    assert "tf_pairs" not in planned(small, "causal")


@pytest.mark.parametrize(("until", "lacking"), [("tf_pairs", "tf_pairs.proteins"), ("structure", "none")])
def test_what_the_stages_read_is_still_asked_for(
    small: Path, monkeypatch: pytest.MonkeyPatch, until: str, lacking: str
) -> None:
    result = give(monkeypatch, "run", "screen.toml", "--until", until)
    assert isinstance(result.exception, InvalidInput) and lacking in str(result.exception)
    assert not (small.parent / "store").exists()


def test_a_checkpoint_is_asked_for_where_the_pretraining_is(small: Path) -> None:
    small.write_text(SCREEN.replace("[pretrain]", '[pretrain]\ncheckpoint = "none.pth"'))
    assert planned(small, "atlas") == {"atlas": 1}
    with pytest.raises(InvalidInput, match=r"none\.pth"):
        planned(small, "pretrain")


def test_a_screen_that_begins_later_is_refused(small: Path) -> None:
    small.write_text('[tf_pairs]\nsource = "homodimers"\nproteins = "tfs.fasta"\n')
    (small.parent / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    assert planned(small, "tf_pairs") == {"tf_pairs": 1}
    assert not plan_of(open_screen(small), until="tf_pairs").open_ended
    with pytest.raises(InvalidInput, match="nothing runs until causal"):
        planned(small, "causal")


@pytest.mark.parametrize(
    ("section", "lacking"),
    [
        ('[msa]\nsource = "mmseqs"', "msa.mmseqs.database"),
        ('[msa]\nsource = "mmseqs"\n[msa.mmseqs]\ndatabase = "none"', "none: no MMseqs2 database"),
        ('[msa]\nsource = "files"\nfolder = "none"', 'msa.folder = "none": no such folder'),
    ],
)
def test_what_follows_the_last_stage_may_lack_its_inputs(
    small: Path, monkeypatch: pytest.MonkeyPatch, section: str, lacking: str
) -> None:
    """TF pairs are followed by segments, which read no alignment, and by alignments, which need a database."""
    small.write_text(f'[tf_pairs]\nsource = "homodimers"\nproteins = "tfs.fasta"\n{section}\n')
    (small.parent / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    for until, tasks in (("tf_pairs", 1), ("segment_pairs", 3)):
        result = give(monkeypatch, "run", "screen.toml", "--until", until)
        assert result.exit_code == 0 and f"{tasks} tasks run, " in result.output
        assert planned(small, until) == {}
    shutil.rmtree(small.parent / "store")
    with pytest.raises(InvalidInput, match=re.escape(lacking)):
        planned(small)  # before anything has run


def test_other_inputs_of_later_stages_are_asked_for_at_once(small: Path) -> None:
    begin = '[tf_pairs]\nsource = "homodimers"\nproteins = "tfs.fasta"\n'
    (small.parent / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    for section, before, last in (("plddt", "tf_pairs", "plddt"), ("structure", "msa", "structure")):
        value = 'source = "files"' if section == "plddt" else 'backend = "imported"'
        small.write_text(f"{begin}[{section}]\n{value}\n")
        assert planned(small, before)["tf_pairs"] == 1
        with pytest.raises(InvalidInput, match=rf"'{section}\.\w+' is not given: a folder is needed"):
            planned(small, last)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("run s.toml --until causal --cpus 2", "screening run s.toml --cpus 2"),
        ("run --until=causal s.toml", "screening run s.toml"),
        ("run s.toml --set name='a b'", "screening run s.toml --set 'name=a b'"),
    ],
)
def test_the_next_command_has_all_but_until(monkeypatch: pytest.MonkeyPatch, typed: str, told: str) -> None:
    import shlex

    monkeypatch.setattr(sys, "argv", ["screening", *shlex.split(typed)])
    assert typed_command(without="--until") == told


def test_a_plan_says_that_the_run_would_refuse(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.write_text(SCREEN + '[tf_pairs]\nallow_missing = true\nproteins = "p.fasta"\n')
    (small.parent / "p.fasta").write_text(">P1 GENE=SPI1\nMKTAYIAKQR\n")
    result = give(monkeypatch, "plan", "screen.toml")
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "`screening run` would refuse" in said and "screening fetch-weights" in said
    assert "would refuse" not in give(monkeypatch, "plan", "screen.toml", "--until", "msa").output


def test_commands_to_type_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = give(monkeypatch, "init", "my 'own' screen").output
    assert shlex.split(said.partition("next: ")[2]) == ["screening", "run", "my 'own' screen/screen.toml"]


def test_where_is_one_condition(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the end of the query it is put into, nor none."""
    (small.parent / "tfs.fasta").write_text(">sp|P15976|GATA1_HUMAN GN=GATA1\nMEFPGLGSLG\n")
    small.write_text('[tf_pairs]\nsource = "homodimers"\nproteins = "tfs.fasta"\n')
    assert give(monkeypatch, "run", "screen.toml", "--until", "tf_pairs").exit_code == 0
    for where, message in (
        (" ", "--where is empty"),
        ("true; drop table proteins", 'near ";"'),
        ("true -- x", "no compl"),
    ):
        failed = give(monkeypatch, "md", "screen.toml", "--where", where, "--yes").exception
        assert failed is not None and message in str(failed), where


def test_every_command_is_named_by_a_whole_sentence() -> None:
    listed = CliRunner().invoke(app, ["--help"]).output.partition("Commands:")[2]
    assert all(line.endswith(".") and not line.endswith("..") for line in listed.strip().splitlines())


def test_an_empty_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa

    from screening.progress import print_table

    print_table(pa.table({"gene": pa.array([], pa.string())}))
    print_table(pa.table({"note": ["two\nlines"]}))
    assert capsys.readouterr().out.split("\n")[0] == "no rows"
