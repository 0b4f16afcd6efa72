"""Interface scores of a predicted complex.

Conventions, with P the predicted aligned error (row = aligned, column = scored): a residue is represented by its CB,
glycine by its CA; two residues of different chains are in contact at 8 angstrom or less; ``_ab`` scores residues of
chain b in frames of chain a, ``_ba`` the other way round. A score whose input is missing is None, never 0; a score of
an interface without contacts (or without any pair below a cutoff) is 0; a mean over nothing is None; none is NaN.
``docs/scores.md`` has every formula; the functions are in `screening.interface` and `screening.electrostatics`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening import interface
from screening.electrostatics import interface_charges
from screening.errors import InvalidInput, Unsupported
from screening.prediction import Prediction, read_prediction

__all__ = ["SCORE_VERSION", "InterfaceScores", "score_complex", "score_pairs", "score_prediction"]

SCORE_VERSION = 2
"""Raised whenever a score of the same files becomes another number."""


@dataclass(frozen=True)
class InterfaceScores:
    """Scores of one pair of chains; None where the input cannot support a score.

    Attributes
    ----------
    n_contacts : int
        Residue pairs in contact.
    n_interface_residues, n_interface_a, n_interface_b : int
        Residues with a contact: of both chains, of chain a, of chain b.
    n_confident_contacts : int or None
        Residue pairs with heavy atoms within 8 angstrom, PAE of 15 or less in one direction, and pLDDT of both at 50
        or more (predictomes.org).
    mean_plddt_a, mean_plddt_b : float or None
        Mean pLDDT of each chain, 0-100.
    interface_plddt : float or None
        Mean pLDDT of the residues with a contact, 0-100; None also without contacts.
    pdockq : float or None
        Bryant et al. 2022; 0 without contacts.
    ppv : float or None
        Precision that FoldDock's benchmark shows at this pDockQ, 0 without contacts; not the precision of a screen.
    pdockq2_a, pdockq2_b : float or None
        Zhu et al. 2023, variant ``consensus`` (ColabFold, ipsae.py): CB contacts, the pLDDT of both chains' interface
        residues; PAE in frames of chain a or b.
    pdockq2_zhu2023_a, pdockq2_zhu2023_b : float or None
        The same as the authors' script has it: CA contacts, the pLDDT of the chain's own residues, once per contact.
    iptm, ptm : float or None
        As the program gave them; never recalculated from PAE. With more than two chains iptm is that of the pair.
    iptm_d0chn_ab, iptm_d0chn_ba : float or None
        ipTM approximated from PAE (ipsae.py's ipTM_d0chn).
    actifptm : float or None
        ipTM of the interface alone as the program gave it, which needs its logits.
    reactifptm_ab, reactifptm_ba : float or None
        actifpTM approximated from PAE and the contacts of the structure; 0 without contacts.
    ipsae_ab, ipsae_ba : float or None
        Dunbrack 2025, PAE below 15 angstrom.
    ipsae10_ab, ipsae10_ba : float or None
        The same, PAE below 10 angstrom.
    lis_ab, lis_ba : float or None
        Local interaction score of Kim et al. 2024; the published value is the mean of the two.
    lia_ab, lia_ba : int or None
        Local interaction area: residue pairs with PAE below 12 angstrom.
    clis_ab, clis_ba : float or None
        LIS over the pairs whose CB atoms are also nearer than 8 angstrom.
    clia_ab, clia_ba : int or None
        Number of those pairs.
    ilis_ab, ilis_ba : float or None
        Square root of LIS times cLIS.
    min_ipae, mean_ipae : float or None
        Smallest and mean PAE between the chains, both directions, in angstrom.
    contact_ipae : float or None
        Mean PAE of the pairs in contact, both directions, in angstrom; None also without contacts.
    n_opposite_charges, n_like_charges : int
        Pairs of charged residues across the interface, charged atoms within 7.15 angstrom, of opposite and of like
        formal charge at pH 7.4 (`screening.electrostatics`).
    interface_charge_a, interface_charge_b : int
        Net formal charge of the interface residues of each chain, elementary charges.
    charge_complementarity : float or None
        (opposite - like) / (opposite + like), -1 to 1; None without such a pair.
    """

    n_contacts: int
    n_interface_residues: int
    n_interface_a: int
    n_interface_b: int
    n_confident_contacts: int | None
    mean_plddt_a: float | None
    mean_plddt_b: float | None
    interface_plddt: float | None
    pdockq: float | None
    ppv: float | None
    pdockq2_a: float | None
    pdockq2_b: float | None
    pdockq2_zhu2023_a: float | None
    pdockq2_zhu2023_b: float | None
    iptm: float | None
    ptm: float | None
    iptm_d0chn_ab: float | None
    iptm_d0chn_ba: float | None
    actifptm: float | None
    reactifptm_ab: float | None
    reactifptm_ba: float | None
    ipsae_ab: float | None
    ipsae_ba: float | None
    ipsae10_ab: float | None
    ipsae10_ba: float | None
    lis_ab: float | None
    lis_ba: float | None
    lia_ab: int | None
    lia_ba: int | None
    clis_ab: float | None
    clis_ba: float | None
    clia_ab: int | None
    clia_ba: int | None
    ilis_ab: float | None
    ilis_ba: float | None
    min_ipae: float | None
    mean_ipae: float | None
    contact_ipae: float | None
    n_opposite_charges: int
    n_like_charges: int
    interface_charge_a: int
    interface_charge_b: int
    charge_complementarity: float | None

    def swapped(self) -> "InterfaceScores":
        """Return the same scores with the chains in the other order."""
        exchange = {"a": "b", "b": "a", "ab": "ba", "ba": "ab"}
        stems = {field.name: field.name.rpartition("_") for field in fields(self)}
        other = {name: f"{stem}_{exchange[end]}" if end in exchange else name for name, (stem, _, end) in stems.items()}
        return InterfaceScores(**{name: getattr(self, source) for name, source in other.items()})


def score_complex(
    structure_file: str | os.PathLike[str],
    pae: str | os.PathLike[str] | NDArray[np.floating] | None = None,
    *,
    confidence: str | os.PathLike[str] | None = None,
    has_plddt: bool = True,
    plddt_maximum: float = 100.0,
) -> InterfaceScores:
    """Score the interface of a two-chain structure file.

    Parameters
    ----------
    structure_file : path
        PDB or mmCIF, plain or gzipped.
    pae : path or ndarray of shape (L, L), optional
        Predicted aligned error in angstrom, row = aligned, column = scored, or the file with it (and ipTM).
    confidence : path, optional
        JSON file with ``iptm`` and ``ptm``, where `pae` has none.
    has_plddt : bool, optional
        False where the B factors are no pLDDT: the scores that need it are then None.
    plddt_maximum : float, optional
        pLDDT of a perfect residue in this file: 100, or 1 for programs that write fractions.

    Returns
    -------
    InterfaceScores
        The first chain of the file is a, the second b.

    Raises
    ------
    InvalidInput
        As `screening.prediction.read_prediction`.
    Unsupported
        The structure does not have two chains.
    """
    prediction = read_prediction(
        Path(structure_file),
        Path(pae) if isinstance(pae, str | os.PathLike) else pae,
        confidence=None if confidence is None else Path(confidence),
        has_plddt=has_plddt,
        plddt_maximum=plddt_maximum,
    )
    return score_prediction(prediction)


def score_prediction(prediction: Prediction, chains: tuple[str, str] | None = None) -> InterfaceScores:
    """Score the interface of two chains of a prediction.

    Parameters
    ----------
    prediction : Prediction
        Two chains, or more with `chains` given.
    chains : (str, str), optional
        Chains a and b.

    Returns
    -------
    InterfaceScores
        The first chain is a, the second b.

    Raises
    ------
    Unsupported
        The prediction does not have two chains, and none are named.
    InvalidInput
        A named chain is not there.
    """
    names = prediction.chain_ids
    if chains is None and len(names) != 2:
        raise Unsupported(
            f"{prediction.source}: {len(names)} chain(s) ({', '.join(names)}); interface scores are defined for two",
            cure="give a structure of exactly two chains, or name two of its chains",
        )
    chain_a, chain_b = chains or (names[0], names[1])
    for chain in (chain_a, chain_b):
        if chain not in names or chain_a == chain_b:
            raise InvalidInput(f"{prediction.source}: no two chains {chain_a} and {chain_b} in {', '.join(names)}")
    index_a, index_b = names.index(chain_a), names.index(chain_b)
    a, b = prediction.chain(index_a), prediction.chain(index_b)
    cb_distance = interface.distances(prediction.cb_angstrom[a], prediction.cb_angstrom[b])
    contacts = cb_distance <= interface.CONTACT_ANGSTROM
    whole = len(names) == 2
    iptm = prediction.iptm if whole else _of_pair(prediction.pair_iptm, chain_a, chain_b)
    actifptm = prediction.actifptm if whole else _of_pair(prediction.pair_actifptm, chain_a, chain_b)
    interface_a, interface_b = contacts.any(axis=1), contacts.any(axis=0)
    sequences = prediction.sequences[index_a], prediction.sequences[index_b]
    charges = interface_charges(*sequences, prediction.atoms, a, b, contacts)
    values: dict[str, float | int | None] = dict.fromkeys(field.name for field in fields(InterfaceScores))
    values |= {
        "n_contacts": int(contacts.sum()),
        "n_interface_residues": int(interface_a.sum() + interface_b.sum()),
        "n_interface_a": int(interface_a.sum()),
        "n_interface_b": int(interface_b.sum()),
        "iptm": iptm,
        "ptm": prediction.ptm,
        "actifptm": actifptm,
        "n_opposite_charges": charges.n_opposite,
        "n_like_charges": charges.n_like,
        "interface_charge_a": charges.charge_a,
        "interface_charge_b": charges.charge_b,
        "charge_complementarity": charges.complementarity,
    }
    plddt, cb_plddt = prediction.plddt, prediction.cb_plddt
    if plddt is not None and cb_plddt is not None:
        values |= _plddt_scores(plddt, cb_plddt, a, b, contacts)
    if prediction.pae is not None:
        ab, ba = prediction.pae[a, b].astype(np.float64), prediction.pae[b, a].astype(np.float64)
        close = cb_distance < interface.CONTACT_ANGSTROM
        values |= _pae_scores(ab, close, "ab") | _pae_scores(ba, close.T, "ba")
        values["min_ipae"] = float(min(ab.min(), ba.min()))
        values["mean_ipae"] = float((ab.mean() + ba.mean()) / 2)
        if contacts.any():
            values["contact_ipae"] = float((ab[contacts].mean() + ba.T[contacts].mean()) / 2)
        if plddt is not None and cb_plddt is not None:
            mean = _interface_plddt(cb_plddt, a, b, contacts)
            values["pdockq2_a"] = interface.pdockq2(mean, ab[contacts])
            values["pdockq2_b"] = interface.pdockq2(mean, ba.T[contacts])
            ca_distance = interface.distances(prediction.ca_angstrom[a], prediction.ca_angstrom[b])
            of_a, of_b = np.nonzero(ca_distance <= interface.CONTACT_ANGSTROM)
            values["pdockq2_zhu2023_a"] = interface.pdockq2(_mean(plddt[a][of_a]), ab[of_a, of_b])
            values["pdockq2_zhu2023_b"] = interface.pdockq2(_mean(plddt[b][of_b]), ba[of_b, of_a])
            sure = cb_plddt >= interface.CONFIDENT_PLDDT
            confident = np.minimum(ab, ba.T) <= interface.CONFIDENT_PAE_ANGSTROM
            confident &= np.logical_and.outer(sure[a], sure[b])
            near = interface.heavy_atoms_near(prediction.atoms, a, b, cb_distance, confident)
            values["n_confident_contacts"] = int(near.sum())
    return InterfaceScores(**values)  # pyright: ignore[reportArgumentType]  # the counts are never None


def score_pairs(prediction: Prediction) -> list[tuple[str, str, InterfaceScores]]:
    """Score every pair of chains of a prediction.

    Parameters
    ----------
    prediction : Prediction
        Two chains or more.

    Returns
    -------
    list of (str, str, InterfaceScores)
        Chain a, chain b, their scores, in file order.

    Raises
    ------
    Unsupported
        The prediction has one chain.
    """
    if len(prediction.chain_ids) < 2:
        raise Unsupported(
            f"{prediction.source}: 1 chain ({''.join(prediction.chain_ids)}); interface scores are defined for two",
            cure="give the structure of a complex",
        )
    return [(a, b, score_prediction(prediction, (a, b))) for a, b in combinations(prediction.chain_ids, 2)]


def _plddt_scores(
    plddt: NDArray[np.float64], cb_plddt: NDArray[np.float64], a: slice, b: slice, contacts: NDArray[np.bool_]
) -> dict[str, float | None]:
    mean = _interface_plddt(cb_plddt, a, b, contacts)
    score = interface.pdockq(mean, int(contacts.sum()))
    return {
        "mean_plddt_a": float(plddt[a].mean()),
        "mean_plddt_b": float(plddt[b].mean()),
        "interface_plddt": mean,
        "pdockq": score,
        "ppv": interface.ppv(score),
    }


def _interface_plddt(plddt: NDArray[np.float64], a: slice, b: slice, contacts: NDArray[np.bool_]) -> float | None:
    if not contacts.any():
        return None
    return float(np.concatenate([plddt[a][contacts.any(axis=1)], plddt[b][contacts.any(axis=0)]]).mean())


def _pae_scores(pae: NDArray[np.float64], close: NDArray[np.bool_], direction: str) -> dict[str, float | int]:
    """Scores of one direction without pLDDT; `close` is the contact of AFM-LIS and reactifptm: below 8 angstrom."""
    local = pae < interface.LIS_CUTOFF_ANGSTROM
    local_contacts = local & close
    lis, clis = interface.lis(pae[local]), interface.lis(pae[local_contacts])
    return {
        f"ipsae_{direction}": interface.ipsae(pae),
        f"ipsae10_{direction}": interface.ipsae(pae, interface.IPSAE10_CUTOFF_ANGSTROM),
        f"iptm_d0chn_{direction}": interface.iptm_of_chains(pae),
        f"reactifptm_{direction}": interface.contact_iptm(pae, close),
        f"lis_{direction}": lis,
        f"lia_{direction}": int(local.sum()),
        f"clis_{direction}": clis,
        f"clia_{direction}": int(local_contacts.sum()),
        f"ilis_{direction}": float(np.sqrt(lis * clis)),
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None


def _of_pair(values: Mapping[tuple[str, str], float], a: str, b: str) -> float | None:
    """Larger of both orders of a pair."""
    return max((values[pair] for pair in ((a, b), (b, a)) if pair in values), default=None)
