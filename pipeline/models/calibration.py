"""What turns a discriminator's logit into an estimate of log p_data / p_model: a line for each group of a condition.

A discriminator that is the best there is gives the ratio of densities itself (Goodfellow et al. 2014, proposition 1).
One that was trained with another loss, or against a generator that moved on, has its scale and its zero elsewhere
(Platt scaling: Platt 1999).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Calibration:
    """Slope and offset for each group of a condition: of each class, or one of each for an unconditional pair."""

    slopes: list[float]
    offsets: list[float]

    def fits(self, groups: int) -> bool:
        """Whether it is one for so many groups."""
        return all(
            isinstance(values, list)
            and len(values) == groups
            and all(isinstance(v, float) and math.isfinite(v) for v in values)
            for values in (self.slopes, self.offsets)
        )

    @classmethod
    def none(cls, groups: int) -> "Calibration":
        """Leaves logits as they are."""
        return cls([1.0] * groups, [0.0] * groups)

    def log_ratios(self, logits: Tensor, groups: Tensor) -> Tensor:
        """`(float [N], int64 [N]) -> float [N]`, natural logarithms."""
        return torch.tensor(self.slopes)[groups] * logits + torch.tensor(self.offsets)[groups]
