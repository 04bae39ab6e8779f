"""A class-conditional pair of the DCGAN family (Radford et al. 2016, arXiv:1511.06434).

As in the paper, the generator upsamples by transposed convolutions with stride 2, the discriminator
downsamples by strided convolutions, and there is no pooling. What differs: no image is normalised with the
others of its batch. The discriminator has no norm (a gradient penalty is a per-sample quantity) and the generator
normalises each pixel's feature vector (Karras et al. 2018, arXiv:1710.10196, section 4.2), so that an image
depends on neither its batch nor the number of workers. The discriminator sees the label by projection
(Miyato & Koyama 2018, arXiv:1802.05637).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BASE = 4  # px: side of the first feature map of the generator and of the last one of the discriminator

# A class embedding as large as the noise invites the generator to ignore the noise, which shows as
# collapse within each class while the label accuracy stays perfect.
CLASS_EMBEDDING_DEVIATION = 0.3


def stage_count(resolution: int) -> int:
    """Number of stride-2 convolutions between `BASE` and `resolution` (px, a power of two, at least 8)."""
    return int(math.log2(resolution // BASE))


def pixel_norm(maps: Tensor) -> Tensor:
    """Scales the feature vector of each pixel to mean square 1: `float [N, C, H, W]` in and out."""
    return maps * torch.rsqrt(maps.square().mean(dim=1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    """Maps a latent and a label to an image.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, channels, resolution, resolution]`
    in [-1, 1].
    """

    def __init__(self, *, resolution: int, channels: int, classes: int, latent_size: int, width: int) -> None:
        super().__init__()
        stages = stage_count(resolution)
        widths = [width * 2 ** (stages - 1 - stage) for stage in range(stages)]
        self.class_embedding = nn.Embedding(classes, latent_size)
        self.first = nn.ConvTranspose2d(2 * latent_size, widths[0], BASE, bias=False)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False) for before, after in pairwise(widths)
        )
        self.last = nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1)
        nn.init.normal_(self.class_embedding.weight, std=CLASS_EMBEDDING_DEVIATION)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        code = torch.cat([latents, self.class_embedding(labels)], dim=1)
        maps = F.relu(pixel_norm(self.first(code[:, :, None, None])))
        for upsample in self.upsample:
            maps = F.relu(pixel_norm(upsample(maps)))
        return torch.tanh(self.last(maps))


class Discriminator(nn.Module):
    """Judges images: large logits mean real.

    `forward(images: float [N, channels, resolution, resolution] in [-1, 1], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, *, resolution: int, channels: int, classes: int, width: int) -> None:
        super().__init__()
        stages = stage_count(resolution)
        widths = [channels] + [width * 2**stage for stage in range(stages)]
        self.downsample = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(widths)
        )
        features = 4 * widths[-1]
        self.features = nn.Conv2d(widths[-1], features, BASE)
        self.logit = nn.Linear(features, 1)
        self.class_embedding = nn.Embedding(classes, features)
        nn.init.normal_(self.class_embedding.weight, std=1 / math.sqrt(features))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        maps = images
        for downsample in self.downsample:
            maps = F.leaky_relu(downsample(maps), 0.2)
        features = F.leaky_relu(self.features(maps), 0.2).flatten(1)
        projection = (self.class_embedding(labels) * features).sum(dim=1)
        logits: Tensor = self.logit(features).squeeze(1) + projection
        return logits
