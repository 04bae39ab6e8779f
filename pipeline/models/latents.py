"""Latents and labels addressed by index: record i gets the same ones whoever asks, in whatever order.

The stream is Philox4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter and a key in,
four words out. Each record owns a fixed run of counters, one word for each number of its latent.
"""

import math

import numpy as np
import torch
from numpy.random import Philox
from scipy.special import ndtr, ndtri
from torch import Tensor

WORDS_PER_COUNTER = 4
LATENT_STREAM = 0x6C6174656E74  # the second half of the key; another use of the same seed takes another


def latents(seed: int, first: int, count: int, size: int, prior: str, truncation: float | None = None) -> Tensor:
    """Latents of the records `first .. first + count - 1`: `float [count, size]`.

    `normal`: standard normal, by inversion, so that each number costs exactly one word. `uniform`: on [-1, 1].
    With a truncation no number is beyond it, as if those that were had been drawn again (Brock et al. 2019,
    arXiv:1809.11096, the truncation trick): more typical images, less variety.
    """
    counters = math.ceil(size / WORDS_PER_COUNTER)
    position = first * counters
    stream = Philox(key=[seed, LATENT_STREAM], counter=[position % 2**64, position >> 64, 0, 0])
    words = stream.random_raw(count * counters * WORDS_PER_COUNTER).reshape(count, -1)[:, :size]
    uniform = ((words >> 12) + 0.5) * 2.0**-52  # exact, and never 0 or 1
    if prior == "normal":
        share_below = 0.0 if truncation is None else ndtr(-truncation)
        values = ndtri(share_below + uniform * (1 - 2 * share_below))
    else:
        values = (2 * uniform - 1) * (1.0 if truncation is None else min(truncation, 1.0))
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def balanced_labels(first: int, count: int, classes: int) -> Tensor:
    """Labels of the records `first .. first + count - 1`: `int64 [count]`.

    They go round, so the first n records are balanced for every n, to within one image a class. Of no classes (an
    unconditional pair, which ignores labels) all are 0.
    """
    return torch.arange(first, first + count) % max(classes, 1)


def path_between(first: Tensor, last: Tensor, count: int, prior: str) -> Tensor:
    """`count` latents from `first` to `last` (`float [size]`): `float [count, size]`.

    Between normal latents along the arc, whose points are as long as the ends (a straight line passes too near to 0,
    where no latent ever is); between uniform ones along the line, and between ends of one direction, or of opposite ones.
    """
    shares = torch.linspace(0, 1, count)[:, None]
    angle = torch.acos((first / first.norm() * last / last.norm()).sum().clamp(-1, 1))
    if prior == "uniform" or torch.sin(angle) < 1e-3:
        return torch.lerp(first, last, shares)
    return (torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last) / torch.sin(angle)
