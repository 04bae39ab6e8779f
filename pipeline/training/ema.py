"""Maintain the moving average of the generator, which is what is shown, measured and shipped."""

import torch
from torch import nn


def ema_decay(images_seen: int, batch_size: int, half_life_images: int) -> float:
    """Return the weight of the old average, for a half-life in images.

    Early on the half-life is shorter: at most 5 % of the images seen.
    """
    half_life = max(min(half_life_images, 0.05 * images_seen), 1e-8)
    return float(0.5 ** (batch_size / half_life))


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move `average` towards `model`; buffers (batch norm statistics, which are averages already) are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for old, new in zip(average.buffers(), model.buffers(), strict=True):
        old.copy_(new)
