"""Multiple sequence alignments: one per full-length protein, sliced and paired for each segment pair."""

from screening.msa.a3m import Msa, parse_a3m, query_only, read_a3m, read_msa
from screening.msa.complex import complex_a3m, complex_msa
from screening.msa.pairing import PairedMsa, pair_a3m
from screening.msa.slicing import slice_a3m, slice_msa
from screening.msa.taxonomy import taxon

__all__ = [
    "Msa",
    "PairedMsa",
    "complex_a3m",
    "complex_msa",
    "pair_a3m",
    "parse_a3m",
    "query_only",
    "read_a3m",
    "read_msa",
    "slice_a3m",
    "slice_msa",
    "taxon",
]
