"""What turns a discriminator's logit into an estimate of log p_data / p_model: a line for each class.

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
    """Slope and offset for each label; one of each for an unconditional pair, whose labels are all 0."""

    slopes: list[float]
    offsets: list[float]

    def fits(self, classes: int) -> bool:
        """Whether it is one for so many classes."""
        return all(
            isinstance(values, list)
            and len(values) == max(classes, 1)
            and all(isinstance(v, float) and math.isfinite(v) for v in values)
            for values in (self.slopes, self.offsets)
        )

    @classmethod
    def none(cls, classes: int) -> "Calibration":
        """Leaves logits as they are."""
        return cls([1.0] * max(classes, 1), [0.0] * max(classes, 1))

    def log_ratios(self, logits: Tensor, labels: Tensor) -> Tensor:
        """`(float [N], int64 [N]) -> float [N]`, natural logarithms."""
        rows = labels if len(self.slopes) > 1 else torch.zeros_like(labels)
        return torch.tensor(self.slopes)[rows] * logits + torch.tensor(self.offsets)[rows]
