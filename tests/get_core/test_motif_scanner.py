"""Motifs prepared for scanning, and what the scan may not depend on."""

import numpy as np
import pytest

from get_core import motif_scanner as module
from get_core.errors import InvalidInput
from get_core.motif_scanner import MotifScanner, motif_scanner
from get_core.motifs import BACKGROUND, MotifLibrary, scan

UNIFORM = (0.25, 0.25, 0.25, 0.25)
# Base counts of a motif, a sequence with the composition of BACKGROUND, and what MOODS 1.9.4.1 finds in it on each
# strand with log_odds(pseudocount 0.01) and threshold_from_p(1e-2) = 2.6595: place (from 0) and score in nats.
COUNTS = (
    *((28, 18, 90, 26), (17, 23, 95, 6), (1, 79, 8, 26), (27, 0, 14, 94), (3, 93, 3, 14), (94, 9, 10, 8)),
    *((21, 7, 29, 83), (84, 15, 17, 16), (15, 29, 24, 93)),
)
SEQUENCE = (
    "AAGCTGGCAAAGACATAATGTGTAGGTCGACCATCTGGGGACACATAGCTGATTTGAATGATGGCCAATCGCTACAATGCGTCGGCGTTATATTACTAGT"
    "GTAACACTGCATCTGGTTGCTCTACGTATGTGTCCAAATTAGCGGCTCGGAACTTTATTTGTAAAAAAGAGAGACTGTGGAGATTTACCAGTCTTATTAG"
    "GGAGGTTCTTTAAGAGTCACGACAGTCCGAACCATGCATAAAATACTGACTCTATTTGCAGTAAGTTAATGTTTTTCGATTTCCCATGCGTCTTCATTAT"
    "TTAATAAGCTATATACACCTCATTTACAAAGAATCAGAGAGGGCTTAAATTATAGCTACGAACTTTTTTGTCATATGCTAGATGTATTGTCCGTCGAGTA"
)
FORWARD = {37: 3.16, 39: 4.431, 84: 2.7813, 143: 4.4207, 316: 4.1253, 341: 5.0952}
REVERSE = {125: 4.6179, 224: 3.9584, 283: 2.9648, 310: 3.4644, 355: 2.8914}


def one(*rows: tuple[float, ...]) -> MotifLibrary:
    matrix = np.array(rows, float)
    return MotifLibrary(("m",), ("c",), (matrix / matrix.sum(axis=1, keepdims=True),))


def random_library(seed: int, widths: list[int], concentration: float = 0.3) -> MotifLibrary:
    rng = np.random.default_rng(seed)
    names = tuple(map(str, range(len(widths))))
    matrices = tuple(rng.dirichlet([concentration] * 4, size=width) for width in widths)
    return MotifLibrary(names, tuple(rng.choice(list("abc"), len(widths))), matrices)


def random_sequences(seed: int, count: int, longest: int) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    return {
        str(i): "".join(rng.choice(list("ACGTN"), rng.integers(1, longest), p=[0.24] * 4 + [0.04]))
        for i in range(count)
    }


def test_constants() -> None:
    assert module.PSEUDOCOUNT == 0.01  # the scanner of GET
    assert module.STEPS_PER_NAT == 256


def test_threshold_and_hits_are_those_of_moods() -> None:
    scanner = motif_scanner(one(*COUNTS), p_value=1e-2)
    # MOODS rounds scores to a grid of its own.
    np.testing.assert_allclose((scanner.bests - scanner.limits) / 256, 2.6595, atol=0.01)
    # 37 and 39 overlap, and 310 and 316: the better stands.
    sums = sum(FORWARD.values()) + sum(REVERSE.values()) - FORWARD[37] - REVERSE[310]
    np.testing.assert_allclose(scanner.scan({"s": SEQUENCE}), [[sums]], atol=10 * len(COUNTS) / 512)
    for place, score in (FORWARD | REVERSE).items():
        found = scanner.scan({"hit": SEQUENCE[place : place + 9], "short": SEQUENCE[place : place + 8]})
        np.testing.assert_allclose(found, [[score], [0]], atol=len(COUNTS) / 512)


def test_both_strands_once_and_copies_not_at_all() -> None:
    # The second is its own other strand; the third is the other strand of the first, in another cluster at first.
    first, palindrome = np.eye(4)[[0, 1, 1, 2]], np.eye(4)[[0, 1, 2, 3]]
    other = first[::-1, ::-1]
    apart = MotifLibrary(("1", "2", "3"), ("b", "b", "a"), (first, palindrome, other))
    scanner = motif_scanner(apart, p_value=0.01, background=UNIFORM)
    assert scanner.cluster_names == ("a", "b")
    assert scanner.clusters.tolist() == [0, 2, 5]
    assert scanner.ends.tolist() == [0, 4, 8, 12, 16, 20]
    together = MotifLibrary(("1", "2", "3"), ("b", "b", "b"), (first, palindrome, other))
    assert motif_scanner(together, p_value=0.01, background=UNIFORM).clusters.tolist() == [0, 3]


def test_a_cluster_without_a_matrix_that_reaches_the_p_value_scores_zero() -> None:
    library = MotifLibrary(("1", "2", "3"), ("a", "b", "c"), (np.eye(4)[[0]], np.eye(4)[[0] * 9], np.eye(4)[[1]]))
    scanner = motif_scanner(library)
    assert scanner.clusters.tolist() == [0, 0, 2, 2]
    np.testing.assert_array_equal(scanner.scan({"s": "A" * 9}) > 0, [[False, True, False]])
    assert motif_scanner(one((1, 0, 0, 0))).scan({"s": "ACGT"}).tolist() == [[0]]


@pytest.mark.parametrize("chunk_bases", [1, 100, 1000, 10**6])
@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, chunk_bases: int, threads: int) -> None:
    sequences = random_sequences(3, 60, 80)
    scanner = motif_scanner(random_library(3, [5, 7, 9, 15]), p_value=0.02)
    alone = [scanner.scan({name: sequence})[0] for name, sequence in sequences.items()]
    assert (np.stack(alone) > 0).sum() > 20
    monkeypatch.setattr(module, "CHUNK_BASES", chunk_bases)
    calls: list[tuple[int, int]] = []
    found = scanner.scan(sequences, threads=threads, progress=lambda done, n: calls.append((done, n)))
    np.testing.assert_array_equal(found, np.stack(alone))
    assert calls[-1] == (60, 60)
    assert calls == sorted(set(calls))
    if chunk_bases == 1:
        assert len(calls) == 60


def test_chunks_hold_each_sequence_once_and_few_bases() -> None:
    for lengths in ([1], [5_000_000], [5_000_000, 1, 1], [1, 1, 5_000_000], [200] * 30_000, [1_999_999, 2, 1_999_999]):
        sequences = ["A" * length for length in lengths]
        chunks = list(module._chunks(sequences))
        assert [row for rows in chunks for row in range(rows.start, rows.stop)] == list(range(len(lengths)))
        for rows in chunks:
            assert rows.stop > rows.start
            assert sum(lengths[rows]) <= module.CHUNK_BASES + max(lengths)
    assert list(module._chunks([])) == []


def test_a_prepared_scanner_is_the_scan_and_may_be_read_only() -> None:
    library, sequences = random_library(1, [6, 8, 31]), random_sequences(1, 20, 300)
    scanner = motif_scanner(library, p_value=0.01, background=UNIFORM)
    arrays = [np.array(getattr(scanner, name)) for name in ("losses", "ends", "clusters", "limits", "bests")]
    for array in arrays:
        array.flags.writeable = False  # as arrays from another process
    copy = MotifScanner(scanner.cluster_names, *arrays)
    expected = scan(sequences, library, p_value=0.01, background=UNIFORM)
    assert expected.any()
    np.testing.assert_array_equal(scanner.scan(sequences), expected)
    np.testing.assert_array_equal(copy.scan(sequences), expected)


def test_a_score_of_zero_is_no_hit() -> None:
    scanner = motif_scanner(random_library(4, [2, 3, 5], concentration=5), p_value=0.999)
    assert (scanner.limits == scanner.bests - 1).all()


def test_case_does_not_matter() -> None:
    library, sequences = random_library(2, [6, 12]), random_sequences(2, 10, 300)
    lower = {name: sequence.lower() for name, sequence in sequences.items()}
    np.testing.assert_array_equal(scan(sequences, library, p_value=0.01), scan(lower, library, p_value=0.01))


def test_words_grow_with_the_bases_and_the_matrices() -> None:
    lengths = [module._word_length(bases, matrices) for bases in (50, 10**4, 10**7) for matrices in (0, 1, 3000)]
    assert lengths == [0, 0, 0, 0, 0, 4, 0, 0, 9]


@pytest.mark.parametrize("sequence", ["ACGé", "ACG\udc80", "AC-G", "AC G", "ACGU"])
def test_letters_that_are_no_dna_are_refused(sequence: str) -> None:
    with pytest.raises(InvalidInput, match=r"sequence s: .* at position [34] is no DNA letter"):
        scan({"s": sequence}, one((1, 0, 0, 0)))


def test_what_cannot_be_scanned_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="no motif"):
        motif_scanner(MotifLibrary((), (), ()))
    with pytest.raises(InvalidInput, match="5000 columns"):
        motif_scanner(one(*[(1, 0, 0, 0)] * 5000), background=BACKGROUND)
    monkeypatch.setattr(module, "LONGEST_SEQUENCE", 10)
    with pytest.raises(InvalidInput, match="sequence long has more than 10 bases"):
        scan({"fine": "ACGTACGTAC", "long": "ACGTACGTACG"}, one((1, 0, 0, 0)))
