"""Using the two networks in batches of a fixed size: latents to pixels, pixels to logits."""

import torch
from torch import Tensor, nn

from pipeline.models.pair import to_network, to_pixels
from pipeline.models.spec import PairSpec


@torch.no_grad()
def generate_pixels(
    generator: nn.Module, spec: PairSpec, latents: Tensor, labels: Tensor, *, batch_size: int, precision: str
) -> Tensor:
    """`(float [N, latent_size], int64 [N]) -> uint8 [N, C, image_size, image_size]`, on the CPU."""
    device = next(generator.parameters()).device
    images = []
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for z, y in zip(latents.split(batch_size), labels.split(batch_size), strict=True):
            images.append(to_pixels(generator(z.to(device), y.to(device)), spec.image_size).cpu())
    return torch.cat(images)


@torch.no_grad()
def discriminate(
    discriminator: nn.Module, spec: PairSpec, images: Tensor, labels: Tensor, *, batch_size: int, precision: str
) -> Tensor:
    """`(uint8 [N, C, image_size, image_size], int64 [N]) -> logits float [N]`, on the CPU."""
    device = next(discriminator.parameters()).device
    logits = []
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for pixels, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            logits.append(discriminator(to_network(pixels.to(device), spec.resolution), y.to(device)).float().cpu())
    return torch.cat(logits)
