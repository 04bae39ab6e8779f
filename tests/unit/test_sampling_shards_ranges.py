"""Which shard holds which records."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sampling.shards.ranges import batch_start, plan_shards

SIZES = st.integers(1, 50)


@given(count=st.integers(0, 500), shard_size=SIZES)
def test_every_record_is_in_exactly_one_shard_in_order(count: int, shard_size: int) -> None:
    plans = plan_shards(count, shard_size)
    records = [index for plan in plans for index in range(plan.first_index, plan.first_index + plan.rows)]
    assert records == list(range(count))
    assert [plan.shard for plan in plans] == list(range(len(plans)))


@given(count=st.integers(0, 500), more=st.integers(0, 200), shard_size=SIZES)
def test_a_larger_count_only_completes_the_last_shard_and_adds_others(count: int, more: int, shard_size: int) -> None:
    smaller, larger = plan_shards(count, shard_size), plan_shards(count + more, shard_size)
    full = [plan for plan in smaller if plan.rows == shard_size]
    assert larger[: len(full)] == full
    assert [plan.name for plan in larger[: len(smaller)]] == [plan.name for plan in smaller]
    assert all(old.first_index == new.first_index for old, new in zip(smaller, larger, strict=False))


@given(shard_size=SIZES, batch_size=SIZES)
def test_batches_begin_with_their_shard_and_are_whole_but_for_its_last(shard_size: int, batch_size: int) -> None:
    starts = [batch_start(index, shard_size, batch_size) for index in range(2 * shard_size)]
    expected = [first for shard in (0, shard_size) for first in range(shard, shard + shard_size, batch_size)]
    assert sorted(set(starts)) == expected
    assert all(0 <= index - start < batch_size for index, start in enumerate(starts))


def test_names_sort_in_the_order_of_the_records() -> None:
    names = [plan.name for plan in plan_shards(1_200, 1)]
    assert names == sorted(names)
    assert names[1_000] == "train-001000"
