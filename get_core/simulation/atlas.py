"""A simulated atlas and its truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from get_core.simulation.settings import PlantedEdge, SimulationSettings
from get_core.windows import Windows, around

__all__ = ["SimulatedAtlas", "simulate"]


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
