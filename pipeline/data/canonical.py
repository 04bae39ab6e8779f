"""Read the canonical dataset: Parquet splits that never share an image; see `pipeline.data.description`."""

import hashlib
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.base.cpu import machine_memory
from pipeline.base.errors import UserError
from pipeline.data.description import DESCRIPTION, DatasetDescription, Split, describe
from pipeline.images.image_parquet import image_blocks
from pipeline.images.shape import ImageShape
from pipeline.store.files import file_sha256, size_text

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_IN_MEMORY = 0.2  # of the machine's memory: a stage may hold two splits, and what it makes of them


def pixel_digests(images: NDArray[np.uint8]) -> list[str]:
    """Return the SHA-256 of each image's raw pixels: `uint8 [N, H, W, C]` -> N hexadecimal digests."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def require_shape(folder: Path, shape: ImageShape, classes: int, *, wanted_by: str) -> None:
    """Refuse a dataset whose image shape or number of classes differs from what `wanted_by` is made for."""
    description = describe(folder)
    found = (description.image.shape, len(description.classes))
    if found != (shape, classes):
        raise UserError(
            f"{folder}: {_in_words(*found)}, but {wanted_by} is for {_in_words(shape, classes)}. "
            "Point --data and --model at outputs that belong together, or run the stages again."
        )


def _in_words(shape: ImageShape, classes: int) -> str:
    return f"{shape.size_text}, {shape.channels} channel(s), {classes} classes"


def split_files(folder: Path, name: Split) -> tuple[list[Path], DatasetDescription]:
    """Return the files of one split and the dataset's description.

    The digest of each file that exists is checked first.
    """
    description = describe(folder)
    paths = []
    for part in description.splits[name].files:
        path = folder / part.file
        if path.is_file() and file_sha256(path) != part.sha256:
            raise UserError(f"{path} does not match {folder / DESCRIPTION}. Run the stage ingest again.")
        paths.append(path)
    return paths, description


def load_split(folder: Path, name: Split) -> "tuple[Tensor, Tensor]":
    """Return one split as `(images uint8 [N, C, H, W], labels int64 [N])`, after checking the digests of its files.

    Images that would fill much of the memory go to a temporary file without a name. The system then holds only its
    used pages in memory.
    """
    import torch  # seconds, which ingest need not spend

    paths, description = split_files(folder, name)
    shape, rows = description.image.shape, description.splits[name].rows
    images = _array((rows, *shape), folder)
    labels = np.empty(rows, np.int64)
    start = 0
    for path in paths:
        for block, block_labels in image_blocks(path, shape.channels):
            end = start + len(block)
            if end > rows or block.shape[1:3] != images.shape[2:]:
                raise UserError(f"{path} does not match {folder / DESCRIPTION}. Run the stage ingest again.")
            images[start:end], labels[start:end] = block.transpose(0, 3, 1, 2), block_labels
            start = end
    if start != rows:
        raise UserError(f"{folder}: {start} images in {name}, {DESCRIPTION} says {rows}. Run the stage ingest again.")
    return torch.from_numpy(images), torch.from_numpy(labels)


def _array(shape: tuple[int, ...], folder: Path) -> NDArray[np.uint8]:
    """Return an array to be filled, in memory or in a temporary file on the disk that `folder` is on."""
    if math.prod(shape) < LARGEST_IN_MEMORY * machine_memory():
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(dir=folder if os.access(folder, os.W_OK) else None) as file:
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))  # a disk that is too full is found out now
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise UserError(
            f"{folder}: {size_text(math.prod(shape))} of pixels do not fit into memory, nor into a file there: {error.strerror}. Free space, "
            "or use a smaller data.size."
        ) from None
