"""The fully connected pair, which takes what has no side to halve."""

from dataclasses import replace

import pytest
import torch

from pipeline.models.mlp import UNITS, Discriminator, Generator
from pipeline.models.spec import PairSpec

pytestmark = pytest.mark.usefixtures("one_thread")

POINTS = PairSpec("mlp", 1, 1, 2, 0, 3, "normal", 2, "none", "none")


@pytest.mark.parametrize("norm", ["pixel", "batch", "none"])
def test_points_in_the_plane(norm: str) -> None:
    labels = torch.zeros(6).long()
    points = Generator(replace(POINTS, generator_norm=norm))(torch.randn(6, 3), labels)
    assert points.shape == (6, 2, 1, 1)
    assert len(points.flatten(1).unique(dim=0)) == 6
    for discriminator_norm in ("none", "batch", "spectral"):
        logits = Discriminator(replace(POINTS, discriminator_norm=discriminator_norm))(points, labels)
        assert logits.shape == (6,)


def test_images_whose_side_is_no_power_of_two() -> None:
    spec, labels = replace(POINTS, resolution=7, channels=3), torch.zeros(2).long()
    images = Generator(spec)(torch.randn(2, 3), labels)
    assert images.shape == (2, 3, 7, 7)
    assert Discriminator(spec)(images.contiguous(memory_format=torch.channels_last), labels).shape == (2,)


def test_both_networks_have_three_hidden_layers_of_the_units_that_the_width_says() -> None:
    units = UNITS * POINTS.width
    for network in (Generator(POINTS), Discriminator(POINTS)):
        shapes = [tuple(p.shape) for p in network.parameters() if p.dim() == 2]
        assert [after for after, _ in shapes[:3]] == [units] * 3
        assert len(shapes) == 4


def test_images_start_with_contrast() -> None:
    images = Generator(replace(POINTS, resolution=16, width=8))(torch.randn(64, 3), torch.zeros(64).long())
    assert 0.2 < images.std().item() < 0.8
