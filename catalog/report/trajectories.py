"""The section about molecular dynamics."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catalog.report.arrays import Floats, read_arrays
from catalog.report.markup import Row, section, table, text
from catalog.report.reader import MOST_ROWS, Reader, shown
from catalog.report.timeline import timeline

__all__ = ["dynamics"]

# Of so many simulated systems, each with its replicas: about 15 kB for each quantity of a system.
MOST_DRAWN = 24

DRAWN = {
    "rmsd": "RMSD from the start, nm",
    "interchain_contacts": "residue pairs in contact",
    "radius_of_gyration": "radius of gyration, nm",
}
"""What is drawn over time where it was measured, and what it is called."""


def dynamics(reader: Reader, store_root: Path) -> str:
    """Show what molecular dynamics measured, over time and on average, or why a mean is withheld."""
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
    body = _over_time(reader, store_root)
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


def _over_time(reader: Reader, store_root: Path) -> str:
    """Draw some quantities along the trajectories, one tile for each simulated system."""
    rows = reader.rows(
        "select h.gene_a, h.range_a, h.gene_b, h.range_b, r.structure_key, r.system, r.replica, r.force_field,"
        " r.target_ns, a.path from artifacts a"
        " join (select distinct task_key, coalesce(md_key, task_key) as md_key from md_metrics) m using (task_key)"
        " join md_runs r on r.task_key = m.md_key left join hits h using (structure_key)"
        " where a.role = 'series' order by gene_a, range_a, gene_b, range_b, structure_key, system, replica, md_key",
    )
    systems = defaultdict(list)
    for row in rows:
        systems[(row["structure_key"], row["system"])].append(row)
    tiles = [_tile(runs, store_root) for runs in list(systems.values())[:MOST_DRAWN]]
    return "".join(tiles) + (shown(len(tiles), len(systems)) if tiles else "")


def _tile(runs: Sequence[Row], store_root: Path) -> str:
    """Draw the runs of one system."""
    of = runs[0]
    lines = defaultdict(list)
    missing = ""
    for run in runs:
        name = f"replica {run['replica']}, {run['force_field']}, {text(run['target_ns'])} ns"
        try:
            series = _series(store_root / str(run["path"]))
        except (OSError, ValueError) as error:
            missing += f'<p class="none">{text(name)} not drawn: {text(error)}</p>'
            continue
        for quantity, label in DRAWN.items():
            if quantity in series:
                lines[label].append((name, series["time_ps"], series[quantity]))
    drawn = "".join(f"<div>{timeline(each, label)}</div>" for label, each in lines.items())
    pair = f"{of['gene_a']} {of['range_a']} · {of['gene_b']} {of['range_b']}"
    about = f"{of['system']}, {len(runs)} run{'s' * (len(runs) > 1)}"
    return f'<h3>{text(pair)} <small>{text(about)}</small></h3><div class="tiles small">{drawn}</div>{missing}'


def _series(path: Path) -> dict[str, Floats]:
    found = read_arrays(path, ("time_ps", *DRAWN))
    time = found.get("time_ps", np.empty(0))
    if not len(time) or any(values.shape != time.shape for values in found.values()):
        raise ValueError(f"{path}: no series of one length with their times")
    return found
