"""The stage `msa`: one alignment for each sequence and recipe, from every source."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.record import Record
from catalog.store import Store
from screening.errors import InvalidInput
from screening.execution import execute
from screening.msa import parse_a3m, read_msa
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.alignments import msa_task
from screening.task import Resources, Task

PROTEIN = {"accession": "P12345", "gene": "TF1", "sequence": "MKVLDEFGHI"}


def screen(place: Path, **msa) -> Screen:
    return Screen(ScreenSettings.model_validate({"msa": msa}), place, {})


def run(task: Task, folder: Path) -> Record:
    report = execute(task, folder / "store", "run", 1, Resources())
    record = Store(folder / "store").get(task.key)
    assert record is not None, report
    return record


def artifact(record: Record, folder: Path) -> Path:
    return folder / "store" / record.artifact("a3m").path


def test_query_only(tmp_path):
    record = run(msa_task(PROTEIN, screen(tmp_path)), tmp_path)
    assert (record.outputs["depth"], record.outputs["neff"]) == (1, 1.0)
    path = artifact(record, tmp_path)
    assert path.name.endswith(".a3m.gz")
    assert gzip.decompress(path.read_bytes()) == b">query\nMKVLDEFGHI\n"
    assert read_msa(path, "MKVLDEFGHI").depth == 1


def test_a_key_holds_the_sequence_and_the_recipe_and_nothing_else(tmp_path):
    key = msa_task(PROTEIN, screen(tmp_path)).key
    assert msa_task(PROTEIN | {"accession": "Q1", "gene": "TWIN"}, screen(tmp_path)).key == key
    assert msa_task(PROTEIN | {"sequence": "MKVLDEFGHL"}, screen(tmp_path)).key != key
    assert msa_task(PROTEIN, screen(tmp_path, server={"mode": "all"})).key == key
    online = msa_task(PROTEIN, screen(tmp_path, source="server")).key
    assert online != key
    machine = {"offline": False, "contact": "me@example.org", "interval_s": 9.0}
    assert msa_task(PROTEIN, screen(tmp_path, source="server", server=machine)).key == online
    assert msa_task(PROTEIN, screen(tmp_path, source="server", server={"mode": "all"})).key != online
    other = {"url": "https://msa.example.org"}
    assert msa_task(PROTEIN, screen(tmp_path, source="server", server=other)).key != online


def test_files_by_accession_in_both_formats(tmp_path):
    folder = tmp_path / "alignments"
    folder.mkdir()
    settings = screen(tmp_path, source="files", folder="alignments")
    missing = run(msa_task(PROTEIN, settings), tmp_path)
    assert missing.status == "failed"
    assert missing.attempts[0].failure == "invalid_input"
    assert missing.attempts[0].message == "TF1 (P12345): no P12345.a3m in alignments"
    stockholm = "# STOCKHOLM 1.0\nTF1 MKVLD.EFGHI\nhit MKV--aEFGHI\n//\n"
    (folder / "P12345.sto.gz").write_bytes(gzip.compress(stockholm.encode()))
    found = run(msa_task(PROTEIN, settings), tmp_path)
    assert found.key != missing.key
    assert parse_a3m(gzip.decompress(artifact(found, tmp_path).read_bytes()).decode()).rows[1] == "MKV--aEFGHI"
    (folder / "P12345.a3m").write_text(">q\nMKVLDEFGHI\n>h OX=9606\nMKVLDEFGHL\n")
    row = run(msa_task(PROTEIN, settings), tmp_path).tables["msas"][0]
    assert (row["depth"], row["neff"], row["n_taxa"], row["uniprot_ac"]) == (2, 1.0, 1, "P12345")


def test_an_offline_server_is_not_a_failure_for_ever(tmp_path):
    task = msa_task(PROTEIN, screen(tmp_path, source="server"))
    report = execute(task, tmp_path / "store", "run", 1, Resources())
    assert Store(tmp_path / "store").get(task.key) is None
    assert report.failure is not None and "nothing is sent" in report.failure.message


def test_settings_are_checked(tmp_path):
    for wrong in ({"url": "file:///etc"}, {"url": "ftp://host"}, {"contact": "a\r\nX-Header: b"}, {"mode": "pair"}):
        with pytest.raises(ValueError, match="msa"):
            screen(tmp_path, source="server", server=wrong)
    with pytest.raises(InvalidInput, match=r"needs msa\.mmseqs\.database"):
        msa_task(PROTEIN, screen(tmp_path, source="mmseqs"))
    with pytest.raises(InvalidInput, match="no MMseqs2 database"):
        msa_task(PROTEIN, screen(tmp_path, source="mmseqs", mmseqs={"database": "nothing"}))


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="no mmseqs here (apt-get install mmseqs2)")
def test_a_search_is_found_again_wherever_the_database_lies(tmp_path):
    sequence = "MSSHEGGKKKALKQPKKQAKEMDEEEKAFKQKQKEEQKKLEVLKAKVVGKGPLATGGIKK"
    fasta = tmp_path / "proteins.fasta"
    fasta.write_text(f">sp|P1|A_HUMAN x OX=9606\n{sequence}\n>sp|P2|B_MOUSE x OX=10090\n{sequence[:50]}\n")
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    subprocess.run(["mmseqs", "createdb", fasta, tmp_path / "here/db", "-v", "1"], check=True, capture_output=True)
    for path in (tmp_path / "here").iterdir():
        shutil.copy(path, tmp_path / "there" / path.name)
    protein = PROTEIN | {"sequence": sequence}
    tasks = [
        msa_task(protein, screen(tmp_path, source="mmseqs", mmseqs={"database": f"{place}/db"}))
        for place in ("here", "there")
    ]
    assert tasks[0].key == tasks[1].key
    more = {"database": "here/db", "sensitivity": 5.0}
    assert msa_task(protein, screen(tmp_path, source="mmseqs", mmseqs=more)).key != tasks[0].key
    record = run(tasks[0], tmp_path)
    row = record.tables["msas"][0]
    assert (row["depth"], row["n_taxa"], row["uniprot_ac"]) == (3, 2, None)
    recipe = json.loads(str(row["recipe"]))
    assert recipe["source"] == "mmseqs" and recipe["mmseqs"]["e_value"] == 0.1 and len(recipe["database"]) == 64


def test_the_catalog_takes_the_row(tmp_path):
    record = run(msa_task(PROTEIN, screen(tmp_path)), tmp_path)
    catalog = Catalog(tmp_path / "catalog.duckdb")
    catalog.ingest([record], store_root=tmp_path / "store")
    row = catalog.sql("select source, depth, neff, n_taxa, recipe ->> 'source' as recipe from msas").to_pylist()
    assert row == [{"source": "query_only", "depth": 1, "neff": 1.0, "n_taxa": 0, "recipe": "query_only"}]
