"""Known interactions and the motif clusters they join: toys counted by hand, and recorded numbers."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from get_core.causal.interactions import Interactions, interacting_motifs, read_interactions, related_motifs
from get_core.errors import InvalidInput
from get_core.motifs import clusters
from tests.get_core.interaction_toys import GENES, KNOWN, symmetric


def test_any_tf_of_one_with_any_of_the_other() -> None:
    # 0-1 by A-B; 2-3 by C-D and by D with itself. D-D does not make cluster 2 interact with itself.
    np.testing.assert_array_equal(interacting_motifs(GENES, KNOWN), symmetric(4, (0, 1), (2, 3)))


def test_related_by_gene_or_known_family() -> None:
    families = {"A": "bZIP", "B": "bZIP ", "C": "Unknown", "E": "unknown", "X": ""}
    np.testing.assert_array_equal(related_motifs(GENES, families), symmetric(4, (0, 1), (2, 3)))
    np.testing.assert_array_equal(related_motifs(GENES, {}), symmetric(4, (2, 3)))


def test_recorded_shares_of_interacting_cluster_pairs(shared: Path) -> None:
    # The README beside the tables gives 3.76 % and 5.23 % with GET's own map of TFs to clusters.
    genes: dict[str, list[str]] = {cluster: [] for cluster in clusters()}
    for line in (shared / "data/motifs_vierstra_v1/tf_to_clusters.tsv").read_text().splitlines()[1:]:
        gene, of = line.split("\t")
        for cluster in of.split(","):
            genes[cluster].append(gene)
    for name, lines, percent in (("string_dev_half", 4601, 3.76), ("irefindex14_tf_pairs", 9058, 5.23)):
        known = read_interactions(shared / "data/tf_interactions" / f"{name}.tsv")
        assert known.n_lines == len(known.pairs) == lines
        share = interacting_motifs(list(genes.values()), known).sum() / 79_242
        assert round(100 * share, 2) == percent


def test_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "i.tsv.gz"
    path.write_bytes(gzip.compress(b"# note\nscore\tprotein2\tprotein1\n900\tTAL1\tGATA1\n800\tGATA1\tTAL1\n7\tA\tA\n"))
    found = read_interactions(path, ("protein1", "protein2"))
    assert found == Interactions(frozenset({("GATA1", "TAL1"), ("A", "A")}), 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("gene_a\tgene_b\n", "no interaction"),
        ("a\tb\nX\tY\n", ":1: the header has no column 'gene_a'"),
        ("gene_a\tgene_b\nX\n", ":2: 1 columns, but 2"),
        ("gene_a\tgene_b\nX\t \n", ":2: a gene without a name"),
    ],
)
def test_damaged_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "i.tsv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read_interactions(path)
