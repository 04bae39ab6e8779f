"""Apply the two networks in batches of a fixed size: latents to pixels, pixels to logits."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipeline.models.pair import to_network, to_pixels
from pipeline.models.spec import PairSpec


def generate_pixels(
    generator: nn.Module, spec: PairSpec, latents: Tensor, labels: Tensor, *, batch_size: int, precision: str
) -> Tensor:
    """Generate images on the CPU: `(float [N, latent_size], int64 [N]) -> uint8 [N, *spec.shape]`."""

    def generate(z: Tensor, y: Tensor) -> Tensor:
        return to_pixels(generator(z, y), spec.shape)

    return _in_batches(generate, generator, latents, labels, batch_size, precision)


def discriminate(
    discriminator: nn.Module, spec: PairSpec, images: Tensor, labels: Tensor, *, batch_size: int, precision: str
) -> Tensor:
    """Return the discriminator's logits on the CPU: `(uint8 [N, *spec.shape], int64 [N]) -> float [N]`."""

    def score(pixels: Tensor, y: Tensor) -> Tensor:
        logits: Tensor = discriminator(to_network(pixels, spec.resolution), y)
        return logits.float()

    return _in_batches(score, discriminator, images, labels, batch_size, precision)


@torch.no_grad()
def _in_batches(
    function: Callable[[Tensor, Tensor], Tensor],
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    batch_size: int,
    precision: str,
) -> Tensor:
    """Return the results of `function`, which uses `network`, for batches of inputs and labels on the network's device."""
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        return torch.cat(
            [
                function(x.to(device), y.to(device)).cpu()
                for x, y in zip(inputs.split(batch_size), labels.split(batch_size), strict=True)
            ]
        )
