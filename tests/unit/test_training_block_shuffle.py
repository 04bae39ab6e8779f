"""Randomness addressed by (seed, position)."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from torch import Tensor

from pipeline.training.block_shuffle import BlockShuffleSampler, generator_for, training_latents

SEEDS = st.integers(0, 2**32 - 1)
# Blocks and windows that divide neither each other nor the size.
LAYOUTS = st.fixed_dictionaries({"block": st.integers(1, 7), "window": st.integers(1, 4)})


@given(size=st.integers(1, 40), seed=SEEDS, layout=LAYOUTS, epoch=st.integers(0, 1000))
def test_each_epoch_shows_every_image_once(size: int, seed: int, layout: dict[str, int], epoch: int) -> None:
    assert sorted(BlockShuffleSampler(size, seed, **layout).indices(epoch * size, size).tolist()) == list(range(size))


@given(
    size=st.integers(1, 30),
    seed=SEEDS,
    layout=LAYOUTS,
    start=st.integers(0, 200),
    cuts=st.lists(st.integers(1, 45), min_size=1, max_size=8),
)
@settings(max_examples=50)
def test_the_order_does_not_depend_on_how_positions_are_cut_into_batches(
    size: int, seed: int, layout: dict[str, int], start: int, cuts: list[int]
) -> None:
    whole = BlockShuffleSampler(size, seed, **layout).indices(0, start + sum(cuts))[start:]
    order, parts, position = BlockShuffleSampler(size, seed, **layout), [], start
    for count in cuts:
        order.blocks_ahead(position)  # looks into the next epoch, and must leave no trace
        parts.append(order.indices(position, count))
        position += count
    assert torch.equal(torch.cat(parts), whole)


def ends_of_windows(order: BlockShuffleSampler, epoch: int) -> list[int]:
    """Positions, told from the images alone: a window is so many blocks, and ends with the last image of them."""
    blocks = (order.indices(epoch * order.size, order.size) // order.block).tolist()
    seen = list(dict.fromkeys(blocks))
    windows = [seen[first : first + order.window] for first in range(0, len(seen), order.window)]
    last = {block: position for position, block in enumerate(blocks)}
    return [epoch * order.size + 1 + max(last[block] for block in window) for window in windows]


@given(size=st.integers(1, 60), seed=SEEDS, layout=LAYOUTS, position=st.integers(0, 300))
def test_the_blocks_ahead_are_those_of_the_images_up_to_the_end_of_the_next_window(
    size: int, seed: int, layout: dict[str, int], position: int
) -> None:
    order = BlockShuffleSampler(size, seed, **layout)
    epoch = position // size
    ends = [*ends_of_windows(order, epoch), *ends_of_windows(order, epoch + 1)]
    starts = [epoch * size, *ends]
    number = next(number for number, end in enumerate(ends) if position < end)
    images = order.indices(starts[number], ends[number + 1] - starts[number])
    assert set(order.blocks_ahead(position)) == set((images // order.block).tolist())


@given(seed=SEEDS, layout=LAYOUTS)
def test_a_window_s_blocks_are_used_up_before_the_next_one_s(seed: int, layout: dict[str, int]) -> None:
    size, block = 60, layout["block"]
    blocks = (BlockShuffleSampler(size, seed, **layout).indices(0, size) // block).tolist()
    first, last = ({b: position for position, b in order} for order in (
        reversed(list(enumerate(blocks))), list(enumerate(blocks))
    ))  # fmt: skip
    open_at = [sum(first[b] <= position <= last[b] for b in first) for position in range(size)]
    assert max(open_at) <= layout["window"]


def test_going_back_gives_the_same_images_again() -> None:
    order = BlockShuffleSampler(10, seed=0, block=3, window=2)
    first = order.indices(5, 10)
    order.indices(95, 10)
    assert torch.equal(order.indices(5, 10), first)


def shuffled(**other: Any) -> Tensor:
    return torch.stack(
        [BlockShuffleSampler(50, seed, **other).indices(epoch * 50, 50) for seed in range(3) for epoch in range(3)]
    )


@pytest.mark.parametrize("layout", [{}, {"block": 5, "window": 3}, {"block": 5, "window": 1}])
def test_epochs_and_seeds_are_shuffled_differently(layout: dict[str, int]) -> None:
    assert len(shuffled(**layout).unique(dim=0)) == 9


def test_windows_of_one_epoch_are_shuffled_differently() -> None:
    order = BlockShuffleSampler(40, seed=0, block=20, window=1).indices(0, 40) % 20
    assert not torch.equal(order[:20], order[20:])


@pytest.mark.parametrize("block", [2, 12])  # one window either way
def test_data_of_one_window_is_shuffled_through_and_through(block: int) -> None:
    # Each of 12 images comes to each of 12 places as often as to any other, and so does each one behind each other.
    orders = torch.stack([BlockShuffleSampler(12, seed, block=block, window=6).indices(0, 12) for seed in range(3000)])
    for place in (0, 5, 11):
        assert chisquare(torch.bincount(orders[:, place], minlength=12).numpy()).pvalue > 1e-4
    steps = (orders[:, 1:] - orders[:, :-1]).flatten()
    expected = torch.tensor([12 - abs(step) if step else 0 for step in range(-11, 12)]) / 132
    found = torch.bincount(steps + 11, minlength=23) / len(steps)
    torch.testing.assert_close(found, expected, atol=0.005, rtol=0)


@given(size=st.integers(1, 500), seed=SEEDS)
@settings(max_examples=20)
def test_data_smaller_than_a_window_need_not_be_a_whole_block(size: int, seed: int) -> None:
    order = BlockShuffleSampler(size, seed)
    assert order.blocks_ahead(3 * size) == [0, 0]
    assert sorted(order.indices(3 * size, size).tolist()) == list(range(size))


def latents(seed: int, position: int, count: int = 8, size: int = 5, prior: str = "normal") -> Tensor:
    return training_latents(generator_for(seed, "latents", position), count, size, prior)


def test_latents_depend_on_their_address_alone() -> None:
    first = latents(1, 640)
    torch.rand(100)
    assert torch.equal(latents(1, 640), first)
    for other in [(2, 640), (1, 704)]:
        assert not torch.equal(latents(*other), first)


@pytest.mark.parametrize(("prior", "distribution"), [("normal", ("norm", ())), ("uniform", ("uniform", (-1, 2)))])
def test_latents_follow_their_prior(prior: str, distribution: tuple[str, tuple[float, ...]]) -> None:
    name, parameters = distribution
    values = torch.cat([latents(0, position, 64, 16, prior) for position in range(0, 3200, 64)])
    assert kstest(values.double().flatten().numpy(), name, args=parameters).statistic < 0.01


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    BlockShuffleSampler(10, 0).indices(0, 25)
    latents(0, 0, prior="uniform")
    assert torch.equal(torch.get_rng_state(), before)


def test_streams_of_one_seed_are_independent() -> None:
    draws = [torch.rand(3, generator=generator_for(0, stream, 0)) for stream in ("weights", "order", "latents")]
    assert len(torch.stack(draws).unique(dim=0)) == 3
