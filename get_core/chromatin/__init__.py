"""From what a laboratory has (peaks, fragments or counts, a genome, motifs, genes, RNA) to an atlas, and its checks."""
