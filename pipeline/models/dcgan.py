"""Define the DCGAN pair (Radford et al. 2016, arXiv:1511.06434).

As in the paper, the generator upsamples by transposed convolutions with stride 2 and the discriminator downsamples by
strided convolutions. The discriminator's logit follows from the last maps, flattened, and there is no pooling. With
`batch` norm in both networks it is the paper's pair, initialisation included. The default normalises no image with the
others of its batch. The generator normalises each pixel's feature vector, the discriminator nothing (a gradient penalty
is a per-sample quantity). So an image depends on neither its batch nor the number of workers. Both networks can be
conditioned on the class.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.models.grey_conv import MapsToPixels, PixelsToMaps
from pipeline.models.layers import (
    BASE,
    LogitHead,
    VectorToMap,
    discriminator_normalisation,
    generator_normalisation,
    normalise_spectra,
    stage_count,
)
from pipeline.models.spec import PairSpec


class Generator(nn.Module):
    """Map a latent and a label to an image; `spec.generator_norm` is pixel, batch or none.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, channels, resolution, resolution]` in
    [-1, 1].
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        stages, norm = stage_count(spec.resolution), spec.generator_norm
        widths = [spec.width * 2 ** (stages - 1 - stage) for stage in range(stages)]
        bias = norm == "none"
        self.code = spec.condition.code(spec.latent_size)
        self.first = VectorToMap(self.code.size, widths[0], BASE, bias=bias)
        upsample = [
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias) for before, after in pairwise(widths)
        ]
        self.upsample = nn.ModuleList(upsample)
        self.norms = nn.ModuleList(generator_normalisation(norm, width) for width in widths)
        self.last = MapsToPixels(widths[-1], spec.channels)
        if norm == "batch":
            _initialise_as_in_the_paper(self)
        elif norm == "none":
            _keep_scale(self.first, taps=1)
            for convolution in upsample:
                _keep_scale(convolution, taps=4)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        maps = self.code(latents, labels)[:, :, None, None]
        for convolution, norm in zip([self.first, *self.upsample], self.norms, strict=True):
            maps = F.relu(norm(convolution(maps)))
        return torch.tanh(self.last(maps))


class Discriminator(nn.Module):
    """Map an image and its label to a logit, which is large for real images.

    `spec.discriminator_norm` is none, batch or spectral.

    `forward(images: float [N, channels, resolution, resolution] in [-1, 1], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        stages, norm = stage_count(spec.resolution), spec.discriminator_norm
        widths = [spec.width * 2**stage for stage in range(stages)]
        bias = norm != "batch"
        self.first = PixelsToMaps(spec.channels, widths[0])
        self.downsample = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias) for before, after in pairwise(widths)
        )
        _, *norms = [discriminator_normalisation(norm, width) for width in widths]  # none where the pixels come in
        self.norms = nn.ModuleList(norms)
        self.head = spec.condition.head(widths[-1] * BASE**2)
        if norm == "batch":
            _initialise_as_in_the_paper(self)
        elif norm == "spectral":
            normalise_spectra(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        maps = F.leaky_relu(self.first(images), 0.2)
        for downsample, norm in zip(self.downsample, self.norms, strict=True):
            maps = F.leaky_relu(norm(downsample(maps)), 0.2)
        logits: Tensor = self.head(maps.movedim(1, -1).flatten(1), labels)
        return logits


def _initialise_as_in_the_paper(network: nn.Module) -> None:
    """Initialise as in the paper's section 4: weights from N(0, 0.02), those of batch norm from N(1, 0.02).

    The generator's class embedding stays as it is.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)  # torch's own would drown what such small weights let through
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, mean=1.0, std=0.02)
        elif isinstance(layer, LogitHead):
            # At its own, larger scale the class outweighed the image: on 8 px digits (learning rate 2e-4, 3,000 steps
            # of 64 images) no digit was recognisable; at this one 9 in 10 were after 1,500.
            for embedding in layer.modules():
                if isinstance(embedding, nn.Embedding):
                    nn.init.normal_(embedding.weight, std=0.02)


def _keep_scale(convolution: nn.ConvTranspose2d, taps: int) -> None:
    """Initialise as He et al., so that features keep their scale without a norm.

    torch's own initialisation would lose the scale layer by layer. `taps` is how many of the kernel's weights reach a
    pixel from each channel.
    """
    nn.init.normal_(convolution.weight, std=math.sqrt(2 / (taps * convolution.in_channels)))
