"""The way between stored pixels and network tensors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from pipeline.models.pair import build_discriminator, build_generator, to_network, to_pixels
from tests.unit.tiny import SPEC


@st.composite
def images_and_resolution(draw: st.DrawFn) -> tuple[Tensor, int]:
    resolution = draw(st.sampled_from([8, 16, 32]))
    size = draw(st.integers(1, resolution))
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 3])), size, size)
    return torch.from_numpy(draw(arrays(np.uint8, shape))), resolution


@given(images_and_resolution())
def test_pixels_survive_the_way_to_the_network_and_back(given: tuple[Tensor, int]) -> None:
    images, resolution = given
    inside = to_network(images, resolution)
    assert inside.shape == (*images.shape[:2], resolution, resolution)
    assert torch.equal(to_pixels(inside, images.shape[-1]), images)


def test_black_and_white_are_the_ends_of_the_range_and_every_grey_level_survives() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    inside = to_network(levels, 16)
    assert (inside.min(), inside.max()) == (-1, 1)
    assert torch.equal(to_pixels(inside, 16), levels)


def test_the_margin_is_black_and_the_image_in_the_middle() -> None:
    inside = to_network(torch.full((1, 1, 5, 5), 255, dtype=torch.uint8), 8)
    expected = -torch.ones(8, 8)
    expected[1:6, 1:6] = 1
    assert torch.equal(inside[0, 0], expected)


def test_values_outside_the_range_are_clamped() -> None:
    assert to_pixels(torch.tensor([[[[-3.0, 3.0], [-1.0, 1.0]]]]), 2).flatten().tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_built_networks_fit_each_other_and_the_spec(channels: int) -> None:
    spec, labels = replace(SPEC, channels=channels), torch.arange(SPEC.classes)
    images = build_generator(spec)(torch.randn(3, spec.latent_size), labels)
    assert images.shape == (3, channels, spec.resolution, spec.resolution)
    assert build_discriminator(spec)(images, labels).shape == (3,)
