"""Sections about motifs, causal networks and the training of the model."""

from collections import defaultdict

from catalog.report.charts import curve, network, scatter
from catalog.report.markup import Row, number, section, table, text
from catalog.report.reader import MOST_ROWS, Reader, shown

__all__ = ["evaluation", "motifs", "networks", "recovery", "training"]

MOST_CELL_TYPES = 24
TOP_MOTIFS = 10
TOP_EDGES = 20
MOST_CURVES = 60
MOST_POINTS = 1500


def motifs(reader: Reader) -> str:
    """Draw the motifs with the largest attribution in each cell type."""
    rows = reader.rows("from top_motifs where rank <= ? order by cell_type, cell_type_id, rank", TOP_MOTIFS)
    by_cell_type = _grouped(rows)
    tiles = []
    for of_cell_type in list(by_cell_type.values())[:MOST_CELL_TYPES]:
        largest = max(_float(row["mean_abs_score"]) for row in of_cell_type) or 1.0
        bars = "".join(
            f"<span>{text(row['motif_id'])}</span>"
            f'<span><span class="bar {_sign(row["mean_score"])}" style="display:block;'
            f'width:{100 * _float(row["mean_abs_score"]) / largest:.1f}%"></span></span>'
            f"<span>{number(_float(row['mean_abs_score']))}</span>"
            for row in of_cell_type
        )
        heading = f"<h3>{_heading(of_cell_type[0])} <small>{text(of_cell_type[0]['n_genes'])} genes</small></h3>"
        tiles.append(f'<div>{heading}<div class="bars">{bars}</div></div>')
    legend = (
        '<p class="label"><span class="key plus"></span>raises predicted expression on average'
        '<span class="key minus"></span>lowers it</p>'
    )
    body = f'{legend}<div class="tiles">{"".join(tiles)}</div>' + shown(len(tiles), len(by_cell_type))
    about = "The ten motifs with the largest mean absolute attribution in each cell type."
    return section("motifs", "Motif attribution", about, body if tiles else "")


def networks(reader: Reader) -> str:
    """Draw the strongest causal edges of each cell type."""
    rows = reader.rows(
        "select e.*, c.simulated from latest_edges e left join cell_types c using (cell_type_id)"
        " qualify row_number() over"
        " (partition by cell_type_id order by abs(effect) desc, cause_motif, effect_motif) <= ?"
        " order by cell_type, cell_type_id, abs(effect) desc, cause_motif, effect_motif",
        TOP_EDGES,
    )
    choices = reader.rows("select cell_type_id, motif_id, gene, expression, unit from motif_choices order by all")
    by_cell_type = _grouped(rows)
    tips = reader.tooltips("causal_edges")
    columns = ["cause_motif", "effect_motif", "effect", "abs_effect_pct", "bootstrap_prob", "selected"]
    tiles = []
    for cell_type_id, edges in list(by_cell_type.items())[:MOST_CELL_TYPES]:
        chosen = [row for row in choices if row["cell_type_id"] == cell_type_id][:MOST_ROWS]
        factors = table(chosen, list(chosen[0])[1:], tooltips=reader.tooltips("motif_choices")) if chosen else ""
        tiles.append(
            f"<div><h3>{_heading(edges[0])} <small>{text(edges[0]['method'])}</small></h3>{network(edges)}"
            f"<details><summary>Edges, cause → effect</summary>{table(edges, columns, tooltips=tips)}</details>"
            + (f"<details><summary>Factor that stands for a motif</summary>{factors}</details>" if factors else "")
            + "</div>"
        )
    body = f'<div class="tiles">{"".join(tiles)}</div>' + shown(len(tiles), len(by_cell_type))
    about = f"The {TOP_EDGES} strongest edges of each cell type, cause → effect; blue is positive, red negative."
    return section("networks", "Causal networks", about, body if tiles else "")


def recovery(reader: Reader) -> str:
    """Compare networks of simulated cell types with their planted edges."""
    metrics = reader.rows(
        "select coalesce(c.name, n.cell_type_id) as cell_type, n.metric, n.value from network_recovery n"
        " left join cell_types c using (cell_type_id) order by all",
    )
    edges = reader.rows("from recovered_edges order by cell_type_id, abs(planted_effect) desc limit ?", MOST_ROWS)
    body = table(metrics, list(metrics[0]), tooltips=reader.tooltips("network_recovery")) if metrics else ""
    if edges:
        body += table(edges, list(edges[0]), tooltips=reader.tooltips("recovered_edges"))
        body += shown(len(edges), reader.count("truth_edges"))
    about = "Simulated cell types only: planted edges and what the network found of them."
    return section("recovery", "Recovery of planted edges", about, body)


def training(reader: Reader) -> str:
    """Draw the course of each training."""
    rows = reader.rows(
        "select m.*, coalesce(c.name, m.cell_type_id) as cell_type from training_metrics m"
        " left join tasks t using (task_key)"
        " left join cell_types c using (cell_type_id) where m.value is not null"
        " qualify m.task_key = max_by(m.task_key, (coalesce(t.finished_at, 'epoch'), m.task_key))"
        " over (partition by m.cell_type_id, m.phase) order by cell_type, phase desc, metric, epoch",
    )
    series: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        name = str(row["cell_type"] or "all cell types"), str(row["phase"]), str(row["metric"])
        series[name].append((int(str(row["epoch"])), _float(row["value"])))
    tiles = [
        f"<div><h3>{text(metric)} <small>{text(cell_type)}, {text(phase)}</small></h3>{curve(points)}</div>"
        for (cell_type, phase, metric), points in series.items()
    ]
    body = f'<div class="tiles small">{"".join(tiles[:MOST_CURVES])}</div>' + shown(
        min(len(tiles), MOST_CURVES), len(tiles)
    )
    return section("training", "Training", "Metrics by epoch.", body if tiles else "")


def evaluation(reader: Reader) -> str:
    """Set the networks beside the baselines, and draw predicted against measured expression."""
    rows = reader.rows(
        "select coalesce(c.name, nullif(e.cell_type_id, ''), 'all together') as cell_type, e.quantity, e.scope,"
        " e.predictor, e.versus, e.metric, e.value, e.n, e.note from evaluations e"
        " left join cell_types c using (cell_type_id) left join tasks t using (task_key)"
        " qualify e.task_key = max_by(e.task_key, (coalesce(t.finished_at, 'epoch'), e.task_key)) over ()"
        " order by cell_type, quantity, scope, metric, predictor <> 'model', predictor, versus limit ?",
        MOST_ROWS,
    )
    if not rows:
        return section("evaluation", "Evaluation", "", "")
    points = reader.rows(
        "select p.*, coalesce(c.name, p.cell_type_id) as cell_type, c.simulated from predictions p"
        " left join cell_types c using (cell_type_id) left join tasks t using (task_key)"
        " qualify p.task_key = max_by(p.task_key, (coalesce(t.finished_at, 'epoch'), p.task_key)) over ()"
        " and row_number() over (partition by p.cell_type_id order by hash(p.chrom, p.region_start, p.strand)) <= ?"
        " order by cell_type, p.cell_type_id",
        MOST_POINTS,
    )
    tiles = [
        f"<div><h3>{_heading(of_cell_type[0])}</h3>"
        + scatter([(_float(p["observed"]), _float(p["predicted"]), bool(p["held_out"])) for p in of_cell_type])
        + "</div>"
        for of_cell_type in list(_grouped(points).values())[:MOST_CELL_TYPES]
    ]
    legend = (
        '<p class="label">predicted (up) against measured (right), log10(TPM + 1), a sample of the promoters: '
        '<span class="key held_out"></span>chromosomes kept from training <span class="key seen"></span>others</p>'
    )
    body = (f'{legend}<div class="tiles small">{"".join(tiles)}</div>' if tiles else "") + table(
        rows, list(rows[0]), tooltips=reader.tooltips("evaluations")
    )
    about = "Networks beside predictions that look at no sequence; metrics over all entries at once."
    return section("evaluation", "Evaluation", about, body)


def _grouped(rows: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    groups: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        groups[str(row["cell_type_id"])].append(row)
    return groups


def _heading(row: Row) -> str:
    return text(row["cell_type"]) + (' <small class="label">(simulated)</small>' if row["simulated"] else "")


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _sign(value: object) -> str:
    return "minus" if _float(value) < 0 else "plus"
