"""The cell-type-agnostic analysis: rows drawn from the attributions of many cell types, and the network of these rows.

The paper draws 50,000 genes of all its cell types (Fu et al., Nature 2025, doi 10.1038/s41586-024-08391-z, Methods).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from catalog.record import Json
from screening.errors import InvalidInput
from screening.sections.readouts import ReadoutSettings
from screening.steps.resampling import attributed_motifs
from screening.task import OutputFile, Result, Task, Workspace

if TYPE_CHECKING:
    from screening.screen import Screen

__all__ = ["drawing", "fit", "fitting", "pool"]

ROLE = "attribution_"


def drawing(screen: "Screen", attributions: Mapping[str, str], *, sample: int, seed: int) -> Task:
    """Return the task that draws rows from the attributions of cell types.

    Parameters
    ----------
    screen : Screen
        The screen.
    attributions : mapping of str to str
        Cell type to the key of its attribution.
    sample : int
        Rows to draw; all where there are no more.
    seed : int
        Of the draw.

    Raises
    ------
    InvalidInput
        The store has lost an attribution.
    """
    names = sorted(attributions)
    for name in names:
        record = screen.store.get(attributions[name])
        if record is None or not record.ok:
            raise InvalidInput(f"the attribution of {name!r} is not in the store", cure="screening run SCREEN.TOML")
    return screen.task(
        "readout",
        f"{sample} rows of {len(names)} cell types",
        inputs={"kind": "agnostic", "cell_types": [*names], "sample": sample, "seed": seed},
        upstream={f"{ROLE}{number:04d}": attributions[name] for number, name in enumerate(names)},
    )


def fitting(screen: "Screen", drawn: Task) -> Task:
    """Return the task that fits a network to drawn rows by the settings in ``[causal]``."""
    settings = screen.settings.causal
    return screen.task(
        "readout",
        f"network of {drawn.subject}",
        inputs={"kind": "agnostic_network", "top_fraction": settings.top_fraction, **settings.of_one_fit()},
        upstream={"attribution": drawn.key},
    )


def pool(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Draw the rows, each as likely as any other, none twice."""
    from get_core.causal import pooled_rows
    from screening.networks import Attributions

    inputs = workspace.task.inputs
    names = cast(list[str], inputs["cell_types"])
    sample, seed = (cast(int, inputs[name]) for name in ("sample", "seed"))
    paths = {name: workspace.file(f"{ROLE}{number:04d}", "attribution") for number, name in enumerate(names)}
    matrices = Attributions(paths, accessibility=True)
    drawn = pooled_rows(matrices, sample=sample, seed=seed)
    path = workspace.folder / "rows.npz"
    np.savez_compressed(
        path,
        matrix=drawn.matrix.astype(np.float32),
        motifs=np.array(matrices.motifs),
        cell_type=np.repeat(names, [len(drawn.rows[name]) for name in names]),
        row=np.concatenate([drawn.rows[name] for name in names]),
    )
    table = [
        {
            "task_key": workspace.task.key,
            "cell_type_id": name,
            "attribution_key": workspace.task.upstream[f"{ROLE}{number:04d}"],
            "n_rows": len(drawn.rows[name]),
            "n_available": len(matrices[name]),
            "seed": seed,
        }
        for number, name in enumerate(names)
    ]
    outputs: dict[str, Json] = {"cell_types": [*names], "n_rows": len(drawn.matrix), "n_available": drawn.n_available}
    files = [OutputFile("attribution", path, "application/octet-stream")]
    return Result(outputs | {"seed": seed}, {"agnostic_rows": table}, files)


def fit(workspace: Workspace, settings: ReadoutSettings) -> Result:
    """Fit one network to the drawn rows."""
    import warnings

    from get_core.causal import causal_network
    from get_core.causal.interchange import write_network

    inputs, drawn = workspace.task.inputs, workspace.upstream("attribution").outputs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        network = causal_network(
            *attributed_motifs(workspace, accessibility=bool(inputs["accessibility"])),
            method="ica" if inputs["method"] == "ica" else "direct",
            top_fraction=float(str(inputs["top_fraction"])),
            seed=int(str(inputs["seed"])),
        )
    graph = network.graph()
    names = cast(list[str], drawn["cell_types"])
    graph.graph |= {"cell_type": "agnostic", "cell_types": ", ".join(names), "sample_seed": drawn["seed"]}
    path = workspace.folder / "network.json"
    write_network(graph, path)
    outputs: dict[str, Json] = {
        "n_motifs": len(network.motifs),
        "n_edges": len(network.edges),
        "n_selected": len(network.selected),
        "n_dropped": len(network.dropped),
        "warnings": [str(warning.message) for warning in caught],
    }
    return Result(outputs, {}, [OutputFile("network", path, "application/json")])
