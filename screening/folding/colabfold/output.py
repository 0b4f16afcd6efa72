"""The structure of a folded pair, with pLDDT and the residue numbers of the full-length proteins."""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.folding.backend import FoldSegment
from screening.folding.colabfold.runner import Answer
from screening.model_file import ModelChain, write_model
from screening.prediction import Prediction
from screening.structure_file import Atoms

__all__ = ["write_structure"]

CHAIN_IDS = "AB"


def write_structure(path: Path, answer: Answer, segments: Sequence[FoldSegment], aatype: NDArray[np.integer]) -> None:
    """Write the structure as gzipped ModelCIF.

    Parameters
    ----------
    path : Path
        Target, ``.cif.gz``.
    answer : Answer
        Of L residues.
    segments : sequence of FoldSegment
        The chains A and B: residues get the numbers that they have in the full-length protein.
    aatype : ndarray, shape (L,)
        Residue types in AlphaFold's order.
    """
    write_model(
        path,
        _prediction(path, answer, segments, aatype),
        [ModelChain(part.accession, part.start, name) for part, name in zip(segments, CHAIN_IDS, strict=True)],
        title=" + ".join(segment.name for segment in segments),
        software=f"AlphaFold-Multimer v2.3 by ColabFold {metadata.version('colabfold')}",
        metrics={"ipTM": answer.iptm, "pTM": answer.ptm, "actifpTM": answer.actifptm},
    )


def _prediction(path: Path, answer: Answer, segments: Sequence[FoldSegment], aatype: NDArray[np.integer]) -> Prediction:
    """Return the atoms that each residue has, in AlphaFold's order."""
    from alphafold.common.residue_constants import atom_order, atom_types, restype_1to3, restypes

    residue, atom = np.nonzero(answer.atom_mask > 0.5)
    xyz, plddt = answer.atom_angstrom.astype(np.float64), answer.plddt.astype(np.float64)
    letters = [restypes[kind] for kind in aatype]
    ca, cb = atom_order["CA"], np.array([atom_order["CA" if letter == "G" else "CB"] for letter in letters])
    return Prediction(
        source=path,
        chain_ids=tuple(CHAIN_IDS),
        sequences=tuple(segment.sequence for segment in segments),
        chain_index=np.repeat(np.arange(len(segments)), [segment.length for segment in segments]),
        residue_names=tuple(restype_1to3[letter] for letter in letters),
        residue_number=np.concatenate([np.arange(segment.start, segment.end + 1) for segment in segments]),
        plddt=plddt,
        cb_plddt=plddt,
        ca_angstrom=xyz[:, ca],
        cb_angstrom=xyz[np.arange(len(letters)), cb],
        atoms=Atoms(tuple(atom_types[k] for k in atom), residue, xyz[residue, atom], plddt[residue]),
    )
