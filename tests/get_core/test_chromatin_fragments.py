"""Fragments chromosome by chromosome: what tabix and pysam say, and the counts of one pass over whole files."""

import gzip
import random
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from get_core.chromatin.fragment_blocks import Piece, blocks
from get_core.chromatin.fragments import FragmentCounts, count_fragments
from get_core.chromatin.peaks import Peaks, sort_peaks
from get_core.chromatin.tabix import Span, index_of, open_span, spans
from get_core.errors import InvalidInput

CELLS = {"AA-1": "a", "BB-1": "b", "CC-1": "a", "DD-1": "b"}
Line = tuple[str, int, int, str]


def made(*regions: tuple[str, int, int]) -> Peaks:
    chrom, start, end = zip(*regions, strict=True)
    return sort_peaks(chrom, start, end, [f"r{i}" for i in range(len(regions))])[0]


def text_of(lines: Sequence[Line]) -> bytes:
    return "".join(f"{c}\t{a}\t{b}\t{barcode}\t1\n" for c, a, b, barcode in lines).encode()


def indexed(path: Path, lines: Sequence[Line], *, cuts: Sequence[int] = (), header: bytes = b"# id=toy\n") -> Path:
    """Write sorted fragments with bgzip's members ending at `cuts`, and tabix's index beside them."""
    text = header + text_of(sorted(lines))
    with pysam.BGZFile(str(path), "w") as file:
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True):
            file.write(text[begin:end])
            file.flush()
    pysam.tabix_index(str(path), preset="bed", force=True)
    return path


def numbers(found: FragmentCounts) -> tuple[object, ...]:
    return found.counts.tolist(), found.n_fragments, found.n_matched, found.barcodes_seen


lines = st.lists(
    st.tuples(
        st.sampled_from(["chr1", "chr10", "chr2", "chrUn_7"]),
        st.integers(0, 60),
        st.integers(1, 30),
        st.sampled_from([*CELLS, "other"]),
    ).map(lambda each: (each[0], each[1], each[1] + each[2], each[3])),
    min_size=1,
    max_size=50,
)
regions = st.lists(
    st.tuples(st.sampled_from(["chr1", "chr2", "chr10"]), st.integers(0, 60), st.integers(1, 30)), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(lines, st.lists(st.integers(0, 400), max_size=6))
def test_spans_are_what_tabix_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Line], cuts: list[int]
) -> None:
    header = b"# id=toy\n"
    size = len(header + text_of(lines))
    path = indexed(tmp_path_factory.mktemp("t") / "f.tsv.gz", lines, cuts=[cut for cut in cuts if cut < size])
    found = spans(path)
    with pysam.TabixFile(str(path)) as tabix:
        assert sorted(span.chrom for span in found) == sorted(tabix.contigs)
        for span in found:
            with open_span(path, span) as text:
                read = text.read().decode().splitlines()
            assert read == list(tabix.fetch(span.chrom)) and len(read) == span.n_lines
    assert sum(span.n_lines for span in found) == len(lines)


@settings(max_examples=40, deadline=None)
@given(lines, lines, regions, st.sampled_from([None, 1, 2]), st.tuples(st.booleans(), st.booleans()), st.booleans())
def test_chromosome_by_chromosome_is_one_pass(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[Line],
    second: list[Line],
    regions: list[tuple[str, int, int]],
    ceiling: int | None,
    has_index: tuple[bool, bool],
    here: bool,
) -> None:
    """Both files hold the same cells, so a ceiling has to look at them together."""
    peaks = made(*((chrom, start, start + width) for chrom, start, width in regions))
    common = (str(peaks.chrom[0]), int(peaks.start[0]), int(peaks.start[0]) + 1, "AA-1")
    first, second = [*first, common], [*second, common]
    folder = tmp_path_factory.mktemp("f")
    whole, paths = folder / "whole.tsv", []
    whole.write_bytes(text_of([*first, *second]))
    for name, each, index in zip("ab", (first, second), has_index, strict=True):
        paths.append(indexed(folder / f"{name}.tsv.gz", each))
        if not index:
            index_of(paths[-1]).unlink()
    expected = count_fragments([whole], peaks, CELLS, ("a", "b"), cell_ceiling=ceiling)
    with ThreadPoolExecutor(2) as pool:
        chosen = map if here else pool.map
        found = count_fragments(paths, peaks, CELLS, ("a", "b"), cell_ceiling=ceiling, block_bytes=64, map=chosen)
    assert numbers(found) == numbers(expected)
    assert len(found.notes) == 2 - sum(has_index) and len(expected.notes) == 1


@pytest.fixture
def real(shared: Path, tmp_path: Path) -> tuple[Path, Peaks]:
    """The recorded fragments, repeated to many members of bgzip, with tabix's index."""
    recorded = gzip.decompress((shared / "data/scatac_pbmc_small/fragments_hg19_chr5_chr11.tsv.gz").read_bytes())
    rows = [line.split("\t") for line in recorded.decode().splitlines() if not line.startswith("#")]
    lines = [(c, int(a) + shift, int(b) + shift, barcode) for c, a, b, barcode, *_ in rows for shift in (0, 7, 900)]
    path = indexed(tmp_path / "f.tsv.gz", lines)
    starts = range(60_000_000, 70_000_000, 1000)
    return path, made(*((chrom, start, start + 500) for chrom in ("chr5", "chr11") for start in starts))


def test_the_recorded_fragments(real: tuple[Path, Peaks]) -> None:
    path, peaks = real
    found = spans(path)
    assert [span.chrom for span in found] == ["chr11", "chr5"] and all(span.n_bytes > 1 << 16 for span in found)
    cells = {str(barcode): "a" for block in blocks(Piece(path)) for barcode in block.barcode[:500]}
    by_chromosome = count_fragments([path], peaks, cells, ("a",), cell_ceiling=4, block_bytes=100_000)
    assert by_chromosome.notes == () and by_chromosome.counts.sum() > 100
    index_of(path).unlink()
    assert numbers(count_fragments([path], peaks, cells, ("a",), cell_ceiling=4)) == numbers(by_chromosome)


TOY = [(chrom, start, start + 9, "AA-1") for chrom in ("chr1", "chr2") for start in range(0, 200_000, 20)]
PEAKS = made(("chr1", 100, 200), ("chr2", 0, 50))


def fewer(path: Path) -> None:
    path.rename(path.with_name("old"))
    with pysam.BGZFile(str(path), "w") as file:
        file.write(b"# id=toy\n" + text_of(TOY[:-1]))


def more(path: Path) -> None:
    with pysam.BGZFile(str(path), "a") as file:
        file.write(text_of([("chr3", 5, 9, "BB-1")]))


def truncated_index(path: Path) -> None:
    data = gzip.decompress(index_of(path).read_bytes())
    index_of(path).write_bytes(gzip.compress(data[: len(data) // 2]))


def no_gzip(path: Path) -> None:
    index_of(path).write_bytes(b"TBI\x01")


def gapped(path: Path) -> None:
    """An index without the chromosome in the middle, in as few bytes as the format allows."""
    found = spans(indexed(path, [*TOY, ("chr3", 1, 5, "AA-1")]))[::2]
    names = b"".join(span.chrom.encode() + b"\0" for span in found)
    data = b"TBI\x01" + struct.pack("<8i", len(found), 65536, 1, 2, 3, ord("#"), 0, len(names)) + names
    for span in found:
        data += struct.pack("<iIi4Qi", 1, 37450, 2, span.begin, span.end, span.n_lines, 0, 0)
    index_of(path).write_bytes(gzip.compress(data))


@pytest.mark.parametrize("change", [fewer, more, truncated_index, no_gzip, gapped])
def test_an_index_that_does_not_fit_is_left_aside(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = indexed(tmp_path / "f.tsv.gz", TOY)
    change(path)
    with pytest.raises(InvalidInput, match=r"f.tsv.gz.tbi: not the index of f.tsv.gz as it is") as caught:
        spans(path)
    assert caught.value.__notes__ == [f"tabix -f -p bed {path}"]
    found = count_fragments([path], PEAKS, CELLS, ("a", "b"))
    assert f"tabix -f -p bed {path}" in found.notes[0]
    plain = tmp_path / "f.tsv"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert numbers(found) == numbers(count_fragments([plain], PEAKS, CELLS, ("a", "b")))


@pytest.mark.parametrize("change", [replace(Span("chr1", 0, 0, 0), n_lines=1), Span("chr9", 0, 0, 0)])
def test_lines_that_the_index_does_not_announce(tmp_path: Path, change: Span, monkeypatch: pytest.MonkeyPatch) -> None:
    path = indexed(tmp_path / "f.tsv.gz", TOY)
    true = spans(path)
    wrong = (replace(true[0], chrom=change.chrom, n_lines=true[0].n_lines + change.n_lines), true[1])
    monkeypatch.setattr("get_core.chromatin.fragments.spans", lambda path: wrong)
    with pytest.raises(InvalidInput, match="not the index of") as caught:
        count_fragments([path], PEAKS, CELLS, ("a", "b"))
    assert "tabix -f -p bed" in caught.value.__notes__[0]


def test_why_a_file_is_counted_in_one_piece(tmp_path: Path) -> None:
    path = indexed(tmp_path / "f.tsv.gz", TOY)
    index_of(path).unlink()
    note = count_fragments([path], PEAKS, CELLS, ("a", "b")).notes[0]
    assert "no index f.tsv.gz.tbi beside it" in note and note.endswith(f"tabix -p bed {path}")
    plain = tmp_path / "g.tsv.gz"
    plain.write_bytes(gzip.compress(text_of(TOY)))
    note = count_fragments([plain], PEAKS, CELLS, ("a", "b")).notes[0]
    assert "not compressed with bgzip" in note and "then tabix -p bed g.tsv.gz" in note
    with pytest.raises(InvalidInput, match=r"none.tsv.gz: cannot be read: No such file"):
        count_fragments([tmp_path / "none.tsv.gz"], PEAKS, CELLS, ("a", "b"))


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = indexed(tmp_path / "f.tsv.gz", TOY)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"f.tsv.gz: at the beginning of chr[12]: cannot be read"):
        count_fragments([path], PEAKS, CELLS, ("a", "b"))


def test_a_comment_among_fragments_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text("# made by hand\nchr1\t5\t9\tAA-1\t1\n# a comment\nchr1\t7\t9\tAA-1\t1\n")
    with pytest.raises(InvalidInput, match=r"f.tsv:1: after this line: cannot be read .* Row #3: .* # a comment"):
        count_fragments([path], PEAKS, CELLS, ("a", "b"))


def test_a_wrong_line_of_a_chromosome_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv.gz"
    with pysam.BGZFile(str(path), "w") as file:
        file.write(b"chr1\t5\t9\tAA-1\t1\nchr1\t7\t7\tAA-1\t1\n")
    pysam.tabix_index(str(path), preset="bed", force=True)
    with pytest.raises(InvalidInput, match="line 2 of chr1: chr1:7-7 is not a fragment"):
        count_fragments([path], PEAKS, CELLS, ("a", "b"))


def test_progress_ends_at_the_size_and_never_falls(tmp_path: Path) -> None:
    whole, cut = tmp_path / "w.tsv", indexed(tmp_path / "f.tsv.gz", TOY)
    whole.write_bytes(text_of(TOY))
    seen: list[tuple[str, int, int]] = []
    count_fragments(
        [whole, cut], PEAKS, CELLS, ("a", "b"), block_bytes=50_000, progress=lambda *each: seen.append(each)
    )
    done = [each[1] for each in seen]
    assert {each[0] for each in seen} == {"counting fragments"} and len({each[2] for each in seen}) == 1
    assert done[0] == 0 and done == sorted(done) and done[-1] == seen[0][2] and len(set(done)) > 5


@pytest.mark.parametrize("ceiling", [None, 4])
def test_progress_within_one_gzipped_file_without_an_index(tmp_path: Path, ceiling: int | None) -> None:
    path = tmp_path / "f.tsv.gz"
    rng = random.Random(0)
    lines = [("chr1", rng.randrange(10**6), 10**6, rng.choice([*CELLS])) for _ in range(40_000)]
    path.write_bytes(gzip.compress(text_of(lines)))
    seen: list[int] = []
    # Arrow reads up to 32 blocks ahead of what is counted: of 200 that leaves the middle of the file to be seen.
    count_fragments(
        [path], PEAKS, CELLS, ("a",), cell_ceiling=ceiling, block_bytes=4_000, progress=lambda _, n, of: seen.append(n)
    )
    size = path.stat().st_size
    assert seen[0] == 0 and seen == sorted(seen) and seen[-1] == size
    assert len([n for n in seen if size / 4 < n < 3 * size / 4]) >= 2  # it moves in the middle of the file


def test_a_job_holds_the_peaks_of_its_chromosome_alone(tmp_path: Path) -> None:
    path = indexed(tmp_path / "f.tsv.gz", TOY)
    jobs = []

    def keep(function: Callable, given: Sequence) -> list:
        jobs.extend(given)
        return [function(job) for job in given]

    count_fragments([path, path], PEAKS, CELLS, ("a", "b"), map=keep)
    assert [(len(job.pieces), list(job.regions)) for job in jobs].count((1, ["chr1"])) == 2 and len(jobs) == 4
    jobs.clear()
    count_fragments([path, path], PEAKS, CELLS, ("a", "b"), cell_ceiling=1, map=keep)
    assert sorted((len(job.pieces), *job.regions) for job in jobs) == [(2, "chr1"), (2, "chr2")]
    assert [job.regions[name][0].tolist() for job in jobs for name in job.regions if name == "chr1"] == [[100]]
