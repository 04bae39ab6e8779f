"""What every augmentation promises, and DiffAugment's own transformations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from pipeline.training.ada import AdaptiveAugment
from pipeline.training.augment import Augmentation, DiffAugment
from pipeline.training.block_shuffle import generator_for

pytestmark = pytest.mark.usefixtures("one_thread")


def adaptive(p: float = 0.6) -> AdaptiveAugment:
    augment = AdaptiveAugment(0.6, torch.device("cpu"))
    augment.p.fill_(p)
    return augment


BOTH = pytest.mark.parametrize("augment", [DiffAugment(), adaptive()], ids=["DiffAugment", "AdaptiveAugment"])
CHANNELS = pytest.mark.parametrize("channels", [1, 3])


def some_images(count: int, channels: int, side: int, seed: int = 0) -> Tensor:
    return torch.rand(count, channels, side, side, generator=generator_for(seed, "images", 0)) * 2 - 1


def some_draws(augment: Augmentation, count: int, seed: int = 0) -> Tensor:
    return augment.random_numbers(generator_for(seed, "augment", 0), count)


@BOTH
def test_draws_are_uniform_and_depend_on_the_generator_alone(augment: Augmentation) -> None:
    draws = some_draws(augment, 500)
    assert draws.shape == (500, augment.draws_per_image)
    assert draws.dtype == torch.float32
    assert draws.min() >= 0
    assert draws.max() < 1
    torch.testing.assert_close(draws.mean(dim=0), torch.full([augment.draws_per_image], 0.5), atol=0.06, rtol=0)
    assert torch.equal(some_draws(augment, 500), draws)


@BOTH
@CHANNELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_shape_dtype_and_memory_format_are_kept(
    augment: Augmentation, channels: int, dtype: torch.dtype, memory_format: torch.memory_format
) -> None:
    images = some_images(4, channels, 8).to(dtype).contiguous(memory_format=memory_format)
    result = augment(images, some_draws(augment, 4))
    assert result.shape == images.shape
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=memory_format)
    assert not torch.equal(result, images)


@BOTH
@CHANNELS
@given(seed=st.integers(0, 2**32), cut=st.integers(1, 8), side=st.sampled_from([8, 9]))
@settings(max_examples=20)
def test_an_image_depends_on_its_own_draws_however_the_batch_is_cut(
    augment: Augmentation, channels: int, seed: int, cut: int, side: int
) -> None:
    images, draws = some_images(9, channels, side, seed), some_draws(augment, 9, seed)
    shares = [augment(images[part], draws[part]) for part in (slice(0, cut), slice(cut, 9))]
    assert torch.equal(torch.cat(shares), augment(images, draws))


@BOTH
def test_autocast_does_not_make_it_coarser(augment: Augmentation) -> None:
    images, draws = some_images(8, 3, 8), some_draws(augment, 8)
    with torch.autocast("cpu", torch.bfloat16):
        result = augment(images, draws)
    assert torch.equal(result, augment(images, draws))


@BOTH
@CHANNELS
def test_both_derivatives_are_right(augment: Augmentation, channels: int) -> None:
    images = some_images(3, channels, 4).double().requires_grad_()
    draws = some_draws(augment, 3)
    assert torch.autograd.gradcheck(lambda images: augment(images, draws), images)
    assert torch.autograd.gradgradcheck(lambda images: augment(images, draws), images)


@BOTH
def test_a_gradient_penalty_is_taken_through_it(augment: Augmentation) -> None:
    images, draws = some_images(4, 3, 8).requires_grad_(), some_draws(augment, 4)
    weight = torch.full((), 0.5, requires_grad=True)
    logits = torch.tanh(weight * augment(images, draws)).sum()
    (slopes,) = torch.autograd.grad(logits, images, create_graph=True)
    slopes.square().sum().backward()
    for gradient in (weight.grad, images.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["DiffAugment", "AdaptiveAugment"])
def test_nothing_is_read_back_from_the_device(name: str) -> None:
    """Fake tensors have no values: whatever asks for one fails."""
    with FakeTensorMode():
        augment = DiffAugment() if name == "DiffAugment" else adaptive()
        draws = torch.rand(4, augment.draws_per_image)
        assert augment(torch.rand(4, 3, 8, 8), draws).shape == (4, 3, 8, 8)
        if isinstance(augment, AdaptiveAugment):
            augment.adapt(torch.rand(()), 64)


SIDE = 16
NEUTRAL = {"brightness": 0.5, "saturation": 0.5, "contrast": 0.5, "x": 0.5, "y": 0.5, "cut_x": 0.0, "cut_y": 0.0}


def diff_augment(images: Tensor, **draws: float) -> Tensor:
    """All images with the same draws. What is not named changes nothing, but for the cutout in the upper left corner."""
    return DiffAugment()(images, torch.tensor([[*(NEUTRAL | draws).values()]]).expand(len(images), -1))


def outside_the_corner(images: Tensor) -> Tensor:
    quarter = SIDE // 4
    return torch.cat([images[..., quarter:, :].flatten(1), images[..., :quarter, quarter:].flatten(1)], dim=1)


@CHANNELS
def test_brightness_adds(channels: int) -> None:
    images = some_images(2, channels, SIDE)
    result = diff_augment(images, brightness=0.8)
    torch.testing.assert_close(outside_the_corner(result), outside_the_corner(images + 0.3))


@CHANNELS
def test_contrast_scales_around_the_mean_of_the_image(channels: int) -> None:
    images = some_images(2, channels, SIDE)
    means = images.mean(dim=(1, 2, 3), keepdim=True)
    result = diff_augment(images, contrast=0.9)
    torch.testing.assert_close(outside_the_corner(result), outside_the_corner(means + 1.4 * (images - means)))


def test_saturation_scales_around_the_grey_of_the_pixel() -> None:
    images = some_images(2, 3, SIDE)
    greys = images.mean(dim=1, keepdim=True)
    result = diff_augment(images, saturation=0.1)
    torch.testing.assert_close(outside_the_corner(result), outside_the_corner(greys + 0.2 * (images - greys)))


def test_images_of_one_channel_have_no_saturation() -> None:
    images = some_images(2, 1, SIDE)
    assert torch.equal(diff_augment(images, saturation=0.9), diff_augment(images))


def moved(images: Tensor, right: int, down: int) -> Tensor:
    """Pixel by pixel; black where nothing came from."""
    result = torch.full_like(images, -1.0)
    height, width = images.shape[-2:]
    for y in range(max(0, down), min(height, height + down)):
        for x in range(max(0, right), min(width, width + right)):
            result[..., y, x] = images[..., y - down, x - right]
    return result


@CHANNELS
@given(right=st.integers(-2, 2), down=st.integers(-2, 2))
def test_translation_moves_whole_pixels_by_up_to_an_eighth_and_fills_with_black(
    channels: int, right: int, down: int
) -> None:
    images = diff_augment(some_images(2, channels, SIDE))
    result = diff_augment(images, x=(right + 2.5) / 5, y=(down + 2.5) / 5)
    torch.testing.assert_close(outside_the_corner(result), outside_the_corner(moved(images, right, down)))


@pytest.mark.parametrize(("draw", "shift"), [(0.0, -2), (1 - 2**-24, 2)])
def test_translation_goes_no_further_than_an_eighth(draw: float, shift: int) -> None:
    images = some_images(2, 1, SIDE)
    torch.testing.assert_close(
        outside_the_corner(diff_augment(images, x=draw)), outside_the_corner(moved(images, shift, 0))
    )


@CHANNELS
@given(x=st.integers(0, SIDE), y=st.integers(0, SIDE))
def test_the_cutout_is_grey_and_has_half_the_side_where_it_lies_inside(channels: int, x: int, y: int) -> None:
    images = torch.full((1, channels, SIDE, SIDE), 0.7)
    result = diff_augment(images, cut_x=(x + 0.5) / (SIDE + 1), cut_y=(y + 0.5) / (SIDE + 1))
    cut = result == 0
    torch.testing.assert_close(result[~cut], images[~cut])
    columns, rows = (min(centre + SIDE // 4, SIDE) - max(centre - SIDE // 4, 0) for centre in (x, y))
    assert cut.sum() == channels * rows * columns
    assert torch.equal(cut, (cut.any(dim=-1, keepdim=True) & cut.any(dim=-2, keepdim=True)))


@given(size=st.integers(4, 40), seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_the_cutout_never_takes_more_than_a_quarter(size: int, seed: int) -> None:
    augment = DiffAugment()
    cut = augment(torch.full((50, 1, size, size), 0.7), some_draws(augment, 50, seed)) == 0
    assert cut.sum(dim=(1, 2, 3)).max() <= ((size + 1) // 2) ** 2
