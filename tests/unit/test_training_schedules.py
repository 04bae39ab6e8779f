"""How the learning rate and the penalties' weight change over a run."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.schedules import learning_rate, penalty_strength

SHAPES = pytest.mark.parametrize("shape", ["cosine", "linear"])


def rate(images_seen: int, **other: Any) -> float:
    return learning_rate(
        images_seen, **{"total": 1000, "warmup": 0, "shape": "cosine", "first": 0.01, "final": 0.002} | other
    )


@SHAPES
def test_it_goes_from_the_first_to_the_final_rate_by_way_of_their_mean(shape: str) -> None:
    assert [rate(seen, shape=shape) for seen in (0, 500, 1000)] == pytest.approx([0.01, 0.006, 0.002])


@SHAPES
@given(seen=st.lists(st.integers(0, 1000), min_size=2, max_size=10).map(sorted))
def test_it_never_rises_after_the_warm_up(shape: str, seen: list[int]) -> None:
    rates = [rate(images, shape=shape) for images in seen]
    assert all(earlier >= later for earlier, later in pairwise(rates))


def test_a_cosine_is_flat_at_both_ends_and_a_line_is_not() -> None:
    for shape, steepest_at_the_ends in (("cosine", False), ("linear", True)):
        first, middle, last = (rate(at, shape=shape) - rate(at + 10, shape=shape) for at in (0, 495, 990))
        assert (first > 0.9 * middle, last > 0.9 * middle) == (steepest_at_the_ends, steepest_at_the_ends)


def test_a_constant_rate_stays_the_first() -> None:
    assert {rate(seen, shape="constant") for seen in (0, 500, 1000)} == {0.01}


def test_a_budget_that_is_passed_leaves_the_final_values() -> None:
    assert rate(1500) == pytest.approx(0.002)
    assert penalty_strength(1500, total=1000, final_share=0.1) == pytest.approx(0.1)


def test_the_warm_up_grows_in_proportion_and_then_leaves_the_schedule_alone() -> None:
    warm = [rate(seen, warmup=100, shape="constant") for seen in (0, 49, 99, 100)]
    assert warm == pytest.approx([0.0001, 0.005, 0.01, 0.01])
    assert warm[0] > 0  # at 0 the first step would teach nothing, but fill the moments of Adam
    assert rate(300, warmup=100) == rate(300)


@given(seen=st.lists(st.integers(0, 1000), min_size=2, max_size=10).map(sorted), final=st.floats(0, 1))
def test_the_penalty_falls_to_its_final_share(seen: list[int], final: float) -> None:
    strengths = [penalty_strength(images, total=1000, final_share=final) for images in seen]
    assert all(earlier >= later - 1e-12 for earlier, later in pairwise(strengths))
    ends = [penalty_strength(images, total=1000, final_share=final) for images in (0, 1000)]
    assert ends == pytest.approx([1, final])
