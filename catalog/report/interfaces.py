"""Sections about proteins, structures and trajectories."""

import os
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

from catalog.report.charts import plddt_track
from catalog.report.markup import section, table, text
from catalog.report.reader import MOST_ROWS, Reader, shown

__all__ = ["dynamics", "hits", "proteins", "structures"]

MOST_HITS = 500
MOST_PROTEINS = 60

HIT_COLUMNS = (
    "gene_a",
    "range_a",
    "gene_b",
    "range_b",
    "structure",
    "backend",
    "ipsae",
    "iptm",
    "pdockq",
    "bound_fraction",
    "bound_fraction_low",
    "bound_fraction_high",
    "min_ipae",
    "pdockq2",
    "lis",
    "n_contacts",
    "interface_plddt",
    "mean_plddt",
    "kind_a",
    "kind_b",
    "cell_types",
    "converged",
)


def hits(reader: Reader, store_root: Path, folder: Path) -> str:
    """Show the best scored structures."""
    rows = reader.rows(
        "select h.*, c.cell_types, 'open' as structure from hits h left join ("
        " select structure_key, list(distinct cell_type order by cell_type) as cell_types"
        " from cell_type_hits group by structure_key"
        ") c using (structure_key)"
        " order by ipsae desc, bound_fraction desc, pdockq desc, n_contacts desc, structure_key limit ?",
        MOST_HITS,
    )
    for row in rows:
        path = row["structure_path"]
        row["link"] = quote(os.path.relpath(store_root / str(path), folder)) if path else None
        row["structure"] = row["structure"] if path else None
    total = reader.count("hits")
    about = "Scored structures, best first. A heading sorts; a dash says why where the pointer rests."
    body = ""
    if rows:
        body = (
            '<input type="search" data-table="hits-table" placeholder="Filter, for example PAX5 colabfold" '
            'aria-label="Filter hits">'
            + table(
                rows,
                HIT_COLUMNS,
                tooltips=reader.tooltips("hits"),
                reasons=("null_reason", "note"),
                links={"structure": "link"},
                name="hits-table",
            )
            + shown(len(rows), total)
        )
    return section("hits", "Hits", about, body)


def structures(reader: Reader) -> str:
    """Show which backends made the structures and what else they measured."""
    made = reader.rows(
        "select backend, model_name, weights, count(*) as structures, count(mean_plddt) as with_plddt,"
        " count(iptm) as with_iptm, count(bound_fraction) as with_bound_fraction"
        " from structures group by all order by all",
    )
    measured = reader.rows(
        "select h.gene_a, h.range_a, h.gene_b, h.range_b, o.name, o.value, o.ci_low, o.ci_high, o.unit, o.note"
        " from structure_observables o join hits h on h.structure_key = o.task_key"
        " order by h.bound_fraction desc, o.task_key, o.name limit ?",
        MOST_ROWS,
    )
    choices = reader.rows(
        "select reason, selected, count(*) as structures from selections"
        " group by all order by selected desc, structures desc limit ?",
        MOST_ROWS,
    )
    body = table(made, list(made[0]), tooltips=reader.tooltips("structures")) if made else ""
    if choices:
        body += "<h3>Selection for molecular dynamics</h3>"
        body += table(choices, list(choices[0]), tooltips=reader.tooltips("selections"))
    if measured:
        columns = [column for column in measured[0] if column != "note"] + ["note"]
        body += "<h3>Further observables</h3>"
        body += table(measured, columns, tooltips=reader.tooltips("structure_observables"), reasons=("note",))
    return section("structures", "Structures", "Who made the structures, with which weights.", body)


def dynamics(reader: Reader) -> str:
    """Show what molecular dynamics measured, or why a mean is withheld."""
    trajectories = reader.rows(
        "select h.gene_a, h.range_a, h.gene_b, h.range_b, r.* exclude (task_key, structure_key) from md_runs r"
        " left join hits h using (structure_key) order by all limit ?",
        MOST_ROWS,
    )
    metrics = reader.rows(
        "select gene_a, range_a, gene_b, range_b, system, replica, metric, mean, ci_low, ci_high, unit, n_eff, note"
        " from md_stability order by all limit ?",
        MOST_ROWS,
    )
    body = ""
    if trajectories:
        body += table(trajectories, list(trajectories[0]), tooltips=reader.tooltips("md_runs"))
    if metrics:
        body += "<h3>Metrics <small>mean and 95 % confidence interval; a dash where the mean is withheld</small></h3>"
        body += table(metrics, list(metrics[0]), tooltips=reader.tooltips("md_metrics"), reasons=("note",))
        body += shown(len(metrics), reader.count("md_metrics"))
    collapsed = reader.rows(
        "select * exclude (structure_key) from md_collapse"
        " order by abs(z) desc nulls last, gene_a, gene_b, system, metric limit ?",
        MOST_ROWS,
    )
    if collapsed:
        body += "<h3>In the complex and alone <small>of each chain; below 0 it is smaller in the complex</small></h3>"
        body += table(collapsed, list(collapsed[0]), tooltips=reader.tooltips("md_collapse"), reasons=("note",))
    mobility = reader.rows(
        "select * exclude (structure_key, task_key) from md_mobility order by all limit ?", MOST_ROWS
    )
    if mobility:
        tooltips = reader.tooltips("md_plddt_correlations")
        body += "<h3>Mobility against pLDDT <small>below 0: confident residues move less</small></h3>"
        body += table(mobility, list(mobility[0]), tooltips=tooltips, reasons=("note",))
    return section("dynamics", "Molecular dynamics", "Trajectories of selected structures.", body)


def proteins(reader: Reader) -> str:
    """Draw pLDDT and segments of each protein."""
    drawn = (
        "proteins p where p.uniprot_ac in (select uniprot_ac from segments union select uniprot_ac from residues)"
        " and p.length > 0"
    )
    names = reader.rows(
        f"select p.uniprot_ac, coalesce(p.gene, p.uniprot_ac) as gene, p.length, p.tf_family from {drawn}"
        " order by gene limit ?",
        MOST_PROTEINS,
    )
    residues = {
        row["uniprot_ac"]: row
        for row in reader.rows(
            "select uniprot_ac, any_value(source) as source, list(plddt order by position) as plddt from ("
            "  select r.* from residues r left join tasks t using (task_key) qualify r.task_key = max_by(r.task_key,"
            "  (coalesce(t.finished_at, 'epoch'), r.task_key)) over (partition by r.uniprot_ac)"
            ") where plddt is not null group by uniprot_ac",
        )
    }
    segments = defaultdict(list)
    for row in reader.rows("from segments order by uniprot_ac, seq_start"):
        segments[row["uniprot_ac"]].append(row)
    tiles = []
    for protein in names:
        accession = protein["uniprot_ac"]
        track = residues.get(accession, {})
        of_protein = segments[accession]
        sources = {track.get("source"), *(each["plddt_source"] for each in of_protein)} - {None}
        proxy = "; proxy from sequence" if any(each["plddt_proxy"] for each in of_protein) else ""
        label = text(", ".join(sorted(map(str, sources))) or "no pLDDT") + proxy
        plddt = track.get("plddt")
        drawing = plddt_track(plddt if isinstance(plddt, list) else [], of_protein, int(str(protein["length"])))
        tiles.append(f"<div><h3>{text(protein['gene'])} <small>{text(accession)} · {label}</small></h3>{drawing}</div>")
    legend = (
        '<p class="label"><span class="key high_plddt"></span>high pLDDT<span class="key low_plddt"></span>low pLDDT'
        '<span class="key full_length"></span>full length (imported)</p>'
    )
    body = f'{legend}<div class="tiles">{"".join(tiles)}</div>{shown(len(tiles), reader.count(drawn))}'
    about = "pLDDT along each protein and the segments cut from it; the lines mark 50, 70 and 90."
    return section("proteins", "Proteins", about, body if tiles else "")
