"""The plan of buckets against every other plan, tried out."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.folding.colabfold import ColabFoldSettings, CostSettings
from screening.folding.colabfold.buckets import STEP, BucketPlan, bucket_of, plan_buckets


def square(length: int) -> float:
    return 1.0 + 1e-3 * length**2


def seconds(buckets, lengths, compile_s, compiled=()) -> float:
    """What a plan costs, computed the plain way."""
    run = sum(count * square(min(top for top in buckets if top >= length)) for length, count in lengths.items())
    return run + compile_s * len(set(buckets) - set(compiled))


lengths_of_pairs = st.dictionaries(st.integers(10, 120), st.integers(1, 40), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(lengths_of_pairs, st.floats(0, 500), st.sets(st.sampled_from([40, 64, 100, 128, 200]), max_size=2))
def test_no_other_choice_of_buckets_is_cheaper(lengths, compile_s, compiled):
    plan = plan_buckets(lengths, compile_s, square, compiled)
    tops = sorted({-(-length // STEP) * STEP for length in lengths} | compiled)
    every = (
        choice for size in range(1, len(tops) + 1) for choice in combinations(tops, size) if choice[-1] >= max(lengths)
    )
    cheapest = min(seconds(choice, lengths, compile_s, compiled) for choice in every)
    assert seconds(plan, lengths, compile_s, compiled) == pytest.approx(cheapest)
    assert list(plan) == sorted(set(plan)) and plan[-1] >= max(lengths)


def test_worked_by_hand():
    # 10 pairs of 64 in a bucket of 128 cost 10 (17.384 - 5.096) = 122.88 s more than in one of their own.
    lengths = {64: 10, 128: 1}
    assert plan_buckets(lengths, 122.0, square) == (64, 128)
    assert plan_buckets(lengths, 124.0, square) == (128,)
    assert plan_buckets(lengths, 124.0, square, compiled=[64]) == (64, 128)
    assert plan_buckets({60: 3}, 124.0, square, compiled=[72]) == (72,)
    assert plan_buckets({}, 1.0, square) == ()


def test_more_pairs_are_worth_more_buckets():
    cost = CostSettings()
    lengths = dict.fromkeys(range(200, 800, 5), 1)
    few = plan_buckets(lengths, cost.compile_s, cost.inference_s)
    many = plan_buckets({length: 200 * count for length, count in lengths.items()}, cost.compile_s, cost.inference_s)
    assert len(few) < 10 < len(many)


@pytest.mark.parametrize(("length", "bucket"), [(5, 64), (64, 64), (65, 128), (129, 192), (192, 192), (193, 256)])
def test_bucket_beyond_the_plan_is_the_next_multiple_of_64(length, bucket):
    assert bucket_of(length, (64, 128)) == bucket


def test_plan_changes_when_the_pairs_known_have_doubled():
    plan = BucketPlan(50.0, square)
    assert plan.add("first", [60] * 10) == (64,)
    assert plan.add("second", [30] * 9) == (64,)  # 19 pairs: not twice as many
    assert plan.add("third", [30] * 30) == (32, 64)
    assert plan.add("fourth", [300]) == (32, 64, 304)  # longer than all buckets


def test_a_portion_that_comes_again_counts_once():
    plan = BucketPlan(50.0, square)
    plan.add("first", [60] * 10)
    for _ in range(5):
        plan.add("second", [30] * 9)
    assert plan.buckets == (64,)


def test_buckets_once_planned_stay():
    plan = BucketPlan(0.0, square)
    seen: set[int] = set()
    for number in range(8):
        buckets = plan.add(str(number), [20 + 7 * number] * 2**number)
        assert seen <= set(buckets)
        seen = set(buckets)


@pytest.mark.parametrize(
    ("residues", "a100_s"),
    [(100, 4.9), (200, 7.7), (300, 13), (400, 18), (500, 29), (600, 36), (700, 53), (800, 60), (900, 91), (1000, 96)],
)
def test_default_cost_is_the_table_of_alphafolds_readme(residues, a100_s):
    assert CostSettings().inference_s(residues) == pytest.approx(a100_s, rel=0.15)


def test_cost_is_linear_in_the_passes():
    one = ColabFoldSettings().inference_s(300)
    assert ColabFoldSettings(models=(1, 2), seeds=3, recycles=7).inference_s(300) == pytest.approx(one * 6 * 2)
