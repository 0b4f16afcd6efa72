"""Sections about runs, progress, what was left out, failures and cost."""

import json

from catalog.report.markup import section, table, text
from catalog.report.reader import MOST_ROWS, Reader, shown

__all__ = ["banners", "cost", "dropped", "failures", "progress", "runs"]


def banners(reader: Reader) -> str:
    """Say what in this catalog is simulated, a proxy or untrained."""
    simulated = reader.rows("select coalesce(name, cell_type_id) as name from cell_types where simulated order by 1")
    proxies = reader.rows(
        "select plddt_source, count(distinct uniprot_ac) as n from segments where plddt_proxy group by all order by 1",
    )
    ((random, backends),) = (
        row.values()
        for row in reader.rows(
            "select count(*) filter (weights = 'random') as n, list(distinct backend order by backend) as backends"
            " from structures",
        )
    )
    lines = []
    if simulated:
        names = text([row["name"] for row in simulated])
        lines.append(f"<strong>SIMULATED</strong> — made by a program with planted edges, not measured: {names}.")
    lines += [
        f"<strong>Proxy pLDDT</strong> — the segments of {row['n']} proteins were cut by a pLDDT predicted from "
        f"sequence ({text(row['plddt_source'])}), not taken from a structure prediction."
        for row in proxies
    ]
    if isinstance(backends, list) and "residue_md" in backends:
        lines.append(
            "<strong>Residue-level simulation</strong> — structures of backend residue_md come from a one-bead-per-"
            "residue force field, not from AlphaFold; scores that need a predicted error are empty."
        )
    if random:
        lines.append(
            f"<strong>Untrained weights</strong> — structures with random weights: {random}; they are never hits."
        )
    return "".join(f'<p class="banner">{line}</p>' for line in lines)


def runs(reader: Reader) -> str:
    """Show what was run, with the settings of the last run."""
    rows = reader.rows(
        "select run_id, status, started_at, finished_at, git_commit[:12] as git_commit, git_dirty,"
        " config_sha256[:12] as settings, config, software from runs order by started_at desc nulls last limit 20",
    )
    if not rows:
        return section("runs", "Runs", "Calls of `screening run` that filled this catalog.", "")
    columns = ["run_id", "status", "started_at", "finished_at", "git_commit", "git_dirty", "settings"]
    latest = rows[0]
    details = "".join(
        f"<details><summary>{summary}</summary><pre>{text(_pretty(latest[column]))}</pre></details>"
        for column, summary in (("config", "Settings of the last run"), ("software", "Software of the last run"))
    )
    body = table(rows, columns, tooltips=reader.tooltips("runs")) + details
    return section("runs", "Runs", "Calls of `screening run` that filled this catalog; times are UTC.", body)


def progress(reader: Reader) -> str:
    """Show tasks by stage and status."""
    rows = reader.rows("from progress")
    body = table(rows, list(rows[0]), tooltips=reader.tooltips("progress")) if rows else ""
    return section("progress", "Progress", "Tasks by stage, in the order the stages began.", body)


def dropped(reader: Reader) -> str:
    """Show what gave no pair or was not folded, and why."""
    parts = []
    for name, source, columns in (
        ("Edges without a pair", "dropped_pairs", ("cell_type_id", "cause_motif", "effect_motif", "reason", "detail")),
        ("Segment pairs not folded", "dropped_segment_pairs", ("segment_a", "segment_b", "reason")),
    ):
        rows = reader.rows(f"select {', '.join(columns)} from {source} order by all limit ?", MOST_ROWS)
        if rows:
            parts.append(f"<h3>{name}</h3>" + table(rows, columns, tooltips=reader.tooltips(source)))
            parts.append(shown(len(rows), reader.count(source)))
    return section("dropped", "Dropped", "What the screen left out, and why.", "".join(parts))


def failures(reader: Reader) -> str:
    """Show failed attempts by class with a cure."""
    rows = reader.rows("from failures limit ?", MOST_ROWS)
    columns = ["stage", "failure", "n", "n_tasks", "n_open", "example_subject", "example", "cure"]
    body = table(rows, columns, tooltips=reader.tooltips("failures")) if rows else '<p class="none">None.</p>'
    return section(
        "failures", "Failures", "Failed attempts by stage and class, with an example and what mends it.", body
    )


def cost(reader: Reader) -> str:
    """Show the time spent."""
    rows = reader.rows("from cost")
    body = table(rows, list(rows[0]), tooltips=reader.tooltips("cost")) if rows else ""
    return section("cost", "Cost", "Time by stage and accelerator, failed attempts included.", body)


def _pretty(document: object) -> str:
    return json.dumps(json.loads(str(document)), indent=2, ensure_ascii=False) if document else ""
