"""Build a contact sheet of a dataset, real or synthetic: one row a class, or without classes its first images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.data.description import DESCRIPTION, DatasetDescription, describe
from pipeline.images.grid import image_grid
from pipeline.images.image_parquet import read_parquet
from pipeline.images.png import decode_png, encode_png
from pipeline.report.records import occurring_classes
from pipeline.sampling.manifest import MANIFEST, Manifest, open_dataset
from pipeline.sampling.shards.readers import DamagedShardError, ShardReader
from pipeline.store.files import is_there, readable
from pipeline.store.folder import Folder
from pipeline.store.places import folder_at

UNLABELLED_ROWS = 10

Image = NDArray[np.uint8]  # [H, W, C]


@dataclass(frozen=True)
class Sheet:
    """Hold a contact sheet and its caption."""

    png: bytes
    caption: str


def contact_sheet(dataset: Path | str, columns: int) -> Sheet:
    """Return a sheet of the first `columns` images of each class of a dataset, one class a row.

    `dataset` is a folder or a URL with Parquet or tar shards. Without classes there are as many rows of that length as
    there are images for, up to ten.
    """
    stored = _stored_images(dataset)
    if stored.classes:
        images = _first_of_each_class(stored, columns)
        caption = f"{columns} images per class, one class per row"
    else:
        images = list(islice(_decoded(stored), UNLABELLED_ROWS * columns))
        caption = f"the first {len(images)} images"
    return Sheet(encode_png(image_grid(images, columns)), caption)


@dataclass(frozen=True)
class _StoredImages:
    """Hold what is in a dataset, file by file: labels (`None` where there are none) and encoded images."""

    classes: list[str]
    occurring: list[int]  # labels; a dataset may have been asked for some classes only
    files: list[str]
    read: Callable[[str], tuple[list[int] | None, list[bytes]]]
    decode: Callable[[str, bytes], Image]


def _first_of_each_class(stored: _StoredImages, per_class: int) -> list[Image]:
    rows: dict[int, list[Image]] = {label: [] for label in stored.occurring}
    for file in stored.files:
        labels, contents = stored.read(file)
        for label, content in zip(labels or (), contents, strict=True):
            if label not in rows:
                raise UserError(f"{file} holds a record with the label {label}, but the dataset should hold none.")
            if len(rows[label]) < per_class:
                rows[label].append(stored.decode(file, content))
        if all(len(row) == per_class for row in rows.values()):
            break
    fewest = min(rows, key=lambda label: len(rows[label]))
    if len(rows[fewest]) < per_class:
        raise UserError(
            f"-n: {per_class} images per class, but {stored.classes[fewest]!r} has {len(rows[fewest])}; use at most "
            "that many."
        )
    return [image for row in rows.values() for image in row]


def _decoded(stored: _StoredImages) -> Iterator[Image]:
    for file in stored.files:
        for content in stored.read(file)[1]:
            yield stored.decode(file, content)


def _stored_images(dataset: Path | str) -> _StoredImages:
    with readable(str(dataset)):
        synthetic = folder_at(str(dataset)).entry(MANIFEST) is not None
    if synthetic:
        return _synthetic(*open_dataset(dataset))
    if is_there(Path(dataset) / DESCRIPTION):
        return _real(Path(dataset), describe(Path(dataset)))
    raise UserError(
        f"{dataset} holds neither manifest.json (synthetic) nor dataset.json (real), so it is not a finished dataset."
    )


def _synthetic(files: Folder, manifest: Manifest) -> _StoredImages:
    reader, classes = ShardReader(files, manifest), manifest.classes
    occurring = [classes.index(name) for name in occurring_classes(manifest)]

    def read(file: str) -> tuple[list[int] | None, list[bytes]]:
        with _naming(f"{files}/{file}"):
            stored = reader.read(file)
        return None if stored.labels is None else stored.labels.tolist(), stored.contents

    def decode(file: str, content: bytes) -> Image:
        with _naming(f"{files}/{file}"):
            images = reader.decode([content])
        return np.asarray(images[0])

    return _StoredImages(classes, occurring, [shard.file for shard in manifest.shards], read, decode)


def _real(dataset: Path, described: DatasetDescription) -> _StoredImages:
    classes, channels = described.classes, described.image.channels

    def read(file: str) -> tuple[list[int] | None, list[bytes]]:
        with _naming(dataset / file):
            table = read_parquet(dataset / file, ["image", "label"])
            return table["label"].to_pylist(), table["image"].combine_chunks().field("bytes").to_pylist()

    def decode(file: str, content: bytes) -> Image:
        with _naming(dataset / file):
            return decode_png(content, channels)

    return _StoredImages(
        classes, [*range(len(classes))], [part.file for part in described.splits["train"].files], read, decode
    )


@contextmanager
def _naming(file: Path | str) -> Iterator[None]:
    """Name the damaged file to the user, whatever a reader says of it."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException, KeyError, DamagedShardError) as error:
        raise UserError(
            f"{file} cannot be read: {error}. Fetch it again, or run the stage again that writes it."
        ) from None
