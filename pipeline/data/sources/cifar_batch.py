"""Read one file of CIFAR: a batch of images with their labels, or the names of classes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.data.sources.pickled import LARGEST_PICKLE, PickleRefusedError, load_pickle
from pipeline.data.sources.tar_members import open_tar
from pipeline.store.folder import Folder

SIDE = 32
_PIXELS = 3 * SIDE * SIDE  # bytes of an image: all of red, all of green, all of blue, each row by row
LARGEST_TEXT = 1 << 20  # bytes of a list of names

Column = Literal["label", "fine", "coarse"]  # CIFAR-100 has the last two
_KEYS: dict[Column, str] = {"label": "labels", "fine": "fine_labels", "coarse": "coarse_labels"}
# The bytes before each image of the binary version.
_LOCATIONS: dict[Column, tuple[int, int]] = {
    "label": (0, 1),
    "coarse": (0, 2),
    "fine": (1, 2),
}  # which one, of how many


@dataclass(frozen=True)
class BatchFile:
    """Represent a file in a folder, or in a tar in a folder. It can be sent to other processes."""

    folder: Folder
    file: str  # that is opened
    name: str  # within the source
    size: int  # bytes
    offset: int | None  # in the unpacked tar; None: `file` itself
    where: str  # for people

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the file at its first byte. In a tar other files follow, so read at most `size` bytes."""
        with self.folder.open(self.file) if self.offset is None else open_tar(self.folder, self.file) as file:
            file.seek(self.offset or 0)
            yield file

    @property
    def pickled(self) -> bool:
        """Return whether the file is of the Python version of CIFAR."""
        return not self.name.endswith((".bin", ".txt"))

    def refusal(self, why: object) -> UserError:
        """Return the error for a file that is not what its name says."""
        return UserError(
            f"{self.where}: {why}. Get it again from where CIFAR is published, or point data.source.path at another copy."
        )


def count_images(batches: Sequence[BatchFile], column: Column) -> dict[str, int]:
    """Return how many images are in each batch, by its name; a pickle is checked whole.

    A tar is read once and in its order, since in a packed tar going back means beginning again.
    """
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        for batch in sorted(batches, key=lambda batch: batch.offset or 0):
            if batch.offset is None or not counts:
                file = stack.enter_context(batch.open())
            file.seek(batch.offset or 0)
            counts[batch.name] = _count(batch, column, file)
            if batch.offset is None:
                stack.close()
    return counts


def _count(batch: BatchFile, column: Column, file: BinaryIO) -> int:
    if batch.pickled:
        return len(_unpickled(batch, column, file)[1])
    record = _record(column)
    if batch.size == 0 or batch.size % record:
        raise batch.refusal(f"truncated: {batch.size} bytes are not a whole number of images of {record}")
    return batch.size // record


def read_batch(batch: BatchFile, column: Column, first: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return `count` images from number `first` on, `uint8 [N, 32, 32, 3]`, and their labels, `int64 [N]`."""
    if batch.pickled:
        with batch.open() as file:
            pixels, labels = _unpickled(batch, column, file)
        pixels, labels = pixels[first : first + count], labels[first : first + count]
    else:
        record, (location, _) = _record(column), _LOCATIONS[column]
        with batch.open() as file:
            file.seek(first * record, 1)
            rows = np.frombuffer(file.read(count * record), np.uint8).reshape(-1, record)
        if len(rows) != count:
            raise batch.refusal("changed while it was read")
        pixels, labels = rows[:, -_PIXELS:], rows[:, location].astype(np.int64)
    return np.ascontiguousarray(pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)), labels


def read_names(names: BatchFile, column: Column) -> list[str]:
    """Return the class names of a column of labels, in the order of the numbers."""
    if names.size > LARGEST_TEXT:
        raise names.refusal(f"{names.size} bytes are too many for a list of names")
    with names.open() as file:
        if not names.pickled:
            lines = file.read(names.size).decode(errors="backslashreplace").split("\n")
            return [line.strip() for line in lines if line.strip()]
        found = _loaded(names, file).get("label_names" if column == "label" else f"{column}_label_names")
    if not isinstance(found, list) or not all(isinstance(name, (str, bytes)) for name in found):
        raise names.refusal(f"its pickle has no list of names for the labels ({column})")
    return [name.decode(errors="backslashreplace") if isinstance(name, bytes) else name for name in found]


def _record(column: Column) -> int:
    return _LOCATIONS[column][1] + _PIXELS


def _unpickled(batch: BatchFile, column: Column, file: BinaryIO) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the pixels as they are stored, `uint8 [N, 3072]`, and the labels, `int64 [N]`."""
    content = _loaded(batch, file)
    pixels, labels = content.get("data"), content.get(_KEYS[column])
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        raise batch.refusal(f"its pickle has no array `data` of {_PIXELS} bytes for each image")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 256 for label in labels):
        raise batch.refusal(f"its pickle has no list `{_KEYS[column]}` of numbers")
    if len(labels) != len(pixels) or not labels:
        raise batch.refusal(f"its pickle has {len(pixels)} images but {len(labels)} labels")
    return pixels, np.array(labels, np.int64)


def _loaded(batch: BatchFile, file: BinaryIO) -> dict[str, object]:
    if batch.size > LARGEST_PICKLE:
        raise batch.refusal(f"{batch.size} bytes are too many for a file of CIFAR")
    try:
        return load_pickle(file, batch.size)
    except PickleRefusedError as error:
        raise batch.refusal(f"its pickle is refused: {error}") from None
