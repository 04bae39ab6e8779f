"""Address latents and labels by index: record i gets the same ones whoever asks, in whatever order.

The stream is Philox4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). It maps a counter and a
key to four words. Each record owns a fixed run of counters, one word for each number of its latent.
"""

import math

import numpy as np
import torch
from numpy.random import Philox
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from torch import Tensor

WORDS_PER_COUNTER = 4
# The second half of the key: each use of a seed has its own.
LATENT_STREAM = 0x6C6174656E74
CHANCE_STREAM = 0x6368616E6365


def latents(
    seed: int, first: int, count: int, size: int, prior: str, truncation: float | None = None, attempt: int = 0
) -> Tensor:
    """Return the latents of the records `first .. first + count - 1`: `float [count, size]`.

    With the prior `normal` they are standard normal, by inversion, so that each number costs exactly one word. With
    `uniform` they are on [-1, 1]. With a truncation no number is beyond it, as if such numbers had been generated again
    (Brock et al. 2019, arXiv:1809.11096, the truncation trick). That gives more typical images and less variety. Each
    `attempt` at a record has its own latents.
    """
    uniform = _uniform(LATENT_STREAM, seed, first, count, size, attempt)
    if prior == "normal":
        share_below = 0.0 if truncation is None else ndtr(-truncation)
        values = ndtri(share_below + uniform * (1 - 2 * share_below))
    else:
        values = (2 * uniform - 1) * (1.0 if truncation is None else min(truncation, 1.0))
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def chances(seed: int, first: int, count: int, attempt: int) -> NDArray[np.float64]:
    """Return a number from 0 to 1 for an attempt at each of the records `first .. first + count - 1`: `float [count]`."""
    return _uniform(CHANCE_STREAM, seed, first, count, 1, attempt)[:, 0]


def _uniform(stream: int, seed: int, first: int, count: int, size: int, attempt: int) -> NDArray[np.float64]:
    """Return uniform random numbers, `float [count, size]`, above 0 and below 1."""
    counters = math.ceil(size / WORDS_PER_COUNTER)
    position = first * counters
    philox = Philox(key=[seed, stream], counter=[position % 2**64, position >> 64, attempt, 0])
    words = philox.random_raw(count * counters * WORDS_PER_COUNTER).reshape(count, -1)[:, :size]
    return np.asarray(((words >> 12) + 0.5) * 2.0**-52)  # exact


def balanced_labels(first: int, count: int, classes: int) -> Tensor:
    """Return the labels of the records `first .. first + count - 1`: `int64 [count]`.

    They repeat in a cycle, so the first n records are balanced for every n, to within one image a class. With no
    classes (an unconditional pair, which ignores labels) all are 0.
    """
    return torch.arange(first, first + count) % max(classes, 1)


def interpolate(first: Tensor, last: Tensor, count: int, prior: str) -> Tensor:
    """Return `count` latents from `first` to `last` (`float [size]`): `float [count, size]`.

    Normal latents are interpolated along the arc, whose points are as long as both ends. A straight line would pass too
    near to 0, where no latent ever is. Uniform latents are interpolated along the line, and so are ends of one
    direction, or of opposite ones.
    """
    shares = torch.linspace(0, 1, count)[:, None]
    angle = torch.acos((first / first.norm() * last / last.norm()).sum().clamp(-1, 1))
    if prior == "uniform" or torch.sin(angle) < 1e-3:
        return torch.lerp(first, last, shares)
    return (torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last) / torch.sin(angle)
