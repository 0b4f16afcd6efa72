"""``screening score``: interface scores of prediction files, without a screen."""

import sys
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["score"]


def score(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Folders or files of ColabFold, AlphaFold 2 or 3, or Boltz.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write every score to .tsv, .csv or .parquet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every score as JSON.")] = False,
    chains: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these two chains; all pairs by default.")
    ] = None,
    plddt: Annotated[bool, typer.Option("--plddt/--no-plddt", help="Whether the B factors are pLDDT.")] = True,
    plddt_maximum: Annotated[float, typer.Option(help="pLDDT of a perfect residue: 100, or 1 for fractions.")] = 100.0,
) -> None:
    """Score predicted complexes of any program; of a folder, the best model of each job."""
    from catalog.table_file import check_table_path, write_table
    from screening.errors import InvalidInput
    from screening.progress import Bars
    from screening.score_table import SHORT_COLUMNS, score_files, table_of

    if out is not None:
        check_table_path(out)
    pair = _pair(chains)
    if not 0 < plddt_maximum < inf:
        raise InvalidInput(f"--plddt-maximum {plddt_maximum:g}: no scale", cure="write --plddt-maximum 1, or 100")
    with Bars() as bars:
        progress = partial(bars.update, "scoring")
        rows = list(score_files(paths, chains=pair, has_plddt=plddt, plddt_maximum=plddt_maximum, progress=progress))
    failed = [row for row in rows if row["error"] is not None]
    scored = [row for row in rows if row["error"] is None]
    if out is not None:
        write_table(table_of(rows), out)
    if as_json:
        import json

        print(json.dumps(rows, indent=1, allow_nan=False))
    elif out is None and scored:
        from screening.progress import print_table

        print_table(table_of(scored, SHORT_COLUMNS), limit=len(scored))
    if without := [row for row in scored if row["pae_file"] is None]:
        print(f"– {len(without)} of {len(scored)} without PAE: no file of it beside the structure", file=sys.stderr)
    for row in failed:
        kind, _, message = str(row["error"]).partition(": ")
        print(f"error[{kind}] {message}", file=sys.stderr)
        if row["cure"]:
            print(f"  next: {row['cure']}", file=sys.stderr)
    if out is not None:
        print(f"wrote {out}: {len(scored)} scored, {len(failed)} not", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


def _pair(text: str | None) -> tuple[str, str] | None:
    from screening.errors import InvalidInput

    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise InvalidInput(f"--chains {text}: not two chains", cure="write --chains A,B")
    return names[0], names[1]
