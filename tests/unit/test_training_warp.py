"""The warp is linear in the images, and can be differentiated twice."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.warp import warp
from tests.unit.test_training_augment import some_images

pytestmark = pytest.mark.usefixtures("one_thread")


@given(seed=st.integers(0, 2**32), share=st.floats(-2, 2))
@settings(max_examples=30)
def test_the_warp_of_a_mixture_is_the_mixture_of_the_warps(seed: int, share: float) -> None:
    first, second = some_images(2, 3, 8, seed), some_images(2, 3, 8, seed + 1)
    sources = some_images(2, 1, 3, seed)[:, 0, :2]
    mixture = warp(share * first + (1 - share) * second, sources)
    torch.testing.assert_close(
        mixture, share * warp(first, sources) + (1 - share) * warp(second, sources), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_warp_is_differentiable_again_and_again(memory_format: torch.memory_format) -> None:
    images = some_images(2, 2, 4).double().contiguous(memory_format=memory_format).requires_grad_()
    sources = some_images(2, 1, 3).double()[:, 0, :2]
    assert torch.autograd.gradcheck(lambda images: warp(images, sources), images)
    assert torch.autograd.gradgradcheck(lambda images: warp(images, sources).square(), images)
