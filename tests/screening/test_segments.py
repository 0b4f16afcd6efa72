"""The paper's rule by hand and by invariants; the authors' code by its recorded output."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening import segments
from screening.errors import InvalidInput
from screening.segments import HIGH, LOW, Segment, relative_plddt, segment, segment_relative


def test_constants_of_the_paper() -> None:
    assert (segments.SMOOTHING_RESIDUES, segments.LOW_BELOW, segments.MERGE_CLOSER_THAN) == (10, 0.6, 30)
    assert segments.PROSCOPE_MINIMUM_LENGTH == 30


def test_smoothing_averages_what_exists() -> None:
    plddt = np.array([90.0, 30, 60, 80, 20, 70, 50, 40, 10, 100, 95, 5])
    by_hand = [plddt[max(0, i - 5) : i + 5].mean() for i in range(12)]
    np.testing.assert_allclose(relative_plddt(plddt), np.array(by_hand) / max(by_hand), rtol=1e-12)
    np.testing.assert_allclose(relative_plddt([50.0]), [1.0])
    np.testing.assert_allclose(relative_plddt([90.0] * 300), 1.0)


@pytest.mark.parametrize(("gap", "merged"), [(1, True), (29, True), (30, False), (31, False)])
def test_low_regions_closer_than_30_merge(gap: int, merged: bool) -> None:
    profile = np.concatenate([np.ones(50), np.full(40, 0.3), np.ones(gap), np.full(40, 0.3), np.ones(50)])
    kinds = [part.kind for part in segment_relative(profile)]
    assert kinds == ([HIGH, LOW, HIGH] if merged else [HIGH, LOW, HIGH, LOW, HIGH])


def test_threshold_is_strict_and_ranges_are_one_based() -> None:
    profile = np.array([1.0] * 40 + [0.6] + [0.599] * 40 + [1.0] * 40)
    assert segment_relative(profile) == [Segment(1, 41, HIGH), Segment(42, 81, LOW), Segment(82, 121, HIGH)]
    assert [part.length for part in segment_relative(profile)] == [41, 40, 40]


def test_a_uniform_protein_is_one_high_segment() -> None:
    assert segment([35.0] * 120) == [Segment(1, 120, HIGH)]
    assert segment([35.0]) == [Segment(1, 1, HIGH)]


@given(st.lists(st.floats(1, 100), min_size=1, max_size=200))
def test_segments_cover_every_residue_once(plddt: list[float]) -> None:
    parts = segment(plddt)
    covered = [residue for part in parts for residue in range(part.start, part.end + 1)]
    assert covered == list(range(1, len(plddt) + 1))
    assert all(left.kind != right.kind for left, right in pairwise(parts))
    low = relative_plddt(plddt) < 0.6
    for part in parts:
        inside = low[part.start - 1 : part.end]
        if part.kind == HIGH:
            assert not inside.any()
            assert part.length >= 30 or part.start == 1 or part.end == len(plddt)
        else:
            assert inside[0]
            assert inside[-1]


@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], [50.0, float("nan")], [50.0, -1.0], [0.0, 0.0]])
def test_refusals(bad: list[float]) -> None:
    with pytest.raises(InvalidInput, match="pLDDT"):
        segment(bad)


def test_unknown_compat() -> None:
    with pytest.raises(InvalidInput, match="unknown"):
        segment([90.0] * 50, compat="gcell")  # pyright: ignore[reportArgumentType]


def recorded(shared: Path, group: str) -> dict[str, dict]:
    return json.loads((shared / "parity/segmentation/segmentation_official.json").read_text())[group]


def zero_based(parts: list[Segment]) -> list[list[int]]:
    return [[part.start - 1, part.end] for part in parts]


def test_compat_equals_the_authors_code_on_raw_profiles(shared: Path) -> None:
    profiles = recorded(shared, "raw_profiles")
    assert len(profiles) == 12
    for name, case in profiles.items():
        np.testing.assert_allclose(relative_plddt(case["plddt"], compat="proscope"), case["smoothed"], atol=1e-11)
        if "segments_error" in case:
            with pytest.raises(InvalidInput, match="no low-pLDDT region"):
                segment(case["plddt"], compat="proscope")
        else:
            assert zero_based(segment(case["plddt"], compat="proscope")) == case["low_or_high_plddt_region"], name


def test_compat_equals_the_authors_code_on_smoothed_profiles(shared: Path) -> None:
    profiles = recorded(shared, "smoothed_profiles")
    assert len(profiles) == 4
    for name, case in profiles.items():
        parts = segment_relative(case["smoothed"], compat="proscope")
        assert zero_based(parts) == case["low_or_high_plddt_region"], name
        low = [[part.start - 1, part.end] for part in parts if part.kind == LOW]
        assert low == case["low_plddt_region"], name


def test_compat_keeps_the_short_run_after_a_dropped_one() -> None:
    profile = np.ones(400)
    for start in (50, 150, 250):
        profile[start : start + 10] = 0.3
    # Runs 50-59 and 250-259 are dropped, 150-159 survives and its short interval joins the next one.
    assert zero_based(segment_relative(profile, compat="proscope")) == [[0, 150], [150, 400]]


def test_transcription_factors_are_cut_at_their_domains(shared: Path) -> None:
    lines = gzip.decompress((shared / "data/plddt/metapredict_pplddt.tsv.gz").read_bytes()).decode().splitlines()
    profile = {gene: values for gene, _, _, values in (line.split("\t") for line in lines[1:])}
    pax5 = segment([float(value) for value in profile["PAX5"].split(",")])
    paired = next(part for part in pax5 if part.start <= 80 <= part.end)
    assert paired.kind == HIGH
    assert abs(paired.start - 15) <= 2
    assert abs(paired.end - 147) <= 2
    assert next(part for part in pax5 if part.start <= 183 <= part.end).kind == LOW
