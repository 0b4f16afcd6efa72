"""The documents say what the code does."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from screening.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "k562_hepg2" / "README.md"]


def test_settings_page_is_what_the_models_say():
    made = runpy.run_path(str(ROOT / "docs" / "make_settings.py"))
    assert (ROOT / "docs" / "settings.md").read_text() == made["page"](), "python docs/make_settings.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_links_exist(page):
    text = page.read_text()
    command = get_command(app)
    known = set(command.commands)
    for name in re.findall(r"(?:^\$ |`)screening ([a-z-]+)", text, re.MULTILINE):
        assert name in known
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_command_has_help():
    command = get_command(app)
    for name, sub in command.commands.items():
        assert sub.help, name


def test_help_loads_nothing_heavy():
    heavy = "torch ray openmm duckdb pyarrow pydantic numpy lingam mdtraj"
    code = f"import sys, screening.cli; print(*set('{heavy}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
