"""How sure a figure is: its spread over random halves of what it was measured on."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

ROUNDS = 20  # an error is itself known to a sixth: 1 / sqrt(2 * 20)

Part = tuple[Tensor, ...]  # tensors with a row for each image of one set


def standard_errors(measure: Callable[..., Mapping[str, float]], *sets: Part, rounds: int = ROUNDS) -> dict[str, float]:
    """The standard error of each figure that `measure` makes of sets of images, by its name with `_error`.

    `measure` is handed each set, a tuple of tensors with a row for each image. In each round it is handed a random half of each
    set's rows, drawn without repeats: the mean of n / 2 out of n values varies as much from draw to draw as the mean of n new
    values does (half-sampling; Politis & Romano 1994, doi:10.1214/aos/1176325770, with the correction for drawing from a finite
    set, 1 - 1/2). A bootstrap with repeats would not do: a repeat is its own nearest neighbour. Of a figure that depends on the
    number of images, as a Fréchet distance does, the halves' values are off, and only their spread is used. A figure that some
    half has not (NaN) has no error.
    """
    random = torch.Generator().manual_seed(0)
    drawn = [measure(*(_half(part, random) for part in sets)) for _ in range(rounds)]
    errors = {f"{name}_error": float(np.std([figures[name] for figures in drawn], ddof=1)) for name in drawn[0]}
    return {name: error for name, error in errors.items() if math.isfinite(error)}


def with_errors(measure: Callable[..., Mapping[str, float]], *sets: Part) -> dict[str, float]:
    """Return the figures that `measure` makes of sets of images, and their standard errors."""
    return {**measure(*sets), **standard_errors(measure, *sets)}


def _half(part: Part, random: torch.Generator) -> Part:
    rows = torch.randperm(len(part[0]), generator=random)[: len(part[0]) // 2]
    return tuple(each[rows] for each in part)


def random_subset(points: Tensor, count: int) -> Tensor:
    """Return `count` of them, or all: the same random choice each time, of images as of their labels."""
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
