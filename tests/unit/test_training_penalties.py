"""The gradient penalties on discriminators whose gradient is known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipeline.training.penalties import mixed_images, slope_penalties, squared_gradient_norms

SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS, count=st.integers(1, 4), channels=st.sampled_from([1, 3]), side=st.integers(1, 5))
def test_a_linear_discriminator_s_penalty_is_the_square_of_its_weights(
    seed: int, count: int, channels: int, side: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(channels, side, side, generator=random)
    images = torch.randn(count, channels, side, side, generator=random, requires_grad=True)
    norms = squared_gradient_norms((images * weight).sum(dim=(1, 2, 3)), images)
    torch.testing.assert_close(norms, weight.square().sum().expand(count))


def test_each_image_has_its_own_norm() -> None:
    images = torch.randn(3, 2, 4, 4, requires_grad=True)
    norms = squared_gradient_norms(images.square().sum(dim=(1, 2, 3)) / 2, images)
    torch.testing.assert_close(norms, images.square().sum(dim=(1, 2, 3)))


def test_the_penalty_teaches_the_discriminator() -> None:
    weight = torch.randn(1, 4, 4, requires_grad=True)
    images = torch.randn(3, 1, 4, 4, requires_grad=True)
    squared_gradient_norms((images * weight).sum(dim=(1, 2, 3)), images).mean().backward()
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


def test_half_precision_gradients_are_summed_in_full_precision() -> None:
    images = torch.ones(1, 1, 64, 64, dtype=torch.bfloat16, requires_grad=True)
    norms = squared_gradient_norms(images.sum(dim=(1, 2, 3)), images)
    assert norms.tolist() == [64 * 64]
    assert norms.dtype == torch.float32


def slopes_of(lengths: list[float]) -> Tensor:
    return slope_penalties(torch.tensor(lengths, dtype=torch.float64).square())


def test_a_slope_of_one_costs_nothing_and_others_the_square_of_what_they_are_off() -> None:
    assert slopes_of([1, 0, 2, 0.5, 11]).tolist() == pytest.approx([0, 1, 1, 0.25, 100], abs=1e-5)


def test_a_flat_discriminator_s_penalty_and_its_gradient_are_finite() -> None:
    # As at a dead unit: the image's gradient is 0, and there the root of its square has no derivative.
    weight = torch.zeros(1, 4, 4, requires_grad=True)
    images = torch.randn(3, 1, 4, 4, requires_grad=True)
    norms = squared_gradient_norms((images * weight).sum(dim=(1, 2, 3)), images)
    penalty = slope_penalties(norms).mean()
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


def test_the_slope_penalty_drives_a_linear_discriminator_to_slope_one() -> None:
    weight = torch.full((1, 2, 2), 2.0, requires_grad=True)
    for _ in range(100):
        images = torch.randn(3, 1, 2, 2, requires_grad=True)
        norms = squared_gradient_norms((images * weight).sum(dim=(1, 2, 3)), images)
        (slope,) = torch.autograd.grad(slope_penalties(norms).mean(), weight)
        with torch.no_grad():
            weight -= 0.1 * slope
    assert math.sqrt(weight.square().sum().item()) == pytest.approx(1, abs=1e-3)


@given(seed=SEEDS, share=st.floats(0, 1, exclude_max=True, width=32))
def test_mixed_images_lie_between_fake_and_real_each_by_its_own_share(seed: int, share: float) -> None:
    random = torch.Generator().manual_seed(seed)
    real, fake = (torch.randn(3, 2, 4, 4, generator=random, dtype=torch.float64) for _ in range(2))
    mixed = mixed_images(real, fake, torch.tensor([0.0, share, 1.0], dtype=torch.float64))
    torch.testing.assert_close(mixed[0], fake[0])
    torch.testing.assert_close(mixed[1], share * real[1] + (1 - share) * fake[1])
    torch.testing.assert_close(mixed[2], real[2])
