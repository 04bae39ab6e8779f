"""Define the fully connected pair of the first GAN (Goodfellow et al. 2014, arXiv:1406.2661).

The generator's hidden units are rectifiers, as in the paper; the discriminator's are leaky ones in place of maxout with
dropout. Having no convolutions, the pair takes images of any size, so also points in the plane: 2 channels of 1x1 px.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.models.layers import (
    discriminator_normalisation,
    generator_normalisation,
    normalise_spectra,
)
from pipeline.models.spec import PairSpec

# Units of a hidden layer in terms of `spec.width`: 1,024 at a width of 64, where the paper had 1,200 for MNIST.
UNITS = 16


class Generator(nn.Module):
    """Map a latent and a label to an image; `spec.generator_norm` is pixel, batch or none.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, channels, resolution, resolution]` in
    [-1, 1].
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        units, norm = UNITS * spec.width, spec.generator_norm
        self.image_shape = (spec.channels, spec.resolution, spec.resolution)
        self.code = spec.condition.code(spec.latent_size)
        self.hidden = nn.Sequential()
        for before, after in pairwise([self.code.size, units, units, units]):
            linear = nn.Linear(before, after, bias=norm != "batch")
            nn.init.kaiming_normal_(linear.weight)
            self.hidden.extend([linear, generator_normalisation(norm, after, nn.BatchNorm1d), nn.ReLU()])
        self.last = nn.Linear(units, spec.channels * spec.resolution**2)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        pixels = self.last(self.hidden(self.code(latents, labels)))
        images: Tensor = torch.tanh(pixels).unflatten(1, self.image_shape)
        return images


class Discriminator(nn.Module):
    """Map an image and its label to a logit, which is large for real images.

    `spec.discriminator_norm` is none, batch or spectral.

    `forward(images: float [N, channels, resolution, resolution] in [-1, 1], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, spec: PairSpec) -> None:
        super().__init__()
        units, norm = UNITS * spec.width, spec.discriminator_norm
        self.first = nn.Sequential(nn.Linear(spec.channels * spec.resolution**2, units), nn.LeakyReLU(0.2))
        self.second = _hidden_layer(units, units, norm)
        self.third = _hidden_layer(units, units, norm)
        self.head = spec.condition.head(units)
        if norm == "spectral":
            normalise_spectra(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.third(self.second(self.first(images.flatten(1))))
        logits: Tensor = self.head(features, labels)
        return logits


def _hidden_layer(before: int, after: int, norm: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(before, after, bias=norm != "batch"),
        discriminator_normalisation(norm, after, nn.BatchNorm1d),
        nn.LeakyReLU(0.2),
    )
