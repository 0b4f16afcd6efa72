"""The networks of a screen, read from its catalog, with the matrices they were made from, read from its store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog import Catalog
from catalog.store import write_atomically
from get_core.features import ACCESSIBILITY
from screening.errors import InvalidInput
from screening.names import no_such

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = [
    "AttributionMatrix",
    "Attributions",
    "attribution_matrix",
    "cell_types_of",
    "families_of",
    "graph_of",
    "latest_attributions",
    "motifs_of",
    "order_accuracy_of",
    "planted_edges",
    "read_agnostic",
    "write_agnostic",
]

EDGES = """
    select
        cause_motif, effect_motif, effect, abs_effect_pct, selected, bootstrap_prob, method,
        rank() over (order by abs(effect) desc) as rank
    from latest_edges where cell_type_id = ?
    order by rank, cause_motif, effect_motif
"""
MATRIX_OF_NETWORK = """
    select a.path, json_extract(t.settings, '$.accessibility') as accessibility
    from tasks t
    join artifacts a on a.task_key = json_extract_string(t.upstream, '$.attribution') and a.role = 'attribution'
    where t.task_key = (select any_value(task_key) from latest_edges where cell_type_id = ?)
"""
FILE_OF_NETWORK = """
    select file from taken_over
    where task_key = (select any_value(task_key) from latest_edges where cell_type_id = ?)
"""
MOTIFS = """
    select cause_motif as motif_id from latest_edges where list_contains($1, cell_type_id)
    union select effect_motif from latest_edges where list_contains($1, cell_type_id) order by 1
"""
LATEST_ATTRIBUTIONS = "select distinct cell_type_id, task_key from top_motifs order by cell_type_id"


@dataclass(frozen=True, eq=False)
class AttributionMatrix:
    """Attribution of a cell type.

    Parameters
    ----------
    matrix : float (n, d)
        One row per gene or region, one column per motif.
    motifs : tuple of str (d,)
        Column names.
    """

    matrix: NDArray[np.floating]
    motifs: tuple[str, ...]

    def without(self, motif: str) -> "AttributionMatrix":
        """Return the matrix without a column, or itself where it has no such motif."""
        keep = [column for column, name in enumerate(self.motifs) if name != motif]
        if len(keep) == len(self.motifs):
            return self
        return AttributionMatrix(self.matrix[:, keep], tuple(self.motifs[column] for column in keep))


def cell_types_of(catalog: Catalog, chosen: Sequence[str] = ()) -> list[str]:
    """Return the cell types that have a network.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    chosen : sequence of str
        Only these; all by default.

    Returns
    -------
    list of str
        As chosen, else in alphabetical order.

    Raises
    ------
    InvalidInput
        The catalog has no network, or none of a chosen cell type.
    """
    known = catalog.sql("select distinct cell_type_id from latest_edges order by 1")["cell_type_id"].to_pylist()
    if not known:
        raise InvalidInput(f"{catalog.path}: has no causal network yet", cure="screening run SCREEN.TOML")
    for name in chosen:
        if name not in known:
            raise no_such(f"{catalog.path}: has no network of {name!r}", name, known)
    return list(chosen) or known


def motifs_of(catalog: Catalog, cell_types: Sequence[str]) -> list[str]:
    """Return the motifs that have an effect or are one, selected or not, in a network of these cell types; sorted."""
    return catalog.sql(MOTIFS, [list(cell_types)])["motif_id"].to_pylist()


def graph_of(catalog: Catalog, cell_type: str) -> "DiGraph":
    """Return the latest network of a cell type.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    cell_type : str
        One of `cell_types_of`.

    Returns
    -------
    networkx.DiGraph
        Edges from cause to effect with `weight`, `rank`, `percentile`, `selected` and, where the network was
        resampled, `bootstrap_prob`. Motifs without any effect are not in the catalog's table of edges, and not in the
        graph.
    """
    from get_core.causal.edges import CausalEdge, directed_graph

    rows = catalog.sql(EDGES, [cell_type]).to_pylist()
    graph = directed_graph(
        CausalEdge(
            row["cause_motif"],
            row["effect_motif"],
            row["effect"],
            row["rank"],
            row["abs_effect_pct"],
            bool(row["selected"]),
        )
        for row in rows
    )
    for row in rows:
        if row["bootstrap_prob"] is not None:
            graph[row["cause_motif"]][row["effect_motif"]]["bootstrap_prob"] = row["bootstrap_prob"]
    graph.graph |= {"cell_type": cell_type, "method": rows[0]["method"]} if rows else {"cell_type": cell_type}
    return graph


def attribution_matrix(catalog: Catalog, store_root: Path, cell_type: str) -> AttributionMatrix:
    """Return the matrix that the latest network of a cell type was made from.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    store_root : Path
        Its store.
    cell_type : str
        One of `cell_types_of`.

    Returns
    -------
    AttributionMatrix
        Without accessibility where the network was made without it.

    Raises
    ------
    InvalidInput
        The network was read from a file, the catalog names no matrix, or the store has lost it.
    """
    rows = catalog.sql(MATRIX_OF_NETWORK, [cell_type]).to_pylist()
    if given := catalog.sql(FILE_OF_NETWORK, [cell_type]).to_pylist():
        raise InvalidInput(
            f"{catalog.path}: the network of {cell_type!r} was read from {given[0]['file']}, and this needs the matrix "
            "that it was made from",
            cure="name the other cell types with --cell-type",
        )
    if not rows:
        raise InvalidInput(
            f"{catalog.path}: the attribution behind the network of {cell_type!r} is not in the catalog",
            cure="screening catalog rebuild, or run the screen",
        )
    found = _load(store_root / rows[0]["path"])
    return found if rows[0]["accessibility"] == "true" else found.without(ACCESSIBILITY)


class Attributions(Mapping[str, NDArray[np.floating]]):
    """The matrices (n_c, d) of all cell types, each read from the store when it is asked for.

    Parameters
    ----------
    paths : mapping of str to Path
        File of each cell type.
    accessibility : bool
        Whether its column stays.

    Attributes
    ----------
    motifs : tuple of str (d,)
        Column names of all matrices.
    """

    def __init__(self, paths: Mapping[str, Path], *, accessibility: bool) -> None:
        self._paths, self._accessibility = paths, accessibility
        self.motifs = self._load(next(iter(paths))).motifs

    def __getitem__(self, cell_type: str) -> NDArray[np.floating]:
        found = self._load(cell_type)
        if found.motifs != self.motifs:
            raise InvalidInput(
                f"{cell_type} has other motifs than {next(iter(self._paths))}", cure="run the screen with one motif set"
            )
        return found.matrix

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _load(self, cell_type: str) -> AttributionMatrix:
        found = _load(self._paths[cell_type])
        return found if self._accessibility else found.without(ACCESSIBILITY)


def latest_attributions(catalog: Catalog, chosen: Sequence[str] = ()) -> dict[str, str]:
    """Return the key of the latest attribution of each cell type.

    Parameters
    ----------
    catalog : Catalog
        The catalog.
    chosen : sequence of str
        Only these cell types; all by default.

    Raises
    ------
    InvalidInput
        The catalog has none, or none of a chosen cell type.
    """
    known = {row["cell_type_id"]: row["task_key"] for row in catalog.sql(LATEST_ATTRIBUTIONS).to_pylist()}
    if not known:
        raise InvalidInput(f"{catalog.path}: has no attribution yet", cure="screening run SCREEN.TOML")
    for name in chosen:
        if name not in known:
            raise no_such(f"{catalog.path}: has no attribution of {name!r}", name, known)
    return {name: known[name] for name in chosen or known}


def families_of(catalog: Catalog) -> dict[str, str]:
    """Return the DNA-binding domain family of every gene for which the catalog has one."""
    rows = catalog.sql("select gene, tf_family from proteins where tf_family is not null").to_pylist()
    return {row["gene"]: row["tf_family"] for row in rows}


def planted_edges(catalog: Catalog, cell_type: str) -> list[tuple[str, str]]:
    """Return the edges (cause, effect) planted in a simulated cell type; none in a measured one."""
    rows = catalog.sql(
        "select cause_motif, effect_motif from truth_edges where cell_type_id = ? order by all", [cell_type]
    )
    return [(row["cause_motif"], row["effect_motif"]) for row in rows.to_pylist()]


def order_accuracy_of(catalog: Catalog, cell_type: str) -> float | None:
    """Return how much of the planted edges the latest causal order has right; None where it was not recorded."""
    rows = catalog.sql(
        "select value from network_recovery where metric = 'order_accuracy' "
        "and task_key in (select task_key from latest_edges where cell_type_id = ?)",
        [cell_type],
    ).to_pylist()
    return rows[0]["value"] if rows else None


def write_agnostic(folder: Path, network: Path, rows: Path, *, accessibility: bool) -> tuple[Path, Path]:
    """Write the cell-type-agnostic network and the rows it was made from where commands and people look for them.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    network, rows : Path
        Artifacts of the questions that fitted the network and drew the rows.
    accessibility : bool
        Whether its column stays, as it did in the fit.

    Returns
    -------
    tuple of Path
        ``agnostic.json`` and ``agnostic.npz`` (`matrix` float32 (n, d), `motifs`, `cell_type` and `row` of each row).
    """
    from get_core.causal.interchange import load_arrays
    from get_core.whole_file import whole_file

    drawn = load_arrays(rows)
    keep = [column for column, name in enumerate(drawn["motifs"]) if accessibility or name != ACCESSIBILITY]
    drawn |= {"matrix": drawn["matrix"][:, keep], "motifs": drawn["motifs"][keep]}
    with whole_file(folder / "agnostic.npz") as part:
        np.savez_compressed(part, allow_pickle=False, **drawn)
    write_atomically(folder / "agnostic.json", network.read_bytes())
    return folder / "agnostic.json", folder / "agnostic.npz"


def read_agnostic(folder: Path) -> "tuple[DiGraph, AttributionMatrix]":
    """Read what `write_agnostic` wrote.

    Raises
    ------
    InvalidInput
        It was not written, or is damaged.
    """
    from get_core.causal.interchange import read_network

    if not (folder / "agnostic.json").is_file():
        raise InvalidInput(
            f"{folder}: no cell-type-agnostic network there", cure="make it: screening network agnostic SCREEN.TOML"
        )
    return read_network(folder / "agnostic.json"), _load(folder / "agnostic.npz")


def _load(path: Path) -> AttributionMatrix:
    from get_core.causal.interchange import load_arrays

    arrays = load_arrays(path)
    if not {"matrix", "motifs"} <= set(arrays) or arrays["matrix"].shape[1:] != arrays["motifs"].shape:
        raise InvalidInput(f"{path}: not a matrix with named columns", cure="run the screen again")
    return AttributionMatrix(arrays["matrix"], tuple(str(motif) for motif in arrays["motifs"]))
