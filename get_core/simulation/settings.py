"""What a simulated atlas is asked to be: its motifs and TFs, the dependencies planted between them, its sizes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from get_core.errors import InvalidInput

__all__ = ["PlantedEdge", "SimulatedCellType", "SimulatedFactor", "SimulationSettings"]


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
