"""Hold what programs are handed: one record, or the images that a model generated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, eq=False)
class Record:
    """Hold one record of a dataset.

    Attributes:
        index: its number in the dataset, from 0 on.
        image: `uint8 [H, W, C]`, 0 to 255; C is 1 (grey) or 3 (RGB).
        label: the number of its class; None in a dataset without classes.
        class_name: the name of its class; None in a dataset without classes.
        logit: calibrated estimate of log p_data / p_model: the greater, the more real the discriminator finds the image.
        content: the encoded image, as the shard stores it.
    """

    index: int
    image: NDArray[np.uint8]
    label: int | None
    class_name: str | None
    logit: float
    content: bytes

    def pil(self) -> Image.Image:
        """Return the image for Pillow, of mode L (grey) or RGB."""
        return _pil(self.image)


@dataclass(frozen=True, eq=False)
class Images:
    """Hold N images that a model generated, and what is known of them.

    Attributes:
        images: `uint8 [N, H, W, C]`, 0 to 255; C is 1 (grey) or 3 (RGB).
        labels: numbers of their classes, `int64 [N]`; None where the model has no classes.
        logits: as in `Record`, `float32 [N]`.
        indices: which records they are, `int64 [N]`; None where they were generated from given latents.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    logits: NDArray[np.float32]
    indices: NDArray[np.int64] | None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def pil(self) -> list[Image.Image]:
        """Return the images for Pillow, each of mode L (grey) or RGB."""
        return [_pil(image) for image in self.images]


def _pil(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
