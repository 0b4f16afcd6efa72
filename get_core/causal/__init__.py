"""Causal discovery: from a gene × motif matrix to a network of motifs that influence each other."""

from get_core.causal.cell_types import AtlasNetworks, FailedNetwork, atlas_networks, pooled_rows
from get_core.causal.correlation import CorrelationNetwork, correlation_network, partial_correlation, spearman
from get_core.causal.direct import DirectLiNGAM
from get_core.causal.ica import ICALiNGAM
from get_core.causal.interchange import read_network, write_network
from get_core.causal.network import CausalEdge, CausalNetwork, causal_network
from get_core.causal.recovery import Recovery, ScoreRecovery, recovery, score_recovery
from get_core.causal.reference import ImportedNetwork, read_edge_list, read_effects
from get_core.causal.stability import Stability, bootstrap

__all__ = [
    "AtlasNetworks",
    "CausalEdge",
    "CausalNetwork",
    "CorrelationNetwork",
    "DirectLiNGAM",
    "FailedNetwork",
    "ICALiNGAM",
    "ImportedNetwork",
    "Recovery",
    "ScoreRecovery",
    "Stability",
    "atlas_networks",
    "bootstrap",
    "causal_network",
    "correlation_network",
    "partial_correlation",
    "pooled_rows",
    "read_edge_list",
    "read_effects",
    "read_network",
    "recovery",
    "score_recovery",
    "spearman",
    "write_network",
]
