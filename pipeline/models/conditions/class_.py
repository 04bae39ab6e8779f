"""Request a class: its embedding is part of the generator's input, its projection of the discriminator's logit."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline.models.condition import Condition, Values
from pipeline.models.layers import LatentCode, LogitHead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A class embedding as large as the noise invites the generator to ignore the noise, which shows as
# collapse within each class while the label accuracy stays perfect.
CLASS_EMBEDDING_DEVIATION = 0.3


class ClassCode(LatentCode):
    """Build a generator's input: the latent, followed by the embedding of the class.

    `forward(latents: float [N, latent_size], labels: int64 [N]) -> float [N, size]`.
    """

    def __init__(self, classes: int, latent_size: int) -> None:
        super().__init__(2 * latent_size)
        self.embedding = nn.Embedding(classes, latent_size)
        nn.init.normal_(self.embedding.weight, std=CLASS_EMBEDDING_DEVIATION)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([latents, self.embedding(labels)], dim=1)


class ProjectionHead(LogitHead):
    """Compute a discriminator's output, which is linear in the features, plus their projection on the class.

    See Miyato & Koyama 2018, arXiv:1802.05637.
    `forward(features: float [N, features], labels: int64 [N]) -> float [N]`.
    """

    def __init__(self, classes: int, features: int) -> None:
        super().__init__(features)
        self.embedding = nn.Embedding(classes, features)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(features))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = super().forward(features, labels) + (self.embedding(labels) * features).sum(dim=1)
        return logits


class OneOfClasses(Condition):
    """Request one of so many classes: values are labels, and each class is a group."""

    @staticmethod
    def conditioned_on(classes: int) -> int:
        """Return the number of classes, or 0 for a single class, on which conditioning would change nothing."""
        return classes if classes > 1 else 0

    @property
    def groups(self) -> int:
        """Return the number of classes."""
        return self.classes

    def group(self, values: Tensor) -> Tensor:
        """Return the labels, since each class is a group."""
        return values

    def code(self, latent_size: int) -> LatentCode:
        """Return a layer that joins the latent and the embedding of the class."""
        return ClassCode(self.classes, latent_size)

    def head(self, features: int) -> LogitHead:
        """Return a head that uses features and class."""
        return ProjectionHead(self.classes, features)

    def cycle(self, weights: Mapping[str, int] | None, names: Sequence[str]) -> "NDArray[np.int64]":
        """Return labels in proportion to the weights of their classes."""
        from pipeline.models.labels import label_cycle  # by NumPy, which training does without

        return label_cycle(weights, names)

    def labels(self, values: Values) -> Values:
        """Return the values, which are labels."""
        return values

    def label_names(self, classes: Sequence[str]) -> list[str]:
        """Return the names of all classes."""
        return list(classes)


CONDITION = OneOfClasses
