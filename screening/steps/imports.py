"""Predictions of whole chains made elsewhere, as tasks: structure and score without a screen before them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from catalog.record import Json
from screening.errors import InvalidInput
from screening.prediction import Prediction
from screening.prediction_files import PredictionFiles, find_predictions, prediction_files
from screening.proteins import Protein, read_fasta
from screening.screen import Screen
from screening.task import Task

__all__ = ["import_tasks"]


def import_tasks(screen: Screen, paths: Sequence[Path]) -> Sequence[Task]:
    """Return a structure and a score for each prediction of two chains.

    Parameters
    ----------
    screen : Screen
        Its proteins give accessions and genes to chains of the same sequence; other chains are named by the hash of
        their sequence.
    paths : sequence of Path
        ColabFold folders, PDB or mmCIF files.

    Returns
    -------
    sequence of Task
        In the order of the paths.

    Raises
    ------
    InvalidInput
        A path holds no prediction, a file is malformed, or a prediction has not two chains; nothing is written then.
    """
    fasta = screen.settings.tf_pairs.proteins
    known = {} if fasta is None else {protein.sequence: protein for protein in read_fasta(screen.folder / fasta)}
    tasks: list[Task] = []
    for path in paths:
        found = find_predictions(path) if path.is_dir() else (prediction_files(path),)
        if not found:
            raise InvalidInput(f"{path}: no prediction there", cure="give PDB or mmCIF files or a ColabFold folder")
        for files in found:
            tasks += _tasks_of(files, screen, known)
    return tasks


def _tasks_of(files: PredictionFiles, screen: Screen, known: Mapping[str, Protein]) -> Sequence[Task]:
    prediction: Prediction = files.read()
    if len(prediction.chain_ids) != 2:
        raise InvalidInput(
            f"{files.structure}: {len(prediction.chain_ids)} chains, not two",
            cure="split it into pairs of chains first",
        )
    chains = [_chain(sequence, known) for sequence in prediction.sequences]
    swapped = str(chains[0]["accession"]) > str(chains[1]["accession"])
    a, b = reversed(chains) if swapped else chains
    sources = {"structure": files.structure.resolve()}
    if files.pae is not None:
        sources["pae"] = files.pae.resolve()
    if files.confidence is not None:
        sources["confidence"] = files.confidence.resolve()
    name = f"{a['accession']}:1-{a['end']}+{b['accession']}:1-{b['end']}"
    folded = screen.task("structure", name, inputs={"a": dict(a), "b": dict(b), "swapped": swapped}, sources=sources)
    return [folded, screen.task("score", name, upstream={"structure": folded.key})]


def _chain(sequence: str, known: Mapping[str, Protein]) -> dict[str, Json]:
    protein = known.get(sequence)
    accession = protein.accession if protein else f"SEQ{hashlib.sha256(sequence.encode()).hexdigest()[:10].upper()}"
    return {
        "accession": accession,
        "gene": protein.gene if protein else accession,
        "family": protein.family if protein else None,
        "start": 1,
        "end": len(sequence),
        "kind": "full_length",
        "sequence": sequence,
        "protein_length": len(sequence),
    }
