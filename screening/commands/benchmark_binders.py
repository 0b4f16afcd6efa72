"""``screening benchmark-binders``: homodimer scores of a catalog against a table of interactions."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["benchmark_binders"]


def benchmark_binders(
    catalog: Annotated[
        Path, typer.Argument(metavar="CATALOG", help="catalog.duckdb of a homodimer screen, or its screen.toml.")
    ],
    interactions: Annotated[Path, typer.Option(help="Tab-separated pairs: columns gene_a and gene_b.")],
) -> None:
    """Tell intra-family binders by pDockQ times 1 - PAE / 31.75 of their homodimers: AUROC and AUPR."""
    from catalog import Catalog
    from screening.binders import Homodimer, benchmark, binder_score, read_interactions
    from screening.commands.screens import catalog_path
    from screening.errors import InvalidInput

    pairs = read_interactions(interactions)
    opened = Catalog(catalog_path(catalog))
    rows = opened.sql(
        "select h.gene_a as gene, coalesce(p.tf_family, '') as family, h.pdockq, h.min_ipae"
        " from hits h join proteins p on p.uniprot_ac = h.uniprot_a"
        " where h.uniprot_a = h.uniprot_b and h.pdockq is not null and h.min_ipae is not null"
    ).to_pylist()
    if not rows:
        raise InvalidInput(
            f"{catalog}: no homodimer with pDockQ and PAE in it",
            cure="import or fold homodimers with their PAE first: screening import SCREEN.TOML DIR",
        )
    best: dict[str, Homodimer] = {}
    for row in rows:
        found = Homodimer(row["gene"], row["family"], binder_score(row["pdockq"], row["min_ipae"]))
        best[found.gene] = max(best.get(found.gene, found), found, key=lambda item: item.score)
    known = opened.sql("select gene, tf_family from proteins where tf_family is not null and tf_family <> ''")
    families = {row["gene"]: row["tf_family"] for row in known.to_pylist()}
    result = benchmark(list(best.values()), families, pairs)
    print(f"{result.n} homodimers, {result.n_binders} of TFs that bind in their family")
    if result.skipped:
        print(
            f"{len(result.skipped)} left out, their family unknown or without another member: {result.skipped[0]}, ..."
        )
    if result.auroc is None or result.aupr is None:
        print("AUROC and AUPR are undefined: all are of one class")
    else:
        share = result.n_binders / result.n
        print(f"AUROC {result.auroc:.3f}, AUPR {result.aupr:.3f} (a random score: 0.5 and {share:.3f})")
