"""Predictions made elsewhere: which proteins their chains are, their tasks, and how they are stored."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.record import Json, Row
from screening.errors import InvalidInput, Unsupported
from screening.folding.backend import FoldResult, Observable
from screening.prediction_files import PredictionFiles, files_of
from screening.proteins import Protein, read_fasta
from screening.sections.complexes import StructureSettings
from screening.task import Task, Workspace

if TYPE_CHECKING:
    from screening.prediction import Prediction
    from screening.screen import Screen

__all__ = ["SHORTEST_MATCH", "import_tasks", "imported_rows", "take_over"]

SHORTEST_MATCH = 10
"""Residues by which a chain is known as a part of a protein: there are 20**10 = 1e13 peptides of this length and 1e7
residues in the human proteome (20,000 proteins of some 500), so that a chance match is unlikely."""

Side = Mapping[str, Json]


def import_tasks(screen: "Screen", paths: Sequence[Path]) -> Sequence[Task]:
    """Return a structure and a score for each prediction.

    Parameters
    ----------
    screen : Screen
        Its proteins give accession, gene and residue numbers to chains that are one of them or, from 10 residues on, a
        part of one and of no other, at one place; other chains are named by the hash of their sequence.
    paths : sequence of Path
        Folders of predictions, PDB or mmCIF files.

    Returns
    -------
    sequence of Task
        In the order of the paths. Of a file that cannot be read or has not two chains, only the structure, which fails
        with the reason: the catalog has it in ``failures``, and the others are imported.

    Raises
    ------
    InvalidInput
        A path does not exist or holds no prediction, or the FASTA file is malformed; nothing is written then.
    """
    fasta = screen.settings.tf_pairs.proteins
    proteins = () if fasta is None else read_fasta(screen.folder / fasta)
    tasks: list[Task] = []
    for path in paths:
        found = files_of([path])
        if not found:
            raise InvalidInput(f"{path}: no prediction there", cure="give PDB or mmCIF files or a folder with them")
        for files in found:
            tasks += _tasks_of(files, screen, proteins)
    return tasks


def take_over(workspace: Workspace, settings: StructureSettings) -> FoldResult:
    """Read a prediction and store it as this platform's own are (`screening.model_file`).

    Residues get the numbers of the full-length proteins. A file that holds more than the two protein chains, ligands or
    modified residues, is kept as it is.

    Raises
    ------
    Unsupported
        There is no prediction of the pair.
    InvalidInput
        The prediction is broken or has not two protein chains.
    """
    from screening.model_file import write_pae
    from screening.prediction import read_prediction

    inputs, sources = workspace.task.inputs, workspace.task.sources
    if "structure" not in sources:
        raise Unsupported(
            f"{workspace.task.subject}: no prediction with these two sequences in {settings.predictions}",
            cure="fold the pair elsewhere and put its files there",
        )
    path, pae, confidence = (
        workspace.source(name) if name in sources else None for name in ("structure", "pae", "confidence")
    )
    assert path is not None
    prediction = read_prediction(path, pae, confidence=confidence)
    if len(prediction.chain_ids) != 2:
        raise InvalidInput(
            f"{path}: {len(prediction.chain_ids)} chains, not two", cure="split it into pairs of chains first"
        )
    order = "ba" if inputs.get("swapped") else "ab"
    sides = [cast(Side, inputs[side]) for side in order]
    observables: tuple[Observable, ...] = ()
    if prediction.actifptm is not None:
        observables = (Observable("actifptm", "1", prediction.actifptm, note="as the program gave it"),)
    stored = None
    if prediction.pae is not None:
        stored = workspace.folder / "pae.npz"
        write_pae(stored, prediction.pae)
    return FoldResult(
        structure=_stored(workspace, prediction, sides),
        backend="imported",
        backend_version="",
        model_name=path.name,
        has_plddt=prediction.plddt is not None,
        chains=(prediction.chain_ids[0], prediction.chain_ids[1]),
        plddt=float(prediction.plddt.mean()) if prediction.plddt is not None else None,
        ptm=prediction.ptm,
        iptm=prediction.iptm,
        pae=stored,
        max_pae=float(prediction.pae.max()) if prediction.pae is not None else None,
        observables=observables,
    )


def imported_rows(a: Side, b: Side, name: str) -> dict[str, list[Row]]:
    """Return the rows that say which proteins the chains of a prediction are, where no screen has said it before.

    Parameters
    ----------
    a, b : mapping
        The sides of the structure's task, with ``gene`` and ``family``.
    name : str
        The segment pair.
    """
    from get_core.tf_pairs import pair_kind

    proteins = {str(side["accession"]): side for side in (b, a)}
    segments = {_name(side): side for side in (a, b)}
    accession_a, accession_b = str(a["accession"]), str(b["accession"])
    pair_id = f"{accession_a}+{accession_b}"
    kind = pair_kind(accession_a, accession_b, str(a.get("family") or ""), str(b.get("family") or ""))
    return {
        "proteins": [
            {
                "uniprot_ac": accession,
                "gene": side["gene"],
                "length": side["protein_length"],
                "sequence": sequence,
                "sequence_sha256": hashlib.sha256(sequence.encode()).hexdigest(),
                "tf_family": side.get("family"),
            }
            for accession, side in sorted(proteins.items())
            for sequence in [str(side.get("protein_sequence", side["sequence"]))]
        ],
        "tf_pairs": [{"pair_id": pair_id, "uniprot_a": accession_a, "uniprot_b": accession_b, "kind": kind.value}],
        "segments": [
            {
                "segment_id": segment,
                "uniprot_ac": side["accession"],
                "ordinal": 1 if side["kind"] == "full_length" else None,
                "seq_start": side["start"],
                "seq_end": side["end"],
                "kind": side["kind"],
            }
            for segment, side in segments.items()
        ],
        "segment_pairs": [
            {
                "segment_pair_id": name,
                "pair_id": pair_id,
                "segment_a": _name(a),
                "segment_b": _name(b),
                "total_length": len(str(a["sequence"])) + len(str(b["sequence"])),
            }
        ],
    }


def _tasks_of(files: PredictionFiles, screen: "Screen", proteins: Sequence[Protein]) -> Sequence[Task]:
    from screening.structure_file import read_structure

    sources = {"structure": files.structure.resolve()}
    if files.pae is not None:
        sources["pae"] = files.pae.resolve()
    if files.confidence is not None:
        sources["confidence"] = files.confidence.resolve()
    try:
        sequences = read_structure(files.structure).sequences
    except InvalidInput:
        sequences = ()
    if len(sequences) != 2:
        return [screen.task("structure", files.structure.name, sources=sources)]
    chains = [_chain(sequence, proteins) for sequence in sequences]
    ranges = [(str(chain["accession"]), cast(int, chain["start"]), cast(int, chain["end"])) for chain in chains]
    swapped = ranges[0] > ranges[1]
    a, b = reversed(chains) if swapped else chains
    name = f"{_name(a)}+{_name(b)}"
    folded = screen.task("structure", name, inputs={"a": dict(a), "b": dict(b), "swapped": swapped}, sources=sources)
    return [folded, screen.task("score", name, upstream={"structure": folded.key})]


def _chain(sequence: str, proteins: Sequence[Protein]) -> dict[str, Json]:
    """Return which residues of which protein a chain is."""
    place = _place(sequence, proteins)
    if place is None:
        accession = f"SEQ{hashlib.sha256(sequence.encode()).hexdigest()[:10].upper()}"
        return _side(Protein(accession, accession, sequence), 1, sequence)
    return _side(*place, sequence)


def _place(sequence: str, proteins: Sequence[Protein]) -> tuple[Protein, int] | None:
    """Return the protein that a sequence is or is a part of and where it starts; None where that is not unique."""
    for protein in proteins:
        if protein.sequence == sequence:
            return protein, 1
    if len(sequence) < SHORTEST_MATCH:
        return None
    holders = [protein for protein in proteins if sequence in protein.sequence]
    if len(holders) != 1 or holders[0].sequence.find(sequence) != holders[0].sequence.rfind(sequence):
        return None
    return holders[0], holders[0].sequence.find(sequence) + 1


def _side(protein: Protein, start: int, sequence: str) -> dict[str, Json]:
    """Return a chain as an input of its task; of what pLDDT a part of a protein was cut is not known."""
    whole = len(sequence) == len(protein.sequence)
    return {
        "accession": protein.accession,
        "gene": protein.gene,
        "family": protein.family,
        "start": start,
        "end": start + len(sequence) - 1,
        "kind": "full_length" if whole else None,
        "sequence": sequence,
        "protein_length": len(protein.sequence),
        **({} if whole else {"protein_sequence": protein.sequence}),
    }


def _stored(workspace: Workspace, prediction: "Prediction", sides: Sequence[Side]) -> Path:
    """Write the structure as ModelCIF, unless that would leave out a part of the file."""
    from screening.model_file import ModelChain, write_model
    from screening.structure_file import read_structure

    file = read_structure(prediction.source)
    if file.n_tokens != len(file.residue_names) or not all(name.isalnum() for name in file.chain_ids):
        return prediction.source
    path = workspace.folder / "structure.cif.gz"
    write_model(
        path,
        prediction,
        [
            ModelChain(str(side["accession"]), cast(int, side["start"]), name)
            for side, name in zip(sides, prediction.chain_ids, strict=True)
        ],
        title=workspace.task.subject,
        software=f"imported from {prediction.source.name}",
        metrics={"ipTM": prediction.iptm, "pTM": prediction.ptm, "actifpTM": prediction.actifptm},
    )
    return path


def _name(side: Side) -> str:
    return f"{side['accession']}:{side['start']}-{side['end']}"
