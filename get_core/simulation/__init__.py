"""A simulated cell-type atlas whose truth is known, to try the whole path without data.

Nothing here is measured. Motif names and TF genes are real names; the scores, the expression and every planted
dependency are drawn from a seeded random number generator.
"""

from get_core.simulation.atlas import SimulatedAtlas, simulate
from get_core.simulation.settings import PlantedEdge, SimulatedCellType, SimulatedFactor, SimulationSettings

__all__ = [
    "PlantedEdge",
    "SimulatedAtlas",
    "SimulatedCellType",
    "SimulatedFactor",
    "SimulationSettings",
    "simulate",
]
