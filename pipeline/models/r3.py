"""Define the R3GAN pair (Huang et al. 2024, "The GAN is dead; long live the GAN!", arXiv:2501.05441).

There is no norm anywhere. Residual blocks are inverted bottlenecks with grouped 3x3 convolutions. The last convolution
of a block starts at zero. The others are scaled down by the number of blocks (Zhang et al. 2019, Fixup,
arXiv:1901.09321). So both networks start as their resampling path alone. Sides change by bilinear resampling, outside
the blocks, and channels by 1x1 convolutions next to it. The generator starts from a learned 4x4 basis, modulated by the
latent; the discriminator ends with a 4x4 depthwise convolution and a linear layer. Two things differ: tanh limits the
range of the images, and the discriminator is conditioned by the shared projection head.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.models.layers import BASE, stage_widths
from pipeline.models.spec import PairSpec

BLOCKS = 2  # per resolution
EXPANSION = 2  # channels inside a block, relative to outside
GROUP_CHANNELS = 16  # of the grouped convolution; fewer where the width is no multiple of 8
SLOPE = 0.2
LEAKY_GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the scale of features through a leaky ReLU


def _convolution(
    before: int, after: int, side: int = 1, *, gain: float = 1.0, groups: int = 1, bias: bool = False
) -> nn.Conv2d:
    convolution = nn.Conv2d(before, after, side, padding=side // 2, groups=groups, bias=bias)
    fan_in = convolution.weight[0].numel()
    nn.init.normal_(convolution.weight, std=gain / math.sqrt(fan_in))
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


class Block(nn.Module):
    """Compute a residual block, `float [N, channels, H, W]` in and out; its network consists of `blocks` blocks."""

    def __init__(self, channels: int, blocks: int) -> None:
        inside = EXPANSION * channels
        groups = inside // math.gcd(inside, GROUP_CHANNELS)
        # Fixup for a branch of m = 3 layers: blocks ** (-1 / (2m - 2))
        gain = LEAKY_GAIN * blocks**-0.25
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(channels, inside, gain=gain, bias=True),
            nn.LeakyReLU(SLOPE),
            _convolution(inside, inside, 3, gain=gain, groups=groups, bias=True),
            nn.LeakyReLU(SLOPE),
            _convolution(inside, channels, gain=0.0),
        )

    def forward(self, maps: Tensor) -> Tensor:
        summed: Tensor = maps + self.branch(maps)
        return summed


class Blur(nn.Module):
    """Apply the filter [1, 2, 1] in both directions: `float [N, C, H, W]` in and out, black beyond the border.

    After nearest-neighbour doubling it gives bilinear upsampling, before averaging 2x2 px bilinear downsampling.
    (torch's own bilinear interpolation has no deterministic gradient on GPUs. The 4x4 px filter that does both at once
    took ten times as long in bf16 on a CPU.)
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", torch.outer(row, row)[None, None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        return nn.functional.conv2d(maps, self.kernel.expand(channels, 1, 3, 3), padding=1, groups=channels)


def _refuse_norms(spec: PairSpec) -> None:
    if (spec.generator_norm, spec.discriminator_norm) != ("none", "none"):
        raise ValueError(
            f"generator_norm is {spec.generator_norm!r} and discriminator_norm {spec.discriminator_norm!r}: "
            "r3 works without norms, so both must be none"
        )


class Generator(nn.Module):
    """Map a latent and a label to an image; a `spec` whose norms are not both none raises a ValueError.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, channels, resolution, resolution]` in
    [-1, 1].
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        _refuse_norms(spec)
        widths = stage_widths(spec.resolution, spec.width)
        blocks = BLOCKS * len(widths)
        self.code = spec.condition.code(spec.latent_size)
        self.modulation = nn.Linear(self.code.size, widths[0], bias=False)
        nn.init.normal_(self.modulation.weight, std=1 / math.sqrt(self.code.size))
        self.basis = nn.Parameter(torch.randn(1, widths[0], BASE, BASE))
        self.stages = nn.Sequential(*(Block(widths[0], blocks) for _ in range(BLOCKS)))
        for before, after in pairwise(widths):
            if before != after:
                self.stages.append(_convolution(before, after))
            self.stages.extend([nn.Upsample(scale_factor=2, mode="nearest"), Blur()])
            self.stages.extend(Block(after, blocks) for _ in range(BLOCKS))
        self.last = _convolution(widths[-1], spec.channels)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        maps = self.basis * self.modulation(self.code(latents, labels))[:, :, None, None]
        return torch.tanh(self.last(self.stages(maps)))


class Discriminator(nn.Module):
    """Map an image and its label to a logit, which is large for real images.

    A `spec` whose norms are not both none raises a ValueError.

    `forward(images: float [N, channels, resolution, resolution] in [-1, 1], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        _refuse_norms(spec)
        widths = stage_widths(spec.resolution, spec.width)[::-1]
        blocks = BLOCKS * len(widths)
        self.stages = nn.Sequential(_convolution(spec.channels, widths[0]))
        for before, after in pairwise(widths):
            self.stages.extend(Block(before, blocks) for _ in range(BLOCKS))
            self.stages.extend([Blur(), nn.AvgPool2d(2)])
            if before != after:
                self.stages.append(_convolution(before, after))
        self.stages.extend(Block(widths[-1], blocks) for _ in range(BLOCKS))
        self.basis = nn.Conv2d(widths[-1], widths[-1], BASE, groups=widths[-1], bias=False)
        nn.init.normal_(self.basis.weight, std=1 / BASE)
        self.head = spec.condition.head(widths[-1])

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = self.head(self.basis(self.stages(images)).flatten(1), labels)
        return logits
