"""Define what the architectures share: feature-map sizes, normalisation, and the two layers that conditions extend."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

BASE = 4  # px: side of the first feature maps of a generator and of the last ones of a discriminator


def stage_count(resolution: int) -> int:
    """Return the number of doublings between `BASE` and `resolution` (px).

    Raises:
        ValueError: the resolution is no power of two from 8.
    """
    stages = (resolution // BASE).bit_length() - 1
    if stages < 1 or resolution != BASE * 2**stages:
        raise ValueError(f"resolution is {resolution} px: a convolutional pair needs a power of two, at least 8")
    return stages


def stage_widths(resolution: int, width: int) -> list[int]:
    """Return the channels at 4, 8 .. `resolution` px.

    There are `width` channels at the end, twice as many per halving, and at most 8 times as many.
    """
    stages = stage_count(resolution)
    return [width * min(2 ** (stages - stage), 8) for stage in range(stages + 1)]


def pixel_norm(maps: Tensor) -> Tensor:
    """Scale the feature vector of each pixel to mean square 1: `float [N, C, ...]` in and out.

    See Karras et al. 2018, arXiv:1710.10196, section 4.2.
    """
    # By the length, since the derivative of a mean of squares takes several times as long on a CPU.
    lengths = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    return maps * torch.rsqrt(lengths.square() / maps.shape[1] + 1e-8)


class PixelNorm(nn.Module):
    """Apply `pixel_norm` as a layer."""

    def forward(self, maps: Tensor) -> Tensor:
        return pixel_norm(maps)


def generator_normalisation(kind: str, channels: int, batch_norm: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    """Return the layer that normalises a generator's features of `channels` channels.

    `kind` is pixel, batch (in the class `batch_norm`) or none; another one raises a ValueError.
    """
    if kind not in ("pixel", "batch", "none"):
        raise ValueError(f"generator_norm is {kind!r}: pixel, batch or none are known")
    return {"pixel": PixelNorm, "batch": lambda: batch_norm(channels), "none": nn.Identity}[kind]()


def discriminator_normalisation(kind: str, channels: int, batch_norm: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    """Return the layer that normalises a discriminator's features of `channels` channels.

    `kind` is none, batch (in the class `batch_norm`) or spectral, which normalises weights and no features
    (`normalise_spectra`). Another one raises a ValueError.
    """
    if kind not in ("none", "batch", "spectral"):
        raise ValueError(f"discriminator_norm is {kind!r}: none, batch or spectral are known")
    return batch_norm(channels) if kind == "batch" else nn.Identity()


def normalise_spectra(discriminator: nn.Module) -> None:
    """Divide the weight of every layer, embeddings included, by its largest singular value from now on.

    A forward pass in training mode does one power iteration (Miyato et al. 2018, arXiv:1802.05957). Call this after
    initialisation, which would otherwise write to the normalised copy of a weight.
    """
    for layer in list(discriminator.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)


class VectorToMap(nn.ConvTranspose2d):
    """Compute a transposed convolution of a single pixel as the matrix product that it is.

    `forward(vectors: float [N, size, 1, 1]) -> float [N, C, side, side]`. On CPUs the convolution takes several times
    as long as the product.
    """

    def __init__(self, size: int, channels: int, side: int, *, bias: bool) -> None:
        super().__init__(size, channels, side, bias=bias)

    def forward(self, vectors: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: ARG002  # of the base
        # Channels last, as they lie in memory: nothing is copied.
        weight = self.weight.permute(2, 3, 1, 0)  # side, side, channels, size
        maps: Tensor = (
            F.linear(vectors.flatten(1), weight.flatten(0, 2)).unflatten(1, weight.shape[:3]).permute(0, 3, 1, 2)
        )
        return maps if self.bias is None else maps + self.bias[:, None, None]


class LatentCode(nn.Module):
    """Build a generator's input: the latent, to which conditions add what they request. `size` is its number of values.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, size]`.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002  # of conditions
        return latents


class LogitHead(nn.Module):
    """Compute a discriminator's output, linear in the features; conditions add how these agree with the request.

    `forward(features: float [N, features], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.logit = nn.Linear(features, 1)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002  # of conditions
        logits: Tensor = self.logit(features).squeeze(1)
        return logits
