"""Attribution: what each motif in each region of its window does to a gene's predicted expression."""

from get_core.attribution.genes import mean_by_gene
from get_core.attribution.gradients import deep_lift, input_times_gradient, integrated_gradients, jacobian
from get_core.attribution.stream import Attribution, Method, Reduce, attribute, gene_by_motif

__all__ = [
    "Attribution",
    "Method",
    "Reduce",
    "attribute",
    "deep_lift",
    "gene_by_motif",
    "input_times_gradient",
    "integrated_gradients",
    "jacobian",
    "mean_by_gene",
]
