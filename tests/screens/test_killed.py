"""A run that is killed outright goes on where it stopped and ends with the same catalog."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.store import Store
from screening.presets import write_preset

pytestmark = pytest.mark.screen

SMALL = (
    *("atlas.n_regions=600", "atlas.n_genes=200", "pretrain.epochs=1", "finetune.epochs=4", "tf_pairs.limit=2"),
    *("segment_pairs.limit=1", "segment_pairs.maximum_length=110", "select.limit=0"),
    *("structure.residue_md.production_ns=0.05", "structure.residue_md.equilibration_ns=0.01"),
)
RESULTS = (
    *("cell_types", "proteins", "residues", "motif_choices", "training_metrics", "motif_attributions", "causal_edges"),
    *("network_recovery", "tf_pairs", "pair_origins", "dropped_pairs", "segments", "segment_pairs", "msas"),
    *("structures", "structure_observables", "scores", "artifacts"),
)


def start(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "screening", "run", "screen.toml"]
    words += [word for setting in SMALL for word in ("--set", setting)]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder: Path) -> tuple[int, int]:
    """Run to the end; returns tasks run and tasks done before."""
    output, _ = start(folder).communicate(timeout=300)
    numbers = re.search(r"(\d+) tasks run, (\d+) done before", output)
    assert numbers, output
    return int(numbers[1]), int(numbers[2])


def test_killed_run_goes_on_and_gives_the_same_catalog(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        write_preset(folder)
    total, _ = finish(whole)

    run = start(killed)
    store = Store(killed / "store")
    until = time.monotonic() + 120
    while len(store.keys()) < 6 and time.monotonic() < until:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    time.sleep(3)  # workers notice that their driver is gone
    recorded = len(store.keys())
    assert 6 <= recorded < total

    ran, before = finish(killed)
    assert before == recorded
    assert ran == total - recorded
    for table in RESULTS:
        query = f"from {table} order by all"
        a, b = (Catalog(folder / "catalog.duckdb").sql(query) for folder in (whole, killed))
        assert a.equals(b), table
