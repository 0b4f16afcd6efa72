"""The K562/HepG2 example, cut down: real regions, real motifs, real proteins, every stage once."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.store import Store

pytestmark = pytest.mark.screen

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "k562_hepg2"
CLUSTERS = (
    *("GATA", "KLF/SP/1", "SPI", "STAT/2", "AP1/2", "Ebox/CAGATGG", "RUNX/1", "NFE2L1", "CTCF", "NRF1", "NFY", "ETS/1"),
    *("NR/1", "FOX/4", "HD/10", "CCAAT/CEBP", "TEAD", "NR/11", "TCF/LEF", "GRHL", "ZFX", "TFAP2/1", "MEF2", "EGR"),
)
SMALL = (
    *("pretrain.window=16", "pretrain.embed=32", "pretrain.epochs=2", "finetune.epochs=12", "causal.method=direct"),
    *("tf_pairs.limit=1", "segment_pairs.maximum_length=60", "segment_pairs.minimum_segment_length=10"),
    *("structure.residue_md.production_ns=0.1", "structure.residue_md.equilibration_ns=0.02"),
    *("md.protocol.minimise_iterations=20", "md.protocol.equilibration_ps=0.2", "md.protocol.production_ps=0.2"),
    *("md.protocol.checkpoint_interval_ps=0.1", "md.protocol.frame_interval_ps=0.02"),
)


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "screening", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=600)


def run(folder: Path) -> str:
    done = command(folder, "run", "screen.toml", *(word for setting in SMALL for word in ("--set", setting)))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def screen(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the finished screen: 1,500 regions, two dozen of the 282 motif clusters."""
    folder = tmp_path_factory.mktemp("k562")
    shutil.copy(EXAMPLE / "screen.toml", folder)
    build = [sys.executable, EXAMPLE / "build_inputs.py", "--data", shared / "data", "--out", folder / "data"]
    subprocess.run([*map(str, build), "--regions", "1500"], check=True, capture_output=True)
    motifs = folder / "data" / "motifs.meme.gz"
    head, *rest = gzip.decompress(motifs.read_bytes()).decode().split("MOTIF ")
    kept = [block for block in rest if block.split(maxsplit=2)[1] in CLUSTERS]
    motifs.write_bytes(gzip.compress("MOTIF ".join([head, *kept]).encode()))
    run(folder)
    return folder


def top(screen: Path, cell_type: str, count: int) -> list[str]:
    query = "select motif_id from motif_attributions where cell_type_id = ? and motif_id <> 'Accessibility'"
    rows = Catalog(screen / "catalog.duckdb").sql(f"{query} order by mean_score desc limit {count}", [cell_type])
    return rows.column("motif_id").to_pylist()


def test_known_factors_lead_the_attribution(screen):
    # GATA1 is the master factor of K562; HNF4 (NR/1), FOXA (FOX), HNF1 (HD/10) and CEBP those of HepG2.
    assert "GATA" in top(screen, "K562", 3)
    assert len({"NR/1", "FOX/4", "HD/10", "CCAAT/CEBP"} & set(top(screen, "HepG2", 5))) >= 3


def test_every_stage_has_results(screen):
    rows = Catalog(screen / "catalog.duckdb").sql("select distinct stage from tasks where status = 'ok'").to_pylist()
    stages = {row["stage"] for row in rows}
    early = {"atlas", "pretrain", "finetune", "evaluation", "attribution", "resample", "causal", "tf_pairs"}
    early |= {"plddt", "segments", "segment_pairs"}
    assert early | {"msa", "structure", "score", "select", "md", "md_analysis"} == stages


def test_rows_hang_together(screen):
    catalog = Catalog(screen / "catalog.duckdb")
    (cover,) = catalog.sql(
        "select count(*) n from (select uniprot_ac, sum(seq_end - seq_start + 1) s from segments group by all) "
        "join proteins using (uniprot_ac) where s <> length"
    ).to_pylist()
    assert cover["n"] == 0
    hits = catalog.sql("from hits").to_pylist()
    assert hits
    assert all(hit["backend"] == "residue_md" and hit["pdockq"] is None and hit["iptm"] is None for hit in hits)
    assert not catalog.sql("from cell_types where simulated").to_pylist()
    assert catalog.sql("from segments where plddt_proxy").num_rows == catalog.sql("from segments").num_rows


def test_catalog_agrees_with_the_records_and_is_made_anew_from_them(screen):
    path, store = screen / "catalog.duckdb", Store(screen / "store")
    assert Catalog(path).verify(store) == []
    before = Catalog(path).sql("from hits order by all").to_pylist()
    path.unlink()
    Catalog(path).rebuild(store)
    assert Catalog(path).sql("from hits order by all").to_pylist() == before
    assert Catalog(path).verify(store) == []


def test_second_run_does_no_science(screen):
    text = run(screen)
    assert "nothing to run" in text
    assert "\n0 tasks run" in text


def test_report_is_one_file_without_links(screen):
    html = (screen / "report.html").read_text()
    assert 'src="http' not in html
    assert "GATA" in html


def test_md_rerun_makes_new_runs_and_keeps_old(screen):
    small = [word for setting in SMALL for word in ("--set", setting)]
    path = screen / "catalog.duckdb"
    before = Catalog(path).sql("from md_runs").num_rows
    done = command(screen, "md", "screen.toml", "--where", "n_contacts >= 0", "--ns", "0.0003", "--yes", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    lengths = Catalog(path).sql("select target_ns from md_runs").column("target_ns").to_pylist()
    assert len(lengths) > before
    assert {0.0002, 0.0003} <= {round(length, 6) for length in lengths}
