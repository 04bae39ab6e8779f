"""The layers next to the image compute what torch's own do, in all derivatives."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pipeline.models.grey_conv import MapsToPixels, PixelsToMaps

pytestmark = pytest.mark.usefixtures("one_thread")

FORWARD = {PixelsToMaps: nn.Conv2d.forward, MapsToPixels: nn.ConvTranspose2d.forward}
Layer = PixelsToMaps | MapsToPixels

counts = st.integers(1, 3)
sides = st.integers(1, 5)


def layers(channels: int, maps: int) -> list[tuple[Layer, int, int]]:
    """Both layers, each with the channels of its input and their side relative to the maps'."""
    return [(PixelsToMaps(channels, maps).double(), channels, 2), (MapsToPixels(maps, channels).double(), maps, 1)]


def derivatives(call: Callable[[Tensor], Tensor], layer: Layer, images: Tensor, towards: Tensor) -> list[Tensor]:
    """The output, its derivatives, and those of a gradient penalty."""
    output = call(images)
    first = torch.autograd.grad((output * towards).sum(), [images, *layer.parameters()], create_graph=True)
    second = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), [images, layer.weight])
    return [output, *first, *second]


@given(count=counts, channels=st.sampled_from([1, 3]), maps=counts, height=sides, width=sides)
def test_output_and_derivatives_are_those_of_torch(
    count: int, channels: int, maps: int, height: int, width: int
) -> None:
    for layer, inputs, scale in layers(channels, maps):
        images = torch.randn(count, inputs, scale * height, scale * width, dtype=torch.float64, requires_grad=True)
        torchs = FORWARD[type(layer)]

        def theirs(images: Tensor, layer: Layer = layer, torchs: Callable[..., Tensor] = torchs) -> Tensor:
            return torchs(layer, images)

        towards = torch.randn_like(theirs(images))
        expected = derivatives(theirs, layer, images, towards)
        for ours, other in zip(derivatives(layer, layer, images, towards), expected, strict=True):
            torch.testing.assert_close(ours, other)


def test_in_bf16_the_result_is_torchs_but_for_rounding() -> None:
    images = torch.rand(4, 1, 16, 16)
    down, up = PixelsToMaps(1, 8), MapsToPixels(8, 1)
    with torch.autocast("cpu", torch.bfloat16):
        maps = down(images)
        pixels = up(maps)
    assert maps.dtype == pixels.dtype == torch.bfloat16
    torch.testing.assert_close(maps.float(), nn.Conv2d.forward(down, images), rtol=0.02, atol=0.02)
    expected = nn.ConvTranspose2d.forward(up, maps.float())
    torch.testing.assert_close(pixels.float(), expected, rtol=0.02, atol=0.02)


def test_the_maps_lie_channels_last_as_the_next_convolution_wants_them() -> None:
    maps = PixelsToMaps(1, 8)(torch.rand(2, 1, 16, 16))
    assert maps.is_contiguous(memory_format=torch.channels_last)


def test_they_load_weights_of_torchs_layers() -> None:
    plain = nn.Conv2d(1, 8, 4, 2, 1)
    ours = PixelsToMaps(1, 8)
    ours.load_state_dict(plain.state_dict())
    images = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(ours(images), plain(images))
