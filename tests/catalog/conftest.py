"""A small screen written by hand: two cell types, PAX5 and RORA, three structures, one trajectory."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from catalog.catalog import Catalog
from catalog.record import Artifact, Attempt, Record, RunRecord
from catalog.store import Store

PAX5, RORA = "Q02548", "P35398"


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def attempt(number: int = 1, failure: str | None = None, message: str | None = None, cure: str | None = None, **given):
    fields = {
        "status": "failed" if failure else "ok",
        "node": "node-1",
        "accelerator": None,
        "started_at": f"2026-01-01T00:00:{number:02d}+00:00",
        "wall_s": 10.0,
        "cpu_s": 8.0,
        "gpu_s": 0.0,
        "peak_rss_gib": 0.5,
    } | given
    return Attempt(run_id="run-1", attempt=number, failure=failure, message=message, cure=cure, **fields)


def make_record(
    name: str,
    stage: str,
    *,
    upstream: dict[str, str] | None = None,
    tables: dict | None = None,
    artifacts: tuple[Artifact, ...] = (),
    status: str = "ok",
    attempts: tuple[Attempt, ...] | None = None,
    minute: int = 0,
) -> Record:
    return Record(
        key=key_of(name),
        stage=stage,
        stage_version=1,
        subject=name,
        status=status,
        inputs={"name": name},
        upstream={role: key_of(other) for role, other in (upstream or {}).items()},
        settings={"n": 1},
        tables=tables or {},
        artifacts=artifacts,
        attempts=(attempt(),) if attempts is None else attempts,
        finished_at=f"2026-01-01T00:{minute:02d}:00+00:00",
    )


def put(store: Store, folder: Path, name: str, content: bytes, role: str, media_type: str) -> Artifact:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return store.put(path, role, media_type)


def mini_screen(store: Store, scratch: Path) -> list[Record]:
    """Publish the records of the screen and return them."""
    cell_types = [
        {"cell_type_id": "b_cell", "name": "B cell", "n_regions": 1000, "simulated": False},
        {"cell_type_id": "toy", "name": "Toy cell", "n_regions": 50, "simulated": True},
    ]
    proteins = [
        {"uniprot_ac": PAX5, "gene": "PAX5", "length": 391, "tf_family": "Paired box"},
        {"uniprot_ac": RORA, "gene": "RORA", "length": 523, "tf_family": "Nuclear receptor"},
    ]
    residues = pyarrow.table(
        {
            "uniprot_ac": [PAX5] * 391,
            "position": range(1, 392),
            "plddt": [90.0 if position <= 150 else 40.0 for position in range(1, 392)],
            "source": ["metapredict"] * 391,
        }
    )
    scratch.mkdir(exist_ok=True)
    parquet.write_table(residues, scratch / "residues.parquet")
    of_residues = store.put(scratch / "residues.parquet", "table:residues", "application/vnd.apache.parquet")

    def segment(name: str, accession: str, ordinal: int, start: int, end: int, kind: str, mean: float) -> dict:
        return {
            "segment_id": name,
            "uniprot_ac": accession,
            "ordinal": ordinal,
            "seq_start": start,
            "seq_end": end,
            "kind": kind,
            "mean_plddt": mean,
            "plddt_source": "metapredict",
            "plddt_proxy": True,
        }

    def edge(cell_type: str, cause: str, effect: str, value: float, percentile: float) -> dict:
        return {
            "cell_type_id": cell_type,
            "cause_motif": cause,
            "effect_motif": effect,
            "effect": value,
            "abs_effect_pct": percentile,
            "selected": percentile >= 95,
            "method": "direct_lingam",
        }

    def attribution(cell_type: str, scores: dict[str, float]) -> list[dict]:
        return [
            {"cell_type_id": cell_type, "motif_id": m, "mean_score": -s, "mean_abs_score": s, "n_genes": 10}
            for m, s in scores.items()
        ]

    def structure(name: str, pair: str, content: bytes, minute: int, **row) -> Record:
        artifact = put(store, scratch, f"{name}.pdb", content, "structure", "chemical/x-pdb")
        return make_record(
            name,
            "fold",
            upstream={"segment_pairs": "pairs"},
            tables={"structures": [{"segment_pair_id": pair, **row}]},
            artifacts=(artifact,),
            attempts=(attempt(gpu_s=1800.0, accelerator="H200", wall_s=1800.0),),
            minute=minute,
        )

    def score(name: str, of: str, minute: int, **row) -> Record:
        row = {"structure_key": key_of(of), "score_version": 1, **row}
        return make_record(name, "score", upstream={"structure": of}, tables={"scores": [row]}, minute=minute)

    records = [
        make_record("atlas", "atlas", tables={"cell_types": cell_types}, minute=1),
        make_record("proteins", "proteins", tables={"proteins": proteins}, minute=2),
        make_record("plddt PAX5", "plddt", upstream={"protein": "proteins"}, artifacts=(of_residues,), minute=3),
        make_record(
            "training",
            "train",
            tables={
                "training_metrics": [
                    {"cell_type_id": "toy", "phase": "finetune", "epoch": e, "metric": "train_loss", "value": 1 / e}
                    for e in (1, 2, 4)
                ]
            },
            minute=3,
        ),
        make_record(
            "attribution B cell",
            "attribution",
            tables={"motif_attributions": attribution("b_cell", {"PAX": 0.5, "NR": 0.7, "ETS": 0.1})},
            minute=4,
        ),
        make_record(
            "network B cell",
            "network",
            upstream={"attribution": "attribution B cell"},
            tables={
                "causal_edges": [edge("b_cell", "PAX", "NR", 0.8, 99.0), edge("b_cell", "NR", "ETS", -0.1, 40.0)],
                "tf_pairs": [{"pair_id": "pair", "uniprot_a": RORA, "uniprot_b": PAX5, "kind": "inter_family"}],
                "pair_origins": [
                    {
                        "pair_id": "pair",
                        "cell_type_id": "b_cell",
                        "edge_task_key": key_of("network B cell"),
                        "cause_motif": "PAX",
                        "effect_motif": "NR",
                    }
                ],
                "dropped_pairs": [
                    {
                        "cell_type_id": "b_cell",
                        "cause_motif": "PAX",
                        "effect_motif": "ETS",
                        "reason": "no_expressed_tf",
                        "detail": "no factor of ETS is expressed",
                    }
                ],
            },
            minute=5,
        ),
        make_record(
            "network Toy cell",
            "network",
            tables={
                "causal_edges": [edge("toy", "PAX", "NR", 0.4, 97.0)],
                "truth_edges": [
                    {"cell_type_id": "toy", "cause_motif": "PAX", "effect_motif": "NR", "effect": 0.5},
                    {"cell_type_id": "toy", "cause_motif": "ETS", "effect_motif": "PAX", "effect": 0.3},
                ],
                "network_recovery": [{"cell_type_id": "toy", "metric": "auprc", "value": 0.75}],
                "tf_pairs": [{"pair_id": "pair", "uniprot_a": RORA, "uniprot_b": PAX5, "kind": "inter_family"}],
                "pair_origins": [
                    {
                        "pair_id": "pair",
                        "cell_type_id": "toy",
                        "edge_task_key": key_of("network Toy cell"),
                        "cause_motif": "PAX",
                        "effect_motif": "NR",
                    }
                ],
            },
            minute=6,
        ),
        make_record(
            "pairs",
            "segment_pairs",
            upstream={"pair": "network B cell", "protein": "proteins"},
            tables={
                "segments": [
                    segment("PAX5-1", PAX5, 1, 1, 150, "high_plddt", 90.0),
                    segment("PAX5-2", PAX5, 2, 151, 391, "low_plddt", 40.0),
                    segment("RORA-1", RORA, 1, 270, 523, "high_plddt", 85.0),
                ],
                "segment_pairs": [
                    {"segment_pair_id": "x1", "pair_id": "pair", "segment_a": "PAX5-1", "segment_b": "RORA-1"},
                    {"segment_pair_id": "x2", "pair_id": "pair", "segment_a": "PAX5-2", "segment_b": "RORA-1"},
                ],
                "variants": [
                    {"uniprot_ac": PAX5, "position": 183, "ref": "G", "alt": "S", "label": "leukaemia"},
                    {"uniprot_ac": PAX5, "position": 80, "ref": "P", "alt": "R", "label": "leukaemia"},
                ],
            },
            minute=7,
        ),
        structure("fold x1", "x1", b"ATOM x1", 8, backend="colabfold", weights="ab12", iptm=0.6),
        structure(
            "fold x2", "x2", b"ATOM x2", 9, backend="residue_md", weights="none", bound_fraction=0.25, note="no pLDDT"
        ),
        structure("fold random", "x1", b"ATOM random", 10, backend="colabfold", weights="random", iptm=0.99),
        score("score x1", "fold x1", 11, ipsae_ab=0.3, ipsae_ba=0.5, pdockq=0.4, lis_ab=0.2, lis_ba=0.4, iptm=0.6),
        score("score x2", "fold x2", 12, n_contacts=7, null_reason="residue_md predicts no PAE"),
        score("score random", "fold random", 13, ipsae_ab=0.9, ipsae_ba=0.9, pdockq=0.9, iptm=0.99),
        make_record(
            "md x1",
            "md",
            upstream={"structure": "fold x1", "score": "score x1"},
            tables={
                "md_runs": [
                    {
                        "structure_key": key_of("fold x1"),
                        "system": "complex",
                        "replica": 1,
                        "completed_ns": 0.1,
                        "seed": 1,
                    }
                ],
                "md_metrics": [
                    {"metric": "interface_contacts", "unit": "1", "mean": 12.5, "ci_low": 10.0, "ci_high": 15.0},
                    {"metric": "rg", "unit": "nm", "note": "too short to know"},
                ],
            },
            minute=14,
        ),
        make_record(
            "fold x3",
            "fold",
            status="failed",
            attempts=(attempt(3, "unsupported", "segment has no coordinates", "give a structure"),),
            minute=15,
        ),
    ]
    for each in records:
        store.publish(each)
    store.add_failed_attempt(
        key_of("fold x1"), "fold", "fold x1", attempt(2, "oom", "out of memory at 800 residues", "x")
    )
    store.add_failed_attempt(
        key_of("fold x4"), "fold", "fold x4", attempt(1, "oom", "out of memory at 900 residues", "y")
    )
    store.put_run(make_run())
    return records


def make_run(status: str = "running") -> RunRecord:
    return RunRecord(
        run_id="run-1",
        submission_id=None,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=None,
        status=status,
        config={"structure": {"backend": "colabfold"}},
        config_sha256="00",
        git_commit=None,
        git_dirty=None,
        software={"duckdb": "2"},
    )


@pytest.fixture
def key() -> Callable[[str], str]:
    """Key of the record with a subject."""
    return key_of


@pytest.fixture
def record() -> Callable[..., Record]:
    """Make a record."""
    return make_record


@pytest.fixture
def run_record() -> Callable[..., RunRecord]:
    """Make the record of a run."""
    return make_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """Folder with the store and catalog of the small screen, to be copied, and its records."""
    folder = tmp_path_factory.mktemp("made")
    store = Store(folder / "store")
    records = mini_screen(store, folder / "scratch")
    Catalog(folder / "catalog.duckdb").ingest(records, store.failed_attempts(), store.runs(), store_root=store.root)
    return folder, records


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    store = Store(tmp_path / "store")
    store.root.mkdir()
    return store


@pytest.fixture
def screen(store: Store, made: tuple[Path, list[Record]]) -> list[Record]:
    """Put the small screen into the store."""
    shutil.copytree(made[0] / "store", store.root, dirs_exist_ok=True)
    return made[1]


@pytest.fixture
def catalog(screen: list[Record], made: tuple[Path, list[Record]], tmp_path: Path) -> Catalog:
    """Return the catalog of the small screen."""
    return Catalog(Path(shutil.copy(made[0] / "catalog.duckdb", tmp_path)))
