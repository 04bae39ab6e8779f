"""Define what every filter offers.

The config loads filters for their keys, so neither this module nor `kinds` imports torch or NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pipeline.base.section import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

# At density_ratio's strictest, 0.05, no record of any dataset finds nothing in as many (0.95^1000 = 5e-23).
ATTEMPTS = 1_000
Keys = TypeVar("Keys", bound=Section)


@dataclass(frozen=True)
class Candidates:
    """Hold images that a filter decides on, `uint8 [N, C, H, W]` as a reader would see them, and what is known of them."""

    images: Tensor
    labels: Tensor  # int64 [N]; of an unconditional pair all 0
    log_ratios: NDArray[np.float32]  # [N], the calibrated logits
    chances: NDArray[np.float64]  # [N], between 0 and 1, drawn for this purpose

    def only(self, rows: NDArray[np.int64]) -> Candidates:
        """Return the candidates in `rows`."""
        return Candidates(self.images[rows], self.labels[rows], self.log_ratios[rows], self.chances[rows])


class Filter(Protocol):
    """Decide which candidates may become records.

    A filter is ready to use: it is sent to the workers as it is.
    """

    @property
    def kind(self) -> str:
        """Return the name of the filter's kind in the config."""
        ...

    @property
    def description(self) -> dict[str, object]:
        """Return what the filter was fitted to, for the manifest.

        Two filters with equal descriptions accept the same candidates.
        """
        ...

    def accepts(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which of the candidates pass, `[N]`."""
        ...


class NearestImage(Protocol):
    """Measure distances to the nearest training image, by the embedder's features; it can be sent to the workers."""

    @property
    def description(self) -> dict[str, object]:
        """Return the digests of the embedder and the data that distances are measured with."""
        ...

    def distances(self, images: Tensor) -> Tensor:
        """Return the distance of each image to its nearest training image: `uint8 [N, C, H, W]` -> `float [N]`."""
        ...


class Fitting(Protocol):
    """Offer what a filter can be fitted with. Nothing is computed or read before a filter requests it."""

    @property
    def classes(self) -> int:
        """Return the number of classes of the model; 0 where it has no labels."""
        ...

    @property
    def discriminates(self) -> bool:
        """Return whether the discriminator tells real images from generated ones better than a coin."""
        ...

    def generated(self, images_per_label: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return calibrated logits and labels, `[N]` each, of generated images.

        There are `images_per_label` images of each label that occurs.
        """
        ...

    def nearest_training_image(self) -> NearestImage:
        """Return an object that measures the distance to the nearest training image.

        Raises:
            UserError: the data at hand is not what the model was trained on.
        """
        ...

    def validation_distances(self) -> tuple[Tensor, Tensor]:
        """Return the distance of each image of `validation` to its nearest training image, `float [N]`, and labels, `int64 [N]`.

        Raises:
            UserError: the data at hand is not what the model was trained on.
        """
        ...


@dataclass(frozen=True)
class FilterKind(Generic[Keys]):
    """Describe one kind of filter: the entry that its file gives to the registry."""

    keys: type[Keys]  # in the config; `kind` is the file's name
    fit: Callable[[Keys, Fitting], Filter]
    effect: str  # what it does, as the dataset's card says it
    remedy: str  # what to change where too little passes, in the imperative
