"""docs/get.md as a reader types it, from top to bottom, on a small demo."""

import re
import runpy
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog import Catalog
from screening.cli import app
from screening.cluster.job import run_inline
from screening.commands.get import app as get_app
from screening.commands.screens import open_screen
from screening.steps.first_tasks import first_tasks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "get.md"
SMALLER = {
    "n_regions = 4000": "n_regions = 400",
    "n_genes = 1500": "n_genes = 160",
    "embed = 64": "embed = 16",
    "epochs = 10": "epochs = 1",
    "epochs = 25": "epochs = 2",
    "top_fraction = 0.15": "top_fraction = 0.15\nbootstraps = 2",
}


def blocks(page: str) -> list[tuple[str, str]]:
    """Return language and text of each fenced block, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def type_command(line: str) -> str:
    """Run a line of the page in this process, `screening run` without Ray."""
    first, *words = shlex.split(line)
    if first == "sed":
        subprocess.run(line, shell=True, check=True)  # a line of our own page, redirection and all
        return ""
    assert first == "screening", line
    if words[0] == "run":
        path, option, until = words[1:]
        assert option == "--until"
        screen = open_screen(Path(path))
        summary = run_inline(screen, first_tasks(screen, until=until), resume_command="", until=until)
        assert (summary.failed, summary.exit_code) == (0, 0)
        return ""
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def shrink(path: Path) -> None:
    text = path.read_text()
    for old, new in SMALLER.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@pytest.mark.filterwarnings("ignore")
def test_every_command_and_function_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("umap", reason="the extra 'explore'")
    monkeypatch.chdir(tmp_path)
    told: dict[str, str] = {}
    names: dict[str, object] = {}
    for language, text in blocks(PAGE.read_text()):
        if language == "python":
            (tmp_path / "block.py").write_text(text)
            names |= runpy.run_path("block.py", init_globals=names)
        elif not language:
            for line in text.strip().splitlines():
                told[line] = type_command(line)
                if line == "screening init demo":
                    shrink(tmp_path / "demo" / "screen.toml")
    questions = {line.split()[2] for line in told if line.startswith("screening get ")}
    assert questions == {command.callback.__name__ for command in get_app.registered_commands}
    catalog = Catalog(tmp_path / "demo" / "catalog.duckdb")
    tables = ("targets", "enrichments", "embeddings", "perturbations", "reporter_activities", "locus_importance")
    for table in (*tables, "agnostic_rows", "evaluations", "predictions", "motif_attributions"):
        assert catalog.sql(f"from {table}").num_rows, table
    activity = {row["element"]: row for row in catalog.sql("from reporter_activities").to_pylist()}
    assert {row["contexts"] for row in activity.values()} == {20}
    assert activity["with_EBF1"]["activity"] != activity["without"]["activity"]
    for figure in ("locus.svg", "plane.svg"):
        assert (tmp_path / "demo" / figure).read_text().startswith("<svg")
    pooled = told["screening network agnostic demo/screen.toml --sample 100 --seed 0"]
    assert "100 of" in pooled
    drawn = "select count(*) n from attempts where subject = '100 rows of 2 cell types'"
    assert catalog.sql(drawn).to_pylist() == [{"n": 1}]  # the network takes the rows that `get agnostic` has drawn


def test_what_can_be_fetched_has_that_name() -> None:
    from screening.resources import resources

    page = PAGE.read_text()
    named = set(re.findall(r"screening fetch ([a-z0-9-]+)", page))
    assert named and named <= set(resources())
