"""Nothing is asked for: both networks ignore labels, and records have none."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.models.condition import Condition, Values
from pipeline.models.layers import LatentCode, LogitHead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Nothing(Condition):
    """Ask for nothing: any value means the same."""

    groups = 1

    @staticmethod
    def conditioned_on(_classes: int) -> int:
        """Return 0, whatever the data has."""
        return 0

    def group(self, values: Tensor) -> Tensor:
        """Put all into one group."""
        return torch.zeros_like(values)

    def code(self, latent_size: int) -> LatentCode:
        """Return a code of the latent alone."""
        return LatentCode(latent_size)

    def head(self, features: int) -> LogitHead:
        """Return a head that is linear in the features."""
        return LogitHead(features)

    def cycle(self, weights: Mapping[str, int] | None, _names: Sequence[str]) -> "NDArray[np.int64]":
        """Return one value, 0, since records do not differ in what they are asked for."""
        import numpy as np  # which training does without

        if weights:
            raise UserError(f"sample.labels.{min(weights)}: the model has no such class; its classes: none.")
        return np.zeros(1, np.int64)

    def labels(self, _values: Values) -> None:
        """Return None: nothing was asked for, so nothing is known."""

    def label_names(self, _classes: Sequence[str]) -> list[str]:
        """Return no names."""
        return []


CONDITION = Nothing
