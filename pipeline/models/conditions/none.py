"""Request nothing of records: both networks ignore labels, and records have none."""

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
    """Request nothing: any value means the same."""

    groups = 1

    @staticmethod
    def conditioned_on(_classes: int) -> int:
        """Return 0, whatever classes the data has."""
        return 0

    def group(self, values: Tensor) -> Tensor:
        """Put all values into one group."""
        return torch.zeros_like(values)

    def code(self, latent_size: int) -> LatentCode:
        """Return a layer that passes on the latent alone."""
        return LatentCode(latent_size)

    def head(self, features: int) -> LogitHead:
        """Return a head that is linear in the features."""
        return LogitHead(features)

    def cycle(self, weights: Mapping[str, int] | None, _names: Sequence[str]) -> "NDArray[np.int64]":
        """Return one value, 0, since the same is requested of all records.

        Raises:
            UserError: a class has a weight.
        """
        import numpy as np  # which training does without

        if weights:
            raise UserError(f"sample.labels.{min(weights)}: the model has no such class; its classes: none.")
        return np.zeros(1, np.int64)

    def labels(self, _values: Values) -> None:
        """Return None: no class was requested, so none is known."""

    def label_names(self, _classes: Sequence[str]) -> list[str]:
        """Return no names, since there is no column of labels."""
        return []


CONDITION = Nothing
