"""The counts of an atlas from whichever files hold them, on the peaks that are wanted."""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from get_core.chromatin.counts import CountTable, read_h5ad, read_matrix_folder, read_pseudobulk
from get_core.chromatin.fragments import count_fragments, read_cells
from get_core.chromatin.inputs import AtlasInputs, BuildSettings
from get_core.chromatin.jobs import Map, Note, Progress
from get_core.chromatin.peaks import Peaks, check_shared_names, read_peaks
from get_core.errors import InvalidInput

__all__ = ["read_counts"]


def read_counts(
    inputs: AtlasInputs,
    settings: BuildSettings,
    *,
    check: Callable[[Peaks, Collection[str]], None],
    note: Note = lambda text: None,
    progress: Progress | None = None,
    map: Map = map,
) -> tuple[CountTable, list[str]]:
    """Read counts from fragments, a matrix or a table of sums.

    Parameters
    ----------
    inputs : AtlasInputs
        Files; of fragments, counts and pseudobulk exactly one.
    settings : BuildSettings
        How they are read.
    check : callable
        Called with peaks and cell types before fragments are counted, which takes hours: raises where something else
        does not fit them.
    note : callable, optional
        Called with what is being done.
    progress, map : callable, optional
        As in `get_core.chromatin.fragments.count_fragments`.

    Returns
    -------
    table : CountTable
        On the peaks that `inputs` and `settings` ask for.
    notes : list of str
        What was done to the input.

    Raises
    ------
    InvalidInput
        With file and line where there is one.
    """
    given = [name for name in ("fragments", "counts", "pseudobulk") if getattr(inputs, name)]
    if len(given) != 1:
        raise InvalidInput(
            f"{', '.join(given) or 'no counts'} given",
            cure="give one of fragments (with peaks and cells), counts and pseudobulk",
        )
    cells = read_cells(inputs.cells) if inputs.cells is not None else None
    notes: list[str] = []
    wanted = None
    if inputs.peaks:
        wanted, about = read_peaks(inputs.peaks, chromosomes=settings.chromosomes)
        notes += about
    if given == ["fragments"]:
        if wanted is None or cells is None:
            raise InvalidInput("fragments are counted in peaks, for cells", cure="give peaks and cells, too")
        types = Counter(cells.values())
        check(wanted, [name for name, size in types.items() if size > settings.min_cells])
        note(f"counting fragments of {len(cells)} cells in {len(wanted)} peaks")
        found = count_fragments(
            inputs.fragments,
            wanted,
            cells,
            tuple(types),
            cell_ceiling=settings.cell_ceiling,
            progress=progress,
            map=map,
        )
        notes += found.notes
        notes.append(f"{found.n_matched} of {found.n_fragments} fragments are of a cell")
        if found.barcodes_seen < len(cells):
            notes.append(f"{len(cells) - found.barcodes_seen} of {len(cells)} cells have no fragment")
        counts = found.counts.astype(np.float64)
        return CountTable(wanted, tuple(types), counts, tuple(types.values()), in_order=True), notes
    source = inputs.pseudobulk or inputs.counts
    assert source is not None
    note(f"reading counts from {source}")
    if inputs.pseudobulk is not None:
        table = read_pseudobulk(inputs.pseudobulk)
        notes.append("the table does not say how many cells its types have: none was dropped for too few")
    elif source.is_dir():
        if cells is None:
            raise InvalidInput(f"{source}: a matrix folder has no cell types", cure="give cells: barcode and cell type")
        table = read_matrix_folder(source, cells)
    else:
        table = read_h5ad(source, settings.cell_type_column, cells=cells, layer=settings.counts_layer)
    if not table.in_order:
        notes.append(f"peaks of {source} were not sorted: sorted, and the counts with them")
    table, left_out = _chosen(table, wanted, settings, source)
    return table, notes + left_out


def _chosen(
    table: CountTable, wanted: Peaks | None, settings: BuildSettings, source: Path
) -> tuple[CountTable, list[str]]:
    """Keep the peaks that a list of peaks and the chromosomes ask for, and say how many were left out."""
    rows = np.arange(len(table.peaks))
    if wanted is not None:
        place = {table.peaks.name(row): row for row in rows.tolist()}
        check_shared_names(list(wanted.runs()), "peaks", list(table.peaks.runs()), f"the counts {source}")
        absent = [row for row in range(len(wanted)) if wanted.name(row) not in place]
        if absent:
            raise InvalidInput(
                f"{wanted.origin[absent[0]]}: {wanted.name(absent[0])} has no counts in {source}; "
                f"{len(absent)} of {len(wanted)} peaks have none",
                cure="give the peaks that were counted, or leave the peaks out",
            )
        rows = np.array([place[wanted.name(row)] for row in range(len(wanted))], np.int64)
    elif settings.chromosomes:
        rows = np.flatnonzero(np.isin(table.peaks.chrom, list(settings.chromosomes)))
        if not rows.size:
            raise InvalidInput(f"{source}: no peak on {', '.join(settings.chromosomes)}")
    left_out = len(table.peaks) - len(rows)
    chosen = CountTable(table.peaks.take(rows), table.cell_types, table.counts[:, rows], table.cells, table.in_order)
    return chosen, [f"{left_out} counted peaks were not asked for"] if left_out > 0 else []
