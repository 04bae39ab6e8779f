"""A picture of a dataset, real or synthetic: one row a class, or where there are none its first images."""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.data.canonical import DESCRIPTION, describe
from pipeline.data.images import decode_png, encode_png
from pipeline.data.pictures import image_grid
from pipeline.errors import UserError
from pipeline.sampling.manifest import MANIFEST, read_manifest

UNLABELLED_ROWS = 10

Image = NDArray[np.uint8]  # [H, W, C]


@dataclass(frozen=True)
class Sheet:
    """A picture and what is on it, in words."""

    png: bytes
    about: str


def contact_sheet(dataset: Path, columns: int) -> Sheet:
    """The first `columns` images of each class of the Parquet or tar shards in `dataset`, one class a row.

    Without classes: as many rows of that length as there are images for, up to ten.
    """
    classes, channels, files = _describe(dataset)
    if classes:
        images = _first_of_each_class(files, classes, channels, columns)
        about = f"{columns} images a class, one class a row"
    else:
        images = list(islice(_images(files, channels), UNLABELLED_ROWS * columns))
        about = f"the first {len(images)} images"
    return Sheet(encode_png(image_grid(images, columns)), about)


def _first_of_each_class(files: Iterable[Path], classes: list[str], channels: int, per_class: int) -> list[Image]:
    rows: dict[int, list[Image]] = {label: [] for label in range(len(classes))}
    for file in files:
        for label, content in _labelled_contents(file):
            if len(rows[label]) < per_class:
                rows[label].append(_decode(content, channels, file))
        if all(len(row) == per_class for row in rows.values()):
            break
    if any(len(row) != per_class for row in rows.values()):
        fewest = min(rows, key=lambda label: len(rows[label]))
        raise UserError(
            f"-n: {per_class} images a class, but {classes[fewest]!r} has {len(rows[fewest])}; use at most that many."
        )
    return [image for row in rows.values() for image in row]


def _images(files: Iterable[Path], channels: int) -> Iterator[Image]:
    for file in files:
        for content in _contents(file):
            yield _decode(content, channels, file)


def _describe(dataset: Path) -> tuple[list[str], int, list[Path]]:
    if (dataset / MANIFEST).is_file():
        manifest = read_manifest(dataset)
        files = [dataset / shard["file"] for shard in manifest["shards"]]
        return manifest["classes"], manifest["image"]["channels"], files
    if (dataset / DESCRIPTION).is_file():
        described = describe(dataset)
        return described["classes"], described["image"]["channels"], [dataset / described["splits"]["train"]["file"]]
    raise UserError(
        f"{dataset} holds neither manifest.json (synthetic) nor dataset.json (real): not a finished dataset."
    )


def _decode(content: bytes, channels: int, file: Path) -> Image:
    try:
        return decode_png(content, channels)
    except ValueError as error:
        raise UserError(_damaged(file, error)) from None


def _damaged(file: Path, error: Exception) -> str:
    return f"{file} cannot be read: {error}. `imagemint verify {file.parent.parent}` says more."


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Whatever a reader says of a damaged file, the user is told which it is."""
    try:
        yield
    except (OSError, pa.ArrowException, tarfile.TarError, KeyError) as error:
        raise UserError(_damaged(file, error)) from None


def _labelled_contents(file: Path) -> list[tuple[int, bytes]]:
    with _naming(file):
        if file.suffix == ".parquet":
            table = pq.read_table(file, columns=["image", "label"])
            return list(zip(table["label"].to_pylist(), _encoded(table), strict=True))
        return [(int(sample["cls"]), sample["png"]) for sample in _samples(file)]


def _contents(file: Path) -> list[bytes]:
    with _naming(file):
        if file.suffix == ".parquet":
            return _encoded(pq.read_table(file, columns=["image"]))
        return [sample["png"] for sample in _samples(file)]


def _encoded(table: pa.Table) -> list[bytes]:
    contents: list[bytes] = table["image"].combine_chunks().field("bytes").to_pylist()
    return contents


def _samples(file: Path) -> Iterable[dict[str, Any]]:
    from webdataset import WebDataset

    samples: Iterable[dict[str, Any]] = WebDataset(str(file), shardshuffle=False)
    return samples
