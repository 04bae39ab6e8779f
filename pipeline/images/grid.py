"""Arrange images in grids, as pictures for people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.images.png import encode_png
from pipeline.store.files import write_atomically

SMALLEST_SHOWN = 56  # px; smaller images are enlarged by whole factors, pixels staying pixels


def image_grid(images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Return `uint8 [N, H, W, C]` as one picture, `columns` images a row with a dark line between them.

    The last row may be short.
    """
    factor = max(1, -(-SMALLEST_SHOWN // images[0].shape[0]))
    tiles = [np.pad(np.kron(image, np.ones((factor, factor, 1), np.uint8)), ((1, 1), (1, 1), (0, 0)), constant_values=24)
             for image in images]  # fmt: skip
    tiles += [np.full_like(tiles[0], 24)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])


def write_grid(path: Path, images: NDArray[np.uint8], columns: int) -> None:
    """Write `image_grid` as a PNG file, whole or not at all."""
    write_atomically(path, encode_png(image_grid(images, columns)))
