"""Multiple sequence alignments: one per full-length protein."""

from screening.msa.a3m import Msa, query_only, read_a3m

__all__ = ["Msa", "query_only", "read_a3m"]
