"""A simulated cell-type atlas whose truth is known, to try the whole path without data.

Nothing here is measured. Motif names and TF genes are real names; the scores, the expression and every planted
dependency are drawn from a seeded random number generator.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from get_core.errors import InvalidInput
from get_core.windows import Windows, around

__all__ = [
    "PlantedEdge",
    "SimulatedAtlas",
    "SimulatedCellType",
    "SimulatedFactor",
    "SimulationSettings",
    "simulate",
]


@dataclass(frozen=True)
class PlantedEdge:
    """A motif's score rises by `weight` (> 0) per unit of the score of its cause, in the same region."""

    cause: str
    effect: str
    weight: float


@dataclass(frozen=True)
class SimulatedFactor:
    """A motif cluster and the TF that is meant to stand for it.

    Parameters
    ----------
    motif : str
        Motif cluster (Vierstra v1.0 name).
    gene : str
        The cluster's highest-expressed TF in every cell type.
    tpm : tuple of float
        Expression of `gene`, transcripts per million, per cell type.
    effect : tuple of float
        Change of a promoter's expression (before the softplus) per unit of score in its window, per cell type.
    rival : str
        Another TF of the cluster, expressed a quarter as much; empty for none.
    """

    motif: str
    gene: str
    tpm: tuple[float, ...]
    effect: tuple[float, ...]
    rival: str = ""


@dataclass(frozen=True)
class SimulatedCellType:
    """A cell type and the dependencies that hold in the regions accessible in it alone."""

    name: str
    edges: tuple[PlantedEdge, ...]


# Clusters and members: Vierstra et al. 2020 (doi 10.1038/s41586-020-2528-x), motif clustering v1.0. Expression,
# effects and edges are invented. ZEB1 is a member of Ebox/CACCTG too, so SNAI1 lies above it.
FACTORS = (
    SimulatedFactor("PAX/1", "PAX5", (120.0, 8.0), (0.09, 0.04), "PAX6"),
    SimulatedFactor("EBF1", "EBF1", (110.0, 6.0), (0.07, 0.03)),
    SimulatedFactor("SPI", "SPI1", (90.0, 5.0), (0.06, 0.03), "SPIB"),
    SimulatedFactor("IRF/1", "IRF4", (80.0, 9.0), (0.06, -0.03), "IRF8"),
    SimulatedFactor("NR/19", "RORA", (40.0, 15.0), (-0.05, 0.03), "RORC"),
    SimulatedFactor("NFKB/1", "RELA", (60.0, 45.0), (0.06, 0.05), "NFKB1"),
    SimulatedFactor("TFAP2/1", "TFAP2A", (6.0, 130.0), (0.03, 0.08), "TFAP2C"),
    SimulatedFactor("GRHL", "GRHL2", (5.0, 100.0), (0.03, 0.07), "GRHL1"),
    SimulatedFactor("ETS/1", "ELF3", (12.0, 95.0), (0.04, 0.05), "ETS1"),
    SimulatedFactor("GATA", "GATA3", (14.0, 85.0), (-0.04, 0.06), "GATA2"),
    SimulatedFactor("NR/17", "ESR1", (7.0, 70.0), (0.03, 0.06), "PPARG"),
    SimulatedFactor("Ebox/CACCTG", "SNAI1", (30.0, 40.0), (-0.05, -0.06), "SNAI2"),
    SimulatedFactor("SNAI2", "ZEB1", (20.0, 25.0), (-0.05, -0.05)),
    SimulatedFactor("ZFX", "ZFX", (35.0, 50.0), (0.06, 0.07)),
    SimulatedFactor("KLF/SP/2", "KLF5", (10.0, 75.0), (0.05, 0.06), "SP1"),
    SimulatedFactor("NFY", "NFYA", (30.0, 30.0), (0.06, 0.06), "NFYC"),
    SimulatedFactor("CCAAT/CEBP", "CEBPB", (25.0, 55.0), (0.04, 0.05), "CEBPD"),
    SimulatedFactor("CTCF", "CTCF", (45.0, 45.0), (-0.03, -0.03)),
)
COMMON_EDGES = (
    PlantedEdge("KLF/SP/2", "NFY", 0.8),
    PlantedEdge("NFKB/1", "CCAAT/CEBP", 0.8),
    PlantedEdge("NFY", "ZFX", 0.7),
)
CELL_TYPES = (
    SimulatedCellType(
        "simulated B cell",
        (
            PlantedEdge("EBF1", "PAX/1", 0.9),
            PlantedEdge("PAX/1", "NR/19", 0.8),
            PlantedEdge("SPI", "IRF/1", 0.9),
            PlantedEdge("IRF/1", "ETS/1", 0.7),
        ),
    ),
    SimulatedCellType(
        "simulated epithelial cell",
        (
            PlantedEdge("TFAP2/1", "ZFX", 0.9),
            PlantedEdge("GATA", "NR/17", 0.9),
            PlantedEdge("NR/17", "SNAI2", 0.8),
            PlantedEdge("NFKB/1", "Ebox/CACCTG", 0.8),
            PlantedEdge("GRHL", "ETS/1", 0.7),
        ),
    ),
)


@dataclass(frozen=True)
class SimulationSettings:
    """What is planted.

    Parameters
    ----------
    seed : int
        The same settings give the same atlas.
    n_regions : int
        Regions of all chromosomes.
    n_chromosomes : int
        Named chr1, chr2, ...; equally long.
    n_genes : int
        Promoters; accessible in every cell type.
    window : int
        Accessible regions around a promoter that act on it.
    motif_density : float
        Probability that a motif occurs in a region on its own, in (0, 1].
    promoter_scale : float
        Size of motif scores in promoters, where enhancers have 1. Small, because promoters are shared by the cell
        types and so know only the common edges.
    baseline, noise : float
        Offset before the softplus, and standard deviation of the expression's noise, in log10(TPM + 1).
    factors : tuple of SimulatedFactor
        One per motif.
    common_edges : tuple of PlantedEdge
        Dependencies in every region.
    cell_types : tuple of SimulatedCellType
        At least one.

    Raises
    ------
    InvalidInput
        Sizes that do not fit together, edges that name no motif, do not rise, or run in a circle.
    """

    seed: int = 0
    n_regions: int = 4000
    n_chromosomes: int = 4
    n_genes: int = 1500
    window: int = 20
    motif_density: float = 0.2
    promoter_scale: float = 0.4
    baseline: float = -0.5
    noise: float = 0.1
    factors: tuple[SimulatedFactor, ...] = FACTORS
    common_edges: tuple[PlantedEdge, ...] = COMMON_EDGES
    cell_types: tuple[SimulatedCellType, ...] = CELL_TYPES

    def __post_init__(self) -> None:
        if self.seed < 0 or self.n_chromosomes < 1 or self.window < 1 or not self.cell_types:
            raise InvalidInput("a simulation needs a seed >= 0, a chromosome, a window >= 1 and a cell type")
        if not 0 < self.n_genes <= self.n_regions:
            raise InvalidInput(f"{self.n_genes} promoters cannot lie in {self.n_regions} regions")
        if self.n_genes // self.n_chromosomes < self.window:
            raise InvalidInput(
                f"{self.n_genes} promoters on {self.n_chromosomes} chromosomes may not fill a window of {self.window}",
                cure=f"use at least {self.n_chromosomes * self.window} genes or fewer chromosomes",
            )
        if not 0 < self.motif_density <= 1 or self.promoter_scale < 0 or self.noise < 0:
            raise InvalidInput("motif_density must lie in (0, 1]; promoter_scale and noise must not be negative")
        if len(set(self.motifs)) < len(self.motifs):
            raise InvalidInput("two factors share a motif")
        for factor in self.factors:
            if not len(factor.tpm) == len(factor.effect) == len(self.cell_types):
                raise InvalidInput(f"{factor.motif}: give one tpm and one effect per cell type")
        for number in range(len(self.cell_types)):
            self._check(self.edges(number))

    @property
    def motifs(self) -> tuple[str, ...]:
        """Motif names, in column order."""
        return tuple(factor.motif for factor in self.factors)

    @property
    def intended(self) -> MappingProxyType[str, str]:
        """The TF gene that stands for each motif."""
        return MappingProxyType({factor.motif: factor.gene for factor in self.factors})

    def edges(self, cell_type: int) -> tuple[PlantedEdge, ...]:
        """All dependencies of cell type number `cell_type`, common ones first."""
        return self.common_edges + self.cell_types[cell_type].edges

    def _check(self, edges: Sequence[PlantedEdge]) -> None:
        causes: dict[str, set[str]] = {motif: set() for motif in self.motifs}
        for edge in edges:
            if edge.cause not in causes or edge.effect not in causes:
                raise InvalidInput(f"planted edge {edge.cause} -> {edge.effect} names an unknown motif")
            if not 0 < edge.weight < math.inf:
                raise InvalidInput(f"planted edge {edge.cause} -> {edge.effect}: weight {edge.weight} is not positive")
            if edge.cause in causes[edge.effect]:
                raise InvalidInput(f"planted edge {edge.cause} -> {edge.effect} occurs twice")
            causes[edge.effect].add(edge.cause)
        try:
            TopologicalSorter(causes).prepare()
        except CycleError as error:
            raise InvalidInput(f"planted edges run in a circle: {' -> '.join(error.args[1])}") from error


@dataclass(frozen=True, eq=False)
class SimulatedAtlas:
    """The atlas and its truth; c cell types, n regions, m motifs, g TF genes, p promoters.

    Parameters
    ----------
    settings : SimulationSettings
        What made it.
    chrom : str (n,)
        Chromosome of every region.
    start, end : int64 (n,)
        0-based, end-exclusive; sorted per chromosome.
    motifs : tuple of str (m,)
        Columns of `scores`.
    scores : float32 (n, m)
        Motif scores, >= 0, shared by the cell types.
    cell_types : tuple of str (c,)
        Names.
    accessibility : float32 (c, n)
        0 where closed. Promoters of plus-strand genes lie near 1, of minus-strand genes near 0.75 and enhancers near
        0.4: the scores alone could not tell a network which regions are promoters, or of which strand.
    expression_labels : float32 (c, n, 2)
        log10(TPM + 1) on the gene's own strand of its promoter, 0 elsewhere.
    genes : tuple of str (g,)
        TF genes.
    gene_expression : float32 (c, g)
        log10(TPM + 1) of the TF genes.
    promoters : int64 (p,)
        Regions that are promoters, ascending.
    strand : int64 (p,)
        0 plus, 1 minus.
    motif_effects : float64 (c, m)
        Planted effect of a motif's score on expression.
    edges : tuple (c,) of tuple of PlantedEdge
        Planted dependencies of each cell type.
    """

    settings: SimulationSettings
    chrom: NDArray[np.str_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    motifs: tuple[str, ...]
    scores: NDArray[np.float32]
    cell_types: tuple[str, ...]
    accessibility: NDArray[np.float32]
    expression_labels: NDArray[np.float32]
    genes: tuple[str, ...]
    gene_expression: NDArray[np.float32]
    promoters: NDArray[np.int64]
    strand: NDArray[np.int64]
    motif_effects: NDArray[np.float64]
    edges: tuple[tuple[PlantedEdge, ...], ...]

    def contributions(self, cell_type: int) -> NDArray[np.float64]:
        """Return what each motif adds to each promoter in cell type number `cell_type`, float64 (p, m).

        The sum of effect · score over the accessible regions of the promoter's window: what a perfect attribution
        of a linear network would give.
        """
        open_rows = np.flatnonzero(self.accessibility[cell_type])
        windows = _windows(self.chrom, open_rows, self.promoters, self.strand, self.settings.window)
        return _contributions(self.scores[open_rows], windows, self.motif_effects[cell_type])


def simulate(settings: SimulationSettings) -> SimulatedAtlas:
    """Draw an atlas.

    Every region has the innovations of a sparse linear non-Gaussian model (a motif occurs with `motif_density`, then
    with an exponential score), and the scores that follow from them through the planted edges: in promoters and in
    all enhancers the common ones, in an enhancer accessible in one cell type also that cell type's. Sums over
    windows obey the same linear model. A promoter's expression is the softplus of its motifs' contributions plus
    noise.

    Parameters
    ----------
    settings : SimulationSettings
        What is planted.

    Returns
    -------
    SimulatedAtlas
    """
    rng = np.random.default_rng(settings.seed)
    n, kinds = settings.n_regions, len(settings.cell_types)
    chrom, start, end = _regions(settings, rng)
    promoters = _promoters(settings, chrom, rng)
    strand = rng.integers(0, 2, settings.n_genes)
    is_promoter = np.zeros(n, bool)
    is_promoter[promoters] = True
    owner = np.where(is_promoter, -1, rng.integers(0, kinds, n))
    scores = _scores(settings, owner, rng)
    level = np.full(n, 0.4)
    level[promoters] = np.where(strand == 0, 1.0, 0.75)
    level *= rng.uniform(0.95, 1.05, n)
    effects = np.array([factor.effect for factor in settings.factors]).T
    accessibility = np.zeros((kinds, n), np.float32)
    labels = np.zeros((kinds, n, 2), np.float32)
    for number in range(kinds):
        is_open = is_promoter | (owner == number)
        accessibility[number, is_open] = level[is_open]
        rows = np.flatnonzero(is_open)
        windows = _windows(chrom, rows, promoters, strand, settings.window)
        total = settings.baseline + _contributions(scores[rows], windows, effects[number]).sum(axis=1)
        noisy = np.logaddexp(0.0, total) + settings.noise * rng.standard_normal(len(promoters))
        labels[number, promoters, strand] = np.maximum(noisy, 0.0)
    genes, expression = _tf_expression(settings)
    return SimulatedAtlas(
        settings=settings,
        chrom=chrom,
        start=start,
        end=end,
        motifs=settings.motifs,
        scores=scores,
        cell_types=tuple(cell_type.name for cell_type in settings.cell_types),
        accessibility=accessibility,
        expression_labels=labels,
        genes=genes,
        gene_expression=expression,
        promoters=promoters,
        strand=strand,
        motif_effects=effects,
        edges=tuple(settings.edges(number) for number in range(kinds)),
    )


def _regions(
    settings: SimulationSettings, rng: np.random.Generator
) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.int64]]:
    """Place regions 400 to 800 bp long, 1 to 20 kb apart, on every chromosome."""
    sizes = [len(part) for part in np.array_split(np.arange(settings.n_regions), settings.n_chromosomes)]
    chrom = np.repeat([f"chr{number}" for number in range(1, settings.n_chromosomes + 1)], sizes)
    width = rng.integers(400, 801, settings.n_regions)
    step = width + rng.integers(1_000, 20_001, settings.n_regions)
    end = np.concatenate([np.cumsum(part) for part in np.split(step, np.cumsum(sizes)[:-1])])
    return chrom, end - width, end


def _promoters(settings: SimulationSettings, chrom: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose promoters, the same number on every chromosome as far as it divides."""
    names = [f"chr{number}" for number in range(1, settings.n_chromosomes + 1)]
    counts = [len(part) for part in np.array_split(np.arange(settings.n_genes), settings.n_chromosomes)]
    chosen = [
        rng.choice(np.flatnonzero(chrom == name), count, replace=False)
        for name, count in zip(names, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _scores(settings: SimulationSettings, owner: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Solve the model of every region; `owner` is the cell type of an enhancer and -1 for a promoter."""
    shape = (settings.n_regions, len(settings.factors))
    innovations = (rng.random(shape) < settings.motif_density) * rng.exponential(1.0, shape)
    innovations[owner < 0] *= settings.promoter_scale
    column = {motif: number for number, motif in enumerate(settings.motifs)}
    scores = np.zeros(shape)
    for number in range(-1, len(settings.cell_types)):
        edges = settings.common_edges if number < 0 else settings.edges(number)
        model = np.eye(len(column))
        for edge in edges:
            model[column[edge.effect], column[edge.cause]] -= edge.weight
        rows = owner == number
        scores[rows] = np.linalg.solve(model, innovations[rows].T).T
    # Weights and innovations are not negative, so neither are the scores; only rounding of the solver could be.
    return np.maximum(scores, 0.0).astype(np.float32)


def _windows(
    chrom: NDArray[np.str_],
    open_rows: NDArray[np.intp],
    promoters: NDArray[np.int64],
    strand: NDArray[np.int64],
    length: int,
) -> Windows:
    """Windows of accessible regions around every promoter; rows count accessible regions only."""
    return around(chrom[open_rows], np.searchsorted(open_rows, promoters), strand, length)


def _contributions(
    open_scores: NDArray[np.float32], windows: Windows, effects: NDArray[np.float64]
) -> NDArray[np.float64]:
    return open_scores[windows.index].sum(axis=1, dtype=np.float64) * effects


def _tf_expression(settings: SimulationSettings) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return TF genes and their log10(TPM + 1), float32 (c, g)."""
    tpm: dict[str, NDArray[np.float64]] = {}
    for factor in settings.factors:
        tpm[factor.gene] = np.array(factor.tpm)
        if factor.rival:
            tpm[factor.rival] = np.array(factor.tpm) / 4
    return tuple(tpm), np.log10(np.stack(list(tpm.values()), axis=1) + 1).astype(np.float32)
