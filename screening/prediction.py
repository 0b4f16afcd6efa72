"""Predicted structures of complexes: one type, whatever program wrote the files.

Structures are PDB or mmCIF, predicted aligned errors (PAE) JSON or npz, plain or gzipped. Frames are the file's
own, coordinates in angstrom; PAE is indexed [aligned residue, scored residue], in angstrom.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.atom_columns import structure_suffix
from screening.confidences import Confidences, checked_pae, checked_plddt, read_confidences
from screening.errors import InvalidInput
from screening.structure_file import Atoms, StructureFile, read_structure

__all__ = ["Prediction", "read_prediction"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted structure with the confidences that came with it.

    Attributes
    ----------
    source : Path
        The structure file.
    chain_ids : tuple of str, length C
        Protein chains in file order.
    sequences : tuple of str, length C
        One-letter sequence of each chain.
    chain_index : ndarray, shape (L,), int64
        Index into `chain_ids` of each residue.
    residue_names : tuple of str, length L
        Three-letter names.
    residue_number : ndarray, shape (L,), int64
        As in the file; usually from 1 in each chain, so a segment's place in its protein must be kept elsewhere.
    plddt, cb_plddt : ndarray, shape (L,), float64, or None
        pLDDT of the CA and of the CB atom (CA for glycine), 0-100; they differ only where a program gives each atom
        its own. None where the B factors mean something else.
    ca_angstrom : ndarray, shape (L, 3), float64
        CA atoms.
    cb_angstrom : ndarray, shape (L, 3), float64
        CB atoms, CA for glycine.
    atoms : Atoms
        All heavy atoms; B factors are pLDDT, 0-100, where there is a pLDDT.
    pae : ndarray, shape (L, L), float32, or None
        Predicted aligned error in angstrom, row = aligned, column = scored.
    iptm, ptm, actifptm : float or None
        Of the whole complex, as the program gave them.
    pair_iptm, pair_actifptm : mapping of (str, str) to float
        ipTM and actifpTM of pairs of chains, where the program gave them.
    """

    source: Path
    chain_ids: tuple[str, ...]
    sequences: tuple[str, ...]
    chain_index: NDArray[np.int64]
    residue_names: tuple[str, ...]
    residue_number: NDArray[np.int64]
    plddt: NDArray[np.float64] | None
    cb_plddt: NDArray[np.float64] | None
    ca_angstrom: NDArray[np.float64]
    cb_angstrom: NDArray[np.float64]
    atoms: Atoms
    pae: NDArray[np.float32] | None = None
    iptm: float | None = None
    ptm: float | None = None
    actifptm: float | None = None
    pair_iptm: Mapping[tuple[str, str], float] = field(default_factory=dict)
    pair_actifptm: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def chain(self, index: int) -> slice:
        """Residues of one chain, as a slice of every per-residue array."""
        first = sum(len(sequence) for sequence in self.sequences[:index])
        return slice(first, first + len(self.sequences[index]))


def read_prediction(
    structure: Path,
    pae: Path | NDArray[np.floating] | None = None,
    *,
    confidence: Path | None = None,
    has_plddt: bool = True,
    plddt_maximum: float = 100.0,
) -> Prediction:
    """Read a predicted structure and its confidences.

    Parameters
    ----------
    structure : Path
        PDB or mmCIF file, as `screening.structure_file.read_structure`.
    pae : Path or ndarray of shape (T, T), optional
        File as for `read_confidences`, or the PAE itself in angstrom, row = aligned, column = scored. T is the number
        of residues, or of the tokens of AlphaFold 3 and Boltz, of which those of protein residues are taken.
    confidence : Path, optional
        JSON file with ``iptm`` and ``ptm``, at its top level or below the model's name, where `pae` has none.
    has_plddt : bool, optional
        False where the B factors are no pLDDT.
    plddt_maximum : float, optional
        pLDDT of a perfect residue in this file: 100, or 1 for programs that write fractions.

    Returns
    -------
    Prediction
        Chains in file order.

    Raises
    ------
    InvalidInput
        A file that is missing, broken or of an unknown format; a residue that is no standard one, has no CA or, unless
        glycine, no CB; numbers that are not finite or out of range; a PAE or pLDDT of another number of residues.
    """
    file = read_structure(structure)
    b_factors = file.atoms.b_factor
    plddt = cb_plddt = None
    if has_plddt:
        plddt = checked_plddt(b_factors[file.ca], plddt_maximum, f"{structure}: B factors")
        cb_plddt = checked_plddt(b_factors[file.cb], plddt_maximum, f"{structure}: B factors of CB")
    if isinstance(pae, Path):
        scores = read_confidences(pae)
        matrix = _pae_of_residues(scores, file, str(pae))
    else:
        scores = Confidences(pae=None if pae is None else checked_pae(np.asarray(pae), "the given PAE"))
        matrix = None if pae is None else _pae_of_residues(scores, file, "the given PAE")
    other = read_confidences(confidence, model=_model_name(structure)) if confidence else Confidences()
    return Prediction(
        source=structure,
        chain_ids=file.chain_ids,
        sequences=file.sequences,
        chain_index=file.chain_index,
        residue_names=file.residue_names,
        residue_number=file.residue_number,
        plddt=plddt,
        cb_plddt=cb_plddt,
        ca_angstrom=file.atoms.xyz_angstrom[file.ca],
        cb_angstrom=file.atoms.xyz_angstrom[file.cb],
        atoms=replace(file.atoms, b_factor=b_factors * (100.0 / plddt_maximum)) if has_plddt else file.atoms,
        pae=matrix,
        iptm=other.iptm if scores.iptm is None else scores.iptm,
        ptm=other.ptm if scores.ptm is None else scores.ptm,
        actifptm=other.actifptm if scores.actifptm is None else scores.actifptm,
        pair_iptm=_by_name(scores.pair_iptm or other.pair_iptm, file, str(confidence or pae)),
        pair_actifptm=_by_name(scores.pair_actifptm, file, str(pae)),
    )


def _pae_of_residues(scores: Confidences, file: StructureFile, where: str) -> NDArray[np.float32]:
    """Rows and columns of protein residues, after every number has been compared with the structure."""
    length = len(file.chain_index)
    if scores.pae is None:
        raise InvalidInput(f"{where}: holds no PAE", cure="name the file with the PAE, or none")
    if scores.plddt is not None and len(scores.plddt) != length:
        raise InvalidInput(
            f"{where}: pLDDT of {len(scores.plddt)} residues for a structure of {length} (chains {file.lengths})"
        )
    if len(scores.pae) == length:
        return scores.pae
    if len(scores.pae) != file.n_tokens:
        tokens = "" if file.n_tokens == length else f", {file.n_tokens} tokens with ligands and nucleic acids"
        raise InvalidInput(
            f"{where}: PAE of {len(scores.pae)} residues for a structure of {length} (chains {file.lengths}){tokens}",
            cure="give the structure that this PAE was written with; residues must not be deleted from it",
        )
    if scores.token_chains is not None:
        expected = [file.chain_ids[k] for k in file.chain_index]
        if [scores.token_chains[token] for token in file.token if token < len(scores.token_chains)] != expected:
            raise InvalidInput(f"{where}: its tokens are not in the order of the structure's chains")
    return scores.pae[np.ix_(file.token, file.token)]


def _by_name(values: Mapping[tuple[int, int], float], file: StructureFile, where: str) -> dict[tuple[str, str], float]:
    names = file.all_chain_ids
    beyond = max((max(pair) for pair in values), default=-1)
    if beyond >= len(names):
        raise InvalidInput(
            f"{where}: scores of chain {beyond + 1} of a structure of {len(names)} ({', '.join(names)})",
            cure="give the structure that these scores were written with",
        )
    return {(names[i], names[j]): value for (i, j), value in values.items()}


def _model_name(structure: Path) -> str:
    """Name that AlphaFold gives a model in its summaries, e.g. ``model_1_multimer_v3_pred_0``."""
    stem = structure.name.removesuffix(structure_suffix(structure) or "")
    return stem.removeprefix("unrelaxed_").removeprefix("relaxed_")
