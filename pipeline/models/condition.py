"""What a record is asked for, and all that follows from it. Each condition is a file of `conditions`."""

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
    """What the records of a pair are asked for: of each, a whole number that stands for it, its value.

    Real images have values, too: their labels.
    """

    classes: int  # as in `PairSpec`

    @staticmethod
    @abstractmethod
    def conditioned_on(classes: int) -> int:
        """Return how many classes a pair for data of so many is conditioned on: `PairSpec.classes`."""

    @property
    @abstractmethod
    def groups(self) -> int:
        """Return how many groups of values there are, at least one: the discriminator is calibrated for each by itself."""

    @abstractmethod
    def group(self, values: Tensor) -> Tensor:
        """Return the group of each value, from 0 on: `int64 [N]` in and out."""

    @abstractmethod
    def code(self, latent_size: int) -> LatentCode:
        """Return the layer that makes a generator's input of latents and values."""

    @abstractmethod
    def head(self, features: int) -> LogitHead:
        """Return the layer that makes a discriminator's logits of so many features and of values."""

    @abstractmethod
    def cycle(self, weights: Mapping[str, int] | None, names: Sequence[str]) -> "NDArray[np.int64]":
        """Return the values of the records 0 to K - 1, after which they begin again: `int64 [K]`.

        Args:
            weights: of `sample.labels`; None: balanced.
            names: those that `label_names` returned.

        Raises:
            UserError: a weight is of no class that can be asked for.
        """

    @abstractmethod
    def labels(self, values: Values) -> Values | None:
        """Return the labels that records of these values bear: the column that is stored. None: there is none."""

    @abstractmethod
    def label_names(self, classes: Sequence[str]) -> list[str]:
        """Return the names of the stored labels, among those of the data's classes; none where there is no such column."""
