"""Screens of homodimers, of a table and of cofactors, from the first task to the catalog."""

from pathlib import Path

import numpy as np
import pytest

from catalog import Catalog
from catalog.record import Record
from catalog.report import write_report
from catalog.store import Store
from get_core.atlas import Atlas
from screening.cluster.job import run_inline
from screening.errors import InvalidInput
from screening.execution import execute
from screening.plan import plan_of
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps.first_tasks import first_tasks
from screening.task import Resources, Task

FASTA = ">P2 GENE=LONG FAMILY=Ets\nGGGGGG\n>P1 GENE=SHORT FAMILY=Ets\nGGGG\n"


def pdb(*plddt: list[float]) -> str:
    """Chains of glycine side by side, 5 angstrom apart, with a pLDDT for each residue."""
    lines = [
        f"ATOM      1  CA  GLY {chain}{number:>4}    {number * 4.0:8.3f}{y * 5.0:8.3f}{0:8.3f}  1.00{b:6.2f}\n"
        for y, (chain, values) in enumerate(zip("ABC", plddt, strict=False))
        for number, b in enumerate(values, start=1)
    ]
    return "".join(lines)


def screen(folder: Path, **sections) -> Screen:
    (folder / "proteins.fasta").write_text(FASTA)
    pairs = {"proteins": "proteins.fasta"} | sections.pop("tf_pairs", {})
    return Screen(ScreenSettings.model_validate({"tf_pairs": pairs, **sections}), folder, {})


@pytest.fixture
def homodimers(tmp_path: Path) -> Screen:
    """Two homodimers, folded elsewhere; the same structures are what is known of the proteins alone."""
    for folder in ("predictions", "alone"):
        (tmp_path / folder).mkdir()
    for accession, length in (("P1", 4), ("P2", 6)):
        (tmp_path / f"alone/{accession}.pdb").write_text(pdb([60.0] * length, [70.0] * length))
        (tmp_path / f"predictions/{accession}.pdb").write_text(pdb([80.0] * length, [90.0] * length))
    return screen(
        tmp_path,
        tf_pairs={"source": "homodimers"},
        plddt={"source": "files", "folder": "alone"},
        segments={"rule": "full_length"},
        structure={"backend": "imported", "predictions": "predictions"},
        select={"limit": 0},
    )


def test_a_screen_of_homodimers_needs_the_fasta_alone(homodimers: Screen) -> None:
    (task,) = first_tasks(homodimers)
    assert (task.stage, dict(task.upstream)) == ("tf_pairs", {})
    assert plan_of(homodimers).open_ended
    summary = run_inline(homodimers, [task], resume_command="again")
    assert (summary.failed, summary.blocked) == (0, 0)
    catalog = Catalog(homodimers.catalog_path)
    rows = catalog.sql(
        "select gene_a, gene_b, range_a, range_b, kind_a, pair_kind, n_contacts, delta_plddt_a, delta_plddt_b"
        " from hits order by gene_a"
    ).to_pylist()
    assert [(row["gene_a"], row["gene_b"], row["range_a"], row["range_b"]) for row in rows] == [
        ("LONG", "LONG", "1-6", "1-6"),
        ("SHORT", "SHORT", "1-4", "1-4"),
    ]
    assert {(row["kind_a"], row["pair_kind"]) for row in rows} == {("full_length", "homodimer")}
    # Neighbours across the interface are 5 angstrom apart and sqrt(5**2 + 4**2) = 6.4 along it: both are contacts.
    assert [row["n_contacts"] for row in rows] == [6 + 2 * 5, 4 + 2 * 3]
    # Alone is the mean of 60 and 70; in the complex 80 and 90.
    assert {(row["delta_plddt_a"], row["delta_plddt_b"]) for row in rows} == {(15.0, 25.0)}
    kinds = catalog.sql("select distinct baseline_kind, baseline_source from induced_folding order by all").to_pylist()
    assert kinds == [{"baseline_kind": "homodimer", "baseline_source": f"P{n}.pdb (homodimer)"} for n in (1, 2)]
    assert catalog.sql("from pair_origins").num_rows == catalog.sql("from cell_type_hits").num_rows == 0
    assert catalog.verify(Store(homodimers.store.root)) == []
    write_report(catalog, homodimers.report_path, store_root=homodimers.store.root, title="homodimers")
    assert "SHORT" in homodimers.report_path.read_text()
    again = run_inline(homodimers, first_tasks(homodimers), resume_command="again")
    assert again.executed == 0


def test_structures_are_stored_as_gzipped_mmcif(homodimers: Screen) -> None:
    run_inline(homodimers, first_tasks(homodimers), resume_command="again")
    records = [record for record in homodimers.store.records() if record.stage == "structure"]
    assert {record.artifact("structure").path[-7:] for record in records} == {".cif.gz"}


def pairs_of(screen: Screen, task: Task) -> list[tuple[object, ...]]:
    report = execute(task, screen.store.root, "run", 1, Resources())
    assert report.failure is None, report.failure
    record = screen.store.get(task.key)
    assert record is not None
    return [(row["pair_id"], row["kind"]) for row in record.tables["tf_pairs"]]


def test_chosen_homodimers_and_a_table(tmp_path: Path) -> None:
    chosen = screen(tmp_path, tf_pairs={"source": "homodimers", "genes": ["LONG"]})
    (task,) = first_tasks(chosen)
    assert pairs_of(chosen, task) == [("P2+P2", "homodimer")]
    (tmp_path / "pairs.tsv").write_text("LONG\tSHORT\nSHORT\tP1\n")
    listed = screen(tmp_path, tf_pairs={"source": "table", "pairs": "pairs.tsv"})
    (task,) = first_tasks(listed)
    assert pairs_of(listed, task) == [("P1+P2", "intra_family"), ("P1+P1", "homodimer")]
    record = listed.store.get(task.key)
    assert record is not None
    assert record.outputs["proteins"] == [
        {"accession": "P1", "gene": "SHORT", "sequence": "GGGG"},
        {"accession": "P2", "gene": "LONG", "sequence": "GGGGGG"},
    ]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"tf_pairs": {"source": "homodimers", "genes": ["NONE"]}}, "'NONE'"),
        ({"tf_pairs": {"source": "table"}}, "tf_pairs.pairs"),
        ({"tf_pairs": {"source": "table", "pairs": "bad.tsv"}}, r"bad\.tsv:2: "),
        ({"tf_pairs": {"source": "homodimers"}, "cell_types": ["K562"]}, "reads no atlas"),
        ({"tf_pairs": {"cofactors": ["EP300"]}, "atlas": {"source": "simulated"}}, r"tf_pairs\.cofactors: .*'EP300'"),
    ],
)
def test_names_are_checked_before_anything_runs(tmp_path: Path, sections: dict, message: str) -> None:
    (tmp_path / "bad.tsv").write_text("LONG\tSHORT\nLONG\tSHORTER\n")
    asked = screen(tmp_path, **sections)
    with pytest.raises(InvalidInput, match=message):
        first_tasks(asked)
    assert not asked.store.root.exists()


def network(screen: Screen, folder: Path) -> dict[str, str]:
    """Records of an atlas with three expressed factors and of a network with one negative and one positive edge."""
    motifs = ("SNAI2", "NFKB/1", "GATA")
    regions = np.zeros((1, 3), np.float32)
    atlas = Atlas(
        chrom=np.array(["chr1"]),
        start=np.array([1]),
        end=np.array([9]),
        motifs=motifs,
        scores=regions,
        cell_types=("B",),
        accessibility=np.ones((1, 1), np.float32),
        expression_labels=None,
        genes=("ZEB1", "RELA", "GATA1"),
        gene_expression=np.array([[3.0, 2.0, 1.0]], np.float32),
        expression_unit="TPM",
        accessibility_kind="measured",
        simulated=False,
    )
    path = folder / "atlas.zarr.zip"
    atlas.save(path)
    artifact = screen.store.put(path, "atlas", "application/zip")
    keys = {"atlas": "a" * 64, "causal": "c" * 64}
    edges = [
        {"cause": "SNAI2", "effect": "NFKB/1", "weight": -0.6, "rank": 1, "percentile": 100.0},
        {"cause": "GATA", "effect": "NFKB/1", "weight": 0.5, "rank": 2, "percentile": 99.0},
    ]
    cell_types = {"cell_types": [{"cell_type_id": "B", "name": "B"}]}
    records = [
        Record(keys["atlas"], "atlas", 2, "x", "ok", {}, {}, {}, tables=cell_types, artifacts=(artifact,)),
        Record(keys["causal"], "causal", 2, "B", "ok", {}, {}, {}, outputs={"edges": edges}),
    ]
    for record in records:
        screen.store.publish(record)
    return keys


@pytest.mark.parametrize("limit", [1, 2])
def test_cofactor_of_a_negative_edge(tmp_path: Path, limit: int) -> None:
    """ZEB1 represses RELA's motif: both get EP300; GATA1, which drives it, does not. The limit is of factors' pairs."""
    made = screen(tmp_path, tf_pairs={"cofactors": ["EP300"], "limit": limit})
    names = {"P37275": "ZEB1", "Q04206": "RELA", "P15976": "GATA1", "Q09472": "EP300"}
    fasta = tmp_path / "proteins.fasta"
    fasta.write_text("".join(f">{accession} GENE={gene}\nGGGG\n" for accession, gene in names.items()))
    keys = network(made, tmp_path)
    task = made.task("tf_pairs", "B", inputs={"cell_type": "B"}, upstream=keys, sources={"proteins": fasta})
    weaker = [("P15976+Q04206", "inter_family")][: limit - 1]
    assert pairs_of(made, task) == [
        ("P37275+Q04206", "inter_family"),
        *weaker,
        ("P37275+Q09472", "cofactor"),
        ("Q04206+Q09472", "cofactor"),
    ]
    record = made.store.get(task.key)
    assert record is not None
    origins = {(row["pair_id"], row["cause_motif"]) for row in record.tables["pair_origins"]}
    assert origins == {
        ("P37275+Q04206", "SNAI2"),
        *((pair, "GATA") for pair, _ in weaker),
        ("P37275+Q09472", "SNAI2"),
        ("Q04206+Q09472", "SNAI2"),
    }
    accessions = [row["accession"] for row in record.outputs["proteins"]]  # type: ignore[union-attr]
    assert accessions == sorted(names if weaker else names.keys() - {"P15976"})
    assert len(record.tables["dropped_pairs"]) == 2 - limit
    catalog = Catalog(tmp_path / "catalog.duckdb")
    catalog.ingest(list(made.store.records()), store_root=made.store.root)
    bridged = catalog.sql(
        "select o.cause_motif, list(distinct pair_id order by pair_id) as pairs from tf_pairs"
        " join pair_origins o using (pair_id) where kind = 'cofactor' group by all"
    )
    assert bridged.to_pylist() == [{"cause_motif": "SNAI2", "pairs": ["P37275+Q09472", "Q04206+Q09472"]}]


def test_whole_proteins_are_not_simulated_as_chains(tmp_path: Path) -> None:
    side = {"accession": "P1", "start": 1, "end": 4, "kind": "full_length", "sequence": "GGGG", "protein_length": 4}
    made = screen(tmp_path)
    task = made.task("structure", "P1:1-4+P1:1-4", inputs={"a": side, "b": side})
    failure = execute(task, made.store.root, "run", 1, Resources()).failure
    assert failure is not None
    assert failure.kind == "unsupported"
