"""Measure how well a generator can make a given image: what an attacker finds who has the generator itself."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.models.latents import latents
from pipeline.models.pair import without_margins
from pipeline.models.weights import TrainedPair

STARTS = 64  # random latents; the search begins at the one whose image is nearest
STEPS = 100
LEARNING_RATE = 0.05  # Adam's, in units of the latent's standard deviation
BATCH = 125
SEED = 2**32 - 2  # no dataset's records are made with it


def reconstruction_errors(
    pair: TrainedPair, images: Tensor, labels: Tensor, on_images: Callable[[int], None] = lambda _: None
) -> Tensor:
    """Return how far each image lies from the nearest one that is found among those the generator can make.

    The distance is the mean squared error, in units of [-1, 1]. The latent is searched by gradient, from the best of
    several random ones (Chen et al. 2020, arXiv:1909.03935, the white-box attack of section 4.3). A thousand images
    take minutes on a CPU.

    Args:
        pair: as trained.
        images: `uint8 [N, C, H, W]`.
        labels: `int64 [N]`; an unconditional generator ignores them.
        on_images: called with each number of images that are done.

    Returns:
        `float [N]`.
    """
    found = []
    for part in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        found.append(_of_batch(pair, *part))
        on_images(len(part[0]))
    return torch.cat(found)


def _of_batch(pair: TrainedPair, images: Tensor, labels: Tensor) -> Tensor:
    spec = pair.spec
    target = images.float() / 127.5 - 1
    starts = latents(SEED, 0, STARTS, spec.latent_size, spec.latent_prior)

    def errors(z: Tensor) -> Tensor:
        made = without_margins(pair.generator(z, labels), spec.shape)
        return (made - target).square().flatten(1).mean(dim=1)

    with torch.no_grad():
        found = torch.stack([errors(start.expand(len(images), -1)) for start in starts]).argmin(dim=0)
    z = starts[found].clone().requires_grad_()
    best = torch.full((len(images),), torch.inf)
    optimizer = torch.optim.Adam([z], LEARNING_RATE)
    for _ in range(STEPS):
        current = errors(z)
        best = torch.minimum(best, current.detach())
        optimizer.zero_grad()
        current.sum().backward(inputs=[z])
        optimizer.step()
        if spec.latent_prior == "uniform":
            with torch.no_grad():
                z.clamp_(-1, 1)
    with torch.no_grad():
        return torch.minimum(best, errors(z))
