"""Screens to begin from: what they ask for, and that the examples are the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from screening.errors import InvalidInput
from screening.presets import PRESETS, write_preset
from screening.proteins import read_fasta
from screening.screen import Screen
from screening.settings import load_settings
from screening.steps.first_tasks import first_tasks

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def opened(path: Path) -> Screen:
    settings, config = load_settings(path)
    return Screen(settings, path.parent, config)


def test_homodimers_are_whole_chains_by_five_networks_with_three_recycles(tmp_path: Path) -> None:
    """The protocol of Fu et al. 2025 for homodimers."""
    screen = opened(write_preset(tmp_path / "x", "homodimers"))
    (task,) = first_tasks(screen)
    assert task.stage == "tf_pairs"
    network = screen.settings.structure.colabfold
    assert (screen.settings.structure.backend, network.models, network.recycles) == ("colabfold", (1, 2, 3, 4, 5), 3)
    assert screen.settings.segments.rule == "full_length"
    assert "full_length" in screen.settings.segment_pairs.kinds


def test_cofactor_is_among_the_sequences_and_the_chromatin_is_the_users(tmp_path: Path) -> None:
    screen = opened(write_preset(tmp_path / "x", "cofactor"))
    assert screen.settings.tf_pairs.cofactors == ("EP300",)
    proteins = {protein.gene: protein for protein in read_fasta(tmp_path / "x" / "proteins.fasta")}
    # UniProt Q09472: 2414 residues.
    assert (proteins["EP300"].accession, len(proteins["EP300"].sequence)) == ("Q09472", 2414)
    assert {"SNAI1", "RELA"} < set(proteins)
    with pytest.raises(InvalidInput, match=r'atlas\.regions = "regions\.tsv": no such file'):
        first_tasks(screen)


@pytest.mark.parametrize("preset", ["homodimers", "cofactor"])
def test_examples_are_the_presets(tmp_path: Path, preset: str) -> None:
    written = write_preset(tmp_path / "x", preset)
    assert (EXAMPLES / preset / "screen.toml").read_bytes() == written.read_bytes()


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_overwritten(tmp_path: Path, preset: str) -> None:
    for name in ("screen.toml", "proteins.fasta"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(InvalidInput, match="exists already"):
            write_preset(folder, preset)
        assert [path.read_text() for path in folder.iterdir()] == ["mine"]


def test_the_command(tmp_path: Path) -> None:
    def init(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "screening", "init", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = init("hd", "--preset", "homodimers")
    assert (done.returncode, sorted(path.name for path in (tmp_path / "hd").iterdir())) == (
        0,
        ["proteins.fasta", "screen.toml"],
    )
    assert "next: edit it, then screening plan hd/screen.toml" in done.stdout
    refused = init("other", "--preset", "no")
    assert refused.returncode == 2
    assert "choose one of demo, homodimers, cofactor" in refused.stderr
    assert not (tmp_path / "other").exists()
