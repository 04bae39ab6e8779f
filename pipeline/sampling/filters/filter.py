"""What every filter offers. The config loads filters for their keys, so torch and NumPy are not imported here, nor in `kinds`."""

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
    """What a filter looks at: images as a reader would see them, `uint8 [N, C, H, W]`, and what is known of them."""

    images: Tensor
    labels: Tensor  # int64 [N]; of an unconditional pair all 0
    log_ratios: NDArray[np.float32]  # [N], the calibrated logits
    chances: NDArray[np.float64]  # [N], between 0 and 1, drawn for this purpose

    def only(self, rows: NDArray[np.int64]) -> Candidates:
        """Those in `rows`."""
        return Candidates(self.images[rows], self.labels[rows], self.log_ratios[rows], self.chances[rows])


class Filter(Protocol):
    """A filter that is ready to use; it is sent to the workers as it is."""

    @property
    def kind(self) -> str:
        """Its name in the config."""
        ...

    @property
    def description(self) -> dict[str, object]:
        """What it was fitted to, as the manifest says it: two filters that say the same do the same."""
        ...

    def accepts(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which of the candidates pass, `[N]`."""
        ...


class NearestImage(Protocol):
    """Distances to the nearest training image, by the embedder's features; it can be sent to the workers."""

    @property
    def description(self) -> dict[str, object]:
        """What is measured with and on: digests."""
        ...

    def distances(self, images: Tensor) -> Tensor:
        """`uint8 [N, C, H, W]` -> `float [N]`."""
        ...


class Fitting(Protocol):
    """What a filter can be fitted by. Nothing is computed or read before it is asked for."""

    @property
    def classes(self) -> int:
        """The classes of the model; 0 where it has no labels."""
        ...

    @property
    def discriminates(self) -> bool:
        """Whether the discriminator tells real images from generated ones better than a coin."""
        ...

    def generated(self, images_per_label: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return calibrated logits and labels, `[N]` each, of so many generated images of each label that occurs."""
        ...

    def nearest_training_image(self) -> NearestImage:
        """Return what measures how near a training image is.

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
    """One kind of filter: the entry that its file gives to the registry."""

    keys: type[Keys]  # in the config; `kind` is the file's name
    fit: Callable[[Keys, Fitting], Filter]
    effect: str  # what it does, as the dataset's card says it
    remedy: str  # what to change where too little passes, in the imperative
