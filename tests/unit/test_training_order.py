"""Randomness addressed by (seed, position)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from pipeline.training.order import DataOrder, generator_for, training_latents

SEEDS = st.integers(0, 2**32 - 1)


@given(size=st.integers(1, 30), seed=SEEDS, epoch=st.integers(0, 1000))
def test_each_epoch_shows_every_image_once(size: int, seed: int, epoch: int) -> None:
    assert sorted(DataOrder(size, seed).indices(epoch * size, size).tolist()) == list(range(size))


@given(size=st.integers(1, 20), seed=SEEDS, start=st.integers(0, 200), cuts=st.lists(st.integers(1, 45), min_size=1))
@settings(max_examples=50)
def test_the_order_does_not_depend_on_how_positions_are_cut_into_batches(
    size: int, seed: int, start: int, cuts: list[int]
) -> None:
    whole = DataOrder(size, seed).indices(0, start + sum(cuts))[start:]
    order, parts, position = DataOrder(size, seed), [], start
    for count in cuts:
        parts.append(order.indices(position, count))
        position += count
    assert torch.equal(torch.cat(parts), whole)


def test_going_back_gives_the_same_images_again() -> None:
    order = DataOrder(10, seed=0)
    first = order.indices(5, 10)
    order.indices(95, 10)
    assert torch.equal(order.indices(5, 10), first)


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    shuffled = torch.cat([DataOrder(50, seed).indices(0, 150).reshape(3, 50) for seed in range(3)])
    assert len(shuffled.unique(dim=0)) == 9


def test_latents_depend_on_their_address_alone() -> None:
    first = training_latents(1, 640, 8, 5, "normal")
    torch.rand(100)
    assert torch.equal(training_latents(1, 640, 8, 5, "normal"), first)
    for other in [(2, 640), (1, 704)]:
        assert not torch.equal(training_latents(*other, 8, 5, "normal"), first)


@pytest.mark.parametrize(("prior", "distribution"), [("normal", ("norm", ())), ("uniform", ("uniform", (-1, 2)))])
def test_latents_follow_their_prior(prior: str, distribution: tuple[str, tuple[float, ...]]) -> None:
    name, parameters = distribution
    values = torch.cat([training_latents(0, position, 64, 16, prior) for position in range(0, 3200, 64)])
    assert kstest(values.double().flatten().numpy(), name, args=parameters).statistic < 0.01


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    DataOrder(10, 0).indices(0, 25)
    training_latents(0, 0, 4, 4, "uniform")
    assert torch.equal(torch.get_rng_state(), before)


def test_streams_of_one_seed_are_independent() -> None:
    draws = [torch.rand(3, generator=generator_for(0, stream, 0)) for stream in ("weights", "order", "latents")]
    assert len(torch.stack(draws).unique(dim=0)) == 3
