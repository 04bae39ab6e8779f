"""Estimate how sure a metric is: its spread over random halves of what it was measured on."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

ROUNDS = 20  # an error is itself known to a sixth: 1 / sqrt(2 * 20)

Part = tuple[Tensor, ...]  # tensors with a row for each image of one set


def standard_errors(measure: Callable[..., Mapping[str, float]], *sets: Part, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the standard error of each metric that `measure` returns for sets of images, by its name with `_error`.

    `measure` is handed each set, a tuple of tensors with a row for each image. In each round it gets a random half of
    each set's rows, without repeats. The mean of n / 2 out of n values varies as much between choices as the mean of n
    new values does. That is half-sampling (Politis & Romano 1994, doi:10.1214/aos/1176325770) with the correction for
    choosing from a finite set, 1 - 1/2. A bootstrap with repeats would not do: a repeat is its own nearest neighbour.

    A metric that depends on the number of images, as a Fréchet distance does, is off on halves, and only its spread is
    used. A metric that is NaN on any half has no error.
    """
    random = torch.Generator().manual_seed(0)
    drawn = [measure(*(_half(part, random) for part in sets)) for _ in range(rounds)]
    errors = {f"{name}_error": float(np.std([metrics[name] for metrics in drawn], ddof=1)) for name in drawn[0]}
    return {name: error for name, error in errors.items() if math.isfinite(error)}


def with_errors(measure: Callable[..., Mapping[str, float]], *sets: Part) -> dict[str, float]:
    """Return the metrics that `measure` returns for sets of images, and their standard errors."""
    return {**measure(*sets), **standard_errors(measure, *sets)}


def _half(part: Part, random: torch.Generator) -> Part:
    rows = torch.randperm(len(part[0]), generator=random)[: len(part[0]) // 2]
    return tuple(each[rows] for each in part)


def random_subset(points: Tensor, count: int) -> Tensor:
    """Return `count` of the points, or all: the same random choice each time, of images as of their labels."""
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
