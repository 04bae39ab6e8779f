"""The residual pair: widths, shortcuts, and what no norm may touch."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.models.resnet import Discriminator, Generator, GeneratorBlock
from pipeline.models.spec import PairSpec

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = PairSpec("resnet", 16, 16, 3, 3, 5, "normal", 4)


def outputs(blocks: nn.Module, run: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """What each of `blocks` makes while `run` runs."""
    seen: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _, __, made: seen.append(made)) for block in blocks.children()]
    run(*inputs)
    for hook in hooks:
        hook.remove()
    return seen


def test_channels_double_as_the_side_halves() -> None:
    G, D, labels = Generator(SPEC), Discriminator(SPEC), torch.zeros(2).long()
    made = outputs(G.blocks, G, torch.randn(2, 5), labels)
    assert [tuple(maps.shape[1:]) for maps in made] == [(8, 8, 8), (4, 16, 16)]
    judged = outputs(D.blocks, D, torch.randn(2, 3, 16, 16), labels)
    assert [tuple(maps.shape[1:]) for maps in judged] == [(8, 8, 8), (16, 4, 4)]


def test_a_block_whose_branch_is_silent_passes_its_input_on() -> None:
    block, maps = GeneratorBlock(6, 4, "pixel"), torch.randn(2, 6, 4, 4)
    for parameter in block.second.parameters():
        nn.init.zeros_(parameter)
    doubled = block.shortcut(F.interpolate(maps, scale_factor=2))
    torch.testing.assert_close(block(maps), doubled)


@pytest.mark.parametrize("norm", ["none", "batch", "spectral"])
def test_the_discriminator_sees_the_dark_half_of_the_range_and_the_brightness(norm: str) -> None:
    """A rectifier or a norm on the image itself would hide them."""
    torch.manual_seed(0)
    D, labels = Discriminator(replace(SPEC, discriminator_norm=norm)).eval(), torch.zeros(1).long()
    grey, dark, black = (torch.full((1, 3, 16, 16), value) for value in (0.0, -0.5, -1.0))
    assert len({D(image, labels).item() for image in (grey, dark, black)}) == 3


def test_images_and_logits_start_at_a_scale_that_losses_expect() -> None:
    torch.manual_seed(0)
    for resolution in (8, 64):
        spec = replace(SPEC, resolution=resolution, generator_norm="none")
        images = Generator(spec)(torch.randn(16, 5), torch.arange(16) % 3)
        logits = Discriminator(spec)(images, torch.arange(16) % 3)
        assert 0.2 < images.std().item() < 0.95
        assert logits.abs().max().item() < 3
