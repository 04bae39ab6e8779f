"""What candidates are refused for: being rarer among real images than among generated ones, or a copy of a training image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.embedding.embedder import Embedder
from pipeline.embedding.nearest import nearest_distances

ATTEMPTS = (
    1_000  # at density_ratio's strictest, 0.05, no record of any dataset finds nothing in as many (0.95^1000 = 5e-23)
)
Accepted = NDArray[np.bool_]  # [N]


@dataclass(frozen=True)
class Candidates:
    """What a filter looks at: images as a reader would see them, `uint8 [N, C, H, W]`, and what is known of them."""

    images: Tensor
    labels: Tensor  # int64 [N]; of an unconditional pair all 0
    log_ratios: NDArray[np.float32]  # [N], the calibrated logits
    chances: NDArray[np.float64]  # [N], between 0 and 1, drawn for this purpose

    def only(self, rows: NDArray[np.int64]) -> "Candidates":
        """Those in `rows`."""
        kept = torch.from_numpy(rows)
        return Candidates(self.images[kept], self.labels[kept], self.log_ratios[rows], self.chances[rows])


class Filter(Protocol):
    """A filter that is ready to use; it is sent to the workers as it is."""

    @property
    def kind(self) -> str:
        """Its name in the config."""
        ...

    @property
    def about(self) -> dict[str, Any]:
        """What it was fitted to, as the manifest says it: two filters that say the same do the same."""
        ...

    def accepts(self, candidates: Candidates) -> Accepted:
        """Which of the candidates pass."""
        ...


@dataclass(frozen=True)
class DensityRatio:
    """Rejection by the discriminator's ratio of densities, after Azadi et al. 2019 (arXiv:1810.06758).

    A candidate passes with probability min(1, r / c), r the ratio of the densities of real and generated images there. Were
    c the largest ratio of all, as in the paper with its gamma at 0, what passes would be distributed as real images are; but next
    to nothing would pass. The paper's gamma shifts a logit to pass more; here c is lowered until the share asked for passes.
    """

    log_bounds: list[float]  # log c of each label
    kind = "density_ratio"

    @property
    def about(self) -> dict[str, Any]:
        """The bounds."""
        return {"kind": self.kind, "log_bounds": self.log_bounds}

    def accepts(self, candidates: Candidates) -> Accepted:
        """By the chance drawn for each."""
        bounds = np.array(self.log_bounds)[candidates.labels.numpy()]
        return np.asarray(np.log(candidates.chances) < candidates.log_ratios - bounds)


@dataclass(frozen=True)
class NearCopy:
    """Refuses what is too near to any training image, by the embedder's features."""

    embedder: Embedder
    references: Tensor  # features of the training images, float [M, features]
    nearest_allowed: list[float]  # for each label
    training_digest: str
    kind = "near_copy"

    @property
    def about(self) -> dict[str, Any]:
        """The distances, and what they were measured with and on."""
        return {
            "kind": self.kind,
            "nearest_allowed": self.nearest_allowed,
            "embedder": self.embedder.digest,
            "data": self.training_digest,
        }

    def accepts(self, candidates: Candidates) -> Accepted:
        """Those farther away than the distance allowed to their class."""
        distances = nearest_distances(self.embedder.features(candidates.images), self.references)
        allowed = torch.tensor(self.nearest_allowed)[candidates.labels]
        return np.asarray((distances > allowed).numpy())


def first_refusals(filters: Sequence[Filter], candidates: Candidates) -> NDArray[np.int64]:
    """The number of the filter that refuses each candidate, -1 where none does; a later one sees what earlier ones let pass."""
    refused_by = np.full(len(candidates.labels), -1)
    for number, each in enumerate(filters):
        left = np.flatnonzero(refused_by < 0)
        if len(left):
            refused_by[left[~each.accepts(candidates.only(left))]] = number
    return refused_by
