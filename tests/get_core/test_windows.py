import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from get_core.errors import InvalidInput
from get_core.windows import FeatureWindows, Windows, around, leave_out, tile

CHROM = np.array(["chr1"] * 7 + ["chr2"] * 2 + ["chr3"] * 4)


def test_around_by_hand() -> None:
    windows = around(CHROM, [0, 3, 6, 9], [0, 1, 0, 1], 4)
    assert windows.index.tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [3, 4, 5, 6], [9, 10, 11, 12]]
    assert windows.focus.tolist() == [0, 2, 3, 0]
    assert windows.strand.tolist() == [0, 1, 0, 1]
    assert windows.skipped.size == 0


def test_short_chromosomes_are_skipped_and_listed() -> None:
    windows = around(CHROM, [8, 1, 7], [1, 1, 0], 4)
    assert windows.rows.tolist() == [1]
    assert windows.strand.tolist() == [1]
    assert windows.skipped.tolist() == [8, 7]
    assert tile(CHROM, 4, 4).skipped.tolist() == [7, 8]


def test_tile_by_hand() -> None:
    assert tile(CHROM, 4, 4).index[:, 0].tolist() == [0, 3, 9]
    assert tile(CHROM, 2, 2).index[:, 0].tolist() == [0, 2, 4, 5, 7, 9, 11]
    assert tile(CHROM, 4, 1).index[:, 0].tolist() == [0, 1, 2, 3, 9]


sizes = st.lists(st.integers(1, 12), min_size=1, max_size=5)


@given(sizes, st.integers(1, 8), st.data())
def test_windows_never_cross_a_chromosome(sizes: list[int], length: int, data: st.DataObject) -> None:
    chrom = np.repeat([f"chr{i}" for i in range(len(sizes))], sizes)
    step = data.draw(st.integers(1, length))
    focused, tiled = around(chrom, np.arange(len(chrom)), 0, length), tile(chrom, length, step)
    for windows in (focused, tiled):
        assert (chrom[windows.index] == chrom[windows.index[:, :1]]).all()
        assert (np.diff(windows.index, axis=1) == 1).all()
    covered = np.flatnonzero(np.repeat(sizes, sizes) >= length)
    assert focused.rows.tolist() == covered.tolist()
    assert np.unique(tiled.index).tolist() == covered.tolist()
    assert sorted([*covered, *tiled.skipped]) == list(range(len(chrom)))
    assert len({*tiled.index[:, 0].tolist()}) == len(tiled)


@given(sizes, st.integers(1, 4))
def test_left_out_chromosomes_share_no_region(sizes: list[int], length: int) -> None:
    sizes = [length, *sizes, length]
    chrom = np.repeat([f"chr{i}" for i in range(len(sizes))], sizes)
    training, validation = leave_out(tile(chrom, length, 1), chrom, ["chr0"])
    assert not set(training.index.ravel()) & set(validation.index.ravel())
    assert set(chrom[validation.index.ravel()]) == {"chr0"}
    assert "chr0" not in set(chrom[training.index.ravel()])


def test_features_are_gathered_in_batches() -> None:
    features = np.arange(26, dtype=np.float32).reshape(13, 2)
    windows = around(CHROM, [0, 3, 6, 9], [0, 1, 0, 1], 4)
    batches = list(windows.over(features).batches(3))
    assert [batch.x.shape for batch in batches] == [(3, 4, 2), (1, 4, 2)]
    assert batches[1].x[0].tolist() == features[9:13].tolist()
    assert np.concatenate([batch.strand for batch in batches]).tolist() == [0, 1, 0, 1]
    for size in (0, -1):  # without a batch, what batches should fill would stay unfilled
        with pytest.raises(InvalidInput, match=f"batch of {size} windows"):
            list(windows.over(features).batches(size))


@pytest.mark.parametrize("make", [list, torch.tensor, np.asfortranarray, lambda rows: np.asarray(rows, np.float64)])
def test_features_of_any_kind_become_float32(make) -> None:
    rows = np.arange(26).reshape(13, 2) / 2
    over = FeatureWindows(make(rows), tile(CHROM, 2, 2))
    assert over.features.dtype == np.float32
    np.testing.assert_array_equal(over.features, rows)


def test_bad_input_is_named() -> None:
    with pytest.raises(InvalidInput, match="not adjacent"):
        tile(["chr1", "chr2", "chr1"], 1, 1)
    with pytest.raises(InvalidInput, match="step of 5"):
        tile(CHROM, 4, 5)
    with pytest.raises(InvalidInput, match="empty"):
        tile(CHROM, 0, 1)
    with pytest.raises(InvalidInput, match="there are 13 regions"):
        around(CHROM, [13], 0, 2)
    with pytest.raises(InvalidInput, match="integers"):
        around(CHROM, [1.5], 0, 2)
    with pytest.raises(InvalidInput, match=r"strand\[0\] is 2"):
        around(CHROM, [1], 2, 2)
    with pytest.raises(InvalidInput, match=r"focus\[1\] is 4"):
        Windows(np.zeros((2, 4), int), np.array([3, 4]), np.zeros(2, int))
    with pytest.raises(InvalidInput, match="chrX have no region"):
        leave_out(tile(CHROM, 2, 2), CHROM, ["chrX"])
    with pytest.raises(InvalidInput, match="0 training"):
        leave_out(tile(CHROM, 4, 4), CHROM, ["chr1", "chr3"])
    with pytest.raises(InvalidInput, match="reach row 12"):
        tile(CHROM, 2, 2).over(np.zeros((12, 2)))
    with pytest.raises(InvalidInput, match="first in row 3"):
        tile(CHROM, 2, 2).over(np.where(np.arange(13)[:, None] == 3, np.nan, np.zeros((13, 2))))
