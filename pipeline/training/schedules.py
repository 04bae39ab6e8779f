"""How rates and weights change over a run: functions of the share of the budget that is spent."""

import math


def falling(shape: str, spent: float) -> float:
    """From 1 at `spent` 0 to 0 at `spent` 1: "cosine" or "linear"; "constant" stays 1."""
    if shape == "constant":
        return 1.0
    return (1 + math.cos(math.pi * spent)) / 2 if shape == "cosine" else 1 - spent


def learning_rate(images_seen: int, *, total: int, warmup: int, shape: str, first: float, final: float) -> float:
    """The rate after `images_seen` of `total` images: linear warm-up over `warmup`, then from `first` to `final`."""
    rate = final + (first - final) * falling(shape, min(images_seen / total, 1))
    return rate * min((images_seen + 1) / warmup, 1) if warmup else rate


def penalty_strength(images_seen: int, *, total: int, final_share: float) -> float:
    """What the penalty's weight is multiplied by: 1 at first, `final_share` at the end (R3GAN lets it fall tenfold)."""
    return final_share + (1 - final_share) * falling("cosine", min(images_seen / total, 1))
