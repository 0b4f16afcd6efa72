"""`screening score`: prediction files of any program become rows, and a bad file costs only its own row."""

import csv
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from catalog.errors import CatalogError
from screening.cli import app
from screening.errors import InvalidInput
from screening.score_table import SHORT_COLUMNS, score_files, table_of
from screening.scores import InterfaceScores, score_complex

RESIDUES = {"G": "GLY", "K": "LYS", "E": "GLU"}


def pdb(*chains: str) -> str:
    """Chains of residues 3.8 angstrom apart along x, the chains 5 angstrom apart along y."""
    lines = []
    for k, sequence in enumerate(chains):
        for number, letter in enumerate(sequence, start=1):
            for name in ("CA",) if letter == "G" else ("CA", "CB"):
                place = f"{name:<3} {RESIDUES[letter]} {'ABC'[k]}{number:>4}"
                lines += [f"ATOM      1  {place}    {number * 3.8:8.3f}{k * 5.0:8.3f}{0:8.3f}  1.00 80.00\n"]
    return "".join(lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ColabFold job, a Boltz job of three chains, one chain alone, and three broken predictions."""
    tail = "rank_001_alphafold2_multimer_v3_model_3_seed_000"
    files = {
        f"good_unrelaxed_{tail}.pdb": pdb("GKG", "GEG"),
        f"good_scores_{tail}.json": json.dumps({"pae": np.full((6, 6), 2.0).tolist(), "iptm": 0.5, "ptm": 0.6}),
        "three_model_0.pdb": pdb("GG", "GG", "GG"),
        "confidence_three_model_0.json": json.dumps(
            {"pair_chains_iptm": {"0": {"1": 0.25}, "1": {"0": 0.5}}, "iptm": 0.9, "ptm": 0.8}
        ),
        "alone.pdb": pdb("GKG"),
        "short.pdb": pdb("GK", "GE"),
        "pae_short.json": json.dumps({"pae": np.zeros((3, 3)).tolist()}),
        "nothing.cif": "data_x\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    np.savez(tmp_path / "pae_three_model_0.npz", pae=np.full((6, 6), 3.0, dtype=np.float32))
    (tmp_path / "cut.pdb").write_text(pdb("GK", "GE"))
    (tmp_path / "pae_cut.npz").write_bytes((tmp_path / "pae_three_model_0.npz").read_bytes()[:100])
    return tmp_path


def test_rows(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    rows = list(score_files([folder, folder / "absent"], progress=lambda *at: seen.append(at)))
    assert seen == [(k, 7) for k in range(1, 8)]
    assert {len(row) for row in rows} == {len(table_of(rows).column_names)}
    good = [row for row in rows if row["error"] is None]
    assert [(Path(str(row["file"])).name[:5], row["chain_a"], row["chain_b"]) for row in good] == [
        ("good_", "A", "B"),
        *(("three", a, b) for a, b in ("AB", "AC", "BC")),
    ]
    assert [row["iptm"] for row in good] == [0.5, 0.5, None, None]  # of three chains, that of the pair
    errors = {Path(str(row["file"])).name: str(row["error"]) for row in rows if row["error"] is not None}
    assert errors.keys() == {"alone.pdb", "short.pdb", "cut.pdb", "nothing.cif", "absent"}
    assert errors["alone.pdb"].startswith("unsupported: ")
    assert "PAE of 3 residues for a structure of 4 (chains A 2 + B 2)" in errors["short.pdb"]
    assert errors["cut.pdb"].startswith("invalid_input: ") and "broken npz of 100 bytes" in errors["cut.pdb"]
    assert all(row[field.name] is None for row in rows if row["error"] for field in fields(InterfaceScores))


def test_rows_equal_the_library(shared: Path) -> None:
    (first, _) = score_files([shared / "parity/interfaces"])
    expected = score_complex(Path(str(first["file"])), Path(str(first["pae_file"])))
    assert all(first[field.name] == getattr(expected, field.name) for field in fields(InterfaceScores))
    assert expected.ipsae_ab is not None
    assert expected.ipsae_ba is not None
    assert first["ipsae"] == max(expected.ipsae_ab, expected.ipsae_ba)
    assert first["lis"] == pytest.approx((0.7653785202119922 + 0.7252773444271103) / 2, abs=1e-6)
    assert (first["length_a"], first["length_b"]) == (110, 89)


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
def test_command_writes_a_table(folder: Path, suffix: str) -> None:
    out = folder / f"scores{suffix}"
    result = CliRunner().invoke(app, ["score", str(folder), "--out", str(out)])
    assert result.exit_code == 1
    assert "error[unsupported]" in result.stderr
    assert "4 scored, 4 not" in result.stderr
    if suffix == ".parquet":
        rows = parquet.read_table(out).to_pylist()
        numbers = [row["n_contacts"] for row in rows]
    else:
        with out.open() as handle:
            rows = list(csv.DictReader(handle, delimiter="\t" if suffix == ".tsv" else ","))
        numbers = [int(row["n_contacts"]) if row["n_contacts"] else None for row in rows]
    assert len(rows) == 8
    assert sorted(numbers, key=str)[-1] is None


def test_command_prints_json_and_chooses_chains(folder: Path) -> None:
    path = next(folder.glob("three*.pdb"))
    result = CliRunner().invoke(app, ["score", str(path), "--json", "--chains", "B,A"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert (row["chain_a"], row["chain_b"], row["mean_ipae"]) == ("B", "A", 3.0)
    absent = CliRunner().invoke(app, ["score", str(path), "--json", "--chains", "A,Q"])
    assert absent.exit_code == 1
    assert "no two chains A and Q" in json.loads(absent.stdout)[0]["error"]


def test_command_prints_a_short_table(folder: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(next(folder.glob("good*.pdb")))])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in SHORT_COLUMNS)


@pytest.mark.parametrize("options", [["--chains", "A"], ["--chains", "A,A"], ["--out", "x.xlsx"]])
def test_wrong_options_name_the_cure(folder: Path, options: list[str]) -> None:
    result = CliRunner().invoke(app, ["score", str(folder), *options])
    assert isinstance(result.exception, InvalidInput | CatalogError)
    assert result.exception.__notes__


def test_failures_are_told_with_their_cure_and_not_in_the_table(folder: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(folder), str(folder / "absent")])
    assert result.exit_code == 1
    assert "nothing.cif" not in result.stdout and "alone.pdb" not in result.stdout
    assert result.stdout.count("three_model_0.") == 3
    assert "error[invalid_input] " + f"{folder / 'absent'}: no such file or folder\n  next: " in result.stderr


def test_only_failures_print_no_table(folder: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(folder / "alone.pdb")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[unsupported]" in result.stderr


def test_missing_pae_is_told(folder: Path) -> None:
    (alone,) = folder.glob("good*.pdb")
    copy = folder / "copy" / "x.pdb"
    copy.parent.mkdir()
    copy.write_bytes(alone.read_bytes())
    assert "– 1 of 1 without PAE" in CliRunner().invoke(app, ["score", str(copy)]).stderr
    assert "without PAE" not in CliRunner().invoke(app, ["score", str(alone)]).stderr


@pytest.mark.parametrize("maximum", ["0", "-1", "nan", "inf"])
def test_scale_of_plddt_is_a_positive_number(folder: Path, maximum: str) -> None:
    result = CliRunner().invoke(app, ["score", str(folder), "--plddt-maximum", maximum])
    assert isinstance(result.exception, InvalidInput) and result.exception.__notes__
