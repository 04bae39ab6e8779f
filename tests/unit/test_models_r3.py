"""The R3GAN pair: a quiet start, resampling without aliases, no norm."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.models.r3 import Block, Blur, Discriminator, Generator
from pipeline.models.spec import PairSpec

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = PairSpec("r3", 16, 16, 3, 3, 5, "normal", 8, "none", "none")


@pytest.mark.parametrize("network", [Generator(SPEC), Discriminator(SPEC)], ids=["generator", "discriminator"])
def test_residual_branches_start_at_zero(network: nn.Module) -> None:
    blocks = [layer for layer in network.modules() if isinstance(layer, Block)]
    assert len(blocks) == 6  # two at each of 4, 8 and 16 px
    for block in blocks:
        maps = torch.randn(2, next(block.parameters()).shape[1], 4, 4)
        assert torch.equal(block(maps), maps)


def test_branches_are_quieter_in_deeper_networks() -> None:
    """So that the sum over all blocks changes as much with the first steps whatever their number."""
    torch.manual_seed(0)
    shallow, deep = (next(Block(64, blocks).parameters()).std().item() for blocks in (1, 16))
    assert deep / shallow == pytest.approx(1 / 2, rel=0.05)


def test_the_grouped_convolution_has_groups_of_16_channels_where_the_width_allows() -> None:
    for channels, groups in {1: 1, 4: 1, 8: 1, 32: 4, 36: 9}.items():
        found = [layer.groups for layer in Block(channels, 1).modules() if isinstance(layer, nn.Conv2d)]
        assert found == [1, groups, 1]


def test_resampling_is_bilinear() -> None:
    maps, blur = torch.rand(2, 3, 8, 8), Blur()
    doubled = blur(F.interpolate(maps, scale_factor=2, mode="nearest"))
    expected = F.interpolate(maps, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(doubled[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])
    halved = F.avg_pool2d(blur(maps), 2)
    expected = F.interpolate(maps, scale_factor=0.5, mode="bilinear", antialias=True)
    torch.testing.assert_close(halved[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_the_filter_is_no_weight_to_be_saved() -> None:
    assert not [key for key in Generator(SPEC).state_dict() if "kernel" in key]


@pytest.mark.parametrize("norms", [("pixel", "none"), ("batch", "none"), ("none", "batch"), ("none", "spectral")])
def test_norms_are_refused(norms: tuple[str, str]) -> None:
    spec = replace(SPEC, generator_norm=norms[0], discriminator_norm=norms[1])
    for network in (Generator, Discriminator):
        with pytest.raises(ValueError, match="both must be none"):
            network(spec)


def test_images_and_logits_start_at_a_scale_that_losses_expect() -> None:
    torch.manual_seed(0)
    for resolution in (8, 64):
        spec = replace(SPEC, resolution=resolution)
        images = Generator(spec)(torch.randn(16, 5), torch.arange(16) % 3)
        logits = Discriminator(spec)(images, torch.arange(16) % 3)
        assert 0.1 < images.std().item() < 0.8
        assert logits.abs().max().item() < 3
