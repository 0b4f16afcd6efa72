"""Domains of a folded segment: what moves as one body.

A confident segment may hold several domains, the fingers of a zinc finger array for example, on linkers that leave
their arrangement open; the monomer's coordinates show one arrangement of many. Domains are found as by the Protein
Domain Parser (Alexandrov & Shindyalov, Bioinformatics 19, 429 (2003)): a segment is cut in two where its parts touch
least for their size, and the parts are cut again, until the contacts across are as dense as those within.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from md.zinc import motifs
from screening.folding.calvados import ELASTIC_CUTOFF_NM

__all__ = ["find_domains", "ranges_of"]

MINIMUM_DOMAIN = 20
"""Least residues of a part: a C2H2 zinc finger has 21 from first cysteine to last histidine (PROSITE PS00028)."""
DENSITY_SHARE = 0.5
"""Parts are domains of their own where the contacts across, per surface, are below this share of the contacts per
residue of the whole: the threshold of the Protein Domain Parser."""
LOCAL = 4
"""Contacts of residues closer than this along the chain hold no fold: a turn has them, too."""
HELIX_NM = ((3, 0.58), (4, 0.70))
"""Residues i and i + k of a helix are closer than this (P-SEA: Labesse et al. 1997,
doi 10.1093/bioinformatics/13.3.291: 5.3 +- 0.5 and 6.4 +- 0.6 angstrom)."""


def find_domains(positions_nm: NDArray[np.float64], sequence: str) -> tuple[NDArray[np.int64], ...]:
    """Divide a folded segment into its domains.

    Parameters
    ----------
    positions_nm : ndarray, shape (L, 3), float64
        C-alpha positions, nm.
    sequence : str
        The L residues.

    Returns
    -------
    tuple of ndarray, each int64
        Zero-based residues of each domain, ascending, in the order of their first residues. Linkers, loose ends and
        what is not folded at all are in no domain: residues at the ends of a stretch whose only contacts within their
        part are with near neighbours along the chain.

    Notes
    -----
    A part is a stretch, or what is left when a stretch is taken out, so a domain may be inserted into another. The cut
    is the one with the fewest contacts (C-alphas within `ELASTIC_CUTOFF_NM`) over n^(2/3), the surface of its smaller
    part of n residues. No cut goes through a helix, which is stiff however few contacts hold its halves together, nor
    through a C2H2 zinc finger; and no two fingers stay in one part, since the linkers between them are flexible unless
    they are bound to DNA, however close the fingers lie in the coordinates.
    """
    segment = _segment(positions_nm, sequence)
    folding = segment.touching & (segment.along >= LOCAL)
    cores = (_core(part, folding[np.ix_(part, part)]) for part in _divide(np.arange(len(sequence)), segment))
    return tuple(sorted((core for core in cores if len(core)), key=lambda core: int(core[0])))


def ranges_of(residues: NDArray[np.int64], first: int = 1) -> str:
    """Write residues as ranges, for example ``12-40,52-60``.

    Parameters
    ----------
    residues : ndarray, int64
        Zero-based, ascending.
    first : int
        Number of residue zero.

    Returns
    -------
    str
        Inclusive ranges.
    """
    return ",".join(f"{run[0] + first}-{run[-1] + first}" for run in _stretches(residues))


@dataclass(frozen=True)
class _Segment:
    """What decides where a segment of L residues may be cut.

    Attributes
    ----------
    along, touching : ndarray, shape (L, L), int64 and bool
        Distance of two residues along the chain; whether they touch.
    whole : ndarray, shape (L - 1,), bool
        Bonds, of residues i and i + 1, that stay in one part.
    fingers : ndarray, shape (L,), bool
        First residues of zinc fingers.
    """

    along: NDArray[np.int64]
    touching: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    fingers: NDArray[np.bool_]


def _segment(positions_nm: NDArray[np.float64], sequence: str) -> _Segment:
    length = len(sequence)
    distances = np.linalg.norm(positions_nm[:, None] - positions_nm, axis=-1)
    along = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    whole, fingers = np.zeros(max(length - 1, 0), bool), np.zeros(length, bool)
    for i in range(length - 4):
        if all(distances[i, i + k] < limit for k, limit in HELIX_NM):
            whole[i : i + 4] = True
    for first, _, _, last in motifs(sequence):
        whole[first:last] = fingers[first] = True
    return _Segment(along, (distances < ELASTIC_CUTOFF_NM) & (along >= 2), whole, fingers)


def _divide(part: NDArray[np.int64], segment: _Segment) -> Sequence[NDArray[np.int64]]:
    """Cut a part in two, and the two again; the part itself where it is one domain."""
    cut = _weakest(part, segment)
    if cut is None:
        return (part,)
    inner, outer = part[slice(*cut)], np.delete(part, slice(*cut))
    return (*_divide(inner, segment), *_divide(outer, segment))


def _weakest(part: NDArray[np.int64], segment: _Segment) -> tuple[int, int] | None:
    """Find the stretch [start, end) of a part that is to be cut out; None if the part is one domain."""
    n = len(part)
    # Stretches begin and end at a bond that may be cut, at an end of the part, or where a stretch was taken out before.
    whole = segment.whole[part[:-1]] & (np.diff(part) == 1)
    allowed = np.concatenate([[True], ~whole, [True]])
    start, end = np.triu_indices(n + 1, MINIMUM_DOMAIN)
    fits = allowed[start] & allowed[end] & (n - (end - start) >= MINIMUM_DOMAIN)
    fingers = np.concatenate([[0], segment.fingers[part].cumsum()])
    if fingers[n] > 1:
        inside = fingers[end] - fingers[start]
        fits &= (inside > 0) & (inside < fingers[n])
    start, end = start[fits], end[fits]
    if not len(start):
        return None
    contacts = segment.touching[np.ix_(part, part)]
    square = np.zeros((n + 1, n + 1))
    square[1:, 1:] = contacts.cumsum(axis=0).cumsum(axis=1)
    within = square[end, end] - square[start, end] - square[end, start] + square[start, start]
    across = square[end, n] - square[start, n] - within
    per_surface = across / np.minimum(end - start, n - (end - start)) ** (2 / 3)
    best = int(np.argmin(per_surface))
    one_domain = per_surface[best] >= DENSITY_SHARE * contacts.sum() / 2 / n
    return None if one_domain and fingers[n] < 2 else (int(start[best]), int(end[best]))


def _core(part: NDArray[np.int64], contacts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Take what no contact holds off the ends of each stretch of a part."""
    held = part[contacts.sum(axis=1) > 0]
    firm = [np.intersect1d(stretch, held) for stretch in _stretches(part)]
    return np.concatenate([part[:0], *(np.arange(kept[0], kept[-1] + 1) for kept in firm if len(kept))])


def _stretches(residues: NDArray[np.int64]) -> Sequence[NDArray[np.int64]]:
    return np.split(residues, np.flatnonzero(np.diff(residues) > 1) + 1)
