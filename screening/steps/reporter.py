"""A lentiviral reporter assay on the computer."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from screening.errors import InvalidInput
from screening.sections.readouts import ReadoutSettings
from screening.steps.cell_type import CellType, cell_type_of, head_of
from screening.steps.chromatin import refuse_other_features
from screening.task import Result, Workspace

if TYPE_CHECKING:
    from get_core.model import GET
    from get_core.motifs import MotifLibrary

__all__ = ["read"]


def read(workspace: Workspace) -> Callable[[ReadoutSettings], Result]:
    """Read the elements, the motifs and the network of accessibility, and return what predicts the activities.

    Raises
    ------
    InvalidInput
        A file is malformed, or the motifs or the network are not those of the atlas.
    """
    from get_core.motifs import read_meme

    asked = cell_type_of(workspace)
    elements = _fasta(workspace.source("elements"))
    library = read_meme(workspace.source("motifs"))
    if set(library.cluster_names) != set(asked.atlas.motifs):
        raise InvalidInput(
            f"{workspace.source('motifs')}: {len(library.cluster_names)} motif clusters that are not the "
            f"{len(asked.atlas.motifs)} of the atlas",
            cure="give the motifs that the atlas was made with",
        )
    return partial(_activities, workspace, asked, elements, library, _accessibility(workspace, asked))


def _activities(
    workspace: Workspace,
    asked: CellType,
    elements: Mapping[str, str],
    library: "MotifLibrary",
    accessibility: "GET | None",
    settings: ReadoutSettings,
) -> Result:
    """Put elements into genomic contexts and predict their activity: expression, times accessibility where asked."""
    from get_core.motifs import scan
    from get_core.perturbation import reporter_activity

    columns = [library.cluster_names.index(motif) for motif in asked.atlas.motifs]
    scores = scan(elements, library, threads=workspace.cpus)[:, columns]
    scale = asked.atlas.scores[asked.regions.rows].max(axis=0)
    features = np.ones((len(elements), len(asked.atlas.motifs) + 1), np.float32)
    # As the features of regions: each motif over its maximum in the cell type. A lentiviral insert is open chromatin.
    np.minimum(scores / np.where(scale > 0, scale, 1), 1, out=features[:, :-1])
    count, seed = (int(str(workspace.task.inputs[name])) for name in ("contexts", "seed"))
    rows = np.arange(len(asked.regions.rows))
    chosen = np.sort(np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False))
    windows = asked.around(chosen)
    found = reporter_activity(
        asked.model,
        features,
        windows.over(asked.regions.features),
        accessibility=accessibility,
        batch_size=settings.batch_size,
        progress=workspace.progress,
    )
    table = [
        head_of(workspace)
        | {
            "element": name,
            "activity": float(found.activity[number]),
            "expression": float(found.expression[number]),
            "accessibility": None if found.accessibility is None else float(found.accessibility[number]),
            "contexts": found.contexts,
        }
        for number, name in enumerate(elements)
    ]
    return Result({"n_elements": len(table)}, {"reporter_activities": table}, [])


def _accessibility(workspace: Workspace, asked: CellType) -> "GET | None":
    """Load the network of accessibility that the question brings."""
    from get_core.checkpoints import load_get

    if "accessibility" not in workspace.task.sources:
        return None
    path = workspace.source("accessibility")
    network, report = load_get(path)
    if network.config.head != "accessibility":
        raise InvalidInput(
            f"{path}: a network with the head {network.config.head!r}, not of accessibility",
            cure='train one in a screen with finetune.target = "accessibility", and give its screen.toml',
        )
    refuse_other_features(path, report, asked.atlas.motifs)
    return network


def _fasta(path: Path) -> dict[str, str]:
    import io

    from Bio.SeqIO.FastaIO import SimpleFastaParser

    from screening.text_file import read_text

    found: dict[str, str] = {}
    for title, sequence in SimpleFastaParser(io.StringIO(read_text(path))):
        name = title.split(maxsplit=1)[0] if title else ""
        if not name or name in found or not sequence:
            raise InvalidInput(f"{path}: element {name!r} has no name, no sequence, or occurs twice")
        found[name] = sequence.upper()
    if not found:
        raise InvalidInput(f"{path}: no sequence", cure="give a FASTA file of elements")
    return found
