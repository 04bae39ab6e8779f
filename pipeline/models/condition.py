"""Define what is requested of a record, and all that follows from it. Each condition is a file of `conditions`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from pipeline.models.layers import LatentCode, LogitHead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = TypeVar("Values")  # int64 [N], of torch or of NumPy


@dataclass(frozen=True)
class Condition(ABC):
    """Describe what is requested of the records of a pair: each request is a whole number, the record's value.

    Real images have values, too: their labels.
    """

    classes: int  # as in `PairSpec`

    @staticmethod
    @abstractmethod
    def conditioned_on(classes: int) -> int:
        """Return how many of the data's `classes` a pair is conditioned on, which becomes `PairSpec.classes`."""

    @property
    @abstractmethod
    def groups(self) -> int:
        """Return how many groups of values there are, at least one: the discriminator is calibrated for each by itself."""

    @abstractmethod
    def group(self, values: Tensor) -> Tensor:
        """Return the group of each value, from 0 on: `int64 [N]` in and out."""

    @abstractmethod
    def code(self, latent_size: int) -> LatentCode:
        """Return the layer that turns latents and values into a generator's input."""

    @abstractmethod
    def head(self, features: int) -> LogitHead:
        """Return the layer that turns features and values into a discriminator's logits."""

    @abstractmethod
    def cycle(self, weights: Mapping[str, int] | None, names: Sequence[str]) -> "NDArray[np.int64]":
        """Return the values of the records 0 to K - 1, after which they begin again: `int64 [K]`.

        Args:
            weights: the weights in `sample.labels`; None: balanced.
            names: the names that `label_names` returned.

        Raises:
            UserError: a weight is of a class that cannot be requested.
        """

    @abstractmethod
    def labels(self, values: Values) -> Values | None:
        """Return the labels of records with these values, which is the stored column, or None where there is none."""

    @abstractmethod
    def label_names(self, classes: Sequence[str]) -> list[str]:
        """Return the names of the stored labels, among the data's classes; empty where there is no such column."""
