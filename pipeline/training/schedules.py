"""Compute how rates and weights change over a run, as functions of the share of the budget that is spent."""

import math


def falling(shape: str, spent: float) -> float:
    """Return a factor that falls from 1 at `spent` 0 to 0 at `spent` 1 ("cosine" or "linear"), or stays 1 ("constant")."""
    if shape == "constant":
        return 1.0
    return (1 + math.cos(math.pi * spent)) / 2 if shape == "cosine" else 1 - spent


def learning_rate(images_seen: int, *, total: int, warmup: int, shape: str, first: float, final: float) -> float:
    """Return the learning rate after `images_seen` of `total` images.

    It warms up linearly over `warmup` images, and falls from `first` to `final`.
    """
    rate = final + (first - final) * falling(shape, min(images_seen / total, 1))
    return rate * min((images_seen + 1) / warmup, 1) if warmup else rate


def penalty_strength(images_seen: int, *, total: int, final_share: float) -> float:
    """Return the factor of the penalty's weight: 1 at first, `final_share` at the end (R3GAN lets it fall tenfold)."""
    return final_share + (1 - final_share) * falling("cosine", min(images_seen / total, 1))
