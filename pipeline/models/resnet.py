"""Define the residual pair of WGAN-GP and SNGAN.

The papers are Gulrajani et al. 2017 (arXiv:1704.00028) and Miyato et al. 2018 (arXiv:1802.05957).

Pre-activation blocks hold two 3x3 convolutions. The generator doubles the side inside a block by nearest neighbours,
the discriminator halves it by averaging. Both run from 4 px to the full resolution, whose feature maps have `width`
channels. The discriminator ends with one more block at 4 px and a pool over its pixels. Weights start from Glorot's
uniform distribution, scaled in a residual branch by the square root of 2. Conditioning is by the class code and
projection, not by SNGAN's class-conditional batch norm, so that every norm can be selected.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.models.layers import (
    BASE,
    discriminator_normalisation,
    generator_normalisation,
    normalise_spectra,
    stage_widths,
)
from pipeline.models.spec import PairSpec


def _branch(before: int, after: int, *, bias: bool) -> nn.Conv2d:
    """Return a 3x3 convolution of a residual branch."""
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=bias)
    nn.init.xavier_uniform_(convolution.weight, gain=math.sqrt(2))
    return convolution


def _shortcut(before: int, after: int) -> nn.Conv2d:
    """Return a 1x1 convolution without bias: the branch that its output is added to has one."""
    convolution = nn.Conv2d(before, after, 1, bias=False)
    nn.init.xavier_uniform_(convolution.weight)
    return convolution


def _upsample(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="nearest")


class GeneratorBlock(nn.Module):
    """Double the side of feature maps in a residual block.

    `forward(maps: float [N, before, H, W]) -> float [N, after, 2H, 2W]`.
    """

    def __init__(self, before: int, after: int, norm: str) -> None:
        super().__init__()
        bias = norm != "batch"  # the next batch norm takes it away, also where the shortcuts carry it
        self.first_norm = generator_normalisation(norm, before)
        self.first = _branch(before, after, bias=bias)
        self.second_norm = generator_normalisation(norm, after)
        self.second = _branch(after, after, bias=bias)
        self.shortcut = _shortcut(before, after)

    def forward(self, maps: Tensor) -> Tensor:
        branch = self.first(_upsample(F.relu(self.first_norm(maps))))
        branch = self.second(F.relu(self.second_norm(branch)))
        # A 1x1 convolution and the upsampling commute: this order needs a quarter of the multiplications.
        doubled: Tensor = _upsample(self.shortcut(maps)) + branch
        return doubled


class DiscriminatorBlock(nn.Module):
    """Apply `start`, 3x3, `norm`, ReLU, 3x3 and `pool`, parallel to a shortcut.

    `bias` says whether the second convolution has one.
    `forward(maps: float [N, before, H, W]) -> float [N, after, H', W']`, where `pool` sets the side.
    """

    def __init__(
        self,
        before: int,
        hidden: int,
        after: int,
        *,
        start: nn.Module,
        norm: nn.Module,
        bias: bool,
        pool: nn.Module,
    ) -> None:
        super().__init__()
        self.start = start
        self.first = _branch(before, hidden, bias=not isinstance(norm, nn.BatchNorm2d))
        self.norm = norm
        self.second = _branch(hidden, after, bias=bias)
        self.pool = pool
        self.shortcut = _shortcut(before, after) if before != after else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        branch = self.second(F.relu(self.norm(self.first(self.start(maps)))))
        # SNGAN pools behind the shortcut's convolution, which commutes, in all blocks but the first.
        halved: Tensor = self.shortcut(self.pool(maps)) + self.pool(branch)
        return halved


class Generator(nn.Module):
    """Map a latent and a label to an image; `spec.generator_norm` is pixel, batch or none.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, channels, resolution, resolution]` in
    [-1, 1].
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        widths = stage_widths(spec.resolution, spec.width)
        self.code = spec.condition.code(spec.latent_size)
        self.first = nn.Linear(self.code.size, widths[0] * BASE**2)
        self.blocks = nn.Sequential(
            *(GeneratorBlock(before, after, spec.generator_norm) for before, after in pairwise(widths))
        )
        self.norm = generator_normalisation(spec.generator_norm, widths[-1])
        self.last = nn.Conv2d(widths[-1], spec.channels, 3, padding=1)
        for layer in (self.first, self.last):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        maps = self.first(self.code(latents, labels)).unflatten(1, (-1, BASE, BASE))
        return torch.tanh(self.last(F.relu(self.norm(self.blocks(maps)))))


class Discriminator(nn.Module):
    """Map an image and its label to a logit, which is large for real images.

    `spec.discriminator_norm` is none, batch or spectral.

    `forward(images: float [N, channels, resolution, resolution] in [-1, 1], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        kind = spec.discriminator_norm
        widths = stage_widths(spec.resolution, spec.width)[::-1]
        bias = kind != "batch"  # the next batch norm takes it away, also where the shortcuts carry it

        def norm(channels: int) -> nn.Module:
            return discriminator_normalisation(kind, channels)

        def block(before: int, hidden: int, after: int, pool: nn.Module) -> nn.Module:
            start = nn.Sequential(norm(before), nn.ReLU())
            return DiscriminatorBlock(before, hidden, after, start=start, norm=norm(hidden), bias=bias, pool=pool)

        first = DiscriminatorBlock(  # given the image itself, which neither a norm nor a rectifier may touch
            spec.channels,
            widths[0],
            widths[1],
            start=nn.Identity(),
            norm=nn.Identity(),
            bias=bias,
            pool=nn.AvgPool2d(2),
        )
        halving = (block(before, before, after, nn.AvgPool2d(2)) for before, after in pairwise(widths[1:]))
        self.blocks = nn.Sequential(first, *halving)
        features = widths[-1]
        self.last_block = block(features, features, features, nn.Identity())
        self.norm = norm(features)
        # The sum is SNGAN's, whose weights keep it small; WGAN-GP has the mean.
        self.pool = torch.sum if kind == "spectral" else torch.mean
        self.head = spec.condition.head(features)
        if kind == "spectral":
            normalise_spectra(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        maps = self.last_block(self.blocks(images))
        logits: Tensor = self.head(self.pool(F.relu(self.norm(maps)), dim=(2, 3)), labels)
        return logits
