"""``screening network``: look at the causal networks of a screen, pool its cell types, and test what they are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from screening.commands.cures import naming_screen
from screening.commands.screens import catalog_path, open_screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from networkx import DiGraph

    from get_core.causal.interactions import Interactions
    from screening.networks import AttributionMatrix

__all__ = ["app"]

app = typer.Typer(help="Look at causal networks, pool cell types, benchmark.", no_args_is_help=True)

CatalogFile = Annotated[
    Path, typer.Argument(metavar="CATALOG", help="catalog.duckdb, or the screen.toml it belongs to.")
]
CellType = Annotated[str | None, typer.Option("--cell-type", metavar="NAME", help="The cell type; not needed for one.")]
CellTypes = Annotated[list[str], typer.Option("--cell-type", metavar="NAME", help="Only this cell type; repeatable.")]
Motifs = Annotated[list[str], typer.Option("--motif", metavar="NAME", help="Around this motif; repeatable.")]
Agnostic = Annotated[bool, typer.Option("--agnostic", help="The network that `screening network agnostic` made.")]
AllEdges = Annotated[bool, typer.Option("--all-edges", help="Every effect, not only the selected ones.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the table here as well: .tsv or .csv.")]

MOST_SHOWN = 40


@app.command()
@naming_screen
def show(
    catalog: CatalogFile,
    cell_type: CellType = None,
    motif: Motifs = [],  # noqa: B006
    radius: Annotated[int, typer.Option(help="Edges from a motif at most.", min=0)] = 1,
    agnostic: Agnostic = False,
    all_edges: AllEdges = False,
    format: Annotated[
        Literal["table", "tsv", "json", "graphml"], typer.Option("--format", help="How to print it.")
    ] = "table",
) -> None:
    """Print a network, or the part around motifs: edges from cause to effect."""
    from get_core.causal.interchange import to_edge_list, to_graphml, to_json
    from get_core.causal.views import subnetwork
    from screening.errors import InvalidInput

    whole = _graph(catalog, cell_type, agnostic)
    graph = _selected(whole, all_edges)
    if motif:
        _require_motifs(motif, sorted(whole))
        for name in motif:
            if name not in graph:
                raise InvalidInput(f"the motif {name!r} has no selected edge", cure="add --all-edges")
        graph = subnetwork(graph, motif, radius=radius)
    if format != "table":
        write = {"json": to_json, "graphml": to_graphml, "tsv": to_edge_list}[format]
        print(write(graph).rstrip("\n"))
        return
    edges = sorted(graph.edges(data=True), key=lambda edge: (edge[2]["rank"], edge[0], edge[1]))
    _print(
        [
            {
                "cause": cause,
                "effect": effect,
                "weight": data["weight"],
                "rank": data["rank"],
                "percentile": data["percentile"],
                "bootstrap_prob": data.get("bootstrap_prob"),
                "selected": data["selected"],
            }
            for cause, effect, data in edges
        ],
        "no edge",
    )


@app.command()
@naming_screen
def degrees(
    catalog: CatalogFile,
    cell_type: CellTypes = [],  # noqa: B006
    motif: Motifs = [],  # noqa: B006
    out: Out = None,
) -> None:
    """Count what each motif drives (out) and what drives it (in), side by side for all cell types."""
    from catalog import Catalog
    from screening.networks import cell_types_of, motifs_of

    opened = Catalog(catalog_path(catalog))
    chosen = cell_types_of(opened, cell_type)
    if motif:
        _require_motifs(motif, motifs_of(opened, chosen))
    rows = [
        row
        for row in opened.sql(
            "select cell_type_id, motif_id, out_degree, in_degree, out_strength, in_strength from motif_degrees "
            "order by cell_type_id, out_degree desc, out_strength desc, motif_id"
        ).to_pylist()
        if row["cell_type_id"] in chosen and (not motif or row["motif_id"] in motif)
    ]
    _write(rows, out)
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for row in rows:
        counts.setdefault(row["motif_id"], {})[row["cell_type_id"]] = (row["out_degree"], row["in_degree"])
    table: list[dict[str, object]] = []
    totals = {name: [sum(both) for both in zip(*found.values(), strict=True)] for name, found in counts.items()}
    for name in sorted(counts, key=lambda name: (*(-total for total in totals[name]), name)):
        cells = {f"{each} out/in": "{}/{}".format(*counts[name].get(each, (0, 0))) for each in chosen}
        table.append({"motif": name, "out": totals[name][0], "in": totals[name][1], **cells})
    _print(table, "no selected edge", MOST_SHOWN)


@app.command()
@naming_screen
def communities(
    catalog: CatalogFile,
    cell_type: CellTypes = [],  # noqa: B006
    agnostic: Agnostic = False,
    method: Annotated[Literal["greedy", "leiden"], typer.Option(help="Greedy modularity or Leiden.")] = "greedy",
    resolution: Annotated[float, typer.Option(help="Above 1 for smaller groups.")] = 1.0,
    all_edges: AllEdges = False,
    out: Out = None,
) -> None:
    """List groups of motifs with many and strong selected edges inside; motifs without one are left out."""
    from get_core.causal.views import communities as divide

    rows: list[dict[str, object]] = []
    for name, graph in _graphs(catalog, cell_type, agnostic).items():
        found = divide(_selected(graph, all_edges), method=method, resolution=resolution)
        rows += [
            {
                "cell_type": name,
                "community": number,
                "n_motifs": len(group),
                "modularity": found.modularity,
                "motifs": " ".join(group),
            }
            for number, group in enumerate(found.groups, start=1)
            if len(group) > 1
        ]
    _write(rows, out)
    _print(rows, "no selected edge")


@app.command()
@naming_screen
def agnostic(
    screen: Annotated[Path, typer.Argument(metavar="SCREEN.TOML", help="A screen with attributions.")],
    sample: Annotated[int, typer.Option(help="Rows to draw from all cell types.", min=1)] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0, max=2**31 - 1)] = 0,
    override: Annotated[
        list[str], typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Override a setting; repeatable.")
    ] = [],  # noqa: B006
) -> None:
    """Fit one network to rows drawn from all cell types, by the settings in [causal]; write it under networks/."""
    from catalog import Catalog
    from screening.commands.get import answer
    from screening.networks import latest_attributions, write_agnostic
    from screening.steps.agnostic import drawing, fitting

    loaded = open_screen(screen, override)
    settings = loaded.settings.causal
    attributions = latest_attributions(Catalog(loaded.catalog_path))
    drawn = drawing(loaded, attributions, sample=sample, seed=seed)
    rows = answer(loaded, drawn)
    counted = "{n_rows} of {n_available} rows".format_map(rows.outputs)
    print(f"{counted} of {len(attributions)} cell types: fitting ({settings.method}), seconds to minutes", flush=True)
    network = answer(loaded, fitting(loaded, drawn))
    written = write_agnostic(
        loaded.output / "networks",
        loaded.store.path(network.artifact("network")),
        loaded.store.path(rows.artifact("attribution")),
        accessibility=settings.accessibility,
    )
    told = "{n_motifs} motifs, {n_edges} effects, {n_selected} selected, {n_dropped} motifs dropped"
    print(told.format_map(network.outputs))
    print(f"wrote {' and '.join(map(str, written))}")


@app.command()
@naming_screen
def benchmark(
    catalog: CatalogFile,
    interactions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Known interactions, tab-separated; else the planted edges.")
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="A,B", help="Columns of FILE with the two gene symbols.")
    ] = "gene_a,gene_b",
    string_names: Annotated[
        Path | None, typer.Option(metavar="FILE", help="STRING's protein.info: FILE is its protein.links then.")
    ] = None,
    string_score: Annotated[int, typer.Option(help="Least score of a link of STRING.", min=0, max=1000)] = 700,
    cell_type: CellTypes = [],  # noqa: B006
    agnostic: Agnostic = False,
    top: Annotated[list[float], typer.Option(metavar="PERCENT", help="Percent of all pairs; repeatable.")] = [1.0, 5.0],  # noqa: B006
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0, max=2**31 - 1)] = 0,
    out: Out = None,
) -> None:
    """Compare networks, correlation, partial correlation and chance with known interactions or planted edges."""
    from catalog import Catalog
    from screening.network_benchmark import against_interactions, against_planted
    from screening.networks import (
        attribution_matrix,
        families_of,
        order_accuracy_of,
        planted_edges,
        read_agnostic,
    )

    path = catalog_path(catalog)
    opened = Catalog(path)
    pairs: dict[str, tuple[DiGraph, AttributionMatrix]] = {}
    if agnostic:
        pairs["agnostic"] = read_agnostic(path.parent / "networks")
    else:
        pairs = {
            name: (graph, attribution_matrix(opened, path.parent / "store", name))
            for name, graph in _graphs(catalog, cell_type, agnostic=False).items()
        }
    rows: list[dict[str, object]] = []
    if interactions is None:
        for name, (graph, matrix) in pairs.items():
            rows += against_planted(name, graph, matrix, planted_edges(opened, name), order_accuracy_of(opened, name))
    else:
        known = _interactions(interactions, columns, string_names, string_score)
        families = families_of(opened) | _families_of_screen(catalog)
        print(f"{len(known.pairs)} interactions, families of {len(families)} genes")
        for name, (graph, matrix) in pairs.items():
            rows += against_interactions(name, graph, matrix, known, families, top_percents=top, seed=seed)
    _write(rows, out)
    _print(rows, "nothing to compare")


def _interactions(path: Path, columns: str, string_names: Path | None, string_score: int) -> "Interactions":
    from get_core.causal.interactions import read_interactions
    from get_core.causal.string_links import read_string
    from screening.resources import input_file

    table = input_file(path, "--interactions")
    if string_names is not None:
        return read_string(table, input_file(string_names, "--string-names"), minimum_score=string_score)
    first, _, second = columns.partition(",")
    return read_interactions(table, (first.strip(), second.strip()))


def _graphs(catalog: Path, cell_types: "Sequence[str]", agnostic: bool) -> "Mapping[str, DiGraph]":
    from catalog import Catalog
    from screening.networks import cell_types_of, graph_of, read_agnostic

    path = catalog_path(catalog)
    if agnostic:
        return {"agnostic": read_agnostic(path.parent / "networks")[0]}
    opened = Catalog(path)
    return {name: graph_of(opened, name) for name in cell_types_of(opened, cell_types)}


def _graph(catalog: Path, cell_type: str | None, agnostic: bool) -> "DiGraph":
    from screening.errors import InvalidInput

    graphs = _graphs(catalog, [] if cell_type is None else [cell_type], agnostic)
    if len(graphs) > 1:
        raise InvalidInput(f"{catalog}: which cell type?", cure=f"--cell-type with one of {', '.join(graphs)}")
    return next(iter(graphs.values()))


def _selected(graph: "DiGraph", all_edges: bool) -> "DiGraph":
    """Return the graph of the selected edges, with their motifs alone."""
    if all_edges:
        return graph
    return graph.edge_subgraph([(a, b) for a, b, selected in graph.edges(data="selected") if selected]).copy()


def _require_motifs(typed: "Sequence[str]", known: "Sequence[str]") -> None:
    from screening.names import no_such

    for motif in typed:
        if motif not in known:
            raise no_such(f"the network has no motif {motif!r}", motif, known)


def _families_of_screen(catalog: Path) -> dict[str, str]:
    """Return the families in the screen's FASTA file, which has all TFs; the catalog has those of its pairs."""
    from screening.proteins import read_fasta

    if catalog.suffix != ".toml":
        return {}
    screen = open_screen(catalog)
    if screen.settings.tf_pairs.proteins is None:
        return {}
    path = screen.source("the TFs", screen.settings.tf_pairs.proteins, setting="tf_pairs.proteins")
    return {protein.gene: protein.family for protein in read_fasta(path) if protein.family}


def _print(rows: "Sequence[Mapping[str, object]]", nothing: str, limit: int | None = None) -> None:
    import pyarrow

    from screening.progress import print_table

    if not rows:
        print(nothing)
        return
    shown = rows if limit is None else rows[:limit]
    print_table(pyarrow.Table.from_pylist([dict(row) for row in shown]), len(shown))
    if len(shown) < len(rows):
        print(f"… {len(rows) - len(shown)} more")


def _write(rows: "Sequence[Mapping[str, object]]", path: Path | None) -> None:
    import pyarrow

    from catalog.table_file import write_table

    if path is not None:
        write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
        print(f"wrote {path}")
