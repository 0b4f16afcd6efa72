"""The smallest simulated screen that can be trained: a few seconds on one core."""

TINY = """
[atlas]
source = "simulated"
n_regions = 300
n_genes = 80
[pretrain]
window = 8
embed = 16
layers = 1
heads = 2
epochs = 1
"""
