import pytest

from catalog.catalog import Catalog
from catalog.store import Store


def test_hits_best_first(catalog: Catalog, key) -> None:
    rows = catalog.sql("from hits where gene_a = 'PAX5' order by ipsae desc").to_pylist()
    assert [row["structure_key"] for row in rows] == [key("fold x1"), key("fold x2")]
    first, second = rows
    assert (first["gene_b"], first["range_a"], first["range_b"]) == ("RORA", "1-150", "270-523")
    assert (first["kind_a"], first["backend"], first["pair_kind"]) == ("high_plddt", "colabfold", "inter_family")
    assert first["ipsae"] == 0.5
    assert first["lis"] == pytest.approx(0.3)
    assert first["structure_path"].startswith("objects/")
    assert first["plddt_proxy"] is True
    assert (second["ipsae"], second["bound_fraction"], second["n_contacts"]) == (None, 0.25, 7)
    assert (second["null_reason"], second["note"]) == ("residue_md predicts no PAE", "no pLDDT")


def test_random_weights_are_never_hits(catalog: Catalog, key) -> None:
    assert catalog.sql("from structures where weights = 'random'").num_rows == 1
    for source in (
        "hits",
        "cell_type_hits",
        "novel_hits",
        "variant_contacts",
        "partners_of('PAX5')",
    ):
        assert key("fold random") not in catalog.sql(f"from {source}")["structure_key"].to_pylist()


def test_newest_scores_of_a_structure_count(catalog: Catalog, store: Store, record, key) -> None:
    row = {"structure_key": key("fold x1"), "score_version": 2, "ipsae_ab": 0.1}
    catalog.ingest([record("rescore", "score", tables={"scores": [row]})], store_root=store.root)
    rows = catalog.sql("select ipsae from hits where structure_key = ?", [key("fold x1")]).to_pylist()
    assert rows == [{"ipsae": 0.1}]


def test_partners_of_either_side(catalog: Catalog, key) -> None:
    assert catalog.sql("from partners_of('RORA')")["structure_key"].to_pylist() == [key("fold x1"), key("fold x2")]
    assert catalog.sql("from partners_of('SP1')").num_rows == 0


def test_cell_type_hits(catalog: Catalog, key) -> None:
    rows = catalog.sql(
        "select cell_type, simulated, edges from cell_type_hits where structure_key = ? order by 1", [key("fold x1")]
    ).to_pylist()
    assert rows == [
        {"cell_type": "B cell", "simulated": False, "edges": ["PAX → NR"]},
        {"cell_type": "Toy cell", "simulated": True, "edges": ["PAX → NR"]},
    ]


def test_variant_contacts(catalog: Catalog, key) -> None:
    rows = catalog.sql("select variant, variant_chain, structure_key from variant_contacts order by 1").to_pylist()
    assert rows == [
        {"variant": "G183S", "variant_chain": "A", "structure_key": key("fold x2")},
        {"variant": "P80R", "variant_chain": "A", "structure_key": key("fold x1")},
    ]
    assert catalog.sql("select distinct variant_protein as p from variant_contacts").to_pylist() == [{"p": "Q02548"}]


def test_novel_hits_are_those_without_evidence(catalog: Catalog, store: Store, record) -> None:
    assert catalog.sql("from novel_hits").num_rows == 2
    row = {"pair_id": "pair", "source": "BioGRID", "channel": "two-hybrid", "reference": ""}
    catalog.ingest([record("evidence", "evidence", tables={"evidence": [row]})], store_root=store.root)
    assert catalog.sql("from novel_hits").num_rows == 0


def test_failures(catalog: Catalog) -> None:
    rows = catalog.sql("from failures").to_pylist()
    assert [(row["stage"], row["failure"], row["n"], row["n_tasks"], row["n_open"]) for row in rows] == [
        ("fold", "oom", 2, 2, 1),
        ("fold", "unsupported", 1, 1, 1),
    ]
    assert (rows[0]["example"], rows[0]["cure"]) == ("out of memory at 900 residues", "y")
    assert rows[0]["example_subject"] == "fold x4"


def test_cost(catalog: Catalog) -> None:
    rows = {(row["stage"], row["accelerator"]): row for row in catalog.sql("from cost").to_pylist()}
    assert rows["fold", "H200"]["gpu_hours"] == pytest.approx(1.5)
    assert rows["fold", "H200"]["wall_s_p50"] == 1800.0
    assert rows["fold", None]["n_attempts"] == 3
    assert rows["score", None]["cpu_hours"] == pytest.approx(3 * 8 / 3600)


def test_progress(catalog: Catalog) -> None:
    rows = {(row["stage"], row["status"]): row["n"] for row in catalog.sql("from progress").to_pylist()}
    assert rows["fold", "ok"] == 3
    assert rows["fold", "failed"] == 1
    assert rows["fold", "unfinished"] == 1
    assert rows["score", "ok"] == 3


def test_provenance_reaches_the_start(catalog: Catalog, key) -> None:
    rows = catalog.sql("from provenance(?)", [key("md x1")]).to_pylist()
    subjects = {(row["depth"], row["role"], row["subject"]) for row in rows}
    assert subjects == {
        (0, "result", "md x1"),
        (1, "structure", "fold x1"),
        (1, "score", "score x1"),
        (2, "structure", "fold x1"),
        (2, "segment_pairs", "pairs"),
        (3, "segment_pairs", "pairs"),
        (3, "pair", "network B cell"),
        (3, "protein", "proteins"),
        (4, "attribution", "attribution B cell"),
        (4, "pair", "network B cell"),
        (4, "protein", "proteins"),
        (5, "attribution", "attribution B cell"),
    }


def test_md_stability_keeps_withheld_means(catalog: Catalog) -> None:
    rows = catalog.sql("select gene_a, gene_b, metric, mean, note from md_stability order by metric").to_pylist()
    assert rows == [
        {"gene_a": "PAX5", "gene_b": "RORA", "metric": "interface_contacts", "mean": 12.5, "note": None},
        {"gene_a": "PAX5", "gene_b": "RORA", "metric": "rg", "mean": None, "note": "too short to know"},
    ]


def test_top_motifs_of_the_latest_attribution(catalog: Catalog, store: Store, record) -> None:
    query = "select motif_id, mean_abs_score, rank from top_motifs where cell_type = 'B cell' order by rank"
    assert [(row["motif_id"], row["rank"]) for row in catalog.sql(query).to_pylist()] == [
        ("NR", 1),
        ("PAX", 2),
        ("ETS", 3),
    ]
    row = {"cell_type_id": "b_cell", "motif_id": "SP", "mean_abs_score": 0.9}
    catalog.ingest(
        [record("again", "attribution", tables={"motif_attributions": [row]}, minute=30)], store_root=store.root
    )
    assert catalog.sql(query).to_pylist() == [{"motif_id": "SP", "mean_abs_score": 0.9, "rank": 1}]


def test_recovered_edges(catalog: Catalog) -> None:
    rows = catalog.sql("select cause_motif, planted_effect, found_effect, selected from recovered_edges order by 1")
    assert rows.to_pylist() == [
        {"cause_motif": "ETS", "planted_effect": 0.3, "found_effect": None, "selected": False},
        {"cause_motif": "PAX", "planted_effect": 0.5, "found_effect": 0.4, "selected": True},
    ]


def test_md_stability_of_a_separate_analysis(catalog: Catalog, store: Store, record, key) -> None:
    row = {"md_key": key("md x1"), "metric": "sasa", "unit": "nm^2", "mean": 9.0}
    catalog.ingest([record("analysis", "md_analysis", tables={"md_metrics": [row]})], store_root=store.root)
    rows = catalog.sql("select gene_a, system, mean from md_stability where metric = 'sasa'").to_pylist()
    assert rows == [{"gene_a": "PAX5", "system": "complex", "mean": 9.0}]
