"""How much each residue moves, and whether pLDDT foretold it.

"Per-residue RMSD" is said of three things, so there are three: the displacement from the structure of the start after
superposing the whole complex, the same after superposing the residue's own chain, and the fluctuation about the average
(RMSF). The first counts how chains move against each other, the second does not, the third forgets the start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from md.analysis.shape import average_nm, superposed_nm
from md.analysis.solute import Solute
from md.errors import InvalidStructure
from md.series import MINIMUM_SAMPLES, is_constant, statistical_inefficiency

__all__ = [
    "MOBILITIES",
    "PlddtCorrelation",
    "ResidueMobility",
    "against_plddt",
    "checked_plddt",
    "correlation",
    "rmsf_nm",
    "squared_displacements_nm2",
]

Floats = NDArray[np.float64]

MOBILITIES = ("displacement_complex", "displacement_chain", "rmsf")
"""Names of the three definitions."""

RESAMPLES = 1000
"""Of the bootstrap."""

STRETCH = 4.0
"""Length of a stretch over what the series remember. With 2, chance gave p < 0.05 in 10 to 17 % of 60 to 300 residues
that have nothing to do with pLDDT, with 4 in 3 to 8 %."""

MOST_BLOCKS = 100
"""Blocks of frames that are drawn from, at most."""

ALMOST_ONE = 1.0 - 1e-12
"""Coefficients beyond this have no finite artanh."""

SEED = 1
"""Of the bootstrap: the same trajectory gives the same p."""


@dataclass(frozen=True)
class ResidueMobility:
    """How much the C-alpha of a residue moves, caps excluded.

    Parameters
    ----------
    chain : str
        Chain of the topology.
    residue : int
        Residue number of the topology.
    displacement_complex_nm, displacement_chain_nm : float
        √⟨|x(t) - x(0)|²⟩ after superposing the C-alphas of all chains, of its own chain, on the start.
    rmsf_nm : float
        √⟨|x(t) - ⟨x⟩|²⟩ after superposing its own chain on its average.
    helix_fraction, strand_fraction : float
        Share of frames with DSSP codes H, G, I and E, B.
    plddt : float or None
        0-100.
    """

    chain: str
    residue: int
    displacement_complex_nm: float
    displacement_chain_nm: float
    rmsf_nm: float
    helix_fraction: float
    strand_fraction: float
    plddt: float | None


@dataclass(frozen=True)
class PlddtCorrelation:
    """Mobility against pLDDT over the residues of a chain, or of all.

    Parameters
    ----------
    chain : str
        ``all``, or the chain.
    mobility : str
        One of `MOBILITIES`.
    n_residues : int
        Residues compared.
    pearson, spearman : float or None
        Correlation coefficients; negative where confident residues move less. None where one of the two is constant.
    pearson_p, spearman_p : float or None
        Two-sided, by block bootstrap; None where frames or residues are too few.
    note : str
        Why something is None.
    """

    chain: str
    mobility: str
    n_residues: int
    pearson: float | None
    pearson_p: float | None
    spearman: float | None
    spearman_p: float | None
    note: str = ""


def rmsf_nm(xyz_nm: Floats) -> Floats:
    """Return the root-mean-square fluctuation of atoms about their average.

    Parameters
    ----------
    xyz_nm : float64 (n, k, 3)
        In any orientation: frames are superposed on their average, again and again until it stays.

    Returns
    -------
    float64 (k,)
        √⟨|x_i(t) - ⟨x_i⟩|²⟩, nm.
    """
    average, superposed = average_nm(xyz_nm)
    return np.sqrt(((superposed - average) ** 2).sum(axis=2).mean(axis=0))


def squared_displacements_nm2(solute: Solute) -> dict[str, Floats]:
    """Return the squared distance of each C-alpha from where it belongs, by each definition.

    Parameters
    ----------
    solute : Solute
        R residues in all chains.

    Returns
    -------
    dict of str to float64 (n, R)
        By the names of `MOBILITIES`, chains in order; nm². Their means over frames are the squares of the mobilities.
    """
    every = np.concatenate([chain.alpha for chain in solute.chains])
    start = solute.start_nm
    whole = superposed_nm(solute.positions_nm(every), start[every]) - start[every]
    own, about = [], []
    for chain in solute.chains:
        xyz = solute.positions_nm(chain.alpha)
        own.append(superposed_nm(xyz, start[chain.alpha]) - start[chain.alpha])
        average, superposed = average_nm(xyz)
        about.append(superposed - average)
    apart = (whole, np.concatenate(own, axis=1), np.concatenate(about, axis=1))
    return {name: (values**2).sum(axis=2) for name, values in zip(MOBILITIES, apart, strict=True)}


def checked_plddt(solute: Solute, plddt: Mapping[str, Sequence[float]]) -> Floats:
    """Bring a table of pLDDT into the order of the residues.

    Parameters
    ----------
    solute : Solute
        R residues.
    plddt : mapping of str to sequence of float
        By chain, a value for each residue; further chains are passed over.

    Returns
    -------
    float64 (R,)

    Raises
    ------
    InvalidStructure
        ``plddt_length``: a chain is absent or has another number of residues. ``plddt_range``: a value is not between
        0 and 100.
    """
    for chain in solute.chains:
        values = np.asarray(plddt.get(chain.name, ()), np.float64)
        if len(values) != len(chain.numbers):
            raise InvalidStructure(
                f"pLDDT of chain {chain.name}: {len(values)} values for {len(chain.numbers)} residues simulated",
                code="plddt_length",
                cure="give the pLDDT of the structure that was simulated",
            )
        if len(bad := np.flatnonzero(~((values >= 0.0) & (values <= 100.0)))):
            raise InvalidStructure(
                f"pLDDT of chain {chain.name}, residue {chain.numbers[bad[0]]}: {values[bad[0]]:g} is not in 0..100",
                code="plddt_range",
                cure="give pLDDT as 0-100",
            )
    return np.concatenate([np.asarray(plddt[chain.name], np.float64) for chain in solute.chains])


def against_plddt(solute: Solute, squared: Mapping[str, Floats], plddt: Floats) -> tuple[PlddtCorrelation, ...]:
    """Compare each definition of mobility with pLDDT, over all residues and over those of each chain.

    Parameters
    ----------
    solute : Solute
        R residues.
    squared : mapping of str to float64 (n, R)
        As `squared_displacements_nm2` gives them.
    plddt : float64 (R,)
        0-100.

    Returns
    -------
    tuple of PlddtCorrelation
    """
    scopes = [("all", slice(0, len(plddt)))] if len(solute.chains) > 1 else []
    first = 0
    for chain in solute.chains:
        scopes.append((chain.name, slice(first, first + len(chain.numbers))))
        first += len(chain.numbers)
    return tuple(
        correlation(scope, mobility, values[:, part], plddt[part])
        for scope, part in scopes
        for mobility, values in squared.items()
    )


def correlation(chain: str, mobility: str, squared: Floats, plddt: Floats) -> PlddtCorrelation:
    """Correlate mobility with pLDDT.

    Parameters
    ----------
    chain, mobility : str
        What is compared, for the result.
    squared : float64 (n, R)
        Squared displacements, nm².
    plddt : float64 (R,)

    Returns
    -------
    PlddtCorrelation
        Residues next to each other are alike, and so are frames: p counts neither as independent. It draws blocks of
        frames, each about as long as the motion remembers, and stretches of residues, each four times as long as the
        product of both standardised series remembers along the chain (moving blocks: Künsch 1989,
        doi 10.1214/aos/1176347265). With s the standard deviation of artanh r* over the draws, artanh r / s is taken
        for Student's t with two degrees of freedom fewer than there are stretches.
    """
    n, n_residues = squared.shape
    values = np.sqrt(squared.mean(axis=0))
    if n_residues < 3 or is_constant(values) or is_constant(plddt):
        note = "withheld: fewer than 3 residues, or mobility or pLDDT is the same for all"
        return PlddtCorrelation(chain, mobility, n_residues, None, None, None, None, note)
    pearson, spearman = (float(each[0]) for each in _coefficients(values[None], plddt[None]))
    n_blocks = min(int(n / statistical_inefficiency(squared.mean(axis=1))), MOST_BLOCKS)
    product = _standardised(values[None])[0] * _standardised(plddt[None])[0]
    stretch = int(np.ceil(STRETCH * statistical_inefficiency(product)))
    n_stretches = n_residues // stretch
    if n_blocks < MINIMUM_SAMPLES or n_stretches < MINIMUM_SAMPLES:
        note = (
            f"p withheld: {n} frames are worth {n_blocks} independent samples and {n_residues} residues "
            f"{n_stretches} independent stretches, one of them fewer than {MINIMUM_SAMPLES}"
        )
        return PlddtCorrelation(chain, mobility, n_residues, pearson, None, spearman, None, note)
    generator = np.random.default_rng(SEED)
    blocks = squared[n % n_blocks :].reshape(n_blocks, -1, n_residues).mean(axis=1)
    drawn = generator.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), RESAMPLES) / n_blocks
    resampled = np.sqrt(drawn @ blocks)
    starts = generator.integers(0, n_residues, (RESAMPLES, -(-n_residues // stretch)))
    places = (starts[:, :, None] + np.arange(stretch)).reshape(RESAMPLES, -1)[:, :n_residues] % n_residues
    drawn_p, drawn_s = _coefficients(np.take_along_axis(resampled, places, axis=1), plddt[places])
    pearson_p, spearman_p = _two_sided(pearson, drawn_p, n_stretches), _two_sided(spearman, drawn_s, n_stretches)
    return PlddtCorrelation(chain, mobility, n_residues, pearson, pearson_p, spearman, spearman_p)


def _coefficients(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return Pearson's and Spearman's coefficients of each row; 0 where a row is constant."""
    from scipy.stats import rankdata

    ranks = (np.asarray(rankdata(each, axis=1), np.float64) for each in (a, b))
    return (_standardised(a) * _standardised(b)).mean(axis=1), np.prod([_standardised(r) for r in ranks], axis=0).mean(
        1
    )


def _standardised(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0.0)


def _two_sided(coefficient: float, drawn: Floats, n_stretches: int) -> float:
    """Return p of a correlation coefficient from its spread over draws."""
    from scipy.special import stdtr

    spread = float(np.std(np.arctanh(np.clip(drawn, -ALMOST_ONE, ALMOST_ONE))))
    distance = abs(float(np.arctanh(np.clip(coefficient, -ALMOST_ONE, ALMOST_ONE))))
    return 2.0 * float(stdtr(n_stretches - 2, -distance / spread)) if spread else 0.0
