"""Causal discovery: from a gene × motif matrix to a network of motifs that influence each other."""

from get_core.causal.direct import DirectLiNGAM
from get_core.causal.ica import ICALiNGAM
from get_core.causal.network import CausalEdge, CausalNetwork, causal_network, estimate_seconds
from get_core.causal.recovery import Recovery, recovery

__all__ = [
    "CausalEdge",
    "CausalNetwork",
    "DirectLiNGAM",
    "ICALiNGAM",
    "Recovery",
    "causal_network",
    "estimate_seconds",
    "recovery",
]
