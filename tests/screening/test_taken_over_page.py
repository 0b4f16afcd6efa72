"""The example of docs/data.md that starts from files of the published code, as a reader types it."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog import Catalog
from screening.cli import app
from screening.cluster.job import run_inline
from screening.commands.screens import open_screen
from screening.steps.first_tasks import first_tasks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
SMALLER = {
    "n_regions = 4000": "n_regions = 400",
    "n_genes = 1500": "n_genes = 160",
    "[causal]": "[causal]\nbootstraps = 2",
}


def blocks() -> list[tuple[str, str]]:
    """Return language and text of each fenced block of the section, in order."""
    section = PAGE.read_text().partition("## Starting from what the published code wrote\n")[2].partition("\n## ")[0]
    return re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def type_command(line: str) -> str:
    """Run a line of the page; of a run the same in this process, without Ray."""
    first, *words = shlex.split(line)
    assert first == "screening", line
    if words[0] == "run":
        assert words[2:] == ["--until", "tf_pairs"]
        screen = open_screen(Path(words[1]))
        summary = run_inline(screen, first_tasks(screen), resume_command="", until="tf_pairs")
        assert (summary.failed, summary.exit_code) == (0, 0)
        return ""
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    if words[0] == "init":
        path = Path(words[1]) / "screen.toml"
        text = path.read_text()
        for old, new in SMALLER.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
    return done.output


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told: dict[str, str] = {}
    for language, text in blocks():
        if language == "python":
            (tmp_path / "block.py").write_text(text)
            runpy.run_path("block.py")
        else:
            told |= {line: type_command(line) for line in text.strip().splitlines()}
    plan = next(text for line, text in told.items() if line.startswith("screening plan"))
    assert "finetune" not in plan and "pretrain" not in plan
    catalog = Catalog(tmp_path / "taken" / "catalog.duckdb")
    rows = catalog.sql("select stage, cell_type_id, file, format from taken_over order by stage").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("attribution", "simulated B cell", "b_cell.feather", "feather"),
        ("causal", "simulated epithelial cell", "epithelial.txt", "edge_list"),
    ]
    shown = next(text for line, text in told.items() if line.startswith("screening network show"))
    assert ["GATA", "EBF1", "-0.8"] in [line.split()[:3] for line in shown.splitlines()]
    assert catalog.sql("from targets").num_rows == 40  # a tenth of 400 genes
    assert catalog.sql("from pair_origins where cell_type_id = 'simulated epithelial cell'").num_rows
