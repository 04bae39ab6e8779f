"""Generating pixels from latents, in batches of a fixed size."""

import torch
from torch import Tensor, nn

from pipeline.models.pair import to_pixels
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
