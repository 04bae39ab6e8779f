"""The DCGAN pair: what batch norm changes, and what replaces it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pipeline.models.dcgan import Discriminator, Generator
from pipeline.models.spec import PairSpec

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = PairSpec("dcgan", 32, 32, 1, 3, 50, "normal", 16)
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def pair(generator_norm: str = "pixel", discriminator_norm: str = "none") -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    spec = replace(SPEC, generator_norm=generator_norm, discriminator_norm=discriminator_norm)
    return Generator(spec), Discriminator(spec)


def test_with_batch_norm_the_pair_starts_as_in_the_paper() -> None:
    for network in pair("batch", "batch"):
        convolutions = [layer for layer in network.modules() if isinstance(layer, CONVOLUTIONS)]
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert all(layer.weight.std().item() == pytest.approx(0.02, rel=0.15) for layer in convolutions)
        weights = torch.cat([norm.weight for norm in norms])
        assert weights.mean().item() == pytest.approx(1, abs=0.01)
        assert weights.std().item() == pytest.approx(0.02, rel=0.3)
        biases = [layer.bias for layer in [*convolutions, *norms] if layer.bias is not None]
        assert not torch.cat(biases).any()


def test_batch_norm_is_in_every_layer_but_those_that_touch_pixels_and_takes_the_place_of_biases() -> None:
    G, D = pair("batch", "batch")
    for network, at_pixels in ((G, G.last), (D, D.first)):
        convolutions = [layer for layer in network.modules() if isinstance(layer, CONVOLUTIONS)]
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert len(norms) == len(convolutions) - 1
        assert [layer for layer in convolutions if layer.bias is not None] == [at_pixels]


def test_neither_the_class_nor_the_image_outweighs_the_other_at_the_start() -> None:
    for norm in ("pixel", "batch", "none"):
        G = Generator(replace(SPEC, generator_norm=norm, classes=40))
        assert G.code.embedding is not None
        assert G.code.embedding.weight.std().item() == pytest.approx(0.3, rel=0.1)
    for norm in ("none", "batch"):
        head = Discriminator(replace(SPEC, discriminator_norm=norm)).head
        assert head.embedding is not None
        assert 0.5 < (head.embedding.weight.std() / head.logit.weight.std()).item() < 2


@pytest.mark.parametrize("resolution", [8, 32, 128])
def test_without_a_norm_images_start_with_as_much_contrast_at_every_size(resolution: int) -> None:
    torch.manual_seed(0)
    G = Generator(replace(SPEC, generator_norm="none", resolution=resolution, width=4))
    images = G(torch.randn(16, 50), torch.arange(16) % 3)
    assert 0.2 < images.std().item() < 0.6


def test_there_is_no_pooling() -> None:
    for network in pair():
        assert not [layer for layer in network.modules() if "Pool" in type(layer).__name__]
        strides = [layer.stride for layer in network.modules() if isinstance(layer, CONVOLUTIONS)]
        assert strides.count((2, 2)) == 3  # from 32 px to 4 px or back
