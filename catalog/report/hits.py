"""The tables of scored structures and of who made them."""

import os
from pathlib import Path
from urllib.parse import quote

from catalog.report.markup import section, table, text
from catalog.report.reader import MOST_ROWS, Reader, shown

__all__ = ["BEST_FIRST", "hits", "structures"]

BEST_FIRST = "ipsae desc, bound_fraction desc, pdockq desc, n_contacts desc, structure_key"
"""Order of hits: by the first of these scores that the backends give."""

MOST_HITS = 500

REASONS = ("null_reason", "note")
"""Columns of a hit that say why others are empty."""

COLUMNS = (
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
        f" order by {BEST_FIRST} limit ?",
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
        known = [column for column in COLUMNS if any(row[column] is not None for row in rows)]
        unknown = [column for column in COLUMNS if column not in known]
        body = (
            '<input type="search" data-table="hits-table" placeholder="Filter, for example PAX5 colabfold" '
            'aria-label="Filter hits">'
            + table(
                rows,
                known,
                tooltips=reader.tooltips("hits"),
                reasons=REASONS,
                links={"structure": "link"},
                name="hits-table",
            )
            + shown(len(rows), total)
        )
        if unknown:
            reasons = {reason for row in rows for reason in str(row["null_reason"] or "").split("; ")} - {""}
            why = "; ".join(["not known of any of these: " + ", ".join(unknown), *sorted(reasons)])
            body += f'<p class="label">{text(why.replace("_", " "))}</p>'
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
        "select regexp_replace(reason, '^rank [0-9]+ ', 'rank ') as reason, selected, count(*) as structures"
        " from selections group by all order by selected desc, structures desc limit ?",
        MOST_ROWS,
    )
    body = table(made, list(made[0]), tooltips=reader.tooltips("structures")) if made else ""
    if choices:
        body += "<h3>Selection for molecular dynamics</h3>"
        body += table(choices, list(choices[0]), tooltips=reader.tooltips("selections"))
    if measured:
        columns = [column for column in measured[0] if column != "note"] + ["note"]
        lines = table(measured, columns, tooltips=reader.tooltips("structure_observables"), reasons=("note",))
        body += f"<details><summary>Further observables</summary>{lines}</details>"
    return section("structures", "Structures", "Who made the structures, with which weights.", body)
