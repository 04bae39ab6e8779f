"""The gradient penalty on discriminators whose gradient is known."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.penalties import squared_gradient_norms


@given(seed=st.integers(0, 2**32), count=st.integers(1, 4), channels=st.sampled_from([1, 3]), side=st.integers(1, 5))
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
