"""Build a generator-discriminator pair, and convert between stored pixels and network tensors."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.images.shape import ImageShape
from pipeline.models import dcgan, mlp, r3, resnet
from pipeline.models.layout import channels_last
from pipeline.models.spec import PairSpec

# Modules with a `Generator` and a `Discriminator`, both built from a `PairSpec` alone.
ARCHITECTURES: dict[str, Any] = {"mlp": mlp, "dcgan": dcgan, "resnet": resnet, "r3": r3}


def build_generator(spec: PairSpec) -> nn.Module:
    """Build a generator: `(latents float [N, latent_size], labels int64 [N]) -> float [N, C, resolution, resolution]`.

    The images lie in [-1, 1].

    Raises:
        ValueError: `spec` asks for what its architecture cannot be.
    """
    generator: nn.Module = _architecture(spec).Generator(spec)
    return channels_last(generator)


def build_discriminator(spec: PairSpec) -> nn.Module:
    """Build a discriminator: `(images float [N, C, resolution, resolution], labels int64 [N]) -> logits float [N]`.

    The images lie in [-1, 1].

    Raises:
        ValueError: `spec` asks for what its architecture cannot be.
    """
    own = spec if spec.discriminator_width is None else replace(spec, width=spec.discriminator_width)
    discriminator: nn.Module = _architecture(own).Discriminator(own)
    return channels_last(discriminator)


def _architecture(spec: PairSpec) -> Any:
    if spec.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture is {spec.architecture!r}: {', '.join(ARCHITECTURES)} are known")
    return ARCHITECTURES[spec.architecture]


def to_network(images: Tensor, resolution: int) -> Tensor:
    """Convert pixels to the network's input: `uint8 [N, C, H, W]` -> `float [N, C, resolution, resolution]` in [-1, 1].

    The images are padded with black all around.
    """
    height, width = images.shape[-2:]
    scaled = images.float() / 127.5 - 1
    padded = F.pad(scaled, (*_margins(width, resolution), *_margins(height, resolution)), value=-1.0)
    return padded.contiguous(memory_format=torch.channels_last)


def to_pixels(images: Tensor, shape: ImageShape) -> Tensor:
    """Convert the network's images to pixels, with the margins cropped away.

    `float [N, C, R, R]` in [-1, 1] -> `uint8 [N, *shape]`.
    """
    return ((without_margins(images, shape).float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def without_margins(images: Tensor, shape: ImageShape) -> Tensor:
    """Crop the padding of `to_network` away, if there is any: `[N, C, R, R]` -> `[N, *shape]`, a view."""
    resolution = images.shape[-1]
    (top, _), (left, _) = _margins(shape.height, resolution), _margins(shape.width, resolution)
    return images[..., top : top + shape.height, left : left + shape.width]


def _margins(side: int, resolution: int) -> tuple[int, int]:
    """Return how many pixels are padded before and after a side of an image."""
    before = (resolution - side) // 2
    return before, resolution - side - before
