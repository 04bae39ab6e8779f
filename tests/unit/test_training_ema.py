"""The moving average of the generator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pipeline.training.ema import ema_decay, update_ema


def network(value: float) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.fill_(value)
    return net


@pytest.mark.parametrize("batch_size", [1, 10, 250, 1000])
def test_half_of_the_old_average_is_left_after_a_half_life(batch_size: int) -> None:
    decay = ema_decay(images_seen=10**9, batch_size=batch_size, half_life_images=1000)
    assert decay ** (1000 / batch_size) == pytest.approx(0.5)


def test_early_on_the_half_life_is_a_twentieth_of_what_was_seen() -> None:
    assert ema_decay(images_seen=2000, batch_size=100, half_life_images=500_000) == pytest.approx(0.5)


@given(seen=st.integers(0, 10**9), batch=st.integers(1, 4096), half_life=st.integers(1, 10**7))
def test_the_weight_is_a_share_and_never_falls_as_training_goes_on(seen: int, batch: int, half_life: int) -> None:
    now, later = (ema_decay(images, batch, half_life) for images in (seen, seen + batch))
    assert 0 <= now <= later < 1


def test_parameters_move_by_the_share_and_buffers_are_copied() -> None:
    average, model = network(0.0), network(10.0)
    update_ema(average, model, decay=0.9)
    for parameter in average.parameters():
        torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, 1.0))
    assert all((buffer == 10).all() for buffer in average.buffers())
    assert all((tensor == 10).all() for tensor in [*model.parameters(), *model.buffers()])


def test_the_average_of_what_no_longer_changes_is_that() -> None:
    average, model = network(0.0), network(3.0)
    for _ in range(200):
        update_ema(average, model, decay=0.9)
    torch.testing.assert_close(average.state_dict(), model.state_dict())
