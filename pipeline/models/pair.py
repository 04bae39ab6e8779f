"""Building a generator-discriminator pair, and the way between stored pixels and network tensors."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.models import dcgan, mlp, r3, resnet
from pipeline.models.layout import channels_last
from pipeline.models.spec import PairSpec

# Modules with a `Generator` and a `Discriminator`, both built from a `PairSpec` alone.
ARCHITECTURES: dict[str, Any] = {"mlp": mlp, "dcgan": dcgan, "resnet": resnet, "r3": r3}


def build_generator(spec: PairSpec) -> nn.Module:
    """A generator: `(latents float [N, latent_size], labels int64 [N]) -> float [N, C, resolution, resolution]`.

    The images lie in [-1, 1]. ValueError if `spec` asks for what its architecture cannot be.
    """
    generator: nn.Module = _architecture(spec).Generator(spec)
    return channels_last(generator)


def build_discriminator(spec: PairSpec) -> nn.Module:
    """A discriminator: `(images float [N, C, resolution, resolution], labels int64 [N]) -> logits float [N]`.

    The images lie in [-1, 1]. ValueError if `spec` asks for what its architecture cannot be.
    """
    own = spec if spec.discriminator_width is None else replace(spec, width=spec.discriminator_width)
    discriminator: nn.Module = _architecture(own).Discriminator(own)
    return channels_last(discriminator)


def _architecture(spec: PairSpec) -> Any:
    if spec.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture is {spec.architecture!r}: {', '.join(ARCHITECTURES)} are known")
    return ARCHITECTURES[spec.architecture]


def to_network(images: Tensor, resolution: int) -> Tensor:
    """`uint8 [N, C, H, W]` -> `float [N, C, resolution, resolution]` in [-1, 1], padded with black all around."""
    before, after = _margins(images.shape[-1], resolution)
    scaled = images.float() / 127.5 - 1
    padded = F.pad(scaled, (before, after, before, after), value=-1.0)
    return padded.contiguous(memory_format=torch.channels_last)


def to_pixels(images: Tensor, image_size: int) -> Tensor:
    """`float [N, C, R, R]` in [-1, 1] -> `uint8 [N, C, image_size, image_size]`, the margins cropped away."""
    return ((without_margins(images, image_size).float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def without_margins(images: Tensor, image_size: int) -> Tensor:
    """`[N, C, R, R]` -> `[N, C, image_size, image_size]`, a view: what `to_network` padded, if it did, is cropped away."""
    before, _ = _margins(image_size, images.shape[-1])
    return images[..., before : before + image_size, before : before + image_size]


def _margins(image_size: int, resolution: int) -> tuple[int, int]:
    before = (resolution - image_size) // 2
    return before, resolution - image_size - before
