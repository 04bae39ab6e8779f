"""Small IDX files for the unit tests."""

import numpy as np
from numpy.typing import NDArray


def idx_images(images: NDArray[np.uint8]) -> bytes:
    """The content of an IDX file of `uint8 [N, H, W]`."""
    return np.array([2051, *images.shape], ">u4").tobytes() + images.tobytes()


def idx_labels(labels: NDArray[np.int64]) -> bytes:
    """The content of an IDX file of labels `[N]`."""
    return np.array([2049, len(labels)], ">u4").tobytes() + labels.astype(np.uint8).tobytes()


def four_idx_files() -> dict[str, bytes]:
    """Contents by name: 40 + 20 distinct images of 8x8 px in the classes 0 to 3."""
    random = np.random.default_rng(0)
    contents = {}
    for part, count in {"train": 40, "t10k": 20}.items():
        contents[f"{part}-images-idx3-ubyte"] = idx_images(random.integers(0, 256, (count, 8, 8), np.uint8))
        contents[f"{part}-labels-idx1-ubyte"] = idx_labels(np.arange(count) % 4)
    return contents
