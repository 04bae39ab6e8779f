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
from pipeline.data.images import encode_png
from pipeline.data.pictures import image_grid
from pipeline.errors import UserError
from pipeline.sampling.encodings import Encoding, encoding_named
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
    shards = _describe(dataset)
    if shards.classes:
        images = _first_of_each_class(shards, columns)
        about = f"{columns} images a class, one class a row"
    else:
        images = list(islice(_images(shards), UNLABELLED_ROWS * columns))
        about = f"the first {len(images)} images"
    return Sheet(encode_png(image_grid(images, columns)), about)


@dataclass(frozen=True)
class _Shards:
    classes: list[str]
    occurring: list[int]  # labels; a dataset may have been asked for some classes only
    channels: int
    files: list[Path]
    encoding: Encoding

    def decode(self, content: bytes, file: Path) -> Image:
        try:
            return self.encoding.decode(content, self.channels)
        except ValueError as error:
            raise UserError(_damaged(file, error)) from None


def _first_of_each_class(shards: _Shards, per_class: int) -> list[Image]:
    classes = shards.classes
    rows: dict[int, list[Image]] = {label: [] for label in shards.occurring}
    for file in shards.files:
        for label, content in _labelled_contents(file, shards.encoding):
            if len(rows[label]) < per_class:
                rows[label].append(shards.decode(content, file))
        if all(len(row) == per_class for row in rows.values()):
            break
    if any(len(row) != per_class for row in rows.values()):
        fewest = min(rows, key=lambda label: len(rows[label]))
        raise UserError(
            f"-n: {per_class} images a class, but {classes[fewest]!r} has {len(rows[fewest])}; use at most that many."
        )
    return [image for row in rows.values() for image in row]


def _images(shards: _Shards) -> Iterator[Image]:
    for file in shards.files:
        for content in _contents(file, shards.encoding):
            yield shards.decode(content, file)


def _describe(dataset: Path) -> _Shards:
    if (dataset / MANIFEST).is_file():
        manifest = read_manifest(dataset)
        files = [dataset / shard["file"] for shard in manifest["shards"]]
        image = manifest["image"]
        classes = manifest["classes"]
        counts = [shard["labels"] for shard in manifest["shards"]]
        occurring = [label for label, name in enumerate(classes) if any(count.get(name) != 0 for count in counts)]
        return _Shards(classes, occurring, image["channels"], files, encoding_named(image["encoding"]))
    if (dataset / DESCRIPTION).is_file():
        described = describe(dataset)
        files = [dataset / described["splits"]["train"]["file"]]
        classes = described["classes"]
        return _Shards(classes, [*range(len(classes))], described["image"]["channels"], files, encoding_named("png"))
    raise UserError(
        f"{dataset} holds neither manifest.json (synthetic) nor dataset.json (real): not a finished dataset."
    )


def _damaged(file: Path, error: Exception) -> str:
    return f"{file} cannot be read: {error}. `imagemint verify {file.parent.parent}` says more."


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Whatever a reader says of a damaged file, the user is told which it is."""
    try:
        yield
    except (OSError, pa.ArrowException, tarfile.TarError, KeyError) as error:
        raise UserError(_damaged(file, error)) from None


def _labelled_contents(file: Path, encoding: Encoding) -> list[tuple[int, bytes]]:
    with _naming(file):
        if file.suffix == ".parquet":
            table = pq.read_table(file, columns=["image", "label"])
            return list(zip(table["label"].to_pylist(), _encoded(table), strict=True))
        return [(int(sample["cls"]), sample[encoding.ending[1:]]) for sample in _samples(file)]


def _contents(file: Path, encoding: Encoding) -> list[bytes]:
    with _naming(file):
        if file.suffix == ".parquet":
            return _encoded(pq.read_table(file, columns=["image"]))
        return [sample[encoding.ending[1:]] for sample in _samples(file)]


def _encoded(table: pa.Table) -> list[bytes]:
    contents: list[bytes] = table["image"].combine_chunks().field("bytes").to_pylist()
    return contents


def _samples(file: Path) -> Iterable[dict[str, Any]]:
    from webdataset import WebDataset

    samples: Iterable[dict[str, Any]] = WebDataset(str(file), shardshuffle=False)
    return samples
