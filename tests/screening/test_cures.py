"""Errors of commands name the screen that the command was given."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from screening.cli import app
from screening.commands.cures import naming
from screening.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "note", "told"),
    [
        ("x/a.toml", "screening run SCREEN.TOML", "screening run x/a.toml"),
        ("x y/a.toml", "set msa.folder in screen.toml; or not", "set msa.folder in 'x y/a.toml'; or not"),
        ("a screen.toml", "run SCREEN.TOML, see screen.toml", "run 'a screen.toml', see 'a screen.toml'"),
        ("x/screen.toml", "correct x/screen.toml", "correct x/screen.toml"),
        ("screen.toml", "add it in screen.toml", "add it in screen.toml"),
        ("b.toml", "name demo/screen.toml", "name demo/screen.toml"),
        ("catalog.duckdb", "screening run SCREEN.TOML", "screening run SCREEN.TOML"),
    ],
)
def test_the_file_is_named_once(given: str, note: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught, naming(Path(given)):
        raise InvalidInput("no", cure=note)
    assert caught.value.__notes__ == [told]


@pytest.mark.parametrize(
    "words",
    [
        "plan FILE",
        "run FILE",
        "md FILE --where true",
        "report FILE",
        "catalog sql FILE x",
        "catalog describe FILE",
        "catalog rebuild FILE",
        "benchmark-binders FILE --interactions TABLE",
        "get targets FILE --cell-type x --motif y",
        "get agnostic FILE",
        "network show FILE",
        "network degrees FILE",
        "network agnostic FILE",
        "network benchmark FILE",
    ],
)
def test_every_command_names_it(tmp_path: Path, words: str) -> None:
    screen, table = tmp_path / "mine.toml", tmp_path / "table.tsv"
    screen.write_text("")
    table.write_text("gene_a\tgene_b\nSPI1\tSPI1\n")
    typed = [{"FILE": str(screen), "TABLE": str(table)}.get(word, word) for word in words.split()]
    error = CliRunner().invoke(app, typed).exception
    assert error is not None and str(screen) in " ".join(error.__notes__)
    assert not {"SCREEN.TOML", " screen.toml"} & set(error.__notes__[0].split())
    assert sorted(tmp_path.iterdir()) == [screen, table]
