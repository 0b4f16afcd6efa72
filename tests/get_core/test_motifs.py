"""Motif clusters, the MEME reader and the scanner."""

import csv
import gzip
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from get_core.errors import InvalidInput
from get_core.motifs import BACKGROUND, MotifLibrary, clusters, clusters_of, genes_of, read_meme, scan

UNIFORM = (0.25, 0.25, 0.25, 0.25)
# Score of a certain letter against a uniform background, by hand: ln((1 + 0.01/4) / 1.01 / 0.25) = 1.378841, on the
# grid of 1/256 nat 353 steps.
CERTAIN = 353 / 256


def words(**clusters_and_words: list[str]) -> MotifLibrary:
    """Build motifs that are certain of every letter."""
    pairs = [(cluster, word) for cluster, members in clusters_and_words.items() for word in members]
    return MotifLibrary(
        names=tuple(f"{cluster}_{word}" for cluster, word in pairs),
        clusters=tuple(cluster for cluster, _ in pairs),
        matrices=tuple(np.array([np.eye(4)["ACGT".index(letter)] for letter in word]) for _, word in pairs),
    )


def reverse_complement(sequence: str) -> str:
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def fasta(path: Path) -> dict[str, str]:
    with gzip.open(path, "rt") as lines:
        records = lines.read().split(">")[1:]
    return {record.split("\n")[0]: "".join(record.split("\n")[1:]) for record in records}


# --- clusters and genes


def test_cluster_table_equals_the_recorded_reading_of_the_motif_names(shared: Path) -> None:
    with open(shared / "parity/motifs/motif_clusters_v1.tsv", newline="") as table:
        recorded = {row["cluster"]: row["genes_corrected"] for row in csv.DictReader(table, delimiter="\t")}
    del recorded["Accessibility"]
    assert {cluster: ",".join(genes_of(cluster)) for cluster in clusters()} == recorded
    order = (shared / "data/motifs_vierstra_v1/clusters_282.txt").read_text().splitlines()
    assert list(clusters()) == order


def test_clusters_are_282_sorted_names_with_sorted_genes() -> None:
    assert len(clusters()) == len(set(clusters())) == 282
    assert list(clusters()) == sorted(clusters())
    for cluster in clusters():
        genes = genes_of(cluster)
        assert genes == sorted(set(genes))
        assert all(genes)


def test_genes_and_clusters_are_inverse() -> None:
    assert "GATA1" in genes_of("GATA")
    for cluster in clusters():
        for gene in genes_of(cluster):
            assert cluster in clusters_of(gene)
    assert clusters_of("TBXT") == ["TBX/1"]  # the reference maps every symbol that begins with T to it
    assert clusters_of("no such gene") == []


def test_an_unknown_cluster_brings_close_names() -> None:
    with pytest.raises(InvalidInput, match="KLF/SP2") as caught:
        genes_of("KLF/SP2")
    assert "KLF/SP/2" in caught.value.__notes__[0]


# --- MEME files

HEAD = "MEME version 4\n\nALPHABET= ACGT\n\n"
ROWS = "0.25 0.25 0.25 0.25\n0 0 1 0\n"
GOOD = f"MOTIF m1 c1\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n{ROWS}URL http://x\n\n"
BARE = f"MOTIF m2\nletter-probability matrix: alength= 4 w=2\n{ROWS}"


@pytest.mark.parametrize("compressed", [False, True])
def test_read_meme(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "library"
    text = (HEAD + GOOD + BARE).encode()
    path.write_bytes(gzip.compress(text) if compressed else text)
    library = read_meme(path)
    assert library.names == ("m1", "m2")
    assert library.clusters == ("c1", "m2")
    assert library.cluster_names == ("c1", "m2")
    np.testing.assert_array_equal(library.matrices[1], [[0.25] * 4, [0, 0, 1, 0]])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ":1: does not begin"),
        ("hello\n", ":1: does not begin"),
        (HEAD, "no motif"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", ":2: the alphabet"),
        (HEAD + GOOD + GOOD, ":11: motif m1 occurs twice"),
        (HEAD + "MOTIF\n", ":5: a motif without a name"),
        (HEAD + "MOTIF m1\nMOTIF m2\n", ":6: motif m1 above has no"),
        (HEAD + "MOTIF m1\n", ":5: the file ends before the matrix of motif m1"),
        (HEAD + "letter-probability matrix: w= 1\n0 0 0 1\n", ":5: a matrix that follows no MOTIF"),
        (HEAD + "MOTIF m1\nletter-probability matrix: alength= 4\n0 0 0 1\n", ":6: the matrix does not state"),
        (HEAD + GOOD.replace("0 0 1 0", "0 0 1"), ":8: a matrix row has 3 numbers"),
        (HEAD + GOOD.replace("0 0 1 0", "0 0 0.5 0"), ":8: .*probabilities"),
        (HEAD + GOOD.replace("0 0 1 0", "0 -1 2 0"), ":8: .*probabilities"),
        (HEAD + GOOD.replace("0 0 1 0", "nan 0 1 0"), ":8: .*probabilities"),
        (HEAD + GOOD.replace("0 0 1 0\n", ""), ":8: the matrix ends after 1 of 2 rows: URL"),
        (HEAD + GOOD.replace("w= 2", "w= 9") + BARE, ":9: the matrix ends after 2 of 9"),
        (HEAD + BARE.replace("0 0 1 0\n", ""), ":7: the matrix ends after 1 of 2 rows: .end of file"),
    ],
)
def test_a_malformed_meme_file_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "bad.meme"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=f"bad.meme.*{fault}"):
        read_meme(path)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        read_meme(tmp_path / "absent.meme")
    (tmp_path / "cut.meme.gz").write_bytes(gzip.compress((HEAD + GOOD * 50).encode())[:60])
    with pytest.raises(InvalidInput, match=r"cut\.meme\.gz.*cannot be read"):
        read_meme(tmp_path / "cut.meme.gz")
    (tmp_path / "latin.meme").write_bytes(b"MEME version 4\nMOTIF \xff\xfe\n")
    with pytest.raises(InvalidInput, match=r"latin\.meme:.*not UTF-8"):
        read_meme(tmp_path / "latin.meme")


def test_the_library_of_get_has_its_clusters(shared: Path) -> None:
    library = read_meme(shared / "data/motifs_vierstra_v1/motifs_2174.meme.gz")
    assert len(library.names) == 2174
    assert library.cluster_names == clusters()


# --- scanning


def test_the_background_is_that_of_the_scanner_of_get() -> None:
    assert BACKGROUND == (0.2977, 0.2023, 0.2023, 0.2977)


def test_hits_that_overlap_are_reduced_to_the_best_and_summed() -> None:
    # Cluster a in AACGTTTAAC: AACGT at 0 (5 letters) stands; ACGTT, its other strand, at 1, AAC at 0 and GTT at 3
    # overlap it and fall; AAC at 7 (3 letters) stands. Cluster b holds AAC alone: 0, 3 (GTT) and 7 do not overlap.
    library = words(b=["AAC"], a=["AACGT", "AAC"])
    scores = scan({"s": "AACGTTTAAC"}, library, p_value=1 / 64, background=UNIFORM)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, [[8 * CERTAIN, 9 * CERTAIN]])


def test_neighbours_stand_and_a_chain_keeps_every_second() -> None:
    library = words(a=["ACA"])
    scores = scan({"chain": "ACACACA", "neighbours": "ACAACA"}, library, p_value=1 / 64, background=UNIFORM)
    np.testing.assert_array_equal(scores, [[6 * CERTAIN], [6 * CERTAIN]])


def test_no_hit_spans_two_sequences_or_an_unknown_letter() -> None:
    library = words(a=["ACGTTGCA"])
    halves = {"left": "GGACGT", "right": "TGCAGG", "both": "acgttgca", "n": "ACGTNGCA", "iupac": "ACGTYGCA", "one": "A"}
    scores = scan(halves, library, background=UNIFORM)
    np.testing.assert_array_equal(scores[:, 0], [0, 0, 8 * CERTAIN, 0, 0, 0])


def test_a_motif_too_short_for_the_p_value_never_matches() -> None:
    library = words(a=["ACGTT"])
    probability = 4.0**-5
    assert scan({"s": "ACGTT"}, library, p_value=probability, background=UNIFORM) > 0
    assert scan({"s": "ACGTT"}, library, p_value=probability * 0.99, background=UNIFORM) == 0


def test_scores_are_never_negative() -> None:
    vague = MotifLibrary(("m",), ("m",), (np.array([[0.3, 0.2, 0.2, 0.3], [0.2, 0.3, 0.3, 0.2]]),))
    assert scan({"s": "ACGTACCATTGGA"}, vague, p_value=0.999).min() >= 0


@pytest.mark.parametrize(
    ("sequences", "options", "fault"),
    [
        ({"fine": "ACGT", "peak 7": "ACGXT"}, {}, "peak 7: 'X' at position 4"),
        ({"peak 7": ""}, {}, "peak 7 is empty"),
        ({"s": "ACGT"}, {"p_value": 0.0}, "p_value"),
        ({"s": "ACGT"}, {"p_value": math.nan}, "p_value"),
        ({"s": "ACGT"}, {"threads": 0}, "threads"),
        ({"s": "ACGT"}, {"background": (0.3, 0.2, 0.25, 0.25)}, "background"),
        ({"s": "ACGT"}, {"background": (0.3, 0.3, 0.3, 0.3)}, "background"),
    ],
)
def test_bad_sequences_and_settings_are_refused(sequences: dict[str, str], options: dict, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        scan(sequences, words(a=["ACGT"]), **options)


# An independent scanner in plain Python: every word's score, the threshold from the enumeration of all words.


def reference_hits(sequence: str, matrix: np.ndarray, p_value: float) -> list[tuple[float, int, int]]:
    width = len(matrix)

    def score(word: str) -> float:
        total = 0
        for letter, row in zip(word, matrix, strict=True):
            i = "ACGT".index(letter)
            frequency = BACKGROUND[i]
            total += round(256 * math.log((row[i] + 0.01 * frequency) / (sum(row) + 0.01) / frequency))
        return total / 256

    def chance(word: str) -> float:
        return math.prod(BACKGROUND["ACGT".index(letter)] for letter in word)

    every = sorted(((score(w), chance(w)) for w in map("".join, itertools.product("ACGT", repeat=width))), reverse=True)
    threshold, tail = math.inf, 0.0
    for value, group in itertools.groupby(every, key=lambda pair: pair[0]):
        tail += sum(probability for _, probability in group)
        if tail > p_value * (1 + 1e-9):
            break
        threshold = value
    hits = []
    for start in range(len(sequence) - width + 1):
        word = sequence[start : start + width]
        if "N" not in word:
            strands = (score(word), score(reverse_complement(word)))
            hits += [(-value, start, start + width) for value in strands if value >= threshold and value > 0]
    return hits


def reference_sum(hits: list[tuple[float, int, int]]) -> float:
    standing: list[tuple[float, int, int]] = []
    for hit in sorted(hits):
        if all(hit[2] <= other[1] or hit[1] >= other[2] for other in standing):
            standing.append(hit)
    return -sum(score for score, _, _ in standing)


@st.composite
def libraries(draw: st.DrawFn) -> MotifLibrary:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 4))
    matrices = tuple(rng.dirichlet([0.4] * 4, size=rng.integers(3, 6)) for _ in range(count))
    return MotifLibrary(tuple(map(str, range(count))), tuple(draw(st.sampled_from("ab")) for _ in matrices), matrices)


@settings(max_examples=40, deadline=None)
@given(libraries(), st.lists(st.text("ACGTN", min_size=1, max_size=60), min_size=1, max_size=5), st.data())
def test_scan_equals_a_plain_scanner(library: MotifLibrary, sequences: list[str], data: st.DataObject) -> None:
    p_value = data.draw(st.sampled_from([0.005, 0.02, 0.1]))
    found = scan({str(i): sequence for i, sequence in enumerate(sequences)}, library, p_value=p_value)
    for row, sequence in enumerate(sequences):
        for column, cluster in enumerate(library.cluster_names):
            members = [m for c, m in zip(library.clusters, library.matrices, strict=True) if c == cluster]
            expected = reference_sum([hit for matrix in members for hit in reference_hits(sequence, matrix, p_value)])
            assert found[row, column] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(libraries(), st.text("ACGT", min_size=1, max_size=60))
def test_both_strands_score_the_same(library: MotifLibrary, sequence: str) -> None:
    hits = {
        (cluster, *hit)
        for cluster, matrix in zip(library.clusters, library.matrices, strict=True)
        for hit in reference_hits(sequence, matrix, 0.05)
    }
    # Of equally good hits that overlap, the left one stands: the other strand would keep the right one.
    assume(not any(a < b and a[:2] == b[:2] and b[2] < a[3] for a, b in itertools.permutations(hits, 2)))
    scores = scan({"+": sequence, "-": reverse_complement(sequence)}, library, p_value=0.05)
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_no_sequence_gives_no_row() -> None:
    assert scan({}, words(a=["ACGT"])).shape == (0, 1)


# --- real DNA


def test_ctcf_is_found_in_ctcf_sites(shared: Path) -> None:
    sites = fasta(shared / "data/motif_scan_fixture/Gm12878.CTCF.top500.w200.fa.gz")
    library = read_meme(shared / "data/motifs_vierstra_v1/motifs_2174.meme.gz")
    members = zip(library.names, library.clusters, library.matrices, strict=True)
    names, cluster, matrices = zip(*(member for member in members if member[1] == "CTCF"), strict=True)
    ctcf = MotifLibrary(names, cluster, matrices)
    rng = np.random.default_rng(0)
    shuffled = {name: "".join(rng.permutation(list(site))) for name, site in sites.items()}
    assert len(sites) == 500
    found = scan(sites, ctcf)
    # MOODS finds 497 at the same p-value. Chance hits are common at 1e-4, so the scores must stand out as well.
    assert (found > 0).sum() >= 495
    assert (found > scan(shuffled, ctcf)).sum() >= 450


def test_gata_leads_k562_and_liver_factors_lead_hepg2(shared: Path) -> None:
    with gzip.open(shared / "data/dhs_k562_hepg2/dhs_sequences_train.tsv.gz", "rt") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))[::24]
    scores = scan(
        {str(i): row["sequence"] for i, row in enumerate(rows)}, shared / "data/motifs_vierstra_v1/motifs_2174.meme.gz"
    )
    k562 = np.array([row["cell"] == "K562" for row in rows])
    common = scores.mean(axis=0) > 0.2
    ratio = np.where(common, (scores[k562].mean(axis=0) + 0.1) / (scores[~k562].mean(axis=0) + 0.1), 1)
    ranked = [clusters()[i] for i in np.argsort(-ratio)]
    assert ranked[0] == "GATA"
    assert {"HD/10", "FOX/6", "CCAAT/CEBP", "NR/1"} <= set(ranked[-15:])  # HNF1, FOXA, CEBP, HNF4
