"""Calibrate a discriminator's logit to an estimate of log p_data / p_model, by a line for each group of a condition.

The best possible discriminator gives the ratio of densities itself (Goodfellow et al. 2014, proposition 1). One that
was trained with another loss, or against a generator that moved on, has another scale and another zero (Platt scaling:
Platt 1999).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Calibration:
    """Hold slope and offset for each group of a condition: of each class, or one of each for an unconditional pair."""

    slopes: list[float]
    offsets: list[float]

    def fits(self, groups: int) -> bool:
        """Return whether it has a finite slope and offset for each of so many groups."""
        return all(
            isinstance(values, list)
            and len(values) == groups
            and all(isinstance(v, float) and math.isfinite(v) for v in values)
            for values in (self.slopes, self.offsets)
        )

    @classmethod
    def none(cls, groups: int) -> "Calibration":
        """Return the calibration that leaves logits as they are."""
        return cls([1.0] * groups, [0.0] * groups)

    def log_ratios(self, logits: Tensor, groups: Tensor) -> Tensor:
        """Return the calibrated logits as natural logarithms of the ratio: `(float [N], int64 [N]) -> float [N]`."""
        return torch.tensor(self.slopes)[groups] * logits + torch.tensor(self.offsets)[groups]
